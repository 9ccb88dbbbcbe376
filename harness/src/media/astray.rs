//! Writes that went wrong without a word: the device acknowledged and flushed them, and they are not where they should be.
//!
//! A *lost* write never reached the medium: its place holds what it held before. A *misdirected* one reached another
//! place: the same range of a neighbouring block, or of the next ones if it is longer than a block; or the same place on
//! the next of several devices. The place it was meant for holds what it held before, and what was there is gone.
//!
//! What lands elsewhere lands when it is issued: over what was written there before, also if that is still in flight.
//!
//! Only writes that are durable go wrong here: one in flight that is lost is an ordinary crash state. Each of them is a
//! [flag](super::flag) in the group of faults, asked for when a cell is looked at that would show it. Nobody sees the flag
//! itself, only what the cell holds because of it.
//!
//! Where nothing overtakes, a write that changes nothing is no step of its own, so that what landed before it and would
//! show without it is not met; profiles with silent faults leave the order open.

use super::cell::{Atom, AtomId, Cell, CellId};
use super::contents::ContentId;
use super::landing::landing_of;
use super::layout::Layout;
use super::silent::{Effect, Mark, Silent, Site};
use crate::choice::Question;
use crashcheck_trace::{Bytes, DeviceId, Event, Trace};
use std::ops::Range;

impl Silent {
    /// Finds the writes of a trace that can go wrong; their flags are the cells from `first`.
    pub(super) fn new(layout: &mut Layout, trace: &Trace, first: CellId) -> Silent {
        let faults = layout.profile.faults.clone();
        let mut silent = Silent::default();
        for nth in (0..layout.atoms.len() as u32).rev() {
            let (id, atom) = (AtomId(nth), &layout.atoms[nth as usize]);
            let (event, unit, device) = (atom.event, atom.unit, atom.device);
            let is_write =
                matches!(trace.events[event.index()], Event::Write { .. } | Event::WriteZeroes { .. });
            let (Some(from), Some(to)) = (atom.cells.first(), atom.cells.last()) else { continue };
            if !is_write || layout.lines[device.index()].length.is_some() {
                continue;
            }
            let (from, to) = (&layout.cells[from.0 as usize], &layout.cells[to.0 as usize]);
            let (at, len) = (from.start, to.start + to.len - from.start);
            if faults.lost_write {
                let question = Question::WriteLost { event, unit };
                silent.add(layout, first, id, question, &[]);
            }
            for landing in faults.landings() {
                let Some(place) = landing_of(&trace.devices, device, (at, len), landing) else { continue };
                if layout.lines[place.0.index()].length.is_some() {
                    continue;
                }
                let question = Question::Misdirected { event, unit, landing };
                let landed = landed(layout, trace, id, place, place.1.0.wrapping_sub(at.0));
                silent.add(layout, first, id, question, &landed);
            }
        }
        silent
    }

    fn add(
        &mut self,
        layout: &Layout,
        first: CellId,
        atom: AtomId,
        question: Question,
        landed: &[(CellId, ContentId)],
    ) {
        let flag = CellId(first.0 + self.sites.len() as u32);
        let missing = layout.atoms[atom.0 as usize].cells.iter().map(|cell| (*cell, Effect::Missing));
        let landed_there = landed.iter().map(|(cell, content)| (*cell, Effect::Landed(*content)));
        for (cell, effect) in missing.chain(landed_there) {
            self.marks.entry(cell).or_default().push(Mark { atom, flag, effect });
        }
        let open = layout.shows(atom, landed.iter().map(|(cell, _)| *cell));
        self.sites.push(Site { question, flag, open });
    }
}

impl Layout {
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
}

/// The cells that a write lands on, and what they hold then.
fn landed(
    layout: &mut Layout,
    trace: &Trace,
    atom: AtomId,
    (device, start): (DeviceId, Bytes),
    shift: u64,
) -> Vec<(CellId, ContentId)> {
    let atom = &layout.atoms[atom.0 as usize];
    let event = atom.event;
    let len: u64 = atom.cells.iter().map(|cell| layout.cells[cell.0 as usize].len.0).sum();
    let mut landed = Vec::new();
    for index in layout.cells_of(device, start, Bytes(len)) {
        let (at, len) = (layout.cells[index].start, layout.cells[index].len);
        let content = match &trace.events[event.index()] {
            Event::Write { at: written, data, .. } => {
                let from = (at.0.wrapping_sub(shift) - written.0) as usize;
                layout.contents.intern(&data.as_slice()[from..from + len.index()])
            }
            Event::WriteZeroes { .. }
            | Event::Discard { .. }
            | Event::Resize { .. }
            | Event::Names { .. }
            | Event::Program { .. }
            | Event::Erase { .. }
            | Event::Flush { .. }
            | Event::FlushFailed { .. }
            | Event::Begin { .. }
            | Event::Ack { .. }
            | Event::Mark { .. }
            | Event::Send { .. }
            | Event::Deliver { .. }
            | Event::Down { .. }
            | Event::Up { .. } => ContentId::ZERO,
        };
        landed.push((CellId(index as u32), content));
    }
    landed
}
