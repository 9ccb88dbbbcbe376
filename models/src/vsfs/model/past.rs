//! What the operations since the last durable acknowledgement have touched.

use crate::fs::{Content, FsOp, Node, Path, View, posix};
use crate::vsfs::format::BLOCK_SIZE;
use crate::vsfs::recover::LOST_AND_FOUND;
use crashcheck::{Bytes, Window};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// A file, directory or symbolic link, whatever its names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ObjectId(pub(super) usize);

/// The root directory.
pub(super) const ROOT: ObjectId = ObjectId(0);

/// What something is, as far as it cannot change.
#[derive(Clone)]
pub(super) enum What {
    Dir,
    Symlink(Path),
    File(FilePast),
}

/// What a file may hold.
#[derive(Clone)]
pub(super) struct FilePast {
    /// Its durable content; empty if it is new.
    pub(super) content: Content,
    /// Every length it has had.
    pub(super) sizes: BTreeSet<usize>,
    /// The bytes that may be anything.
    pub(super) touched: Vec<Range<usize>>,
}

/// Something that existed at some time since the last durable acknowledgement.
#[derive(Clone)]
pub(super) struct Object {
    /// A path it had, for reports.
    pub(super) path: Path,
    pub(super) what: What,
    /// Whether it must be found: it was durable, and never lost its last name.
    pub(super) survives: bool,
    /// Whether some operation changed one of its names: only then can it be in lost+found.
    pub(super) moved: bool,
}

/// Where a name of a directory has led.
#[derive(Clone, Debug, Default)]
pub(super) struct NamePast {
    /// To these.
    pub(super) led_to: Vec<ObjectId>,
    /// Whether no operation has touched it.
    pub(super) kept: bool,
}

/// Everything since the last durable acknowledgement.
pub(super) struct Past {
    pub(super) objects: Vec<Object>,
    pub(super) names: BTreeMap<ObjectId, BTreeMap<String, NamePast>>,
    by_path: BTreeMap<Path, ObjectId>,
    /// The directory for what has lost its name, if it was there.
    pub(super) lost_and_found: Option<ObjectId>,
}

impl Past {
    pub(super) fn new(ops: &[FsOp], states: &[View], window: Window) -> Past {
        let mut past = Past::durable(&states[window.durable]);
        for index in window.durable..window.begun {
            let (before, after) = (&states[index], &states[index + 1]);
            if before != after || changes_nothing(&ops[index], before) {
                past.follow(&ops[index], before, after);
            }
        }
        past
    }

    fn durable(view: &View) -> Past {
        let mut past = Past {
            objects: Vec::new(),
            names: BTreeMap::new(),
            by_path: BTreeMap::new(),
            lost_and_found: None,
        };
        let mut groups = BTreeMap::new();
        for (path, node) in view.iter() {
            let known = match node {
                Node::File { group, .. } => groups.get(group).copied(),
                _ => None,
            };
            let object = known.unwrap_or_else(|| past.add(path, node, true));
            if let Node::File { group, .. } = node {
                groups.insert(*group, object);
            }
            past.by_path.insert(path.clone(), object);
            if let Some((dir, name)) = path.split() {
                let names = past.names.entry(past.by_path[&dir]).or_default();
                names.insert(name.to_owned(), NamePast { led_to: vec![object], kept: true });
            }
        }
        past.lost_and_found = past.by_path.get(&Path::root().join(LOST_AND_FOUND)).copied();
        past
    }

    fn add(&mut self, path: &Path, node: &Node, durable: bool) -> ObjectId {
        let what = match node {
            Node::Dir => What::Dir,
            Node::Symlink(target) => What::Symlink(target.clone()),
            Node::File { content, .. } => What::File(FilePast {
                content: content.clone(),
                sizes: BTreeSet::from([content.len().index()]),
                touched: Vec::new(),
            }),
        };
        self.objects.push(Object { path: path.clone(), what, survives: durable, moved: !durable });
        ObjectId(self.objects.len() - 1)
    }

    fn follow(&mut self, op: &FsOp, before: &View, after: &View) {
        match op {
            FsOp::Create(path) | FsOp::Mkdir(path) | FsOp::Symlink { at: path, .. } => {
                let Some(path) = entry(before, path) else { return };
                let Some(node) = after.get(&path) else { return };
                let object = self.add(&path, node, false);
                self.name(&path, object);
            }
            FsOp::Rmdir(path) | FsOp::Unlink(path) => {
                let Some(path) = entry(before, path) else { return };
                self.unname(&path);
            }
            FsOp::Link { from, to } => {
                let (Some(from), Some(to)) = (entry(before, from), entry(before, to)) else { return };
                let Some(object) = self.by_path.get(&from).copied() else { return };
                self.objects[object.0].moved = true;
                self.name(&to, object);
            }
            FsOp::Rename { from, to } => {
                let (Some(from), Some(to)) = (entry(before, from), entry(before, to)) else { return };
                self.rename(&from, &to);
            }
            FsOp::Write { path, at, len, .. } => self.write(path, before, after, Some(*at), *len),
            FsOp::Append { path, len, .. } => self.write(path, before, after, None, *len),
            FsOp::Truncate { path, .. } => self.truncate(path, before, after),
            FsOp::Fsync(_) | FsOp::Sync => {}
        }
    }

    fn touch_name(&mut self, path: &Path) -> Option<&mut NamePast> {
        let (dir, name) = path.split()?;
        let dir = *self.by_path.get(&dir)?;
        let past = self.names.entry(dir).or_default().entry(name.to_owned()).or_default();
        past.kept = false;
        Some(past)
    }

    fn name(&mut self, path: &Path, object: ObjectId) {
        if let Some(name) = self.touch_name(path) {
            name.led_to.push(object);
        }
        self.by_path.insert(path.clone(), object);
    }

    fn unname(&mut self, path: &Path) {
        self.touch_name(path);
        let Some(object) = self.by_path.remove(path) else { return };
        self.objects[object.0].moved = true;
        if !self.by_path.values().any(|other| *other == object) {
            self.objects[object.0].survives = false;
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        let (Some(object), replaced) = (self.by_path.get(from).copied(), self.by_path.get(to).copied())
        else {
            return;
        };
        if replaced == Some(object) {
            return;
        }
        if replaced.is_some() {
            self.unname(to);
        }
        self.touch_name(from);
        self.objects[object.0].moved = true;
        let moving: Vec<Path> =
            self.by_path.keys().filter(|path| *path == from || path.is_below(from)).cloned().collect();
        for path in moving {
            let Some(object) = self.by_path.remove(&path) else { continue };
            if path == *from {
                self.name(to, object);
            } else {
                self.by_path.insert(path.moved(from, to), object);
            }
        }
    }

    /// The file that a path leads to, with its content before and after.
    fn file(&mut self, path: &Path, before: &View, after: &View) -> Option<(&mut FilePast, Content, usize)> {
        let path = posix::resolve(before, path).ok()?;
        let Some(Node::File { content, .. }) = before.get(&path) else { return None };
        let Some(Node::File { content: new, .. }) = after.get(&path) else { return None };
        let object = self.by_path.get(&path)?;
        match &mut self.objects[object.0].what {
            What::File(past) => Some((past, content.clone(), new.len().index())),
            _ => None,
        }
    }

    fn write(&mut self, path: &Path, before: &View, after: &View, at: Option<Bytes>, len: Bytes) {
        let Some((past, old, size)) = self.file(path, before, after) else { return };
        let (at, len) = (at.unwrap_or(old.len()).index(), len.index());
        if len == 0 {
            return;
        }
        past.sizes.insert(size);
        if at > old.len().index() {
            past.touched.push(old.len().index()..at);
        }
        // A block that held zeros may have been a hole: then it is new, and may show what it held before.
        for start in (at / BLOCK_SIZE * BLOCK_SIZE..at + len).step_by(BLOCK_SIZE) {
            let block = start..start + BLOCK_SIZE;
            let held = &old.as_slice()[start.min(old.len().index())..block.end.min(old.len().index())];
            let whole = held.iter().all(|byte| *byte == 0);
            past.touched.push(if whole { block } else { start.max(at)..block.end.min(at + len) });
        }
    }

    fn truncate(&mut self, path: &Path, before: &View, after: &View) {
        let Some((past, old, size)) = self.file(path, before, after) else { return };
        past.sizes.insert(size);
        past.touched.push(size.min(old.len().index())..usize::MAX);
    }
}

/// Whether an operation succeeds and leaves everything as it was. One that changes nothing may also have been refused,
/// even for a reason the model does not know, such as a full disk.
fn changes_nothing(op: &FsOp, view: &View) -> bool {
    let mut after = view.clone();
    posix::apply(&mut after, op).is_ok() && after == *view
}

/// The path of an entry after every symbolic link before its name was followed.
fn entry(view: &View, path: &Path) -> Option<Path> {
    let (dir, name) = path.split()?;
    Some(posix::resolve(view, &dir).ok()?.join(name))
}
