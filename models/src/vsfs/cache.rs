//! The write-back buffer cache of vsfs: a store without a journal.
//!
//! Changed blocks stay in memory until a sync, or until too many of them have gathered, and are then written in the
//! order of their numbers. Nothing orders one of them after another, with two exceptions that keep files which were
//! synced and then left alone out of danger:
//!
//! - A new block of pointers, entries or a link target is durable before anything else is written (OP-03 rule 1).
//!   Otherwise a pointer to it could survive without it, and its former content be taken for metadata.
//! - What was freed since the last sync is not given out again (OP-06). Otherwise two owners could survive.

use super::bugs::{Bug, Bugs};
use super::format::{BLOCK_SIZE, BlockNo, Geometry, InodeNo, Page};
use super::store::{BlockKind, Held, Store, StoreError};
use crashcheck::{Disk, DiskError, Lent};
use std::collections::BTreeSet;

/// So many dirty blocks start a write-back.
const DIRTY_MAX: usize = 64;

struct Buffer {
    held: Held,
    kind: BlockKind,
    /// Not written since it was allocated.
    fresh: bool,
}

/// A write-back cache over a disk.
pub struct Cache {
    disk: Disk,
    labelled: [Option<Disk>; BlockKind::ALL.len()],
    buffers: Vec<Option<Buffer>>,
    dirty: BTreeSet<BlockNo>,
    /// Whether anything was written since the last flush.
    unflushed: bool,
    freed_blocks: BTreeSet<BlockNo>,
    freed_inodes: BTreeSet<InodeNo>,
    bugs: Bugs,
}

impl Cache {
    /// An empty cache over a disk with a file system of that geometry.
    ///
    /// # Errors
    /// If the disk is too short for it.
    pub fn new(disk: Disk, geometry: &Geometry, bugs: Bugs) -> Result<Cache, StoreError> {
        let (len, needed) = (disk.len()?, geometry.device_len());
        if len < needed {
            return Err(StoreError::TooShort { len, needed });
        }
        let buffers = std::iter::repeat_with(|| None).take(geometry.blocks() as usize).collect();
        Ok(Cache {
            disk,
            labelled: Default::default(),
            buffers,
            dirty: BTreeSet::new(),
            unflushed: false,
            freed_blocks: BTreeSet::new(),
            freed_inodes: BTreeSet::new(),
            bugs,
        })
    }

    fn load(&mut self, block: BlockNo, kind: BlockKind) -> Result<&mut Buffer, StoreError> {
        let buffer = &mut self.buffers[block.index()];
        if buffer.is_none() {
            *buffer = Some(Buffer { held: Held::read(&self.disk, block)?, kind, fresh: false });
        }
        Ok(buffer.as_mut().expect("was just loaded"))
    }

    fn write_back(&mut self) -> Result<(), StoreError> {
        let buffers = &self.buffers;
        let must_be_first = |block: &BlockNo| {
            buffers[block.index()].as_ref().is_some_and(|buffer| buffer.fresh && buffer.kind.is_metadata())
        };
        let first: Vec<BlockNo> = self.dirty.iter().copied().filter(must_be_first).collect();
        if !first.is_empty() && !self.bugs.has(Bug::PointerBeforeBlock) {
            first.iter().try_for_each(|block| self.write(*block))?;
            self.disk.flush()?;
            first.iter().for_each(|block| _ = self.dirty.remove(block));
        }
        let mut rest = std::mem::take(&mut self.dirty);
        if self.bugs.has(Bug::SyncSkipsDirectories) {
            self.dirty = rest
                .iter()
                .copied()
                .filter(|block| self.kind(*block) == Some(BlockKind::Directory))
                .collect();
            rest.retain(|block| !self.dirty.contains(block));
        }
        rest.into_iter().try_for_each(|block| self.write(block))
    }

    fn kind(&self, block: BlockNo) -> Option<BlockKind> {
        self.buffers[block.index()].as_ref().map(|buffer| buffer.kind)
    }

    fn write(&mut self, block: BlockNo) -> Result<(), StoreError> {
        let Some(buffer) = &mut self.buffers[block.index()] else { return Ok(()) };
        buffer.fresh = false;
        let disk = &self.disk;
        let labelled =
            self.labelled[buffer.kind as usize].get_or_insert_with(|| disk.labelled(buffer.kind.label()));
        labelled.write(block.at(), buffer.held.page())?;
        self.unflushed = true;
        Ok(())
    }
}

impl Store for Cache {
    fn read(&mut self, block: BlockNo, kind: BlockKind) -> Result<&Page, StoreError> {
        Ok(self.load(block, kind)?.held.page())
    }

    fn lend(&mut self, block: BlockNo, kind: BlockKind) -> Result<Lent, StoreError> {
        Ok(self.load(block, kind)?.held.lend())
    }

    fn modify(&mut self, block: BlockNo, kind: BlockKind) -> Result<&mut Page, StoreError> {
        self.dirty.insert(block);
        let buffer = self.load(block, kind)?;
        buffer.kind = kind;
        Ok(buffer.held.page_mut())
    }

    fn fresh(&mut self, block: BlockNo, kind: BlockKind) -> Result<&mut Page, StoreError> {
        self.dirty.insert(block);
        let buffer = Buffer { held: Held::Changed(Box::new([0; BLOCK_SIZE])), kind, fresh: true };
        Ok(self.buffers[block.index()].insert(buffer).held.page_mut())
    }

    fn free_block(&mut self, block: BlockNo, _kind: BlockKind) {
        self.dirty.remove(&block);
        self.buffers[block.index()] = None;
        if !self.bugs.has(Bug::ReuseBeforeSync) {
            self.freed_blocks.insert(block);
        }
    }

    fn free_inode(&mut self, inode: InodeNo) {
        self.freed_inodes.insert(inode);
    }

    fn may_reuse_block(&self, block: BlockNo) -> bool {
        !self.freed_blocks.contains(&block)
    }

    fn may_reuse_inode(&self, inode: InodeNo) -> bool {
        !self.freed_inodes.contains(&inode)
    }

    fn sync_frees(&self) -> bool {
        !self.freed_blocks.is_empty() || !self.freed_inodes.is_empty()
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn end(&mut self) -> Result<(), StoreError> {
        if self.dirty.len() > DIRTY_MAX { self.write_back() } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.write_back()?;
        if self.unflushed && !self.bugs.has(Bug::NoSyncFlush) {
            match self.disk.flush() {
                Err(DiskError::FlushFailed { .. }) if self.bugs.has(Bug::RetryTrustsDevice) => {
                    self.disk.flush()?;
                }
                flushed => flushed?,
            }
            self.unflushed = false;
        }
        self.freed_blocks.clear();
        self.freed_inodes.clear();
        Ok(())
    }
}
