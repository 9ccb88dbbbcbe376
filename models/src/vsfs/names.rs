//! Names: the entries of directories, and the way along a path.

use super::blocks::FsError;
use super::content::Contents;
use super::dir;
use super::files::Files;
use super::format::{BLOCK_SIZE, InodeNo};
use super::inode::{FileType, Inode};
use crate::fs::posix::LINKS_FOLLOWED_MAX;
use crate::fs::{Errno, Path};
use crashcheck::Bytes;

/// An entry of a directory, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'p> {
    pub(crate) dir: InodeNo,
    pub(crate) name: &'p str,
    pub(crate) inode: InodeNo,
    /// The block of the directory, counted from its beginning.
    pub(crate) index: u64,
    /// The first byte of its record in the block.
    pub(crate) at: usize,
}

/// Looking up and changing names, over any layer below.
pub(crate) trait Names: Contents {
    /// Where a path leads, symbolic links followed to the end.
    fn resolve(&mut self, path: &Path) -> Result<(InodeNo, Inode), FsError> {
        let mut budget = LINKS_FOLLOWED_MAX;
        self.follow(path, &mut budget)
    }

    fn follow(&mut self, path: &Path, budget: &mut usize) -> Result<(InodeNo, Inode), FsError> {
        let mut here = (InodeNo::ROOT, self.inode(InodeNo::ROOT)?);
        for name in path.components() {
            let next = self.lookup(here.0, &here.1, name)?.ok_or(Errno::ENOENT)?.inode;
            let inode = self.inode(next)?;
            here = if inode.kind == FileType::Symlink {
                *budget = budget.checked_sub(1).ok_or(Errno::ELOOP)?;
                let target = self.target(next, &inode)?;
                self.follow(&target, budget)?
            } else {
                (next, inode)
            };
        }
        Ok(here)
    }

    /// The directory of the last component of a path, and the component; `None` for the root.
    fn place<'p>(&mut self, path: &'p Path) -> Result<Option<(InodeNo, &'p str)>, FsError> {
        let Some((dir, name)) = path.split() else { return Ok(None) };
        let (number, inode) = self.resolve(&dir)?;
        if inode.kind == FileType::Dir { Ok(Some((number, name))) } else { Err(Errno::ENOTDIR.into()) }
    }

    /// The entry that a path names, which exists, and the inode it leads to. The root, which no entry names, is
    /// refused with `root`.
    fn existing<'p>(&mut self, path: &'p Path, root: Errno) -> Result<(Entry<'p>, Inode), FsError> {
        let (dir, name) = self.place(path)?.ok_or(root)?;
        let inode = self.inode(dir)?;
        let entry = self.lookup(dir, &inode, name)?.ok_or(Errno::ENOENT)?;
        Ok((entry, self.inode(entry.inode)?))
    }

    /// The place of a name that must be free.
    fn free_name<'p>(&mut self, path: &'p Path) -> Result<(InodeNo, &'p str), FsError> {
        let (dir, name) = self.place(path)?.ok_or(Errno::EEXIST)?;
        let inode = self.inode(dir)?;
        if self.lookup(dir, &inode, name)?.is_some() { Err(Errno::EEXIST.into()) } else { Ok((dir, name)) }
    }

    /// The entry with that name.
    fn lookup<'p>(
        &mut self,
        number: InodeNo,
        directory: &Inode,
        name: &'p str,
    ) -> Result<Option<Entry<'p>>, FsError> {
        if directory.kind != FileType::Dir {
            return Err(Errno::ENOTDIR.into());
        }
        for index in 0..directory.blocks_long() {
            let Some(page) = self.block(number, directory, index)? else { continue };
            if let Some(record) = dir::entries(page).find(|record| record.name == name.as_bytes()) {
                return Ok(Some(Entry { dir: number, name, inode: record.inode, index, at: record.at }));
            }
        }
        Ok(None)
    }

    /// Whether a directory holds nothing but "." and "..".
    fn is_empty(&mut self, number: InodeNo, directory: &Inode) -> Result<bool, FsError> {
        for index in 0..directory.blocks_long() {
            let Some(page) = self.block(number, directory, index)? else { continue };
            if dir::entries(page).any(|record| !matches!(record.name, b"." | b"..")) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How many blocks it takes to add a name to a directory.
    fn blocks_for_name(&mut self, number: InodeNo, name: &str) -> Result<u64, FsError> {
        let directory = self.inode(number)?;
        if self.block_with_room(number, &directory, name)? < directory.blocks_long() {
            return Ok(0);
        }
        let next = directory.blocks_long();
        self.blocks_missing(number, &directory, next, next)
    }

    /// The first block of a directory with room for a name, or the one behind its end.
    fn block_with_room(&mut self, number: InodeNo, directory: &Inode, name: &str) -> Result<u64, FsError> {
        for index in 0..directory.blocks_long() {
            let Some(page) = self.block(number, directory, index)? else { continue };
            if dir::has_room(page, name.len()) {
                return Ok(index);
            }
        }
        Ok(directory.blocks_long())
    }

    /// Adds a name to a directory, which grows if it has to.
    fn add_name(
        &mut self,
        number: InodeNo,
        name: &str,
        inode: InodeNo,
        kind: FileType,
    ) -> Result<(), FsError> {
        let mut directory = self.inode(number)?;
        let index = self.block_with_room(number, &directory, name)?;
        let (page, new) = self.block_mut(number, &mut directory, index)?;
        if new {
            dir::init_empty(page);
        }
        dir::insert(page, name.as_bytes(), inode, kind);
        directory.size = directory.size.max(Bytes((index + 1) * BLOCK_SIZE as u64));
        self.touch(number, directory)?;
        self.named(number, name, inode, kind);
        Ok(())
    }

    /// Takes a name away.
    fn remove_name(&mut self, entry: Entry<'_>) -> Result<(), FsError> {
        let mut directory = self.inode(entry.dir)?;
        dir::remove(self.block_mut(entry.dir, &mut directory, entry.index)?.0, entry.at);
        self.touch(entry.dir, directory)?;
        self.unnamed(entry.dir, entry.name);
        Ok(())
    }

    /// Lets a name lead to another inode, in one write.
    fn retarget(&mut self, entry: Entry<'_>, inode: InodeNo, kind: FileType) -> Result<(), FsError> {
        let mut directory = self.inode(entry.dir)?;
        let (page, _) = self.block_mut(entry.dir, &mut directory, entry.index)?;
        dir::retarget(page, entry.at, inode, kind);
        self.touch(entry.dir, directory)?;
        self.named(entry.dir, entry.name, inode, kind);
        Ok(())
    }

    /// Writes an inode whose content has changed.
    fn touch(&mut self, number: InodeNo, mut inode: Inode) -> Result<(), FsError> {
        (inode.mtime, inode.ctime) = (self.now(), self.now());
        self.put_inode(number, &inode)
    }

    /// Where ".." of a directory leads.
    fn parent(&mut self, number: InodeNo) -> Result<InodeNo, FsError> {
        let inode = self.inode(number)?;
        let page = self.block(number, &inode, 0)?;
        page.and_then(dir::parent)
            .ok_or(FsError::Corrupt { inode: number, what: "the directory has no '..'" })
    }

    /// Sets where ".." of a directory leads.
    fn set_parent(&mut self, number: InodeNo, parent: InodeNo) -> Result<(), FsError> {
        let mut inode = self.inode(number)?;
        let missing = FsError::Corrupt { inode: number, what: "the directory has no '..'" };
        let page = self.block(number, &inode, 0)?.ok_or_else(|| missing.clone())?;
        let at = dir::entries(page).nth(1).map(|record| record.at).ok_or(missing)?;
        dir::retarget(self.block_mut(number, &mut inode, 0)?.0, at, parent, FileType::Dir);
        self.named(number, "..", parent, FileType::Dir);
        Ok(())
    }
}

impl<F: Files> Names for F {}
