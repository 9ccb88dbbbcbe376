//! How the layout and the counts of a trace grow with it: by steps, which are the same on every machine.

use super::steps;
use super::{Timeline, census};
use crate::profile::Profile;
use crashcheck_trace::{Bytes, Device, DeviceId, Event, Payload, Reach, Trace};

const SECTOR: u64 = 512;

fn write(device: u16, sector: u64, sectors: u64, seed: u64, fua: bool) -> Event {
    let mut data = vec![7; (sectors * SECTOR) as usize];
    data.chunks_mut(SECTOR as usize)
        .for_each(|sector| sector[..8].copy_from_slice(&(seed + 1).to_le_bytes()));
    let (device, at) = (DeviceId(device), Bytes(sector * SECTOR));
    Event::Write { device, at, data: Payload::from(data), fua: fua.then_some(Reach::All), label: None }
}

fn flush(device: u16) -> Event {
    Event::flush(DeviceId(device))
}

fn trace(events: impl Iterator<Item = Event>) -> Trace {
    trace_on(1 << 12, events)
}

fn trace_on(sectors: u64, events: impl Iterator<Item = Event>) -> Trace {
    let disk = || Device::zeroed("disk", Bytes(SECTOR), Bytes(sectors * SECTOR));
    Trace { devices: vec![disk(), disk()], events: events.collect() }
}

/// The layout and the census of twice as much take little more than twice as many steps.
fn assert_linear(n: u64, profile: &str, trace: impl Fn(u64) -> Trace) {
    let profile = Profile::named(profile).expect("a built-in profile");
    let layout = |trace: &Trace| steps::of(|| Timeline::new(trace, &profile));
    let count = |trace: &Trace| steps::of(|| census(trace, &profile));
    let (some, twice_as_many) = (trace(n), trace(2 * n));
    assert_twice("layout", layout(&some), layout(&twice_as_many));
    assert_twice("census", count(&some), count(&twice_as_many));
    assert!(layout(&some) >= n as usize, "hardly a step is counted");
    assert!(census(&twice_as_many, &profile).crash_states.exact, "a bound");
}

fn assert_twice(what: &str, once: usize, twice: usize) {
    assert!(twice * 10 <= once * 22, "{what}: {once} steps, and {twice} for twice as much");
}

#[test]
fn writes_that_wait_for_a_flush_cost_nothing_in_every_epoch_of_others() {
    assert_linear(200, "reorder", |n| {
        let waiting = (0..n).map(|nth| write(0, nth, 1, nth, false));
        trace(waiting.chain((n..2 * n).map(|nth| write(0, nth, 1, nth, true))))
    });
}

#[test]
fn a_device_that_is_never_flushed_costs_nothing_in_every_epoch_of_another() {
    for profile in ["reorder", "prefix"] {
        for sectors in [1, u64::MAX] {
            assert_linear(200, profile, |n| {
                let epoch = |nth: u64| {
                    let [one, other] = [0, 1].map(|device| write(device, nth % sectors, 1, nth, false));
                    [one, other, flush(0)]
                };
                trace((0..n).flat_map(epoch))
            });
        }
    }
}

#[test]
fn many_epochs_cost_what_is_written_in_them() {
    assert_linear(200, "reorder", |n| {
        let writes = |epoch: u64| {
            (0..10).map(move |nth| write(0, (7 * epoch + 13 * nth) % 997, 1, 10 * epoch + nth, false))
        };
        trace((0..n).flat_map(|epoch| writes(epoch).chain([flush(0)])))
    });
}

#[test]
fn a_sector_may_be_written_over_and_over() {
    for profile in ["reorder", "prefix"] {
        assert_linear(1000, profile, |n| trace((0..n).map(|nth| write(0, 0, 1, nth, false))));
    }
}

#[test]
fn writes_may_overlap_their_neighbours() {
    assert_linear(200, "reorder", |n| trace((0..n).map(|nth| write(0, nth, 2, nth, false))));
}

#[test]
fn a_write_may_lie_over_many() {
    assert_linear(200, "reorder", |n| {
        let over_all = |n| write(0, 0, n, n, false);
        trace((0..n).map(|nth| write(0, nth, 1, nth, false)).chain([over_all(n)]))
    });
}

#[test]
fn every_part_of_a_long_write_may_go_wrong() {
    assert_linear(200, "any-fault", |n| trace_on(n, [write(0, 0, n, 0, false)].into_iter()));
}
