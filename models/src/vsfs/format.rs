//! What lies on the disk. Version 1, little-endian, blocks of 4 KiB.
//!
//! ```text
//! block 0      boot block: partition table and loader, never written by the file system (FS-21)
//! block 1      group 0
//! block 1+n    group 1, …                                  n = blocks per group
//!
//! a group      | superblock | inode bitmap | data bitmap | inode table … | data … |      (FS-15)
//!
//! superblock   0      8        12      16      20        24        28
//!              | magic | version | bsize | groups | n blocks | n inodes | crc32 of 0..28 | zeros …
//!
//! inode        256 bytes, so that it never crosses a sector:
//!              0      2      4     8     12      16     24        28           32      40      48
//!              | type | mode | uid | gid | nlink | size | nblocks | generation | atime | mtime | ctime |
//!              56          64           112      116      120      124        128
//!              | zeros     | direct ×12 | single | double | triple | zeros    | inline target 128 |
//!
//! directory    chunks of 512 bytes, which no record crosses, so that a torn block is a mix of whole chunks:
//!              0      4         6          7      8
//!              | inum | rec len | name len | type | name … | padding to 4 |     inum 0: unused
//!
//! indirect     1024 pointers of 4 bytes; 0 is a hole
//! bitmap       bit i of byte i/8 from the low end is inode or block i of the group; 1 is in use
//! ```
//!
//! Nothing in the superblock ever changes after mkfs: free counts are what the bitmaps say, so the copies cannot
//! disagree.

use crashcheck::Bytes;

/// The size of a block in bytes.
pub const BLOCK_SIZE: usize = 4096;
/// The size of an inode in bytes.
pub const INODE_SIZE: usize = 256;
/// Inodes in one block of the table.
pub const INODES_PER_BLOCK: usize = BLOCK_SIZE / INODE_SIZE;
/// Pointers in an indirect block.
pub const POINTERS: usize = BLOCK_SIZE / 4;
/// Direct pointers in an inode.
pub const DIRECT: usize = 12;
/// The longest symbolic link target that the inode itself holds.
pub const INLINE_TARGET: usize = 128;
/// The longest name of a directory entry.
pub const NAME_MAX: usize = crate::fs::NAME_LEN_MAX;
/// What a superblock begins with.
pub const MAGIC: u64 = u64::from_le_bytes(*b"vsfs-cc\x01");
/// The version of this format.
pub const VERSION: u32 = 1;
/// Blocks of a group before its inode table: superblock, inode bitmap, data bitmap.
const GROUP_HEAD: u32 = 3;

/// The content of a block.
pub type Page = [u8; BLOCK_SIZE];

/// The position of a block on the device. 0, the boot block, stands for "no block" in a pointer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockNo(pub u32);

impl BlockNo {
    /// A hole.
    pub const NONE: BlockNo = BlockNo(0);

    /// As an index into a table of blocks.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// Its first byte on the device.
    pub fn at(self) -> Bytes {
        Bytes(u64::from(self.0) * BLOCK_SIZE as u64)
    }
}

/// The number of an inode. 0 stands for "no inode".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeNo(pub u32);

impl InodeNo {
    /// No inode: an unused directory entry.
    pub const NONE: InodeNo = InodeNo(0);
    /// The root directory.
    pub const ROOT: InodeNo = InodeNo(2);
    /// The first inode that is not reserved.
    pub const FIRST: InodeNo = InodeNo(2);

    /// As an index into a table of inodes.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A block group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupNo(pub u32);

/// How big the file system is and where its parts lie: all that a superblock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Block groups.
    pub groups: u32,
    /// Blocks in each group.
    pub blocks_per_group: u32,
    /// Inodes in each group.
    pub inodes_per_group: u32,
}

impl Default for Geometry {
    /// 1 MiB in two groups, with 128 inodes.
    fn default() -> Self {
        Geometry { groups: 2, blocks_per_group: 128, inodes_per_group: 64 }
    }
}

impl Geometry {
    /// Whether the regions are in range and disjoint (FS-01), and the bitmaps fit a block.
    pub fn is_sane(&self) -> bool {
        let bits = (BLOCK_SIZE * 8) as u32;
        (1..=1024).contains(&self.groups)
            && self.inodes_per_group.is_multiple_of(INODES_PER_BLOCK as u32)
            && (INODES_PER_BLOCK as u32..=bits).contains(&self.inodes_per_group)
            && self.blocks_per_group <= bits
            && self.blocks_per_group > GROUP_HEAD + self.table_blocks()
    }

    /// Blocks on the device, the boot block included.
    pub fn blocks(&self) -> u32 {
        1 + self.groups * self.blocks_per_group
    }

    /// The length of the device.
    pub fn device_len(&self) -> Bytes {
        BlockNo(self.blocks()).at()
    }

    /// Inodes in all, the reserved ones included.
    pub fn inodes(&self) -> u32 {
        self.groups * self.inodes_per_group
    }

    /// Blocks of the inode table of one group.
    pub fn table_blocks(&self) -> u32 {
        self.inodes_per_group / INODES_PER_BLOCK as u32
    }

    /// Every group, in order.
    pub fn group_numbers(&self) -> impl Iterator<Item = GroupNo> + use<> {
        (0..self.groups).map(GroupNo)
    }

    /// Where the superblock copy of a group lies; the primary is that of group 0.
    pub fn superblock(&self, group: GroupNo) -> BlockNo {
        BlockNo(1 + group.0 * self.blocks_per_group)
    }

    /// Where the inode bitmap of a group lies.
    pub fn inode_bitmap(&self, group: GroupNo) -> BlockNo {
        BlockNo(self.superblock(group).0 + 1)
    }

    /// Where the data bitmap of a group lies.
    pub fn data_bitmap(&self, group: GroupNo) -> BlockNo {
        BlockNo(self.superblock(group).0 + 2)
    }

    /// The blocks of the inode table of a group.
    pub fn inode_table(&self, group: GroupNo) -> impl Iterator<Item = BlockNo> + use<> {
        let first = self.superblock(group).0 + GROUP_HEAD;
        (first..first + self.table_blocks()).map(BlockNo)
    }

    /// The data blocks of a group.
    pub fn data(&self, group: GroupNo) -> std::ops::Range<u32> {
        let start = self.superblock(group).0;
        start + GROUP_HEAD + self.table_blocks()..start + self.blocks_per_group
    }

    /// Whether a block lies in the data region of some group: whether a pointer may name it (FS-05, FK-06).
    pub fn is_data(&self, block: BlockNo) -> bool {
        block.0 != 0
            && block.0 < self.blocks()
            && (block.0 - 1) % self.blocks_per_group >= GROUP_HEAD + self.table_blocks()
    }

    /// The group of a block other than the boot block, and the block's bit in the group's data bitmap.
    pub fn group_of_block(&self, block: BlockNo) -> (GroupNo, u32) {
        (GroupNo((block.0 - 1) / self.blocks_per_group), (block.0 - 1) % self.blocks_per_group)
    }

    /// The group of an inode, and the inode's bit in the group's inode bitmap.
    pub fn group_of_inode(&self, inode: InodeNo) -> (GroupNo, u32) {
        (GroupNo(inode.0 / self.inodes_per_group), inode.0 % self.inodes_per_group)
    }

    /// Whether an inode of that number exists and is not reserved.
    pub fn is_inode(&self, inode: InodeNo) -> bool {
        inode >= InodeNo::FIRST && inode.0 < self.inodes()
    }

    /// Where an inode lies: the block of the table, and the first byte within it (FS-07).
    pub fn inode_location(&self, inode: InodeNo) -> (BlockNo, usize) {
        let (group, index) = self.group_of_inode(inode);
        let at = index as usize * INODE_SIZE;
        let first = self.superblock(group).0 + GROUP_HEAD;
        (BlockNo(first + (at / BLOCK_SIZE) as u32), at % BLOCK_SIZE)
    }

    /// The superblock that says this.
    pub fn encode(&self) -> Page {
        let mut page = [0; BLOCK_SIZE];
        page[..8].copy_from_slice(&MAGIC.to_le_bytes());
        let fields = [VERSION, BLOCK_SIZE as u32, self.groups, self.blocks_per_group, self.inodes_per_group];
        for (at, field) in (8..).step_by(4).zip(fields) {
            put_u32(&mut page, at, field);
        }
        let crc = crc32fast::hash(&page[..28]);
        put_u32(&mut page, 28, crc);
        page
    }

    /// What a superblock says, or `None` if it is not one: wrong magic, version, block size or checksum, or a
    /// geometry that makes no sense.
    pub fn decode(page: &Page) -> Option<Geometry> {
        let geometry = Geometry {
            groups: get_u32(page, 16),
            blocks_per_group: get_u32(page, 20),
            inodes_per_group: get_u32(page, 24),
        };
        let genuine = page[..8] == MAGIC.to_le_bytes()
            && get_u32(page, 8) == VERSION
            && get_u32(page, 12) == BLOCK_SIZE as u32
            && get_u32(page, 28) == crc32fast::hash(&page[..28]);
        (genuine && geometry.is_sane()).then_some(geometry)
    }
}

/// The 32-bit field at a byte.
pub(crate) fn get_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// Sets the 32-bit field at a byte.
pub(crate) fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// The 64-bit field at a byte.
pub(crate) fn get_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Sets the 64-bit field at a byte.
pub(crate) fn put_u64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

/// Whether a bit of a bitmap is set.
pub(crate) fn bit(page: &Page, index: u32) -> bool {
    page[index as usize / 8] >> (index % 8) & 1 == 1
}

/// Sets or clears a bit of a bitmap.
pub(crate) fn set_bit(page: &mut Page, index: u32, value: bool) {
    let mask = 1 << (index % 8);
    let byte = &mut page[index as usize / 8];
    *byte = if value { *byte | mask } else { *byte & !mask };
}
