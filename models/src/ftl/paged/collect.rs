//! Garbage collection and wear levelling.
//!
//! A block is freed by copying what is live in it to the end of the log, waiting, erasing it, and waiting again (FT-17). The victim is
//! the block with the fewest live pages (greedy). Two things come first: a block in which bits flip (FT-07), and, when
//! erase counts are too far apart, the block that was erased least: what lies on it changes seldom and is moved, so that
//! the block takes part again (static wear levelling, FT-23).

use super::bugs::Bug;
use super::log::PagedFtl;
use super::tables::{State, Summary};
use crate::ftl::FtlError;
use crate::ftl::ecc::Corrected;
use crate::ftl::exported::Translation;
use crate::ftl::format::{BlockNo, Kind, Lpn, PageNo, Written};

/// So many free blocks are kept: one for copies, and one to make up for a block that fails when it is erased.
const RESERVE: usize = 2;
/// Erase counts that are so far apart are brought together.
pub const WEAR_LIMIT: u32 = 4;

impl PagedFtl {
    /// Frees blocks until the host can write a page and the reserve is still there.
    pub(super) fn collect_until_there_is_room(&mut self) -> Result<(), FtlError> {
        // Each round frees a page at least, or brings the erase counts nearer to each other.
        let rounds = self.tables.blocks.len() * (1 + self.chip.geometry().pages_per_block as usize);
        for _ in 0..rounds {
            if self.open_block().is_some() || self.tables.free() > RESERVE {
                return Ok(());
            }
            let victim = self.victim().ok_or(FtlError::Full)?;
            self.collect(victim)?;
        }
        Err(FtlError::Full)
    }

    /// Frees the block that is best freed, if there is anything to gain.
    pub(super) fn collect_best(&mut self) -> Result<(), FtlError> {
        match self.victim() {
            Some(victim) => self.collect(victim),
            None => Ok(()),
        }
    }

    /// Moves what lies on the block that was erased least, if others were erased more often. That can wait until there is
    /// room for the copies again, which a crash may have left without.
    pub(super) fn level(&mut self) -> Result<(), FtlError> {
        let has_room = self.tables.free() >= RESERVE;
        match self.least_worn() {
            Some(victim) if has_room && self.tables.spread() > 1 => self.collect(victim),
            _ => Ok(()),
        }
    }

    /// A crash in the middle of a collection may leave no free block at all. Then there is a block without live pages: the
    /// one that the copies went to.
    fn victim(&self) -> Option<BlockNo> {
        let full = || self.tables.blocks_that(|state| state == State::Closed);
        let room_for_copies = self.tables.free() > 0;
        if room_for_copies && let Some((decaying, _)) = full().find(|(_, block)| block.decays) {
            return Some(decaying);
        }
        if room_for_copies
            && self.tables.spread() >= WEAR_LIMIT
            && let Some(least) = self.least_worn()
        {
            return Some(least);
        }
        let cost = |number: BlockNo| self.tables.live_pages(number).len();
        let candidates = full().map(|(number, block)| (cost(number), block.erases, number));
        let (live, _, number) = candidates.min()?;
        (live < self.chip.geometry().pages_per_block as usize).then_some(number)
    }

    /// The full block that was erased least, unless a block that is used next was erased as little.
    fn least_worn(&self) -> Option<BlockNo> {
        let usable = || self.tables.blocks_that(|state| state != State::Bad);
        let least = usable().map(|(_, block)| block.erases).min()?;
        let next = usable().any(|(_, block)| block.state != State::Closed && block.erases == least);
        let found = usable().find(|(_, block)| block.erases == least);
        found.filter(|_| !next).map(|(number, _)| number)
    }

    /// Copies what is live in a block, and erases it.
    pub(super) fn collect(&mut self, victim: BlockNo) -> Result<(), FtlError> {
        for page in self.tables.live_pages(victim) {
            let Some(summary) = self.tables.summary(page) else { continue };
            if summary.kind == Kind::Trim && self.bugs.has(Bug::TombstoneDropped) {
                continue;
            }
            let written = self.read_for(summary.lpn, page)?;
            let sequence = match self.bugs.has(Bug::CopyGetsNewSequence) {
                true => self.take_number(),
                false => summary.sequence,
            };
            let summary = Summary { sequence, ..summary };
            let what = if summary.kind == Kind::Trim { "trim" } else { "data" };
            let copy = self.append(&summary, &written.data, &format!("copy of {what} {}", summary.lpn))?;
            self.tables.copied(page, copy, summary);
        }
        if !self.bugs.has(Bug::EraseBeforeCopies) {
            self.settle()?;
        }
        self.erase(victim)?;
        // What the host writes behind the copies may not be there without the room that was gained for it: if a crash undid the
        // erase, there would be no block without live pages.
        self.chip.wait()
    }

    /// The page that holds a logical page or speaks of it, and a note if its block has begun to decay.
    pub(super) fn read_for(&mut self, lpn: Lpn, page: PageNo) -> Result<Written, FtlError> {
        let written = self.chip.read(page)?.valid().filter(|written| written.oob.lpn == lpn);
        let written = *written.ok_or(FtlError::Damaged { lpn, page })?;
        if self.bugs.has(Bug::CodeIgnored) {
            return Ok(Written { data: self.chip.read_unchecked(page)?, ..written });
        }
        if written.corrected == Corrected::OneBit {
            let block = self.chip.geometry().block_of(page);
            self.tables.blocks[block.0 as usize].decays = true;
        }
        Ok(written)
    }
}
