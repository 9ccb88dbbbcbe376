//! The layer itself: a write reads a block, and writes it again with one page changed.

use super::SCRATCH;
use super::bugs::{Bug, Bugs};
use crate::ftl::chip::{Chip, label};
use crate::ftl::format::{BlockNo, Kind, Lpn, OutOfBand, PAGE, PageNo, Sequence};
use crate::ftl::{FtlError, Translation};
use crashcheck::Label;

/// What a block should hold: for each page its content, or `None` if it is empty.
pub(super) type Content = Vec<Option<Vec<u8>>>;

/// A direct-mapped translation layer.
pub struct DirectFtl {
    pub(super) chip: Chip,
    pub(super) bugs: Bugs,
    /// The number of the next write.
    pub(super) next: Sequence,
    /// Which logical pages hold something.
    pub(super) present: Vec<bool>,
    /// How often each block was erased.
    pub(super) erases: Vec<u32>,
    /// The scratch block that is used next.
    pub(super) turn: u32,
    /// Blocks that recovery had to write again.
    pub(super) redone: usize,
}

impl DirectFtl {
    /// What was done since it was opened.
    pub fn chip(&self) -> &Chip {
        &self.chip
    }

    /// How often each block was erased.
    pub fn erases(&self) -> &[u32] {
        &self.erases
    }

    /// How many blocks were written again when it was opened.
    pub fn redone(&self) -> usize {
        self.redone
    }

    /// The blocks that hold logical pages.
    pub(super) fn blocks(chip: &Chip) -> u32 {
        chip.geometry().blocks.saturating_sub(SCRATCH)
    }

    fn content(&mut self, block: BlockNo) -> Result<Content, FtlError> {
        let pages = self.chip.pages_of(block);
        pages.map(|page| self.present[page.0 as usize].then(|| self.load(Lpn(page.0))).transpose()).collect()
    }

    /// Writes a block again.
    fn rewrite(&mut self, block: BlockNo, content: &Content, upper: Option<&Label>) -> Result<(), FtlError> {
        let sequence = self.next;
        self.next = sequence.next();
        if !self.bugs.has(Bug::EraseInPlace) {
            let scratch = BlockNo(Self::blocks(&self.chip) + self.turn);
            self.turn = (self.turn + 1) % SCRATCH;
            self.put(scratch, block, Kind::Copy, sequence, content, upper)?;
            if !self.bugs.has(Bug::ScratchNotAwaited) {
                self.chip.wait()?;
            }
        }
        self.put(block, block, Kind::Data, sequence, content, upper)
    }

    /// Erases a block and programs what another one should hold into it, or what it should hold itself.
    pub(super) fn put(
        &mut self,
        into: BlockNo,
        of: BlockNo,
        kind: Kind,
        sequence: Sequence,
        content: &Content,
        upper: Option<&Label>,
    ) -> Result<(), FtlError> {
        let what = if kind == Kind::Copy { "copy of data" } else { "data" };
        self.chip.erase(into, &label(if kind == Kind::Copy { "erase scratch" } else { "erase" }, upper))?;
        self.erases[into.0 as usize] += 1;
        self.program(into, of, kind, sequence, content, &|lpn| label(&format!("{what} {lpn}"), upper))
    }

    pub(super) fn program(
        &mut self,
        into: BlockNo,
        of: BlockNo,
        kind: Kind,
        sequence: Sequence,
        content: &Content,
        label: &dyn Fn(Lpn) -> String,
    ) -> Result<(), FtlError> {
        let erases = self.erases[into.0 as usize];
        let lpns: Vec<Lpn> = self.chip.pages_of(of).map(|page| Lpn(page.0)).collect();
        for ((page, lpn), content) in self.chip.pages_of(into).zip(lpns).zip(content) {
            let count = u32::from(content.is_some());
            let oob = OutOfBand { kind, lpn, count, sequence, born: sequence, erases };
            let data = content.as_deref().unwrap_or(&[0; PAGE]);
            self.chip.program(page, &oob, data, &label(lpn))?;
        }
        Ok(())
    }

    fn set(&mut self, lpn: Lpn, data: Option<&[u8]>, upper: Option<&Label>) -> Result<(), FtlError> {
        let geometry = *self.chip.geometry();
        let block = BlockNo(lpn.0 / geometry.pages_per_block);
        let mut content = self.content(block)?;
        content[(lpn.0 % geometry.pages_per_block) as usize] = data.map(<[u8]>::to_vec);
        self.rewrite(block, &content, upper)?;
        self.present[lpn.0 as usize] = data.is_some();
        self.chip.counters.host += 1;
        Ok(())
    }
}

impl Translation for DirectFtl {
    fn capacity(&self) -> u32 {
        self.present.len() as u32
    }

    /// Only what was programmed is ever read for the host (FT-02).
    fn load(&mut self, lpn: Lpn) -> Result<Vec<u8>, FtlError> {
        if !self.present[lpn.0 as usize] {
            return Ok(vec![0; PAGE]);
        }
        let page = PageNo(lpn.0);
        if self.bugs.has(Bug::TornPageTaken) {
            return self.chip.read_unchecked(page);
        }
        let written = self.chip.read(page)?.valid().filter(|written| written.oob.lpn == lpn);
        Ok(written.ok_or(FtlError::Damaged { lpn, page })?.data)
    }

    fn store(&mut self, lpn: Lpn, data: &[u8], upper: Option<&Label>) -> Result<(), FtlError> {
        self.set(lpn, Some(data), upper)
    }

    fn trim(&mut self, lpn: Lpn, count: u32) -> Result<(), FtlError> {
        for lpn in lpn.run(count) {
            if self.present[lpn.0 as usize] {
                self.set(lpn, None, None)?;
            }
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), FtlError> {
        self.chip.wait()
    }

    fn maintain(&mut self, _: u8) -> Result<(), FtlError> {
        Ok(())
    }

    fn check(&mut self) -> Result<(), FtlError> {
        self.check_chip()
    }
}
