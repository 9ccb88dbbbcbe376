//! Which places are free. Nothing of it is stored: the map says it all.

use super::format::{Geometry, Place, ROOTS};

pub(super) struct Space {
    /// One bit for each place, set if it is taken.
    taken: Vec<u64>,
    places: u32,
    free: u64,
    /// No place below this one is free.
    lowest: u32,
    /// What the last commit leads to and the next one will not: free when that is durable.
    released: Vec<Place>,
    /// What was taken since the last commit, a bit for each place: no root leads there yet.
    fresh: Vec<u64>,
}

impl Space {
    /// Only the roots are taken.
    pub(super) fn new(geometry: &Geometry) -> Space {
        let words = geometry.places.div_ceil(64) as usize;
        let mut space = Space {
            taken: vec![0; words],
            places: geometry.places,
            free: u64::from(geometry.places),
            lowest: 0,
            released: Vec::new(),
            fresh: vec![0; words],
        };
        (0..ROOTS).for_each(|place| {
            space.take(Place(place));
        });
        space
    }

    /// Takes a place that a map leads to; `false` if it is taken already.
    pub(super) fn take(&mut self, place: Place) -> bool {
        let (word, bit) = bit(place);
        if self.taken[word] & bit != 0 {
            return false;
        }
        self.taken[word] |= bit;
        self.free -= 1;
        true
    }

    /// Whether a place is not free.
    pub(super) fn is_taken(&self, place: Place) -> bool {
        let (word, bit) = bit(place);
        self.taken[word] & bit != 0
    }

    /// How many places are free.
    pub(super) fn free(&self) -> u64 {
        self.free
    }

    /// A free place for something new: the lowest.
    pub(super) fn allocate(&mut self) -> Option<Place> {
        let place = (self.lowest..self.places).map(Place).find(|place| !self.is_taken(*place))?;
        self.lowest = place.0 + 1;
        self.take(place);
        let (word, bit) = bit(place);
        self.fresh[word] |= bit;
        Some(place)
    }

    /// Lets go of a place that was overwritten or discarded. What the durable root leads to stays taken until the next
    /// one is durable.
    pub(super) fn release(&mut self, place: Place) {
        let (word, bit) = bit(place);
        match self.fresh[word] & bit {
            0 => self.released.push(place),
            _ => {
                self.fresh[word] &= !bit;
                self.put_back(place);
            }
        }
    }

    /// A commit is durable: what it has replaced is free.
    pub(super) fn commit(&mut self) {
        self.fresh.fill(0);
        for place in std::mem::take(&mut self.released) {
            self.put_back(place);
        }
    }

    fn put_back(&mut self, place: Place) {
        let (word, bit) = bit(place);
        self.taken[word] &= !bit;
        self.free += 1;
        self.lowest = self.lowest.min(place.0);
    }
}

fn bit(place: Place) -> (usize, u64) {
    (place.0 as usize / 64, 1 << (place.0 % 64))
}
