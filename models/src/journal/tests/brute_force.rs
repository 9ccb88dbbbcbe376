//! Crash states without the engine: subsets of the writes in flight, applied to a plain image, one by one.

use super::super::*;
use crashcheck::trace::{Event, Image};
use crashcheck::{Recording, Window, record};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Up to so many writes in flight every subset is tried; beyond, those that lack or hold up to two, and the prefixes.
const ALL_SUBSETS_MAX: usize = 9;

/// A system that begins on a given image instead of a freshly formatted one, to record its recovery.
struct Resumed<V>(Journal<V>, Image);

impl<V: Variant> System for Resumed<V> {
    type Op = FsOp;
    type Live = Mounted;
    type View = View;

    fn devices(&self) -> Vec<Device> {
        device(self.1.clone())
    }

    fn open(&self, disk: Disk) -> Result<Mounted> {
        self.0.open(disk)
    }

    fn apply(&self, live: &mut Mounted, op: &FsOp) -> Result<Ack> {
        self.0.apply(live, op)
    }

    fn view(&self, live: &mut Mounted) -> Result<View> {
        self.0.view(live)
    }

    fn model(&self, view: &mut View, op: &FsOp) {
        self.0.model(view, op);
    }
}

fn device(base: Image) -> Vec<Device> {
    vec![Device { name: "disk".into(), block: Bytes::of(BLOCK_SIZE), base }]
}

/// What may be lost on its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Write,
    /// Sectors of writes that are not whole blocks.
    Sector,
}

/// A write, and the number of the event it came from.
type Piece = (usize, Bytes, Vec<u8>);

fn pieces(event: usize, at: Bytes, data: &[u8], unit: Unit) -> Vec<Piece> {
    let size = if unit == Unit::Sector && data.len() < BLOCK_SIZE { format::SECTOR } else { data.len() };
    (0..)
        .zip(data.chunks(size))
        .map(|(n, part)| (event, at + Bytes(n * size as u64), part.to_vec()))
        .collect()
}

/// A crash state: the image, and the events after which it can be found.
pub(super) struct CrashState {
    pub(super) image: Image,
    points: std::ops::RangeInclusive<usize>,
}

/// Calls back with crash states of a trace, epoch by epoch, until the callback returns something.
fn crash_states<T>(
    base: &Image,
    events: &[Event],
    unit: Unit,
    mut found: impl FnMut(CrashState) -> Option<T>,
) -> Option<T> {
    let mut durable = base.clone();
    let mut flight: Vec<Piece> = Vec::new();
    let mut start = 0;
    for index in 0..=events.len() {
        match events.get(index) {
            Some(Event::Write { at, data, .. }) => flight.extend(pieces(index, *at, data.as_slice(), unit)),
            Some(Event::Flush { .. }) | None => {
                for subset in subsets(flight.len()) {
                    let mut image = durable.clone();
                    let kept = || subset.iter().map(|piece| &flight[*piece]);
                    kept().for_each(|(_, at, data)| image.write(*at, data));
                    let first = kept().map(|(event, ..)| event + 1).max().unwrap_or(start);
                    if let Some(result) = found(CrashState { image, points: first..=index }) {
                        return Some(result);
                    }
                }
                flight.drain(..).for_each(|(_, at, data)| durable.write(at, &data));
                start = index + 1;
            }
            Some(_) => {}
        }
    }
    None
}

fn subsets(count: usize) -> Vec<Vec<usize>> {
    let all = || (0..count).collect::<Vec<_>>();
    if count <= ALL_SUBSETS_MAX {
        let members = |mask: usize| all().into_iter().filter(|piece| mask >> piece & 1 == 1).collect();
        return (0..1 << count).map(members).collect();
    }
    let pairs = || (0..count).flat_map(|a| (a..count).map(move |b| [a, b]));
    let lacking = |pair: [usize; 2]| all().into_iter().filter(|piece| !pair.contains(piece)).collect();
    let holding = |[a, b]: [usize; 2]| if a == b { vec![a] } else { vec![a, b] };
    let prefixes = (0..=count).map(|end| (0..end).collect());
    pairs().map(lacking).chain(pairs().map(holding)).chain(prefixes).collect()
}

/// What a crash after so many events allows.
fn window(events: &[Event], point: usize) -> Window {
    let mut window = Window { durable: 0, begun: 0 };
    for event in &events[..point] {
        match event {
            Event::Begin { op, .. } => window.begun = op.index() + 1,
            Event::Ack { op, durable: true } => window.durable = op.index() + 1,
            _ => {}
        }
    }
    window
}

/// Recovers an image and judges it for every crash that can leave it.
fn verdict<V: Variant>(
    system: &Journal<V>,
    recording: &Recording<Journal<V>>,
    state: CrashState,
) -> Option<Violation> {
    let run = || -> std::result::Result<View, Violation> {
        let failed = |promise: &'static str| {
            move |error: crashcheck::Error| Violation::new(promise, error.to_string())
        };
        let mut live = system.open(Disk::plain(&device(state.image))).map_err(failed("recovers"))?;
        system.check(&mut live).map_err(failed("well-formed"))?;
        system.view(&mut live).map_err(failed("recovers"))
    };
    let view = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(view)) => view,
        Ok(Err(violation)) => return Some(violation),
        Err(_) => return Some(Violation::new("recovers", "panics")),
    };
    let windows = state.points.map(|point| window(&recording.trace.events, point));
    let judge = |window| {
        let history = History { ops: &recording.ops, states: &recording.states, window };
        system.judge(&view, &history).err()
    };
    let mut windows: Vec<Window> = windows.collect();
    windows.dedup();
    windows.into_iter().find_map(judge)
}

/// The first broken promise of a workload, if there is one.
pub(super) fn first_violation<V: Variant>(
    system: &Journal<V>,
    ops: Vec<FsOp>,
    unit: Unit,
    nested: bool,
) -> Option<Violation> {
    let recording = record(system, ops).unwrap_or_else(|error| panic!("{error}"));
    let base = &recording.trace.devices[0].base;
    crash_states(base, &recording.trace.events, unit, |state| {
        if !nested {
            return verdict(system, &recording, state);
        }
        let recovery = record(&Resumed(*system, state.image.clone()), Vec::new()).ok()?;
        crash_states(&state.image, &recovery.trace.events, unit, |second| {
            verdict(system, &recording, CrashState { points: state.points.clone(), ..second })
        })
    })
}
