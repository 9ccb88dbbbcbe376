//! The raw flash chip that a flash translation layer is given.

use super::{Disk, Machine};
use crate::error::DiskError;
use crashcheck_trace::{BlockNo, Bytes, DeviceId, Label, NandGeometry, PageNo, Reach};

/// A handle onto one flash chip of the machine under test. Clones share the chip; like a [`Disk`], a handle belongs to
/// one power cycle.
///
/// The chip is as raw as a real one (Arpaci-Dusseau, Operating Systems: Three Easy Pieces, chapter 44): a page is
/// programmed once, and only after its whole block was erased; the pages of a block are programmed in ascending order;
/// a block survives a number of erases. It corrects no errors: what was being programmed or erased when the power went
/// reads as garbage, and to notice that is for whoever programs the pages.
///
/// Whether a page is erased is seen from its bits, as on a real chip: it is if all of them are 1. So a page that was
/// programmed with nothing but ones still counts as erased.
///
/// ```
/// use crashcheck::{BlockNo, Bytes, Device, DeviceId, Disk, DiskError, NandGeometry, PageNo, Pairing};
/// # fn main() -> Result<(), DiskError> {
/// let geometry = NandGeometry {
///     page: Bytes(512),
///     spare: Bytes(16),
///     pages_per_block: 4,
///     blocks: 2,
///     endurance: 1000,
///     paired: Pairing::None,
/// };
/// let chip = Disk::plain(&[Device::nand("chip", geometry)]).nand(DeviceId(0))?;
/// chip.program(PageNo(0), &[7; 528], None)?;
/// assert!(matches!(chip.program(PageNo(0), &[8; 528], None), Err(DiskError::NotErased { .. })));
/// chip.erase(BlockNo(0), None)?;
/// chip.program(PageNo(0), &[8; 528], None)?;
/// chip.wait()?;
/// let mut data = [0; 512];
/// chip.read(PageNo(0), &mut data)?;
/// assert_eq!(data, [8; 512]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Nand {
    disk: Disk,
    geometry: NandGeometry,
}

impl Disk {
    /// A flash chip of the same machine.
    ///
    /// # Errors
    /// If the device is not a flash chip or belongs to a node of a cluster, or without power.
    pub fn nand(&self, device: DeviceId) -> Result<Nand, DiskError> {
        let machine = self.powered()?;
        let alone = machine.wire().owner(device).is_none();
        let geometry =
            machine.backing.chip(device).filter(|_| alone).ok_or(DiskError::NotFlash { device })?;
        drop(machine);
        Ok(Nand { disk: self.device(device), geometry })
    }
}

impl Nand {
    /// The layout of the chip.
    pub fn geometry(&self) -> &NandGeometry {
        &self.geometry
    }

    /// Reads a page: its data area into a buffer of that length, or data and spare area into one that holds both.
    ///
    /// # Errors
    /// If there is no such page, the buffer has another length, the page cannot be read or the chip has failed as a whole
    /// (both only under a profile with faults), or without power.
    pub fn read(&self, page: PageNo, buf: &mut [u8]) -> Result<(), DiskError> {
        self.check_page(page)?;
        if ![self.geometry.page, self.geometry.page_len()].contains(&Bytes::of(buf.len())) {
            return Err(self.wrong_length(buf.len()));
        }
        self.disk.powered()?.look(self.disk.device, self.geometry.page_at(page), buf)
    }

    /// Reads the spare area of a page.
    ///
    /// # Errors
    /// As [`read`](Nand::read).
    pub fn read_spare(&self, page: PageNo, buf: &mut [u8]) -> Result<(), DiskError> {
        self.check_page(page)?;
        if self.geometry.spare != Bytes::of(buf.len()) {
            return Err(self.wrong_length(buf.len()));
        }
        let at = self.geometry.page_at(page) + self.geometry.page;
        self.disk.powered()?.look(self.disk.device, at, buf)
    }

    /// Programs a page, data and spare area together. It is in flight until [`wait`](Nand::wait).
    ///
    /// # Errors
    /// If the page is not erased, a later page of its block is not, the block is worn out, there is no such page,
    /// `data` is not as long as data and spare area, the chip has failed as a whole, or without power.
    pub fn program(&self, page: PageNo, data: &[u8], label: Option<&Label>) -> Result<(), DiskError> {
        self.check_page(page)?;
        if self.geometry.page_len() != Bytes::of(data.len()) {
            return Err(self.wrong_length(data.len()));
        }
        self.disk.before_write(label)?;
        self.disk.powered()?.program(self.disk.device, &self.geometry, page, data, label)
    }

    /// Erases a block: all its bits become 1. It is in flight until [`wait`](Nand::wait).
    ///
    /// # Errors
    /// If the block is worn out, there is no such block, or without power. A block that survives n erases fails at the
    /// erase after the n-th, keeps its content, and can be neither erased nor programmed from then on. Only the erases
    /// wear a chip out: after a crash, a block that had failed once fails again at the next erase.
    pub fn erase(&self, block: BlockNo, label: Option<&Label>) -> Result<(), DiskError> {
        if block.0 >= self.geometry.blocks {
            return Err(DiskError::NoSuchBlock { block, blocks: self.geometry.blocks });
        }
        self.disk.before_write(label)?;
        self.disk.powered()?.erase(self.disk.device, &self.geometry, block, label)
    }

    /// Waits until everything issued to the chip is complete, and so survives a crash.
    ///
    /// # Errors
    /// Without power.
    pub fn wait(&self) -> Result<(), DiskError> {
        self.disk.powered()?.flush(self.disk.device, Reach::All)?;
        self.disk.after_flush();
        Ok(())
    }

    fn check_page(&self, page: PageNo) -> Result<(), DiskError> {
        match self.geometry.pages() {
            pages if page.0 < pages => Ok(()),
            pages => Err(DiskError::NoSuchPage { page, pages }),
        }
    }

    fn wrong_length(&self, len: usize) -> DiskError {
        let NandGeometry { page, spare, .. } = self.geometry;
        DiskError::NotAPage { len: Bytes::of(len), page, spare }
    }
}

impl Machine {
    /// Reads a range that lies within a page.
    fn look(&mut self, device: DeviceId, at: Bytes, buf: &mut [u8]) -> Result<(), DiskError> {
        self.size(device)?;
        self.backing.read(device, at, buf)
    }

    fn program(
        &mut self,
        device: DeviceId,
        geometry: &NandGeometry,
        page: PageNo,
        data: &[u8],
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        let block = geometry.block_of(page);
        if self.backing.erases(device, block) > geometry.endurance {
            return Err(DiskError::WornOut { block });
        }
        self.size(device)?;
        if !self.is_erased(device, geometry, page) {
            return Err(DiskError::NotErased { page, block });
        }
        let last = geometry.page_of(block, geometry.pages_per_block - 1);
        let mut later = (page.0 + 1..=last.0).map(PageNo);
        let later = later.find(|later| !self.is_erased(device, geometry, *later));
        if let Some(later) = later {
            return Err(DiskError::OutOfOrder { page, later, block });
        }
        self.backing.program(device, geometry.page_at(page), data, label)
    }

    fn erase(
        &mut self,
        device: DeviceId,
        geometry: &NandGeometry,
        block: BlockNo,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        self.size(device)?;
        let erases = self.backing.erases(device, block).saturating_add(1);
        self.backing.set_erases(device, block, erases);
        if erases > geometry.endurance {
            return Err(DiskError::WornOut { block });
        }
        self.backing.erase(device, geometry.block_at(block), geometry.block_len(), label)
    }

    /// What the chip itself can tell, whatever fails to be read.
    fn is_erased(&mut self, device: DeviceId, geometry: &NandGeometry, page: PageNo) -> bool {
        self.backing.is_ones(device, geometry.page_at(page), geometry.page_len())
    }
}

#[cfg(test)]
mod tests;
