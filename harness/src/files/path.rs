//! From a path to the inode that it names.

use super::tree::{Files, Kind};
use crate::disk::Disk;
use std::io::{self, ErrorKind};
use std::path::{Component, Path};

/// So many symbolic links are followed on the way.
const LINKS: usize = 40;

/// A name in a directory, and what has it.
pub(super) struct Place {
    pub(super) directory: Disk,
    /// `None` for the root, which has no name.
    pub(super) name: Option<String>,
    pub(super) inode: Option<Disk>,
}

impl Place {
    /// What has the name.
    pub(super) fn found(self) -> io::Result<Disk> {
        self.inode.ok_or_else(|| ErrorKind::NotFound.into())
    }
}

/// Looks a path up from the root, and follows a symbolic link at its end only if told to.
pub(super) fn look_up(files: &Files, path: &Path, follow: bool) -> io::Result<Place> {
    let mut links = LINKS;
    let mut above: Vec<Disk> = Vec::new();
    let mut here = Place { directory: files.root(), name: None, inode: Some(files.root()) };
    let mut rest = names(path)?;
    rest.reverse();
    while let Some(name) = rest.pop() {
        let inode = here.found()?;
        if Kind::of(&inode)? != Kind::Directory {
            return Err(ErrorKind::NotADirectory.into());
        }
        if name == ".." {
            let inode = Some(above.pop().unwrap_or_else(|| files.root()));
            here = Place { directory: inode.clone().unwrap_or_else(|| files.root()), name: None, inode };
            continue;
        }
        let found = files.named(&inode, &name)?;
        let link = match &found {
            Some(found) if (follow || !rest.is_empty()) && Kind::of(found)? == Kind::Link => {
                Some(files.target(found)?)
            }
            _ => None,
        };
        let Some(target) = link else {
            above.push(inode.clone());
            here = Place { directory: inode, name: Some(name), inode: found };
            continue;
        };
        links = links.checked_sub(1).ok_or(ErrorKind::InvalidInput)?;
        if target.starts_with('/') {
            above.clear();
            here = Place { directory: files.root(), name: None, inode: Some(files.root()) };
        } else {
            here = Place { directory: inode.clone(), name: None, inode: Some(inode) };
        }
        rest.extend(names(Path::new(&target))?.into_iter().rev());
    }
    Ok(here)
}

/// The names that a path is made of.
fn names(path: &Path) -> io::Result<Vec<String>> {
    let name = |component: Component<'_>| match component {
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
        Component::ParentDir => Some(Ok("..".to_owned())),
        Component::Normal(name) => {
            let text = name.to_str().map(str::to_owned);
            Some(text.ok_or_else(|| {
                io::Error::new(ErrorKind::InvalidInput, format!("{} is not UTF-8", name.display()))
            }))
        }
    };
    path.components().filter_map(name).collect()
}
