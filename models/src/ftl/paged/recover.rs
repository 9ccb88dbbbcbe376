//! A new layer, and how an old one is opened again.
//!
//! The newest checkpoint says what the full blocks held; of each block the first page is read, and shows whether that
//! still holds. The blocks of which it does not are read until the first erased page. The map follows from what all the
//! pages say, so it is the same as if all had been read (FT-16). Nothing is written. What the power loss interrupted
//! reads as garbage and is left for the garbage collection; a block that was being filled is not filled further, and one
//! that looks erased is erased again before it is used (FT-26).

use super::bugs::{Bug, Bugs};
use super::checkpoint::{Area, Checkpoint, Noted, parts};
use super::log::PagedFtl;
use super::tables::{Block, State, Summary, Tables};
use crate::ftl::FtlError;
use crate::ftl::chip::Chip;
use crate::ftl::format::{BlockNo, Kind, Page, Sequence};
use crashcheck::{DiskError, Nand, NandGeometry};

/// What was found when the layer was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Blocks that were read because the checkpoint does not speak for them.
    pub scanned: u32,
    /// Pages in them that are neither erased nor whole.
    pub garbage: u32,
}

/// How many blocks of a chip hold data, and how many each half of the checkpoint area has.
pub fn layout(geometry: &NandGeometry) -> (u32, u32) {
    let half = parts(geometry.blocks, geometry.pages_per_block).div_ceil(geometry.pages_per_block.max(1));
    (geometry.blocks.saturating_sub(2 * half), half)
}

impl PagedFtl {
    /// Erases a chip and makes it an empty layer of so many logical pages. Blocks that left the factory bad are never
    /// used; none of them may lie in the checkpoint area, which is at the end of the chip.
    ///
    /// # Errors
    /// If the chip fails.
    pub fn format(nand: Nand, capacity: u32, bugs: Bugs) -> Result<(), FtlError> {
        let mut chip = Chip::new(nand)?;
        let (data, half) = layout(chip.geometry());
        let mut blocks = Vec::new();
        for number in (0..data).map(BlockNo) {
            let bad = chip.is_factory_bad(number)? || worn_out(chip.erase(number, "erase"))?;
            let state = if bad { State::Bad } else { State::Free { erased: true } };
            blocks.push(Block::blank(chip.geometry().pages_per_block, u32::from(!bad), state));
        }
        let pages_per_block = chip.geometry().pages_per_block;
        let tables = Tables::new(pages_per_block, blocks, capacity);
        let mut area = Area::behind(data, half, bugs.has(Bug::CheckpointInPlace));
        area.append(&mut chip, &Checkpoint::of(&tables, pages_per_block, Sequence(1)))?;
        chip.wait()
    }

    /// Opens the layer that is on a chip.
    ///
    /// # Errors
    /// If there is none, or the chip fails.
    pub fn open(nand: Nand, bugs: Bugs) -> Result<PagedFtl, FtlError> {
        let mut chip = Chip::new(nand)?;
        let geometry = *chip.geometry();
        let (data, half) = layout(&geometry);
        let mut area = Area::behind(data, half, bugs.has(Bug::CheckpointInPlace));
        let missing = FtlError::NotFormatted { what: "checkpoint of a page-mapped layer" };
        let checkpoint = area.find(&mut chip)?.ok_or(missing.clone())?;
        let same_chip = checkpoint.pages_per_block == geometry.pages_per_block;
        if !same_chip || checkpoint.blocks.len() as u32 != data || checkpoint.capacity > geometry.pages() {
            return Err(missing);
        }
        let (mut found, mut newest) = (Found::default(), area.newest());
        let mut blocks = Vec::new();
        for (number, noted) in (0..).map(BlockNo).zip(&checkpoint.blocks) {
            let mut reading = Reading { chip: &mut chip, bugs, found: &mut found, newest: &mut newest };
            blocks.push(reading.block(number, noted)?);
        }
        let mut tables = Tables::new(geometry.pages_per_block, blocks, checkpoint.capacity);
        tables.rebuild(bugs.has(Bug::RebuildIgnoresSequence));
        let next = if bugs.has(Bug::NumberReused) { newest } else { newest.next() };
        Ok(PagedFtl { chip, tables, area, bugs, next, begun: 0, found })
    }

    /// What was found when it was opened.
    pub fn found(&self) -> Found {
        self.found
    }
}

fn worn_out(outcome: Result<(), DiskError>) -> Result<bool, FtlError> {
    match outcome {
        Ok(()) => Ok(false),
        Err(DiskError::WornOut { .. }) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Reads blocks as a crash has left them.
struct Reading<'a> {
    chip: &'a mut Chip,
    bugs: Bugs,
    found: &'a mut Found,
    /// The highest number seen.
    newest: &'a mut Sequence,
}

impl Reading<'_> {
    /// A block of which the checkpoint says something.
    fn block(&mut self, number: BlockNo, noted: &Noted) -> Result<Block, FtlError> {
        let pages_per_block = self.chip.geometry().pages_per_block;
        // A block that is not as it was has been erased since.
        let erased_since = noted.erases.saturating_add(u32::from(noted.full));
        let free = |erased| Block::blank(pages_per_block, erased_since, State::Free { erased });
        if noted.bad {
            return Ok(Block::blank(pages_per_block, noted.erases, State::Bad));
        }
        let as_noted = || Block {
            pages: noted.pages.clone(),
            born: noted.born,
            ..Block::blank(pages_per_block, noted.erases, State::Closed)
        };
        if self.bugs.has(Bug::CheckpointTrusted) {
            return Ok(if noted.full { as_noted() } else { free(false) });
        }
        match self.chip.read(self.chip.geometry().page_of(number, 0))? {
            Page::Erased => Ok(free(false)),
            Page::Valid(first) if noted.full && first.oob.born == noted.born => Ok(as_noted()),
            Page::Garbage if self.bugs.has(Bug::InterruptedEraseReused) => Ok(free(true)),
            Page::Garbage | Page::Valid(_) => {
                self.found.scanned += 1;
                let block = self.scan(number)?;
                let unknown = block.born == Sequence::default();
                Ok(if unknown { Block { erases: erased_since, ..block } } else { block })
            }
        }
    }

    /// A block by its pages, up to the first that is erased.
    fn scan(&mut self, number: BlockNo) -> Result<Block, FtlError> {
        let geometry = *self.chip.geometry();
        let mut block = Block::blank(geometry.pages_per_block, 0, State::Closed);
        for (place, page) in self.chip.pages_of(number).enumerate() {
            match self.chip.read(page)? {
                Page::Erased => break,
                Page::Garbage => self.found.garbage += 1,
                Page::Valid(written) => {
                    block.pages[place] = Summary::of(&written);
                    (block.born, block.erases) = (written.oob.born, written.oob.erases);
                    if written.oob.kind != Kind::Padding {
                        *self.newest = (*self.newest).max(written.oob.sequence);
                    }
                    *self.newest = (*self.newest).max(written.oob.born);
                }
            }
        }
        Ok(block)
    }
}
