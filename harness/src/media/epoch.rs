//! An epoch: what is in flight between two durability points, in groups that are independent of each other.

use super::block::Lane;
use super::contents::ContentId;
use super::group::{Group, GroupState, Shown};
use super::timeline::{Atom, AtomId, CellId, Held, Span, Timeline};
use super::ways::{Product, Ways};
use crate::choice::Choices;
use crashcheck_trace::{DeviceId, EventId};
use num_bigint::BigUint;
use num_traits::Zero;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// What can be left by a crash between two durability points.
pub(crate) struct Epoch {
    /// A crash in this epoch happens after `from` to `upto` events.
    pub(crate) from: usize,
    /// See `from`.
    pub(crate) upto: usize,
    /// What is in flight and can be seen, in the order of issue.
    pub(crate) atoms: Vec<AtomId>,
    /// Sets of atoms that share no cell with each other. The outcomes of one say nothing of another.
    pub(crate) groups: Vec<Arc<Group>>,
    /// The first cell of the last group, which is the faults that can happen in every epoch.
    first_fault: Option<CellId>,
    /// The other undecided cells, ordered: their group, and their place in it.
    cells: Vec<(CellId, u32, u32)>,
    /// The crash states: the product over the groups.
    pub(crate) total: BigUint,
    /// Those of them that the epoch before has too: none of the writes issued in this one survived.
    pub(crate) shared: BigUint,
}

impl Epoch {
    pub(crate) fn new(
        timeline: &Timeline,
        epoch: u32,
        span: &Span,
        flags: Vec<Group>,
        faults: Option<Arc<Group>>,
    ) -> Epoch {
        let visible = visible(timeline, epoch, &span.in_flight);
        let mut atoms: Vec<AtomId> = visible.iter().map(|(atom, _)| *atom).collect();
        atoms.dedup();
        let mut groups = Vec::new();
        let mut cells = Vec::new();
        let members = partition(timeline, &visible);
        let members = members.iter().map(|members| Group::new(timeline, epoch, members));
        for group in members.chain(flags) {
            let nth = groups.len() as u32;
            cells.extend(group.cells.iter().enumerate().map(|(place, cell)| (*cell, nth, place as u32)));
            groups.push(Arc::new(group));
        }
        cells.sort_unstable();
        let first_fault = faults.as_ref().map(|faults| faults.cells[0]);
        groups.extend(faults);
        let product = |count: &dyn Fn(&Group) -> Ways| {
            let mut product = Product::one();
            groups.iter().for_each(|group| product.times(&count(group)));
            product.value()
        };
        let total = product(&|group| group.total.clone());
        let one_by_one = timeline.script.is_some();
        let shared = match epoch {
            0 => BigUint::zero(),
            _ if one_by_one => BigUint::zero(),
            _ => product(&|group| group.shared.clone()),
        };
        let from = if one_by_one { span.upto } else { span.from };
        Epoch { from, upto: span.upto, atoms, groups, first_fault, cells, total, shared }
    }

    /// The group of an undecided cell, and the place of the cell in it.
    pub(super) fn place(&self, cell: CellId) -> Option<(u32, u32)> {
        if self.first_fault.is_some_and(|first| cell >= first) {
            return self.fault(cell).map(|place| (self.groups.len() as u32 - 1, place));
        }
        let index = self.cells.binary_search_by_key(&cell, |(cell, ..)| *cell).ok()?;
        let (_, group, place) = self.cells[index];
        Some((group, place))
    }

    /// The place of the flag of a fault in its group, if the fault can happen in this epoch.
    fn fault(&self, flag: CellId) -> Option<u32> {
        let faults = self.groups.last().filter(|_| self.first_fault.is_some())?;
        faults.cells.binary_search(&flag).ok().map(|place| place as u32)
    }

    /// Finds out what an undecided cell holds, asking for what the state of its group leaves open. A flag that is not
    /// open in this epoch is not raised.
    pub(super) fn resolve(
        &self,
        timeline: &Timeline,
        cell: CellId,
        states: &mut FxHashMap<u32, GroupState>,
        choices: &mut Choices,
    ) -> Shown {
        let nothing = Shown { version: 0, content: ContentId::ZERO };
        let Some((nth, place)) = self.place(cell) else { return nothing };
        let group = &self.groups[nth as usize];
        let state = states.entry(nth).or_insert_with(|| GroupState::new(group));
        group.resolve(timeline, place as usize, state, choices)
    }

    /// How many crash states agree with the answers given so far.
    pub(crate) fn represented(&self, states: &FxHashMap<u32, GroupState>) -> BigUint {
        let (mut asked, mut left) = (Product::one(), Product::one());
        for (nth, state) in states {
            let group = &self.groups[*nth as usize];
            asked.times(&group.total);
            left.times(&group.remaining(state));
        }
        &self.total / asked.value() * left.value()
    }

    /// Those of them that the epoch before has too.
    pub(crate) fn represented_before(&self, states: &FxHashMap<u32, GroupState>) -> BigUint {
        if self.shared.is_zero() {
            return BigUint::zero();
        }
        let (mut asked, mut left) = (Product::one(), Product::one());
        for (nth, state) in states {
            let group = &self.groups[*nth as usize];
            let ways = group.shared(state);
            if ways.is_none() {
                return BigUint::zero();
            }
            asked.times(&group.shared);
            left.times(&ways);
        }
        &self.shared / asked.value() * left.value()
    }

    /// The number of events after which the newest surviving write had been issued, if the answers so far are all that
    /// survives.
    pub(crate) fn earliest(&self, states: &FxHashMap<u32, GroupState>) -> usize {
        let newest = states.iter().map(|(nth, state)| self.groups[*nth as usize].earliest(state)).max();
        newest.unwrap_or(0).max(self.from)
    }

    /// The events whose writes are in flight, in the order of issue.
    pub(crate) fn events<'a>(&'a self, timeline: &'a Timeline) -> impl Iterator<Item = EventId> + 'a {
        let mut last = None;
        let events = self.atoms.iter().map(|atom| timeline.atoms[atom.0 as usize].event);
        events.filter(move |event| last.replace(*event) != Some(*event))
    }

    /// The undecided cells in order of position.
    pub(crate) fn undecided(&self) -> impl Iterator<Item = CellId> {
        self.cells.iter().map(|(cell, ..)| *cell)
    }

    /// Whether the number of crash states is the number of different images, and not a bound on it.
    pub(crate) fn is_exact(&self) -> bool {
        self.groups.iter().all(|group| group.exact)
    }
}

/// The atoms in flight with the cells in which they can be seen, in the order of issue.
fn visible(timeline: &Timeline, epoch: u32, in_flight: &[AtomId]) -> Vec<(AtomId, CellId)> {
    let mut visible = Vec::new();
    for id in in_flight {
        for cell in &timeline.atoms[id.0 as usize].cells {
            if let Held::InFlight { floor, .. } = timeline.held(*cell, epoch) {
                let versions = &timeline.cells[cell.0 as usize].versions[floor as usize..];
                if versions.iter().any(|version| version.atom == *id) {
                    visible.push((*id, *cell));
                }
            }
        }
    }
    visible
}

/// Splits atoms into sets that share no cell. Those of one lane keep their order, and so belong together.
fn partition(timeline: &Timeline, visible: &[(AtomId, CellId)]) -> Vec<Vec<(AtomId, CellId)>> {
    let mut set_of_cell: FxHashMap<CellId, usize> = FxHashMap::default();
    let mut set_of_atom: FxHashMap<AtomId, usize> = FxHashMap::default();
    let mut set_of_lane: FxHashMap<(DeviceId, Lane), usize> = FxHashMap::default();
    let mut parent: Vec<usize> = Vec::new();
    for (atom, cell) in visible {
        let known = [set_of_atom.get(atom), set_of_cell.get(cell)];
        let Atom { device, lane, .. } = &timeline.atoms[atom.0 as usize];
        let lane = lane.map(|lane| (*device, lane));
        let by_lane = lane.and_then(|lane| set_of_lane.get(&lane));
        let roots: Vec<usize> =
            known.into_iter().flatten().chain(by_lane).map(|set| root(&parent, *set)).collect();
        let set = roots.iter().copied().min().unwrap_or_else(|| {
            parent.push(parent.len());
            parent.len() - 1
        });
        for other in roots {
            parent[other] = set;
        }
        set_of_atom.insert(*atom, set);
        set_of_cell.insert(*cell, set);
        set_of_lane.extend(lane.map(|lane| (lane, set)));
    }
    let mut sets: Vec<Vec<(AtomId, CellId)>> = vec![Vec::new(); parent.len()];
    for (atom, cell) in visible {
        sets[root(&parent, set_of_atom[atom])].push((*atom, *cell));
    }
    sets.retain(|set| !set.is_empty());
    sets
}

fn root(parent: &[usize], mut set: usize) -> usize {
    while parent[set] != set {
        set = parent[set];
    }
    set
}
