//! Disks with a given content, and the last epoch of a recording.

use super::*;
use crashcheck::Recording;
use crashcheck::trace::{Event, Image};

/// A plain disk with that content.
pub(super) fn on(image: &Image) -> Disk {
    Disk::plain(&[Device::block("disk", Bytes(4096), image.clone())])
}

/// What the last flush made durable.
pub(super) struct LastEpoch {
    before: Image,
    writes: Vec<Event>,
}

impl LastEpoch {
    pub(super) fn of(recording: &Recording<Vsfs>) -> LastEpoch {
        let events = &recording.trace.events;
        let flush = |event: &Event| matches!(event, Event::Flush { .. });
        let end = events.iter().rposition(flush).expect("a flush");
        let start = events[..end].iter().rposition(flush).map_or(0, |before| before + 1);
        let mut before = recording.trace.devices[0].base.clone();
        events[..start].iter().for_each(|event| apply(&mut before, event));
        let write = |event: &&Event| matches!(event, Event::Write { .. });
        LastEpoch { before, writes: events[start..end].iter().filter(write).cloned().collect() }
    }

    /// What each of its writes is, sorted.
    pub(super) fn labels(&self) -> Vec<String> {
        let mut labels: Vec<String> = self.writes.iter().map(label).collect();
        labels.sort();
        labels
    }

    /// The disk after a crash that only the writes with these labels survived.
    pub(super) fn surviving(&self, labels: &[&str]) -> Disk {
        let mut image = self.before.clone();
        let survived = self.writes.iter().filter(|event| labels.contains(&label(event).as_str()));
        survived.for_each(|event| apply(&mut image, event));
        on(&image)
    }
}

fn label(event: &Event) -> String {
    event.label().map_or_else(String::new, |label| label.as_str().to_owned())
}

fn apply(image: &mut Image, event: &Event) {
    if let Event::Write { at, data, .. } = event {
        image.write(*at, data.as_slice());
    }
}
