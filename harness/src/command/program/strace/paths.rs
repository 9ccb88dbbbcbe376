//! From a path that a program has used to what it was in the folder, if it led there.

use super::super::tree::Tree;
use crate::disk::Disk;
use crate::files::Kind;
use crashcheck_trace::DeviceId;
use rustc_hash::FxHashMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

/// So many symbolic links are followed on the way.
const LINKS: usize = 40;

/// A place where paths begin.
#[derive(Clone)]
pub(super) enum Spot {
    /// A directory in the folder.
    Inside(Disk),
    /// Another one.
    Outside(PathBuf),
}

/// What a path is of.
pub(super) enum Found {
    /// A name in the folder, or the folder itself, and what has it.
    Inside { directory: Disk, name: Option<String>, inode: Option<Disk> },
    /// Something elsewhere.
    Outside(PathBuf),
    /// What a descriptor is of.
    Descriptor(i32),
}

/// The folder among all folders.
pub(super) struct Paths {
    /// Where it is, without symbolic links.
    root: PathBuf,
    /// What directories are in, where that is not the folder itself.
    above: FxHashMap<DeviceId, Disk>,
}

impl Paths {
    pub(super) fn new(root: PathBuf) -> Paths {
        Paths { root, above: FxHashMap::default() }
    }

    /// Whether a path without symbolic links leads into the folder.
    pub(super) fn hold(&self, path: &Path) -> bool {
        path.starts_with(&self.root)
    }

    /// A directory is in another one from now on.
    pub(super) fn put(&mut self, inode: &Disk, directory: &Disk) {
        self.above.insert(inode.id(), directory.clone());
    }

    /// Looks a path up, and follows a symbolic link at its end only if told to.
    pub(super) fn look_up(
        &self,
        tree: &mut Tree,
        from: &Spot,
        path: &Path,
        follow: bool,
    ) -> io::Result<Found> {
        if let Some(number) = of_descriptor(path) {
            return Ok(Found::Descriptor(number));
        }
        let mut links = LINKS;
        let mut here =
            self.at(tree, if path.is_absolute() { Spot::Outside("/".into()) } else { from.clone() });
        let mut rest = names(path);
        while let Some(name) = rest.pop() {
            let follows = follow || !rest.is_empty();
            let (next, link) = match here {
                Found::Outside(above) => self.step_outside(tree, above, &name, follows),
                Found::Inside { inode, .. } => {
                    let directory = inode.ok_or(ErrorKind::NotFound)?;
                    self.step_inside(tree, directory, &name, follows)?
                }
                Found::Descriptor(_) => return Err(ErrorKind::NotADirectory.into()),
            };
            here = next;
            let Some(target) = link else { continue };
            links = links.checked_sub(1).ok_or(ErrorKind::InvalidInput)?;
            if target.is_absolute() {
                here = self.at(tree, Spot::Outside("/".into()));
            }
            rest.extend(names(&target));
        }
        Ok(here)
    }

    fn at(&self, tree: &Tree, spot: Spot) -> Found {
        match spot {
            Spot::Outside(path) if path == self.root => self.at(tree, Spot::Inside(tree.inode(DeviceId(0)))),
            Spot::Outside(path) => Found::Outside(path),
            Spot::Inside(inode) => Found::Inside { directory: inode.clone(), name: None, inode: Some(inode) },
        }
    }

    /// From a directory elsewhere to a name in it. If that is a link that is followed, its target comes as well, and is to be looked
    /// up from the directory on.
    fn step_outside(
        &self,
        tree: &Tree,
        mut above: PathBuf,
        name: &OsStr,
        follows: bool,
    ) -> (Found, Option<PathBuf>) {
        if name == ".." {
            above.pop();
            return (self.at(tree, Spot::Outside(above)), None);
        }
        let path = above.join(name);
        match fs::read_link(&path) {
            Ok(target) if follows && path != self.root => (Found::Outside(above), Some(target)),
            _ => (self.at(tree, Spot::Outside(path)), None),
        }
    }

    /// The same from a directory in the folder.
    fn step_inside(
        &self,
        tree: &mut Tree,
        directory: Disk,
        name: &OsStr,
        follows: bool,
    ) -> io::Result<(Found, Option<PathBuf>)> {
        let not_utf8 = || io::Error::other(format!("the name {} is not UTF-8", name.display()));
        let name = name.to_str().ok_or_else(not_utf8)?;
        if Kind::of(&directory)? != Kind::Directory {
            return Err(ErrorKind::NotADirectory.into());
        }
        if name == ".." {
            let above = match self.above.get(&directory.id()) {
                Some(above) => Spot::Inside(above.clone()),
                None if directory.id() == DeviceId(0) => {
                    Spot::Outside(self.root.parent().unwrap_or(&self.root).to_owned())
                }
                None => Spot::Inside(tree.inode(DeviceId(0))),
            };
            return Ok((self.at(tree, above), None));
        }
        let inode = tree.named(&directory, name)?;
        match &inode {
            Some(link) if follows && Kind::of(link)? == Kind::Link => {
                let target = tree.target(link)?.into();
                Ok((self.at(tree, Spot::Inside(directory)), Some(target)))
            }
            _ => Ok((Found::Inside { directory, name: Some(name.to_owned()), inode }, None)),
        }
    }
}

/// The number of the descriptor that a path stands for.
fn of_descriptor(path: &Path) -> Option<i32> {
    let text = path.to_str()?;
    match text {
        "/dev/stdin" => return Some(0),
        "/dev/stdout" => return Some(1),
        "/dev/stderr" => return Some(2),
        _ => {}
    }
    let (above, number) = text.rsplit_once('/')?;
    let process = above.strip_prefix("/proc/").and_then(|rest| rest.strip_suffix("/fd"));
    let is_own = |process: &str| process == "self" || process.bytes().all(|digit| digit.is_ascii_digit());
    (above == "/dev/fd" || process.is_some_and(is_own)).then(|| number.parse().ok())?
}

/// The names that a path is made of, the last one first.
fn names(path: &Path) -> Vec<OsString> {
    let name = |component: Component<'_>| match component {
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
        Component::ParentDir | Component::Normal(_) => Some(component.as_os_str().to_owned()),
    };
    path.components().rev().filter_map(name).collect()
}
