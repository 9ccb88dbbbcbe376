//! Flushes that fail while a workload is recorded.
//!
//! What a system does after an error is in no other recording. So it is asked of choices of its own, at each flush, whether that one
//! fails, until one has: which recording it is has a path as every crash state has one. What the error leaves in flight
//! is in the trace, and decided with the crash state.

use crate::choice::{Choices, Path, Question};
use crashcheck_trace::{DeviceId, Event, EventId, Image, Trace};
use std::collections::BTreeSet;

/// Which flush of a recording fails.
pub(super) struct Failing {
    choices: Choices,
    failed: Option<Failed>,
}

/// How a flush has failed.
#[derive(Clone, Copy)]
struct Failed {
    device: DeviceId,
    /// Every later flush of the device fails as well.
    lasts: bool,
    drops: bool,
}

/// What a failed flush did with what was in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// It reads as written, and is on the medium or not.
    Kept,
    /// It reads as before, and so does the medium.
    Dropped,
}

impl Failing {
    pub(super) fn new(choices: Choices) -> Failing {
        Failing { choices, failed: None }
    }

    /// What was asked and answered.
    pub(super) fn path(&self) -> &Path {
        self.choices.path()
    }

    /// Whether the flush fails that is this event, while something is in flight that can be dropped or not.
    pub(super) fn ask(&mut self, event: EventId, device: DeviceId, drops: bool) -> Option<Lost> {
        if self.failed.is_none() {
            self.failed = match self.choices.ask(Question::FlushFailed { event, drops }) {
                0 => return None,
                answer => Some(Failed { device, lasts: answer % 2 == 0, drops: answer > 2 }),
            };
        } else if !self.failed.is_some_and(|failed| failed.lasts && failed.device == device) {
            return None;
        }
        let dropped = drops && self.failed.is_some_and(|failed| failed.drops);
        Some(if dropped { Lost::Dropped } else { Lost::Kept })
    }
}

/// What a flush of a device would make durable now, in the order of issue.
pub(super) fn in_flight(trace: &Trace, device: DeviceId) -> Vec<EventId> {
    let mut writes: Vec<EventId> = Vec::new();
    for (id, event) in
        (0..).map(EventId).zip(&trace.events).filter(|(_, event)| event.device() == Some(device))
    {
        match event {
            Event::Flush { .. } => writes.clear(),
            Event::FlushFailed { writes: lost, .. } => {
                writes.retain(|write| lost.binary_search(write).is_err());
            }
            Event::Write { fua: None, .. }
            | Event::WriteZeroes { fua: None, .. }
            | Event::Discard { .. }
            | Event::Resize { .. }
            | Event::Names { .. } => writes.push(id),
            Event::Write { .. }
            | Event::WriteZeroes { .. }
            | Event::Program { .. }
            | Event::Erase { .. }
            | Event::Begin { .. }
            | Event::Ack { .. }
            | Event::Mark { .. }
            | Event::Send { .. }
            | Event::Deliver { .. }
            | Event::Down { .. }
            | Event::Up { .. } => {}
        }
    }
    writes
}

/// What a device reads as without what it has dropped. A length is not dropped, and a discarded range reads as it did.
pub(super) fn without_dropped(trace: &Trace, device: DeviceId) -> Image {
    let dropped = trace.events.iter().filter_map(|event| {
        let Event::FlushFailed { device: of, writes, dropped: true } = event else { return None };
        (*of == device).then_some(writes)
    });
    let dropped: BTreeSet<EventId> = dropped.flatten().copied().collect();
    let mut image = trace.devices[device.index()].base.clone();
    for (id, event) in
        (0..).map(EventId).zip(&trace.events).filter(|(_, event)| event.device() == Some(device))
    {
        if let Some((_, at, len)) = event.range() {
            // A write has made a file longer.
            image.resize(image.len().max(at + len));
        }
        match event {
            Event::Resize { len, .. } => image.resize(*len),
            Event::Write { at, data, .. } if !dropped.contains(&id) => image.write(*at, data.as_slice()),
            Event::WriteZeroes { at, len, .. } if !dropped.contains(&id) => image.zero(*at, *len),
            Event::Write { .. }
            | Event::WriteZeroes { .. }
            | Event::Discard { .. }
            | Event::Program { .. }
            | Event::Erase { .. }
            | Event::Names { .. }
            | Event::Flush { .. }
            | Event::FlushFailed { .. }
            | Event::Begin { .. }
            | Event::Ack { .. }
            | Event::Mark { .. }
            | Event::Send { .. }
            | Event::Deliver { .. }
            | Event::Down { .. }
            | Event::Up { .. } => {}
        }
    }
    image
}
