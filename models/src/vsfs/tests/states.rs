//! Crash states by brute force: every subset of the writes in flight, or a sample where there are too many.

use super::*;
use crashcheck::trace::{Event, Image, Trace};
use crashcheck::{Recording, Window};
use std::collections::BTreeSet;

/// A state that a crash may leave, and what the crash points that can leave it allow.
pub(super) struct CrashState {
    pub(super) image: Image,
    /// How many writes were in flight.
    pub(super) in_flight: usize,
    /// Which of them survived.
    pub(super) survived: Vec<String>,
    pub(super) windows: Vec<Window>,
}

impl CrashState {
    pub(super) fn disk(&self) -> Disk {
        on(&self.image)
    }
}

/// A plain disk with that content.
pub(super) fn on(image: &Image) -> Disk {
    Disk::plain(&[Device { name: "disk".into(), block: Bytes(4096), base: image.clone() }])
}

/// Complete up to this many writes in flight.
const COMPLETE: usize = 9;

/// The crash states of a trace, epoch by epoch.
pub(super) fn crash_states(trace: &Trace, mut visit: impl FnMut(CrashState)) {
    let mut durable = trace.devices[0].base.clone();
    let mut start = 0;
    for end in 0..=trace.events.len() {
        if end < trace.events.len() && !matches!(trace.events[end], Event::Flush { .. }) {
            continue;
        }
        let writes: Vec<usize> =
            (start..end).filter(|index| matches!(trace.events[*index], Event::Write { .. })).collect();
        for subset in subsets(writes.len()) {
            let survived: Vec<usize> = subset.into_iter().map(|index| writes[index]).collect();
            let mut image = durable.clone();
            survived.iter().for_each(|index| apply(&mut image, &trace.events[*index]));
            let first = survived.last().map_or(start, |last| last + 1);
            let windows = (first..=end).map(|point| window(trace, point)).collect::<BTreeSet<_>>();
            let survived = survived.iter().map(|index| label(&trace.events[*index])).collect();
            visit(CrashState {
                image,
                in_flight: writes.len(),
                survived,
                windows: windows.into_iter().collect(),
            });
        }
        writes.iter().for_each(|index| apply(&mut durable, &trace.events[*index]));
        start = end + 1;
    }
}

/// What each write of the epoch that ends with the last flush is.
pub(super) fn last_epoch(recording: &Recording<Vsfs>) -> Vec<String> {
    let events = &recording.trace.events;
    let flush = |event: &Event| matches!(event, Event::Flush { .. });
    let end = events.iter().rposition(flush).expect("a flush");
    let start = events[..end].iter().rposition(flush).map_or(0, |before| before + 1);
    events[start..end].iter().filter(|event| matches!(event, Event::Write { .. })).map(label).collect()
}

fn label(event: &Event) -> String {
    event.label().map_or_else(String::new, |label| label.as_str().to_owned())
}

fn apply(image: &mut Image, event: &Event) {
    if let Event::Write { at, data, .. } = event {
        image.write(*at, data.as_slice());
    }
}

fn window(trace: &Trace, point: usize) -> Window {
    let mut window = Window { durable: 0, begun: 0 };
    for event in &trace.events[..point] {
        match event {
            Event::Begin { op, .. } => window.begun = op.index() + 1,
            Event::Ack { op, durable: true } => window.durable = op.index() + 1,
            _ => {}
        }
    }
    window
}

fn subsets(count: usize) -> Vec<Vec<usize>> {
    if count <= COMPLETE {
        let members = |mask: u64| (0..count).filter(move |index| mask >> index & 1 == 1).collect();
        return (0..1 << count).map(members).collect();
    }
    let mut subsets = vec![(0..count).collect::<Vec<_>>()];
    for index in 0..count {
        subsets.extend([
            vec![index],
            (0..index).collect(),
            (0..count).filter(|other| *other != index).collect(),
        ]);
    }
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut coin = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 63 == 1
    };
    subsets.extend((0..200).map(|_| (0..count).filter(|_| coin()).collect::<Vec<_>>()));
    subsets
}

/// The same trace on a device that keeps only sectors whole: each write in pieces, as far as they change anything.
pub(super) fn torn(trace: &Trace) -> Trace {
    const SECTOR: usize = 512;
    let mut image = trace.devices[0].base.clone();
    let mut events = Vec::new();
    for event in &trace.events {
        let Event::Write { device, at, data, fua, label } = event else {
            events.push(event.clone());
            continue;
        };
        for (index, piece) in data.as_slice().chunks(SECTOR).enumerate() {
            let at = *at + Bytes::of(index * SECTOR);
            let mut before = vec![0; piece.len()];
            image.read(at, &mut before);
            if before != piece {
                let (device, data, fua, label) = (*device, piece.into(), *fua, label.clone());
                events.push(Event::Write { device, at, data, fua, label });
            }
        }
        apply(&mut image, event);
    }
    Trace { devices: trace.devices.clone(), events }
}
