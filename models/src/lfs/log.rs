//! The opened file system: what is in memory, and how a block of a file is found (LF-07).

use super::bugs::Bugs;
use super::checkpoint::Turn;
use super::dirlog::{Opcode, Record, Uid};
use super::format::{Geometry, Superblock};
use super::imap::{InodeMap, Place};
use super::position::{Parent, Position};
use super::summary::{Epoch, Serial};
use super::usage::Usage;
use crate::fs::posix::FILE_SIZE_MAX;
use crate::vsfs::FsError;
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, INODE_SIZE, InodeNo, Page, get_u32, put_u32};
use crate::vsfs::inode::{FileType, Inode, Slot};
use crate::vsfs::store::StoreError;
use crashcheck::{Bytes, Disk, DiskError};
use std::collections::BTreeMap;

/// Where the number of an inode stands in its slot.
const NUMBER_AT: usize = 56;

/// How soon something in memory must go into the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dirty {
    /// It is there.
    No,
    /// With the next checkpoint: until then the directory-operation log says what it takes to do without.
    Later,
    /// With the next batch.
    Now,
}

/// An inode in memory.
pub(super) struct CachedInode {
    pub(super) inode: Inode,
    pub(super) dirty: Dirty,
}

/// A block in memory. If it is dirty, so are the blocks of pointers above it, and its inode.
pub(super) struct CachedPage {
    pub(super) page: Box<Page>,
    /// Where it lies; nowhere if it was never written.
    pub(super) at: BlockNo,
    pub(super) dirty: bool,
}

/// An opened file system.
pub(super) struct Log {
    pub(super) disk: Disk,
    pub(super) superblock: Superblock,
    pub(super) bugs: Bugs,
    /// Counts operations, and stands in for the time.
    pub(super) clock: u64,
    pub(super) epoch: Epoch,
    /// The number of the next part, and where it goes.
    pub(super) serial: Serial,
    pub(super) head: BlockNo,
    /// The newest durable checkpoint.
    pub(super) turn: Turn,
    /// Parts written since then, and segments begun.
    pub(super) parts_since: u32,
    pub(super) segments_since: u32,
    pub(super) unflushed: bool,
    /// How often the cleaner was called for.
    pub(super) cleanings: u32,
    pub(super) map: InodeMap,
    pub(super) usage: Usage,
    pub(super) inodes: BTreeMap<InodeNo, CachedInode>,
    /// Blocks are kept once they were read: all of a disk fits.
    pub(super) pages: BTreeMap<(InodeNo, Position), CachedPage>,
    /// Pages that lie nowhere yet.
    pub(super) unplaced: u64,
    /// What the operations since the last batch did to names.
    pub(super) records: Vec<Record>,
    /// What the current operation did to names so far.
    pub(super) record: Record,
}

/// A record that says nothing.
pub(super) fn no_record() -> Record {
    Record { opcode: Opcode::Create, names: Vec::new(), counts: Vec::new() }
}

/// Writes an inode into its slot.
pub(super) fn encode_inode(number: InodeNo, inode: &Inode, slot: &mut [u8]) {
    inode.encode(slot);
    put_u32(slot, NUMBER_AT, number.0);
}

/// The inode in a slot, and its number.
pub(super) fn decode_inode(slot: &[u8], geometry: &Geometry) -> Option<(InodeNo, Inode)> {
    let number = InodeNo(get_u32(slot, NUMBER_AT));
    let Slot::Used(inode) = Inode::decode(slot) else { return None };
    let fits = |pointer: &BlockNo| *pointer == BlockNo::NONE || geometry.is_log(*pointer);
    let sane = geometry.is_inode(number) && inode.size <= FILE_SIZE_MAX && inode.pointers.iter().all(fits);
    sane.then_some((number, *inode))
}

/// Reads a block.
pub(super) fn read_page(disk: &Disk, block: BlockNo) -> Result<Box<Page>, DiskError> {
    let mut page = Box::new([0; BLOCK_SIZE]);
    disk.read(block.at(), &mut page[..])?;
    Ok(page)
}

/// A device error as one of the file system.
pub(super) fn device(error: DiskError) -> FsError {
    FsError::Store(StoreError::Disk(error))
}

impl Log {
    pub(super) fn geometry(&self) -> &Geometry {
        &self.superblock.geometry
    }

    /// The number of an inode in its present life.
    pub(super) fn uid(&self, inode: InodeNo) -> Uid {
        Uid { inode, version: self.map.get(inode).version }
    }

    /// Reads the inode that lies at a place of the log.
    pub(super) fn read_inode(&self, number: InodeNo, place: Place) -> Result<Inode, FsError> {
        let mut slot = [0; INODE_SIZE];
        let at = place.block.at() + Bytes(u64::from(place.slot) * INODE_SIZE as u64);
        self.disk.read(at, &mut slot).map_err(device)?;
        let wrong = FsError::Corrupt { inode: number, what: "it is not where the inode map says" };
        match decode_inode(&slot, self.geometry()) {
            Some((found, inode)) if found == number => Ok(inode),
            _ => Err(wrong),
        }
    }

    /// The inode with that number, to be looked at or changed.
    pub(super) fn cached(&mut self, number: InodeNo) -> Result<&mut CachedInode, FsError> {
        if !self.inodes.contains_key(&number) {
            let unused = FsError::Corrupt { inode: number, what: "a name leads to it, but it is not in use" };
            let place = self.map.get(number).place.ok_or(unused)?;
            let inode = self.read_inode(number, place)?;
            self.inodes.insert(number, CachedInode { inode, dirty: Dirty::No });
        }
        Ok(self.inodes.get_mut(&number).expect("was just read"))
    }

    /// Where a block lies as its parent has it; nowhere if it is a hole, or only in memory.
    pub(super) fn pointer(
        &mut self,
        owner: InodeNo,
        inode: &Inode,
        position: Position,
    ) -> Result<BlockNo, FsError> {
        let pointer = match position.parent() {
            Parent::Inode(slot) => inode.pointers[slot],
            Parent::Pointers(above, offset) => match self.ensure(owner, inode, above)? {
                true => BlockNo(get_u32(&self.pages[&(owner, above)].page[..], 4 * offset)),
                false => BlockNo::NONE,
            },
        };
        if pointer == BlockNo::NONE || self.geometry().is_log(pointer) {
            return Ok(pointer);
        }
        Err(FsError::Corrupt { inode: owner, what: "a pointer leads out of the log" })
    }

    /// Whether a block is not a hole.
    pub(super) fn exists(
        &mut self,
        owner: InodeNo,
        inode: &Inode,
        position: Position,
    ) -> Result<bool, FsError> {
        Ok(self.pages.contains_key(&(owner, position))
            || self.pointer(owner, inode, position)? != BlockNo::NONE)
    }

    /// Has a block in memory, unless it is a hole; whether it is there.
    pub(super) fn ensure(
        &mut self,
        owner: InodeNo,
        inode: &Inode,
        position: Position,
    ) -> Result<bool, FsError> {
        if self.pages.contains_key(&(owner, position)) {
            return Ok(true);
        }
        let at = self.pointer(owner, inode, position)?;
        if at == BlockNo::NONE {
            return Ok(false);
        }
        let page = read_page(&self.disk, at).map_err(device)?;
        self.pages.insert((owner, position), CachedPage { page, at, dirty: false });
        Ok(true)
    }

    /// Has a block and everything above it written again. What is a hole becomes zeros.
    pub(super) fn make_dirty(
        &mut self,
        owner: InodeNo,
        inode: &mut Inode,
        position: Position,
    ) -> Result<(), FsError> {
        let mut here = position;
        loop {
            if !self.ensure(owner, inode, here)? {
                let page = Box::new([0; BLOCK_SIZE]);
                self.pages.insert((owner, here), CachedPage { page, at: BlockNo::NONE, dirty: true });
                inode.nblocks += 1;
                self.unplaced += 1;
            }
            self.pages.get_mut(&(owner, here)).expect("was just ensured").dirty = true;
            let Some(above) = here.above() else { break };
            here = above;
        }
        if let Some(cached) = self.inodes.get_mut(&owner) {
            cached.dirty = cached.dirty.max(Dirty::Later);
        }
        Ok(())
    }

    /// Makes a block a hole.
    pub(super) fn drop_page(
        &mut self,
        owner: InodeNo,
        inode: &mut Inode,
        position: Position,
    ) -> Result<(), FsError> {
        let at = self.pointer(owner, inode, position)?;
        self.pages.remove(&(owner, position));
        inode.nblocks = inode.nblocks.saturating_sub(1);
        if at == BlockNo::NONE {
            self.unplaced -= 1;
            return Ok(());
        }
        self.usage.remove(at, BLOCK_SIZE);
        match position.parent() {
            Parent::Inode(slot) => inode.pointers[slot] = BlockNo::NONE,
            Parent::Pointers(above, offset) => {
                self.make_dirty(owner, inode, above)?;
                let above = self.pages.get_mut(&(owner, above)).expect("was just made dirty");
                put_u32(&mut above.page[..], 4 * offset, 0);
            }
        }
        Ok(())
    }

    /// Whether an inode is a directory, as far as is known in memory.
    pub(super) fn is_dir(&self, number: InodeNo) -> bool {
        self.inodes.get(&number).is_some_and(|cached| cached.inode.kind == FileType::Dir)
    }
}
