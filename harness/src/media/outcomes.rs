//! How many outcomes a group has while it grows, so that an atom more costs no more than that atom.

use super::cell::{AtomId, CellId};
use super::contents::ContentId;
use super::layout::Layout;
use super::ways::Ways;
use crate::profile::Torn;
use rustc_hash::{FxHashMap, FxHashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// So many outcomes of a chain are compared one by one.
const FEW: usize = 8;

/// Atoms that all write the same cells. There may be as many chains as writes, so that a short one is small.
pub(super) struct Chain {
    /// What the cells can hold together, one after the other, as long as that is little.
    few: Vec<ContentId>,
    many: Option<Box<FxHashSet<Vec<ContentId>>>>,
    /// How many different contents that are.
    different: u32,
    /// How many outcomes there are; more than different contents if a write that went wrong may have come in between.
    outcomes: u32,
    may_land: bool,
}

impl Chain {
    /// A chain of nothing yet, in cells that are durable.
    pub(super) fn new(layout: &Layout, epoch: u32, cells: &[CellId]) -> Chain {
        let few = cells.iter().map(|cell| layout.settled(*cell, epoch)).collect();
        let may_land = cells.iter().any(|cell| layout.may_go_wrong(*cell));
        Chain { few, many: None, different: 1, outcomes: 1, may_land }
    }

    pub(super) fn add(&mut self, layout: &Layout, atom: AtomId, cells: &[CellId]) {
        let versions = || cells.iter().map(|cell| layout.written(*cell, atom).1);
        self.meet(versions().map(|version| version.content).collect());
        if layout.profile.torn == Torn::Garbage {
            self.meet(versions().map(|version| version.garbage).collect());
        }
    }

    fn meet(&mut self, contents: Vec<ContentId>) {
        let cells = contents.len();
        let is_new = match &mut self.many {
            Some(many) => many.insert(contents),
            None if self.few.chunks_exact(cells).any(|known| *known == contents) => false,
            None => {
                self.few.extend(contents);
                true
            }
        };
        if self.few.len() > FEW * cells {
            let few = std::mem::take(&mut self.few);
            self.many = Some(Box::new(few.chunks_exact(cells).map(<[ContentId]>::to_vec).collect()));
        }
        self.different += u32::from(is_new);
        self.outcomes += u32::from(is_new || self.may_land);
    }

    pub(super) fn total(&self) -> Ways {
        Ways::Few(self.outcomes.into())
    }

    /// Whether no two outcomes leave the same contents.
    pub(super) fn is_exact(&self) -> bool {
        self.different == self.outcomes
    }
}

/// Atoms that keep the order of issue. All contents together are known by a sum over the cells, to which a cell that
/// holds what it held before adds nothing.
#[derive(Default)]
pub(super) struct InOrder {
    /// What the cells hold when the newest atom is complete.
    held: FxHashMap<CellId, ContentId>,
    sum: Sum,
    seen: FxHashSet<Sum>,
}

impl InOrder {
    /// Adds the next atom; its cells that are not known yet are durable before it.
    pub(super) fn add(&mut self, layout: &Layout, epoch: u32, atom: AtomId, cells: &[CellId]) {
        let mut garbled = self.sum;
        for cell in cells {
            let version = layout.written(*cell, atom).1;
            let held = self.held.entry(*cell).or_insert_with(|| layout.settled(*cell, epoch));
            garbled = garbled.with(*cell, *held, version.garbage);
            self.sum = self.sum.with(*cell, *held, version.content);
            *held = version.content;
        }
        self.seen.insert(self.sum);
        if layout.profile.torn == Torn::Garbage {
            self.seen.insert(garbled);
        }
    }

    pub(super) fn total(&self) -> Ways {
        let base = u64::from(!self.seen.contains(&Sum::default()));
        Ways::Few(self.seen.len() as u64 + base)
    }
}

/// A sum of marks of contents of cells: as long as no two of as many as a machine can hold are alike, equal sums are
/// equal contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Sum(u128);

impl Sum {
    /// The sum when a cell holds another content than before.
    pub(super) fn with(self, cell: CellId, before: ContentId, after: ContentId) -> Sum {
        if before == after {
            return self;
        }
        Sum(self.0.wrapping_sub(mark(cell, before)).wrapping_add(mark(cell, after)))
    }
}

fn mark(cell: CellId, content: ContentId) -> u128 {
    let half = |nth: u8| {
        let mut hasher = DefaultHasher::new();
        (nth, cell, content).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
