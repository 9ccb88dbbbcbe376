//! Which events a picture shows, and in what words.

use super::Sketch;
use crashcheck_outcome::{EventKind, Gap, PictureEvent, Step};
use crashcheck_trace::{Event, EventId};
use std::collections::BTreeSet;

/// So many events are shown at most, but for runs of a few between them.
const EVENTS: usize = 120;

/// A trace of so many events is shown whole.
const SMALL: usize = 40;

/// So many of those that are marked, of those that make the state unusual, and of those that belong to operations.
const PART: usize = 30;

/// Runs of up to so many events are not worth a gap.
const SHORT: u32 = 2;

impl Sketch<'_> {
    /// The events that are shown.
    pub(super) fn choose(&self, marked: &[u32]) -> BTreeSet<u32> {
        let all = self.painter.teller.trace.events.len();
        if all <= SMALL {
            return (0..all as u32).collect();
        }
        let epoch = self.known.epoch();
        let mut shown: BTreeSet<u32> = marked.iter().copied().take(PART).collect();
        shown.extend(self.unusual.iter().rev().take(PART));
        // What ended the epoch before, the crash itself, and what would have ended this one.
        let here = [epoch.from.saturating_sub(1), self.point.saturating_sub(1), self.point, epoch.upto];
        shown.extend(here.map(|event| event as u32));
        let mut more = |event: u32| {
            let room = shown.len() < EVENTS;
            if room {
                shown.insert(event);
            }
            room
        };
        let mut room = self.operations().into_iter().take(PART).all(&mut more);
        // In flight, those nearest to the crash first.
        let timeline = self.painter.timeline;
        let atoms = self.known.in_flight();
        let issued = atoms.iter().rev().map(|atom| timeline.atoms[atom.0 as usize].event);
        let mut issued = issued.filter(|event| event.index() < self.point).map(|event| event.0);
        let mut before = (epoch.from.min(self.point)..self.point).rev().map(|event| event as u32);
        let mut after = (self.point..all.min(epoch.upto + 1)).map(|event| event as u32);
        room = room && issued.all(&mut more) && before.all(&mut more) && after.all(&mut more);
        if room {
            // A few more for the reader to see where this is.
            (self.point.saturating_sub(PART)..epoch.from).rev().all(|event| more(event as u32));
        }
        shown.retain(|event| (*event as usize) < all);
        fill(&shown, all as u32)
    }

    /// The marks of the operation of every event that matters, of the last operations before the crash, and of what comes
    /// next.
    fn operations(&self) -> Vec<u32> {
        let marks = &self.painter.teller.marks;
        let around = |event: usize| {
            let next = marks.partition_point(|(mark, _)| (*mark as usize) < event);
            (next.saturating_sub(1)..marks.len().min(next + 1)).map(|nth| marks[nth].0)
        };
        let crash = marks.partition_point(|(mark, _)| (*mark as usize) < self.point);
        let recent = (crash.saturating_sub(8)..marks.len().min(crash + 2)).map(|nth| marks[nth].0);
        recent.chain(self.unusual.iter().flat_map(|event| around(*event as usize))).collect()
    }

    /// The events that are shown, and the gaps between them.
    pub(super) fn steps(&self, shown: &BTreeSet<u32>) -> Vec<Step> {
        let (mut steps, mut next) = (Vec::new(), 0);
        for event in shown {
            steps.extend(self.gap(next, *event));
            steps.push(Step::Event(self.event(EventId(*event))));
            next = *event + 1;
        }
        steps.extend(self.gap(next, self.painter.teller.trace.events.len() as u32));
        steps
    }

    fn gap(&self, from: u32, upto: u32) -> Option<Step> {
        let counts = &self.painter.counts;
        let ((writes, flushes), (more_writes, more_flushes)) = (counts[from as usize], counts[upto as usize]);
        let gap = Gap {
            from,
            events: u64::from(upto - from),
            writes: u64::from(more_writes - writes),
            flushes: u64::from(more_flushes - flushes),
        };
        (upto > from).then_some(Step::Gap(gap))
    }

    fn event(&self, id: EventId) -> PictureEvent {
        let teller = &self.painter.teller;
        let event = &teller.trace.events[id.index()];
        let places = event.range().map(|(device, at, len)| {
            let block = super::block_len(&teller.trace.devices[device.index()]).0;
            let first = at.0 / block;
            (first, (at.0 + len.0).div_ceil(block) - first)
        });
        PictureEvent {
            event: id.0,
            kind: kind(event),
            what: self.what(id),
            device: event.device().map(|device| device.0),
            first: places.map(|(first, _)| first),
            count: places.map_or(0, |(_, count)| count),
            operation: teller.operation_at(id.index()).map(|op| op.0 + 1),
            fate: self.fate(id),
        }
    }
}

/// The same with the short runs between them.
fn fill(shown: &BTreeSet<u32>, all: u32) -> BTreeSet<u32> {
    let (mut filled, mut next) = (BTreeSet::new(), 0);
    for event in shown.iter().copied().chain([all]) {
        if event - next <= SHORT {
            filled.extend(next..event);
        }
        filled.insert(event);
        next = event + 1;
    }
    filled.remove(&all);
    filled
}

fn kind(event: &Event) -> EventKind {
    match event {
        Event::Write { fua: Some(_), .. } | Event::WriteZeroes { fua: Some(_), .. } => EventKind::WriteFua,
        Event::Write { .. } | Event::WriteZeroes { .. } => EventKind::Write,
        Event::Discard { .. } => EventKind::Discard,
        Event::Resize { .. } => EventKind::Resize,
        Event::Program { .. } => EventKind::Program,
        Event::Erase { .. } => EventKind::Erase,
        Event::Names { .. } => EventKind::Names,
        Event::Flush { .. } => EventKind::Flush,
        Event::FlushFailed { .. } => EventKind::FlushFailed,
        Event::Begin { .. } => EventKind::Begin,
        Event::Ack { durable: true, .. } => EventKind::AckDurable,
        Event::Ack { .. } => EventKind::Ack,
        Event::Send { .. } => EventKind::Send,
        Event::Deliver { .. } => EventKind::Deliver,
        Event::Down { .. } => EventKind::Down,
        Event::Up { .. } => EventKind::Up,
        Event::Mark { .. } => EventKind::Mark,
    }
}
