//! Inodes: what they say, and where in the tree of pointers a block of a file is found.

use super::format::{
    BlockNo, DIRECT, INLINE_TARGET, INODE_SIZE, POINTERS, get_u32, get_u64, put_u32, put_u64,
};
use crashcheck::Bytes;

/// Pointers in an inode: direct, single, double and triple indirect.
pub const SLOTS: usize = DIRECT + 3;

/// What an inode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileType {
    /// A file.
    File = 1,
    /// A directory.
    Dir = 2,
    /// A symbolic link.
    Symlink = 3,
}

impl FileType {
    /// The type with that number on the disk; 0 is a free inode, and no other number means anything.
    pub fn from_number(number: u8) -> Option<FileType> {
        match number {
            1 => Some(FileType::File),
            2 => Some(FileType::Dir),
            3 => Some(FileType::Symlink),
            _ => None,
        }
    }
}

/// An inode in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inode {
    /// What it is.
    pub kind: FileType,
    /// Permissions, as in Unix.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group of the owner.
    pub gid: u32,
    /// Directory entries that lead here.
    pub nlink: u32,
    /// Length.
    pub size: Bytes,
    /// Blocks it owns, those of pointers included.
    pub nblocks: u32,
    /// How often this inode number has been given out.
    pub generation: u32,
    /// When it was last read, on a clock that counts operations. Kept as it was made: reading writes nothing.
    pub atime: u64,
    /// When its content last changed.
    pub mtime: u64,
    /// When the inode last changed.
    pub ctime: u64,
    /// The blocks: 12 of content, then the roots of trees of depth 1, 2 and 3.
    pub pointers: [BlockNo; SLOTS],
    /// The target of a symbolic link, if it fits.
    pub inline: [u8; INLINE_TARGET],
}

/// What a slot of the inode table holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// A free inode, and how often it was given out.
    Free {
        /// The generation of its last life.
        generation: u32,
    },
    /// An inode.
    Used(Box<Inode>),
    /// A type that means nothing.
    Invalid,
}

impl Inode {
    /// A new inode without content and without a name.
    pub fn new(kind: FileType, generation: u32, now: u64) -> Inode {
        let mode = if kind == FileType::Dir { 0o755 } else { 0o644 };
        Inode {
            kind,
            mode,
            uid: 0,
            gid: 0,
            nlink: 0,
            size: Bytes::ZERO,
            nblocks: 0,
            generation,
            atime: now,
            mtime: now,
            ctime: now,
            pointers: [BlockNo::NONE; SLOTS],
            inline: [0; INLINE_TARGET],
        }
    }

    /// Its length in blocks.
    pub fn blocks_long(&self) -> u64 {
        self.size.0.div_ceil(super::format::BLOCK_SIZE as u64)
    }

    /// Writes it into its slot.
    pub fn encode(&self, slot: &mut [u8]) {
        slot.fill(0);
        slot[..2].copy_from_slice(&(self.kind as u16).to_le_bytes());
        slot[2..4].copy_from_slice(&self.mode.to_le_bytes());
        put_u32(slot, 4, self.uid);
        put_u32(slot, 8, self.gid);
        put_u32(slot, 12, self.nlink);
        put_u64(slot, 16, self.size.0);
        put_u32(slot, 24, self.nblocks);
        put_u32(slot, 28, self.generation);
        put_u64(slot, 32, self.atime);
        put_u64(slot, 40, self.mtime);
        put_u64(slot, 48, self.ctime);
        for (index, pointer) in self.pointers.iter().enumerate() {
            put_u32(slot, 64 + 4 * index, pointer.0);
        }
        slot[INODE_SIZE - INLINE_TARGET..INODE_SIZE].copy_from_slice(&self.inline);
    }

    /// Makes its slot a free one.
    pub fn encode_free(slot: &mut [u8], generation: u32) {
        slot.fill(0);
        put_u32(slot, 28, generation);
    }

    /// What a slot says.
    pub fn decode(slot: &[u8]) -> Slot {
        let kind = match (slot[0], slot[1]) {
            (0, 0) => return Slot::Free { generation: get_u32(slot, 28) },
            (number, 0) => FileType::from_number(number),
            _ => None,
        };
        let Some(kind) = kind else { return Slot::Invalid };
        let mut inode = Inode {
            mode: u16::from_le_bytes([slot[2], slot[3]]),
            uid: get_u32(slot, 4),
            gid: get_u32(slot, 8),
            nlink: get_u32(slot, 12),
            size: Bytes(get_u64(slot, 16)),
            nblocks: get_u32(slot, 24),
            atime: get_u64(slot, 32),
            mtime: get_u64(slot, 40),
            ctime: get_u64(slot, 48),
            ..Inode::new(kind, get_u32(slot, 28), 0)
        };
        for (index, pointer) in inode.pointers.iter_mut().enumerate() {
            *pointer = BlockNo(get_u32(slot, 64 + 4 * index));
        }
        inode.inline.copy_from_slice(&slot[INODE_SIZE - INLINE_TARGET..INODE_SIZE]);
        Slot::Used(Box::new(inode))
    }
}

/// The way from an inode to one block of its content: a slot of the inode, then a position in each of `depth`
/// indirect blocks (FS-06).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which pointer of the inode.
    pub slot: usize,
    /// Indirect blocks on the way.
    pub depth: usize,
    /// The position in each of them; the first `depth` count.
    pub offsets: [usize; 3],
}

/// How many blocks of content a pointer leads to, with `depth` indirect blocks on the way.
pub fn span(depth: usize) -> u64 {
    (POINTERS as u64).pow(depth as u32)
}

/// The slots of an inode: which, how many indirect blocks deep, and the first block of content that it leads to.
pub fn slots() -> impl Iterator<Item = (usize, usize, u64)> {
    (0..SLOTS).scan(0, |first, slot| {
        let depth = (slot + 1).saturating_sub(DIRECT);
        let here = (slot, depth, *first);
        *first += span(depth);
        Some(here)
    })
}

/// Blocks of content that the pointers of an inode can lead to (FS-05).
pub fn blocks_max() -> u64 {
    DIRECT as u64 + span(1) + span(2) + span(3)
}

/// The way to a block of content, or `None` if no pointer leads so far.
pub fn route(index: u64) -> Option<Route> {
    if index < DIRECT as u64 {
        return Some(Route { slot: index as usize, depth: 0, offsets: [0; 3] });
    }
    let (slot, depth, first) = slots().find(|(_, depth, first)| index < first + span(*depth))?;
    let mut rest = index - first;
    let mut offsets = [0; 3];
    for level in (0..depth).rev() {
        offsets[level] = (rest % POINTERS as u64) as usize;
        rest /= POINTERS as u64;
    }
    Some(Route { slot, depth, offsets })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inode_reads_back_as_it_was_written() {
        let mut inode = Inode::new(FileType::Symlink, 3, 7);
        (inode.nlink, inode.size, inode.nblocks) = (2, Bytes(1 << 40), 9);
        (inode.mode, inode.uid, inode.gid, inode.mtime) = (0o4711, 10, 11, 99);
        inode.pointers = std::array::from_fn(|index| BlockNo(100 + index as u32));
        inode.inline[..3].copy_from_slice(b"/ab");
        let mut slot = [0xff; INODE_SIZE];
        inode.encode(&mut slot);
        assert_eq!(Inode::decode(&slot), Slot::Used(Box::new(inode)));
        Inode::encode_free(&mut slot, 4);
        assert_eq!(Inode::decode(&slot), Slot::Free { generation: 4 });
        slot[1] = 1;
        assert_eq!(Inode::decode(&slot), Slot::Invalid);
    }

    #[test]
    fn a_file_is_reached_over_at_most_three_indirect_blocks() {
        let kib_with_single = (DIRECT as u64 + span(1)) * 4;
        assert_eq!(kib_with_single, 4144, "FS-05");
        assert_eq!(blocks_max(), 12 + 1024 + 1024 * 1024 + 1024 * 1024 * 1024);
        assert_eq!(route(11), Some(Route { slot: 11, depth: 0, offsets: [0; 3] }));
        assert_eq!(route(12), Some(Route { slot: 12, depth: 1, offsets: [0; 3] }));
        assert_eq!(route(12 + 1024), Some(Route { slot: 13, depth: 2, offsets: [0, 0, 0] }));
        assert_eq!(route(12 + 1024 + 1025), Some(Route { slot: 13, depth: 2, offsets: [1, 1, 0] }));
        let last = Route { slot: 14, depth: 3, offsets: [1023; 3] };
        assert_eq!(route(blocks_max() - 1), Some(last));
        assert_eq!(route(blocks_max()), None);
    }
}
