//! The log: where transactions go before anything changes in place.
//!
//! ```text
//! commit       data in place ┐
//!              TxB, body     ┘ flush   TxE   flush: acknowledged           two steps (JN-03)
//! commit       data in place   flush   TxB, body, TxE   flush             one shot (JN-19)
//! checkpoint   blocks in place flush   journal superblock   flush         (JN-14)
//! ```
//!
//! The flush after TxE is left to the next one where nobody waits for it: until then what the transaction freed is
//! not given out, and no checkpoint begins.

use super::bugs::{Bug, Bugs};
use super::format::{Commit, Descriptor, JournalSuperblock, LogBlock, Region, Sequence, Tag, escape};
use super::recover::write_superblock;
use super::transaction::Transaction;
use super::{CommitStyle, Mode};
use crate::vsfs::format::{BlockNo, Page};
use crate::vsfs::store::BlockKind;
use crashcheck::{Disk, DiskError, Lent};
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A committed block that is not in its place yet.
struct Committed {
    page: Arc<Page>,
    kind: BlockKind,
    /// The newest transaction that changed it.
    sequence: Sequence,
}

/// A transaction that occupies the log.
struct Live {
    sequence: Sequence,
    start: LogBlock,
    blocks: u32,
}

/// A page as it is, for the device and whoever reads it.
fn shared(page: &Arc<Page>) -> Lent {
    Lent::from(Arc::clone(page) as Arc<[u8]>)
}

/// The write end of the journal.
pub(super) struct Log {
    disk: Disk,
    region: Region,
    mode: Mode,
    style: CommitStyle,
    bugs: Bugs,
    /// Where the next transaction begins.
    head: LogBlock,
    /// Its number.
    next: Sequence,
    live: VecDeque<Live>,
    committed: BTreeMap<BlockNo, Committed>,
    /// Whether something was written since the last flush that a flush has to cover.
    unflushed: bool,
}

impl Log {
    /// An empty log that goes on where recovery says.
    pub(super) fn new(
        disk: Disk,
        region: Region,
        start: &JournalSuperblock,
        mode: Mode,
        style: CommitStyle,
        bugs: Bugs,
    ) -> Log {
        let (head, next) = (start.tail, start.sequence);
        let (live, committed) = (VecDeque::new(), BTreeMap::new());
        Log { disk, region, mode, style, bugs, head, next, live, committed, unflushed: false }
    }

    /// Whether everything committed so far survives a crash.
    pub(super) fn is_durable(&self) -> bool {
        !self.unflushed
    }

    /// How many blocks the log has.
    pub(super) fn capacity(&self) -> u32 {
        self.region.log_blocks
    }

    /// Where the next transaction begins, and its number.
    pub(super) fn end(&self) -> (LogBlock, Sequence) {
        (self.head, self.next)
    }

    fn free(&self) -> u32 {
        if self.bugs.has(Bug::OverwriteLiveLog) {
            return self.capacity();
        }
        self.capacity() - self.live.iter().map(|transaction| transaction.blocks).sum::<u32>()
    }

    /// Makes what was committed durable.
    pub(super) fn flush(&mut self) -> Result<(), DiskError> {
        if self.unflushed && !self.bugs.has(Bug::NoCommitFlush) {
            let flushed = self.disk.flush();
            if !self.bugs.has(Bug::FlushErrorIgnored) {
                flushed?;
            }
        }
        self.unflushed = false;
        Ok(())
    }

    /// Writes a transaction that [fits](Transaction::fits). It is durable after the next [`flush`](Log::flush).
    pub(super) fn commit(&mut self, transaction: &Transaction) -> Result<(), DiskError> {
        let blocks = transaction.blocks.len() as u32 + 2;
        self.make_room(blocks)?;
        let data_first = self.mode != Mode::Writeback && !self.bugs.has(Bug::OrderedWithoutDataWait);
        if data_first {
            self.write_data(transaction)?;
        }
        let at_once = self.style == CommitStyle::OneShot;
        if at_once && data_first && !transaction.data.is_empty() {
            self.disk.flush()?;
        }
        let descriptor_crc = self.write_body(transaction)?;
        if !at_once && !self.bugs.has(Bug::CommitWithBody) {
            self.disk.flush()?;
        }
        let commit = Commit { sequence: self.next, descriptor_crc };
        let at = self.region.block(self.region.after(self.head, blocks - 1));
        self.disk.labelled("journal commit").write(at.at(), &commit.encode())?;
        if !data_first {
            self.write_data(transaction)?;
        }
        self.unflushed = true;
        self.remember(transaction, blocks);
        if self.free() < self.capacity() / 4 {
            self.checkpoint(self.capacity() / 2)?;
        }
        Ok(())
    }

    fn write_data(&self, transaction: &Transaction) -> Result<(), DiskError> {
        let disk = self.disk.labelled(BlockKind::Data.label());
        transaction.data.iter().try_for_each(|(block, page)| disk.write_lent(block.at(), &shared(page)))
    }

    /// Writes TxB and the body, and returns the checksum of TxB.
    fn write_body(&self, transaction: &Transaction) -> Result<u32, DiskError> {
        let mut descriptor = Descriptor {
            sequence: self.next,
            tags: Vec::new(),
            revokes: transaction.revokes.iter().copied().collect(),
        };
        let mut body = Vec::new();
        for (block, dirty) in &transaction.blocks {
            let (logged, escaped) = match escape(&dirty.page) {
                (Cow::Borrowed(_), escaped) => (shared(&dirty.page), escaped),
                (Cow::Owned(page), escaped) => (Lent::from(&page[..]), escaped),
            };
            descriptor.tags.push(Tag { block: *block, crc: crc32fast::hash(&logged), escaped });
            body.push((logged, dirty.kind));
        }
        let (page, crc) = descriptor.encode();
        self.disk.labelled("journal descriptor").write(self.region.block(self.head).at(), &page)?;
        for (index, (page, kind)) in (1..).zip(&body) {
            let at = self.region.block(self.region.after(self.head, index));
            self.disk.labelled(&format!("journaled {}", kind.label())).write_lent(at.at(), page)?;
        }
        Ok(crc)
    }

    /// What was committed waits for its checkpoint, except for what this transaction freed: nobody may write to a
    /// freed block on behalf of its former owner (JN-24).
    fn remember(&mut self, transaction: &Transaction, blocks: u32) {
        if !self.bugs.has(Bug::CheckpointFreed) {
            for block in &transaction.freed_blocks {
                self.committed.remove(block);
            }
        }
        for (block, dirty) in &transaction.blocks {
            let page = Arc::clone(&dirty.page);
            self.committed.insert(*block, Committed { page, kind: dirty.kind, sequence: self.next });
        }
        self.live.push_back(Live { sequence: self.next, start: self.head, blocks });
        self.head = self.region.after(self.head, blocks);
        self.next = self.next.next();
    }

    fn make_room(&mut self, blocks: u32) -> Result<(), DiskError> {
        if self.free() >= blocks { Ok(()) } else { self.checkpoint(blocks.max(self.capacity() / 2)) }
    }

    /// Puts the oldest transactions in their place until so many blocks of the log are free.
    ///
    /// A block that a later transaction of the log changes as well is left to that one: it is replayed from there.
    fn checkpoint(&mut self, free: u32) -> Result<(), DiskError> {
        if !self.bugs.has(Bug::CheckpointBeforeCommit) {
            self.flush()?;
        }
        let mut last = None;
        while self.free() < free
            && let Some(oldest) = self.live.pop_front()
        {
            last = Some(oldest.sequence);
        }
        let all = std::mem::take(&mut self.committed);
        let (in_place, later): (BTreeMap<_, _>, BTreeMap<_, _>) =
            all.into_iter().partition(|(_, block)| Some(block.sequence) <= last);
        self.committed = later;
        for (block, Committed { page, kind, .. }) in &in_place {
            let disk = self.disk.labelled(&format!("checkpoint {}", kind.label()));
            disk.write_lent(block.at(), &shared(page))?;
        }
        if !in_place.is_empty() && !self.bugs.has(Bug::EarlySuperblockAdvance) {
            self.disk.flush()?;
        }
        self.advance()
    }

    /// Says in the journal superblock what is still live, before any of the rest is written over (JN-13).
    fn advance(&mut self) -> Result<(), DiskError> {
        let (tail, sequence) = match self.live.front() {
            Some(oldest) => (oldest.start, oldest.sequence),
            None => (self.head, self.next),
        };
        let new = JournalSuperblock { log_blocks: self.capacity(), sequence, tail };
        write_superblock(&self.disk, &self.region, &new, self.bugs)?;
        if !self.bugs.has(Bug::NoAdvanceFlush) {
            self.disk.flush()?;
            self.unflushed = false;
        }
        Ok(())
    }
}
