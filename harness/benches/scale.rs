//! What the layout and the count of a trace cost where one thing or another is plenty: `cargo bench -p crashcheck --bench
//! scale`. That the steps grow with the trace and not faster is tested in `harness/src/media/scale.rs`.

use crashcheck::trace::{Event, Payload, Reach, Trace};
use crashcheck::{Bytes, Device, DeviceId, Profile, census};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const SECTOR: u64 = 512;
/// So many events, about.
const MANY: u64 = 2000;

fn write(device: u16, sector: u64, sectors: u64, seed: u64, fua: bool) -> Event {
    let mut data = vec![7; (sectors * SECTOR) as usize];
    data[..8].copy_from_slice(&(seed + 1).to_le_bytes());
    let (device, at) = (DeviceId(device), Bytes(sector * SECTOR));
    Event::Write { device, at, data: Payload::from(data), fua: fua.then_some(Reach::All), label: None }
}

fn flush() -> Event {
    Event::flush(DeviceId(0))
}

fn zeroes(sector: u64) -> Event {
    let (device, at, len) = (DeviceId(0), Bytes(sector * SECTOR), Bytes(SECTOR));
    Event::WriteZeroes { device, at, len, fua: None, label: None }
}

/// The traces, each with the profile under which it is counted.
fn rows() -> Vec<(&'static str, &'static str, Vec<Event>)> {
    let waiting = (0..MANY).map(|nth| write(0, nth, 1, nth, nth >= MANY / 2));
    let two_devices =
        (0..MANY / 3).flat_map(|nth| [write(0, nth, 1, nth, false), write(1, nth, 1, nth, false), flush()]);
    let epochs =
        (0..MANY).map(|nth| if nth % 11 == 10 { flush() } else { write(0, 13 * nth % 997, 1, nth, false) });
    let over_all = (0..MANY).map(|nth| write(0, nth, 1, nth, false)).chain([write(0, 0, MANY, MANY, false)]);
    vec![
        ("writes that wait, then durable ones", "reorder", waiting.collect()),
        ("one of two devices is flushed", "reorder", two_devices.collect()),
        ("many epochs", "reorder", epochs.collect()),
        ("one sector", "reorder", (0..MANY).map(|nth| write(0, 0, 1, nth, false)).collect()),
        ("overlaps in part", "reorder", (0..MANY).map(|nth| write(0, nth, 2, nth, false)).collect()),
        ("one write over many", "reorder", over_all.collect()),
        ("zeroes", "reorder", (0..MANY).map(zeroes).collect()),
        ("any fault of one write", "any-fault", vec![write(0, 0, MANY, 0, false)]),
    ]
}

fn scale(c: &mut Criterion) {
    let mut group = c.benchmark_group("scale");
    group.sample_size(10);
    for (name, profile, events) in rows() {
        let disk = || Device::zeroed("disk", Bytes(SECTOR), Bytes(2 * MANY * SECTOR));
        let trace = Trace { devices: vec![disk(), disk()], events };
        let profile = Profile::named(profile).expect("a built-in profile");
        group.throughput(Throughput::Elements(trace.events.len() as u64));
        group.bench_function(name, |b| b.iter(|| census(black_box(&trace), &profile)));
    }
    group.finish();
}

criterion_group!(benches, scale);
criterion_main!(benches);
