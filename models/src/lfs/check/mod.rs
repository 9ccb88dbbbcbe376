//! Whether the file system is well-formed, by a reader of the format that shares nothing with what wrote it.
//!
//! It begins at the checkpoint regions, parses every block itself, as `format.rs` draws it, and only reads; of the opened
//! file system it takes its tables, to compare them with those on the disk. It uses neither roll-forward nor the
//! cleaner nor the code that finds a block for the operations: what one of these leaves out would be missing here too.
//! It ends with the first thing that is wrong.
//!
//! | file | what must hold |
//! |---|---|
//! | `tables.rs` | both checkpoint regions are complete and took turns (LF-12); their tables make sense (LF-14) |
//! | `live.rs` | what the inode map reaches (LF-04, LF-25): inodes, blocks with one owner, names that form one tree (LF-20) |
//! | `segments.rs` | the usage table counts it (LF-22, LF-33), summaries name its owners (LF-27, LF-28) and their numbers rise (LF-23) |
//!
//! The content of files and of dead blocks is not read. Of what lies behind the end of the log only the place where it
//! goes on is looked at: nothing there may be taken for the next part (LF-23).

mod live;
mod segments;
mod tables;

use super::log::Log;
use crate::vsfs;
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, InodeNo};
use crashcheck::{Disk, DiskError, Lent};
use tables::Tables;
use thiserror::Error;

/// What is wrong with a file system.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Wrong {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] DiskError),
    /// An inode or a name makes no sense.
    #[error(transparent)]
    Files(#[from] vsfs::check::Wrong),
    /// A table says something else than it should.
    #[error("{table} has the {field} {found}, not {expected}")]
    Field {
        /// Which table.
        table: &'static str,
        /// What of it.
        field: &'static str,
        /// What it says.
        found: u64,
        /// What it should say.
        expected: u64,
    },
    /// A checkpoint region whose two ends do not belong together.
    #[error("checkpoint region {region} is not complete: it begins with {header:?} and ends with {tail:?}")]
    Region {
        /// Which.
        region: char,
        /// The timestamp of the header, if it is one.
        header: Option<u64>,
        /// The timestamp of the tail, if it is one.
        tail: Option<u64>,
    },
    /// Two checkpoints in the same region, one after the other.
    #[error("the checkpoint regions have the timestamps {a} and {b}, and did not take turns")]
    Turns {
        /// Of the first region.
        a: u64,
        /// Of the second region.
        b: u64,
    },
    /// The log is younger in the older checkpoint.
    #[error("the {what} of the older checkpoint is {older}, and that of the newer one {newer}")]
    Backwards {
        /// What must not become smaller.
        what: &'static str,
        /// What the older checkpoint says.
        older: u64,
        /// What the newer one says.
        newer: u64,
    },
    /// An address to which nothing of that kind can be written.
    #[error("{what} {number} lies in slot {slot} of block {}, which cannot be", block.0)]
    Place {
        /// What lies there.
        what: &'static str,
        /// Its number.
        number: u32,
        /// The block.
        block: BlockNo,
        /// The slot.
        slot: u32,
    },
    /// The inode map leads to another inode, or to none.
    #[error("the inode map says that inode {} lies in slot {slot} of block {}, but there lies {found}", inode.0, block.0)]
    Elsewhere {
        /// Which inode.
        inode: InodeNo,
        /// The block.
        block: BlockNo,
        /// The slot.
        slot: u32,
        /// The number of what lies there; 0 if nothing does.
        found: u32,
    },
    /// A number that is not given out.
    #[error("inode {} is reserved, but the inode map has it", .0.0)]
    Reserved(InodeNo),
    /// An inode and the inode map are of different lives.
    #[error("inode {} has the version {found}, and the inode map {expected}", inode.0)]
    Version {
        /// Which inode.
        inode: InodeNo,
        /// What the inode says.
        found: u32,
        /// What the map says.
        expected: u32,
    },
    /// A block with two uses.
    #[error("block {} holds {holds} and is {also} as well", block.0)]
    TwoUses {
        /// The block.
        block: BlockNo,
        /// What it holds.
        holds: String,
        /// What else it should hold.
        also: String,
    },
    /// What the usage table says of a segment is not what lives in it.
    #[error("segment {segment} has {live} live bytes, but the usage table says {table}")]
    Usage {
        /// Which segment.
        segment: u32,
        /// What lives.
        live: u32,
        /// What the table says.
        table: u32,
    },
    /// Something lives where the log will be written.
    #[error("block {} is live, but the log goes on at block {}", block.0, head.0)]
    Ahead {
        /// The block.
        block: BlockNo,
        /// Where the log goes on.
        head: BlockNo,
    },
    /// Something lives of which no summary speaks.
    #[error("block {} is live, but no summary of segment {segment} speaks of it", block.0)]
    Unspoken {
        /// The block.
        block: BlockNo,
        /// Its segment.
        segment: u32,
    },
    /// A summary says something else of a live block than the inodes do.
    #[error("block {} holds {expected}, but its summary says {found}", block.0)]
    Owner {
        /// The block.
        block: BlockNo,
        /// What the summary says.
        found: String,
        /// What the inodes say.
        expected: String,
    },
    /// A live block whose checksum does not fit.
    #[error("block {} has the checksum {found:08x}, but its summary says {expected:08x}", block.0)]
    Checksum {
        /// The block.
        block: BlockNo,
        /// What it has.
        found: u32,
        /// What the summary says.
        expected: u32,
    },
    /// A summary that does not continue the one before it.
    #[error("the summary in block {} has the {field} {found}, but {expected} is expected", block.0)]
    Summary {
        /// Where it lies.
        block: BlockNo,
        /// What of it.
        field: &'static str,
        /// What it says.
        found: u64,
        /// What it should say, or must not exceed.
        expected: u64,
    },
    /// Numbers that were given out twice.
    #[error(
        "parts {first} to {last} of the log lie in segment {segment}, but part {last_before} in another one"
    )]
    Numbers {
        /// Which segment.
        segment: u32,
        /// The first number in it.
        first: u64,
        /// The last.
        last: u64,
        /// The last number in the segment before it.
        last_before: u64,
    },
    /// Something that was written before would be taken for the next part of the log.
    #[error("block {}, where the log goes on, holds part {serial} of epoch {epoch} already", head.0)]
    Stale {
        /// Where the log goes on.
        head: BlockNo,
        /// The number of what lies there.
        serial: u64,
        /// Its epoch.
        epoch: u64,
    },
    /// What is in memory is not what is on the disk.
    #[error("{what} {number} is {found} in memory, but {expected} on the disk")]
    Memory {
        /// Which table, or part of one.
        what: &'static str,
        /// Which of its entries.
        number: u32,
        /// What is in memory.
        found: u64,
        /// What is on the disk.
        expected: u64,
    },
}

/// Looks at everything but the content of files. Nothing may be newer in memory than in the log.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn check(log: &Log) -> Result<(), Wrong> {
    let mut blocks = Blocks::new(&log.disk, log.geometry().log_end());
    let tables = Tables::read(&log.disk, log)?;
    let live = live::Live::reached(&mut blocks, &tables)?;
    segments::check(&mut blocks, &tables, &live)?;
    tables.head_is_clean(&log.disk)?;
    remembered(log, &tables, &live)
}

/// What is in memory is what is on the disk (LF-08).
fn remembered(log: &Log, tables: &Tables, live: &live::Live) -> Result<(), Wrong> {
    let same = |what, number, found: u64, expected: u64| {
        if found == expected { Ok(()) } else { Err(Wrong::Memory { what, number, found, expected }) }
    };
    same("the epoch of the log", 0, log.epoch.0, tables.epoch)?;
    same("the number of part", 0, log.serial.0, tables.serial)?;
    same("the end of the log", 0, log.head.0.into(), tables.head.0.into())?;
    for (segment, known) in (0..).zip(log.usage.segments()) {
        same("the live bytes of segment", segment, known.live.into(), tables.usage[segment as usize].into())?;
    }
    for (number, entry) in (0..).zip(&live.map) {
        let known = log.map.get(InodeNo(number));
        let (block, slot) = known.place.map_or((0, 0), |place| (place.block.0, place.slot));
        same("the block of inode", number, block.into(), entry.block.0.into())?;
        same("the slot of inode", number, slot.into(), entry.slot.into())?;
        same("the version of inode", number, known.version.0.into(), entry.version.into())?;
    }
    Ok(())
}

/// Blocks of the log, each read once.
struct Blocks<'a> {
    disk: &'a Disk,
    read: Vec<Option<Lent>>,
}

impl<'a> Blocks<'a> {
    fn new(disk: &'a Disk, end: BlockNo) -> Blocks<'a> {
        Blocks { disk, read: vec![None; end.index()] }
    }

    /// The content of a block that lies in the log.
    fn get(&mut self, block: BlockNo) -> Result<Lent, DiskError> {
        let known = &mut self.read[block.index()];
        if let Some(lent) = known {
            return Ok(lent.clone());
        }
        Ok(known.insert(self.disk.lend(block.at(), BLOCK_SIZE)?).clone())
    }

    /// Its content, if it was read.
    fn known(&self, block: BlockNo) -> Option<&Lent> {
        self.read[block.index()].as_ref()
    }
}
