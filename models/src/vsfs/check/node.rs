//! Inodes as bytes, and where their pointers lead.

use super::Wrong;
use crate::fs::Path;
use crate::fs::posix::FILE_SIZE_MAX;
use crate::vsfs::format::{
    BLOCK_SIZE, BlockNo, DIRECT, INLINE_TARGET, INODE_SIZE, InodeNo, POINTERS, get_u32, get_u64,
};
use crashcheck::Lent;

const POINTERS_AT: usize = 64;
const TARGET_AT: usize = INODE_SIZE - INLINE_TARGET;

/// What an inode is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Link,
}

impl Kind {
    /// The type with that number in an inode or in a directory.
    pub(super) fn of(number: u16) -> Option<Kind> {
        match number {
            1 => Some(Kind::File),
            2 => Some(Kind::Directory),
            3 => Some(Kind::Link),
            _ => None,
        }
    }
}

/// An inode in use.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a> {
    pub(crate) number: InodeNo,
    pub(crate) kind: Kind,
    bytes: &'a [u8],
}

/// A block that a pointer leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reached {
    pub(crate) block: BlockNo,
    /// 0 for content, 1 for pointers to it, and so on.
    pub(crate) height: u32,
    /// The first block of content below it.
    pub(crate) first: u64,
}

impl<'a> Node<'a> {
    /// The inode in a slot, if there is one.
    pub(crate) fn parse(number: InodeNo, bytes: &'a [u8]) -> Result<Option<Node<'a>>, Wrong> {
        let found = u16::from_le_bytes([bytes[0], bytes[1]]);
        if found == 0 {
            return Ok(None);
        }
        let kind = Kind::of(found).ok_or(Wrong::Type { inode: number, found })?;
        let node = Node { number, kind, bytes };
        node.has_a_length()?;
        Ok(Some(node))
    }

    fn has_a_length(&self) -> Result<(), Wrong> {
        let size = self.size();
        let block = BLOCK_SIZE as u64;
        let what = match self.kind {
            _ if size > FILE_SIZE_MAX.0 => "more than a file can be",
            Kind::Directory if !size.is_multiple_of(block) => "which is no whole number of blocks",
            Kind::Directory if size == 0 => "too short for '.' and '..'",
            Kind::Link if size > block => "more than a symbolic link can be",
            _ => return Ok(()),
        };
        Err(Wrong::Length { inode: self.number, size, what })
    }

    pub(crate) fn links(&self) -> u32 {
        get_u32(self.bytes, 12)
    }

    pub(crate) fn size(&self) -> u64 {
        get_u64(self.bytes, 16)
    }

    pub(crate) fn block_count(&self) -> u32 {
        get_u32(self.bytes, 24)
    }

    pub(crate) fn generation(&self) -> u32 {
        get_u32(self.bytes, 28)
    }

    /// How many blocks of content it may own.
    pub(crate) fn content_blocks(&self) -> u64 {
        match self.kind {
            Kind::Link if self.is_inline() => 0,
            _ => self.size().div_ceil(BLOCK_SIZE as u64),
        }
    }

    fn is_inline(&self) -> bool {
        self.size() <= INLINE_TARGET as u64
    }

    /// A symbolic link holds a path, in the inode or in the given block.
    pub(crate) fn holds_a_path(&self, block: Option<&Lent>) -> Result<(), Wrong> {
        let len = self.size() as usize;
        let bytes = match block {
            _ if self.is_inline() => Some(&self.bytes[TARGET_AT..TARGET_AT + len]),
            Some(block) => Some(&block[..len]),
            None => None,
        };
        let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
        match text.map(Path::parse) {
            Some(Ok(_)) => Ok(()),
            _ => Err(Wrong::Target(self.number)),
        }
    }

    /// Meets every block that the inode leads to, in the order of the content and pointers before what they lead to.
    /// For a block of pointers `visit` gives its content; it must refuse a block that it was asked for before, or there
    /// may be no end.
    pub(crate) fn walk<E>(&self, mut visit: impl FnMut(Reached) -> Result<Option<Lent>, E>) -> Result<(), E> {
        let mut first = 0;
        for slot in 0..DIRECT + 3 {
            let height = (slot + 1).saturating_sub(DIRECT) as u32;
            let block = BlockNo(get_u32(self.bytes, POINTERS_AT + 4 * slot));
            if block.0 != 0 {
                descend(Reached { block, height, first }, &mut visit)?;
            }
            first += below(height);
        }
        Ok(())
    }
}

/// How many blocks of content one at that height leads to.
fn below(height: u32) -> u64 {
    (POINTERS as u64).pow(height)
}

fn descend<E>(at: Reached, visit: &mut impl FnMut(Reached) -> Result<Option<Lent>, E>) -> Result<(), E> {
    let Some(pointers) = visit(at)? else { return Ok(()) };
    let height = at.height - 1;
    for (place, pointer) in (0..).zip(pointers.chunks_exact(4)) {
        let block = BlockNo(get_u32(pointer, 0));
        if block.0 != 0 {
            descend(Reached { block, height, first: at.first + place * below(height) }, visit)?;
        }
    }
    Ok(())
}
