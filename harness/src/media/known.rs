//! What the answers that were given say of a crash state, without asking for more.

use super::cell::{AtomId, CellId, Epoch, Held};
use super::epoch::States;
use super::group::GroupState;
use super::member::{AtomFate, Shown};
use super::timeline::Timeline;
use crate::choice::{Path, Question};
use crashcheck_trace::EventId;

/// A crash state as far as it was decided.
pub(crate) struct Known<'a> {
    timeline: &'a Timeline,
    nth: u32,
    /// The number of events after which the power failed.
    point: usize,
    states: States,
    /// The flags that are raised.
    raised: Vec<CellId>,
}

impl<'a> Known<'a> {
    /// What a path says of a state of this epoch, when the power failed after `point` events.
    pub(crate) fn new(timeline: &'a Timeline, nth: u32, point: usize, path: &Path) -> Known<'a> {
        let mut known = Known { timeline, nth, point, states: States::default(), raised: Vec::new() };
        for (question, answer) in path.questions.iter().zip(&path.answers) {
            match *question {
                Question::Survived { event, unit, .. } => known.note(event, unit, (false, *answer)),
                Question::Garbled { event, unit, .. } => known.note(event, unit, (true, *answer)),
                _ if *answer > 0 => known.raised.extend(timeline.flag(question)),
                _ => {}
            }
        }
        known
    }

    pub(crate) fn epoch(&self) -> &'a Epoch {
        &self.timeline.epochs[self.nth as usize]
    }

    /// What is in flight and can be seen, in the order of issue.
    pub(crate) fn in_flight(&self) -> Vec<AtomId> {
        self.timeline.atoms_in(self.nth)
    }

    /// The cells that hold bytes and are undecided before anybody asks, in order of position.
    pub(crate) fn undecided(&self) -> Vec<CellId> {
        self.timeline.undecided_in(self.nth)
    }

    fn note(&mut self, event: EventId, unit: u32, answer: (bool, u8)) {
        let Some(atom) = self.timeline.atom_of(event, unit) else { return };
        let Some((nth, _)) = self.place(atom) else { return };
        let group = self.timeline.group(nth);
        let state = self.states.entry(nth).or_insert_with(|| GroupState::new(group));
        group.note(atom, answer, state);
    }

    /// The group of an atom that is in flight and can be seen, with its place in it.
    fn place(&self, atom: AtomId) -> Option<(u32, u32)> {
        let cells = &self.timeline.atoms[atom.0 as usize].cells;
        cells.iter().find_map(|cell| self.timeline.place(*cell, self.nth))
    }

    /// Whether something of an event is in flight and can be seen.
    pub(crate) fn is_in_epoch(&self, event: EventId) -> bool {
        self.timeline.atoms_of(event).any(|atom| self.place(atom).is_some())
    }

    /// Whether it is open what a cell holds before anybody asks.
    pub(crate) fn is_undecided(&self, cell: CellId) -> bool {
        self.timeline.place(cell, self.nth).is_some()
    }

    /// What became of an atom; `None` if nobody looked.
    pub(crate) fn fate(&self, atom: AtomId) -> Option<AtomFate> {
        let (nth, _) = self.place(atom)?;
        self.timeline.group(nth).fate(self.timeline, atom, self.states.get(&nth)?, self.point)
    }

    /// The write that left what an atom of after the crash would have left, too.
    pub(crate) fn instead_of(&self, atom: AtomId) -> Option<EventId> {
        let cells = &self.timeline.atoms[atom.0 as usize].cells;
        let mut atoms = cells.iter().flat_map(|cell| {
            let versions = &self.timeline.cells[cell.0 as usize].versions;
            versions.iter().rev().map(|version| version.atom)
        });
        let left = atoms.find(|other| *other < atom && self.fate(*other) == Some(AtomFate::Survived));
        left.map(|left| self.timeline.atoms[left.0 as usize].event)
    }

    /// What a cell holds; `None` if that was left open.
    pub(crate) fn holds(&self, cell: CellId) -> Option<Shown> {
        let shown = match self.timeline.held(cell, self.nth) {
            Held::Durable(content) => Shown { version: self.timeline.latest(cell, self.nth), content },
            Held::InFlight { .. } => {
                let (nth, place) = self.timeline.place(cell, self.nth)?;
                let group = self.timeline.group(nth);
                match self.states.get(&nth) {
                    Some(state) => group.peek(self.timeline, place as usize, state)?,
                    None => group.peek(self.timeline, place as usize, &GroupState::new(group))?,
                }
            }
        };
        Some(self.timeline.astray(cell, shown, &self.raised))
    }
}
