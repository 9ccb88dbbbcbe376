//! Where each block of the volume lies: a tree of map blocks, read as a whole when the volume is opened, and changed in
//! memory until the next commit writes what changed to new places.

use super::IntegrityError;
use super::format::{FANOUT, Geometry, Place, Pointer, Pointers, ROOTS, decode_pointers};
use super::mirror::Mirror;
use super::space::Space;
use std::collections::{BTreeMap, BTreeSet};

/// A map block in memory.
type Node = Box<Pointers>;

pub(super) struct Map {
    height: u8,
    /// Level by level from the bottom, the map blocks that are there.
    levels: Vec<BTreeMap<u64, Node>>,
    /// Those that have changed since the last commit.
    changed: Vec<BTreeSet<u64>>,
    /// The top, as the last commit left it.
    pub(super) top: Pointer,
}

impl Map {
    /// A map of nothing.
    pub(super) fn empty(height: u8) -> Map {
        let levels = usize::from(height);
        Map {
            height,
            levels: vec![BTreeMap::new(); levels],
            changed: vec![BTreeSet::new(); levels],
            top: Pointer::NONE,
        }
    }

    /// Reads a map, and takes from the free space what it leads to.
    pub(super) fn load(
        mirror: &mut Mirror,
        geometry: &Geometry,
        top: Pointer,
        space: &mut Space,
    ) -> Result<Map, IntegrityError> {
        let mut map = Map { top, ..Map::empty(geometry.height) };
        let mut open = vec![(top, 0)];
        for level in (0..map.levels.len()).rev() {
            let mut below = Vec::new();
            for (pointer, index) in open.into_iter().filter(|(pointer, _)| !pointer.is_none()) {
                take(space, geometry, pointer)?;
                let node = decode_pointers(&mirror.read(pointer)?);
                let first: u64 = index * FANOUT as u64;
                below.extend(node.iter().copied().zip(first..));
                map.levels[level].insert(index, node);
            }
            open = below;
        }
        for (pointer, block) in open.into_iter().filter(|(pointer, _)| !pointer.is_none()) {
            if block >= geometry.blocks {
                return Err(IntegrityError::BadMap { place: pointer.place, what: "is beyond the volume" });
            }
            take(space, geometry, pointer)?;
        }
        Ok(map)
    }

    /// Where a block of the volume lies.
    pub(super) fn get(&self, block: u64) -> Pointer {
        let (index, slot) = split(block);
        self.levels[0].get(&index).map_or(Pointer::NONE, |node| node[slot])
    }

    /// Says where a block of the volume lies from now on.
    pub(super) fn set(&mut self, block: u64, pointer: Pointer) {
        let mut index = self.put(0, block, pointer);
        for level in 0..self.levels.len() {
            self.changed[level].insert(index);
            index /= FANOUT as u64;
        }
    }

    /// Sets a pointer of a map block, and says of which.
    fn put(&mut self, level: usize, child: u64, pointer: Pointer) -> u64 {
        let (index, slot) = split(child);
        let node = self.levels[level].entry(index).or_insert_with(|| Box::new([Pointer::NONE; FANOUT]));
        node[slot] = pointer;
        index
    }

    /// How many map blocks the next commit writes.
    pub(super) fn changed(&self) -> u64 {
        self.changed.iter().map(|level| level.len() as u64).sum()
    }

    pub(super) fn height(&self) -> u64 {
        u64::from(self.height)
    }

    /// Where a map block lies since the last commit that wrote it.
    pub(super) fn pointer_to(&self, level: usize, index: u64) -> Pointer {
        if level + 1 == self.levels.len() {
            return self.top;
        }
        let (parent, slot) = split(index);
        self.levels[level + 1].get(&parent).map_or(Pointer::NONE, |node| node[slot])
    }

    /// Hands every changed map block to whoever writes it, the lowest level first, and notes where it lies then. One
    /// without any pointer is handed out as nothing, and forgotten.
    pub(super) fn write_changed(
        &mut self,
        mut write: impl FnMut(usize, u64, Pointer, Option<&Pointers>) -> Result<Pointer, IntegrityError>,
    ) -> Result<(), IntegrityError> {
        for level in 0..self.levels.len() {
            for index in std::mem::take(&mut self.changed[level]) {
                let old = self.pointer_to(level, index);
                let node = self.levels[level].get(&index).filter(|node| node.iter().any(|p| !p.is_none()));
                let new = write(level, index, old, node.map(|node| &**node))?;
                if new.is_none() {
                    self.levels[level].remove(&index);
                }
                match level + 1 == self.levels.len() {
                    true => self.top = new,
                    false => {
                        self.put(level + 1, index, new);
                    }
                }
            }
        }
        Ok(())
    }

    /// Everything that the map leads to: its own blocks from the top, then the data in the order of the volume.
    pub(super) fn pointers(&self) -> Vec<Pointer> {
        let each = self.levels.iter().rev().flat_map(|level| level.values().flat_map(|node| node.iter()));
        std::iter::once(&self.top).chain(each).filter(|pointer| !pointer.is_none()).copied().collect()
    }

    /// The blocks of the volume that lie somewhere.
    pub(super) fn mapped(&self) -> impl Iterator<Item = u64> {
        self.levels[0].iter().flat_map(|(index, node)| {
            let first: u64 = index * FANOUT as u64;
            node.iter().zip(first..).filter(|(pointer, _)| !pointer.is_none()).map(|(_, block)| block)
        })
    }
}

/// The map block that has the pointer to a block below it, and which of its pointers that is.
fn split(child: u64) -> (u64, usize) {
    (child / FANOUT as u64, (child % FANOUT as u64) as usize)
}

/// Takes a place that a map leads to: each at most once.
fn take(space: &mut Space, geometry: &Geometry, pointer: Pointer) -> Result<(), IntegrityError> {
    let Place(place) = pointer.place;
    if place < ROOTS || place >= geometry.places {
        return Err(IntegrityError::BadMap { place: pointer.place, what: "is no place for data" });
    }
    match space.take(pointer.place) {
        true => Ok(()),
        false => Err(IntegrityError::BadMap { place: pointer.place, what: "belongs to two blocks" }),
    }
}
