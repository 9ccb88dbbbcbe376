//! A new layer, and how an old one is opened again.
//!
//! Each block is either as it was written, all its pages with one number, or was being written when the power went. Then
//! a scratch block holds what it should become, complete, since that was waited for. It is erased and programmed again
//! (FT-26), and as the scratch block stays as it is, that can be interrupted as often as it likes.

use super::SCRATCH;
use super::bugs::{Bug, Bugs};
use super::rewrite::{Content, DirectFtl};
use crate::ftl::FtlError;
use crate::ftl::chip::{Chip, label};
use crate::ftl::format::{BlockNo, Kind, Lpn, Page, Sequence};
use crashcheck::Nand;
use std::collections::BTreeMap;

/// A block as the crash has left it.
enum Left {
    /// It was never written since it was erased.
    Blank,
    /// It was being written. These pages are whole.
    Damaged(Content),
    /// It was written with this number; its first page is, or is a copy of, that logical page.
    Whole { first: Lpn, sequence: Sequence, content: Content },
}

/// The content of a block that can be written again, and the number it was written with.
type Copy = (Sequence, Content);

impl DirectFtl {
    /// Erases a chip and makes it an empty layer.
    ///
    /// # Errors
    /// If the chip fails, or has a bad block: there is no other place for what belongs into it.
    pub fn format(nand: Nand) -> Result<(), FtlError> {
        let mut chip = Chip::new(nand)?;
        for block in (0..chip.geometry().blocks).map(BlockNo) {
            if chip.is_factory_bad(block)? {
                return Err(FtlError::Full);
            }
            chip.erase(block, "erase")?;
        }
        chip.wait()
    }

    /// Opens the layer that is on a chip.
    ///
    /// # Errors
    /// If the chip was written by something else, or fails.
    pub fn open(nand: Nand, bugs: Bugs) -> Result<DirectFtl, FtlError> {
        let chip = Chip::new(nand)?;
        let (blocks, geometry) = (Self::blocks(&chip), *chip.geometry());
        let present = vec![false; (blocks * geometry.pages_per_block) as usize];
        let erases = vec![0; geometry.blocks as usize];
        let next = Sequence(1);
        let mut ftl = DirectFtl { chip, bugs, next, present, erases, turn: 0, redone: 0 };
        let copies = ftl.copies()?;
        for block in (0..blocks).map(BlockNo) {
            ftl.recover(block, copies.get(&block))?;
        }
        Ok(ftl)
    }

    /// The newest complete copy of each block that has one.
    fn copies(&mut self) -> Result<BTreeMap<BlockNo, Copy>, FtlError> {
        let mut copies = BTreeMap::<BlockNo, Copy>::new();
        let data = Self::blocks(&self.chip);
        let per_block = self.chip.geometry().pages_per_block;
        let mut newest = Sequence::default();
        for turn in 0..SCRATCH {
            let left = self.left(BlockNo(data + turn), Kind::Copy)?;
            let Left::Whole { first, sequence, content } = left else { continue };
            let block = BlockNo(first.0 / per_block);
            if block.0 >= data {
                return Err(FtlError::Misplaced { block: BlockNo(data + turn) });
            }
            if sequence > newest {
                (newest, self.turn) = (sequence, (turn + 1) % SCRATCH);
            }
            if copies.get(&block).is_none_or(|(known, _)| *known < sequence) {
                copies.insert(block, (sequence, content));
            }
        }
        Ok(copies)
    }

    fn recover(&mut self, block: BlockNo, copy: Option<&Copy>) -> Result<(), FtlError> {
        let (held, content) = match self.left(block, Kind::Data)? {
            Left::Blank => (Sequence::default(), vec![None; self.chip.pages_of(block).count()]),
            Left::Damaged(whole) => (Sequence::default(), whole),
            Left::Whole { first, sequence, content } => {
                if first != Lpn(self.chip.geometry().page_of(block, 0).0) {
                    return Err(FtlError::Misplaced { block });
                }
                (sequence, content)
            }
        };
        let (held, content) = match copy {
            Some((newer, content)) if *newer > held => {
                self.redo(block, *newer, content)?;
                (*newer, content.clone())
            }
            _ => (held, content),
        };
        for (page, content) in self.chip.pages_of(block).zip(content) {
            self.present[page.0 as usize] = content.is_some();
        }
        self.next = self.next.max(held.next());
        Ok(())
    }

    fn redo(&mut self, block: BlockNo, sequence: Sequence, content: &Content) -> Result<(), FtlError> {
        self.redone += 1;
        if self.bugs.has(Bug::RedoWithoutErase) {
            let what = |lpn: Lpn| label(&format!("data {lpn}"), None);
            self.program(block, block, Kind::Data, sequence, content, &what)?;
        } else {
            self.put(block, block, Kind::Data, sequence, content, None)?;
        }
        self.chip.wait()
    }

    /// What the crash has left of a block. A block that is not whole is read to its end.
    fn left(&mut self, block: BlockNo, kind: Kind) -> Result<Left, FtlError> {
        let mut content = Content::new();
        let (mut blank, mut whole, mut of) = (true, true, None);
        for (place, page) in (0..).zip(self.chip.pages_of(block)) {
            let found = self.chip.read(page)?;
            blank &= found == Page::Erased;
            if found == Page::Garbage && self.bugs.has(Bug::TornPageTaken) {
                content.push(Some(self.chip.read_unchecked(page)?));
                continue;
            }
            let Some(written) = found.valid().filter(|written| written.oob.kind == kind) else {
                whole = false;
                content.push(None);
                continue;
            };
            let oob = written.oob;
            let first = Lpn(oob.lpn.0.wrapping_sub(place));
            self.erases[block.0 as usize] = oob.erases;
            whole &= *of.get_or_insert((first, oob.sequence)) == (first, oob.sequence);
            content.push((oob.count > 0).then_some(written.data));
        }
        match of {
            _ if blank => Ok(Left::Blank),
            Some((first, sequence)) if whole || self.takes_for_whole(&content) => {
                Ok(Left::Whole { first, sequence, content })
            }
            _ => Ok(Left::Damaged(content)),
        }
    }

    /// A copy is taken for complete by its first page.
    fn takes_for_whole(&self, content: &Content) -> bool {
        self.bugs.has(Bug::IncompleteCopyTaken) && content.first().is_some_and(Option::is_some)
    }
}
