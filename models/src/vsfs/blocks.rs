//! Inodes and blocks of an open file system: reading and writing inodes, giving out what is free, and the tree of
//! pointers from an inode to its content.

use super::bugs::{Bug, Bugs};
use super::format::{
    BLOCK_SIZE, BlockNo, Geometry, GroupNo, INODE_SIZE, InodeNo, POINTERS, bit, get_u32, put_u32, set_bit,
};
use super::inode::{FileType, Inode, Slot, route, slots, span};
use super::store::{BlockKind, Store, StoreError};
use crate::fs::Errno;
use crate::fs::posix::FILE_SIZE_MAX;
use thiserror::Error;

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FsError {
    /// Rightly refused; nothing has changed.
    #[error(transparent)]
    Refused(#[from] Errno),
    /// The blocks below failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What lies on the disk makes no sense, although it was checked when the file system was opened.
    #[error("inode {}: {what}", inode.0)]
    Corrupt {
        /// Where.
        inode: InodeNo,
        /// What is wrong.
        what: &'static str,
    },
    /// A geometry whose regions overlap or do not fit.
    #[error("{0:?} does not work out: no room for data, or more than a bitmap block can describe")]
    BadGeometry(Geometry),
    /// No superblock, and no copy of one either.
    #[error("neither the superblock nor any of its copies can be read; nothing was changed")]
    NoSuperblock,
}

/// An open file system over some store.
pub struct FileSystem<S> {
    pub(crate) store: S,
    pub(crate) geometry: Geometry,
    pub(crate) bugs: Bugs,
    /// Counts operations, and stands in for the time.
    pub(crate) clock: u64,
    /// The device has failed: nothing is changed any more until the file system is opened again.
    read_only: bool,
}

impl<S: Store> FileSystem<S> {
    /// A file system whose blocks are known to be consistent.
    pub fn new(store: S, geometry: Geometry, bugs: Bugs) -> Self {
        FileSystem { store, geometry, bugs, clock: 1, read_only: false }
    }

    /// Whether nothing is changed any more, because the device has failed.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// What came of something that writes. When the device fails, nobody knows what is durable of what it was given (HM-16): the file
    /// system is read-only from then on, and what lies on the disk is for recovery.
    pub(crate) fn after<T>(&mut self, outcome: Result<T, FsError>) -> Result<T, FsError> {
        self.read_only |= matches!(outcome, Err(FsError::Store(StoreError::Disk(_))));
        outcome
    }

    /// Where the parts lie.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The blocks below.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The blocks below, to be read or made durable.
    pub fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    /// The inode with that number.
    ///
    /// # Errors
    /// If there is none, or the store fails.
    pub fn inode(&mut self, number: InodeNo) -> Result<Inode, FsError> {
        if !self.geometry.is_inode(number) {
            return Err(FsError::Corrupt { inode: number, what: "there is no inode of that number" });
        }
        let (block, at) = self.geometry.inode_location(number);
        match Inode::decode(&self.store.read(block, BlockKind::InodeTable)?[at..at + INODE_SIZE]) {
            Slot::Used(inode) => {
                inode.pointers.iter().try_for_each(|pointer| self.pointer(number, *pointer).map(drop))?;
                if inode.size > FILE_SIZE_MAX {
                    return Err(FsError::Corrupt { inode: number, what: "it is longer than a file can be" });
                }
                Ok(*inode)
            }
            _ => Err(FsError::Corrupt { inode: number, what: "a name leads to it, but it is not in use" }),
        }
    }

    pub(crate) fn put_inode(&mut self, number: InodeNo, inode: &Inode) -> Result<(), FsError> {
        let (block, at) = self.geometry.inode_location(number);
        inode.encode(&mut self.store.modify(block, BlockKind::InodeTable)?[at..at + INODE_SIZE]);
        Ok(())
    }

    /// Gives out an inode, near its directory, or, for a directory, where most inodes are free (FS-16).
    pub(crate) fn new_inode(&mut self, kind: FileType, dir: InodeNo) -> Result<(InodeNo, Inode), FsError> {
        let home = match kind {
            FileType::Dir => self.emptiest_group()?,
            _ => self.geometry.group_of_inode(dir).0,
        };
        for group in self.groups_from(home) {
            let Some(number) = self.free_inode_in(group)? else { continue };
            let index = self.geometry.group_of_inode(number).1;
            let bitmap = self.geometry.inode_bitmap(group);
            set_bit(self.store.modify(bitmap, BlockKind::InodeBitmap)?, index, true);
            let (block, at) = self.geometry.inode_location(number);
            let slot = &self.store.read(block, BlockKind::InodeTable)?[at..at + INODE_SIZE];
            let generation = get_u32(slot, 28).wrapping_add(1);
            return Ok((number, Inode::new(kind, generation, self.clock)));
        }
        Err(Errno::ENOSPC.into())
    }

    /// Every group, beginning with one.
    fn groups_from(&self, home: GroupNo) -> impl Iterator<Item = GroupNo> + use<S> {
        let groups = self.geometry.groups;
        (0..groups).map(move |step| GroupNo((home.0 + step) % groups))
    }

    fn emptiest_group(&mut self) -> Result<GroupNo, FsError> {
        let inodes = self.geometry.inodes_per_group;
        let mut best = (0, GroupNo(0));
        for group in self.geometry.group_numbers() {
            let bitmap = self.store.read(self.geometry.inode_bitmap(group), BlockKind::InodeBitmap)?;
            let free = (0..inodes).filter(|index| !bit(bitmap, *index)).count();
            if free > best.0 {
                best = (free, group);
            }
        }
        Ok(best.1)
    }

    fn free_inode_in(&mut self, group: GroupNo) -> Result<Option<InodeNo>, FsError> {
        let (inodes, bitmap) = (self.geometry.inodes_per_group, self.geometry.inode_bitmap(group));
        let bits = self.store.read(bitmap, BlockKind::InodeBitmap)?;
        let free = (0..inodes).filter(|index| !bit(bits, *index));
        let free: Vec<InodeNo> = free.map(|index| InodeNo(group.0 * inodes + index)).collect();
        let early = self.bugs.has(Bug::InodeReuseBeforeSync);
        Ok(free.into_iter().find(|number| early || self.store.may_reuse_inode(*number)))
    }

    /// Takes an inode and all it owns away.
    pub(crate) fn release_inode(&mut self, number: InodeNo, mut inode: Inode) -> Result<(), FsError> {
        self.keep_blocks(number, &mut inode, 0)?;
        let (block, at) = self.geometry.inode_location(number);
        let table = self.store.modify(block, BlockKind::InodeTable)?;
        Inode::encode_free(&mut table[at..at + INODE_SIZE], inode.generation);
        let (group, index) = self.geometry.group_of_inode(number);
        let bitmap = self.geometry.inode_bitmap(group);
        set_bit(self.store.modify(bitmap, BlockKind::InodeBitmap)?, index, false);
        self.store.free_inode(number);
        Ok(())
    }

    /// Refuses unless so many blocks and inodes can be given out.
    pub(crate) fn reserve(&mut self, blocks: u64, inodes: u64) -> Result<(), FsError> {
        let (mut free_blocks, mut free_inodes) = (0, 0);
        for group in self.geometry.group_numbers() {
            if free_blocks < blocks {
                free_blocks += self.free_blocks_in(group)?.count() as u64;
            }
            if free_inodes < inodes {
                free_inodes += u64::from(self.free_inode_in(group)?.is_some());
            }
        }
        if free_blocks < blocks || free_inodes < inodes { Err(Errno::ENOSPC.into()) } else { Ok(()) }
    }

    fn free_blocks_in(&mut self, group: GroupNo) -> Result<impl Iterator<Item = BlockNo>, FsError> {
        let (geometry, bitmap) = (self.geometry, self.geometry.data_bitmap(group));
        let bits = self.store.read(bitmap, BlockKind::DataBitmap)?;
        let blocks = geometry.data(group).map(BlockNo);
        let free = blocks.filter(|block| !bit(bits, geometry.group_of_block(*block).1));
        let free: Vec<BlockNo> = free.collect();
        Ok(free.into_iter().filter(|block| self.store.may_reuse_block(*block)))
    }

    /// Gives out a block, near its inode.
    fn new_block(&mut self, owner: InodeNo) -> Result<BlockNo, FsError> {
        let home = self.geometry.group_of_inode(owner).0;
        for group in self.groups_from(home) {
            let bitmap = self.geometry.data_bitmap(group);
            let Some(block) = self.free_blocks_in(group)?.next() else { continue };
            let index = self.geometry.group_of_block(block).1;
            set_bit(self.store.modify(bitmap, BlockKind::DataBitmap)?, index, true);
            return Ok(block);
        }
        Err(Errno::ENOSPC.into())
    }

    fn release_block(&mut self, block: BlockNo, kind: BlockKind) -> Result<(), FsError> {
        let (group, index) = self.geometry.group_of_block(block);
        let bitmap = self.geometry.data_bitmap(group);
        set_bit(self.store.modify(bitmap, BlockKind::DataBitmap)?, index, false);
        self.store.free_block(block, kind);
        Ok(())
    }

    /// The block that holds block `index` of the content, if it is not a hole.
    pub(crate) fn block_at(
        &mut self,
        owner: InodeNo,
        inode: &Inode,
        index: u64,
    ) -> Result<Option<BlockNo>, FsError> {
        let Some(route) = route(index) else { return Ok(None) };
        let mut block = inode.pointers[route.slot];
        for offset in &route.offsets[..route.depth] {
            if block == BlockNo::NONE {
                return Ok(None);
            }
            block = self.child(owner, block, *offset)?;
        }
        Ok((block != BlockNo::NONE).then_some(block))
    }

    /// The block for block `index` of the content, given out if it was a hole. Whether it was comes with it; its
    /// content is then for the caller to set up.
    pub(crate) fn block_for(
        &mut self,
        owner: InodeNo,
        inode: &mut Inode,
        index: u64,
    ) -> Result<(BlockNo, bool), FsError> {
        let route = route(index).ok_or(Errno::EFBIG)?;
        let mut block = inode.pointers[route.slot];
        let mut new = block == BlockNo::NONE;
        if new {
            block = self.new_block(owner)?;
            inode.pointers[route.slot] = block;
            inode.nblocks += 1;
        }
        for offset in &route.offsets[..route.depth] {
            if new {
                self.store.fresh(block, BlockKind::Indirect)?;
            }
            let mut next = self.child(owner, block, *offset)?;
            new = next == BlockNo::NONE;
            if new {
                next = self.new_block(owner)?;
                put_u32(self.store.modify(block, BlockKind::Indirect)?, offset * 4, next.0);
                inode.nblocks += 1;
            }
            block = next;
        }
        Ok((block, new))
    }

    /// A pointer of an indirect block.
    fn child(&mut self, owner: InodeNo, block: BlockNo, offset: usize) -> Result<BlockNo, FsError> {
        let child = BlockNo(get_u32(self.store.read(block, BlockKind::Indirect)?, offset * 4));
        self.pointer(owner, child)
    }

    fn pointer(&self, owner: InodeNo, pointer: BlockNo) -> Result<BlockNo, FsError> {
        if pointer == BlockNo::NONE || self.geometry.is_data(pointer) {
            return Ok(pointer);
        }
        Err(FsError::Corrupt { inode: owner, what: "a pointer leads out of the data region" })
    }

    /// How many blocks it takes to have no hole from block `first` of the content to block `last`.
    pub(crate) fn blocks_missing(
        &mut self,
        owner: InodeNo,
        inode: &Inode,
        first: u64,
        last: u64,
    ) -> Result<u64, FsError> {
        let mut missing = 0;
        for (slot, depth, start) in slots() {
            if first < start + span(depth) && start <= last {
                let tree = Tree { owner, block: inode.pointers[slot], depth, first: start };
                missing += self.missing_below(tree, first, last)?;
            }
        }
        Ok(missing)
    }

    fn missing_below(&mut self, tree: Tree, first: u64, last: u64) -> Result<u64, FsError> {
        let mut missing = u64::from(tree.block == BlockNo::NONE);
        if tree.depth == 0 {
            return Ok(missing);
        }
        let step = span(tree.depth - 1);
        let (from, to) = (first.max(tree.first), last.min(tree.first + span(tree.depth) - 1));
        for offset in (from - tree.first) / step..=(to - tree.first) / step {
            let block = match tree.block {
                BlockNo::NONE => BlockNo::NONE,
                block => self.child(tree.owner, block, offset as usize)?,
            };
            missing += self.missing_below(tree.child(block, offset as usize), first, last)?;
        }
        Ok(missing)
    }

    /// Frees every block of the content from block `keep` on.
    pub(crate) fn keep_blocks(
        &mut self,
        owner: InodeNo,
        inode: &mut Inode,
        keep: u64,
    ) -> Result<(), FsError> {
        for (slot, depth, first) in slots() {
            let block = inode.pointers[slot];
            if block == BlockNo::NONE || first + span(depth) <= keep {
                continue;
            }
            if self.trim(inode, Tree { owner, block, depth, first }, keep)? {
                inode.pointers[slot] = BlockNo::NONE;
            }
        }
        Ok(())
    }

    /// Frees what a pointer leads to from `keep` on; whether nothing is left of it.
    fn trim(&mut self, inode: &mut Inode, tree: Tree, keep: u64) -> Result<bool, FsError> {
        let whole = tree.first >= keep;
        for offset in 0..if tree.depth > 0 { POINTERS } else { 0 } {
            let below = tree.child(self.child(tree.owner, tree.block, offset)?, offset);
            if below.block == BlockNo::NONE || below.first + span(below.depth) <= keep {
                continue;
            }
            if self.trim(inode, below, keep)? && !whole {
                put_u32(self.store.modify(tree.block, BlockKind::Indirect)?, offset * 4, 0);
            }
        }
        if whole {
            let kind = if tree.depth > 0 { BlockKind::Indirect } else { content_kind(inode.kind) };
            self.release_block(tree.block, kind)?;
            inode.nblocks = inode.nblocks.saturating_sub(1);
        }
        Ok(whole)
    }
}

/// What a pointer leads to: a block of content, or a tree of them.
#[derive(Clone, Copy)]
struct Tree {
    owner: InodeNo,
    block: BlockNo,
    /// How many indirect blocks deep.
    depth: usize,
    /// The first block of the content that it leads to.
    first: u64,
}

impl Tree {
    fn child(self, block: BlockNo, offset: usize) -> Tree {
        let depth = self.depth - 1;
        Tree { owner: self.owner, block, depth, first: self.first + offset as u64 * span(depth) }
    }
}

/// What the content of an inode of that type is.
pub(crate) fn content_kind(kind: FileType) -> BlockKind {
    match kind {
        FileType::File => BlockKind::Data,
        FileType::Dir => BlockKind::Directory,
        FileType::Symlink => BlockKind::Symlink,
    }
}

/// The block of a file that holds a byte, and the byte's position within it.
pub(crate) fn position(at: u64) -> (u64, usize) {
    (at / BLOCK_SIZE as u64, (at % BLOCK_SIZE as u64) as usize)
}
