//! The cleaner: live blocks of some segments are written to the end of the log, and the segments are free once a
//! checkpoint says so (LF-26).
//!
//! It reads the summaries of a segment, which say whose each block is and where in its content (LF-27). A block whose
//! version is not the inode map's is dead at once (LF-28); otherwise the inode is asked whether it still points to it.
//! What lives is marked as dirty, and the next checkpoint writes it. A crash before that checkpoint is durable finds
//! the old blocks, a crash after it the new ones (LF-34).

use super::bugs::Bug;
use super::format::SegmentNo;
use super::imap::{PieceNo, Place};
use super::log::{Dirty, Log, decode_inode, device, read_page};
use super::position::Position;
use super::summary::{Holds, Summary, summary_len};
use crate::fs::{Errno, FsOp};
use crate::vsfs::FsError;
use crate::vsfs::files::Files;
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, INODE_SIZE, InodeNo};

/// Clean segments that only the cleaner, and what gives space back, may use (LF-10).
pub(super) const RESERVE: u32 = 4;
/// Fewer clean segments than this start the cleaner (LF-30).
pub(super) const LOW_WATER: u32 = 6;
/// It goes on until there are so many.
pub(super) const HIGH_WATER: u32 = 8;

/// Something in a block of the log that is not dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Live {
    /// Content of an inode, or pointers to it.
    Page(InodeNo, Position),
    /// An inode.
    Inode(InodeNo),
    /// A piece of the inode map.
    Piece(PieceNo),
}

/// Blocks that an operation changes at most, the log's own left out.
fn blocks_of(op: &FsOp) -> u64 {
    match op {
        FsOp::Write { len, .. } | FsOp::Append { len, .. } => len.0 / BLOCK_SIZE as u64 + 8,
        FsOp::Fsync(_) | FsOp::Sync => 0,
        _ => 6,
    }
}

/// Whether an operation may be refused for lack of room. What gives space back may not.
fn takes_space(op: &FsOp) -> bool {
    !matches!(op, FsOp::Unlink(_) | FsOp::Rmdir(_) | FsOp::Truncate { .. } | FsOp::Fsync(_) | FsOp::Sync)
}

impl Log {
    /// Sees to it that an operation finds enough clean segments, and that the reserve is left.
    ///
    /// # Errors
    /// `ENOSPC` if it does not, or if the device fails.
    pub(super) fn make_room(&mut self, op: &FsOp) -> Result<(), FsError> {
        let dirty = self.pages.values().filter(|page| page.dirty).count() + self.records.len() / 16 + 4;
        let per_segment = u64::from(self.geometry().segment_blocks - 1);
        let segments = (dirty as u64 + blocks_of(op)).div_ceil(per_segment) as u32 + 1;
        let wanted = segments.saturating_add(RESERVE);
        if self.usage.clean() < wanted.max(LOW_WATER) {
            self.clean(wanted.max(HIGH_WATER))?;
        }
        if takes_space(op) && self.usage.clean() < wanted { Err(Errno::ENOSPC.into()) } else { Ok(()) }
    }

    /// Cleans until there are so many clean segments, or nothing is gained any more.
    ///
    /// # Errors
    /// If the device fails or holds nonsense.
    pub(super) fn clean(&mut self, wanted: u32) -> Result<(), FsError> {
        self.cleanings += 1;
        self.checkpoint()?;
        let mut greedy = false;
        while self.usage.clean() < wanted {
            let before = self.usage.clean();
            for victim in self.victims(wanted - before, greedy) {
                self.relocate(victim)?;
            }
            self.checkpoint()?;
            if self.usage.clean() <= before {
                if greedy {
                    break;
                }
                greedy = true;
            }
        }
        Ok(())
    }

    /// How much is gained by cleaning a segment, for how long, at what price (LF-29): the free share that will stay free
    /// the longer the older the segment is, over reading it whole and writing what lives.
    pub(super) fn score(&self, segment: SegmentNo) -> f64 {
        let used = self.usage.utilisation(segment);
        let age = self.clock.saturating_sub(self.usage.get(segment).time) as f64;
        (1.0 - used) * age / (1.0 + used)
    }

    /// The segments to be cleaned to gain so many: the best first, and as many as the clean ones can take.
    fn victims(&self, gain: u32, greedy: bool) -> Vec<SegmentNo> {
        let geometry = self.geometry();
        let head = geometry.segment_of(self.head);
        let used = |segment: &SegmentNo| !self.usage.is_clean(*segment) && *segment != head;
        let mut candidates: Vec<(f64, SegmentNo)> = geometry
            .segment_numbers()
            .filter(used)
            .map(|segment| {
                let worth = if greedy { 1.0 - self.usage.utilisation(segment) } else { self.score(segment) };
                (worth, segment)
            })
            .collect();
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let per_segment = geometry.segment_blocks - 1;
        let room = self.usage.clean().saturating_sub(1) * per_segment;
        let (mut chosen, mut live) = (Vec::new(), 0);
        for (_, segment) in candidates {
            live += self.usage.get(segment).live;
            // Inodes and pieces of the map move along.
            let blocks = live.div_ceil(BLOCK_SIZE as u32) * 5 / 4 + 4;
            if blocks > room {
                break;
            }
            chosen.push(segment);
            if chosen.len() as u32 >= gain + blocks.div_ceil(per_segment) {
                break;
            }
        }
        chosen
    }

    /// Has everything that lives in a segment written again.
    fn relocate(&mut self, segment: SegmentNo) -> Result<(), FsError> {
        for live in self.live_in(segment)? {
            match live {
                Live::Page(owner, position) => {
                    let mut inode = self.inode(owner)?;
                    self.make_dirty(owner, &mut inode, position)?;
                }
                Live::Inode(number) => {
                    let cached = self.cached(number)?;
                    cached.dirty = cached.dirty.max(Dirty::Later);
                }
                Live::Piece(piece) => self.map.mark_dirty(piece),
            }
        }
        if self.bugs.has(Bug::ReuseBeforeCheckpoint) {
            self.usage.set_clean(segment, true);
        }
        Ok(())
    }

    /// What lives in a segment.
    ///
    /// # Errors
    /// If the device fails or holds nonsense.
    pub(super) fn live_in(&mut self, segment: SegmentNo) -> Result<Vec<Live>, FsError> {
        let mut live = Vec::new();
        for (summary, at) in self.summaries(segment)? {
            for (entry, block) in summary.entries.iter().zip(at.0 + 1..) {
                self.live_at(entry.holds, BlockNo(block), &mut live)?;
            }
        }
        Ok(live)
    }

    fn live_at(&mut self, holds: Holds, block: BlockNo, live: &mut Vec<Live>) -> Result<(), FsError> {
        match holds {
            Holds::Content { inode, version, position } => {
                if self.map.get(inode).version == version && self.points_to(inode, position, block)? {
                    live.push(Live::Page(inode, position));
                }
            }
            Holds::Inodes => {
                let page = read_page(&self.disk, block).map_err(device)?;
                for (bytes, slot) in page.chunks_exact(INODE_SIZE).zip(0..) {
                    let here = |number: &InodeNo| self.map.get(*number).place == Some(Place { block, slot });
                    let number = decode_inode(bytes, self.geometry()).map(|(number, _)| number);
                    live.extend(number.filter(here).map(Live::Inode));
                }
            }
            Holds::Map => live.extend(self.map.pieces_in(block).into_iter().map(Live::Piece)),
            // Checkpoints make directory operations obsolete, and only what is older than the last one is cleaned.
            Holds::Names => {}
        }
        Ok(())
    }

    /// Whether an inode has this block at this position (LF-27).
    pub(super) fn points_to(
        &mut self,
        number: InodeNo,
        position: Position,
        block: BlockNo,
    ) -> Result<bool, FsError> {
        if !self.map.is_used(number) {
            return Ok(false);
        }
        let inode = self.inode(number)?;
        Ok(self.pointer(number, &inode, position)? == block)
    }

    /// The summaries of a segment that was written since it was clean, in order. What an earlier life left behind them
    /// does not continue their numbers.
    pub(super) fn summaries(&self, segment: SegmentNo) -> Result<Vec<(Summary, BlockNo)>, FsError> {
        let geometry = *self.geometry();
        let mut bytes = vec![0; summary_len(&geometry)];
        let mut found: Vec<(Summary, BlockNo)> = Vec::new();
        let (mut at, end) = (geometry.start(segment), geometry.start(segment).0 + geometry.segment_blocks);
        while at.0 + 1 < end && at != self.head {
            self.disk.read(at.at(), &mut bytes).map_err(device)?;
            let Some(summary) = Summary::decode(&bytes, self.superblock.volume, &geometry) else { break };
            let continues = found
                .last()
                .is_none_or(|(last, _)| summary.serial == last.serial.next() && summary.epoch >= last.epoch);
            let next = BlockNo(at.0 + 1 + summary.entries.len() as u32);
            if !continues || next.0 > end {
                break;
            }
            found.push((summary, at));
            at = next;
        }
        Ok(found)
    }
}
