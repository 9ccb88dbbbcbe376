//! Finds the groups of a trace: goes through the epochs once, and touches only what is issued or becomes durable.
//!
//! Atoms belong together if they share a cell in which both can be seen, or keep their order. A *set* is the cells that
//! belong together. It grows by what is issued; of two sets that meet, the smaller goes into the larger. Where something
//! of it becomes durable it is given up, and what is left of it is issued again.

use super::cell::{Atom, AtomId, CellId};
use super::group::Group;
use super::layout::Layout;
use super::outcomes::{Chain, InOrder};
use super::phases::{Cells, NONE, Phase, Phases};
use super::piece::Lane;
use super::steps;
use super::ways::Ways;
use rustc_hash::FxHashMap;

pub(super) struct Sweep<'a> {
    layout: &'a Layout,
    epoch: u32,
    phases: Phases,
    /// By cell: its set.
    set_of: Vec<u32>,
    set_of_lane: FxHashMap<Lane, u32>,
    /// The sets that have something in flight.
    open: FxHashMap<u32, Box<Open>>,
    /// Those of them that need another phase in this epoch, and in the next.
    changed: Vec<u32>,
    renewed: Vec<u32>,
}

/// A set with something in flight.
struct Open {
    shape: Shape,
    lane: Option<Lane>,
    /// The phase that it is in; `NONE` if it is to be given one.
    phase: u32,
    /// How many outcomes it had before anything was issued in this epoch.
    before: Option<Ways>,
    is_changed: bool,
}

/// As a group has it, counted as far as that can be done as it grows.
enum Shape {
    Chain(Chain),
    InOrder(Box<InOrder>),
    Mix,
}

impl Shape {
    fn total(&self) -> Ways {
        match self {
            Shape::Chain(chain) => chain.total(),
            Shape::InOrder(in_order) => in_order.total(),
            // Counted when all of it is there.
            Shape::Mix => Ways::Few(1),
        }
    }
}

impl<'a> Sweep<'a> {
    /// All groups of a layout that has its epochs; the flags of every epoch are known.
    pub(super) fn run(layout: &'a Layout, epochs: u32, flags: Vec<Vec<Group>>) -> Phases {
        let mut sweep = Sweep {
            layout,
            epoch: 0,
            phases: Phases::default(),
            set_of: vec![NONE; layout.cells.len()],
            set_of_lane: FxHashMap::default(),
            open: FxHashMap::default(),
            changed: Vec::new(),
            renewed: Vec::new(),
        };
        let (settled, issued) = (by_epoch(layout, |atom| atom.durable), by_epoch(layout, |atom| atom.issued));
        let (mut settled, mut issued) = (&settled[..], &issued[..]);
        let mut flags = flags.into_iter();
        for epoch in 0..epochs {
            sweep.epoch = epoch;
            for set in std::mem::take(&mut sweep.renewed) {
                sweep.change(set);
            }
            sweep.settle(&take(&mut settled, epoch));
            for atom in take(&mut issued, epoch) {
                sweep.join(atom, &layout.atoms[atom.0 as usize].cells);
            }
            sweep.begin_phases();
            flags.next().into_iter().flatten().for_each(|group| sweep.raise(group));
        }
        sweep.phases
    }

    /// Atoms have become durable: the sets in whose cells they can be seen are given up, and what is left is issued again.
    fn settle(&mut self, atoms: &[AtomId]) {
        let cells = atoms.iter().flat_map(|atom| &self.layout.atoms[atom.0 as usize].cells);
        let mut sets: Vec<u32> =
            cells.map(|cell| self.set_of[cell.0 as usize]).filter(|set| *set != NONE).collect();
        sets.sort_unstable();
        sets.dedup();
        let mut left = Vec::new();
        for set in sets {
            self.give_up(set, &mut left);
        }
        left.sort_unstable();
        for members in left.chunk_by(|(one, _), (other, _)| one == other) {
            let cells: Vec<CellId> = members.iter().map(|(_, cell)| *cell).collect();
            self.join(members[0].0, &cells);
        }
    }

    /// Gives a set up, and says what is left of it; what is issued in this epoch is not there yet.
    fn give_up(&mut self, set: u32, left: &mut Vec<(AtomId, CellId)>) {
        let Some(open) = self.close(set) else { return };
        if let Some(lane) = open.lane {
            self.set_of_lane.remove(&lane);
        }
        for nth in 0..self.phases.sets[set as usize].len() {
            let cell = self.phases.sets[set as usize][nth];
            self.move_to(NONE, cell);
            let visible = self.layout.visible_in(cell, self.epoch).iter().map(|version| version.atom);
            let old = |atom: &AtomId| self.layout.atoms[atom.0 as usize].issued < self.epoch;
            steps::take(1);
            left.extend(visible.take_while(old).map(|atom| (atom, cell)));
        }
    }

    /// Ends the phase of a set, which is given up.
    fn close(&mut self, set: u32) -> Option<Box<Open>> {
        let open = self.open.remove(&set)?;
        if open.phase != NONE {
            self.phases.all[open.phase as usize].end = self.epoch;
        }
        Some(open)
    }

    /// Adds an atom with the cells in which it can be seen.
    fn join(&mut self, atom: AtomId, cells: &[CellId]) {
        steps::take(cells.len());
        let Atom { lane, issued, .. } = self.layout.atoms[atom.0 as usize];
        let by_lane = lane.and_then(|lane| self.set_of_lane.get(&lane).copied());
        let by_cell = cells.iter().map(|cell| self.set_of[cell.0 as usize]).filter(|set| *set != NONE);
        let mut sets: Vec<u32> = by_cell.chain(by_lane).collect();
        sets.sort_unstable();
        sets.dedup();
        let size = |set: &u32| self.phases.sets[*set as usize].len();
        let Some(set) = sets.iter().copied().max_by_key(size) else { return self.begin(atom, cells, lane) };
        self.change(set);
        let is_alone = sets.len() == 1;
        for other in sets.into_iter().filter(|other| *other != set) {
            self.absorb(set, other);
        }
        let before = self.phases.sets[set as usize].len();
        for cell in cells {
            if self.set_of[cell.0 as usize] == NONE {
                self.add(*cell, set);
            }
        }
        let is_whole = is_alone && before == cells.len() && self.phases.sets[set as usize].len() == before;
        let (layout, epoch) = (self.layout, self.epoch);
        let open = self.open.get_mut(&set).expect("a set of cells in flight");
        if issued == epoch && open.before.is_none() {
            open.before = Some(open.shape.total());
        }
        match &mut open.shape {
            Shape::InOrder(in_order) => in_order.add(layout, epoch, atom, cells),
            Shape::Chain(chain) if is_whole => chain.add(layout, atom, cells),
            shape => *shape = Shape::Mix,
        }
    }

    /// Begins a set.
    fn begin(&mut self, atom: AtomId, cells: &[CellId], lane: Option<Lane>) {
        let set = self.new_set();
        cells.iter().for_each(|cell| self.add(*cell, set));
        let (layout, epoch) = (self.layout, self.epoch);
        let shape = if let Some(lane) = lane {
            self.set_of_lane.insert(lane, set);
            let mut in_order = InOrder::default();
            in_order.add(layout, epoch, atom, cells);
            Shape::InOrder(Box::new(in_order))
        } else {
            let mut chain = Chain::new(layout, epoch, cells);
            chain.add(layout, atom, cells);
            Shape::Chain(chain)
        };
        let is_new = layout.atoms[atom.0 as usize].issued == epoch;
        let before = is_new.then_some(Ways::Few(1));
        let open = Open { shape, lane, phase: NONE, before, is_changed: true };
        self.open.insert(set, Box::new(open));
        self.changed.push(set);
    }

    fn new_set(&mut self) -> u32 {
        self.phases.sets.push(Vec::new());
        self.phases.sets.len() as u32 - 1
    }

    /// Two sets have met.
    fn absorb(&mut self, set: u32, other: u32) {
        self.close(other);
        for cell in self.phases.sets[other as usize].clone() {
            self.add(cell, set);
        }
    }

    fn add(&mut self, cell: CellId, set: u32) {
        self.move_to(set, cell);
        self.phases.sets[set as usize].push(cell);
    }

    fn move_to(&mut self, set: u32, cell: CellId) {
        steps::take(1);
        self.set_of[cell.0 as usize] = set;
        self.phases.homes.push((cell, self.epoch, set));
    }

    /// A set needs another phase.
    fn change(&mut self, set: u32) {
        let Some(open) = self.open.get_mut(&set).filter(|open| !open.is_changed) else { return };
        open.is_changed = true;
        self.changed.push(set);
    }

    /// Gives every set that has changed another phase.
    fn begin_phases(&mut self) {
        for set in std::mem::take(&mut self.changed) {
            let Some(mut open) = self.open.remove(&set) else { continue };
            self.begin_phase(set, &mut open);
            self.open.insert(set, open);
        }
    }

    fn begin_phase(&mut self, set: u32, open: &mut Open) {
        steps::take(1);
        let cells = Cells { set, count: self.phases.sets[set as usize].len() as u32 };
        let (before, last) = (open.before.take(), std::mem::replace(&mut open.phase, NONE));
        let is_new = before.is_some();
        let phase = match self.phases.all.get_mut(last as usize) {
            Some(last) if !is_new => {
                last.end = self.epoch;
                let (total, since) = (last.total.clone(), last.since);
                let phase = Phase::new(cells, self.epoch, total.clone(), total, last.exact);
                Phase { since, ..phase }
            }
            last => {
                if let Some(last) = last {
                    last.end = self.epoch;
                }
                self.count(cells, open, before)
            }
        };
        (open.phase, open.is_changed) = (self.phases.all.len() as u32, false);
        self.phases.all.push(phase);
        if is_new {
            self.renewed.push(set);
        }
    }

    fn count(&self, cells: Cells, open: &Open, before: Option<Ways>) -> Phase {
        let (layout, epoch) = (self.layout, self.epoch);
        let total = open.shape.total();
        let shared = before.unwrap_or_else(|| total.clone());
        match &open.shape {
            Shape::Chain(chain) => Phase::new(cells, epoch, total, shared, chain.is_exact()),
            Shape::InOrder(_) => Phase::new(cells, epoch, total, shared, true),
            Shape::Mix => {
                let members = layout.members(&self.phases.sets[cells.set as usize], epoch);
                steps::take(members.len());
                let group = Group::new(layout, epoch, &members);
                Phase::new(cells, epoch, group.total, group.shared, group.exact)
            }
        }
    }

    /// Flags that are open in this epoch.
    fn raise(&mut self, group: Group) {
        let set = self.new_set();
        group.cells.iter().for_each(|cell| self.phases.homes.push((*cell, self.epoch, set)));
        group.cells.iter().for_each(|cell| self.phases.homes.push((*cell, self.epoch + 1, NONE)));
        self.phases.sets[set as usize].clone_from(&group.cells);
        let cells = Cells { set, count: group.cells.len() as u32 };
        self.phases.all.push(Phase::of(group, cells, self.epoch));
    }
}

/// The atoms that can be seen by the epoch of something, the earliest first.
fn by_epoch(layout: &Layout, epoch: impl Fn(&Atom) -> u32) -> Vec<(u32, AtomId)> {
    let all = layout.atoms.iter().zip((0..).map(AtomId));
    let visible = all.filter(|(atom, _)| !atom.cells.is_empty());
    let mut atoms: Vec<(u32, AtomId)> = visible.map(|(atom, id)| (epoch(atom), id)).collect();
    atoms.sort_unstable();
    atoms
}

/// Takes those of an epoch, which are the first.
fn take(atoms: &mut &[(u32, AtomId)], epoch: u32) -> Vec<AtomId> {
    let (now, later) = atoms.split_at(atoms.partition_point(|(of, _)| *of <= epoch));
    *atoms = later;
    now.iter().map(|(_, atom)| *atom).collect()
}
