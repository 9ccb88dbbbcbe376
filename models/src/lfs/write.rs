//! Writing the log: what is dirty becomes a batch, and the batch one or more parts (LF-01, LF-02).
//!
//! A batch holds whole operations, and roll-forward takes a batch as a whole: so what it shows is the state after some
//! operation. Blocks go to segments that the durable checkpoint calls free, and nothing is ever overwritten.

use super::bugs::Bug;
use super::checkpoint::{self, Checkpoint};
use super::dirlog;
use super::format::{PIECE_SIZE, PIECES_PER_BLOCK};
use super::imap::{PieceNo, Place};
use super::log::{Dirty, Log, device, encode_inode};
use super::position::{Parent, Position};
use super::summary::{Entry, Holds, Summary};
use crate::fs::Errno;
use crate::vsfs::FsError;
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, INODE_SIZE, INODES_PER_BLOCK, InodeNo, Page, put_u32};
use crashcheck::DiskError;

/// So many segments begun since the last checkpoint call for another one: what a roll-forward has to read stays small
/// (LF-05 counts seconds instead).
const CHECKPOINT_SEGMENTS: u32 = 3;

/// What a batch takes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// What roll-forward cannot do without.
    Changed,
    /// Everything, for a checkpoint.
    Everything,
}

/// A block to be written.
enum Item {
    Names(Box<Page>),
    Content(InodeNo, Position),
    Inodes(Vec<InodeNo>),
    Map(Vec<PieceNo>),
}

/// A part to be written.
struct Part {
    summary: BlockNo,
    blocks: u32,
    next: BlockNo,
}

impl Part {
    fn block(&self, index: u32) -> BlockNo {
        BlockNo(self.summary.0 + 1 + index)
    }
}

impl Log {
    /// Writes what is dirty; durable after the next flush.
    ///
    /// # Errors
    /// If the device fails, or the clean segments do not suffice; then nothing was written.
    pub(super) fn write_batch(&mut self, scope: Scope) -> Result<(), FsError> {
        let items = self.gather(scope);
        if items.is_empty() {
            return Ok(());
        }
        let parts = self.lay_out(items.len() as u32)?;
        let blocks = parts.iter().flat_map(|part| (0..part.blocks).map(|index| part.block(index)));
        for (item, block) in items.iter().zip(blocks) {
            self.place(item, block);
        }
        self.records.clear();
        self.write_parts(&items, &parts).map_err(device)
    }

    /// What goes into the log, in this order: directory operations, content, inodes; the same of directories; the
    /// inode map (LF-02). What was changed at about the same time lies together.
    fn gather(&self, scope: Scope) -> Vec<Item> {
        let least = if scope == Scope::Everything { Dirty::Later } else { Dirty::Now };
        let mut items: Vec<Item> = dirlog::pack(&self.records).into_iter().map(Item::Names).collect();
        for dirs in [false, true] {
            let chosen = self
                .inodes
                .iter()
                .filter(|(number, cached)| cached.dirty >= least && self.is_dir(**number) == dirs);
            let mut chosen: Vec<(u64, InodeNo)> =
                chosen.map(|(number, cached)| (cached.inode.mtime, *number)).collect();
            chosen.sort_unstable();
            let owners = || chosen.iter().map(|(_, number)| *number);
            for height in 0..=3 {
                items.extend(owners().flat_map(|owner| self.dirty_pages(owner, height)));
            }
            let inodes: Vec<InodeNo> = owners().collect();
            items.extend(inodes.chunks(INODES_PER_BLOCK).map(|chunk| Item::Inodes(chunk.to_vec())));
        }
        if scope == Scope::Everything {
            // The inodes of this batch move, and their pieces with them.
            let mut pieces = self.map.dirty_pieces();
            let moving = items.iter().flat_map(|item| match item {
                Item::Inodes(inodes) => inodes.as_slice(),
                _ => &[],
            });
            pieces.extend(moving.map(|inode| PieceNo(inode.0 / super::format::PIECE_INODES)));
            pieces.sort_unstable();
            pieces.dedup();
            items.extend(pieces.chunks(PIECES_PER_BLOCK).map(|chunk| Item::Map(chunk.to_vec())));
        }
        items
    }

    fn dirty_pages(&self, owner: InodeNo, height: u32) -> impl Iterator<Item = Item> + '_ {
        let range = (owner, Position::FIRST)..(InodeNo(owner.0 + 1), Position::FIRST);
        let pages = self.pages.range(range);
        let wanted = pages.filter(move |((_, position), page)| page.dirty && position.height() == height);
        wanted.map(|((owner, position), _)| Item::Content(*owner, *position))
    }

    /// Finds room for so many blocks, and moves the end of the log behind them.
    fn lay_out(&mut self, items: u32) -> Result<Vec<Part>, FsError> {
        let geometry = *self.geometry();
        let beyond = items.saturating_sub(geometry.room_behind(self.head));
        if self.usage.clean() <= beyond.div_ceil(geometry.segment_blocks - 1) {
            return Err(Errno::ENOSPC.into());
        }
        let (mut parts, mut left) = (Vec::new(), items);
        while left > 0 {
            let (summary, room) = (self.head, geometry.room_behind(self.head));
            let blocks = left.min(room);
            left -= blocks;
            // A part needs a summary and a block at least.
            self.head = if room < blocks + 2 {
                self.segments_since += 1;
                geometry.start(self.usage.take_clean().ok_or(Errno::ENOSPC)?)
            } else {
                BlockNo(summary.0 + 1 + blocks)
            };
            parts.push(Part { summary, blocks, next: self.head });
        }
        Ok(parts)
    }

    /// Says where a block lies from now on.
    fn place(&mut self, item: &Item, block: BlockNo) {
        match item {
            Item::Names(_) => {}
            Item::Content(owner, position) => self.place_page(*owner, *position, block),
            Item::Inodes(inodes) => {
                for (inode, slot) in inodes.iter().zip(0..) {
                    let Some(cached) = self.inodes.get_mut(inode) else { continue };
                    cached.dirty = Dirty::No;
                    self.usage.add(block, INODE_SIZE, cached.inode.mtime);
                    if let Some(old) = self.map.moved(*inode, Place { block, slot }) {
                        self.usage.remove(old.block, INODE_SIZE);
                    }
                }
            }
            Item::Map(pieces) => {
                for (piece, slot) in pieces.iter().zip(0..) {
                    self.usage.add(block, PIECE_SIZE, self.clock);
                    if let Some(old) = self.map.piece_moved(*piece, Place { block, slot }) {
                        self.usage.remove(old.block, PIECE_SIZE);
                    }
                }
            }
        }
    }

    fn place_page(&mut self, owner: InodeNo, position: Position, block: BlockNo) {
        let (Some(page), Some(cached)) =
            (self.pages.get_mut(&(owner, position)), self.inodes.get_mut(&owner))
        else {
            return;
        };
        page.dirty = false;
        let old = std::mem::replace(&mut page.at, block);
        if old == BlockNo::NONE {
            self.unplaced -= 1;
        } else {
            self.usage.remove(old, BLOCK_SIZE);
        }
        self.usage.add(block, BLOCK_SIZE, cached.inode.mtime);
        match position.parent() {
            Parent::Inode(slot) => cached.inode.pointers[slot] = block,
            Parent::Pointers(above, offset) => {
                let above =
                    self.pages.get_mut(&(owner, above)).expect("what is above a dirty block is in memory");
                put_u32(&mut above.page[..], 4 * offset, block.0);
            }
        }
    }

    fn write_parts(&mut self, items: &[Item], parts: &[Part]) -> Result<(), DiskError> {
        let mut items = items.iter();
        for (index, part) in parts.iter().enumerate() {
            let mut entries = Vec::new();
            for (nth, item) in (0..part.blocks).zip(&mut items) {
                let (page, holds, label) = self.encode(item);
                entries.push(Entry { holds, crc: crc32fast::hash(&page[..]) });
                self.disk.labelled(label).write(part.block(nth).at(), &page[..])?;
            }
            let summary = Summary {
                volume: self.superblock.volume,
                more: index + 1 < parts.len(),
                epoch: self.epoch,
                serial: self.serial,
                time: self.clock,
                next: part.next,
                entries,
            };
            self.disk.labelled("summary").write(part.summary.at(), &summary.encode())?;
            self.serial = self.serial.next();
            self.parts_since += 1;
            self.unflushed = true;
        }
        Ok(())
    }

    /// A block as it goes into the log.
    fn encode(&self, item: &Item) -> (Box<Page>, Holds, &'static str) {
        let mut page = Box::new([0; BLOCK_SIZE]);
        match item {
            Item::Names(names) => (names.clone(), Holds::Names, "directory log"),
            Item::Content(owner, position) => {
                let version = self.map.get(*owner).version;
                let holds = Holds::Content { inode: *owner, version, position: *position };
                let label = match position.height() {
                    0 if self.is_dir(*owner) => "directory",
                    0 => "data",
                    _ => "indirect",
                };
                (self.pages[&(*owner, *position)].page.clone(), holds, label)
            }
            Item::Inodes(inodes) => {
                for (inode, slot) in inodes.iter().zip(page.chunks_exact_mut(INODE_SIZE)) {
                    encode_inode(*inode, &self.inodes[inode].inode, slot);
                }
                (page, Holds::Inodes, "inodes")
            }
            Item::Map(pieces) => {
                for (piece, slot) in pieces.iter().zip(page.chunks_exact_mut(PIECE_SIZE)) {
                    self.map.encode(*piece, slot);
                }
                (page, Holds::Map, "inode map")
            }
        }
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn flush(&mut self) -> Result<(), FsError> {
        if self.unflushed {
            self.disk.flush().map_err(device)?;
            self.unflushed = false;
        }
        Ok(())
    }

    /// Makes everything durable, and the end of the log the place where a recovery begins (LF-14).
    ///
    /// # Errors
    /// If the device fails, or the clean segments do not suffice.
    pub(super) fn checkpoint(&mut self) -> Result<(), FsError> {
        self.write_batch(Scope::Changed)?;
        self.write_batch(Scope::Everything)?;
        if self.parts_since == 0 {
            return Ok(());
        }
        let turn = if self.bugs.has(Bug::SameRegion) {
            checkpoint::Turn { region: self.turn.region, ..self.turn.next() }
        } else {
            self.turn.next()
        };
        self.write_checkpoint(turn)
    }

    /// Writes a checkpoint region. Nothing in memory is newer than the log.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn write_checkpoint(&mut self, turn: checkpoint::Turn) -> Result<(), FsError> {
        self.flush()?;
        let state = Checkpoint {
            epoch: self.epoch,
            serial: self.serial,
            clock: self.clock,
            head: self.head,
            pieces: self.map.pieces.clone(),
            usage: self.usage.segments().to_vec(),
        };
        checkpoint::write(&self.disk, &self.superblock, turn, &state, self.bugs).map_err(device)?;
        self.turn = turn;
        (self.parts_since, self.segments_since, self.unflushed) = (0, 0, false);
        self.usage.checkpointed(self.geometry().segment_of(self.head));
        Ok(())
    }

    /// A checkpoint, if much was written since the last one.
    ///
    /// # Errors
    /// As [`checkpoint`](Log::checkpoint).
    pub(super) fn checkpoint_if_due(&mut self) -> Result<(), FsError> {
        if self.segments_since >= CHECKPOINT_SEGMENTS { self.checkpoint() } else { Ok(()) }
    }
}
