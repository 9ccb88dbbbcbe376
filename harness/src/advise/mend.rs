//! A trace with flushes put in or taken out.

use crashcheck_trace::{DeviceId, Event, EventId, Reach, Trace};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Where a flush is put in: before the event at this position, of this device.
pub(super) type Flush = (usize, DeviceId);

/// The trace with flushes put in, in order.
pub(super) fn with_flushes(trace: &Trace, flushes: &[Flush]) -> Trace {
    let moved = |event: EventId| EventId(event.0 + count(flushes, event.index()) as u32);
    let mut events = Vec::new();
    for (index, event) in trace.events.iter().enumerate() {
        let here = flushes.iter().filter(|(position, _)| *position == index);
        events.extend(here.map(|(_, device)| Event::flush(*device)));
        events.push(event.renumbered(|event| Some(moved(event))));
    }
    Trace { devices: trace.devices.clone(), events }
}

/// How many flushes are put in before the event at this position.
fn count(flushes: &[Flush], position: usize) -> usize {
    flushes.iter().filter(|(before, _)| *before <= position).count()
}

/// Where an event of the mended trace was before; a flush that was put in is taken for the event after it.
pub(super) fn back(position: usize, flushes: &[Flush]) -> usize {
    (0..=position).rev().find(|before| before + count(flushes, *before) <= position).unwrap_or(0)
}

/// Whether an event is a write that could be marked as durable in itself.
pub(super) fn can_be_fua(trace: &Trace, event: EventId) -> bool {
    matches!(
        trace.events[event.index()],
        Event::Write { fua: None, .. } | Event::WriteZeroes { fua: None, .. }
    )
}

/// The trace with writes marked as durable in themselves.
pub(super) fn with_fua(trace: &Trace, writes: &BTreeSet<EventId>) -> Trace {
    let mut trace = trace.clone();
    for event in writes {
        if let Event::Write { fua, .. } | Event::WriteZeroes { fua, .. } = &mut trace.events[event.index()] {
            *fua = Some(Reach::All);
        }
    }
    trace
}

/// The trace without one of its events.
pub(super) fn without(trace: &Trace, index: usize) -> Trace {
    let number = |event: EventId| match event.index().cmp(&index) {
        Ordering::Less => Some(event),
        Ordering::Equal => None,
        Ordering::Greater => Some(EventId(event.0 - 1)),
    };
    let mut events: Vec<Event> = trace.events.iter().map(|event| event.renumbered(number)).collect();
    events.remove(index);
    Trace { devices: trace.devices.clone(), events }
}
