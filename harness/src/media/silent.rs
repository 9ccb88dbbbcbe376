//! Writes that went wrong without a word: the device acknowledged and flushed them, and they are not where they should be.
//!
//! A *lost* write never reached the medium: its place holds what it held before. A *misdirected* one reached another
//! place: the same range of a neighbouring block, or of the next ones if it is longer than a block. The place it was
//! meant for holds what it held before, and what was there is gone.
//!
//! Only writes that are durable go wrong here: one in flight that is lost is an ordinary crash state. Each of them is a
//! [flag](super::flag) in the group of faults, asked for when a cell is looked at that would show it. Nobody sees the flag
//! itself, only what the cell holds because of it.
//!
//! Where nothing overtakes, a write that changes nothing is no step of its own, so that what landed before it and would
//! show without it is not met; profiles with silent faults leave the order open.

use super::block::Piece;
use super::contents::ContentId;
use super::epoch::States;
use super::fault::block_len;
use super::group::Shown;
use super::timeline::{Atom, AtomId, Cell, CellId, Held, Timeline};
use crate::choice::{Choices, Question};
use crate::profile::Faults;
use crashcheck_trace::{Bytes, Device, Event, Trace};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// The writes that can go wrong.
#[derive(Default)]
pub(super) struct Silent {
    sites: Vec<Site>,
    /// By cell: what can go wrong with it, newest write first.
    marks: FxHashMap<CellId, Vec<Mark>>,
}

/// One way in which one write can go wrong.
pub(super) struct Site {
    pub(super) question: Question,
    /// The cell of its flag.
    pub(super) flag: CellId,
    /// The epochs in which it can happen: the write is durable, and something would show it.
    pub(super) open: Range<u32>,
}

/// What a cell has to do with a site.
pub(super) struct Mark {
    pub(super) atom: AtomId,
    /// The cell of the flag.
    pub(super) flag: CellId,
    pub(super) effect: Effect,
}

/// What a write that went wrong does to a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// What was written to it is not there.
    Missing,
    /// This landed there.
    Landed(ContentId),
}

/// The ranges of a device that writes to it may land on by mistake.
pub(super) fn victims(device: &Device, pieces: &[&Piece], faults: &Faults) -> Vec<(u64, u64)> {
    let mut ranges = Vec::new();
    let is_chip = device.chip().is_some();
    if !faults.misdirected || is_chip || pieces.iter().any(|piece| piece.is_length()) {
        return ranges;
    }
    for (at, len) in pieces.iter().filter_map(|piece| piece.range) {
        let landings = [true, false].into_iter().filter_map(|forward| landing(device, at, len, forward));
        ranges.extend(landings.map(|start| (start.0, start.0 + len.0)));
    }
    ranges
}

/// Where a write lands that goes to a neighbour, if the device reaches that far.
fn landing(device: &Device, at: Bytes, len: Bytes, forward: bool) -> Option<Bytes> {
    let shift = len.0.next_multiple_of(block_len(device).0);
    let start = if forward { at.0.checked_add(shift)? } else { at.0.checked_sub(shift)? };
    (start.checked_add(len.0)? <= device.base.len().0).then_some(Bytes(start))
}

impl Silent {
    /// Finds the writes of a trace that can go wrong; their flags are the cells from `first`.
    pub(super) fn new(timeline: &mut Timeline, trace: &Trace, first: CellId) -> Silent {
        let faults = timeline.profile.faults.clone();
        let mut silent = Silent::default();
        for nth in (0..timeline.atoms.len() as u32).rev() {
            let (id, atom) = (AtomId(nth), &timeline.atoms[nth as usize]);
            let (event, unit, device) = (atom.event, atom.unit, atom.device);
            let is_write =
                matches!(trace.events[event.index()], Event::Write { .. } | Event::WriteZeroes { .. });
            let (Some(from), Some(to)) = (atom.cells.first(), atom.cells.last()) else { continue };
            if !is_write || timeline.lines[device.index()].length.is_some() {
                continue;
            }
            let (from, to) = (&timeline.cells[from.0 as usize], &timeline.cells[to.0 as usize]);
            let (at, len) = (from.start, to.start + to.len - from.start);
            if faults.lost_write {
                let question = Question::WriteLost { event, unit };
                silent.add(timeline, first, id, question, &[]);
            }
            for forward in [true, false].into_iter().filter(|_| faults.misdirected) {
                let Some(start) = landing(&trace.devices[device.index()], at, len, forward) else { continue };
                let question = Question::Misdirected { event, unit, forward };
                let landed = landed(timeline, trace, id, start, start.0.wrapping_sub(at.0));
                silent.add(timeline, first, id, question, &landed);
            }
        }
        silent
    }

    fn add(
        &mut self,
        timeline: &Timeline,
        first: CellId,
        atom: AtomId,
        question: Question,
        landed: &[(CellId, ContentId)],
    ) {
        let flag = CellId(first.0 + self.sites.len() as u32);
        let missing = timeline.atoms[atom.0 as usize].cells.iter().map(|cell| (*cell, Effect::Missing));
        let landed_there = landed.iter().map(|(cell, content)| (*cell, Effect::Landed(*content)));
        for (cell, effect) in missing.chain(landed_there) {
            self.marks.entry(cell).or_default().push(Mark { atom, flag, effect });
        }
        let open = timeline.shows(atom, landed.iter().map(|(cell, _)| *cell));
        self.sites.push(Site { question, flag, open });
    }

    /// All of them, the newest write first.
    pub(super) fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// What can go wrong with a cell, newest write first.
    pub(super) fn marks(&self, cell: CellId) -> &[Mark] {
        self.marks.get(&cell).map_or(&[], Vec::as_slice)
    }
}

impl Timeline {
    /// The epochs in which it would show that a write went wrong and landed on these cells: it is durable, and of its own
    /// cells and those there is one that was not written again.
    fn shows(&self, atom: AtomId, victims: impl Iterator<Item = CellId>) -> Range<u32> {
        let Atom { cells, durable, .. } = &self.atoms[atom.0 as usize];
        let until = |cell: CellId| {
            let Cell { versions, .. } = &self.cells[cell.0 as usize];
            let next = versions.partition_point(|version| version.atom <= atom);
            versions.get(next).map_or(u32::MAX, |version| version.settled)
        };
        let end = cells.iter().copied().chain(victims).map(until).max();
        *durable..end.unwrap_or(*durable).max(*durable)
    }

    /// Whether a write that goes wrong may change what a cell holds.
    pub(super) fn may_go_wrong(&self, cell: CellId) -> bool {
        !self.silent.marks(cell).is_empty()
    }

    /// Finds out what a cell holds in an epoch, asking for what is open.
    pub(super) fn find(
        &self,
        cell: CellId,
        epoch: u32,
        states: &mut States,
        choices: &mut Choices,
    ) -> ContentId {
        if self.is_flag(cell) {
            let crash = self.crash_in(cell, epoch);
            return crash.unwrap_or_else(|| self.resolve(epoch, cell, states, choices).content);
        }
        let shown = match self.held(cell, epoch) {
            Held::Durable(content) => Shown { version: self.latest(cell, epoch), content },
            Held::InFlight { .. } => self.resolve(epoch, cell, states, choices),
        };
        match self.silent.marks(cell) {
            [] => shown.content,
            marks => {
                let cell = &self.cells[cell.0 as usize];
                let happened =
                    |flag: CellId| self.resolve(epoch, flag, states, choices).content != ContentId::ZERO;
                self.find_astray(cell, marks, shown, happened).content
            }
        }
    }

    /// What a cell really holds that should hold this, if these flags are raised.
    pub(super) fn astray(&self, cell: CellId, shown: Shown, raised: &[CellId]) -> Shown {
        match self.silent.marks(cell) {
            marks if marks.is_empty() || raised.is_empty() => shown,
            marks => {
                let cell = &self.cells[cell.0 as usize];
                self.find_astray(cell, marks, shown, |flag| raised.contains(&flag))
            }
        }
    }

    /// Goes back in time from what a cell should hold, to the newest write that has really reached it.
    fn find_astray(
        &self,
        cell: &Cell,
        marks: &[Mark],
        mut shown: Shown,
        mut happened: impl FnMut(CellId) -> bool,
    ) -> Shown {
        let mut before = AtomId(u32::MAX);
        loop {
            let written = shown.version.checked_sub(1).map(|index| cell.versions[index as usize].atom);
            let later = marks.iter().filter(|mark| mark.atom < before && Some(mark.atom) > written);
            for mark in later {
                if let Effect::Landed(content) = mark.effect
                    && happened(mark.flag)
                {
                    return Shown { content, ..shown };
                }
            }
            let mut missing = marks.iter().filter(|mark| mark.effect == Effect::Missing);
            let is_missing = missing.any(|mark| Some(mark.atom) == written && happened(mark.flag));
            let Some(atom) = written.filter(|_| is_missing) else { return shown };
            let version = shown.version - 1;
            (shown, before) = (Shown { version, content: self.version(cell, version) }, atom);
        }
    }
}

/// The cells that a write lands on, and what they hold then.
fn landed(
    timeline: &mut Timeline,
    trace: &Trace,
    atom: AtomId,
    start: Bytes,
    shift: u64,
) -> Vec<(CellId, ContentId)> {
    let atom = &timeline.atoms[atom.0 as usize];
    let (event, device) = (atom.event, atom.device);
    let len: u64 = atom.cells.iter().map(|cell| timeline.cells[cell.0 as usize].len.0).sum();
    let mut landed = Vec::new();
    for index in timeline.cells_of(device, start, Bytes(len)) {
        let (at, len) = (timeline.cells[index].start, timeline.cells[index].len);
        let content = match &trace.events[event.index()] {
            Event::Write { at: written, data, .. } => {
                let from = (at.0.wrapping_sub(shift) - written.0) as usize;
                timeline.contents.intern(&data.as_slice()[from..from + len.index()])
            }
            _ => ContentId::ZERO,
        };
        landed.push((CellId(index as u32), content));
    }
    landed
}
