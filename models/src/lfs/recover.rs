//! Recovery: the newest checkpoint, and roll-forward from there (LF-16 to LF-24).
//!
//! The log is one sequence of batches, each of whole operations, and roll-forward takes all of them up to the first
//! that is not complete: what it shows is the state after some operation, never less than what was made durable. First
//! the new inodes go into the inode map (LF-18). Then the directory-operation log is gone through in order, and names
//! and link counts are made what it says (LF-20); a record of an inode in a former life says nothing about the present
//! one. What had to be changed is written to the log, and a checkpoint in a new epoch ends the recovery. A crash before
//! that finds the old checkpoint, and the same log behind it (LF-24).

use super::bugs::{Bug, Bugs};
use super::checkpoint::{self, Checkpoint, Turn};
use super::dirlog::{CountChange, NameChange, Opcode, Record, Uid};
use super::format::{Geometry, PIECE_SIZE, Region, Superblock, Volume};
use super::imap::{InodeMap, PieceNo, Place};
use super::log::{Log, device, no_record, read_page};
use super::position::Position;
use super::scan::{Found, Loose, scan};
use super::summary::{Epoch, Version};
use super::usage::Usage;
use crate::vsfs::FsError;
use crate::vsfs::dir;
use crate::vsfs::files::Files;
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, INODE_SIZE, InodeNo, POINTERS, get_u32};
use crate::vsfs::inode::{FileType, Inode, SLOTS, slots};
use crate::vsfs::names::Names;
use crashcheck::{Bytes, Disk, DiskError};
use std::collections::BTreeMap;
use thiserror::Error;

/// Why the file system does not open. The device is then as it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The device refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Block 0 is not a superblock.
    #[error("block 0 holds no superblock of version 1; was this device formatted as lfs?")]
    NoSuperblock,
    /// The device is shorter than the superblock says.
    #[error("the device has {len}, but its superblock asks for {needed}")]
    TooShort {
        /// What it has.
        len: Bytes,
        /// What it should have.
        needed: Bytes,
    },
    /// Neither checkpoint region is complete, or the newest says what cannot be.
    #[error("neither checkpoint region holds a complete checkpoint that makes sense; nothing was changed")]
    NoCheckpoint,
    /// A piece of the inode map says what cannot be.
    #[error("piece {} of the inode map makes no sense; nothing was changed", .0.0)]
    BadPiece(PieceNo),
    /// What the log holds makes no sense.
    #[error(transparent)]
    Fs(#[from] FsError),
}

/// Makes an empty file system, and makes it durable.
///
/// Where another lfs was before, its volume number is counted up, so that nothing of it is taken for a part of this one.
/// Any other device is cleared first, for what lies there may be anything.
///
/// # Errors
/// If the device fails or is too short.
pub(super) fn mkfs(disk: &Disk, geometry: Geometry) -> Result<(), OpenError> {
    let (len, needed) = (disk.len()?, geometry.device_len());
    if len < needed {
        return Err(OpenError::TooShort { len, needed });
    }
    let page = read_page(disk, Superblock::BLOCK)?;
    let volume = match Superblock::decode(&page[..]) {
        Some(old) => Volume(old.volume.0.wrapping_add(1)),
        None => {
            disk.write_zeroes(Bytes::ZERO, needed)?;
            Volume(1)
        }
    };
    let superblock = Superblock { geometry, volume };
    disk.write(Superblock::BLOCK.at(), &superblock.encode()[..])?;
    checkpoint::clear(disk, &superblock, Region::B)?;
    let state = checkpoint::first(&geometry);
    let mut log = Log::new(disk.clone(), superblock, Turn::FIRST, &state, Bugs::NONE);
    let mut root = Inode::new(FileType::Dir, 0, 0);
    log.map.allocate();
    dir::init_first(log.block_mut(InodeNo::ROOT, &mut root, 0)?.0, InodeNo::ROOT, InodeNo::ROOT);
    (root.nlink, root.size) = (2, Bytes::of(BLOCK_SIZE));
    log.put_inode(InodeNo::ROOT, &root)?;
    log.write_batch(super::write::Scope::Everything)?;
    Ok(log.write_checkpoint(Turn::FIRST)?)
}

/// Opens a file system; returns it and how many parts of the log were rolled forward.
///
/// # Errors
/// If it is not one, or holds what cannot be.
pub(super) fn open(disk: Disk, bugs: Bugs) -> Result<(Log, usize), OpenError> {
    let mut head = [0; 64];
    disk.read(Superblock::BLOCK.at(), &mut head)?;
    let superblock = Superblock::decode(&head).ok_or(OpenError::NoSuperblock)?;
    let (len, needed) = (disk.len()?, superblock.geometry.device_len());
    if len < needed {
        return Err(OpenError::TooShort { len, needed });
    }
    let (turn, state) = checkpoint::newest(&disk, &superblock)?.ok_or(OpenError::NoCheckpoint)?;
    let found = scan(&disk, &superblock, &state, bugs)?;
    let mut log = Log::new(disk, superblock, turn, &state, bugs);
    log.load_map(&state)?;
    let parts = found.count();
    log.roll_forward(&found)?;
    if !bugs.has(Bug::EpochKept) {
        log.epoch = Epoch(state.epoch.0 + 1);
    }
    log.write_batch(super::write::Scope::Everything)?;
    let keeps = bugs.has(Bug::RecoveryOverwritesCheckpoint) || bugs.has(Bug::SameRegion);
    let region = if keeps { turn.region } else { turn.next().region };
    log.write_checkpoint(Turn { region, ..turn.next() })?;
    Ok((log, parts))
}

impl Log {
    /// A file system as a checkpoint has it, without its inode map.
    pub(super) fn new(disk: Disk, superblock: Superblock, turn: Turn, state: &Checkpoint, bugs: Bugs) -> Log {
        let geometry = &superblock.geometry;
        let mut usage = Usage::empty(geometry);
        usage.set(state.usage.clone());
        usage.checkpointed(geometry.segment_of(state.head));
        Log {
            disk,
            bugs,
            clock: state.clock,
            epoch: state.epoch,
            serial: state.serial,
            head: state.head,
            turn,
            parts_since: 0,
            segments_since: 0,
            unflushed: false,
            cleanings: 0,
            map: InodeMap::empty(geometry),
            usage,
            inodes: BTreeMap::new(),
            pages: BTreeMap::new(),
            unplaced: 0,
            records: Vec::new(),
            record: no_record(),
            superblock,
        }
    }

    fn load_map(&mut self, state: &Checkpoint) -> Result<(), OpenError> {
        let geometry = *self.geometry();
        for (piece, place) in (0..).map(PieceNo).zip(&state.pieces) {
            let Some(place) = *place else { continue };
            let mut slot = [0; PIECE_SIZE];
            self.disk.read(place.block.at() + Bytes(u64::from(place.slot) * PIECE_SIZE as u64), &mut slot)?;
            self.map.load(piece, place, &slot, &geometry).ok_or(OpenError::BadPiece(piece))?;
        }
        Ok(())
    }

    /// Brings what a checkpoint has to the end of the log.
    fn roll_forward(&mut self, found: &Found) -> Result<(), FsError> {
        let geometry = *self.geometry();
        for part in &found.parts {
            self.usage.set_clean(geometry.segment_of(*part), false);
        }
        (self.head, self.serial, self.clock) = (found.head, found.serial, found.clock);
        for (number, (place, inode)) in &found.inodes {
            self.take_inode(*number, *place, inode)?;
        }
        if !self.bugs.has(Bug::NoDirectoryLog) {
            found.records.iter().try_for_each(|record| self.redo(record))?;
        }
        found.loose.iter().try_for_each(|loose| self.take_loose(*loose))?;
        self.record = no_record();
        Ok(())
    }

    /// A new inode: the map points to it, what it points to lives, and what the old one pointed to does not (LF-18,
    /// LF-22).
    fn take_inode(&mut self, number: InodeNo, place: Place, inode: &Inode) -> Result<(), FsError> {
        if let Some(old) = self.map.get(number).place
            && !self.bugs.has(Bug::UsageNotReduced)
        {
            let before = self.read_inode(number, old)?;
            self.blocks_of(number, &before)?
                .into_iter()
                .for_each(|(_, at)| self.usage.remove(at, BLOCK_SIZE));
            self.usage.remove(old.block, INODE_SIZE);
        }
        for (_, at) in self.blocks_of(number, inode)? {
            self.usage.add(at, BLOCK_SIZE, inode.mtime);
        }
        self.usage.add(place.block, INODE_SIZE, inode.mtime);
        self.map.moved(number, place);
        self.map.set_version(number, Version(inode.generation));
        Ok(())
    }

    /// Every block that an inode in the log owns, pointers included.
    ///
    /// # Errors
    /// If a pointer leads out of the log, or the device fails.
    pub(super) fn blocks_of(
        &self,
        number: InodeNo,
        inode: &Inode,
    ) -> Result<Vec<(Position, BlockNo)>, FsError> {
        let roots = slots().zip(&inode.pointers[..SLOTS]);
        let mut open: Vec<(Position, BlockNo)> =
            roots.map(|((_, depth, first), at)| (Position::root(depth, first), *at)).collect();
        let mut blocks = Vec::new();
        while let Some((position, at)) = open.pop() {
            if at == BlockNo::NONE {
                continue;
            }
            if !self.geometry().is_log(at) || blocks.len() > self.geometry().log_end().index() {
                return Err(FsError::Corrupt {
                    inode: number,
                    what: "a pointer leads out of the log, or in circles",
                });
            }
            blocks.push((position, at));
            if position.height() > 0 {
                let page = read_page(&self.disk, at).map_err(device)?;
                let below = |offset| (position.child(offset), BlockNo(get_u32(&page[..], 4 * offset)));
                open.extend((0..POINTERS).map(below));
            }
        }
        Ok(blocks)
    }

    /// Completes what an operation did to names and counts. What is complete already stays as it is (LF-21).
    pub(super) fn redo(&mut self, record: &Record) -> Result<(), FsError> {
        record.names.iter().try_for_each(|change| self.redo_name(change))?;
        record.counts.iter().try_for_each(|change| self.redo_count(record.opcode, *change))
    }

    fn is_alive(&self, uid: Uid) -> bool {
        self.map.is_used(uid.inode) && self.map.get(uid.inode).version.same_life(uid.version)
    }

    /// A name of an inode that was never written is as good as removed.
    fn redo_name(&mut self, change: &NameChange) -> Result<(), FsError> {
        if !self.is_alive(change.dir) {
            return Ok(());
        }
        let dir = change.dir.inode;
        let directory = self.inode(dir)?;
        let entry = self.lookup(dir, &directory, &change.name)?;
        match (entry, change.target.filter(|(target, _)| self.is_alive(*target))) {
            (Some(entry), Some((target, _))) if entry.inode == target.inode => Ok(()),
            (Some(entry), Some((target, kind))) => self.retarget(entry, target.inode, kind),
            (None, Some((target, kind))) => self.add_name(dir, &change.name, target.inode, kind),
            (Some(entry), None) => self.remove_name(entry),
            (None, None) => Ok(()),
        }
    }

    fn redo_count(&mut self, opcode: Opcode, change: CountChange) -> Result<(), FsError> {
        if !self.is_alive(change.inode) {
            return Ok(());
        }
        let number = change.inode.inode;
        let mut inode = self.inode(number)?;
        if change.links == 0 {
            return self.release_inode(number, inode);
        }
        let relative = if opcode == Opcode::Unlink { inode.nlink - 1 } else { inode.nlink + 1 };
        let links = if self.bugs.has(Bug::RelativeCounts) { relative } else { change.links };
        if inode.nlink == links {
            return Ok(());
        }
        inode.nlink = links;
        self.put_inode(number, &inode)
    }

    /// What no correct recovery does: a block of a write that is not complete becomes a part of its file.
    fn take_loose(&mut self, loose: Loose) -> Result<(), FsError> {
        let Loose { inode: number, version, position, block } = loose;
        if !self.map.is_used(number) || self.map.get(number).version != version || position.height() > 0 {
            return Ok(());
        }
        let page = read_page(&self.disk, block).map_err(device)?;
        let mut inode = self.inode(number)?;
        self.block_mut(number, &mut inode, position.first())?.0.copy_from_slice(&page[..]);
        self.touch(number, inode)
    }
}
