//! A trace of which a part never happened, and a part had happened long before.

use crate::profile::Discard;
use crashcheck_trace::files::NameChange;
use crashcheck_trace::{Bytes, Device, DeviceId, DeviceKind, Event, EventId, Reach, Trace};

/// What becomes of an event in a smaller trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is still there.
    Kept,
    /// It had happened, and was durable, before the smaller trace begins.
    Folded,
    /// It never happened.
    LeftOut,
}

/// A smaller trace.
#[derive(Clone, Debug)]
pub(crate) struct Smaller {
    pub(crate) trace: Trace,
    /// Which events of the larger one are left.
    pub(crate) kept: Vec<EventId>,
}

impl Smaller {
    /// The same devices before anything happens to them.
    pub(super) fn beginning(&self) -> Trace {
        let leading = self.trace.events.iter().take_while(|event| event.device().is_none());
        Trace { devices: self.trace.devices.clone(), events: leading.cloned().collect() }
    }
}

/// Whether an event changes what a device holds, or how long it is: the others follow from those that are kept.
pub(super) fn changes(event: &Event) -> bool {
    event.ranges().next().is_some() || matches!(event, Event::Resize { .. })
}

/// A trace whose first events had happened, and were durable, before it begins. `None` if there is no such trace.
pub(crate) fn begun_after(trace: &Trace, events: usize, discard: Discard) -> Option<Smaller> {
    let fate = |index| if index < events { Fate::Folded } else { Fate::Kept };
    smaller(trace, &(0..trace.events.len()).map(fate).collect::<Vec<_>>(), discard)
}

/// The first events of a trace, each with its fate. A flush is kept if it makes durable what is kept, so that whatever
/// can happen to the smaller trace could happen to the larger one. Of the marks those are kept that say how far the
/// workload is. `None` if there is no such trace.
pub(super) fn smaller(trace: &Trace, fates: &[Fate], discard: Discard) -> Option<Smaller> {
    let mut builder = Builder::new(trace);
    for (index, (event, fate)) in trace.events.iter().zip(fates).enumerate() {
        match event {
            Event::Flush { device, except, reach } => builder.flush(index, (*device, *reach), except),
            Event::FlushFailed { .. } => builder.keep(index),
            Event::Begin { .. } | Event::Ack { .. } => builder.marks.push(index),
            Event::Write { .. }
            | Event::WriteZeroes { .. }
            | Event::Discard { .. }
            | Event::Resize { .. }
            | Event::Program { .. }
            | Event::Erase { .. }
            | Event::Names { .. } => match fate {
                Fate::Kept => builder.keep(index),
                Fate::Folded => builder.fold(event, discard)?,
                Fate::LeftOut => {}
            },
            Event::Mark { .. }
            | Event::Send { .. }
            | Event::Deliver { .. }
            | Event::Down { .. }
            | Event::Up { .. } => {}
        }
    }
    builder.finish()
}

/// A smaller trace as it grows.
struct Builder<'a> {
    from: &'a Trace,
    devices: Vec<Device>,
    kept: Vec<usize>,
    /// Marks since the last other event that was kept.
    marks: Vec<usize>,
    /// What is kept and not covered by a flush that is kept.
    in_flight: Vec<usize>,
    /// What is kept of what changes a device.
    changes: Vec<usize>,
}

impl<'a> Builder<'a> {
    fn new(from: &'a Trace) -> Self {
        Builder {
            from,
            devices: from.devices.clone(),
            kept: Vec::new(),
            marks: Vec::new(),
            in_flight: Vec::new(),
            changes: Vec::new(),
        }
    }

    fn keep(&mut self, index: usize) {
        self.keep_marks();
        self.kept.push(index);
        self.in_flight.push(index);
        self.changes.push(index);
    }

    fn flush(&mut self, index: usize, (device, reach): (DeviceId, Reach), except: &[EventId]) {
        let events = &self.from.events;
        let covered = |write: &usize| {
            events[*write].device() == Some(device) && !except.contains(&EventId(*write as u32))
        };
        // What an fsync carries of names is for the profile to say.
        let named = |write: &usize| matches!(events[*write], Event::Names { .. });
        if self.in_flight.iter().any(|write| covered(write) || named(write)) {
            // An fdatasync may leave a length behind.
            self.in_flight.retain(|write| reach == Reach::Data || !covered(write));
            self.keep_marks();
            self.kept.push(index);
        }
    }

    /// Of a run of marks: which operation is in progress after it, and which was the last to be durable.
    fn keep_marks(&mut self) {
        let marks = std::mem::take(&mut self.marks);
        let last = |is: &dyn Fn(&Event) -> bool| marks.iter().rposition(|mark| is(&self.from.events[*mark]));
        let begun = last(&|event| matches!(event, Event::Begin { .. }));
        let done = last(&|event| matches!(event, Event::Ack { .. }));
        let durable = last(&|event| matches!(event, Event::Ack { durable: true, .. }));
        let is_kept = |place: usize| {
            [begun, durable].contains(&Some(place))
                || (done == Some(place) && begun.is_none_or(|begun| begun < place))
        };
        self.kept.extend((0..marks.len()).filter(|place| is_kept(*place)).map(|place| marks[place]));
    }

    /// Makes an event part of what the devices held at the beginning. What is kept from before it must not be there to
    /// undo it.
    fn fold(&mut self, event: &Event, discard: Discard) -> Option<()> {
        if let Event::Names { changes, .. } = event {
            return self.fold_names(changes);
        }
        let device = event.device()?;
        let events = &self.from.events;
        let earlier = self.changes.iter().map(|index| &events[*index]);
        let earlier: Vec<&Event> = earlier.filter(|earlier| earlier.device() == Some(device)).collect();
        let to = &mut self.devices[device.index()];
        if let Event::Resize { len, .. } = event {
            let resized = earlier.iter().any(|earlier| matches!(earlier, Event::Resize { .. }));
            if resized || (*len < to.base.len() && !earlier.is_empty()) {
                return None;
            }
            to.base.resize(*len);
            return Some(());
        }
        let (_, at, len) = event.range()?;
        let end = at + len;
        if to.base.len() < end {
            // It makes a file longer, which nothing from before may do again or undo.
            (to.is_file() && earlier.is_empty()).then(|| to.base.resize(end))?;
        }
        if earlier.iter().any(|earlier| undoes(earlier, at, end)) {
            return None;
        }
        match event {
            Event::Write { data, .. } | Event::Program { data, .. } => to.base.write(at, data.as_slice()),
            Event::WriteZeroes { .. } => to.base.zero(at, len),
            Event::Discard { .. } => match discard {
                Discard::Old => {}
                Discard::Zero => to.base.zero(at, len),
                Discard::Garbage => return None,
            },
            Event::Erase { .. } => erase(to, at, len),
            Event::Resize { .. }
            | Event::Names { .. }
            | Event::Flush { .. }
            | Event::FlushFailed { .. }
            | Event::Begin { .. }
            | Event::Ack { .. }
            | Event::Mark { .. }
            | Event::Send { .. }
            | Event::Deliver { .. }
            | Event::Down { .. }
            | Event::Up { .. } => return None,
        }
        Some(())
    }

    /// The same for names: nothing that is kept from before may change one of them.
    fn fold_names(&mut self, changes: &[NameChange]) -> Option<()> {
        let mut kept = self.changes.iter().flat_map(|index| self.from.events[*index].ranges());
        let is_changed = |range| changes.iter().any(|change| change.range() == range);
        if kept.any(is_changed) {
            return None;
        }
        for change in changes {
            let (directory, at, _) = change.range();
            self.devices[directory.index()].base.write(at, &change.to_bytes());
        }
        Some(())
    }

    fn finish(mut self) -> Option<Smaller> {
        self.keep_marks();
        let position = |event: EventId| self.kept.binary_search(&event.index()).ok();
        let number = |event| position(event).map(|place| EventId(place as u32));
        let events = self.kept.iter().map(|index| self.from.events[*index].renumbered(number)).collect();
        let trace = Trace { events, devices: self.devices };
        trace.validate().ok()?;
        Some(Smaller { trace, kept: self.kept.into_iter().map(|index| EventId(index as u32)).collect() })
    }
}

/// Whether an event that comes after it would undo a range that was folded.
fn undoes(earlier: &Event, at: Bytes, end: Bytes) -> bool {
    match earlier {
        Event::Resize { len, .. } => *len < end,
        other @ (Event::Write { .. }
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
        | Event::Up { .. }) => other.range().is_some_and(|(_, from, len)| from < end && at < from + len),
    }
}

/// Erases a block of a flash chip, which wears it out a little.
fn erase(device: &mut Device, at: Bytes, len: Bytes) {
    device.base.write(at, &vec![0xFF; len.index()]);
    if let DeviceKind::Nand(chip) = &mut device.kind {
        let block = chip.geometry.block_with(at);
        let erases = chip.erases_of(block).saturating_add(1);
        chip.erases.insert(block, erases);
    }
}
