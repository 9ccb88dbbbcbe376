//! The chip below a translation layer: pages with out-of-band data, and what was done to them.

use super::FtlError;
use super::ecc::Corrected;
use super::format::{BlockNo, OutOfBand, PAGE, Page, PageNo, RAW, SPARE, decode, encode};
use crashcheck::trace::NandGeometry;
use crashcheck::{Bytes, DiskError, Label, Nand};

/// What a translation layer has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Logical pages that the host wrote or discarded.
    pub host: u64,
    /// Pages that were programmed.
    pub programs: u64,
    /// Blocks that were erased.
    pub erases: u64,
    /// Pages in which a flipped bit was put right.
    pub corrected: u64,
}

impl Counters {
    /// Bytes written to the chip for each byte that the host wrote (FT-19, Q-11).
    pub fn write_amplification(&self) -> f64 {
        self.programs as f64 / self.host.max(1) as f64
    }
}

/// A chip with pages of the size that the format wants.
pub struct Chip {
    nand: Nand,
    /// Whether something was issued since the last wait.
    in_flight: bool,
    /// What was done so far.
    pub counters: Counters,
}

impl Chip {
    /// The chip behind a handle.
    ///
    /// # Errors
    /// If its pages are not those of the format.
    pub fn new(nand: Nand) -> Result<Chip, FtlError> {
        let geometry = *nand.geometry();
        if (geometry.page, geometry.spare) != (Bytes::of(PAGE), Bytes::of(SPARE)) {
            return Err(FtlError::Geometry { page: geometry.page, spare: geometry.spare });
        }
        Ok(Chip { nand, in_flight: false, counters: Counters::default() })
    }

    /// Its layout.
    pub fn geometry(&self) -> &NandGeometry {
        self.nand.geometry()
    }

    /// The handle, for whoever reads the chip without this.
    pub(super) fn nand(&self) -> &Nand {
        &self.nand
    }

    /// The pages of a block, in the order in which they are programmed.
    pub fn pages_of(&self, block: BlockNo) -> impl Iterator<Item = PageNo> + use<> {
        let geometry = *self.geometry();
        (0..geometry.pages_per_block).map(move |place| geometry.page_of(block, place))
    }

    /// What a page holds, flipped bits put right.
    ///
    /// # Errors
    /// If the chip refuses.
    pub fn read(&mut self, page: PageNo) -> Result<Page, FtlError> {
        let mut raw = vec![0; RAW];
        self.nand.read(page, &mut raw)?;
        let found = decode(&raw);
        if matches!(&found, Page::Valid(written) if written.corrected == Corrected::OneBit) {
            self.counters.corrected += 1;
        }
        Ok(found)
    }

    /// The data area of a page as it is, whatever its checksums say.
    ///
    /// # Errors
    /// If the chip refuses.
    pub fn read_unchecked(&mut self, page: PageNo) -> Result<Vec<u8>, FtlError> {
        let mut data = vec![0; PAGE];
        self.nand.read(page, &mut data)?;
        Ok(data)
    }

    /// Whether a block was marked as bad when it left the factory. Only to be asked of a chip that was never used: the
    /// mark can be told from the remains of an interrupted write by nothing else.
    ///
    /// # Errors
    /// If the chip refuses.
    pub fn is_factory_bad(&mut self, block: BlockNo) -> Result<bool, FtlError> {
        let mut spare = [0; SPARE];
        self.nand.read_spare(self.geometry().page_of(block, 0), &mut spare)?;
        Ok(spare[0] != 0xff)
    }

    /// Programs a page; in flight until the next [`wait`](Chip::wait).
    ///
    /// # Errors
    /// If the chip refuses: the page is not erased, a later page of its block was programmed, or the block is worn out.
    pub fn program(
        &mut self,
        page: PageNo,
        oob: &OutOfBand,
        data: &[u8],
        what: &str,
    ) -> Result<(), DiskError> {
        self.nand.program(page, &encode(oob, data), Some(&Label::from(what)))?;
        self.in_flight = true;
        self.counters.programs += 1;
        Ok(())
    }

    /// Erases a block; in flight until the next [`wait`](Chip::wait).
    ///
    /// # Errors
    /// If the chip refuses: the block is worn out.
    pub fn erase(&mut self, block: BlockNo, what: &str) -> Result<(), DiskError> {
        self.nand.erase(block, Some(&Label::from(what)))?;
        self.in_flight = true;
        self.counters.erases += 1;
        Ok(())
    }

    /// Whether something was issued that a crash may undo.
    pub fn is_in_flight(&self) -> bool {
        self.in_flight
    }

    /// Makes everything that was issued durable.
    ///
    /// # Errors
    /// If the chip refuses.
    pub fn wait(&mut self) -> Result<(), FtlError> {
        if self.in_flight {
            self.nand.wait()?;
            self.in_flight = false;
        }
        Ok(())
    }

    /// How many pages of a block have to be programmed, if its first `programmed` are, before no later program can
    /// take one of them with it: pages that share cells with programmed ones must be programmed too (FT-10).
    pub fn exposed(&self, block: BlockNo, programmed: u32) -> u32 {
        let geometry = self.geometry();
        let endangers = |from: u32| {
            (from..geometry.pages_per_block).any(|place| {
                let partner = geometry.partner(geometry.page_of(block, place));
                partner.is_some_and(|partner| geometry.place_of(partner) < from)
            })
        };
        let safe = (programmed..geometry.pages_per_block).find(|from| !endangers(*from));
        safe.unwrap_or(geometry.pages_per_block) - programmed
    }
}

/// What a write is, with the words of whoever runs on the layer: `data 3 (journal commit)`.
pub(super) fn label(what: &str, upper: Option<&Label>) -> String {
    match upper {
        Some(upper) => format!("{what} ({upper})"),
        None => what.to_owned(),
    }
}
