//! The checkpoint regions: the two places from which everything else is found (LF-12 to LF-15).
//!
//! A checkpoint is written in an order that the device must not change: what it refers to; the header and the body;
//! the tail. The header and the tail hold the same timestamp, and a region in which they differ is not complete. That
//! alone does not do on a device that reorders, for header and tail may survive without the body between them
//! (LF-13): so the device is flushed before the tail is written.
//!
//! The regions take turns. Whatever a crash makes of one, the other is complete, and older by one checkpoint.

use super::bugs::{Bug, Bugs};
use super::format::{Geometry, Region, SegmentNo, Superblock};
use super::imap::{Place, is_piece_place};
use super::summary::{Epoch, Serial};
use super::usage::Segment;
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, Page, get_u32, get_u64, put_u32, put_u64};
use crashcheck::{Bytes, Disk, DiskError};

const MAGIC: u64 = u64::from_le_bytes(*b"lfs-chk\x01");
const PIECES_AT: usize = 64;

/// Counts checkpoints; stands in for the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

/// A position in the log at which the file system is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The epoch in which the log goes on.
    pub epoch: Epoch,
    /// The number of the next part.
    pub serial: Serial,
    /// How many operations there were so far.
    pub clock: u64,
    /// Where the next part goes.
    pub head: BlockNo,
    /// Where each piece of the inode map lies.
    pub pieces: Vec<Option<Place>>,
    /// The segment usage table.
    pub usage: Vec<Segment>,
}

/// Where a checkpoint was read from or written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The region.
    pub region: Region,
    /// Its timestamp.
    pub timestamp: Timestamp,
}

impl Turn {
    /// The first turn of a new file system.
    pub const FIRST: Turn = Turn { region: Region::A, timestamp: Timestamp(1) };

    /// The turn after this one: never the same region twice (LF-12).
    #[must_use]
    pub fn next(self) -> Turn {
        Turn { region: self.region.other(), timestamp: Timestamp(self.timestamp.0 + 1) }
    }
}

impl Checkpoint {
    fn map(&self) -> Page {
        let mut page = [0; BLOCK_SIZE];
        put_u64(&mut page, 0, self.epoch.0);
        put_u64(&mut page, 8, self.serial.0);
        put_u64(&mut page, 16, self.clock);
        put_u32(&mut page, 24, self.head.0);
        for (at, piece) in (PIECES_AT..).step_by(8).zip(&self.pieces) {
            let place = piece.unwrap_or(Place { block: BlockNo::NONE, slot: 0 });
            put_u32(&mut page, at, place.block.0);
            put_u32(&mut page, at + 4, place.slot);
        }
        page
    }

    fn usage(&self) -> Page {
        let mut page = [0; BLOCK_SIZE];
        for (at, segment) in (0..).step_by(16).zip(&self.usage) {
            put_u32(&mut page, at, segment.live);
            put_u64(&mut page, at + 8, segment.time);
        }
        page
    }

    /// What the two blocks of a body say, or `None` if they say what cannot be.
    fn decode(map: &[u8], usage: &[u8], geometry: &Geometry) -> Option<Checkpoint> {
        let piece = |bytes: &[u8]| {
            let place = Place { block: BlockNo(get_u32(bytes, 0)), slot: get_u32(bytes, 4) };
            match place.block {
                BlockNo::NONE => Some(None),
                _ => is_piece_place(place, geometry).then_some(Some(place)),
            }
        };
        let segment = |bytes: &[u8]| {
            let segment = Segment { live: get_u32(bytes, 0), time: get_u64(bytes, 8) };
            let room = (geometry.segment_blocks - 1) * BLOCK_SIZE as u32;
            (segment.live <= room).then_some(segment)
        };
        let checkpoint = Checkpoint {
            epoch: Epoch(get_u64(map, 0)),
            serial: Serial(get_u64(map, 8)),
            clock: get_u64(map, 16),
            head: BlockNo(get_u32(map, 24)),
            pieces: map[PIECES_AT..].chunks_exact(8).map(piece).collect::<Option<_>>()?,
            usage: usage.chunks_exact(16).map(segment).collect::<Option<_>>()?,
        };
        let head = checkpoint.head;
        (geometry.is_log(head) && geometry.room_behind(head) > 0).then_some(checkpoint)
    }
}

fn block(geometry: &Geometry, region: Region, index: u32) -> Bytes {
    BlockNo(geometry.region(region).0 + index).at()
}

/// A header or a tail.
fn stamp(superblock: &Superblock, timestamp: Timestamp) -> Page {
    let mut page = [0; BLOCK_SIZE];
    put_u64(&mut page, 0, MAGIC);
    put_u32(&mut page, 8, superblock.volume.0);
    put_u64(&mut page, 16, timestamp.0);
    page
}

fn read_stamp(disk: &Disk, superblock: &Superblock, at: Bytes) -> Result<Option<Timestamp>, DiskError> {
    let mut bytes = [0; 24];
    disk.read(at, &mut bytes)?;
    let genuine = get_u64(&bytes, 0) == MAGIC && get_u32(&bytes, 8) == superblock.volume.0;
    Ok(genuine.then_some(Timestamp(get_u64(&bytes, 16))))
}

/// Writes a checkpoint. What it refers to must be durable; the checkpoint is when this returns.
///
/// # Errors
/// If the device fails.
pub(super) fn write(
    disk: &Disk,
    superblock: &Superblock,
    turn: Turn,
    checkpoint: &Checkpoint,
    bugs: Bugs,
) -> Result<(), DiskError> {
    let geometry = &superblock.geometry;
    let at = |index| block(geometry, turn.region, index);
    let stamp = stamp(superblock, turn.timestamp);
    disk.labelled("checkpoint header").write(at(0), &stamp)?;
    disk.labelled("checkpoint map").write(at(1), &checkpoint.map())?;
    disk.labelled("checkpoint usage").write(at(2), &checkpoint.usage())?;
    if !bugs.has(Bug::TailWithoutBarrier) {
        disk.flush()?;
    }
    disk.labelled("checkpoint tail").write(at(3), &stamp)?;
    disk.flush()
}

/// Makes sure that a region holds no checkpoint. Not durable before the next flush.
///
/// # Errors
/// If the device fails.
pub(super) fn clear(disk: &Disk, superblock: &Superblock, region: Region) -> Result<(), DiskError> {
    [0, 3]
        .into_iter()
        .try_for_each(|index| disk.write(block(&superblock.geometry, region, index), &[0; BLOCK_SIZE]))
}

/// The newest complete checkpoint: that of the region whose timestamps are equal, and greater than those of the other
/// (LF-12). `None` if neither is complete, or the newest says what cannot be.
///
/// # Errors
/// If the device fails.
pub(super) fn newest(disk: &Disk, superblock: &Superblock) -> Result<Option<(Turn, Checkpoint)>, DiskError> {
    let geometry = &superblock.geometry;
    let mut newest: Option<Turn> = None;
    for region in Region::BOTH {
        let Some(timestamp) = read_stamp(disk, superblock, block(geometry, region, 0))? else { continue };
        let is_newer = newest.is_none_or(|turn| turn.timestamp < timestamp);
        if is_newer && read_stamp(disk, superblock, block(geometry, region, 3))? == Some(timestamp) {
            newest = Some(Turn { region, timestamp });
        }
    }
    let Some(turn) = newest else { return Ok(None) };
    let mut map = vec![0; PIECES_AT + 8 * geometry.pieces() as usize];
    disk.read(block(geometry, turn.region, 1), &mut map)?;
    let mut usage = vec![0; 16 * geometry.segments as usize];
    disk.read(block(geometry, turn.region, 2), &mut usage)?;
    Ok(Checkpoint::decode(&map, &usage, geometry).map(|checkpoint| (turn, checkpoint)))
}

/// The first checkpoint of an empty log.
pub(super) fn first(geometry: &Geometry) -> Checkpoint {
    Checkpoint {
        epoch: Epoch(0),
        serial: Serial(1),
        clock: 0,
        head: geometry.start(SegmentNo(0)),
        pieces: vec![None; geometry.pieces() as usize],
        usage: vec![Segment::default(); geometry.segments as usize],
    }
}
