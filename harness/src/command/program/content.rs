//! All that is in a tree or in a folder.

use super::plain::empty;
use super::tree::Tree;
use crate::disk::Disk;
use crate::files::Kind;
use crashcheck_trace::files::Owner;
use crashcheck_trace::{Bytes, DeviceId};
use rustc_hash::FxHashMap;
use rustix::process::geteuid;
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::sync::Arc;

/// Deeper is no tree that a program made.
const DEPTH: usize = 100;

/// What has a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Node {
    Directory,
    File(Arc<[u8]>),
    /// The file that has another name as well.
    Same(String),
    Link(String),
}

/// What has a name, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Entry {
    node: Node,
    owner: Rights,
}

/// A tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Content {
    /// Whose its root is.
    root: Rights,
    /// What has a name, by path. What is in a directory comes after it.
    named: BTreeMap<String, Entry>,
}

/// A mode and two owners.
type Rights = (u16, u32, u32);

fn rights(owner: Owner) -> Rights {
    (owner.mode, owner.uid, owner.gid)
}

fn rights_of(known: &fs::Metadata) -> Rights {
    ((known.mode() & 0o7777) as u16, known.uid(), known.gid())
}

fn give(at: &Path, (mode, uid, gid): Rights) -> io::Result<()> {
    if geteuid().is_root() {
        chown(at, Some(uid), Some(gid))?;
    }
    fs::set_permissions(at, Permissions::from_mode(mode.into()))
}

impl Content {
    /// Looks at all of a tree.
    pub(super) fn of_tree(tree: &Tree) -> io::Result<Content> {
        let root = rights(tree.owner(DeviceId(0), Kind::Directory));
        let mut content = Content { root, ..Content::default() };
        content.add_tree(tree, &tree.inode(DeviceId(0)), "", &mut FxHashMap::default(), DEPTH)?;
        Ok(content)
    }

    fn add_tree(
        &mut self,
        tree: &Tree,
        directory: &Disk,
        above: &str,
        met: &mut FxHashMap<DeviceId, String>,
        depth: usize,
    ) -> io::Result<()> {
        if depth == 0 {
            return Err(io::Error::other(format!("a directory is in itself: {above}")));
        }
        let mut names = tree.names(directory)?;
        names.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (name, inode) in names {
            let (path, kind) = (format!("{above}{name}"), Kind::of(&inode)?);
            let node = match (kind, met.get(&inode.id())) {
                (Kind::Directory, _) => Node::Directory,
                (Kind::Link, _) => Node::Link(tree.target(&inode)?),
                (Kind::File, Some(other)) => Node::Same(other.clone()),
                (Kind::File, None) => {
                    met.insert(inode.id(), path.clone());
                    let len = inode.len()?.index();
                    Node::File(if len == 0 {
                        Arc::default()
                    } else {
                        inode.lend(Bytes::ZERO, len)?[..].into()
                    })
                }
            };
            let owner = rights(tree.owner(inode.id(), kind));
            self.named.insert(path.clone(), Entry { node, owner });
            if kind == Kind::Directory {
                self.add_tree(tree, &inode, &format!("{path}/"), met, depth - 1)?;
            }
        }
        Ok(())
    }

    /// Looks at all of a folder but for pipes, sockets and the like.
    pub(super) fn of_folder(folder: &Path) -> io::Result<Content> {
        let root = rights_of(&fs::metadata(folder)?);
        let mut content = Content { root, ..Content::default() };
        content.add_folder(folder, "", &mut FxHashMap::default())?;
        Ok(content)
    }

    fn add_folder(&mut self, folder: &Path, above: &str, met: &mut FxHashMap<u64, String>) -> io::Result<()> {
        let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let not_utf8 = |name: std::ffi::OsString| {
                io::Error::other(format!("the name {} is not UTF-8", name.display()))
            };
            let (name, known) = (entry.file_name().into_string().map_err(not_utf8)?, entry.metadata()?);
            let (path, kind) = (format!("{above}{name}"), known.file_type());
            let node = if kind.is_dir() {
                Node::Directory
            } else if kind.is_symlink() {
                let target = fs::read_link(entry.path())?.into_os_string();
                Node::Link(target.into_string().map_err(not_utf8)?)
            } else if !kind.is_file() {
                continue;
            } else if let Some(other) = met.get(&known.ino()) {
                Node::Same(other.clone())
            } else {
                met.insert(known.ino(), path.clone());
                Node::File(fs::read(entry.path())?.into())
            };
            let owner = rights_of(&known);
            self.named.insert(path.clone(), Entry { node, owner });
            if kind.is_dir() {
                self.add_folder(&entry.path(), &format!("{path}/"), met)?;
            }
        }
        Ok(())
    }

    /// How many bytes it takes, about.
    pub(super) fn size(&self) -> usize {
        let size = |(path, entry): (&String, &Entry)| match &entry.node {
            Node::File(bytes) => path.len() + bytes.len(),
            Node::Directory | Node::Same(_) | Node::Link(_) => path.len(),
        };
        self.named.iter().map(|entry| size(entry) + size_of::<Entry>()).sum()
    }

    fn has_links(&self) -> bool {
        self.named.values().any(|entry| matches!(entry.node, Node::Same(_)))
    }

    /// Makes it the content of a folder that holds another one. Files that are the same may stay.
    pub(super) fn write_over(&self, there: &Content, folder: &Path, may_stay: bool) -> io::Result<()> {
        let nothing = Content::default();
        // With links of names to each other it is not worth it to tell what may stay.
        let there = if may_stay && !there.has_links() && !self.has_links() {
            for (path, entry) in
                there.named.iter().rev().filter(|(path, entry)| self.named.get(*path) != Some(entry))
            {
                match entry.node {
                    // It is not empty if something in it stays.
                    Node::Directory if self.is_directory(path) => {}
                    Node::Directory => fs::remove_dir_all(folder.join(path))?,
                    Node::File(_) | Node::Same(_) | Node::Link(_) => fs::remove_file(folder.join(path))?,
                }
            }
            there
        } else {
            empty(folder)?;
            &nothing
        };
        let changed = || self.named.iter().filter(|(path, entry)| there.named.get(*path) != Some(entry));
        for (path, entry) in changed() {
            let at = folder.join(path);
            match &entry.node {
                Node::Directory if there.is_directory(path) => {}
                Node::Directory => fs::create_dir(at)?,
                Node::File(bytes) => fs::write(at, bytes)?,
                Node::Same(other) => fs::hard_link(folder.join(other), at)?,
                Node::Link(target) => symlink(target, at)?,
            }
        }
        // What may not be written is not written any more.
        for (path, Entry { node, owner }) in changed() {
            if matches!(node, Node::Directory | Node::File(_)) {
                give(&folder.join(path), *owner)?;
            }
        }
        give(folder, self.root)
    }

    fn is_directory(&self, path: &str) -> bool {
        self.named.get(path).is_some_and(|entry| entry.node == Node::Directory)
    }

    /// Makes it the content of a tree that holds another one: not by the calls that have made it, which nobody has seen.
    pub(super) fn give_to(&self, tree: &mut Tree, before: &Content) -> io::Result<()> {
        let mut inodes: FxHashMap<String, Disk> = FxHashMap::default();
        inodes.insert(String::new(), tree.inode(DeviceId(0)));
        for path in before.named.keys() {
            let (directory, name) = place(&inodes, path)?;
            let inode = tree.named(&directory, name)?.ok_or(io::ErrorKind::NotFound)?;
            inodes.insert(path.clone(), inode);
        }
        let stays = |path: &str, entry: &Entry| {
            self.named.get(path).is_some_and(|after| match (&after.node, &entry.node) {
                (Node::File(_), Node::File(_)) => true,
                (after, before) => after == before,
            })
        };
        for (path, entry) in before.named.iter().rev().filter(|(path, entry)| !stays(path, entry)) {
            let (directory, name) = place(&inodes, path)?;
            let call = if entry.node == Node::Directory { "rmdir" } else { "unlink" };
            let inode = inodes[path].clone();
            tree.remove(&directory, name, &inode, call)?;
            inodes.remove(path);
        }
        for (path, entry) in self.named.iter().filter(|(path, entry)| before.named.get(*path) != Some(entry))
        {
            let (directory, name) = place(&inodes, path)?;
            let (mode, uid, gid) = entry.owner;
            let (by, name) = (Owner { mode, uid, gid }, name.to_owned());
            let inode = match (&entry.node, inodes.get(path).cloned()) {
                (Node::File(_) | Node::Directory, Some(inode)) => {
                    tree.set_owner(&inode, Some(mode.into()), Some(uid), Some(gid))?;
                    inode
                }
                (Node::Same(_) | Node::Link(_), Some(_)) => continue,
                (Node::Directory, None) => tree.make_directory(&directory, name, by)?,
                (Node::File(_), None) => tree.make_file(&directory, name, by)?,
                (Node::Link(target), None) => tree.make_link(&directory, name, target, by)?,
                (Node::Same(other), None) => {
                    let inode = inodes.get(other).cloned().ok_or(io::ErrorKind::NotFound)?;
                    tree.link(&directory, &name, &inode)?;
                    inode
                }
            };
            let was = before.named.get(path).map(|entry| &entry.node);
            if let (Node::File(bytes), true) = (&entry.node, was != Some(&entry.node)) {
                tree.truncate(&inode, bytes.len() as u64)?;
                if !bytes.is_empty() {
                    tree.write(&inode, 0, bytes, None)?;
                }
            }
            inodes.insert(path.clone(), inode);
        }
        Ok(())
    }
}

/// The directory of a path, and the name in it.
fn place<'a>(inodes: &FxHashMap<String, Disk>, path: &'a str) -> io::Result<(Disk, &'a str)> {
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    let directory = inodes.get(above).cloned().ok_or(io::ErrorKind::NotFound)?;
    Ok((directory, name))
}
