//! The opened volume: reads that compare, writes that go to new places, commits.

use super::IntegrityError;
use super::bugs::Bug;
use super::format::{BLOCK_SIZE, Generation, Geometry, Page, Pointer, Root, encode_pointers};
use super::map::Map;
use super::mirror::{Met, Mirror};
use super::space::Space;
use crashcheck::Bytes;

/// A volume that is open.
pub struct Live {
    pub(super) mirror: Mirror,
    pub(super) geometry: Geometry,
    pub(super) generation: Generation,
    /// That of the next commit.
    next: Generation,
    pub(super) map: Map,
    pub(super) space: Space,
    /// A commit has failed half-way: what is in memory is not to be trusted.
    broken: bool,
}

impl Live {
    pub(super) fn new(mirror: Mirror, root: &Root, map: Map, space: Space) -> Live {
        let Root { generation, geometry, .. } = *root;
        let next = match mirror.bugs.has(Bug::GenerationSkipped) {
            true => generation.next().next(),
            false => generation.next(),
        };
        Live { mirror, geometry, generation, next, map, space, broken: false }
    }

    /// What was met since the volume was opened.
    pub fn met(&self) -> Met {
        self.mirror.met
    }

    /// The size of everything.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The commit that the volume is at.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Where a block of the volume lies.
    pub fn pointer(&self, block: u64) -> Pointer {
        self.map.get(block)
    }

    /// The content of a block of the volume. Never anything but what was written last (HM-15).
    ///
    /// # Errors
    /// If no member has a good copy.
    pub fn read_block(&mut self, block: u64) -> Result<Page, IntegrityError> {
        match self.map.get(block) {
            pointer if pointer.is_none() => Ok([0; BLOCK_SIZE]),
            pointer => self.mirror.read(pointer),
        }
    }

    /// Writes a block of the volume to a new place: durable with the next commit.
    ///
    /// # Errors
    /// If no member takes it.
    pub fn write_block(&mut self, block: u64, page: &Page, label: &str) -> Result<(), IntegrityError> {
        self.make_room()?;
        let old = self.map.get(block);
        let place = match self.bugs_in_place() && !old.is_none() {
            true => old.place,
            false => self.space.allocate().ok_or(IntegrityError::Full)?,
        };
        self.mirror.write(place, page, label)?;
        self.map.set(block, Pointer { place, sum: self.mirror.sum(page) });
        if !old.is_none() && old.place != place {
            self.space.release(old.place);
        }
        Ok(())
    }

    /// Forgets a block of the volume: it holds zeros, for good with the next commit.
    ///
    /// # Errors
    /// If a commit is needed first, and fails.
    pub fn forget_block(&mut self, block: u64) -> Result<(), IntegrityError> {
        let old = self.map.get(block);
        if old.is_none() {
            return Ok(());
        }
        self.make_room()?;
        self.map.set(block, Pointer::NONE);
        self.space.release(old.place);
        Ok(())
    }

    /// Makes everything durable, all at once: what the new root leads to is durable before it is issued, so that a crash
    /// leaves either the old root with all it leads to or the new one (DI-09).
    ///
    /// # Errors
    /// If no member is left. The volume has to be opened again then.
    pub fn commit(&mut self) -> Result<(), IntegrityError> {
        if self.broken {
            return Err(IntegrityError::Broken);
        }
        if self.map.changed() == 0 {
            return Ok(());
        }
        self.broken = true;
        self.write_map()?;
        if !self.mirror.bugs.has(Bug::RootWithMap) {
            self.mirror.flush()?;
        }
        (self.generation, self.next) = (self.next, self.next.next());
        let root = self.root();
        let label = format!("root {}", root.generation.0);
        self.mirror.write(root.generation.place(), &root.encode(), &label)?;
        self.mirror.flush()?;
        self.space.commit();
        self.broken = false;
        Ok(())
    }

    /// The root that leads to the map as the last commit has written it.
    pub(super) fn root(&self) -> Root {
        let Live { mirror, geometry, generation, map, .. } = self;
        Root { kind: mirror.kind, generation: *generation, geometry: *geometry, top: map.top }
    }

    fn write_map(&mut self) -> Result<(), IntegrityError> {
        let in_place = self.bugs_in_place();
        let Live { mirror, map, space, .. } = self;
        map.write_changed(|level, index, old, node| {
            let mut new = Pointer::NONE;
            if let Some(node) = node {
                new.place = match in_place && !old.is_none() {
                    true => old.place,
                    false => space.allocate().ok_or(IntegrityError::Full)?,
                };
                let page = encode_pointers(node);
                new.sum = mirror.sum(&page);
                mirror.write(new.place, &page, &format!("map {}.{index}", level + 1))?;
            }
            if !old.is_none() && old.place != new.place {
                space.release(old.place);
            }
            Ok(new)
        })
    }

    /// Commits if what is free would not do for one more block and all that the commit after it writes. Then it does, as
    /// what the commit replaced is free.
    fn make_room(&mut self) -> Result<(), IntegrityError> {
        if self.broken {
            return Err(IntegrityError::Broken);
        }
        if self.space.free() < 1 + self.map.changed() + self.map.height() {
            self.commit()?;
        }
        Ok(())
    }

    fn bugs_in_place(&self) -> bool {
        self.mirror.bugs.has(Bug::ChecksumInPlace)
    }

    /// The length of the volume.
    pub fn capacity(&self) -> Bytes {
        self.geometry.capacity()
    }
}
