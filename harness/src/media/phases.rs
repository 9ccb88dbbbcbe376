//! Which groups there are, over all epochs.
//!
//! A group changes only where something of it is issued or becomes durable. Between two changes it is a *phase*, which
//! says how many outcomes it has and is made up in full when somebody asks for it. So what does not change costs
//! nothing, however many epochs it is carried through.

use super::cell::CellId;
use super::group::Group;
use super::over_time::{OverTime, Products};
use super::ways::Ways;
use std::ops::Range;
use std::sync::OnceLock;

/// No set.
pub(super) const NONE: u32 = u32::MAX;

/// A group over epochs in which nothing about it changes.
pub(super) struct Phase {
    /// Which cells it has.
    pub(super) cells: Cells,
    pub(super) first: u32,
    pub(super) end: u32,
    /// The epoch from which on it has had these outcomes. `first` is later where they are only no longer new.
    pub(super) since: u32,
    pub(super) exact: bool,
    /// How many outcomes it has.
    pub(super) total: Ways,
    /// How many of them the epoch before the first has too.
    pub(super) shared: Ways,
    pub(super) group: OnceLock<Box<Group>>,
}

/// The cells of a phase: so many of the set, from the first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cells {
    pub(super) set: u32,
    pub(super) count: u32,
}

impl Phase {
    pub(super) fn new(cells: Cells, first: u32, total: Ways, shared: Ways, exact: bool) -> Phase {
        Phase { cells, first, end: u32::MAX, since: first, exact, total, shared, group: OnceLock::new() }
    }

    /// Flags, which are open in one epoch.
    pub(super) fn of(group: Group, cells: Cells, epoch: u32) -> Phase {
        let (total, shared, exact) = (group.total.clone(), group.shared.clone(), group.exact);
        let phase = Phase::new(cells, epoch, total, shared, exact);
        Phase { end: epoch + 1, group: OnceLock::from(Box::new(group)), ..phase }
    }

    pub(super) fn epochs(&self) -> Range<u32> {
        self.first..self.end
    }
}

/// Every group of a trace.
#[derive(Default)]
pub(super) struct Phases {
    /// By set, and in the order of time.
    pub(super) all: Vec<Phase>,
    /// Cells that belong together at some time, in the order in which they came to.
    pub(super) sets: Vec<Vec<CellId>>,
    /// By cell and epoch: the set that it belongs to from then on.
    pub(super) homes: Vec<(CellId, u32, u32)>,
    /// The set of the faults, and the first of their cells.
    pub(super) faults: Option<(CellId, u32)>,
    pub(super) over_time: Option<OverTime>,
    pub(super) totals: Option<Products>,
    pub(super) shared: Option<Products>,
}

impl Phases {
    /// Puts in order what was found.
    pub(super) fn finish(mut self, epochs: usize) -> Phases {
        self.all.shrink_to_fit();
        self.all.iter_mut().for_each(|phase| phase.end = phase.end.min(epochs as u32));
        self.all.sort_by_key(|phase| (phase.cells.set, phase.first));
        self.homes.sort_by_key(|(cell, epoch, _)| (*cell, *epoch));
        let over_time = OverTime::new(epochs, self.all.iter().map(Phase::epochs));
        self.totals = Some(over_time.products(|nth| &self.all[nth as usize].total));
        self.shared = Some(over_time.products(|nth| &self.all[nth as usize].shared));
        self.over_time = Some(over_time);
        self
    }

    /// The phase of an undecided cell in an epoch.
    pub(super) fn of(&self, cell: CellId, epoch: u32) -> Option<u32> {
        let set = match self.faults {
            Some((first, set)) if cell >= first => set,
            _ => {
                let after = self.homes.partition_point(|(other, from, _)| (*other, *from) <= (cell, epoch));
                let (other, _, set) = *self.homes.get(after.checked_sub(1)?)?;
                (other == cell).then_some(set)?
            }
        };
        let after = self.all.partition_point(|phase| (phase.cells.set, phase.first) <= (set, epoch));
        let phase = &self.all[after.checked_sub(1)?];
        (phase.cells.set == set && phase.epochs().contains(&epoch)).then(|| after as u32 - 1)
    }

    pub(super) fn in_epoch(&self, epoch: u32) -> impl Iterator<Item = u32> + '_ {
        self.over_time.iter().flat_map(move |over_time| over_time.in_epoch(epoch))
    }

    pub(super) fn cells(&self, phase: u32) -> &[CellId] {
        let Cells { set, count } = self.all[phase as usize].cells;
        &self.sets[set as usize][..count as usize]
    }
}
