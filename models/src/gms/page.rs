//! Pages: their names, their versions, and the small numbers that the nodes talk in.

use crate::fs::Fill;
use crashcheck::{Bytes, NodeId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Bytes of a page: what is left of a sector of 512 B beside its header, so that a page is written whole or not at all.
pub const PAGE: usize = 448;

/// The bytes of a page.
pub type Page = [u8; PAGE];

/// Time, in operations of the workload since the cluster was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

/// For how long a page has not been touched; that of a free frame is [`Age::FREE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Age(pub u64);

impl Age {
    /// A frame that holds nothing is older than every page.
    pub const FREE: Age = Age(u64::MAX);
}

impl Time {
    /// How long ago that was.
    pub fn since(self, earlier: Time) -> Age {
        Age(self.0.saturating_sub(earlier.0))
    }
}

/// How often a node has been booted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u32);

impl Incarnation {
    /// The number before the first one that a node gives in this life: later than all of its earlier lives, whose tenures
    /// other nodes may still hold pages by.
    pub fn before_first(self) -> u64 {
        u64::from(self.0) << 32
    }
}

/// How often a page has been written back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// The one after it.
    #[must_use]
    pub fn next(self) -> Version {
        Version(self.0.saturating_add(1))
    }
}

/// What the pages of a partition are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Partition {
    /// Files, which every node may use.
    Files,
    /// Anonymous memory of the node itself, which no other node uses.
    Swap,
}

impl Partition {
    /// As a number in messages and on the disk.
    pub fn number(self) -> u16 {
        match self {
            Partition::Files => 0,
            Partition::Swap => 1,
        }
    }

    /// The partition with this number.
    pub fn of(number: u16) -> Option<Partition> {
        [Partition::Files, Partition::Swap].into_iter().find(|partition| partition.number() == number)
    }
}

/// The address of the first node; the others follow it.
const FIRST_ADDRESS: u32 = 0x0a00_0001;

/// The name of a page in the whole cluster (GM-14; Feeley and others 1995, section 4.1): the address of the node
/// whose disk holds it, the partition there, the inode, and the number of the page in the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Uid {
    /// The address of its home.
    pub ip: u32,
    /// The partition of the disk.
    pub partition: Partition,
    /// The file.
    pub inode: u32,
    /// The number of the page in the file.
    pub offset: u32,
}

impl Uid {
    /// Page `offset` of the file that this node serves.
    pub fn file(home: NodeId, offset: u32) -> Uid {
        Uid { ip: FIRST_ADDRESS + u32::from(home.0), partition: Partition::Files, inode: 1, offset }
    }

    /// Page `offset` of this node's anonymous memory.
    pub fn swap(home: NodeId, offset: u32) -> Uid {
        Uid { partition: Partition::Swap, ..Uid::file(home, offset) }
    }

    /// The node whose disk holds the page.
    pub fn home(self) -> NodeId {
        NodeId(self.ip.wrapping_sub(FIRST_ADDRESS) as u16)
    }

    /// The name as bytes.
    pub fn encode(self) -> [u8; 14] {
        let mut bytes = [0; 14];
        bytes[..4].copy_from_slice(&self.ip.to_le_bytes());
        bytes[4..6].copy_from_slice(&self.partition.number().to_le_bytes());
        bytes[6..10].copy_from_slice(&self.inode.to_le_bytes());
        bytes[10..].copy_from_slice(&self.offset.to_le_bytes());
        bytes
    }

    /// What a write of this fill puts into the page: no two pages get the same bytes.
    pub fn filled(self, fill: Fill) -> Page {
        let number = (u64::from(self.home().0) << 8 | u64::from(self.partition.number())) << 16;
        let at = Bytes((number | u64::from(self.offset)) << 12);
        let mut page = [0; PAGE];
        page.copy_from_slice(&fill.bytes(at, Bytes::of(PAGE)));
        page
    }

    /// What the page holds, in short.
    pub fn shown(self, page: &Page) -> Shown {
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let fill = digit(page[0]).zip(digit(page[1])).map(|(high, low)| Fill(high << 4 | low));
        match fill.filter(|fill| self.filled(*fill) == *page) {
            Some(fill) => Shown::Filled(fill),
            None if *page == [0; PAGE] => Shown::Zeros,
            None => Shown::Foreign(crc32fast::hash(page)),
        }
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.partition {
            Partition::Files => "file",
            Partition::Swap => "swap",
        };
        write!(f, "{what} {}.{}", self.home().0, self.offset)
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a page holds, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shown {
    /// Nothing was written to it.
    Zeros,
    /// What one write put there.
    Filled(Fill),
    /// What nobody wrote to it; the checksum tells different ones apart.
    Foreign(u32),
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shown::Zeros => f.write_str("zeros"),
            Shown::Filled(fill) => write!(f, "fill {fill}"),
            Shown::Foreign(_) => f.write_str("what nobody wrote to it"),
        }
    }
}

/// The right by which a node holds a page. The node that asked for it or sent it gives it a number, and the directory
/// knows it, so that what is said of a page that a node held before cannot be taken for the one it holds now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenure {
    /// Who gave it the number.
    pub origin: NodeId,
    /// The number, which this node gives once in all of its lives.
    pub number: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// GM-14: no two pages have the same name.
    #[test]
    fn gm_14_names_of_pages_are_injective() {
        let nodes = || (0..4).map(NodeId);
        let uids: Vec<Uid> = nodes()
            .flat_map(|node| (0..9).flat_map(move |at| [Uid::file(node, at), Uid::swap(node, at)]))
            .collect();
        let bytes: BTreeSet<[u8; 14]> = uids.iter().map(|uid| uid.encode()).collect();
        assert_eq!(bytes.len(), uids.len());
        let contents: BTreeSet<Vec<u8>> = uids.iter().map(|uid| uid.filled(Fill(3)).to_vec()).collect();
        assert_eq!(contents.len(), uids.len());
        assert!(uids.iter().all(|uid| nodes().any(|node| uid.home() == node)));
    }

    #[test]
    fn a_page_says_what_was_written_to_it() {
        let (a, b) = (Uid::file(NodeId(0), 0), Uid::file(NodeId(1), 0));
        assert_eq!(a.shown(&a.filled(Fill(0xc3))), Shown::Filled(Fill(0xc3)));
        assert_eq!(a.shown(&[0; PAGE]), Shown::Zeros);
        assert!(matches!(a.shown(&b.filled(Fill(0xc3))), Shown::Foreign(_)));
    }
}
