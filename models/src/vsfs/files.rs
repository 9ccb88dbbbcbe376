//! What the operations of a file system are written against: inodes by their number, and the content of each as a row
//! of blocks. Where these lie on the device is left to the layer below.

use super::blocks::{FileSystem, FsError, content_kind};
use super::bugs::Bugs;
use super::format::{InodeNo, Page};
use super::inode::{FileType, Inode};
use super::store::Store;
use crashcheck::Lent;

/// Inodes, and the blocks of their content.
pub(crate) trait Files {
    /// The inode with that number.
    ///
    /// # Errors
    /// If there is none, or the device fails.
    fn inode(&mut self, number: InodeNo) -> Result<Inode, FsError>;

    /// Writes an inode.
    ///
    /// # Errors
    /// If the device fails.
    fn put_inode(&mut self, number: InodeNo, inode: &Inode) -> Result<(), FsError>;

    /// Gives out an inode for a name in a directory.
    ///
    /// # Errors
    /// If none is left, or the device fails.
    fn new_inode(&mut self, kind: FileType, dir: InodeNo) -> Result<(InodeNo, Inode), FsError>;

    /// Takes an inode and all it owns away.
    ///
    /// # Errors
    /// If the device fails.
    fn release_inode(&mut self, number: InodeNo, inode: Inode) -> Result<(), FsError>;

    /// A block of the content, if it is not a hole.
    ///
    /// # Errors
    /// If the device fails.
    fn block(&mut self, owner: InodeNo, inode: &Inode, index: u64) -> Result<Option<&Page>, FsError>;

    /// A block of the content, shared where it was not changed; `None` for a hole.
    ///
    /// # Errors
    /// If the device fails.
    fn lend(&mut self, owner: InodeNo, inode: &Inode, index: u64) -> Result<Option<Lent>, FsError> {
        Ok(self.block(owner, inode, index)?.map(|page| Lent::from(&page[..])))
    }

    /// A block of the content, to be changed; the inode is then for the caller to write. If it was a hole it holds
    /// zeros; whether it was comes with it.
    ///
    /// # Errors
    /// If there is no room for it, or the device fails.
    fn block_mut(
        &mut self,
        owner: InodeNo,
        inode: &mut Inode,
        index: u64,
    ) -> Result<(&mut Page, bool), FsError>;

    /// How many blocks it takes to have no hole from block `first` of the content to block `last`.
    ///
    /// # Errors
    /// If the device fails.
    fn blocks_missing(
        &mut self,
        owner: InodeNo,
        inode: &Inode,
        first: u64,
        last: u64,
    ) -> Result<u64, FsError>;

    /// Takes every block of the content from block `keep` on away; the inode is then for the caller to write.
    ///
    /// # Errors
    /// If the device fails.
    fn keep_blocks(&mut self, owner: InodeNo, inode: &mut Inode, keep: u64) -> Result<(), FsError>;

    /// Refuses unless so many blocks and inodes can be given out.
    ///
    /// # Errors
    /// If there are not as many, or the device fails.
    fn reserve(&mut self, blocks: u64, inodes: u64) -> Result<(), FsError>;

    /// Makes everything durable.
    ///
    /// # Errors
    /// If the device fails.
    fn sync(&mut self) -> Result<(), FsError>;

    /// Makes one file or directory durable, and whatever else it takes.
    ///
    /// # Errors
    /// If the device fails.
    fn fsync(&mut self, number: InodeNo) -> Result<(), FsError> {
        let _ = number;
        self.sync()
    }

    /// The number of operations so far, which stands in for the time.
    fn now(&self) -> u64;

    /// How many inodes there can be.
    fn inodes(&self) -> u32;

    /// The faults of the operations themselves.
    fn faults(&self) -> Bugs {
        Bugs::NONE
    }

    /// Learns that a name of a directory leads to an inode from now on.
    fn named(&mut self, dir: InodeNo, name: &str, inode: InodeNo, kind: FileType) {
        let _ = (dir, name, inode, kind);
    }

    /// Learns that a name of a directory is free from now on.
    fn unnamed(&mut self, dir: InodeNo, name: &str) {
        let _ = (dir, name);
    }
}

impl<S: Store> Files for FileSystem<S> {
    fn inode(&mut self, number: InodeNo) -> Result<Inode, FsError> {
        FileSystem::inode(self, number)
    }

    fn put_inode(&mut self, number: InodeNo, inode: &Inode) -> Result<(), FsError> {
        FileSystem::put_inode(self, number, inode)
    }

    fn new_inode(&mut self, kind: FileType, dir: InodeNo) -> Result<(InodeNo, Inode), FsError> {
        FileSystem::new_inode(self, kind, dir)
    }

    fn release_inode(&mut self, number: InodeNo, inode: Inode) -> Result<(), FsError> {
        FileSystem::release_inode(self, number, inode)
    }

    fn block(&mut self, owner: InodeNo, inode: &Inode, index: u64) -> Result<Option<&Page>, FsError> {
        let Some(block) = self.block_at(owner, inode, index)? else { return Ok(None) };
        Ok(Some(self.store.read(block, content_kind(inode.kind))?))
    }

    fn lend(&mut self, owner: InodeNo, inode: &Inode, index: u64) -> Result<Option<Lent>, FsError> {
        let Some(block) = self.block_at(owner, inode, index)? else { return Ok(None) };
        Ok(Some(self.store.lend(block, content_kind(inode.kind))?))
    }

    fn block_mut(
        &mut self,
        owner: InodeNo,
        inode: &mut Inode,
        index: u64,
    ) -> Result<(&mut Page, bool), FsError> {
        let (block, new) = self.block_for(owner, inode, index)?;
        let kind = content_kind(inode.kind);
        let page = if new { self.store.fresh(block, kind)? } else { self.store.modify(block, kind)? };
        Ok((page, new))
    }

    fn blocks_missing(
        &mut self,
        owner: InodeNo,
        inode: &Inode,
        first: u64,
        last: u64,
    ) -> Result<u64, FsError> {
        FileSystem::blocks_missing(self, owner, inode, first, last)
    }

    fn keep_blocks(&mut self, owner: InodeNo, inode: &mut Inode, keep: u64) -> Result<(), FsError> {
        FileSystem::keep_blocks(self, owner, inode, keep)
    }

    fn reserve(&mut self, blocks: u64, inodes: u64) -> Result<(), FsError> {
        FileSystem::reserve(self, blocks, inodes)
    }

    fn sync(&mut self) -> Result<(), FsError> {
        Ok(self.store.sync()?)
    }

    fn now(&self) -> u64 {
        self.clock
    }

    fn inodes(&self) -> u32 {
        self.geometry.inodes()
    }

    fn faults(&self) -> Bugs {
        self.bugs
    }
}
