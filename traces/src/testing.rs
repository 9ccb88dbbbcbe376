//! Arbitrary traces, for the tests of every format.

use crate::{Bytes, Device, DeviceId, Event, EventId, Image, Label, OpId, Payload, Trace};
use proptest::prelude::*;

/// The raw material of an event: numbers that [`build`] bends until they fit.
type Seed = (u8, u16, u32, u32, u8, bool);

const TEXTS: [&str; 4] = ["rename /a /b", "", "mkdir \u{00fc}\n", "begin 3 deep"];

/// Traces of up to three devices with every kind of event.
pub(crate) fn any_trace() -> impl Strategy<Value = Trace> {
    let device = (prop_oneof![Just(1u64), Just(512), Just(4096)], 0u64..70_000, any::<u8>());
    let devices = prop::collection::vec(device, 0..4);
    let seeds = prop::collection::vec(any::<Seed>(), 0..40);
    (devices, seeds).prop_map(|(devices, seeds)| {
        let devices = devices.into_iter().map(|(block, len, fill)| any_device(block, len, fill)).collect();
        build(devices, &seeds, 1, 8)
    })
}

/// Traces of one disk with aligned events and without a change of length: what other formats can say too.
pub(crate) fn any_disk_trace(block: u64) -> impl Strategy<Value = Trace> {
    let seeds = prop::collection::vec(any::<Seed>(), 0..40);
    (1u64..17, any::<u8>(), seeds).prop_map(move |(blocks, fill, seeds)| {
        build(vec![any_device(block, blocks * block, fill)], &seeds, block, 7)
    })
}

fn any_device(block: u64, len: u64, fill: u8) -> Device {
    let mut base = Image::zeroed(Bytes(len));
    if fill > 100 && len > 9000 {
        base.write(Bytes(4096 * u64::from(fill % 2)), &[fill; 4904]);
        base.write(Bytes(len - 3), &[fill; 3]);
    }
    Device { name: format!("disk {fill}"), block: Bytes(block), base, node: None }
}

fn build(devices: Vec<Device>, seeds: &[Seed], align: u64, kinds: u8) -> Trace {
    let mut lens: Vec<u64> = devices.iter().map(|device| device.base.len().0).collect();
    let mut trace = Trace { devices, events: Vec::new() };
    for seed in seeds {
        let event = event(seed, &mut lens, align, kinds, &trace.events);
        trace.events.extend(event);
    }
    trace.validate().expect("a valid trace");
    trace
}

fn event(seed: &Seed, lens: &mut [u64], align: u64, kinds: u8, before: &[Event]) -> Option<Event> {
    let (kind, device, at, len, fill, flag) = *seed;
    let op = OpId(u32::from(fill));
    let text = TEXTS[usize::from(fill) % TEXTS.len()].to_owned();
    match kind % kinds {
        0 => return Some(Event::Begin { op, text }),
        1 => return Some(Event::Ack { op, durable: flag }),
        2 => return Some(Event::Mark { text }),
        _ if lens.is_empty() => return None,
        _ => {}
    }
    let index = usize::from(device) % lens.len();
    let device = DeviceId(index as u16);
    let (at, len) = range(lens[index], u64::from(at), u64::from(len), align);
    let label = (fill % 3 == 0).then(|| Label::from(["metadata", "commit"][usize::from(fill % 2)]));
    Some(match kind % kinds {
        3 => Event::Flush { device, except: except(before, device, fill) },
        4 => Event::WriteZeroes { device, at, len, fua: flag, label },
        5 => Event::Discard { device, at, len },
        7 => {
            lens[index] = u64::from(fill) * 300;
            Event::Resize { device, len: Bytes(lens[index]) }
        }
        _ => Event::Write { device, at, data: content(len, fill), fua: flag, label },
    })
}

fn range(size: u64, at: u64, len: u64, align: u64) -> (Bytes, Bytes) {
    let blocks = size / align;
    let at = at % (blocks + 1);
    let len = len % (blocks - at + 1);
    (Bytes(at * align), Bytes(len * align))
}

/// Some of the volatile writes of this device.
fn except(before: &[Event], device: DeviceId, fill: u8) -> Vec<EventId> {
    let volatile =
        |event: &Event| matches!(event, Event::Write { device: on, fua: false, .. } if *on == device);
    let ids = (0u32..).zip(before).filter(|(_, event)| volatile(event)).map(|(id, _)| EventId(id));
    ids.filter(|id| (id.0 + u32::from(fill)).is_multiple_of(5)).collect()
}

fn content(len: Bytes, fill: u8) -> Payload {
    let byte = |index: u64| if fill.is_multiple_of(2) { fill } else { (index / 100) as u8 ^ fill };
    Payload::from((0..len.0).map(byte).collect::<Vec<u8>>())
}
