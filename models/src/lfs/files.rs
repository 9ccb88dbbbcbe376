//! Inodes and blocks for the operations, which are those of vsfs.

use super::bugs::Bug;
use super::dirlog::{CountChange, NameChange, Opcode};
use super::format::PIECE_INODES;
use super::log::{CachedInode, Dirty, Log, no_record};
use super::position::Position;
use super::write::Scope;
use crate::fs::{Errno, FsOp};
use crate::vsfs::FsError;
use crate::vsfs::files::Files;
use crate::vsfs::format::{BLOCK_SIZE, INODE_SIZE, InodeNo, POINTERS, Page};
use crate::vsfs::inode::{FileType, Inode, blocks_max, slots};
use crate::vsfs::ops::Operations;
use crashcheck::Ack;
use std::collections::BTreeSet;

/// So many dirty blocks are written as a batch, durable or not.
const DIRTY_MAX: usize = 32;

impl Log {
    /// Performs an operation. One for which there is no room is refused before it changes anything.
    ///
    /// # Errors
    /// If the device fails or holds nonsense.
    pub(super) fn apply(&mut self, op: &FsOp) -> Result<Ack, FsError> {
        self.clock += 1;
        let outcome = self.make_room(op).and_then(|()| self.perform(op));
        self.end_record(op);
        match outcome {
            Err(FsError::Refused(_)) => return Ok(Ack::Refused),
            Err(error) => return Err(error),
            Ok(Ack::Durable) => return Ok(Ack::Durable),
            Ok(_) => {}
        }
        if self.pages.values().filter(|page| page.dirty).count() >= DIRTY_MAX {
            self.write_batch(Scope::Changed)?;
        }
        self.checkpoint_if_due()?;
        Ok(Ack::Volatile)
    }

    fn end_record(&mut self, op: &FsOp) {
        let opcode = match op {
            FsOp::Link { .. } => Opcode::Link,
            FsOp::Unlink(_) | FsOp::Rmdir(_) => Opcode::Unlink,
            FsOp::Rename { .. } => Opcode::Rename,
            _ => Opcode::Create,
        };
        let record = std::mem::replace(&mut self.record, no_record());
        if !record.names.is_empty() || !record.counts.is_empty() {
            self.records.push(super::dirlog::Record { opcode, ..record });
        }
    }

    /// Whether the change of an inode can wait for the next checkpoint: that of a directory, and that of a link count,
    /// which the directory-operation log tells as well.
    fn urgency(&self, number: InodeNo, new: &Inode) -> Dirty {
        let Some(CachedInode { inode: old, dirty }) = self.inodes.get(&number) else { return Dirty::Now };
        let but_links = Inode { nlink: old.nlink, ctime: old.ctime, ..new.clone() };
        let can_wait = new.kind == FileType::Dir || but_links == *old;
        if can_wait && self.map.get(number).place.is_some() { (*dirty).max(Dirty::Later) } else { Dirty::Now }
    }

    /// Takes what a position leads to from `keep` on away.
    fn trim(
        &mut self,
        owner: InodeNo,
        inode: &mut Inode,
        position: Position,
        keep: u64,
    ) -> Result<(), FsError> {
        if position.end() <= keep || !self.exists(owner, inode, position)? {
            return Ok(());
        }
        for offset in 0..if position.height() > 0 { POINTERS } else { 0 } {
            self.trim(owner, inode, position.child(offset), keep)?;
        }
        if position.first() >= keep { self.drop_page(owner, inode, position) } else { Ok(()) }
    }

    fn trim_all(&mut self, owner: InodeNo, inode: &mut Inode, keep: u64) -> Result<(), FsError> {
        slots().try_for_each(|(_, depth, first)| self.trim(owner, inode, Position::root(depth, first), keep))
    }

    /// Live bytes that there may be at most: so few that the cleaner always gains something (LF-10).
    pub(super) fn capacity(&self) -> u64 {
        let geometry = self.geometry();
        let segments = u64::from(geometry.segments - super::clean::RESERVE - 2);
        segments * u64::from(geometry.segment_blocks - 1) * BLOCK_SIZE as u64 * 7 / 10
    }

    /// Live bytes that there are, or will be when everything was written.
    pub(super) fn occupied(&self) -> u64 {
        self.usage.live() + self.unplaced * BLOCK_SIZE as u64
    }
}

impl Files for Log {
    fn inode(&mut self, number: InodeNo) -> Result<Inode, FsError> {
        Ok(self.cached(number)?.inode.clone())
    }

    fn put_inode(&mut self, number: InodeNo, inode: &Inode) -> Result<(), FsError> {
        let dirty = self.urgency(number, inode);
        let links = self.inodes.get(&number).map_or(0, |cached| cached.inode.nlink);
        if links != inode.nlink {
            self.record.counts.push(CountChange { inode: self.uid(number), links: inode.nlink });
        }
        self.inodes.insert(number, CachedInode { inode: inode.clone(), dirty });
        Ok(())
    }

    fn new_inode(&mut self, kind: FileType, _dir: InodeNo) -> Result<(InodeNo, Inode), FsError> {
        let number = self.map.allocate().ok_or(Errno::ENOSPC)?;
        Ok((number, Inode::new(kind, self.map.get(number).version.0, self.clock)))
    }

    fn release_inode(&mut self, number: InodeNo, mut inode: Inode) -> Result<(), FsError> {
        self.record.counts.push(CountChange { inode: self.uid(number), links: 0 });
        self.trim_all(number, &mut inode, 0)?;
        self.inodes.remove(&number);
        if let Some(place) = self.map.release(number, self.bugs) {
            self.usage.remove(place.block, INODE_SIZE);
        }
        Ok(())
    }

    fn block(&mut self, owner: InodeNo, inode: &Inode, index: u64) -> Result<Option<&Page>, FsError> {
        let position = Position::block(index as u32);
        let there = self.ensure(owner, inode, position)?;
        Ok(there.then(|| &*self.pages[&(owner, position)].page))
    }

    fn block_mut(
        &mut self,
        owner: InodeNo,
        inode: &mut Inode,
        index: u64,
    ) -> Result<(&mut Page, bool), FsError> {
        if index >= blocks_max() {
            return Err(Errno::EFBIG.into());
        }
        let position = Position::block(index as u32);
        let new = !self.exists(owner, inode, position)?;
        self.make_dirty(owner, inode, position)?;
        Ok((&mut self.pages.get_mut(&(owner, position)).expect("was just made dirty").page, new))
    }

    fn blocks_missing(
        &mut self,
        owner: InodeNo,
        inode: &Inode,
        first: u64,
        last: u64,
    ) -> Result<u64, FsError> {
        let mut missing = BTreeSet::new();
        for index in first..=last {
            let mut here = Some(Position::block(index as u32));
            while let Some(position) = here
                && !missing.contains(&position)
                && !self.exists(owner, inode, position)?
            {
                missing.insert(position);
                here = position.above();
            }
        }
        Ok(missing.len() as u64)
    }

    fn keep_blocks(&mut self, owner: InodeNo, inode: &mut Inode, keep: u64) -> Result<(), FsError> {
        let had = inode.nblocks;
        self.trim_all(owner, inode, keep)?;
        if keep == 0 && had > 0 {
            let emptied = self.map.get(owner).version.emptied();
            self.map.set_version(owner, emptied);
            inode.generation = emptied.0;
        }
        Ok(())
    }

    /// One block for the inode that a new name takes, and one for its piece of the map, are counted as well.
    fn reserve(&mut self, blocks: u64, inodes: u64) -> Result<(), FsError> {
        let wanted = (blocks + 2 * inodes) * BLOCK_SIZE as u64;
        let fits = wanted == 0 || self.occupied() + wanted <= self.capacity();
        if fits && inodes <= self.map.free() as u64 { Ok(()) } else { Err(Errno::ENOSPC.into()) }
    }

    fn sync(&mut self) -> Result<(), FsError> {
        self.checkpoint()
    }

    fn fsync(&mut self, _number: InodeNo) -> Result<(), FsError> {
        self.write_batch(Scope::Changed)?;
        if !self.bugs.has(Bug::NoFlush) {
            self.flush()?;
        }
        self.checkpoint_if_due()
    }

    fn now(&self) -> u64 {
        self.clock
    }

    fn inodes(&self) -> u32 {
        self.geometry().pieces() * PIECE_INODES
    }

    fn named(&mut self, dir: InodeNo, name: &str, inode: InodeNo, kind: FileType) {
        let target = Some((self.uid(inode), kind));
        self.record.names.push(NameChange { dir: self.uid(dir), name: name.to_owned(), target });
    }

    fn unnamed(&mut self, dir: InodeNo, name: &str) {
        self.record.names.push(NameChange { dir: self.uid(dir), name: name.to_owned(), target: None });
    }
}
