//! NAND flash chips: pages that are programmed once, and blocks of them that are erased as a whole.
//!
//! Arpaci-Dusseau, Operating Systems: Three Easy Pieces, chapter 44 ("Flash-based SSDs"). What a crash leaves on a chip
//! is for the `crashcheck` crate to say; here is only what the chip is.

use crate::trace::{DEVICE_LEN_MAX, Device, DeviceKind};
use crate::{BlockNo, Bytes, Image, PageNo};
use std::collections::BTreeMap;
use thiserror::Error;

/// A flash chip: its layout, and how far it is worn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NandChip {
    /// Its layout.
    pub geometry: NandGeometry,
    /// How often each block had been erased when the recording began; blocks that are not listed, never.
    pub erases: BTreeMap<BlockNo, u32>,
}

impl NandChip {
    /// How often a block had been erased when the recording began. A block that left the factory bad counts as erased
    /// more often than any block survives.
    pub fn erases_of(&self, block: BlockNo) -> u32 {
        self.erases.get(&block).copied().unwrap_or(0)
    }
}

/// The layout of a flash chip, and what its cells withstand.
///
/// A page is a data area and, behind it, a spare area (also called out of band, OOB) for what the flash translation
/// layer notes about the page: both are programmed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NandGeometry {
    /// The data area of a page.
    pub page: Bytes,
    /// The spare area of a page.
    pub spare: Bytes,
    /// How many pages are erased together.
    pub pages_per_block: u32,
    /// How many erase blocks there are.
    pub blocks: u32,
    /// How many erases a block survives.
    pub endurance: u32,
    /// Which pages share cells.
    pub paired: Pairing,
}

/// Which pages of a block share their cells with an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pairing {
    /// One bit in a cell (SLC): no two pages share one.
    #[default]
    None,
    /// Two bits in a cell (MLC): in every run of `2 * distance` pages of a block, page `distance + i` shares its cells
    /// with page `i`. A program of the later page that is cut off takes the earlier one with it.
    Mlc {
        /// How many pages lie between the two, in pages.
        distance: u32,
    },
}

/// Why there is no chip of such a layout.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// A length or a count is zero.
    #[error("a flash chip has pages, blocks, and a pairing distance of at least 1, but {what} is 0")]
    Zero {
        /// Which.
        what: &'static str,
    },
    /// The chip is longer than a device can be.
    #[error("a flash chip of this geometry is longer than {DEVICE_LEN_MAX}, or has more than 2^32 pages")]
    TooLong,
    /// A block is named that the chip does not have.
    #[error("{block} is beyond the chip, which has {blocks} blocks")]
    NoSuchBlock {
        /// Which.
        block: BlockNo,
        /// How many there are.
        blocks: u32,
    },
}

impl NandGeometry {
    /// Checks that there can be such a chip.
    ///
    /// # Errors
    /// If a length or count is zero, or the chip would be longer than a device can be.
    pub fn validate(&self) -> Result<(), GeometryError> {
        let zero = |what| Err(GeometryError::Zero { what });
        match self {
            NandGeometry { page: Bytes::ZERO, .. } => return zero("the data area of a page"),
            NandGeometry { pages_per_block: 0, .. } => return zero("the number of pages of a block"),
            NandGeometry { blocks: 0, .. } => return zero("the number of blocks"),
            NandGeometry { paired: Pairing::Mlc { distance: 0 }, .. } => return zero("the pairing distance"),
            _ => {}
        }
        let pages = u64::from(self.pages_per_block) * u64::from(self.blocks);
        let len = self.page.checked_add(self.spare).and_then(|page| page.0.checked_mul(pages));
        match len {
            Some(len) if len <= DEVICE_LEN_MAX.0 && pages <= u64::from(u32::MAX) => Ok(()),
            _ => Err(GeometryError::TooLong),
        }
    }

    /// The length of a page, data and spare area.
    pub fn page_len(&self) -> Bytes {
        self.page + self.spare
    }

    /// The length of an erase block, spare areas included.
    pub fn block_len(&self) -> Bytes {
        Bytes(self.page_len().0 * u64::from(self.pages_per_block))
    }

    /// The length of the chip, spare areas included.
    pub fn len(&self) -> Bytes {
        Bytes(self.block_len().0 * u64::from(self.blocks))
    }

    /// Whether the chip has no pages; [`validate`](Self::validate) refuses that.
    pub fn is_empty(&self) -> bool {
        self.pages() == 0
    }

    /// How many pages the chip has.
    pub fn pages(&self) -> u32 {
        self.pages_per_block * self.blocks
    }

    /// The block that a page belongs to.
    pub fn block_of(&self, page: PageNo) -> BlockNo {
        BlockNo(page.0 / self.pages_per_block)
    }

    /// The place of a page in its block, from 0.
    pub fn place_of(&self, page: PageNo) -> u32 {
        page.0 % self.pages_per_block
    }

    /// A page of a block, by its place in it.
    pub fn page_of(&self, block: BlockNo, place: u32) -> PageNo {
        PageNo(block.0 * self.pages_per_block + place)
    }

    /// Where a page begins on the device.
    pub fn page_at(&self, page: PageNo) -> Bytes {
        Bytes(self.page_len().0 * u64::from(page.0))
    }

    /// Where a block begins on the device.
    pub fn block_at(&self, block: BlockNo) -> Bytes {
        Bytes(self.block_len().0 * u64::from(block.0))
    }

    /// The page that holds a position of the device.
    pub fn page_with(&self, at: Bytes) -> PageNo {
        PageNo((at.0 / self.page_len().0) as u32)
    }

    /// The block that holds a position of the device.
    pub fn block_with(&self, at: Bytes) -> BlockNo {
        BlockNo((at.0 / self.block_len().0) as u32)
    }

    /// The earlier page that shares its cells with this one.
    pub fn partner(&self, page: PageNo) -> Option<PageNo> {
        let Pairing::Mlc { distance } = self.paired else { return None };
        let within = u64::from(self.place_of(page)) % (2 * u64::from(distance));
        (within >= u64::from(distance)).then(|| PageNo(page.0 - distance))
    }
}

impl Device {
    /// A chip as it leaves the factory: erased, and without bad blocks.
    ///
    /// ```
    /// use crashcheck_trace::{BlockNo, Bytes, Device, NandGeometry, Pairing};
    /// let geometry = NandGeometry {
    ///     page: Bytes(2048),
    ///     spare: Bytes(64),
    ///     pages_per_block: 64,
    ///     blocks: 8,
    ///     endurance: 100_000,
    ///     paired: Pairing::None,
    /// };
    /// let chip = Device::nand("chip", geometry).with_bad_blocks(&[BlockNo(3)]);
    /// assert_eq!(chip.base.len(), Bytes(8 * 64 * (2048 + 64)));
    /// ```
    ///
    /// # Panics
    /// If there can be no such chip; [`NandGeometry::validate`] says why.
    pub fn nand(name: &str, geometry: NandGeometry) -> Self {
        if let Err(error) = geometry.validate() {
            panic!("{error}");
        }
        let kind = DeviceKind::Nand(NandChip { geometry, erases: BTreeMap::new() });
        let base = Image::ones(geometry.len());
        Device { name: name.to_owned(), block: geometry.page_len(), base, kind, node: None, owner: None }
    }

    /// The same chip with blocks that were bad when it left the factory. As on real chips, the first byte of the spare
    /// area of such a block's first page is not `FF` (where pages have no spare area, the first byte of the page), and
    /// the block can be neither erased nor programmed.
    ///
    /// # Panics
    /// If the device is no chip, or has no such block.
    #[must_use]
    pub fn with_bad_blocks(mut self, blocks: &[BlockNo]) -> Self {
        let DeviceKind::Nand(chip) = &mut self.kind else {
            panic!("{} is not a flash chip, and so has no bad blocks", self.name);
        };
        let NandChip { geometry, erases } = chip;
        for block in blocks {
            if block.0 >= geometry.blocks {
                panic!("{}", GeometryError::NoSuchBlock { block: *block, blocks: geometry.blocks });
            }
            erases.insert(*block, u32::MAX);
            let spare = if geometry.spare == Bytes::ZERO { Bytes::ZERO } else { geometry.page };
            self.base.write(geometry.block_at(*block) + spare, &[0]);
        }
        self
    }

    /// The chip, if the device is one.
    pub fn chip(&self) -> Option<&NandChip> {
        match &self.kind {
            DeviceKind::Nand(chip) => Some(chip),
            DeviceKind::Block | DeviceKind::File | DeviceKind::Directory | DeviceKind::Link => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHIP: NandGeometry = NandGeometry {
        page: Bytes(16),
        spare: Bytes(4),
        pages_per_block: 8,
        blocks: 4,
        endurance: 10,
        paired: Pairing::Mlc { distance: 2 },
    };

    #[test]
    fn pages_and_blocks_lie_end_to_end() {
        let (page, block) = (PageNo(19), BlockNo(2));
        assert_eq!((CHIP.block_of(page), CHIP.place_of(page)), (block, 3));
        assert_eq!((CHIP.page_at(page), CHIP.block_at(block)), (Bytes(380), Bytes(320)));
        assert_eq!((CHIP.page_with(Bytes(399)), CHIP.block_with(Bytes(399))), (page, block));
        assert_eq!((CHIP.page_of(block, 3), CHIP.len()), (page, Bytes(640)));
    }

    /// FT-10: every second run of pages shares its cells with the run before, in each block by itself.
    #[test]
    fn paired_pages_are_partners_of_earlier_ones() {
        let partners = |geometry: NandGeometry| (0..8).map(move |page| geometry.partner(PageNo(8 + page)));
        let page = |page: u32| Some(PageNo(8 + page));
        assert_eq!(
            partners(CHIP).collect::<Vec<_>>(),
            [None, None, page(0), page(1), None, None, page(4), page(5)]
        );
        assert!(partners(NandGeometry { paired: Pairing::None, ..CHIP }).all(|partner| partner.is_none()));
    }

    #[test]
    fn a_chip_leaves_the_factory_erased_but_for_the_marks_of_bad_blocks() {
        let chip = Device::nand("chip", CHIP).with_bad_blocks(&[BlockNo(1)]);
        let zeros: Vec<usize> = chip
            .base
            .to_vec()
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte != 0xFF)
            .map(|(at, _)| at)
            .collect();
        assert_eq!(zeros, [160 + 16]);
        let chip = chip.chip().expect("a chip");
        assert!(chip.erases_of(BlockNo(1)) > CHIP.endurance && chip.erases_of(BlockNo(0)) == 0);
    }

    #[test]
    fn a_chip_without_pages_or_too_long_for_a_device_is_refused() {
        assert!(CHIP.validate().is_ok());
        let refused = [
            NandGeometry { page: Bytes::ZERO, ..CHIP },
            NandGeometry { pages_per_block: 0, ..CHIP },
            NandGeometry { blocks: 0, ..CHIP },
            NandGeometry { paired: Pairing::Mlc { distance: 0 }, ..CHIP },
        ];
        for geometry in refused {
            assert!(matches!(geometry.validate(), Err(GeometryError::Zero { .. })), "{geometry:?}");
        }
        let long = NandGeometry { page: Bytes(1 << 50), blocks: 1 << 20, ..CHIP };
        assert_eq!(long.validate(), Err(GeometryError::TooLong));
        let many = NandGeometry { page: Bytes(1), spare: Bytes::ZERO, blocks: u32::MAX, ..CHIP };
        assert_eq!(many.validate(), Err(GeometryError::TooLong));
    }
}
