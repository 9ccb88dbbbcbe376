//! The superblock, the checkpoint regions, and the tables of the newer one.

use super::Wrong;
use super::segments::Summary;
use crate::lfs::format::{PIECE_INODES, PIECES_PER_BLOCK, REGION_BLOCKS};
use crate::lfs::log::Log;
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, get_u32, get_u64};
use crashcheck::{Disk, DiskError};

const SUPERBLOCK: u64 = u64::from_le_bytes(*b"lfs-cc\0\x01");
const STAMP: u64 = u64::from_le_bytes(*b"lfs-chk\x01");
const VERSION: u32 = 1;
/// The first block of the first segment.
const FIRST: u32 = 1 + REGION_BLOCKS;
/// The bytes of a map before its first piece.
const MAP_HEAD: usize = 64;

/// Something smaller than a block, and what the inode map knows of it besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it lies; nowhere if it is not there.
    pub(super) block: BlockNo,
    pub(super) slot: u32,
    pub(super) version: u32,
}

/// What the superblock and the newer checkpoint say.
pub(super) struct Tables {
    pub(super) segments: u32,
    /// Blocks in each segment.
    pub(super) blocks: u32,
    pub(super) inodes: u32,
    pub(super) volume: u32,
    pub(super) epoch: u64,
    /// The number of the next part.
    pub(super) serial: u64,
    pub(super) clock: u64,
    /// Where it goes.
    pub(super) head: BlockNo,
    pub(super) pieces: Vec<Entry>,
    /// Live bytes of each segment.
    pub(super) usage: Vec<u32>,
}

impl Tables {
    /// What lies on the disk of an opened file system.
    pub(super) fn read(disk: &Disk, log: &Log) -> Result<Tables, Wrong> {
        let mut tables = superblock(disk, log)?;
        let at = [BlockNo(1), tables.end()];
        let [a, b] = [tables.stamp(disk, 'A', at[0])?, tables.stamp(disk, 'B', at[1])?];
        if a.abs_diff(b) != 1 {
            return Err(Wrong::Turns { a, b });
        }
        let (older, newer) = if a < b { (at[0], at[1]) } else { (at[1], at[0]) };
        let mut old = [0; 16];
        disk.read(BlockNo(older.0 + 1).at(), &mut old)?;
        tables.map(disk, newer)?;
        let rises = [
            ("epoch", get_u64(&old, 0), tables.epoch),
            ("number of the next part", get_u64(&old, 8), tables.serial),
        ];
        match rises.into_iter().find(|(_, older, newer)| older > newer) {
            Some((what, older, newer)) => Err(Wrong::Backwards { what, older, newer }),
            None => Ok(tables),
        }
    }

    /// The timestamp of a region, which both its ends have.
    fn stamp(&self, disk: &Disk, region: char, first: BlockNo) -> Result<u64, Wrong> {
        let end = |index| -> Result<Option<u64>, DiskError> {
            let mut bytes = [0; 24];
            disk.read(BlockNo(first.0 + index).at(), &mut bytes)?;
            let genuine = get_u64(&bytes, 0) == STAMP && get_u32(&bytes, 8) == self.volume;
            Ok(genuine.then(|| get_u64(&bytes, 16)))
        };
        match (end(0)?, end(REGION_BLOCKS - 1)?) {
            (Some(header), Some(tail)) if header == tail => Ok(header),
            (header, tail) => Err(Wrong::Region { region, header, tail }),
        }
    }

    /// The map and the usage table of a region.
    fn map(&mut self, disk: &Disk, region: BlockNo) -> Result<(), Wrong> {
        let pieces = (self.inodes / PIECE_INODES) as usize;
        let mut map = vec![0; MAP_HEAD + 8 * pieces];
        disk.read(BlockNo(region.0 + 1).at(), &mut map)?;
        let mut usage = vec![0; 16 * self.segments as usize];
        disk.read(BlockNo(region.0 + 2).at(), &mut usage)?;
        (self.epoch, self.serial, self.clock) = (get_u64(&map, 0), get_u64(&map, 8), get_u64(&map, 16));
        self.head = BlockNo(get_u32(&map, 24));
        if !self.is_log(self.head) || self.room_behind(self.head) == 0 {
            let (number, block) = (0, self.head);
            return Err(Wrong::Place { what: "the end of the log", number, block, slot: 0 });
        }
        for (number, bytes) in (0..).zip(map[MAP_HEAD..].chunks_exact(8)) {
            let (block, slot) = (BlockNo(get_u32(bytes, 0)), get_u32(bytes, 4));
            if block.0 != 0 && (!self.is_log(block) || slot as usize >= PIECES_PER_BLOCK) {
                return Err(Wrong::Place { what: "piece", number, block, slot });
            }
            self.pieces.push(Entry { block, slot, version: 0 });
        }
        self.usage = usage.chunks_exact(16).map(|segment| get_u32(segment, 0)).collect();
        Ok(())
    }

    /// Nothing that lies where the log goes on would be taken for its next part: it is of an older epoch, or has a smaller
    /// number.
    pub(super) fn head_is_clean(&self, disk: &Disk) -> Result<(), Wrong> {
        let Some(summary) = Summary::read(disk, self, self.head)? else { return Ok(()) };
        if (summary.epoch, summary.serial) < (self.epoch, self.serial) {
            return Ok(());
        }
        Err(Wrong::Stale { head: self.head, serial: summary.serial, epoch: summary.epoch })
    }

    /// The first block behind the segments.
    pub(super) fn end(&self) -> BlockNo {
        BlockNo(FIRST + self.segments * self.blocks)
    }

    /// Whether a block lies in a segment.
    pub(super) fn is_log(&self, block: BlockNo) -> bool {
        (FIRST..self.end().0).contains(&block.0)
    }

    /// The segment of a block that lies in one.
    pub(super) fn segment(&self, block: BlockNo) -> u32 {
        (block.0 - FIRST) / self.blocks
    }

    /// The blocks of a segment.
    pub(super) fn blocks_of(&self, segment: u32) -> std::ops::Range<u32> {
        let start = FIRST + segment * self.blocks;
        start..start + self.blocks
    }

    /// How many blocks of its segment lie behind a block.
    pub(super) fn room_behind(&self, block: BlockNo) -> u32 {
        self.blocks - 1 - (block.0 - FIRST) % self.blocks
    }
}

/// What the superblock says, which must be what the file system was opened as.
fn superblock(disk: &Disk, log: &Log) -> Result<Tables, Wrong> {
    let mut bytes = [0; 64];
    disk.read(BlockNo(0).at(), &mut bytes)?;
    let is = |field, found: u64, expected: u64| match found == expected {
        true => Ok(()),
        false => Err(Wrong::Field { table: "the superblock", field, found, expected }),
    };
    is("magic", get_u64(&bytes, 0), SUPERBLOCK)?;
    let opened = log.geometry();
    let fields = [
        ("version", VERSION),
        ("block size", BLOCK_SIZE as u32),
        ("volume", log.superblock.volume.0),
        ("number of segments", opened.segments),
        ("number of blocks", opened.segment_blocks),
        ("number of inodes", opened.inodes),
        ("checksum", crc32fast::hash(&bytes[..32])),
    ];
    for (at, (field, expected)) in (8..).step_by(4).zip(fields) {
        is(field, get_u32(&bytes, at).into(), expected.into())?;
    }
    Ok(Tables {
        segments: opened.segments,
        blocks: opened.segment_blocks,
        inodes: opened.inodes,
        volume: log.superblock.volume.0,
        epoch: 0,
        serial: 0,
        clock: 0,
        head: BlockNo::NONE,
        pieces: Vec::new(),
        usage: Vec::new(),
    })
}
