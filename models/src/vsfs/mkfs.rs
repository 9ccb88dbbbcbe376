//! mkfs: an empty file system with a root directory and lost+found.

use super::blocks::{FileSystem, FsError};
use super::bugs::Bugs;
use super::dir;
use super::format::{BLOCK_SIZE, Geometry, InodeNo, set_bit};
use super::inode::{FileType, Inode};
use super::ops::Operations;
use super::recover::{LOST_AND_FOUND, reserved_blocks, reserved_inodes};
use super::store::{BlockKind, Store};
use crate::fs::Path;
use crashcheck::Bytes;

/// Makes an empty file system on blocks that hold zeros, and makes it durable. The boot block is left alone (FS-21).
///
/// # Errors
/// If the geometry does not work out, or the store fails.
pub fn mkfs<S: Store>(store: &mut S, geometry: Geometry) -> Result<(), FsError> {
    if !geometry.is_sane() {
        return Err(FsError::BadGeometry(geometry));
    }
    for group in geometry.group_numbers() {
        *store.modify(geometry.superblock(group), BlockKind::Superblock)? = geometry.encode();
        *store.modify(geometry.inode_bitmap(group), BlockKind::InodeBitmap)? = reserved_inodes(group);
        *store.modify(geometry.data_bitmap(group), BlockKind::DataBitmap)? = reserved_blocks(&geometry);
    }
    let (group, index) = geometry.group_of_inode(InodeNo::ROOT);
    set_bit(store.modify(geometry.inode_bitmap(group), BlockKind::InodeBitmap)?, index, true);
    let mut fs = FileSystem::new(store, geometry, Bugs::NONE);
    let mut root = Inode::new(FileType::Dir, 1, 0);
    let (block, _) = fs.block_for(InodeNo::ROOT, &mut root, 0)?;
    dir::init_first(fs.store.fresh(block, BlockKind::Directory)?, InodeNo::ROOT, InodeNo::ROOT);
    (root.nlink, root.size) = (2, Bytes::of(BLOCK_SIZE));
    fs.put_inode(InodeNo::ROOT, &root)?;
    fs.mkdir(&Path::root().join(LOST_AND_FOUND))?;
    Ok(fs.store.sync()?)
}
