//! Whether what recovery shows can be explained by the past.

use super::past::{FilePast, NamePast, Object, ObjectId, Past, ROOT, What};
use crate::fs::{Content, Node, Path, View};
use crate::vsfs::recover::LOST_AND_FOUND;
use crashcheck::Violation;
use crashcheck::outcome::counted;
use std::collections::{BTreeMap, BTreeSet};

/// Something that recovery shows, whatever its names are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    File(u32),
    Other(Path),
}

/// What recovery shows, by directory.
pub(super) struct Shown<'v> {
    children: BTreeMap<Path, Vec<(&'v str, &'v Path, &'v Node)>>,
    links: BTreeMap<u32, (u32, &'v Path, u32)>,
}

/// Which objects may be where.
#[derive(Clone, Debug, Default)]
struct Found {
    /// Under a name that nothing touched: certainly there.
    fixed: BTreeMap<ObjectId, Place>,
    /// Under a name that was touched, or in lost+found: perhaps there.
    perhaps: BTreeSet<(ObjectId, Place)>,
}

fn durable(detail: String) -> Violation {
    Violation::new("durable", detail)
}

fn foreign(detail: String) -> Violation {
    Violation::new("no-foreign-data", detail)
}

impl<'v> Shown<'v> {
    pub(super) fn new(view: &'v View) -> Shown<'v> {
        let mut shown = Shown { children: BTreeMap::new(), links: BTreeMap::new() };
        for (path, node) in view.iter() {
            if let Some(name) =
                path.as_str().rsplit_once('/').map(|(_, name)| name).filter(|name| !name.is_empty())
            {
                let dir = path.split().map_or(Path::root(), |(dir, _)| dir);
                shown.children.entry(dir).or_default().push((name, path, node));
            }
            if let Node::File { group, nlink, .. } = node {
                shown.links.entry(*group).or_insert((0, path, *nlink)).0 += 1;
            }
        }
        shown
    }

    pub(super) fn explain(&self, past: &Past) -> Result<(), Violation> {
        let mut found = Found::default();
        self.directory(past, &Path::root(), Some(ROOT), &mut found)?;
        self.link_counts()?;
        survivors(past, &found)
    }

    fn link_counts(&self) -> Result<(), Violation> {
        match self.links.values().find(|(names, _, nlink)| names != nlink) {
            None => Ok(()),
            Some((names, path, nlink)) => {
                let detail = format!("{path} has a link count of {nlink}, but {names} names");
                Err(Violation::new("well-formed", detail))
            }
        }
    }

    fn node(&self, dir: &Path, name: &str) -> Option<(&'v Path, &'v Node)> {
        let child = self.children.get(dir)?.iter().find(|(child, ..)| *child == name)?;
        Some((child.1, child.2))
    }

    /// Explains what a directory shows, if it is this object; `None` is a lost+found that recovery has made.
    fn directory(
        &self,
        past: &Past,
        path: &Path,
        object: Option<ObjectId>,
        found: &mut Found,
    ) -> Result<(), Violation> {
        let empty = BTreeMap::new();
        let names = object.and_then(|object| past.names.get(&object)).unwrap_or(&empty);
        for (name, past_name) in names.iter().filter(|(_, name)| name.kept) {
            let Some((path, node)) = self.node(path, name) else {
                return Err(durable(format!(
                    "{} is missing, though nothing has touched it",
                    path.join(name)
                )));
            };
            for object in &past_name.led_to {
                self.object(past, path, node, *object, found)?;
                self.fix(past, path, node, *object, found)?;
            }
        }
        for (name, path, node) in self.children.get(path).into_iter().flatten() {
            match names.get(*name) {
                Some(name) if name.kept => {}
                name => self.touched_name(past, (path, node), name, object, found)?,
            }
        }
        Ok(())
    }

    fn fix(
        &self,
        past: &Past,
        path: &Path,
        node: &Node,
        object: ObjectId,
        found: &mut Found,
    ) -> Result<(), Violation> {
        let place = place(path, node);
        match found.fixed.get(&object) {
            Some(other) if *other != place => {
                let first = &past.objects[object.0].path;
                return Err(durable(format!("{path} and {first} are no longer the same file")));
            }
            _ => {}
        }
        if let Some((other, _)) = found.fixed.iter().find(|(other, at)| **other != object && **at == place) {
            let first = &past.objects[other.0].path;
            return Err(foreign(format!("{path} and {first} have become the same file")));
        }
        found.fixed.insert(object, place);
        Ok(())
    }

    /// Explains a name that an operation has touched, or that only lost+found has.
    fn touched_name(
        &self,
        past: &Past,
        (path, node): (&'v Path, &'v Node),
        name: Option<&NamePast>,
        dir: Option<ObjectId>,
        found: &mut Found,
    ) -> Result<(), Violation> {
        let is_root = dir == Some(ROOT);
        if name.is_none() && is_root && *path == Path::root().join(LOST_AND_FOUND) && *node == Node::Dir {
            return self.directory(past, path, None, found);
        }
        let in_lost_and_found = dir.is_none() || dir == past.lost_and_found;
        let candidates: Vec<ObjectId> = match name {
            Some(name) => name.led_to.clone(),
            None if in_lost_and_found => past.moved().collect(),
            None => return Err(foreign(format!("{path} exists, but no operation made that name"))),
        };
        let mut failure = None;
        let mut explained = false;
        for object in &candidates {
            let mut alternative = found.clone();
            match self.object(past, path, node, *object, &mut alternative) {
                Ok(()) => {
                    explained = true;
                    *found = alternative;
                    found.perhaps.insert((*object, place(path, node)));
                }
                Err(violation) => failure = failure.or(Some(violation)),
            }
        }
        match failure {
            _ if explained => Ok(()),
            Some(violation) if candidates.len() == 1 => Err(violation),
            _ => Err(foreign(format!("{path} shows nothing that ever had this name ({node:?})"))),
        }
    }

    /// Explains what a path shows, if it is this object.
    fn object(
        &self,
        past: &Past,
        path: &Path,
        node: &Node,
        id: ObjectId,
        found: &mut Found,
    ) -> Result<(), Violation> {
        let Object { what, .. } = &past.objects[id.0];
        match (what, node) {
            (What::Dir, Node::Dir) => self.directory(past, path, Some(id), found),
            (What::Symlink(expected), Node::Symlink(target)) if expected == target => Ok(()),
            (What::File(file), Node::File { content, .. }) => file.explains(path, content),
            _ => Err(foreign(format!("{path} has become something else ({node:?})"))),
        }
    }
}

impl FilePast {
    fn explains(&self, path: &Path, shown: &Content) -> Result<(), Violation> {
        let len = shown.len().index();
        if !self.sizes.contains(&len) {
            let sizes = self.sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
            return Err(durable(format!(
                "{path} has {}, but should have {sizes}",
                counted(len as u64, "byte")
            )));
        }
        if *shown == self.content {
            return Ok(());
        }
        let (shown, kept) = (shown.as_slice(), self.content.as_slice());
        let is_touched = |at: &usize| self.touched.iter().any(|range| range.contains(at));
        let wrong: Vec<usize> = (0..shown.len().min(kept.len()))
            .filter(|at| shown[*at] != kept[*at])
            .filter(|at| !is_touched(at))
            .collect();
        let Some(first) = wrong.first() else { return Ok(()) };
        let count = counted(wrong.len() as u64, "byte");
        if wrong.iter().all(|at| shown[*at] == 0) {
            return Err(durable(format!("{path} has lost {count} from byte {first}: they read as zeros")));
        }
        Err(foreign(format!("{path} shows {count} from byte {first} that were never written there")))
    }
}

impl Past {
    /// Everything that may have lost its name.
    fn moved(&self) -> impl Iterator<Item = ObjectId> {
        (0..self.objects.len()).map(ObjectId).filter(|object| self.objects[object.0].moved)
    }
}

fn place(path: &Path, node: &Node) -> Place {
    match node {
        Node::File { group, .. } => Place::File(*group),
        _ => Place::Other(path.clone()),
    }
}

/// Everything that must have survived is somewhere, and no two of them in the same place.
fn survivors(past: &Past, found: &Found) -> Result<(), Violation> {
    let mut places: BTreeMap<ObjectId, Vec<&Place>> =
        found.fixed.iter().map(|(object, place)| (*object, vec![place])).collect();
    for (object, place) in found.perhaps.iter().filter(|(object, _)| !found.fixed.contains_key(object)) {
        places.entry(*object).or_default().push(place);
    }
    let mut taken = BTreeMap::new();
    let objects = past.objects.iter().enumerate().skip(1);
    for (id, object) in objects.filter(|(_, object)| object.survives) {
        if !seat(ObjectId(id), &places, &mut taken, &mut BTreeSet::new()) {
            let path = &object.path;
            return Err(durable(format!(
                "what was {path} is found under none of its names, nor in {LOST_AND_FOUND}"
            )));
        }
    }
    Ok(())
}

/// Finds a place for an object; one that sits there moves if it can (bipartite matching by augmenting paths).
fn seat<'p>(
    object: ObjectId,
    places: &BTreeMap<ObjectId, Vec<&'p Place>>,
    taken: &mut BTreeMap<&'p Place, ObjectId>,
    tried: &mut BTreeSet<&'p Place>,
) -> bool {
    for place in places.get(&object).into_iter().flatten() {
        if !tried.insert(place) {
            continue;
        }
        let free = match taken.get(place).copied() {
            None => true,
            Some(other) => seat(other, places, taken, tried),
        };
        if free {
            taken.insert(place, object);
            return true;
        }
    }
    false
}
