//! Reading the log behind a checkpoint: whole batches, up to the first part that is not valid (LF-16, LF-23).
//!
//! A summary is looked at before the blocks it speaks of, and these one by one: what was in flight behind the end of
//! the log is mostly never read.

use super::bugs::{Bug, Bugs};
use super::checkpoint::Checkpoint;
use super::dirlog::{self, Record};
use super::format::Superblock;
use super::imap::Place;
use super::log::{decode_inode, read_page};
use super::position::Position;
use super::summary::{Holds, Serial, Summary, Version, summary_len};
use crate::vsfs::format::{BlockNo, INODE_SIZE, InodeNo, Page};
use crate::vsfs::inode::Inode;
use crashcheck::{Disk, DiskError};
use std::collections::BTreeMap;

/// A valid part, with the blocks that roll-forward needs.
struct Part {
    summary: Summary,
    at: BlockNo,
    inodes: Vec<(BlockNo, Box<Page>)>,
    names: Vec<Box<Page>>,
}

/// A block of content that a part holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loose {
    pub(super) inode: InodeNo,
    pub(super) version: Version,
    pub(super) position: Position,
    pub(super) block: BlockNo,
}

/// What lies behind a checkpoint.
pub(super) struct Found {
    /// The newest inode of each number.
    pub(super) inodes: BTreeMap<InodeNo, (Place, Inode)>,
    /// Directory operations, in order.
    pub(super) records: Vec<Record>,
    /// Summaries of the parts, and of the next one.
    pub(super) parts: Vec<BlockNo>,
    /// Where the log goes on, with which number.
    pub(super) head: BlockNo,
    pub(super) serial: Serial,
    /// When the newest batch was written.
    pub(super) clock: u64,
    /// Content of a batch that is not whole. Nothing refers to it (LF-19).
    pub(super) loose: Vec<Loose>,
}

/// Reads the log from a checkpoint on.
///
/// # Errors
/// If the device fails.
pub(super) fn scan(
    disk: &Disk,
    superblock: &Superblock,
    from: &Checkpoint,
    bugs: Bugs,
) -> Result<Found, DiskError> {
    let mut found = Found {
        inodes: BTreeMap::new(),
        records: Vec::new(),
        parts: vec![from.head],
        head: from.head,
        serial: from.serial,
        clock: from.clock,
        loose: Vec::new(),
    };
    let (mut at, mut serial, mut batch) = (from.head, from.serial, Vec::new());
    // No part is read twice, whatever the summaries say.
    for _ in 0..superblock.geometry.log_end().0 {
        let Some(part) = part(disk, superblock, from, at, serial, bugs)? else { break };
        (at, serial) = (part.summary.next, serial.next());
        let whole = !part.summary.more || bugs.has(Bug::HalfBatch);
        batch.push(part);
        if whole {
            batch.drain(..).for_each(|part| found.accept(&part, superblock));
        }
    }
    if bugs.has(Bug::DataWithoutInode) {
        for part in batch {
            found.accept_loose(&part);
        }
    }
    Ok(found)
}

/// The part at a position of the log, if it is the one expected there and nothing of it is missing.
fn part(
    disk: &Disk,
    superblock: &Superblock,
    from: &Checkpoint,
    at: BlockNo,
    serial: Serial,
    bugs: Bugs,
) -> Result<Option<Part>, DiskError> {
    let geometry = &superblock.geometry;
    let mut bytes = vec![0; summary_len(geometry)];
    disk.read(at.at(), &mut bytes)?;
    let expected = |summary: &Summary| {
        let right = summary.serial == serial && summary.epoch == from.epoch;
        (right || bugs.has(Bug::StaleSummaryAccepted))
            && summary.entries.len() <= geometry.room_behind(at) as usize
    };
    let Some(summary) = Summary::decode(&bytes, superblock.volume, geometry).filter(expected) else {
        return Ok(None);
    };
    let mut part = Part { at, inodes: Vec::new(), names: Vec::new(), summary };
    for (entry, block) in part.summary.entries.iter().zip((at.0 + 1..).map(BlockNo)) {
        let page = read_page(disk, block)?;
        if crc32fast::hash(&page[..]) != entry.crc && !bugs.has(Bug::ChecksumIgnored) {
            return Ok(None);
        }
        match entry.holds {
            Holds::Inodes => part.inodes.push((block, page)),
            Holds::Names => part.names.push(page),
            Holds::Content { .. } | Holds::Map => {}
        }
    }
    Ok(Some(part))
}

impl Found {
    /// How many parts there are.
    pub(super) fn count(&self) -> usize {
        self.parts.len() - 1
    }

    fn go_on_behind(&mut self, part: &Part) {
        self.parts.push(part.summary.next);
        self.head = part.summary.next;
        self.serial = self.serial.next();
        self.clock = self.clock.max(part.summary.time);
    }

    fn accept(&mut self, part: &Part, superblock: &Superblock) {
        self.go_on_behind(part);
        self.records.extend(part.names.iter().flat_map(|page| dirlog::unpack(page)));
        for (block, page) in &part.inodes {
            for (bytes, slot) in page.chunks_exact(INODE_SIZE).zip(0..) {
                if let Some((number, inode)) = decode_inode(bytes, &superblock.geometry) {
                    self.inodes.insert(number, (Place { block: *block, slot }, inode));
                }
            }
        }
    }

    fn accept_loose(&mut self, part: &Part) {
        self.go_on_behind(part);
        for (entry, block) in part.summary.entries.iter().zip((part.at.0 + 1..).map(BlockNo)) {
            if let Holds::Content { inode, version, position } = entry.holds {
                self.loose.push(Loose { inode, version, position, block });
            }
        }
    }
}
