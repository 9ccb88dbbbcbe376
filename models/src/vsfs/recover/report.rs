//! What the checker found, and repaired if it was asked to.

use crate::vsfs::format::{BlockNo, GroupNo, InodeNo};
use std::collections::BTreeSet;

/// One defect, by what was done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Repair {
    /// A superblock was written again from a good copy (FK-01).
    Superblock(GroupNo),
    /// An inode of a meaningless type, or one that nothing can be made of, was cleared (FK-03).
    InvalidInode(InodeNo),
    /// An inode without names and with a link count of 0 was on its way out, and was freed (FS-13).
    Unlinked(InodeNo),
    /// A pointer out of the data region was cleared (FK-06).
    BadPointer(InodeNo),
    /// A block with two owners was copied for this one (FK-05).
    CopiedDuplicate(InodeNo, BlockNo),
    /// A block with two owners was taken from this one (FK-05).
    ClearedDuplicate(InodeNo, BlockNo),
    /// A block beyond the end of a file was taken from it (FS-04).
    BeyondEnd(InodeNo),
    /// A length that no file can have was corrected (FS-04).
    Size(InodeNo),
    /// The block count of an inode was corrected (FS-04).
    BlockCount(InodeNo),
    /// A part of a directory that made no sense was emptied (FS-08).
    BrokenDirectory(InodeNo),
    /// "." or ".." was corrected (FK-07).
    Dots(InodeNo),
    /// An entry with an impossible or repeated name was removed (FS-08).
    BadName(InodeNo),
    /// A name that leads to a free inode was removed (FK-07).
    EntryToFreeInode(InodeNo),
    /// The type in an entry was corrected.
    EntryType(InodeNo),
    /// The second name of a directory was removed (FK-07).
    SecondParent(InodeNo),
    /// A new root or lost+found was made.
    MadeDirectory(InodeNo),
    /// Something without a name was put into lost+found (FK-04).
    Reattached(InodeNo),
    /// Something without a name was deleted (FK-04b).
    Deleted(InodeNo),
    /// A link count that was too low was corrected: the dangerous kind (FK-04c).
    LinksTooLow(InodeNo),
    /// A link count that was too high was corrected (FK-04c).
    LinksTooHigh(InodeNo),
    /// An inode in use was marked so (FK-02).
    MarkedInode(InodeNo),
    /// A free inode was marked so (FK-02).
    InodeLeak(InodeNo),
    /// A block in use was marked so (FK-02).
    MarkedUsed(BlockNo),
    /// A block of nobody was marked as free (FK-02).
    SpaceLeak(BlockNo),
    /// Bits of a bitmap beyond its group were cleared (FS-15).
    StrayBits(GroupNo),
}

impl Repair {
    /// The kind of defect, in a few fixed words.
    pub fn words(self) -> &'static str {
        match self {
            Repair::Superblock(_) => "bad superblock",
            Repair::InvalidInode(_) => "invalid inode",
            Repair::Unlinked(_) => "unlinked inode",
            Repair::BadPointer(_) => "bad pointer",
            Repair::CopiedDuplicate(..) | Repair::ClearedDuplicate(..) => "block with two owners",
            Repair::BeyondEnd(_) => "block beyond the end",
            Repair::Size(_) => "impossible size",
            Repair::BlockCount(_) => "wrong block count",
            Repair::BrokenDirectory(_) => "broken directory",
            Repair::Dots(_) => "wrong . or ..",
            Repair::BadName(_) => "bad name",
            Repair::EntryToFreeInode(_) => "name of a free inode",
            Repair::EntryType(_) => "wrong type in an entry",
            Repair::SecondParent(_) => "directory with two names",
            Repair::MadeDirectory(_) => "missing directory",
            Repair::Reattached(_) | Repair::Deleted(_) => "inode without a name",
            Repair::LinksTooLow(_) => "link count too low",
            Repair::LinksTooHigh(_) => "link count too high",
            Repair::MarkedInode(_) => "inode used but marked free",
            Repair::InodeLeak(_) => "inode leak",
            Repair::MarkedUsed(_) => "block used but marked free",
            Repair::SpaceLeak(_) => "space leak",
            Repair::StrayBits(_) => "stray bits in a bitmap",
        }
    }
}

/// What a check found, in the order in which it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    repairs: Vec<Repair>,
}

impl Report {
    /// The defects.
    pub fn repairs(&self) -> &[Repair] {
        &self.repairs
    }

    /// Whether there were none.
    pub fn is_clean(&self) -> bool {
        self.repairs.is_empty()
    }

    pub(crate) fn push(&mut self, repair: Repair) {
        self.repairs.push(repair);
    }

    /// The kinds of defects in a few fixed words, without numbers: `consistent`, `space leak`.
    pub fn words(&self) -> String {
        let kinds: BTreeSet<&str> = self.repairs.iter().map(|repair| repair.words()).collect();
        if kinds.is_empty() { "consistent".to_owned() } else { Vec::from_iter(kinds).join(", ") }
    }
}
