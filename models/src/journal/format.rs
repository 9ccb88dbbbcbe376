//! What the journal looks like on the disk. Version 1, little-endian, blocks of 4 KiB.
//!
//! ```text
//! block 0 …            the file system, as vsfs lays it out
//! block n              journal superblock                                 n = blocks of the file system
//! block n+1 … n+L      the log: a circle of L blocks
//!
//! journal superblock   0       4        8     12     16         24     28
//!   (one sector)       | magic | version | log | zero | sequence | tail | crc32 of 0..28 |
//!                      tail: the block of the log in which the oldest transaction begins that is not checkpointed;
//!                      sequence: its number. The newest one is found by following the log (JN-13).
//!
//! the log              … | TxB | body | body | … | TxE | TxB | body | … | TxE | free …
//!
//! TxB, descriptor      0       4       8          16     20        24
//!                      | magic | type 1 | sequence | tags | revokes | tag … | revoke … |
//!                      tag:    | final block | crc32 of the body block as logged | flags |       12 bytes
//!                      revoke: | block |                                                          4 bytes
//!                      flag 1: the body block began with the magic, which was replaced by zeros
//!
//! body                 the tagged blocks, whole, in the order of the tags (physical logging, JN-02)
//!
//! TxE, commit          0       4       8          16                      20
//!   (one sector)       | magic | type 2 | sequence | crc32 of the descriptor | crc32 of 0..20 |
//! ```
//!
//! The commit's checksum covers the descriptor, whose tags cover the body: together they cover the transaction, so
//! that a missing piece is noticed even where the commit was not held back until the rest was durable (JN-19). A commit
//! and a journal superblock fit one sector of 512 bytes, which a device writes whole or not at all (JN-06).
//!
//! Sequence numbers only grow, also over crashes, so that what a former lap left in the log never fits (JN-16). The
//! log starts over in its first block when it is at the end; a transaction may lie across.

use crate::vsfs::format::{BLOCK_SIZE, BlockNo, Page, get_u32, get_u64, put_u32, put_u64};
use std::borrow::Cow;
use std::fmt;

/// What every block of the journal begins with. It is text that a file can begin with too: such a block has to be
/// escaped, and a workload can make one.
pub const MAGIC: u32 = u32::from_le_bytes(*b"c5@0");
/// The version of this format.
pub const VERSION: u32 = 1;
/// The atomic unit of a device.
pub const SECTOR: usize = 512;
/// Bytes of a descriptor before its first tag.
const DESCRIPTOR_HEAD: usize = 24;
const TAG_SIZE: usize = 12;
const REVOKE_SIZE: usize = 4;
const TYPE_DESCRIPTOR: u32 = 1;
const TYPE_COMMIT: u32 = 2;
const FLAG_ESCAPED: u32 = 1;
/// The end of what the checksum of a journal superblock covers.
const SUPERBLOCK_CRC: usize = 28;
/// The end of what the checksum of a commit covers.
const COMMIT_CRC: usize = 20;

/// One sector.
pub type Sector = [u8; SECTOR];

/// The number of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The number of the transaction after this one.
    #[must_use]
    pub fn next(self) -> Sequence {
        Sequence(self.0 + 1)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "T{}", self.0)
    }
}

/// A block of the log, counted from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogBlock(pub u32);

/// Where the journal lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// The journal superblock; the log follows.
    pub superblock: BlockNo,
    /// Blocks of the log.
    pub log_blocks: u32,
}

impl Region {
    /// Where a block of the log lies on the device.
    pub fn block(&self, at: LogBlock) -> BlockNo {
        BlockNo(self.superblock.0 + 1 + at.0)
    }

    /// The block of the log so many blocks further round the circle.
    pub fn after(&self, at: LogBlock, blocks: u32) -> LogBlock {
        LogBlock((at.0 + blocks) % self.log_blocks)
    }

    /// The first block of the device beyond the journal.
    pub fn end(&self) -> BlockNo {
        BlockNo(self.superblock.0 + 1 + self.log_blocks)
    }
}

/// The journal superblock: where recovery begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JournalSuperblock {
    /// Blocks of the log.
    pub log_blocks: u32,
    /// The number of the oldest transaction that is not checkpointed.
    pub sequence: Sequence,
    /// Where it begins.
    pub tail: LogBlock,
}

impl JournalSuperblock {
    /// The sector that says this.
    pub fn encode(&self) -> Sector {
        let mut sector = [0; SECTOR];
        put_u32(&mut sector, 0, MAGIC);
        put_u32(&mut sector, 4, VERSION);
        put_u32(&mut sector, 8, self.log_blocks);
        put_u64(&mut sector, 16, self.sequence.0);
        put_u32(&mut sector, 24, self.tail.0);
        let crc = crc32fast::hash(&sector[..SUPERBLOCK_CRC]);
        put_u32(&mut sector, SUPERBLOCK_CRC, crc);
        sector
    }

    /// What a sector says, or `None` if it is no journal superblock of this version.
    pub fn decode(sector: &Sector) -> Option<JournalSuperblock> {
        let genuine = get_u32(sector, SUPERBLOCK_CRC) == crc32fast::hash(&sector[..SUPERBLOCK_CRC]);
        let found = JournalSuperblock {
            log_blocks: get_u32(sector, 8),
            sequence: Sequence(get_u64(sector, 16)),
            tail: LogBlock(get_u32(sector, 24)),
        };
        let known = get_u32(sector, 0) == MAGIC && get_u32(sector, 4) == VERSION;
        (genuine && known && found.tail.0 < found.log_blocks).then_some(found)
    }
}

/// What a descriptor says of one block of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    /// Where the block belongs.
    pub block: BlockNo,
    /// The checksum of the block as it lies in the log.
    pub crc: u32,
    /// Whether the block began with the magic.
    pub escaped: bool,
}

/// TxB: what a transaction changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Descriptor {
    /// The number of the transaction.
    pub sequence: Sequence,
    /// The blocks of the body.
    pub tags: Vec<Tag>,
    /// Blocks that no earlier transaction may be replayed into.
    pub revokes: Vec<BlockNo>,
}

impl Descriptor {
    /// Whether a descriptor can hold so much.
    pub fn fits(tags: usize, revokes: usize) -> bool {
        DESCRIPTOR_HEAD + tags * TAG_SIZE + revokes * REVOKE_SIZE <= BLOCK_SIZE
    }

    /// The block that says this, and the checksum of what it says.
    ///
    /// # Panics
    /// If it does not [fit](Descriptor::fits).
    pub fn encode(&self) -> (Page, u32) {
        assert!(Descriptor::fits(self.tags.len(), self.revokes.len()), "a descriptor that fits a block");
        let mut page = [0; BLOCK_SIZE];
        put_u32(&mut page, 0, MAGIC);
        put_u32(&mut page, 4, TYPE_DESCRIPTOR);
        put_u64(&mut page, 8, self.sequence.0);
        put_u32(&mut page, 16, self.tags.len() as u32);
        put_u32(&mut page, 20, self.revokes.len() as u32);
        let mut at = DESCRIPTOR_HEAD;
        for tag in &self.tags {
            put_u32(&mut page, at, tag.block.0);
            put_u32(&mut page, at + 4, tag.crc);
            put_u32(&mut page, at + 8, if tag.escaped { FLAG_ESCAPED } else { 0 });
            at += TAG_SIZE;
        }
        for block in &self.revokes {
            put_u32(&mut page, at, block.0);
            at += REVOKE_SIZE;
        }
        let crc = crc32fast::hash(&page[..at]);
        (page, crc)
    }
}

/// What the first bytes of a descriptor say: enough to know how much of it to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DescriptorHead {
    /// The number of the transaction.
    pub sequence: Sequence,
    /// Blocks in the body.
    pub tags: u32,
    /// Revoked blocks.
    pub revokes: u32,
}

impl DescriptorHead {
    /// What a sector says, or `None` if no descriptor begins in it.
    pub fn decode(sector: &Sector) -> Option<DescriptorHead> {
        let head = DescriptorHead {
            sequence: Sequence(get_u64(sector, 8)),
            tags: get_u32(sector, 16),
            revokes: get_u32(sector, 20),
        };
        let known = get_u32(sector, 0) == MAGIC && get_u32(sector, 4) == TYPE_DESCRIPTOR;
        (known && Descriptor::fits(head.tags as usize, head.revokes as usize)).then_some(head)
    }

    /// How many bytes the descriptor takes.
    pub fn len(&self) -> usize {
        DESCRIPTOR_HEAD + self.tags as usize * TAG_SIZE + self.revokes as usize * REVOKE_SIZE
    }

    /// Whether it neither changes nor revokes anything.
    pub fn is_empty(&self) -> bool {
        self.tags == 0 && self.revokes == 0
    }

    /// What the descriptor with this head says in full, given all its bytes.
    pub fn rest(&self, bytes: &[u8]) -> Descriptor {
        let revokes_at = DESCRIPTOR_HEAD + self.tags as usize * TAG_SIZE;
        let tag = |entry: &[u8]| Tag {
            block: BlockNo(get_u32(entry, 0)),
            crc: get_u32(entry, 4),
            escaped: get_u32(entry, 8) & FLAG_ESCAPED != 0,
        };
        Descriptor {
            sequence: self.sequence,
            tags: bytes[DESCRIPTOR_HEAD..revokes_at].chunks_exact(TAG_SIZE).map(tag).collect(),
            revokes: bytes[revokes_at..self.len()]
                .chunks_exact(REVOKE_SIZE)
                .map(|entry| BlockNo(get_u32(entry, 0)))
                .collect(),
        }
    }
}

/// TxE: the transaction is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Commit {
    /// The number of the transaction.
    pub sequence: Sequence,
    /// The checksum of its descriptor.
    pub descriptor_crc: u32,
}

impl Commit {
    /// The sector that says this.
    pub fn encode(&self) -> Sector {
        let mut sector = [0; SECTOR];
        put_u32(&mut sector, 0, MAGIC);
        put_u32(&mut sector, 4, TYPE_COMMIT);
        put_u64(&mut sector, 8, self.sequence.0);
        put_u32(&mut sector, 16, self.descriptor_crc);
        let crc = crc32fast::hash(&sector[..COMMIT_CRC]);
        put_u32(&mut sector, COMMIT_CRC, crc);
        sector
    }

    /// What a sector says, or `None` if it is no commit.
    pub fn decode(sector: &Sector) -> Option<Commit> {
        let known = get_u32(sector, 0) == MAGIC && get_u32(sector, 4) == TYPE_COMMIT;
        let genuine = get_u32(sector, COMMIT_CRC) == crc32fast::hash(&sector[..COMMIT_CRC]);
        let commit = Commit { sequence: Sequence(get_u64(sector, 8)), descriptor_crc: get_u32(sector, 16) };
        (known && genuine).then_some(commit)
    }
}

/// The block as it goes into the log, and whether it had to be escaped: no body block may begin with the magic, or a
/// former lap could pass for a descriptor.
pub fn escape(page: &Page) -> (Cow<'_, Page>, bool) {
    if get_u32(page, 0) != MAGIC {
        return (Cow::Borrowed(page), false);
    }
    let mut logged = *page;
    put_u32(&mut logged, 0, 0);
    (Cow::Owned(logged), true)
}

/// The block as it was before it went into the log.
pub fn unescape(page: &mut Page) {
    put_u32(page, 0, MAGIC);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sector_of(page: &Page) -> Sector {
        page[..SECTOR].try_into().expect("a page of eight sectors")
    }

    prop_compose! {
        fn any_descriptor()(
            sequence in any::<u64>(),
            tags in proptest::collection::vec((any::<u32>(), any::<u32>(), any::<bool>()), 0..100),
            revokes in proptest::collection::vec(any::<u32>(), 0..100),
        ) -> Descriptor {
            let tags = tags.into_iter().map(|(block, crc, escaped)| Tag { block: BlockNo(block), crc, escaped });
            Descriptor {
                sequence: Sequence(sequence),
                tags: tags.collect(),
                revokes: revokes.into_iter().map(BlockNo).collect(),
            }
        }
    }

    proptest! {
        #[test]
        fn a_descriptor_reads_as_it_was_written(descriptor in any_descriptor()) {
            let (page, crc) = descriptor.encode();
            let head = DescriptorHead::decode(&sector_of(&page)).expect("a descriptor");
            prop_assert_eq!(head.rest(&page), descriptor);
            prop_assert_eq!(crc32fast::hash(&page[..head.len()]), crc);
        }

        #[test]
        fn a_damaged_superblock_or_commit_is_none(byte in 0..28usize, flip in 1..=255u8) {
            let mut superblock =
                JournalSuperblock { log_blocks: 40, sequence: Sequence(7), tail: LogBlock(3) }.encode();
            superblock[byte] ^= flip;
            prop_assert_eq!(JournalSuperblock::decode(&superblock), None);
            let mut commit = Commit { sequence: Sequence(7), descriptor_crc: 1 }.encode();
            commit[byte.min(COMMIT_CRC)] ^= flip;
            prop_assert_eq!(Commit::decode(&commit), None);
        }

        #[test]
        fn no_sector_makes_decoding_panic(bytes in proptest::collection::vec(any::<u8>(), SECTOR)) {
            let mut sector: Sector = bytes.try_into().expect("512 bytes");
            put_u32(&mut sector, 0, MAGIC);
            put_u32(&mut sector, 4, TYPE_DESCRIPTOR);
            if let Some(head) = DescriptorHead::decode(&sector) {
                prop_assert!(head.len() <= BLOCK_SIZE);
            }
            prop_assert_eq!(Commit::decode(&sector), None);
        }
    }

    #[test]
    fn superblock_and_commit_read_as_they_were_written() {
        let superblock = JournalSuperblock { log_blocks: 40, sequence: Sequence(7), tail: LogBlock(3) };
        assert_eq!(JournalSuperblock::decode(&superblock.encode()), Some(superblock));
        let commit = Commit { sequence: Sequence(7), descriptor_crc: 1 };
        assert_eq!(Commit::decode(&commit.encode()), Some(commit));
    }

    #[test]
    fn a_block_that_begins_with_the_magic_is_escaped_and_comes_back() {
        let mut page = [7; BLOCK_SIZE];
        assert_eq!(escape(&page), (Cow::Borrowed(&page), false));
        put_u32(&mut page, 0, MAGIC);
        let (logged, escaped) = escape(&page);
        let mut logged = logged.into_owned();
        assert!(escaped && get_u32(&logged, 0) == 0);
        unescape(&mut logged);
        assert_eq!(logged, page);
    }

    #[test]
    fn the_log_is_a_circle() {
        let region = Region { superblock: BlockNo(257), log_blocks: 40 };
        assert_eq!(region.after(LogBlock(38), 5), LogBlock(3));
        assert_eq!(region.block(LogBlock(0)), BlockNo(258));
        assert_eq!(region.end(), BlockNo(298));
    }
}
