//! What lies on the disk. Version 1, little-endian, blocks of 4 KiB.
//!
//! ```text
//! block 0      superblock, never written after mkfs
//! block 1      checkpoint region A     | header | map | usage | tail |                          (LF-12)
//! block 5      segment 0, segment 1, …                                  each of n blocks
//! last four    checkpoint region B
//!
//! superblock   0       8         12      16       20           24         28       32
//!              | magic | version | bsize | volume | n segments | n blocks | inodes | crc32 of 0..32 |
//!
//! header,tail  0       8        12   16
//!              | magic | volume | 0  | timestamp |            the same in both, or the region is not complete
//! map          0       8        16       24     28   32         64
//!              | epoch | serial | clock  | head | 0  | zeros …  | piece: block, slot | … |      (LF-09, LF-14)
//! usage        segment: | live bytes | 0 | time of the last write 8 | …
//!
//! a segment    | summary | block … | summary | block … |      one *part* after the other
//!
//! summary      0       8        12      16      24       32     40     44      48      52      64
//!              | magic | volume | flags | epoch | serial | time | next | count | crc32 | zeros | entry | … |
//! entry        | kind | inode | version | position | crc32 of the block | 0 |           24 bytes (LF-27)
//!
//! inodes       16 slots of 256 bytes, as in vsfs, with the number of the inode at byte 56
//! map block    16 pieces of 256 bytes, each of 16 inodes: | block | slot | version | 0 |
//! log block    records of directory operations, see dirlog.rs; a length of 0 ends them
//! ```
//!
//! A *batch* is one or more parts, and holds whole operations: all but its last part have the flag 1, "more follows".
//!
//! A number means nothing without the *volume*, which every mkfs counts up, so that what an earlier file system left on
//! the device is never taken for a part of this one.

use crate::vsfs::format::{BLOCK_SIZE, BlockNo, InodeNo, Page, get_u32, put_u32};
use crashcheck::Bytes;

/// What a superblock begins with.
const MAGIC: u64 = u64::from_le_bytes(*b"lfs-cc\0\x01");
/// The version of this format.
const VERSION: u32 = 1;
/// Blocks of a checkpoint region: header, map, usage, tail.
pub const REGION_BLOCKS: u32 = 4;
/// The first block of the first segment.
const FIRST_SEGMENT: u32 = 1 + REGION_BLOCKS;
/// Inodes described by one piece of the inode map.
pub const PIECE_INODES: u32 = 16;
/// The size of a piece in bytes.
pub const PIECE_SIZE: usize = 256;
/// Pieces in a block of the log.
pub const PIECES_PER_BLOCK: usize = BLOCK_SIZE / PIECE_SIZE;
/// The most segments that the usage table of a checkpoint region describes.
const SEGMENTS_MAX: u32 = (BLOCK_SIZE / 16) as u32;
/// The most inodes whose pieces the map of a checkpoint region describes.
const INODES_MAX: u32 = PIECE_INODES * ((BLOCK_SIZE - 64) / 8) as u32;
/// The most blocks of a segment, all of which its summary describes.
const SEGMENT_BLOCKS_MAX: u32 = 128;

/// A segment, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentNo(pub u32);

impl SegmentNo {
    /// As an index into a table of segments.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Which of the two checkpoint regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Region {
    /// The one at the start of the disk.
    A,
    /// The one at its end.
    B,
}

impl Region {
    /// Both.
    pub const BOTH: [Region; 2] = [Region::A, Region::B];

    /// The other one.
    #[must_use]
    pub fn other(self) -> Region {
        if self == Region::A { Region::B } else { Region::A }
    }
}

/// How big the file system is and where its parts lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Segments.
    pub segments: u32,
    /// Blocks in each segment, summaries included.
    pub segment_blocks: u32,
    /// Inodes, the two reserved ones included.
    pub inodes: u32,
}

impl Default for Geometry {
    /// 1.5 MiB in 24 segments of 64 KiB: so few that a few hundred blocks go round the log.
    fn default() -> Self {
        Geometry { segments: 24, segment_blocks: 16, inodes: 256 }
    }
}

impl Geometry {
    /// Whether all tables fit their places, and there is room for a cleaner to work in.
    pub fn is_sane(&self) -> bool {
        (12..=SEGMENTS_MAX).contains(&self.segments)
            && (8..=SEGMENT_BLOCKS_MAX).contains(&self.segment_blocks)
            && (PIECE_INODES..=INODES_MAX).contains(&self.inodes)
            && self.inodes.is_multiple_of(PIECE_INODES)
    }

    /// The length of the device.
    pub fn device_len(&self) -> Bytes {
        BlockNo(self.log_end().0 + REGION_BLOCKS).at()
    }

    /// The first block of a checkpoint region.
    pub fn region(&self, region: Region) -> BlockNo {
        if region == Region::A { BlockNo(1) } else { self.log_end() }
    }

    /// The first block behind the segments.
    pub fn log_end(&self) -> BlockNo {
        BlockNo(FIRST_SEGMENT + self.segments * self.segment_blocks)
    }

    /// Whether a block lies in some segment.
    pub fn is_log(&self, block: BlockNo) -> bool {
        (FIRST_SEGMENT..self.log_end().0).contains(&block.0)
    }

    /// Every segment, in order.
    pub fn segment_numbers(&self) -> impl Iterator<Item = SegmentNo> + use<> {
        (0..self.segments).map(SegmentNo)
    }

    /// The segment of a block that lies in one.
    pub fn segment_of(&self, block: BlockNo) -> SegmentNo {
        SegmentNo((block.0 - FIRST_SEGMENT) / self.segment_blocks)
    }

    /// The first block of a segment.
    pub fn start(&self, segment: SegmentNo) -> BlockNo {
        BlockNo(FIRST_SEGMENT + segment.0 * self.segment_blocks)
    }

    /// How many blocks a part whose summary is this block can hold.
    pub fn room_behind(&self, summary: BlockNo) -> u32 {
        self.segment_blocks - 1 - (summary.0 - FIRST_SEGMENT) % self.segment_blocks
    }

    /// Pieces of the inode map.
    pub fn pieces(&self) -> u32 {
        self.inodes / PIECE_INODES
    }

    /// Whether an inode of that number exists and is not reserved.
    pub fn is_inode(&self, inode: InodeNo) -> bool {
        inode >= InodeNo::FIRST && inode.0 < self.inodes
    }
}

/// Tells the file systems apart that were made on one device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Volume(pub u32);

/// What mkfs wrote down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Superblock {
    /// Where everything lies.
    pub geometry: Geometry,
    /// Which file system it is.
    pub volume: Volume,
}

impl Superblock {
    /// Where it lies.
    pub const BLOCK: BlockNo = BlockNo(0);

    /// The block that says this.
    pub fn encode(&self) -> Page {
        let mut page = [0; BLOCK_SIZE];
        page[..8].copy_from_slice(&MAGIC.to_le_bytes());
        let Geometry { segments, segment_blocks, inodes } = self.geometry;
        let fields = [VERSION, BLOCK_SIZE as u32, self.volume.0, segments, segment_blocks, inodes];
        for (at, field) in (8..).step_by(4).zip(fields) {
            put_u32(&mut page, at, field);
        }
        let crc = crc32fast::hash(&page[..32]);
        put_u32(&mut page, 32, crc);
        page
    }

    /// What a superblock says, or `None` if it is not one of this version.
    pub fn decode(bytes: &[u8]) -> Option<Superblock> {
        let geometry = Geometry {
            segments: get_u32(bytes, 20),
            segment_blocks: get_u32(bytes, 24),
            inodes: get_u32(bytes, 28),
        };
        let genuine = bytes[..8] == MAGIC.to_le_bytes()
            && get_u32(bytes, 8) == VERSION
            && get_u32(bytes, 12) == BLOCK_SIZE as u32
            && get_u32(bytes, 32) == crc32fast::hash(&bytes[..32]);
        (genuine && geometry.is_sane()).then_some(Superblock { geometry, volume: Volume(get_u32(bytes, 16)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_and_segments_are_disjoint_and_cover_the_disk() {
        let geometry = Geometry { segments: 13, segment_blocks: 8, inodes: 32 };
        let mut seen = vec![0; (geometry.device_len().0 / 4096) as usize];
        seen[Superblock::BLOCK.index()] += 1;
        for first in Region::BOTH.map(|region| geometry.region(region)) {
            (0..REGION_BLOCKS).for_each(|block| seen[(first.0 + block) as usize] += 1);
        }
        for segment in geometry.segment_numbers() {
            for block in (0..geometry.segment_blocks).map(|block| BlockNo(geometry.start(segment).0 + block))
            {
                seen[block.index()] += 1;
                assert!(geometry.is_log(block));
                assert_eq!(geometry.segment_of(block), segment);
            }
        }
        assert!(seen.iter().all(|count| *count == 1));
        assert_eq!(geometry.room_behind(geometry.start(SegmentNo(3))), 7);
    }

    #[test]
    fn a_superblock_reads_back_and_a_damaged_one_does_not() {
        let superblock = Superblock { geometry: Geometry::default(), volume: Volume(7) };
        let page = superblock.encode();
        assert_eq!(Superblock::decode(&page), Some(superblock));
        for at in 0..36 {
            let mut damaged = page;
            damaged[at] ^= 1;
            assert_eq!(Superblock::decode(&damaged), None, "byte {at}");
        }
    }
}
