//! Flushes that fail, against brute force: what they were to make durable stays in flight, or is dropped for good.

use super::{Atom, GRAIN, GRAINS, all_images, brute_force, complete, is_small, profiles, traces, walk};
use crate::media::{Count, census};
use crate::profile::{Cache, Honesty, Order, Profile};
use crashcheck_trace::{Bytes, DeviceId, Event, EventId, Image, Trace};
use proptest::prelude::*;

/// What a device writes back that drops what was pending: what is there without it, where nothing was before the trace.
pub(super) fn undone(index: usize, event: &Event, durable: &[Atom], pending: &[Atom]) -> Vec<Atom> {
    let Event::FlushFailed { device, writes, dropped: true } = event else { return Vec::new() };
    let is_dropped = |atom: &&Atom| writes.iter().any(|write| write.index() == atom.event);
    let mut left: Vec<&Atom> = durable.iter().chain(pending).filter(|atom| !is_dropped(atom)).collect();
    left.sort_by_key(|atom| (atom.event, atom.at));
    let mut image = Image::zeroed(Bytes(GRAIN * GRAINS));
    for atom in left.into_iter().filter(|atom| atom.device == device.index()) {
        image.write(atom.at, &atom.data);
    }
    let back = |atom: &Atom| {
        let mut data = vec![0; atom.data.len()];
        image.read(atom.at, &mut data);
        Atom { event: index, data, ..atom.clone() }
    };
    pending.iter().filter(is_dropped).map(back).collect()
}

/// The trace with some of its flushes failing, after which those of the device go on failing or not.
fn failing(mut trace: Trace, fails: &[u8]) -> Trace {
    let mut in_flight: Vec<Vec<EventId>> = vec![Vec::new(); trace.devices.len()];
    for (index, event) in trace.events.iter_mut().enumerate() {
        let (id, how) = (EventId(index as u32), fails[index % fails.len()] % 3);
        match event {
            Event::Flush { device, .. } => {
                let (device, writes): (DeviceId, _) =
                    (*device, std::mem::take(&mut in_flight[device.index()]));
                if how > 0 {
                    *event = Event::FlushFailed { device, writes, dropped: how == 2 };
                }
            }
            Event::Write { device, fua: None, .. }
            | Event::WriteZeroes { device, .. }
            | Event::Discard { device, .. } => in_flight[device.index()].push(id),
            _ => {}
        }
    }
    trace
}

/// Whether a profile may have flushes that fail.
fn may_fail(profile: &Profile) -> bool {
    let Profile { order, cache, flush, .. } = *profile;
    (order, cache, flush) == (Order::Any, Cache::Volatile, Honesty::Honest)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn after_a_failed_flush_the_walk_meets_what_brute_force_meets(
        trace in traces(true, true), fails in prop::collection::vec(any::<u8>(), 1..5),
        profile in profiles(), strategy in complete(), writes in any::<bool>(),
    ) {
        let trace = failing(trace, &fails);
        prop_assume!(is_small(&trace, &profile) && may_fail(&profile));
        let (expected, images) = brute_force(&trace, &profile, writes, 1);
        let explored = walk(&trace, &profile, strategy, writes, 1, 1);
        prop_assert_eq!(&explored.outcomes, &expected);
        prop_assert_eq!(&explored.represented, &explored.total);
        let images: Vec<String> = images.iter().map(ToString::to_string).collect();
        prop_assert_eq!(explored.images_by_epoch, images);
    }

    #[test]
    fn after_a_failed_flush_writes_that_overlap_in_part_lose_no_outcome(
        trace in traces(false, true), fails in prop::collection::vec(any::<u8>(), 1..5),
        profile in profiles(), strategy in complete(),
    ) {
        let trace = failing(trace, &fails);
        prop_assume!(is_small(&trace, &profile) && may_fail(&profile));
        let (expected, _) = brute_force(&trace, &profile, true, 1);
        let explored = walk(&trace, &profile, strategy, true, 1, 1);
        prop_assert_eq!(&explored.outcomes, &expected);
        prop_assert_eq!(&explored.represented, &explored.total);
    }

    #[test]
    fn the_census_counts_images_after_a_failed_flush(
        trace in traces(true, true), fails in prop::collection::vec(any::<u8>(), 1..5), profile in profiles(),
    ) {
        let trace = failing(trace, &fails);
        prop_assume!(is_small(&trace, &profile) && may_fail(&profile));
        let Count { value, exact } = census(&trace, &profile).crash_states;
        let all = all_images(&trace, &profile).into();
        prop_assert!(value == all || (!exact && value > all), "counted {value}, exact: {exact}, but there are {all}");
    }
}
