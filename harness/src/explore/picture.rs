//! A crash state as a drawing: the events around it with what became of them, and what the sectors hold.

mod sectors;
mod steps;
#[cfg(test)]
mod tests;

use super::describe::Teller;
use super::words;
use super::words::nearest;
use crate::choice::{Path, Question};
use crate::media::{AtomFate, Known, Timeline, block_len};
use crate::profile;
use crashcheck_outcome::{Fate, Picture, PictureDevice, Step};
use crashcheck_trace::{DeviceId, Event, EventId, NodeId};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// Of a write of very many units, so many are looked at.
const UNITS: usize = 4096;

/// Draws the crash states of a trace.
pub(super) struct Painter<'a> {
    pub(super) teller: Teller<'a>,
    pub(super) timeline: &'a Timeline,
    /// How many of the first n events write, and how many are flushes.
    counts: Vec<(u32, u32)>,
}

impl<'a> Painter<'a> {
    pub(super) fn new(teller: Teller<'a>, timeline: &'a Timeline) -> Painter<'a> {
        let mut counts = vec![(0, 0)];
        counts.extend(teller.trace.events.iter().scan((0, 0), |(writes, flushes), event| {
            *writes += u32::from(event.range().is_some());
            *flushes += u32::from(matches!(event, Event::Flush { .. }));
            Some((*writes, *flushes))
        }));
        Painter { teller, timeline, counts }
    }

    /// Draws the state that a path leads to, where the power fails after `point` events. The events in `marked` are shown
    /// in any case, as far as there is room.
    pub(super) fn paint(&self, epoch: u32, point: usize, path: &Path, marked: &[u32]) -> Picture {
        let devices = &self.teller.trace.devices;
        let sketch = Sketch::new(self, epoch, point, path);
        let shown = sketch.choose(marked);
        let steps = sketch.steps(&shown);
        let (sectors, more_sectors) = sketch.sectors(&shown);
        let device = |device: &crashcheck_trace::Device| PictureDevice {
            name: device.name.clone(),
            block_bytes: block_len(device).0,
        };
        self.numbered(Picture {
            devices: devices.iter().map(device).collect(),
            events: self.teller.trace.events.len() as u64,
            epochs: self.timeline.epochs.len() as u64,
            epoch,
            crash: point as u32,
            steps,
            sectors,
            more_sectors,
            faults: Vec::new(),
        })
    }

    /// The same with the numbers by which the events are told.
    fn numbered(&self, mut picture: Picture) -> Picture {
        let number = |event: u32| self.teller.number(EventId(event));
        picture.crash = picture.crash.checked_sub(1).map_or(0, |last| number(last) + 1);
        for step in &mut picture.steps {
            match step {
                Step::Event(event) => event.event = number(event.event),
                Step::Gap(gap) => gap.from = number(gap.from),
            }
        }
        for sector in &mut picture.sectors {
            sector.written_by = sector.written_by.map(number);
            sector.lost.iter_mut().for_each(|event| *event = number(*event));
        }
        picture
    }
}

/// A state that is being drawn.
struct Sketch<'a> {
    painter: &'a Painter<'a>,
    known: Known<'a>,
    epoch: u32,
    point: usize,
    /// The events in which the state differs from the nearest end of the tree.
    unusual: BTreeSet<u32>,
    /// The writes that are durable and yet not there.
    astray: Vec<EventId>,
    /// What became of messages.
    messages: FxHashMap<EventId, profile::Fate>,
    /// The nodes that are known to have stayed up, if nodes crash one by one.
    up: Vec<NodeId>,
}

impl<'a> Sketch<'a> {
    fn new(painter: &'a Painter<'a>, epoch: u32, point: usize, path: &Path) -> Sketch<'a> {
        let mut sketch = Sketch {
            painter,
            known: Known::new(painter.timeline, epoch, point, path),
            epoch,
            point,
            unusual: BTreeSet::new(),
            astray: Vec::new(),
            messages: FxHashMap::default(),
            up: Vec::new(),
        };
        let pole = nearest(path);
        for (question, answer) in path.questions.iter().zip(&path.answers) {
            match *question {
                Question::NodeDown { node, .. } if *answer == 0 => sketch.up.push(node),
                Question::Arrived { event, fates, .. } => {
                    _ = sketch.messages.insert(event, fates.of(*answer));
                }
                Question::WriteLost { event, .. } | Question::Misdirected { event, .. } if *answer > 0 => {
                    sketch.astray.push(event);
                }
                _ => {}
            }
            if pole.answer(question) != *answer {
                sketch.unusual.extend(question.event().map(|event| event.0));
            }
        }
        sketch.unusual.extend(sketch.astray.iter().map(|event| event.0));
        sketch
    }

    /// Whether all that was written to a device is there because its node did not go down.
    fn is_up(&self, device: DeviceId) -> bool {
        let owner = self.painter.timeline.wire.owner(device);
        owner.is_some_and(|node| self.up.contains(&node))
    }

    /// What became of an event.
    fn fate(&self, id: EventId) -> Fate {
        let event = &self.painter.teller.trace.events[id.index()];
        if id.index() >= self.point {
            return Fate::NotIssued;
        }
        if let Event::Send { .. } = event {
            return match self.messages.get(&id) {
                None => Fate::Before,
                Some(profile::Fate::Lost) => Fate::Lost,
                Some(_) => Fate::Survived,
            };
        }
        if self.astray.contains(&id) {
            return Fate::Lost;
        }
        let timeline = self.painter.timeline;
        let in_flight = |atom| timeline.is_in_flight(atom, self.epoch);
        let mut atoms = timeline.atoms_of(id).take(UNITS).filter(|atom| in_flight(*atom)).peekable();
        if atoms.peek().is_none() {
            return Fate::Before;
        }
        if event.device().is_some_and(|device| self.is_up(device)) {
            return Fate::Survived;
        }
        let fates: BTreeSet<Fate> = atoms.filter_map(|atom| self.known.fate(atom)).map(fate).collect();
        match (fates.contains(&Fate::Garbled), fates.contains(&Fate::Survived), fates.contains(&Fate::Lost)) {
            (true, ..) => Fate::Garbled,
            (_, true, true) => Fate::Torn,
            (_, true, false) => Fate::Survived,
            (_, false, true) => Fate::Lost,
            (_, false, false) => Fate::Unread,
        }
    }

    /// An event in words; of a message also what became of it.
    fn what(&self, id: EventId) -> String {
        let what = self.painter.teller.event(id);
        match self
            .messages
            .get(&id)
            .filter(|fate| **fate != profile::Fate::Arrived && id.index() < self.point)
        {
            Some(fate) => format!("{what}: {}", words::fate(*fate)),
            None => what,
        }
    }
}

fn fate(fate: AtomFate) -> Fate {
    match fate {
        AtomFate::Survived => Fate::Survived,
        AtomFate::Lost => Fate::Lost,
        AtomFate::Garbled => Fate::Garbled,
    }
}
