//! A folder as any other, in which a program works where no file system is mounted.

use super::mount::{MountError, Place};
use super::tree::Tree;
use crate::disk::Disk;
use crate::files::Kind;
use crate::supervise::is_alone;
use crashcheck_trace::{Bytes, DeviceId};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// So much of a file is compared at once.
const PART: usize = 1 << 20;

/// A folder that is empty again when it is dropped.
pub(super) struct Plain {
    place: Place,
    /// What its rights were.
    rights: Permissions,
    /// Whether a file system in memory is there that nobody else sees, and that goes with this process however it ends.
    is_own: bool,
}

impl Plain {
    /// Makes it if it is not there.
    pub(super) fn new(at: &Path) -> Result<Plain, MountError> {
        let place = Place::empty(at)?;
        let unusable = |source| MountError::Unusable { at: at.to_owned(), source };
        let rights = fs::metadata(&place.at).map_err(unusable)?.permissions();
        let is_own = is_alone() && mount("crashcheck", &place.at, "tmpfs", MountFlags::empty(), None).is_ok();
        Ok(Plain { place, rights, is_own })
    }

    /// Where it is, without symbolic links.
    pub(super) fn at(&self) -> &Path {
        &self.place.at
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        if self.is_own {
            let _ = unmount(self.at(), UnmountFlags::DETACH);
        } else {
            // What cannot be removed is seen by whoever looks.
            let _ = empty(self.at()).and_then(|()| fs::set_permissions(self.at(), self.rights.clone()));
        }
        if self.place.made {
            let _ = fs::remove_dir(self.at());
        }
    }
}

/// Removes what is in a folder.
pub(super) fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

/// What in a folder is not as it is in a tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unlike {
    /// The inode of the tree, if it has one there.
    pub(super) inode: Option<DeviceId>,
    /// In words.
    pub(super) what: String,
}

/// Compares a folder with a tree.
pub(super) fn compare(tree: &Tree, folder: &Path) -> io::Result<Vec<Unlike>> {
    let mut found = Vec::new();
    compare_names(tree, &tree.inode(DeviceId(0)), folder, "", &mut found)?;
    Ok(found)
}

fn compare_names(
    tree: &Tree,
    directory: &Disk,
    at: &Path,
    above: &str,
    found: &mut Vec<Unlike>,
) -> io::Result<()> {
    let mut known = BTreeSet::new();
    for (name, inode) in tree.names(directory)? {
        let (path, told) = (at.join(&name), format!("{above}{name}"));
        known.insert(name);
        let mut differs = |what: &str| {
            found.push(Unlike { inode: Some(inode.id()), what: format!("{told} {what}") });
        };
        let kind = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                differs("is gone");
                continue;
            }
            metadata => metadata?.file_type(),
        };
        match Kind::of(&inode)? {
            Kind::File if kind.is_file() => {
                if let Err(what) = is_equal(&inode, &path)? {
                    differs(&what);
                }
            }
            Kind::Link if kind.is_symlink() => {
                if fs::read_link(&path)? != Path::new(&tree.target(&inode)?) {
                    differs("points elsewhere");
                }
            }
            Kind::Directory if kind.is_dir() => {
                compare_names(tree, &inode, &path, &format!("{told}/"), found)?;
            }
            Kind::File | Kind::Link | Kind::Directory => differs("is of another kind"),
        }
    }
    for entry in fs::read_dir(at)? {
        let (entry, kind) = entry.and_then(|entry| entry.file_type().map(|kind| (entry, kind)))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Whoever makes these was told so.
        let is_special =
            kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device();
        if !known.contains(&name) && !is_special {
            found.push(Unlike { inode: None, what: format!("{above}{name} is there") });
        }
    }
    Ok(())
}

/// Whether a file holds what an inode does; if not, says where it differs.
fn is_equal(inode: &Disk, path: &Path) -> io::Result<Result<(), String>> {
    let (mut file, len) = (File::open(path)?, inode.len()?.0);
    let other = file.metadata()?.len();
    if other != len {
        return Ok(Err(format!("has {other} bytes instead of {len}")));
    }
    let mut bytes = vec![0; PART.min(len as usize)];
    let mut at = 0;
    while at < len {
        let part = &mut bytes[..PART.min((len - at) as usize)];
        file.read_exact(part)?;
        let known = inode.lend(Bytes(at), part.len())?;
        if let Some(nth) = part.iter().zip(known.iter()).position(|(one, other)| one != other) {
            return Ok(Err(format!("differs from byte {} on", at + nth as u64)));
        }
        at += part.len() as u64;
    }
    Ok(Ok(()))
}
