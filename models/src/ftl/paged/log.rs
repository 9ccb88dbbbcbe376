//! The log of pages: every write goes to the next free page, wherever the logical page was before (FT-15).
//!
//! What may be given up must have been made up for: before a block is erased everything issued is waited for, the copies
//! of its live pages as well as the writes that made the others garbage (FT-03). On a chip whose pages share cells in
//! pairs, a wait is preceded by padding up to the point from which no later program can take an acknowledged page with
//! it (FT-10).

use super::bugs::{Bug, Bugs};
use super::checkpoint::{Area, Checkpoint};
use super::recover::Found;
use super::tables::{State, Summary, Tables};
use crate::ftl::chip::{Chip, label};
use crate::ftl::format::{BlockNo, Kind, Lpn, OutOfBand, PAGE, PageNo, Sequence};
use crate::ftl::{FtlError, Translation};
use crashcheck::{DiskError, Label};

/// A checkpoint is made when so many blocks were begun since the last one.
const CHECKPOINT_EVERY: u32 = 6;

/// A page-mapped translation layer.
pub struct PagedFtl {
    pub(super) chip: Chip,
    pub(super) tables: Tables,
    pub(super) area: Area,
    pub(super) bugs: Bugs,
    /// The number of the next write.
    pub(super) next: Sequence,
    /// Blocks begun since the last checkpoint.
    pub(super) begun: u32,
    pub(super) found: Found,
}

impl PagedFtl {
    /// What was done since it was opened.
    pub fn chip(&self) -> &Chip {
        &self.chip
    }

    /// What is in memory.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    pub(super) fn take_number(&mut self) -> Sequence {
        let taken = self.next;
        self.next = taken.next();
        taken
    }

    /// The block that is being filled, and how many of its pages are.
    pub(super) fn open_block(&self) -> Option<(BlockNo, u32)> {
        self.tables.blocks_that(|_| true).find_map(|(number, block)| match block.state {
            State::Open { programmed } => Some((number, programmed)),
            _ => None,
        })
    }

    /// Begins the free block that was erased least (FT-23).
    fn begin_block(&mut self) -> Result<(BlockNo, u32), FtlError> {
        loop {
            let free = self.tables.blocks_that(|state| matches!(state, State::Free { .. }));
            let least = free.min_by_key(|(number, block)| (block.erases, *number));
            let Some((number, state)) = least.map(|(number, block)| (number, block.state)) else {
                return Err(FtlError::Full);
            };
            if state == (State::Free { erased: false }) && !self.erase(number)? {
                continue;
            }
            let born = self.take_number();
            let block = &mut self.tables.blocks[number.0 as usize];
            (block.born, block.state) = (born, State::Open { programmed: 0 });
            self.begun += 1;
            return Ok((number, 0));
        }
    }

    /// Programs the next page of the log.
    pub(super) fn append(&mut self, summary: &Summary, data: &[u8], what: &str) -> Result<PageNo, FtlError> {
        let (number, place) = match self.open_block() {
            Some(open) => open,
            None => self.begin_block()?,
        };
        let geometry = *self.chip.geometry();
        let page = geometry.page_of(number, place);
        let block = &mut self.tables.blocks[number.0 as usize];
        let Summary { kind, lpn, count, sequence } = *summary;
        let oob = OutOfBand { kind, lpn, count, sequence, born: block.born, erases: block.erases };
        self.chip.program(page, &oob, data, what)?;
        let programmed = place + 1;
        block.state =
            if programmed == geometry.pages_per_block { State::Closed } else { State::Open { programmed } };
        Ok(page)
    }

    /// Erases a block that holds nothing live. Whether it did: a block that is worn out is never used again (FT-08).
    pub(super) fn erase(&mut self, number: BlockNo) -> Result<bool, FtlError> {
        let erased = match self.chip.erase(number, "erase") {
            Ok(()) => true,
            Err(DiskError::WornOut { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        let block = &mut self.tables.blocks[number.0 as usize];
        block.state = if erased { State::Free { erased } } else { State::Bad };
        block.erases += u32::from(erased);
        if !erased && !self.bugs.has(Bug::BadBlockNotRecorded) {
            // Its pages stay on the chip: what hides them may go only when it is known for ever that they do not count.
            self.checkpoint()?;
            self.chip.wait()?;
        }
        self.tables.forget(number);
        Ok(erased)
    }

    /// Notes what every full block holds.
    pub(super) fn checkpoint(&mut self) -> Result<(), FtlError> {
        if !self.bugs.has(Bug::CheckpointBeforeData) {
            self.settle()?;
        }
        let sequence = self.take_number();
        let pages_per_block = self.chip.geometry().pages_per_block;
        let checkpoint = Checkpoint::of(&self.tables, pages_per_block, sequence);
        self.area.append(&mut self.chip, &checkpoint)?;
        self.begun = 0;
        Ok(())
    }

    /// Makes sure that there is a page for the host.
    fn make_room(&mut self) -> Result<(), FtlError> {
        if self.begun >= CHECKPOINT_EVERY {
            self.checkpoint()?;
        }
        self.collect_until_there_is_room()
    }
}

impl Translation for PagedFtl {
    fn capacity(&self) -> u32 {
        self.tables.map.len() as u32
    }

    /// Only what was programmed is ever read for the host (FT-02).
    fn load(&mut self, lpn: Lpn) -> Result<Vec<u8>, FtlError> {
        let Some(page) = self.tables.find(lpn) else { return Ok(vec![0; PAGE]) };
        self.read_for(lpn, page).map(|written| written.data)
    }

    /// The number of a write is taken before room is made for it.
    fn store(&mut self, lpn: Lpn, data: &[u8], upper: Option<&Label>) -> Result<(), FtlError> {
        let sequence = self.take_number();
        self.make_room()?;
        let summary = Summary { kind: Kind::Data, lpn, count: 1, sequence };
        let page = self.append(&summary, data, &label(&format!("data {lpn}"), upper))?;
        self.tables.written(page, summary);
        self.chip.counters.host += 1;
        Ok(())
    }

    fn trim(&mut self, lpn: Lpn, count: u32) -> Result<(), FtlError> {
        if lpn.run(count).all(|lpn| self.tables.find(lpn).is_none()) {
            return Ok(());
        }
        let sequence = self.take_number();
        self.make_room()?;
        let summary = Summary { kind: Kind::Trim, lpn, count, sequence };
        let page = self.append(&summary, &[0; PAGE], &format!("trim {lpn}, {count} pages"))?;
        self.tables.written(page, summary);
        self.chip.counters.host += 1;
        Ok(())
    }

    fn settle(&mut self) -> Result<(), FtlError> {
        if !self.chip.is_in_flight() {
            return Ok(());
        }
        if let Some((number, programmed)) = self.open_block()
            && !self.bugs.has(Bug::PairsNotPadded)
        {
            let nothing =
                Summary { kind: Kind::Padding, lpn: Lpn(0), count: 0, sequence: Sequence::default() };
            for _ in 0..self.chip.exposed(number, programmed) {
                self.append(&nothing, &[0; PAGE], "padding")?;
            }
        }
        self.chip.wait()
    }

    /// 0 frees a block, 1 makes a checkpoint, 2 moves what lies on the block that was erased least.
    fn maintain(&mut self, step: u8) -> Result<(), FtlError> {
        match step {
            0 => self.collect_best(),
            1 => self.checkpoint(),
            2 => self.level(),
            _ => Ok(()),
        }
    }

    fn check(&mut self) -> Result<(), FtlError> {
        self.check_chip()
    }
}
