//! The blocks below the file system.
//!
//! The operations of the file system and its checker are written against [`Store`], so that the write-back cache of
//! vsfs can be replaced by one with a journal.

use super::format::{BLOCK_SIZE, BlockNo, InodeNo, Page};
use crashcheck::{Bytes, Disk, DiskError, Lent};
use thiserror::Error;

/// What a block holds. The words are the labels of its writes in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlockKind {
    /// The superblock or a copy of it.
    Superblock,
    /// Which inodes of a group are in use.
    InodeBitmap,
    /// Which blocks of a group are in use.
    DataBitmap,
    /// Inodes.
    InodeTable,
    /// Pointers.
    Indirect,
    /// Directory entries.
    Directory,
    /// The target of a symbolic link that is too long for the inode.
    Symlink,
    /// Content of a file.
    Data,
}

impl BlockKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [BlockKind; 8] = [
        BlockKind::Superblock,
        BlockKind::InodeBitmap,
        BlockKind::DataBitmap,
        BlockKind::InodeTable,
        BlockKind::Indirect,
        BlockKind::Directory,
        BlockKind::Symlink,
        BlockKind::Data,
    ];

    /// The label of a write of such a block.
    pub fn label(self) -> &'static str {
        match self {
            BlockKind::Superblock => "superblock",
            BlockKind::InodeBitmap => "inode bitmap",
            BlockKind::DataBitmap => "data bitmap",
            BlockKind::InodeTable => "inode table",
            BlockKind::Indirect => "indirect",
            BlockKind::Directory => "directory",
            BlockKind::Symlink => "symlink",
            BlockKind::Data => "data",
        }
    }

    /// Whether the block is metadata: everything but the content of files.
    pub fn is_metadata(self) -> bool {
        self != BlockKind::Data
    }
}

/// Why a store failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The device refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The device is shorter than the superblock says.
    #[error("the device has {len}, but its superblock asks for {needed}")]
    TooShort {
        /// What it has.
        len: Bytes,
        /// What it should have.
        needed: Bytes,
    },
    /// One operation changes more blocks than the store can take at once.
    #[error("an operation changes {blocks} blocks, more than the {limit} that the store takes at once")]
    OperationTooBig {
        /// How many it changes.
        blocks: usize,
        /// How many may be changed.
        limit: usize,
    },
}

/// Blocks that can be read, changed and made durable.
///
/// A store caches: a change is visible at once, and reaches the device when the store sees fit, at the latest in
/// [`sync`](Store::sync). Between [`begin`](Store::begin) and [`end`](Store::end) lies one operation; a store that is
/// atomic never lets a crash show a part of it.
pub trait Store {
    /// The content of a block.
    ///
    /// # Errors
    /// If the device fails.
    fn read(&mut self, block: BlockNo, kind: BlockKind) -> Result<&Page, StoreError>;

    /// The content of a block, shared where the store has not changed it.
    ///
    /// # Errors
    /// If the device fails.
    fn lend(&mut self, block: BlockNo, kind: BlockKind) -> Result<Lent, StoreError>;

    /// The content of a block, to be changed: the block is dirty from now on.
    ///
    /// # Errors
    /// If the device fails.
    fn modify(&mut self, block: BlockNo, kind: BlockKind) -> Result<&mut Page, StoreError>;

    /// The zeroed content of a block that was just allocated, to be filled in: dirty, and not read from the device.
    /// Unless it is [`BlockKind::Data`], no crash may show a pointer to it and its former content.
    ///
    /// # Errors
    /// If the device fails.
    fn fresh(&mut self, block: BlockNo, kind: BlockKind) -> Result<&mut Page, StoreError>;

    /// The block belongs to nobody any more: its content need not be written, and a journal revokes it.
    fn free_block(&mut self, block: BlockNo, kind: BlockKind);

    /// The inode belongs to nobody any more.
    fn free_inode(&mut self, inode: InodeNo);

    /// Whether a free block may be given out: not while a crash could still show it with its former owner.
    fn may_reuse_block(&self, block: BlockNo) -> bool;

    /// Whether a free inode may be given out.
    fn may_reuse_inode(&self, inode: InodeNo) -> bool;

    /// Whether a [`sync`](Store::sync) would let more free blocks or inodes be given out.
    fn sync_frees(&self) -> bool;

    /// An operation begins.
    ///
    /// # Errors
    /// If the store has to write to make room for it, and the device fails.
    fn begin(&mut self) -> Result<(), StoreError>;

    /// The operation is complete: a good moment to write some blocks back. Not called when the operation was refused,
    /// which is before it changed anything.
    ///
    /// # Errors
    /// If the device fails.
    fn end(&mut self) -> Result<(), StoreError>;

    /// Makes everything durable.
    ///
    /// # Errors
    /// If the device fails.
    fn sync(&mut self) -> Result<(), StoreError>;
}

/// What a store holds of a block.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    /// As the device has it.
    Lent(Lent),
    /// As it was changed.
    Changed(Box<Page>),
}

impl Held {
    /// A block as the device has it.
    pub(crate) fn read(disk: &Disk, block: BlockNo) -> Result<Held, DiskError> {
        Ok(Held::Lent(disk.lend(block.at(), BLOCK_SIZE)?))
    }

    /// Its bytes.
    pub(crate) fn page(&self) -> &Page {
        match self {
            Held::Lent(lent) => page(lent),
            Held::Changed(page) => page,
        }
    }

    /// Its bytes, to be changed.
    pub(crate) fn page_mut(&mut self) -> &mut Page {
        if let Held::Lent(lent) = self {
            *self = Held::Changed(Box::new(*page(lent)));
        }
        match self {
            Held::Changed(page) => page,
            Held::Lent(_) => unreachable!("it was just copied"),
        }
    }

    /// Its bytes, shared if they were not changed.
    pub(crate) fn lend(&self) -> Lent {
        match self {
            Held::Lent(lent) => lent.clone(),
            Held::Changed(page) => Lent::from(&page[..]),
        }
    }
}

/// What was lent of a whole block.
pub(crate) fn page(lent: &Lent) -> &Page {
    (&**lent).try_into().expect("a whole block was read")
}

impl<S: Store> Store for &mut S {
    fn read(&mut self, block: BlockNo, kind: BlockKind) -> Result<&Page, StoreError> {
        (**self).read(block, kind)
    }

    fn lend(&mut self, block: BlockNo, kind: BlockKind) -> Result<Lent, StoreError> {
        (**self).lend(block, kind)
    }

    fn modify(&mut self, block: BlockNo, kind: BlockKind) -> Result<&mut Page, StoreError> {
        (**self).modify(block, kind)
    }

    fn fresh(&mut self, block: BlockNo, kind: BlockKind) -> Result<&mut Page, StoreError> {
        (**self).fresh(block, kind)
    }

    fn free_block(&mut self, block: BlockNo, kind: BlockKind) {
        (**self).free_block(block, kind);
    }

    fn free_inode(&mut self, inode: InodeNo) {
        (**self).free_inode(inode);
    }

    fn may_reuse_block(&self, block: BlockNo) -> bool {
        (**self).may_reuse_block(block)
    }

    fn may_reuse_inode(&self, inode: InodeNo) -> bool {
        (**self).may_reuse_inode(inode)
    }

    fn sync_frees(&self) -> bool {
        (**self).sync_frees()
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        (**self).begin()
    }

    fn end(&mut self) -> Result<(), StoreError> {
        (**self).end()
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        (**self).sync()
    }
}
