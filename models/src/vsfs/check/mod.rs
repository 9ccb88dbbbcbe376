//! Whether a file system is well-formed, by a reader of the format that shares nothing with what wrote it.
//!
//! A judge that repairs with the code it judges by cannot see a step that is missing in both. So this one knows the
//! drawing in `format.rs` and nothing else: it parses blocks itself, walks pointers and directories itself, and uses
//! neither fsck nor the live file system. It only reads, through the cache, where a change may lie that is not written
//! yet, and each block once. It ends with the first thing that is wrong.
//!
//! | file | what must hold |
//! |---|---|
//! | `layout.rs` | superblocks agree, and their regions are in range (FS-01, FS-15) |
//! | `node.rs` | inodes have a type, a length and pointers that can be (FS-04, FS-05) |
//! | `space.rs` | each block has one owner, and both bitmaps say what the inodes say (FK-02, FS-04, FS-23) |
//! | `tree.rs` | names form one tree, and link counts count them (FK-04, FS-08, FS-09, FS-13) |
//!
//! The content of files and of free blocks is not read: it is for the judge of what a file shows, and each block more
//! that is looked at is one more that the exploration has to decide.

mod layout;
pub(crate) mod node;
mod space;
pub(crate) mod tree;

use super::format::{BlockNo, Geometry, InodeNo};
use super::store::{Store, StoreError};
use thiserror::Error;

/// What is wrong with a file system.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Wrong {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] StoreError),
    /// A superblock does not say what the primary one and the format say.
    #[error("the superblock in block {} has the {field} {found}, not {expected}", block.0)]
    Superblock {
        /// Where it lies.
        block: BlockNo,
        /// Which field.
        field: &'static str,
        /// What it says.
        found: u64,
        /// What it should say.
        expected: u64,
    },
    /// The regions of a group do not fit it.
    #[error("{inodes} inodes and their bitmaps do not fit a group of {blocks} blocks")]
    Regions {
        /// Inodes of a group.
        inodes: u32,
        /// Blocks of a group.
        blocks: u32,
    },
    /// A type that means nothing.
    #[error("inode {} has the type {found}, which there is not", inode.0)]
    Type {
        /// Which inode.
        inode: InodeNo,
        /// What it says.
        found: u16,
    },
    /// A number that is not given out.
    #[error("inode {} is reserved, but it is in use", .0.0)]
    Reserved(InodeNo),
    /// A length that cannot be.
    #[error("inode {} is {size} bytes long, {what}", inode.0)]
    Length {
        /// Which inode.
        inode: InodeNo,
        /// Its length.
        size: u64,
        /// Why that cannot be.
        what: &'static str,
    },
    /// A symbolic link that leads nowhere.
    #[error("symbolic link {} holds no path", .0.0)]
    Target(InodeNo),
    /// A pointer to what holds no content.
    #[error("inode {} points to block {}, where no content lies", inode.0, block.0)]
    Pointer {
        /// Whose pointer.
        inode: InodeNo,
        /// Where it leads.
        block: BlockNo,
    },
    /// A block that two pointers lead to.
    #[error("block {} belongs to inode {} and once more to inode {}", block.0, owner.0, other.0)]
    TwoOwners {
        /// The block.
        block: BlockNo,
        /// Whose it was.
        owner: InodeNo,
        /// Who claims it as well.
        other: InodeNo,
    },
    /// A block that no byte of its inode can lie in.
    #[error("inode {} owns block {}, which lies beyond its end", inode.0, block.0)]
    BeyondEnd {
        /// Whose.
        inode: InodeNo,
        /// The block.
        block: BlockNo,
    },
    /// A block count that is not the number of blocks.
    #[error("inode {} says that it owns {found} blocks, but it owns {expected}", inode.0)]
    BlockCount {
        /// Which inode.
        inode: InodeNo,
        /// What it says.
        found: u32,
        /// What it owns.
        expected: u32,
    },
    /// A bit of an inode bitmap that is not what the inode table says.
    #[error("inode {} is {}, but its bit says otherwise", inode.0, in_use(*used))]
    InodeBit {
        /// Which inode.
        inode: InodeNo,
        /// Whether it is in use.
        used: bool,
    },
    /// A bit of a data bitmap that is not what the inodes say.
    #[error("block {} is {}, but its bit says otherwise", block.0, in_use(*used))]
    BlockBit {
        /// Which block.
        block: BlockNo,
        /// Whether it is in use.
        used: bool,
    },
    /// A bit that belongs to nothing.
    #[error("the bitmap in block {} has bits beyond its group, from bit {bit} on", block.0)]
    StrayBit {
        /// The bitmap.
        block: BlockNo,
        /// The first of them, or the first of its byte.
        bit: u32,
    },
    /// A part of a directory that holds no record.
    #[error("directory {} holds no record at byte {at} of its block {index}", dir.0)]
    Record {
        /// Which directory.
        dir: InodeNo,
        /// Which of its blocks.
        index: u64,
        /// Where in the block.
        at: usize,
    },
    /// "." or ".." is not there, or leads elsewhere.
    #[error("'{name}' of directory {} leads to inode {}, not to {}", dir.0, found.0, expected.0)]
    Dots {
        /// Which directory.
        dir: InodeNo,
        /// Which name.
        name: &'static str,
        /// Where it leads; nowhere if it is not there.
        found: InodeNo,
        /// Where it should lead.
        expected: InodeNo,
    },
    /// A name that cannot be, or that leads to what it does not say.
    #[error("directory {}: the name {name:?} {what}", dir.0)]
    Name {
        /// Which directory.
        dir: InodeNo,
        /// The name.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A directory without a name, or with several.
    #[error("directory {} has {names} names, not {expected}", dir.0)]
    DirectoryNames {
        /// Which directory.
        dir: InodeNo,
        /// How many it has.
        names: u32,
        /// How many it should have.
        expected: u32,
    },
    /// A directory whose names lead in a circle.
    #[error("directory {} cannot be reached from the root", .0.0)]
    Unreached(InodeNo),
    /// A file to which nothing leads.
    #[error("inode {} has no name", .0.0)]
    Nameless(InodeNo),
    /// A link count that is not the number of names.
    #[error("inode {} has {links} links, but {names} names lead to it", inode.0)]
    Links {
        /// Which inode.
        inode: InodeNo,
        /// What it says.
        links: u32,
        /// What the directories say.
        names: u32,
    },
}

fn in_use(used: bool) -> &'static str {
    if used { "in use" } else { "free" }
}

/// Looks at everything but the content of files.
///
/// # Errors
/// The first thing that is wrong.
pub fn check<S: Store>(store: &mut S, opened_as: &Geometry) -> Result<(), Wrong> {
    let layout = layout::Layout::read(store, opened_as)?;
    let claims = space::claims(store, &layout)?;
    claims.bitmaps(store, &layout)?;
    claims.names(store)
}
