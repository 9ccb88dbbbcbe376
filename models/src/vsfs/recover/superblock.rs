//! Superblocks: which one to believe, and copies that differ from it.

use super::{Fsck, Repair};
use crate::vsfs::blocks::FsError;
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, Geometry, GroupNo};
use crate::vsfs::store::{BlockKind, Store, StoreError};
use crashcheck::Disk;

/// What the superblock says, or, if it makes no sense, the first copy that does (FK-01).
///
/// # Errors
/// If none does: nothing is written then.
pub fn find_geometry(disk: &Disk) -> Result<Geometry, FsError> {
    let blocks = disk.len().map_err(StoreError::from)?.0 / BLOCK_SIZE as u64;
    let blocks = u32::try_from(blocks).unwrap_or(u32::MAX);
    for block in (1..blocks).map(BlockNo) {
        let mut page = [0; BLOCK_SIZE];
        disk.read(block.at(), &mut page).map_err(StoreError::from)?;
        let Some(geometry) = Geometry::decode(&page) else { continue };
        let fits = geometry.blocks() <= blocks;
        if fits && geometry.group_numbers().any(|group| geometry.superblock(group) == block) {
            return Ok(geometry);
        }
    }
    Err(FsError::NoSuperblock)
}

impl<S: Store> Fsck<'_, S> {
    /// Every copy says the same (FS-15).
    pub(super) fn superblocks(&mut self) -> Result<(), FsError> {
        let geometry = self.geometry;
        geometry.group_numbers().try_for_each(|group| self.superblock(group))
    }

    fn superblock(&mut self, group: GroupNo) -> Result<(), FsError> {
        let block = self.geometry.superblock(group);
        let found = Geometry::decode(self.fs.store.read(block, BlockKind::Superblock)?);
        if found == Some(self.geometry) {
            return Ok(());
        }
        self.report.push(Repair::Superblock(group));
        if self.repair {
            *self.fs.store.modify(block, BlockKind::Superblock)? = self.geometry.encode();
        }
        Ok(())
    }
}
