//! The inode map: where the newest inode of each number lies in the log (LF-04).
//!
//! It is kept whole in memory (LF-05) and written in pieces, next to what moved the inodes; a checkpoint region holds
//! the addresses of the pieces, not the map itself.

use super::bugs::{Bug, Bugs};
use super::format::{Geometry, PIECE_INODES, PIECE_SIZE, PIECES_PER_BLOCK};
use super::summary::Version;
use crate::vsfs::format::{BlockNo, INODES_PER_BLOCK, InodeNo, get_u32, put_u32};

const ENTRY: usize = PIECE_SIZE / PIECE_INODES as usize;

/// Something smaller than a block: which block, and which slot of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The block.
    pub block: BlockNo,
    /// The slot, in units of what lies there.
    pub slot: u32,
}

/// A piece of the map, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PieceNo(pub u32);

/// What the map says of one inode number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapEntry {
    /// Where the inode lies; nowhere if it is not in use, or was not written yet.
    pub place: Option<Place>,
    /// The version of what bears the number, or will bear it next.
    pub version: Version,
}

/// The inode map in memory.
#[derive(Clone, Debug)]
pub(super) struct InodeMap {
    entries: Vec<MapEntry>,
    /// Numbers in use, whether their inode was written or not.
    used: Vec<bool>,
    /// Where each piece lies in the log.
    pub(super) pieces: Vec<Option<Place>>,
    /// Pieces that are newer than what lies in the log.
    dirty: Vec<bool>,
}

impl InodeMap {
    /// A map without inodes.
    pub(super) fn empty(geometry: &Geometry) -> InodeMap {
        let (inodes, pieces) = (geometry.inodes as usize, geometry.pieces() as usize);
        InodeMap {
            entries: vec![MapEntry::default(); inodes],
            used: vec![false; inodes],
            pieces: vec![None; pieces],
            dirty: vec![false; pieces],
        }
    }

    /// What the map says of a number; nothing of one that does not exist.
    pub(super) fn get(&self, inode: InodeNo) -> MapEntry {
        self.entries.get(inode.index()).copied().unwrap_or_default()
    }

    /// Whether a number is in use.
    pub(super) fn is_used(&self, inode: InodeNo) -> bool {
        self.used.get(inode.index()).is_some_and(|used| *used)
    }

    /// Gives out the lowest number that is free.
    pub(super) fn allocate(&mut self) -> Option<InodeNo> {
        let free =
            (InodeNo::FIRST.0..self.used.len() as u32).map(InodeNo).find(|inode| !self.is_used(*inode));
        if let Some(inode) = free {
            self.used[inode.index()] = true;
        }
        free
    }

    /// How many numbers are free.
    pub(super) fn free(&self) -> usize {
        self.used.iter().skip(InodeNo::FIRST.index()).filter(|used| !**used).count()
    }

    fn change(&mut self, inode: InodeNo) -> &mut MapEntry {
        self.dirty[(inode.0 / PIECE_INODES) as usize] = true;
        &mut self.entries[inode.index()]
    }

    /// Says where an inode in use lies now; where it lay before.
    pub(super) fn moved(&mut self, inode: InodeNo, place: Place) -> Option<Place> {
        self.used[inode.index()] = true;
        self.change(inode).place.replace(place)
    }

    /// Gives an inode in use another version.
    pub(super) fn set_version(&mut self, inode: InodeNo, version: Version) {
        self.change(inode).version = version;
    }

    /// The number is free, and its next life another one (LF-28); where the inode lay.
    pub(super) fn release(&mut self, inode: InodeNo, bugs: Bugs) -> Option<Place> {
        self.used[inode.index()] = false;
        let entry = self.change(inode);
        if !bugs.has(Bug::VersionKeptOnDelete) {
            entry.version = entry.version.next_life();
        }
        entry.place.take()
    }

    /// Pieces to be written.
    pub(super) fn dirty_pieces(&self) -> Vec<PieceNo> {
        let dirty = (0..).map(PieceNo).zip(&self.dirty);
        dirty.filter(|(_, dirty)| **dirty).map(|(piece, _)| piece).collect()
    }

    /// Has a piece written again wherever it goes next.
    pub(super) fn mark_dirty(&mut self, piece: PieceNo) {
        self.dirty[piece.0 as usize] = true;
    }

    /// Pieces that lie in a block.
    pub(super) fn pieces_in(&self, block: BlockNo) -> Vec<PieceNo> {
        let lies = |place: &Option<Place>| place.is_some_and(|place| place.block == block);
        (0..)
            .map(PieceNo)
            .zip(&self.pieces)
            .filter(|(_, place)| lies(place))
            .map(|(piece, _)| piece)
            .collect()
    }

    /// Says where a piece lies now; where it lay before.
    pub(super) fn piece_moved(&mut self, piece: PieceNo, place: Place) -> Option<Place> {
        self.dirty[piece.0 as usize] = false;
        self.pieces[piece.0 as usize].replace(place)
    }

    fn entries_of(piece: PieceNo) -> std::ops::Range<usize> {
        let first = (piece.0 * PIECE_INODES) as usize;
        first..first + PIECE_INODES as usize
    }

    /// Writes a piece into its slot.
    pub(super) fn encode(&self, piece: PieceNo, slot: &mut [u8]) {
        for (at, entry) in (0..).step_by(ENTRY).zip(&self.entries[Self::entries_of(piece)]) {
            let place = entry.place.unwrap_or(Place { block: BlockNo::NONE, slot: 0 });
            put_u32(slot, at, place.block.0);
            put_u32(slot, at + 4, place.slot);
            put_u32(slot, at + 8, entry.version.0);
        }
    }

    /// Takes over what a piece says that lies there; `None` if it says what cannot be.
    pub(super) fn load(&mut self, piece: PieceNo, at: Place, slot: &[u8], geometry: &Geometry) -> Option<()> {
        for (bytes, inode) in slot.chunks_exact(ENTRY).zip(Self::entries_of(piece)) {
            let place = Place { block: BlockNo(get_u32(bytes, 0)), slot: get_u32(bytes, 4) };
            let exists = geometry.is_log(place.block) && place.slot < INODES_PER_BLOCK as u32;
            (exists || place.block == BlockNo::NONE).then_some(())?;
            self.entries[inode] =
                MapEntry { place: exists.then_some(place), version: Version(get_u32(bytes, 8)) };
            self.used[inode] = exists;
        }
        self.pieces[piece.0 as usize] = Some(at);
        Some(())
    }
}

/// Whether the address of a piece can be one.
pub(super) fn is_piece_place(place: Place, geometry: &Geometry) -> bool {
    geometry.is_log(place.block) && place.slot < PIECES_PER_BLOCK as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_reads_back() {
        let geometry = Geometry::default();
        let mut map = InodeMap::empty(&geometry);
        let place = |block, slot| Place { block: BlockNo(block), slot };
        for (block, inode) in (40..).zip([2, 16, 17, 31]) {
            assert_eq!(map.moved(InodeNo(inode), place(block, 3)), None);
        }
        map.release(InodeNo(17), Bugs::NONE);
        assert_eq!(map.dirty_pieces(), [PieceNo(0), PieceNo(1)]);
        let mut slot = [0; PIECE_SIZE];
        map.encode(PieceNo(1), &mut slot);
        let mut again = InodeMap::empty(&geometry);
        again.load(PieceNo(1), place(50, 1), &slot, &geometry).expect("a piece");
        for inode in (16..32).map(InodeNo) {
            assert_eq!((again.get(inode), again.is_used(inode)), (map.get(inode), map.is_used(inode)));
        }
        assert_eq!(again.pieces_in(BlockNo(50)), [PieceNo(1)]);
        slot[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(again.load(PieceNo(1), place(50, 1), &slot, &geometry), None, "an inode beyond the disk");
    }

    /// LF-28: a number that was given out before has another version.
    #[test]
    fn a_number_given_out_again_has_another_version() {
        let mut map = InodeMap::empty(&Geometry::default());
        let first = map.allocate().expect("a number");
        let before = map.get(first).version;
        map.release(first, Bugs::NONE);
        assert_eq!(map.allocate(), Some(first));
        assert!(!map.get(first).version.same_life(before));
    }
}
