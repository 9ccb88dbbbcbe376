//! Reads, writes and discards of a layer with log blocks.

use super::LOGS;
use super::bugs::{Bug, Bugs};
use super::merge::Merges;
use super::tables::{Chunk, Entry, Log, Pages, State, page_at};
use crate::ftl::chip::{Chip, label};
use crate::ftl::format::{BlockNo, Kind, Lpn, OutOfBand, PAGE, PageNo, Sequence};
use crate::ftl::{FtlError, Translation};
use crashcheck::{DiskError, Label};

/// A block, whatever it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) state: State,
    pub(super) erases: u32,
    /// When it began to be filled.
    pub(super) born: Sequence,
}

/// A translation layer with block mapping and log blocks.
pub struct HybridFtl {
    pub(super) chip: Chip,
    pub(super) bugs: Bugs,
    pub(super) chunks: Vec<Chunk>,
    pub(super) blocks: Vec<Block>,
    /// The number of the next write.
    pub(super) next: Sequence,
    /// The chunks with log blocks, the one written to least recently first.
    pub(super) recent: Vec<usize>,
    pub(super) merges: Merges,
    /// Blocks with content that recovery had no use for.
    pub(super) left_over: usize,
}

impl HybridFtl {
    /// What was done since it was opened.
    pub fn chip(&self) -> &Chip {
        &self.chip
    }

    /// The merges since it was opened.
    pub fn merges(&self) -> Merges {
        self.merges
    }

    /// How many blocks with content were of no use when it was opened.
    pub fn left_over(&self) -> usize {
        self.left_over
    }

    pub(super) fn pages_per_block(&self) -> u32 {
        self.chip.geometry().pages_per_block
    }

    /// The first page of a chunk.
    pub(super) fn first(&self, chunk: usize) -> Lpn {
        Lpn(chunk as u32 * self.pages_per_block())
    }

    pub(super) fn take_number(&mut self) -> Sequence {
        let taken = self.next;
        self.next = taken.next();
        taken
    }

    /// Begins the free block that was erased least.
    pub(super) fn begin_block(&mut self) -> Result<BlockNo, FtlError> {
        loop {
            let free = (0..).map(BlockNo).zip(&self.blocks);
            let free = free.filter(|(_, block)| matches!(block.state, State::Free { .. }));
            let least = free.min_by_key(|(number, block)| (block.erases, *number));
            let Some((number, state)) = least.map(|(number, block)| (number, block.state)) else {
                return Err(FtlError::Full);
            };
            let reused = self.bugs.has(Bug::ReusedWithoutErase);
            if state == (State::Free { erased: false }) && !reused && !self.erase(number)? {
                continue;
            }
            let born = self.take_number();
            let block = &mut self.blocks[number.0 as usize];
            (block.state, block.born) = (State::Used, born);
            return Ok(number);
        }
    }

    /// Erases a block. Whether it did: one that is worn out is never used again (FT-08). What it still holds does no harm:
    /// the data block that replaced it holds something newer, or the same, of every page.
    pub(super) fn erase(&mut self, number: BlockNo) -> Result<bool, FtlError> {
        let erased = match self.chip.erase(number, "erase") {
            Ok(()) => true,
            Err(DiskError::WornOut { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        let block = &mut self.blocks[number.0 as usize];
        block.state = if erased { State::Free { erased } } else { State::Bad };
        block.erases += u32::from(erased);
        Ok(erased)
    }

    /// Programs the next page of a block, behind those that it holds.
    pub(super) fn append(
        &mut self,
        number: BlockNo,
        pages: &mut Pages,
        entry: Entry,
        data: &[u8],
        what: &str,
    ) -> Result<(), FtlError> {
        let Block { erases, born, .. } = self.blocks[number.0 as usize];
        let Entry { lpn, kind, sequence } = entry;
        let page = page_at(number, pages.0.len() as u32, self.pages_per_block());
        self.chip.program(page, &OutOfBand { kind, lpn, count: 1, sequence, born, erases }, data, what)?;
        pages.0.push(Some(entry));
        Ok(())
    }

    /// The log block of a chunk, with room for a page.
    fn log_of(&mut self, chunk: usize) -> Result<Log, FtlError> {
        let full = self.pages_per_block() as usize;
        if self.chunks[chunk].log.as_ref().is_some_and(|log| log.sealed || log.pages.0.len() == full) {
            self.merge(chunk)?;
        }
        if self.chunks[chunk].log.is_none() {
            while self.recent.len() >= LOGS {
                self.merge(self.recent[0])?;
            }
            let block = self.begin_block()?;
            self.recent.push(chunk);
            return Ok(Log { block, pages: Pages::default(), sealed: false });
        }
        self.recent.retain(|other| *other != chunk);
        self.recent.push(chunk);
        self.chunks[chunk].log.take().ok_or(FtlError::Full)
    }

    /// Writes the next page of a chunk's log block.
    fn log(&mut self, lpn: Lpn, kind: Kind, data: &[u8], what: &str) -> Result<(), FtlError> {
        let chunk = (lpn.0 / self.pages_per_block()) as usize;
        let mut log = self.log_of(chunk)?;
        let entry = Entry { lpn, kind, sequence: self.take_number() };
        let outcome = self.append(log.block, &mut log.pages, entry, data, what);
        self.chunks[chunk].log = Some(log);
        self.chip.counters.host += 1;
        outcome
    }

    /// What a page holds that the tables say holds this.
    pub(super) fn read(&mut self, lpn: Lpn, page: PageNo) -> Result<Vec<u8>, FtlError> {
        if self.bugs.has(Bug::TornLogPageTaken) {
            return self.chip.read_unchecked(page);
        }
        let written = self.chip.read(page)?.valid().filter(|written| written.oob.lpn == lpn);
        Ok(written.ok_or(FtlError::Damaged { lpn, page })?.data)
    }

    /// Where a page is for the host.
    fn find(&self, lpn: Lpn) -> Option<(BlockNo, u32, Entry)> {
        let chunk = self.chunks.get((lpn.0 / self.pages_per_block()) as usize)?;
        if self.bugs.has(Bug::DataBeforeLog)
            && let Some((block, pages)) = &chunk.data
        {
            return pages.newest(lpn, false).map(|(place, entry)| (*block, place, entry));
        }
        chunk.find(lpn, self.bugs)
    }
}

impl Translation for HybridFtl {
    fn capacity(&self) -> u32 {
        self.chunks.len() as u32 * self.pages_per_block()
    }

    fn load(&mut self, lpn: Lpn) -> Result<Vec<u8>, FtlError> {
        match self.find(lpn) {
            Some((block, place, entry)) if entry.kind == Kind::Data => {
                self.read(lpn, page_at(block, place, self.pages_per_block()))
            }
            _ => Ok(vec![0; PAGE]),
        }
    }

    fn store(&mut self, lpn: Lpn, data: &[u8], upper: Option<&Label>) -> Result<(), FtlError> {
        self.log(lpn, Kind::Data, data, &label(&format!("data {lpn}"), upper))
    }

    fn trim(&mut self, lpn: Lpn, count: u32) -> Result<(), FtlError> {
        for lpn in lpn.run(count) {
            if self.find(lpn).is_some_and(|(.., entry)| entry.kind == Kind::Data) {
                self.log(lpn, Kind::Trim, &[0; PAGE], &format!("trim {lpn}"))?;
            }
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), FtlError> {
        self.chip.wait()
    }

    /// Any step merges the log block that was written to least recently.
    fn maintain(&mut self, _: u8) -> Result<(), FtlError> {
        match self.recent.first() {
            Some(chunk) => self.merge(*chunk),
            None => Ok(()),
        }
    }

    fn check(&mut self) -> Result<(), FtlError> {
        self.check_chip()
    }
}
