//! Summaries: what the parts of the log hold, and where the log goes on.
//!
//! A part is valid if its summary is of this volume and epoch, has the number that is expected next, and every block
//! matches its checksum. What an earlier life of the segment left has a smaller number; what was in flight when the
//! power went, behind the end that recovery found, has an older epoch (LF-23).

use super::format::{Geometry, Volume};
use super::position::Position;
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, InodeNo, Page, get_u32, get_u64, put_u32, put_u64};

const MAGIC: u64 = u64::from_le_bytes(*b"lfs-sum\x01");
const HEAD: usize = 64;
const ENTRY: usize = 24;
/// More parts of the same batch follow.
const MORE: u32 = 1;

/// The number of a part; it grows by one from part to part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(pub u64);

impl Serial {
    /// The number of the next part.
    #[must_use]
    pub fn next(self) -> Serial {
        Serial(self.0 + 1)
    }
}

/// How often the file system was opened; parts of different epochs do not continue each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// The life of an inode number, and how often it was emptied in it (LF-28). Deletion and truncation to nothing change
/// it, so that a block with another version than the inode map's is dead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32);

impl Version {
    /// The version after a deletion.
    #[must_use]
    pub fn next_life(self) -> Version {
        Version((self.0 & 0xffff_0000).wrapping_add(0x1_0000))
    }

    /// The version after a truncation to nothing. When a life has used up its numbers they stay: the shortcut then
    /// tells nothing, and the inode is asked.
    #[must_use]
    pub fn emptied(self) -> Version {
        if self.0 & 0xffff == 0xffff { self } else { Version(self.0 + 1) }
    }

    /// Whether no deletion lies between the two.
    pub fn same_life(self, other: Version) -> bool {
        self.0 >> 16 == other.0 >> 16
    }
}

/// What a block of the log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holds {
    /// Content of an inode, or pointers to it.
    Content {
        /// Whose.
        inode: InodeNo,
        /// In which version of the inode.
        version: Version,
        /// Where in its content.
        position: Position,
    },
    /// Inodes.
    Inodes,
    /// Pieces of the inode map.
    Map,
    /// Records of directory operations.
    Names,
}

/// What a summary says of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it holds.
    pub holds: Holds,
    /// Its checksum.
    pub crc: u32,
}

/// A part of the log, as its summary describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The file system that wrote it.
    pub volume: Volume,
    /// Whether more parts of the same batch follow.
    pub more: bool,
    /// The epoch.
    pub epoch: Epoch,
    /// Its number.
    pub serial: Serial,
    /// When it was written, in operations.
    pub time: u64,
    /// The summary of the next part.
    pub next: BlockNo,
    /// The blocks behind the summary.
    pub entries: Vec<Entry>,
}

/// How many bytes of its block a summary can take.
pub fn summary_len(geometry: &Geometry) -> usize {
    (HEAD + ENTRY * (geometry.segment_blocks as usize - 1)).next_multiple_of(512)
}

impl Summary {
    /// The block that says this.
    pub fn encode(&self) -> Page {
        let mut page = [0; BLOCK_SIZE];
        page[..8].copy_from_slice(&MAGIC.to_le_bytes());
        put_u32(&mut page, 8, self.volume.0);
        put_u32(&mut page, 12, if self.more { MORE } else { 0 });
        put_u64(&mut page, 16, self.epoch.0);
        put_u64(&mut page, 24, self.serial.0);
        put_u64(&mut page, 32, self.time);
        put_u32(&mut page, 40, self.next.0);
        put_u32(&mut page, 44, self.entries.len() as u32);
        for (at, entry) in (HEAD..).step_by(ENTRY).zip(&self.entries) {
            let (kind, inode, version, position) = match entry.holds {
                Holds::Content { inode, version, position } => (1, inode.0, version.0, position.number()),
                Holds::Inodes => (2, 0, 0, 0),
                Holds::Map => (3, 0, 0, 0),
                Holds::Names => (4, 0, 0, 0),
            };
            for (field, value) in [kind, inode, version, position, entry.crc].into_iter().enumerate() {
                put_u32(&mut page, at + 4 * field, value);
            }
        }
        let crc = crc32fast::hash(&page[..HEAD + ENTRY * self.entries.len()]);
        put_u32(&mut page, 48, crc);
        page
    }

    /// What the first bytes of a block say, if they are a whole summary of this file system.
    pub fn decode(bytes: &[u8], volume: Volume, geometry: &Geometry) -> Option<Summary> {
        let count = get_u32(bytes, 44) as usize;
        if bytes[..8] != MAGIC.to_le_bytes() || count >= geometry.segment_blocks as usize {
            return None;
        }
        let mut covered = bytes[..HEAD + ENTRY * count].to_vec();
        put_u32(&mut covered, 48, 0);
        let next = BlockNo(get_u32(bytes, 40));
        let genuine = crc32fast::hash(&covered) == get_u32(bytes, 48)
            && get_u32(bytes, 8) == volume.0
            && geometry.is_log(next)
            && geometry.room_behind(next) > 0;
        let entries = covered[HEAD..].chunks_exact(ENTRY).map(entry);
        genuine.then_some(())?;
        Some(Summary {
            volume,
            more: get_u32(bytes, 12) & MORE != 0,
            epoch: Epoch(get_u64(bytes, 16)),
            serial: Serial(get_u64(bytes, 24)),
            time: get_u64(bytes, 32),
            next,
            entries: entries.collect::<Option<_>>()?,
        })
    }
}

fn entry(bytes: &[u8]) -> Option<Entry> {
    let holds = match get_u32(bytes, 0) {
        1 => Holds::Content {
            inode: InodeNo(get_u32(bytes, 4)),
            version: Version(get_u32(bytes, 8)),
            position: Position::from_number(get_u32(bytes, 12))?,
        },
        2 => Holds::Inodes,
        3 => Holds::Map,
        4 => Holds::Names,
        _ => return None,
    };
    Some(Entry { holds, crc: get_u32(bytes, 16) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_reads_back_and_a_damaged_or_foreign_one_does_not() {
        let geometry = Geometry::default();
        let content = |block| Holds::Content {
            inode: InodeNo(7),
            version: Version(0x1_0003),
            position: Position::block(block),
        };
        let holds = [Holds::Names, content(3), content(4000), Holds::Inodes, Holds::Map];
        let summary = Summary {
            volume: Volume(2),
            more: true,
            epoch: Epoch(3),
            serial: Serial(1 << 40),
            time: 9,
            next: BlockNo(17),
            entries: holds.into_iter().zip(10..).map(|(holds, crc)| Entry { holds, crc }).collect(),
        };
        let page = summary.encode();
        let len = summary_len(&geometry);
        assert_eq!(Summary::decode(&page[..len], Volume(2), &geometry), Some(summary));
        assert_eq!(Summary::decode(&page[..len], Volume(3), &geometry), None);
        for at in 0..HEAD + 5 * ENTRY {
            let mut damaged = page;
            damaged[at] ^= 1;
            assert_eq!(Summary::decode(&damaged[..len], Volume(2), &geometry), None, "byte {at}");
        }
    }

    /// LF-28: a version tells lives apart, and emptyings within a life.
    #[test]
    fn deletion_begins_a_new_life_and_emptying_does_not() {
        let first = Version::default();
        let second = first.emptied().emptied().next_life();
        assert!(first.same_life(first.emptied()) && first != first.emptied());
        assert!(!first.same_life(second) && second == first.next_life());
        let worn = Version(0x2_ffff);
        assert_eq!(worn.emptied(), worn);
        assert_eq!(Version(0xffff_0001).next_life(), Version(0));
    }
}
