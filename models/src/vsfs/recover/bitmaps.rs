//! Bitmaps, from what the inodes say.

use super::{Fsck, Repair};
use crate::vsfs::blocks::FsError;
use crate::vsfs::bugs::Bug;
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, Geometry, GroupNo, InodeNo, Page, bit, set_bit};
use crate::vsfs::store::{BlockKind, Store};

impl<S: Store> Fsck<'_, S> {
    /// A bit is set if and only if an inode says so (FK-02).
    pub(super) fn bitmaps(&mut self) -> Result<(), FsError> {
        let geometry = self.geometry;
        for group in geometry.group_numbers() {
            let inodes = self.expected_inodes(group);
            let repairs = |index| {
                let inode = InodeNo(group.0 * geometry.inodes_per_group + index);
                (Repair::MarkedInode(inode), Repair::InodeLeak(inode))
            };
            let bitmap = (geometry.inode_bitmap(group), BlockKind::InodeBitmap);
            self.bitmap(group, bitmap, &inodes, geometry.inodes_per_group, repairs)?;
            if self.options.bugs.has(Bug::FsckTrustsBitmap) {
                continue;
            }
            let data = self.expected_data(group);
            let first = geometry.superblock(group).0;
            let repairs = |index| {
                (Repair::MarkedUsed(BlockNo(first + index)), Repair::SpaceLeak(BlockNo(first + index)))
            };
            let bitmap = (geometry.data_bitmap(group), BlockKind::DataBitmap);
            self.bitmap(group, bitmap, &data, geometry.blocks_per_group, repairs)?;
        }
        Ok(())
    }

    fn bitmap(
        &mut self,
        group: GroupNo,
        (block, kind): (BlockNo, BlockKind),
        expected: &Page,
        bits: u32,
        repairs: impl Fn(u32) -> (Repair, Repair),
    ) -> Result<(), FsError> {
        let found = self.fs.store.read(block, kind)?;
        if found == expected {
            return Ok(());
        }
        for index in 0..bits {
            match (bit(found, index), bit(expected, index)) {
                (false, true) => self.report.push(repairs(index).0),
                (true, false) => self.report.push(repairs(index).1),
                _ => {}
            }
        }
        let (partial, whole) = (bits..bits.next_multiple_of(8), bits.div_ceil(8) as usize..BLOCK_SIZE);
        if partial.into_iter().any(|index| bit(found, index)) || found[whole].iter().any(|byte| *byte != 0) {
            self.report.push(Repair::StrayBits(group));
        }
        if self.repair {
            *self.fs.store.modify(block, kind)? = *expected;
        }
        Ok(())
    }

    fn expected_inodes(&self, group: GroupNo) -> Page {
        let mut page = reserved_inodes(group);
        let first = group.0 * self.geometry.inodes_per_group;
        for index in 0..self.geometry.inodes_per_group {
            if self.kinds[(first + index) as usize].is_some() {
                set_bit(&mut page, index, true);
            }
        }
        page
    }

    fn expected_data(&self, group: GroupNo) -> Page {
        let mut page = reserved_blocks(&self.geometry);
        for block in self.geometry.data(group).map(BlockNo) {
            if self.owners[block.index()] != InodeNo::NONE {
                set_bit(&mut page, self.geometry.group_of_block(block).1, true);
            }
        }
        page
    }
}

/// The inode bitmap of a group in which no inode is used: numbers below the first one are reserved.
pub(crate) fn reserved_inodes(group: GroupNo) -> Page {
    let mut page = [0; BLOCK_SIZE];
    if group == GroupNo(0) {
        (0..InodeNo::FIRST.0).for_each(|index| set_bit(&mut page, index, true));
    }
    page
}

/// The data bitmap of a group in which no data block is used: the blocks before the data are.
pub(crate) fn reserved_blocks(geometry: &Geometry) -> Page {
    let mut page = [0; BLOCK_SIZE];
    let data = geometry.data(GroupNo(0)).start - geometry.superblock(GroupNo(0)).0;
    (0..data).for_each(|index| set_bit(&mut page, index, true));
    page
}
