//! A new layer, and how an old one is opened again.
//!
//! Every block is read. Those that hold pages of one chunk are its data block, its log block, and what an interrupted
//! merge has left over: see [`Chunk::of`]. Nothing is written; blocks that are of no use are erased before they are used.

use super::bugs::{Bug, Bugs};
use super::chunks::{Block, HybridFtl};
use super::merge::Merges;
use super::tables::{Candidate, Chunk, Entry, Pages, State};
use super::{LOGS, SPARE_BLOCKS};
use crate::ftl::FtlError;
use crate::ftl::chip::Chip;
use crate::ftl::format::{BlockNo, Kind, Lpn, Page, Sequence};
use crashcheck::{DiskError, Nand};

/// A block by its pages.
struct Read {
    pages: Pages,
    erases: u32,
    /// The highest number in it.
    newest: Sequence,
    /// Whether something in it is neither erased nor whole.
    garbage: bool,
}

impl HybridFtl {
    /// Erases a chip and makes it an empty layer. Blocks that left the factory bad are left as they are: the chip
    /// refuses to erase them.
    ///
    /// # Errors
    /// If the chip fails.
    pub fn format(nand: Nand) -> Result<(), FtlError> {
        let mut chip = Chip::new(nand)?;
        for block in (0..chip.geometry().blocks).map(BlockNo) {
            match chip.erase(block, "erase") {
                Ok(()) | Err(DiskError::WornOut { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        chip.wait()
    }

    /// Opens the layer that is on a chip.
    ///
    /// # Errors
    /// If the chip was written by something else, or fails.
    pub fn open(nand: Nand, bugs: Bugs) -> Result<HybridFtl, FtlError> {
        let chip = Chip::new(nand)?;
        let blocks = chip.geometry().blocks;
        let chunks = blocks.saturating_sub(LOGS as u32 + SPARE_BLOCKS) as usize;
        let free = Block { state: State::Free { erased: false }, erases: 0, born: Sequence::default() };
        let mut ftl = HybridFtl {
            chip,
            bugs,
            chunks: vec![Chunk::default(); chunks],
            blocks: vec![free; blocks as usize],
            next: Sequence(1),
            recent: Vec::new(),
            merges: Merges::default(),
            left_over: 0,
        };
        let held = ftl.scan()?;
        for (chunk, candidates) in held.iter().enumerate() {
            let first = ftl.first(chunk);
            let found = Chunk::of(first, ftl.pages_per_block(), candidates, bugs);
            let block = || candidates.first().map_or(BlockNo(0), |candidate| candidate.block);
            let mut found = found.ok_or_else(|| FtlError::Misplaced { block: block() })?;
            if bugs.has(Bug::LogNotRebuilt) {
                found.log = None;
            }
            for block in found.blocks() {
                ftl.blocks[block.0 as usize].state = State::Used;
            }
            ftl.left_over += candidates.len() - found.blocks().count();
            ftl.recent.extend(found.log.as_ref().map(|_| chunk));
            ftl.chunks[chunk] = found;
        }
        Ok(ftl)
    }

    /// For every chunk the blocks that hold pages of it.
    fn scan(&mut self) -> Result<Vec<Vec<Candidate>>, FtlError> {
        let mut held = vec![Vec::new(); self.chunks.len()];
        for block in (0..self.blocks.len() as u32).map(BlockNo) {
            let read = self.read_block(block)?;
            self.blocks[block.0 as usize].erases = read.erases;
            self.next = self.next.max(read.newest.next());
            let Some(lpn) = read.pages.0.iter().flatten().map(|entry| entry.lpn).next() else {
                self.left_over += usize::from(read.garbage);
                continue;
            };
            let chunk = lpn.0 / self.pages_per_block();
            let of_it = |entry: &Entry| entry.lpn.0 / self.pages_per_block() == chunk;
            let all = read.pages.0.iter().flatten().all(of_it);
            let held = held.get_mut(chunk as usize).filter(|_| all);
            held.ok_or(FtlError::Misplaced { block })?.push(Candidate { block, pages: read.pages });
        }
        Ok(held)
    }

    /// Reads a block up to its first erased page.
    fn read_block(&mut self, block: BlockNo) -> Result<Read, FtlError> {
        let mut read =
            Read { pages: Pages::default(), erases: 0, newest: Sequence::default(), garbage: false };
        for page in self.chip.pages_of(block) {
            let entry = match self.chip.read(page)? {
                Page::Erased => break,
                Page::Garbage => {
                    read.garbage = true;
                    self.guess(&read.pages)
                }
                Page::Valid(written) => {
                    let oob = written.oob;
                    read.erases = oob.erases;
                    let newest = if self.bugs.has(Bug::NumbersReused) { oob.born } else { oob.sequence };
                    read.newest = read.newest.max(newest).max(oob.born);
                    let known = matches!(oob.kind, Kind::Data | Kind::Trim);
                    known.then_some(Entry { lpn: oob.lpn, kind: oob.kind, sequence: oob.sequence })
                }
            };
            read.pages.0.push(entry);
        }
        Ok(read)
    }

    /// A page that cannot be read is taken for the one that comes next.
    fn guess(&self, before: &Pages) -> Option<Entry> {
        let last = before.0.last().copied().flatten()?;
        let next = Entry { lpn: Lpn(last.lpn.0 + 1), kind: Kind::Data, sequence: last.sequence.next() };
        let same_chunk = !next.lpn.0.is_multiple_of(self.pages_per_block());
        (self.bugs.has(Bug::TornLogPageTaken) && same_chunk).then_some(next)
    }
}
