//! Whether the journal is well-formed, by a reader of its format that shares nothing with recovery.
//!
//! It parses the sectors itself, as `format.rs` draws them, follows the log from where the journal superblock says, and
//! demands that it ends where the opened journal goes on: after a recovery the log is empty (JN-27), and what is in it
//! later is one transaction after the other, each whole (JN-02, JN-08). The file system is for the checker of vsfs.
//!
//! It looks at what the next recovery would look at, in the same order, and at nothing else. What lies behind the end
//! of the log is mostly still open then: each sector of it that were read would be one more to be decided, and most of
//! what an exploration saves comes from never asking. That no number there is used again (JN-16) shows where it
//! matters: at the place where the log goes on, in a later life.

use super::format::{MAGIC, SECTOR, Sector, Sequence, VERSION};
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, get_u32, get_u64};
use crashcheck::{Bytes, Disk, DiskError};
use thiserror::Error;

const DESCRIPTOR: u32 = 1;
const COMMIT: u32 = 2;
/// Bytes of a descriptor before its tags, and of what follows.
const HEAD: usize = 24;
const TAG: usize = 12;
const REVOKE: usize = 4;
/// Where a journal superblock says in which block of the log the oldest transaction begins.
pub(super) const TAIL_AT: usize = 24;

/// What is wrong with a journal.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Wrong {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] DiskError),
    /// A field of the journal superblock that cannot be.
    #[error("the journal superblock has the {field} {found}, not {expected}")]
    Superblock {
        /// Which field.
        field: &'static str,
        /// What it says.
        found: u64,
        /// What it should say.
        expected: u64,
    },
    /// A log that is not there, or a tail outside of it.
    #[error("the journal superblock says {what} {found}, beyond the {end} that there are")]
    Beyond {
        /// What lies beyond.
        what: &'static str,
        /// Where.
        found: u64,
        /// How many there are.
        end: u64,
    },
    /// The log does not end where the opened journal goes on.
    #[error("the log goes on with {} at its block {}, but the journal with {} at block {}", found.next, found.at, expected.next, expected.at)]
    End {
        /// Where the log ends.
        found: End,
        /// Where the journal goes on.
        expected: End,
    },
    /// A transaction of the future.
    #[error("block {at} of the log holds {found}, but {next} comes next")]
    Future {
        /// Where.
        at: u32,
        /// Which transaction lies there.
        found: Sequence,
        /// The newest that may.
        next: Sequence,
    },
    /// A transaction that speaks of a block which is none of the file system.
    #[error("{sequence} {what} block {}, which is none of the file system's", block.0)]
    Outside {
        /// Which transaction.
        sequence: Sequence,
        /// What it does to the block.
        what: &'static str,
        /// The block.
        block: BlockNo,
    },
    /// A transaction that changes a block twice.
    #[error("{sequence} changes block {} twice", block.0)]
    Twice {
        /// Which transaction.
        sequence: Sequence,
        /// The block.
        block: BlockNo,
    },
}

/// Where a log goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The block of the log in which the next transaction begins.
    pub at: u32,
    /// Its number.
    pub next: Sequence,
}

/// What an opened journal says of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    /// Where the journal superblock lies, behind the file system.
    pub(super) superblock: BlockNo,
    /// Blocks of the log.
    pub(super) log_blocks: u32,
    /// Where it goes on.
    pub(super) end: End,
    /// Where the tail stands in the journal superblock.
    pub(super) tail_at: usize,
}

/// Looks at the journal superblock and at the log from its tail on.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn check(disk: &Disk, claim: &Claim) -> Result<(), Wrong> {
    let log = Log { disk, claim };
    let End { mut at, mut next } = log.superblock()?;
    let mut room = claim.log_blocks;
    while let Some(blocks) = log.transaction(at, next, room)? {
        at = (at + blocks) % claim.log_blocks;
        room -= blocks;
        next = next.next();
    }
    let (found, expected) = (End { at, next }, claim.end);
    if found == expected { Ok(()) } else { Err(Wrong::End { found, expected }) }
}

struct Log<'a> {
    disk: &'a Disk,
    claim: &'a Claim,
}

impl Log<'_> {
    /// Where the oldest transaction begins that is not in its place.
    fn superblock(&self) -> Result<End, Wrong> {
        let Claim { superblock, log_blocks, tail_at, .. } = *self.claim;
        let sector = self.sector_at(superblock.at())?;
        let fields = [
            ("magic", 0, MAGIC),
            ("version", 4, VERSION),
            ("length", 8, log_blocks),
            ("reserved field", 12, 0),
            ("checksum", 28, crc32fast::hash(&sector[..28])),
        ];
        for (field, at, expected) in fields {
            let (found, expected) = (u64::from(get_u32(&sector, at)), u64::from(expected));
            if found != expected {
                return Err(Wrong::Superblock { field, found, expected });
            }
        }
        let within = |what, found: u64, end: u64| {
            if found < end { Ok(()) } else { Err(Wrong::Beyond { what, found, end }) }
        };
        let last = u64::from(superblock.0) + u64::from(log_blocks);
        within("that the log ends in block", last, self.disk.len()?.0 / BLOCK_SIZE as u64)?;
        let tail = match tail_at / SECTOR {
            0 => get_u32(&sector, tail_at),
            _ => get_u32(&self.sector_at(superblock.at() + Bytes::of(tail_at))?, 0),
        };
        within("that it begins in block", u64::from(tail), u64::from(log_blocks))?;
        Ok(End { at: tail, next: Sequence(get_u64(&sector, 16)) })
    }

    /// How many blocks the transaction of that number takes that begins here; none if it does not, or is not whole.
    fn transaction(&self, at: u32, next: Sequence, room: u32) -> Result<Option<u32>, Wrong> {
        let head = self.sector(at)?;
        if get_u32(&head, 0) != MAGIC || get_u32(&head, 4) != DESCRIPTOR {
            return Ok(None);
        }
        let found = Sequence(get_u64(&head, 8));
        if found > next {
            return Err(Wrong::Future { at, found, next });
        }
        let (tags, revokes) = (get_u32(&head, 16), get_u32(&head, 20));
        let fits = (tags as usize) < BLOCK_SIZE / TAG && (revokes as usize) < BLOCK_SIZE / REVOKE;
        let (tags_end, len) =
            (HEAD + tags as usize * TAG, HEAD + tags as usize * TAG + revokes as usize * REVOKE);
        if found != next || !fits || len > BLOCK_SIZE || tags + 2 > room {
            return Ok(None);
        }
        let commit = self.sector(at + tags + 1)?;
        let committed = get_u32(&commit, 0) == MAGIC
            && get_u32(&commit, 4) == COMMIT
            && get_u64(&commit, 8) == next.0
            && get_u32(&commit, 20) == crc32fast::hash(&commit[..20]);
        if !committed {
            return Ok(None);
        }
        let descriptor = self.disk.lend(self.place(at), len.next_multiple_of(SECTOR))?;
        if get_u32(&commit, 16) != crc32fast::hash(&descriptor[..len]) {
            return Ok(None);
        }
        for (index, tag) in (1..).zip(descriptor[HEAD..tags_end].chunks_exact(TAG)) {
            let body = self.disk.lend(self.place(at + index), BLOCK_SIZE)?;
            if crc32fast::hash(&body) != get_u32(tag, 4) {
                return Ok(None);
            }
        }
        self.speaks_of_the_file_system(next, &descriptor[HEAD..tags_end], &descriptor[tags_end..len])?;
        Ok(Some(tags + 2))
    }

    /// A transaction changes and revokes blocks of the file system, and changes each once.
    fn speaks_of_the_file_system(
        &self,
        sequence: Sequence,
        tags: &[u8],
        revokes: &[u8],
    ) -> Result<(), Wrong> {
        let tags = tags.chunks_exact(TAG).map(|tag| BlockNo(get_u32(tag, 0)));
        let revokes = revokes.chunks_exact(REVOKE).map(|revoke| BlockNo(get_u32(revoke, 0)));
        let inside = |block: &BlockNo| (1..self.claim.superblock.0).contains(&block.0);
        let mut changed: Vec<BlockNo> = tags.collect();
        if let Some(block) = changed.iter().copied().find(|block| !inside(block)) {
            return Err(Wrong::Outside { sequence, what: "changes", block });
        }
        if let Some(block) = { revokes }.find(|block| !inside(block)) {
            return Err(Wrong::Outside { sequence, what: "revokes", block });
        }
        changed.sort_unstable();
        match changed.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Wrong::Twice { sequence, block: pair[0] }),
            None => Ok(()),
        }
    }

    /// Where a block of the log lies, which is a circle.
    fn place(&self, at: u32) -> Bytes {
        let Claim { superblock, log_blocks, .. } = *self.claim;
        BlockNo(superblock.0 + 1 + at % log_blocks).at()
    }

    fn sector(&self, at: u32) -> Result<Sector, DiskError> {
        self.sector_at(self.place(at))
    }

    fn sector_at(&self, at: Bytes) -> Result<Sector, DiskError> {
        let mut sector = [0; SECTOR];
        self.disk.read(at, &mut sector)?;
        Ok(sector)
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::{Commit, Descriptor, JournalSuperblock, LogBlock, Tag};
    use super::*;
    use crashcheck::Device;

    const LOG: u32 = 40;
    const SUPERBLOCK: BlockNo = BlockNo(257);

    /// What is told, and what breaks a journal so.
    type Case<'a> = (&'a str, &'a dyn Fn(&Disk));

    fn claim(at: u32, next: u64) -> Claim {
        let end = End { at, next: Sequence(next) };
        Claim { superblock: SUPERBLOCK, log_blocks: LOG, end, tail_at: TAIL_AT }
    }

    /// A device with a log that begins with T5 at its block 38.
    fn device() -> Disk {
        let len = BlockNo(SUPERBLOCK.0 + 1 + LOG).at();
        let disk = Disk::plain(&[Device::zeroed("disk", Bytes::of(BLOCK_SIZE), len)]);
        superblock(&disk, |_| {});
        disk
    }

    fn superblock(disk: &Disk, change: impl FnOnce(&mut Sector)) {
        let log = JournalSuperblock { log_blocks: LOG, sequence: Sequence(5), tail: LogBlock(38) };
        let mut sector = log.encode();
        change(&mut sector);
        disk.write(SUPERBLOCK.at(), &sector).expect("in range");
    }

    fn put(disk: &Disk, at: u32, bytes: &[u8]) {
        disk.write(BlockNo(SUPERBLOCK.0 + 1 + at % LOG).at(), bytes).expect("in range");
    }

    /// A transaction of two blocks.
    fn transaction(disk: &Disk, at: u32, sequence: u64, blocks: [u32; 2], revokes: &[u32]) {
        let body = [[sequence as u8; BLOCK_SIZE], [7; BLOCK_SIZE]];
        let tag = |(block, page): (u32, &[u8; BLOCK_SIZE])| Tag {
            block: BlockNo(block),
            crc: crc32fast::hash(page),
            escaped: false,
        };
        let descriptor = Descriptor {
            sequence: Sequence(sequence),
            tags: blocks.into_iter().zip(&body).map(tag).collect(),
            revokes: revokes.iter().copied().map(BlockNo).collect(),
        };
        let (page, descriptor_crc) = descriptor.encode();
        put(disk, at, &page);
        put(disk, at + 1, &body[0]);
        put(disk, at + 2, &body[1]);
        put(disk, at + 3, &Commit { sequence: Sequence(sequence), descriptor_crc }.encode());
    }

    #[test]
    fn a_log_ends_behind_its_last_whole_transaction() {
        let disk = device();
        assert_eq!(check(&disk, &claim(38, 5)), Ok(()));
        transaction(&disk, 38, 5, [10, 11], &[12]);
        transaction(&disk, 2, 6, [10, 11], &[]);
        assert_eq!(check(&disk, &claim(6, 7)), Ok(()));
        transaction(&disk, 6, 6, [10, 11], &[]);
        assert_eq!(check(&disk, &claim(6, 7)), Ok(()), "what a former lap left");
        transaction(&disk, 6, 7, [10, 11], &[]);
        for (block, damaged) in [(6, 24), (7, 0), (8, 4095), (9, 17)] {
            let mut sector = [0; BLOCK_SIZE];
            let at = BlockNo(SUPERBLOCK.0 + 1 + block).at();
            disk.read(at, &mut sector).expect("in range");
            sector[damaged] ^= 1;
            disk.write(at, &sector).expect("in range");
            assert_eq!(check(&disk, &claim(6, 7)), Ok(()), "block {block} is damaged");
            sector[damaged] ^= 1;
            disk.write(at, &sector).expect("in range");
        }
        assert_eq!(check(&disk, &claim(10, 8)), Ok(()));
    }

    #[test]
    fn whatever_cannot_be_is_told() {
        let field = |at: usize| move |disk: &Disk| superblock(disk, |sector| sector[at] ^= 1);
        let tail = |tail| {
            let log = JournalSuperblock { log_blocks: LOG, sequence: Sequence(5), tail: LogBlock(tail) };
            move |disk: &Disk| disk.write(SUPERBLOCK.at(), &log.encode()).expect("in range")
        };
        let holds = |sequence, blocks, revokes: &'static [u32]| {
            move |disk: &Disk| transaction(disk, 38, sequence, blocks, revokes)
        };
        let cases: [Case<'_>; 11] = [
            ("the journal superblock has the magic", &field(0)),
            ("the journal superblock has the version 0, not 1", &field(4)),
            ("the journal superblock has the length 41, not 40", &field(8)),
            ("the journal superblock has the reserved field 1, not 0", &field(12)),
            ("the journal superblock has the checksum", &field(16)),
            ("says that it begins in block 40, beyond the 40 that there are", &tail(40)),
            ("goes on with T6 at its block 2, but the journal with T5 at block 38", &holds(5, [10, 11], &[])),
            ("block 38 of the log holds T6, but T5 comes next", &holds(6, [10, 11], &[])),
            ("T5 changes block 257, which is none of the file system's", &holds(5, [10, 257], &[])),
            ("T5 revokes block 0, which is none of the file system's", &holds(5, [10, 11], &[0])),
            ("T5 changes block 10 twice", &holds(5, [10, 10], &[])),
        ];
        for (words, break_it) in cases {
            let disk = device();
            break_it(&disk);
            let told = check(&disk, &claim(38, 5)).expect_err(words).to_string();
            assert!(told.contains(words), "{words}: {told}");
        }
        let disk = device();
        disk.resize(BlockNo(SUPERBLOCK.0 + LOG).at()).expect("works");
        let told = check(&disk, &claim(38, 5)).expect_err("too short").to_string();
        assert!(told.contains("that the log ends in block 297, beyond the 297"), "{told}");
    }
}
