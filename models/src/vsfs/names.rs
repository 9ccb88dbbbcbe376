//! Names: the entries of directories, and the way along a path.

use super::blocks::{FileSystem, FsError};
use super::dir;
use super::format::{BLOCK_SIZE, BlockNo, InodeNo};
use super::inode::{FileType, Inode};
use super::store::{BlockKind, Store};
use crate::fs::posix::LINKS_FOLLOWED_MAX;
use crate::fs::{Errno, Path};
use crashcheck::Bytes;

/// An entry of a directory, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) dir: InodeNo,
    pub(crate) inode: InodeNo,
    pub(crate) block: BlockNo,
    /// The first byte of its record in the block.
    pub(crate) at: usize,
}

impl<S: Store> FileSystem<S> {
    /// Where a path leads, symbolic links followed to the end.
    pub(crate) fn resolve(&mut self, path: &Path) -> Result<(InodeNo, Inode), FsError> {
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
    pub(crate) fn place<'p>(&mut self, path: &'p Path) -> Result<Option<(InodeNo, &'p str)>, FsError> {
        let Some((dir, name)) = path.split() else { return Ok(None) };
        let (number, inode) = self.resolve(&dir)?;
        if inode.kind == FileType::Dir { Ok(Some((number, name))) } else { Err(Errno::ENOTDIR.into()) }
    }

    /// The entry that a path names, which exists, and the inode it leads to. The root, which no entry names, is
    /// refused with `root`.
    pub(crate) fn existing(&mut self, path: &Path, root: Errno) -> Result<(Entry, Inode), FsError> {
        let (dir, name) = self.place(path)?.ok_or(root)?;
        let inode = self.inode(dir)?;
        let entry = self.lookup(dir, &inode, name)?.ok_or(Errno::ENOENT)?;
        Ok((entry, self.inode(entry.inode)?))
    }

    /// The place of a name that must be free.
    pub(crate) fn free_name<'p>(&mut self, path: &'p Path) -> Result<(InodeNo, &'p str), FsError> {
        let (dir, name) = self.place(path)?.ok_or(Errno::EEXIST)?;
        let inode = self.inode(dir)?;
        if self.lookup(dir, &inode, name)?.is_some() { Err(Errno::EEXIST.into()) } else { Ok((dir, name)) }
    }

    /// The entry with that name.
    pub(crate) fn lookup(
        &mut self,
        number: InodeNo,
        directory: &Inode,
        name: &str,
    ) -> Result<Option<Entry>, FsError> {
        if directory.kind != FileType::Dir {
            return Err(Errno::ENOTDIR.into());
        }
        for index in 0..directory.blocks_long() {
            let Some(block) = self.block_at(number, directory, index)? else { continue };
            let page = self.store.read(block, BlockKind::Directory)?;
            if let Some(record) = dir::entries(page).find(|record| record.name == name.as_bytes()) {
                return Ok(Some(Entry { dir: number, inode: record.inode, block, at: record.at }));
            }
        }
        Ok(None)
    }

    /// Whether a directory holds nothing but "." and "..".
    pub(crate) fn is_empty(&mut self, number: InodeNo, directory: &Inode) -> Result<bool, FsError> {
        for index in 0..directory.blocks_long() {
            let Some(block) = self.block_at(number, directory, index)? else { continue };
            let page = self.store.read(block, BlockKind::Directory)?;
            if dir::entries(page).any(|record| !matches!(record.name, b"." | b"..")) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How many blocks it takes to add a name to a directory.
    pub(crate) fn blocks_for_name(&mut self, number: InodeNo, name: &str) -> Result<u64, FsError> {
        let directory = self.inode(number)?;
        if self.block_with_room(number, &directory, name)?.is_some() {
            return Ok(0);
        }
        let next = directory.blocks_long();
        self.blocks_missing(number, &directory, next, next)
    }

    fn block_with_room(
        &mut self,
        number: InodeNo,
        directory: &Inode,
        name: &str,
    ) -> Result<Option<BlockNo>, FsError> {
        for index in 0..directory.blocks_long() {
            let Some(block) = self.block_at(number, directory, index)? else { continue };
            if dir::has_room(self.store.read(block, BlockKind::Directory)?, name.len()) {
                return Ok(Some(block));
            }
        }
        Ok(None)
    }

    /// Adds a name to a directory, which grows if it has to.
    pub(crate) fn add_name(
        &mut self,
        number: InodeNo,
        name: &str,
        inode: InodeNo,
        kind: FileType,
    ) -> Result<(), FsError> {
        let mut directory = self.inode(number)?;
        let block = match self.block_with_room(number, &directory, name)? {
            Some(block) => block,
            None => {
                let index = directory.blocks_long();
                let (block, _) = self.block_for(number, &mut directory, index)?;
                dir::init_empty(self.store.fresh(block, BlockKind::Directory)?);
                directory.size = Bytes((index + 1) * BLOCK_SIZE as u64);
                block
            }
        };
        dir::insert(self.store.modify(block, BlockKind::Directory)?, name.as_bytes(), inode, kind);
        self.touch(number, directory)
    }

    /// Takes a name away.
    pub(crate) fn remove_name(&mut self, entry: Entry) -> Result<(), FsError> {
        dir::remove(self.store.modify(entry.block, BlockKind::Directory)?, entry.at);
        let directory = self.inode(entry.dir)?;
        self.touch(entry.dir, directory)
    }

    /// Lets a name lead to another inode, in one write.
    pub(crate) fn retarget(&mut self, entry: Entry, inode: InodeNo, kind: FileType) -> Result<(), FsError> {
        dir::retarget(self.store.modify(entry.block, BlockKind::Directory)?, entry.at, inode, kind);
        let directory = self.inode(entry.dir)?;
        self.touch(entry.dir, directory)
    }

    /// Writes an inode whose content has changed.
    pub(crate) fn touch(&mut self, number: InodeNo, mut inode: Inode) -> Result<(), FsError> {
        (inode.mtime, inode.ctime) = (self.clock, self.clock);
        self.put_inode(number, &inode)
    }

    /// Where ".." of a directory leads.
    pub(crate) fn parent(&mut self, number: InodeNo) -> Result<InodeNo, FsError> {
        let block = self.first_block(number)?;
        let parent = dir::parent(self.store.read(block, BlockKind::Directory)?);
        parent.ok_or(FsError::Corrupt { inode: number, what: "the directory has no '..'" })
    }

    /// Sets where ".." of a directory leads.
    pub(crate) fn set_parent(&mut self, number: InodeNo, parent: InodeNo) -> Result<(), FsError> {
        let block = self.first_block(number)?;
        let page = self.store.modify(block, BlockKind::Directory)?;
        let at = dir::entries(page).nth(1).map(|record| record.at);
        let at = at.ok_or(FsError::Corrupt { inode: number, what: "the directory has no '..'" })?;
        dir::retarget(page, at, parent, FileType::Dir);
        Ok(())
    }

    fn first_block(&mut self, number: InodeNo) -> Result<BlockNo, FsError> {
        let inode = self.inode(number)?;
        let first = self.block_at(number, &inode, 0)?;
        first.ok_or(FsError::Corrupt { inode: number, what: "the directory has no first block" })
    }
}
