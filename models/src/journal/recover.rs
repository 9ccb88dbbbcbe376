//! Recovery: the committed part of the log is put in its place.
//!
//! Three passes, as in ext3 (JN-27): *scan* follows the log from the tail and stops at the first transaction that is
//! not complete (JN-10), *revoke* collects what must not be replayed, *replay* writes the rest in the order of the log.
//! Then the device is flushed and only then the log declared empty: a crash before that finds the log as it was and
//! replays it again, which changes nothing (JN-09).
//!
//! The scan looks at what decides first: the head of a descriptor says how long its transaction is, so the commit can
//! be read before the body. What was in flight when the power went is then mostly never looked at.

use super::CommitStyle;
use super::bugs::{Bug, Bugs};
use super::format::{
    Commit, Descriptor, DescriptorHead, JournalSuperblock, LogBlock, Region, SECTOR, Sector, Sequence,
    unescape,
};
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, get_u32, put_u32};
use crate::vsfs::store;
use crashcheck::{Bytes, Disk, DiskError, Lent};
use std::collections::BTreeMap;
use thiserror::Error;

/// Why recovery gave up. The device is then as it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// The device refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// There is no journal superblock where it should be.
    #[error("block {} holds no journal superblock of version 1; was this device formatted with a journal?", block.0)]
    NoSuperblock {
        /// Where it should be.
        block: BlockNo,
    },
    /// The log does not fit the device.
    #[error("the journal superblock speaks of a log of {log_blocks} blocks, which the device does not have")]
    TooLong {
        /// Blocks of the log.
        log_blocks: u32,
    },
    /// A complete transaction changes a block outside of the file system.
    #[error("{sequence} changes block {}, but the file system ends at block {}", block.0, end.0)]
    OutOfPlace {
        /// Which transaction.
        sequence: Sequence,
        /// The block.
        block: BlockNo,
        /// The first block that is not of the file system.
        end: BlockNo,
    },
}

/// What recovery found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Where the journal lies.
    pub region: Region,
    /// Where the next transaction goes, and its number. The log is empty.
    pub start: JournalSuperblock,
    /// How many transactions were replayed.
    pub replayed: usize,
}

/// A complete transaction of the log.
struct Transaction {
    descriptor: Descriptor,
    body: Vec<Lent>,
}

/// Recovers the device whose journal superblock is the given block.
///
/// # Errors
/// If there is no journal, or it holds what cannot be.
pub fn recover(
    disk: &Disk,
    superblock: BlockNo,
    style: CommitStyle,
    bugs: Bugs,
) -> Result<Recovered, RecoverError> {
    let found = read_superblock(disk, superblock, bugs)?;
    let region = Region { superblock, log_blocks: found.log_blocks };
    if region.end().at() > disk.len()? {
        return Err(RecoverError::TooLong { log_blocks: found.log_blocks });
    }
    let scan = Scan { disk, region, bugs };
    let log = scan.transactions(&found)?;
    let replayed = log.len();
    if replayed == 0 && style == CommitStyle::TwoStep {
        return Ok(Recovered { region, start: found, replayed });
    }
    replay(disk, &region, &log, bugs)?;
    if replayed > 0 && !bugs.has(Bug::ResetBeforeReplayDurable) {
        disk.flush()?;
    }
    let start = empty_log(&found, replayed, bugs);
    write_superblock(disk, &region, &start, bugs)?;
    disk.flush()?;
    Ok(Recovered { region, start, replayed })
}

/// The superblock of an empty log, with a number that no transaction in it can have: behind the one that stopped the
/// scan there may be complete ones, and they must never be taken for a continuation.
fn empty_log(found: &JournalSuperblock, replayed: usize, bugs: Bugs) -> JournalSuperblock {
    let used = match bugs.has(Bug::SequenceKept) {
        true => 0,
        false => replayed as u64 + u64::from(found.log_blocks),
    };
    JournalSuperblock { sequence: Sequence(found.sequence.0 + used), tail: LogBlock(0), ..*found }
}

struct Scan<'a> {
    disk: &'a Disk,
    region: Region,
    bugs: Bugs,
}

/// What lies at a position of the log.
enum Found {
    /// No descriptor of the expected number.
    Nothing,
    /// A transaction of so many blocks that is not complete.
    Incomplete(u32),
    /// A complete one.
    Complete(Transaction),
}

impl Scan<'_> {
    /// The transactions to be replayed, oldest first.
    fn transactions(&self, from: &JournalSuperblock) -> Result<Vec<Transaction>, RecoverError> {
        let mut log = Vec::new();
        let (mut at, mut sequence, mut room) = (from.tail, from.sequence, self.region.log_blocks);
        loop {
            let blocks = match self.transaction(at, sequence, room)? {
                Found::Complete(transaction) => {
                    let blocks = transaction.body.len() as u32 + 2;
                    log.push(transaction);
                    blocks
                }
                Found::Incomplete(blocks) if self.bugs.has(Bug::ReplayPastUncommitted) => blocks,
                Found::Incomplete(_) | Found::Nothing => return Ok(log),
            };
            at = self.region.after(at, blocks);
            room -= blocks;
            sequence = sequence.next();
        }
    }

    /// Looks at the descriptor's head, the commit, the rest of the descriptor and the body, in this order, and no
    /// further than needed.
    fn transaction(&self, at: LogBlock, expected: Sequence, room: u32) -> Result<Found, RecoverError> {
        let right = |sequence: Sequence| sequence == expected || self.bugs.has(Bug::StaleLapAccepted);
        let Some(head) = DescriptorHead::decode(&self.sector(at)?).filter(|head| right(head.sequence)) else {
            return Ok(Found::Nothing);
        };
        let blocks = head.tags + 2;
        if blocks > room {
            return Ok(Found::Nothing);
        }
        let end = self.sector(self.region.after(at, head.tags + 1))?;
        let Some(commit) = Commit::decode(&end).filter(|commit| right(commit.sequence)) else {
            return Ok(Found::Incomplete(blocks));
        };
        let mut bytes = vec![0; head.len().next_multiple_of(SECTOR)];
        self.disk.read(self.region.block(at).at(), &mut bytes)?;
        if crc32fast::hash(&bytes[..head.len()]) != commit.descriptor_crc && self.checks() {
            return Ok(Found::Incomplete(blocks));
        }
        let descriptor = head.rest(&bytes);
        let Some(body) = self.body(at, &descriptor)? else { return Ok(Found::Incomplete(blocks)) };
        Ok(Found::Complete(Transaction { descriptor, body }))
    }

    /// The blocks of a body as they were before they went into the log; `None` at the first that is missing.
    fn body(&self, at: LogBlock, descriptor: &Descriptor) -> Result<Option<Vec<Lent>>, RecoverError> {
        let mut body = Vec::with_capacity(descriptor.tags.len());
        for (index, tag) in (1..).zip(&descriptor.tags) {
            let place = self.region.block(self.region.after(at, index));
            let mut logged = self.disk.lend(place.at(), BLOCK_SIZE)?;
            if crc32fast::hash(&logged) != tag.crc && self.checks() {
                return Ok(None);
            }
            if tag.escaped && !self.bugs.has(Bug::NoUnescape) {
                let mut page = *store::page(&logged);
                unescape(&mut page);
                logged = Lent::from(&page[..]);
            }
            body.push(logged);
        }
        Ok(Some(body))
    }

    fn checks(&self) -> bool {
        !self.bugs.has(Bug::ChecksumIgnored) && !self.bugs.has(Bug::CommitWithBody)
    }

    fn sector(&self, at: LogBlock) -> Result<Sector, DiskError> {
        let mut sector = [0; SECTOR];
        self.disk.read(self.region.block(at).at(), &mut sector)?;
        Ok(sector)
    }
}

/// For each block the newest transaction that revoked it.
fn revokes(log: &[Transaction]) -> BTreeMap<BlockNo, Sequence> {
    let each = log.iter().map(|transaction| &transaction.descriptor);
    each.flat_map(|descriptor| descriptor.revokes.iter().map(|block| (*block, descriptor.sequence))).collect()
}

fn replay(disk: &Disk, region: &Region, log: &[Transaction], bugs: Bugs) -> Result<(), RecoverError> {
    let end = region.superblock;
    for Transaction { descriptor, .. } in log {
        if let Some(tag) = descriptor.tags.iter().find(|tag| tag.block >= end) {
            return Err(RecoverError::OutOfPlace { sequence: descriptor.sequence, block: tag.block, end });
        }
    }
    let revoked = revokes(log);
    let disk = disk.labelled("replay");
    let mut order: Vec<&Transaction> = log.iter().collect();
    if bugs.has(Bug::ReplayUnordered) {
        order.reverse();
    }
    for Transaction { descriptor, body } in order {
        for (tag, page) in descriptor.tags.iter().zip(body) {
            let newest = revoked.get(&tag.block).copied();
            if !newest.is_some_and(|revoke| forbids(revoke, descriptor.sequence, bugs)) {
                disk.write_lent(tag.block.at(), page)?;
            }
        }
    }
    Ok(())
}

/// Whether a revoke keeps a block of a transaction from being replayed: only those up to the revoke, as the block may
/// have become metadata again (JN-25).
fn forbids(revoke: Sequence, transaction: Sequence, bugs: Bugs) -> bool {
    if bugs.has(Bug::RevokeWithoutTid) {
        return true;
    }
    if bugs.has(Bug::RevokesNotFirst) {
        return revoke == transaction;
    }
    revoke >= transaction
}

/// Reads the journal superblock.
fn read_superblock(disk: &Disk, block: BlockNo, bugs: Bugs) -> Result<JournalSuperblock, RecoverError> {
    let mut sector = [0; SECTOR];
    disk.read(block.at(), &mut sector)?;
    let found = JournalSuperblock::decode(&sector).ok_or(RecoverError::NoSuperblock { block })?;
    if !bugs.has(Bug::TwoSectorSuperblock) {
        return Ok(found);
    }
    disk.read(block.at() + Bytes::of(SECTOR), &mut sector)?;
    Ok(JournalSuperblock { tail: LogBlock(get_u32(&sector, 0)), ..found })
}

/// Writes the journal superblock; not durable before the next flush.
pub(super) fn write_superblock(
    disk: &Disk,
    region: &Region,
    new: &JournalSuperblock,
    bugs: Bugs,
) -> Result<(), DiskError> {
    let disk = disk.labelled("journal superblock");
    if !bugs.has(Bug::TwoSectorSuperblock) {
        return disk.write(region.superblock.at(), &new.encode());
    }
    let mut sectors = [0; 2 * SECTOR];
    sectors[..SECTOR].copy_from_slice(&JournalSuperblock { tail: LogBlock(0), ..*new }.encode());
    put_u32(&mut sectors, SECTOR, new.tail.0);
    disk.write(region.superblock.at(), &sectors)
}
