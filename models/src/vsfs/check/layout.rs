//! Superblocks, and where they say that everything lies.

use super::Wrong;
use crate::vsfs::format::{
    BLOCK_SIZE, BlockNo, Geometry, INODE_SIZE, INODES_PER_BLOCK, MAGIC, VERSION, get_u32, get_u64,
};
use crate::vsfs::store::{BlockKind, Store};

/// Superblock, inode bitmap and data bitmap of a group come before its inode table.
const HEAD: u32 = 3;
/// The bytes of a superblock that its checksum covers.
const COVERED: usize = 28;

/// Where the parts lie.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) groups: u32,
    /// Blocks in each group.
    pub(super) blocks: u32,
    /// Inodes in each group.
    pub(super) inodes: u32,
}

impl Layout {
    /// What the superblock says, which every copy must say as well.
    pub(super) fn read<S: Store>(store: &mut S, opened_as: &Geometry) -> Result<Layout, Wrong> {
        let layout = Layout {
            groups: opened_as.groups,
            blocks: opened_as.blocks_per_group,
            inodes: opened_as.inodes_per_group,
        };
        (0..layout.groups).try_for_each(|group| layout.superblock(store, BlockNo(layout.start(group))))?;
        let Layout { blocks, inodes, .. } = layout;
        let bits = 8 * BLOCK_SIZE as u32;
        let whole = inodes > 0 && inodes.is_multiple_of(INODES_PER_BLOCK as u32);
        if !whole || inodes > bits || blocks > bits || blocks <= HEAD + layout.table_blocks() {
            return Err(Wrong::Regions { inodes, blocks });
        }
        Ok(layout)
    }

    fn superblock<S: Store>(&self, store: &mut S, block: BlockNo) -> Result<(), Wrong> {
        let page = store.lend(block, BlockKind::Superblock)?;
        let says = |field, found, expected| match found == expected {
            true => Ok(()),
            false => Err(Wrong::Superblock { block, field, found, expected }),
        };
        says("magic", get_u64(&page, 0), MAGIC)?;
        let expected = [
            ("version", VERSION),
            ("block size", BLOCK_SIZE as u32),
            ("number of groups", self.groups),
            ("number of blocks", self.blocks),
            ("number of inodes", self.inodes),
            ("checksum", crc32fast::hash(&page[..COVERED])),
        ];
        for (at, (field, expected)) in (8..).step_by(4).zip(expected) {
            says(field, u64::from(get_u32(&page, at)), u64::from(expected))?;
        }
        Ok(())
    }

    /// The first block of a group.
    pub(super) fn start(&self, group: u32) -> u32 {
        1 + group * self.blocks
    }

    /// The blocks of an inode table.
    pub(super) fn table_blocks(&self) -> u32 {
        self.inodes * INODE_SIZE as u32 / BLOCK_SIZE as u32
    }

    /// The inode table of a group.
    pub(super) fn table(&self, group: u32) -> impl Iterator<Item = BlockNo> + use<> {
        let first = self.start(group) + HEAD;
        (first..first + self.table_blocks()).map(BlockNo)
    }

    /// One beyond the last block.
    pub(super) fn end(&self) -> u32 {
        self.start(self.groups)
    }

    /// How many blocks of a group come before its content.
    pub(super) fn before_content(&self) -> u32 {
        HEAD + self.table_blocks()
    }

    /// Whether content may lie in a block.
    pub(super) fn is_content(&self, block: BlockNo) -> bool {
        (1..self.end()).contains(&block.0) && (block.0 - 1) % self.blocks >= self.before_content()
    }
}
