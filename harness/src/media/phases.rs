//! Which groups there are, over all epochs.
//!
//! A group changes only where something of it is issued or becomes durable. Between two changes it is a *phase*, which
//! says how many outcomes it has and is made up in full when somebody asks for it. So what does not change costs
//! nothing, however many epochs it is carried through.

use super::block::Lane;
use super::group::Group;
use super::over_time::{OverTime, Products};
use super::timeline::{AtomId, CellId, Timeline};
use super::ways::Ways;
use crashcheck_trace::{DeviceId, EventId};
use num_bigint::BigUint;
use num_traits::Zero;
use rustc_hash::FxHashMap;
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
    over_time: Option<OverTime>,
    totals: Option<Products>,
    shared: Option<Products>,
}

impl Phases {
    /// Puts in order what was found.
    pub(super) fn finish(mut self, epochs: usize) -> Phases {
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
    fn of(&self, cell: CellId, epoch: u32) -> Option<u32> {
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

    fn in_epoch(&self, epoch: u32) -> impl Iterator<Item = u32> + '_ {
        self.over_time.iter().flat_map(move |over_time| over_time.in_epoch(epoch))
    }

    fn cells(&self, phase: u32) -> &[CellId] {
        let Cells { set, count } = self.all[phase as usize].cells;
        &self.sets[set as usize][..count as usize]
    }
}

impl Timeline {
    /// The groups of an epoch, by their numbers.
    pub(super) fn groups_in(&self, epoch: u32) -> impl Iterator<Item = u32> + '_ {
        self.phases.in_epoch(epoch)
    }

    pub(super) fn phases(&self) -> &[Phase] {
        &self.phases.all
    }

    /// The group of a cell in an epoch, if it has one.
    pub(super) fn group_with(&self, cell: CellId, epoch: u32) -> Option<u32> {
        self.phases.of(cell, epoch)
    }

    /// The phase in which a group still has the same outcomes, the last one that has begun in an epoch.
    pub(super) fn last_alike(&self, nth: u32, epoch: u32) -> u32 {
        let Phase { cells, since, .. } = self.phase(nth);
        let is_alike =
            |other: &&Phase| (other.cells.set, other.since) == (cells.set, *since) && other.first <= epoch;
        nth + self.phases.all[nth as usize + 1..].iter().take_while(is_alike).count() as u32
    }

    /// Whether of atoms that keep their order one may become durable before another.
    pub(super) fn leaves_gaps(&self) -> bool {
        let in_order = self.atoms.iter().filter(|atom| atom.lane.is_some());
        let mut newest: FxHashMap<(DeviceId, Lane), u32> = FxHashMap::default();
        in_order
            .filter_map(|atom| Some(((atom.device, atom.lane?), atom.durable)))
            .any(|(lane, durable)| newest.insert(lane, durable).is_some_and(|before| before > durable))
    }

    /// The cells of a group that hold bytes.
    pub(super) fn cells_in(&self, nth: u32) -> &[CellId] {
        self.phases.cells(nth)
    }

    pub(super) fn products<'a>(&self, factor: impl Fn(u32) -> &'a Ways) -> Products {
        self.phases.over_time.as_ref().expect("the phases are in order").products(factor)
    }

    pub(super) fn phase(&self, nth: u32) -> &Phase {
        &self.phases.all[nth as usize]
    }

    /// A group, made up if that has not been done.
    pub(crate) fn group(&self, nth: u32) -> &Group {
        let phase = self.phase(nth);
        phase.group.get_or_init(|| Box::new(self.make_up(nth)))
    }

    /// A group, made up for a moment.
    pub(super) fn make_up(&self, nth: u32) -> Group {
        let phase = self.phase(nth);
        let group = match self.phases.faults {
            Some((_, set)) if set == phase.cells.set => self.faults.group(self, phase.first),
            _ => Group::new(self, phase.first, &self.members(self.phases.cells(nth), phase.first)),
        };
        debug_assert_eq!((&group.total, &group.shared), (&phase.total, &phase.shared), "counted on the way");
        group
    }

    /// What is in flight and can be seen in some cells, in the order of issue.
    pub(super) fn members(&self, cells: &[CellId], epoch: u32) -> Vec<(AtomId, CellId)> {
        let visible = |cell: &CellId| {
            let versions = self.visible_in(*cell, epoch).iter();
            versions.map(|version| (version.atom, *cell)).collect::<Vec<_>>()
        };
        let mut members: Vec<(AtomId, CellId)> = cells.iter().flat_map(visible).collect();
        members.sort_unstable();
        members
    }

    /// The group of an undecided cell in an epoch, and the place of the cell in it.
    pub(super) fn place(&self, cell: CellId, epoch: u32) -> Option<(u32, u32)> {
        let nth = self.phases.of(cell, epoch)?;
        let place = self.group(nth).cells.binary_search(&cell).ok()?;
        Some((nth, place as u32))
    }

    /// What is in flight in an epoch and can be seen, in the order of issue.
    pub(crate) fn atoms_in(&self, epoch: u32) -> Vec<AtomId> {
        let members = self.groups_in(epoch).flat_map(|nth| self.members(self.phases.cells(nth), epoch));
        let mut atoms: Vec<AtomId> = members.map(|(atom, _)| atom).collect();
        atoms.sort_unstable();
        atoms.dedup();
        atoms
    }

    /// The events whose writes are in flight in an epoch, in the order of issue.
    pub(crate) fn events_in(&self, epoch: u32) -> Vec<EventId> {
        let mut events: Vec<EventId> =
            self.atoms_in(epoch).iter().map(|atom| self.atoms[atom.0 as usize].event).collect();
        events.dedup();
        events
    }

    /// The cells of an epoch that hold bytes and are undecided, in order of position.
    pub(crate) fn undecided_in(&self, epoch: u32) -> Vec<CellId> {
        let cells = self.groups_in(epoch).flat_map(|nth| self.phases.cells(nth).iter().copied());
        let mut cells: Vec<CellId> = cells.filter(|cell| !self.is_flag(*cell)).collect();
        cells.sort_unstable();
        cells
    }

    /// The crash states of an epoch: the product over its groups.
    pub(crate) fn total(&self, epoch: u32) -> BigUint {
        self.phases.totals.as_ref().map_or_else(BigUint::zero, |totals| totals.of(epoch))
    }

    /// The crash states of every epoch.
    #[cfg(test)]
    pub(crate) fn totals(&self) -> impl Iterator<Item = BigUint> + '_ {
        (0..self.epochs.len() as u32).map(|epoch| self.total(epoch))
    }

    /// Those of them that the epoch before has too: none of the writes issued in this one survived.
    pub(crate) fn shared(&self, epoch: u32) -> BigUint {
        match &self.phases.shared {
            Some(shared) if self.shares(epoch) => shared.of(epoch),
            _ => BigUint::zero(),
        }
    }

    /// Whether an epoch can have states in common with the one before.
    pub(super) fn shares(&self, epoch: u32) -> bool {
        epoch > 0 && self.script.is_none()
    }

    /// The crash states of all epochs, those left out that the epoch before has too.
    pub(crate) fn all_states(&self) -> BigUint {
        let (Some(totals), Some(shared)) = (&self.phases.totals, &self.phases.shared) else {
            return BigUint::zero();
        };
        let all = totals.sum();
        if self.script.is_some() { all } else { all + shared.of(0) - shared.sum() }
    }

    /// Whether the numbers of crash states are those of different images, and not bounds on them.
    pub(crate) fn is_exact(&self) -> bool {
        self.phases.all.iter().all(|phase| phase.exact)
    }

    /// How many writes are in flight in each epoch and can be seen.
    pub(super) fn count_in_flight(&mut self) {
        let mut steps = vec![0i64; self.epochs.len() + 1];
        let mut seen: Option<(EventId, u32, u32)> = None;
        let epochs = self.epochs.len();
        let mut count = |(_, issued, gone): (EventId, u32, u32)| {
            steps[issued as usize] += 1;
            steps[(gone as usize).min(epochs)] -= 1;
        };
        for (id, atom) in (0..).map(AtomId).zip(&self.atoms) {
            let gone = atom.cells.iter().map(|cell| self.written(*cell, id).1.settled).max();
            let Some(gone) = gone else { continue };
            match &mut seen {
                Some((event, _, until)) if *event == atom.event => *until = gone.max(*until),
                _ => seen.replace((atom.event, atom.issued, gone)).into_iter().for_each(&mut count),
            }
        }
        seen.into_iter().for_each(&mut count);
        let mut in_flight = 0;
        for (epoch, step) in self.epochs.iter_mut().zip(steps) {
            in_flight += step;
            epoch.in_flight = in_flight as usize;
        }
    }
}
