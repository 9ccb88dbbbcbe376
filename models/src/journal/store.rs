//! Blocks below the file system, with the journal between them and the device.
//!
//! Operations gather in a running transaction (group commit, JN-18). It is committed by a sync, or before an operation
//! if it has grown large. What goes through the log depends on the [`Mode`]; nothing that does is written in place
//! before its commit is durable (JN-01).

use super::Mode;
use super::bugs::{Bug, Bugs};
use super::check::{self, Claim};
use super::format::SECTOR;
use super::log::Log;
use super::transaction::{Dirty, Transaction};
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, InodeNo, Page};
use crate::vsfs::store::{self, BlockKind, Store, StoreError};
use crashcheck::{Disk, DiskError, Lent};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// A store that is atomic per operation.
pub struct JournalStore {
    disk: Disk,
    mode: Mode,
    bugs: Bugs,
    log: Log,
    /// What was read, or written by earlier transactions.
    clean: FxHashMap<BlockNo, Lent>,
    running: Transaction,
    /// The running transaction as it was before the current operation.
    before: Transaction,
    /// Freed by commits that are not durable yet.
    freed_blocks: BTreeSet<BlockNo>,
    freed_inodes: BTreeSet<InodeNo>,
}

impl JournalStore {
    /// A store over a recovered device.
    pub(super) fn new(disk: Disk, log: Log, mode: Mode, bugs: Bugs) -> JournalStore {
        JournalStore {
            disk,
            mode,
            bugs,
            log,
            clean: FxHashMap::default(),
            running: Transaction::default(),
            before: Transaction::default(),
            freed_blocks: BTreeSet::new(),
            freed_inodes: BTreeSet::new(),
        }
    }

    /// The device below.
    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// What the journal says of itself, if it lies behind a file system that ends here.
    pub(super) fn claim(&self, superblock: BlockNo) -> Claim {
        let (at, next) = self.log.end();
        // With that fault the tail stands in the second sector of the journal superblock.
        let tail_at = if self.bugs.has(Bug::TwoSectorSuperblock) { SECTOR } else { check::TAIL_AT };
        let end = check::End { at: at.0, next };
        Claim { superblock, log_blocks: self.log.capacity(), end, tail_at }
    }

    /// Takes back the current operation. Whether the transaction holds others: after a commit of those it may fit.
    pub(super) fn roll_back(&mut self) -> bool {
        self.running = self.before.clone();
        !self.running.is_empty()
    }

    /// Commits the running transaction. It is durable after the next flush.
    pub(super) fn commit(&mut self) -> Result<(), DiskError> {
        if self.running.is_empty() {
            return Ok(());
        }
        self.log.commit(&self.running)?;
        let done = std::mem::take(&mut self.running);
        self.before = Transaction::default();
        self.freed_blocks.extend(done.freed_blocks);
        self.freed_inodes.extend(done.freed_inodes);
        let blocks = done.blocks.into_iter().map(|(block, dirty)| (block, dirty.page));
        let shared = |(block, page)| (block, Lent::from(page as Arc<[u8]>));
        let written = blocks.chain(done.data).map(shared);
        self.clean.extend(written);
        self.forget_freed();
        Ok(())
    }

    fn forget_freed(&mut self) {
        if self.log.is_durable() {
            self.freed_blocks.clear();
            self.freed_inodes.clear();
        }
    }

    fn is_journaled(&self, kind: BlockKind) -> bool {
        kind.is_metadata() || self.mode == Mode::Data
    }

    /// What was read of a block that the running transaction has not changed.
    fn unchanged(&mut self, block: BlockNo) -> Result<&Lent, StoreError> {
        match self.clean.entry(block) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(self.disk.lend(block.at(), BLOCK_SIZE)?)),
        }
    }

    fn put(&mut self, block: BlockNo, kind: BlockKind, page: Arc<Page>) -> &mut Page {
        let journaled = self.is_journaled(kind);
        let running = &mut self.running;
        let page = if journaled {
            running.blocks.insert(block, Dirty { page, kind });
            running.blocks.get_mut(&block).map(|dirty| &mut dirty.page)
        } else {
            running.data.insert(block, page);
            running.data.get_mut(&block)
        };
        Arc::make_mut(page.expect("a page just inserted"))
    }
}

impl Store for JournalStore {
    fn read(&mut self, block: BlockNo, _kind: BlockKind) -> Result<&Page, StoreError> {
        if self.running.page(block).is_none() {
            return Ok(store::page(self.unchanged(block)?));
        }
        Ok(self.running.page(block).expect("it was changed"))
    }

    fn lend(&mut self, block: BlockNo, _kind: BlockKind) -> Result<Lent, StoreError> {
        match self.running.page(block) {
            Some(page) => Ok(Lent::from(Arc::clone(page) as Arc<[u8]>)),
            None => Ok(self.unchanged(block)?.clone()),
        }
    }

    fn modify(&mut self, block: BlockNo, kind: BlockKind) -> Result<&mut Page, StoreError> {
        let page = match self.running.page(block) {
            Some(page) => Arc::clone(page),
            None => Arc::<[u8]>::from(&self.unchanged(block)?[..]).try_into().expect("a block is a page"),
        };
        Ok(self.put(block, kind, page))
    }

    fn fresh(&mut self, block: BlockNo, kind: BlockKind) -> Result<&mut Page, StoreError> {
        Ok(self.put(block, kind, Arc::new([0; BLOCK_SIZE])))
    }

    fn free_block(&mut self, block: BlockNo, kind: BlockKind) {
        self.running.blocks.remove(&block);
        self.running.data.remove(&block);
        self.running.freed_blocks.insert(block);
        if self.is_journaled(kind) && !self.bugs.has(Bug::NoRevoke) {
            self.running.revokes.insert(block);
        }
    }

    fn free_inode(&mut self, inode: InodeNo) {
        self.running.freed_inodes.insert(inode);
    }

    fn may_reuse_block(&self, block: BlockNo) -> bool {
        let freed = self.running.freed_blocks.contains(&block) || self.freed_blocks.contains(&block);
        !freed || self.bugs.has(Bug::ReuseBeforeCommit)
    }

    fn may_reuse_inode(&self, inode: InodeNo) -> bool {
        !self.running.freed_inodes.contains(&inode) && !self.freed_inodes.contains(&inode)
    }

    fn sync_frees(&self) -> bool {
        let none = self.running.freed_blocks.is_empty()
            && self.running.freed_inodes.is_empty()
            && self.freed_blocks.is_empty()
            && self.freed_inodes.is_empty();
        !none
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        if self.running.is_large(self.log.capacity()) {
            self.commit()?;
        }
        self.before = self.running.clone();
        Ok(())
    }

    /// # Errors
    /// [`StoreError::OperationTooBig`] if the transaction has become larger than the log.
    fn end(&mut self) -> Result<(), StoreError> {
        if self.running.fits(self.log.capacity()) {
            return Ok(());
        }
        let limit = self.log.capacity() as usize - 2;
        Err(StoreError::OperationTooBig { blocks: self.running.blocks.len(), limit })
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.commit()?;
        self.log.flush()?;
        self.forget_freed();
        Ok(())
    }
}
