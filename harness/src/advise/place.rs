//! Where flushes belong that prevent failing states.

use super::cover::fewest;
use super::failure::Shortfall;
use super::mend::Flush;
use crate::disk::kind_of;
use crashcheck_trace::{DeviceId, Event, Trace};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// The fewest flushes that prevent some states, out of the fewest that prevent all states; in order. `None` if some
/// cannot be prevented.
pub(super) fn flushes(trace: &Trace, all: &[Shortfall], some: &[Shortfall]) -> Option<Vec<Flush>> {
    let devices = || (0..trace.devices.len() as u16).map(DeviceId);
    // As late as possible, each prevents as much as possible.
    let ends = |state: &Shortfall| -> Vec<Flush> {
        let positions = |device| Some((*state.flush_positions(trace, device)?.end(), device));
        devices().filter_map(positions).collect()
    };
    let places: Vec<Flush> = all.iter().flat_map(ends).collect::<BTreeSet<Flush>>().into_iter().collect();
    let mut latest: Vec<Flush> =
        fewest(&demands(trace, all, &places))?.into_iter().map(|nth| places[nth]).collect();
    latest.sort_unstable();
    let placed: Vec<Flush> = placed(trace, all, &latest).into_iter().collect();
    let mut mine: Vec<Flush> =
        fewest(&demands(trace, some, &placed))?.into_iter().map(|nth| placed[nth]).collect();
    mine.sort_unstable();
    Some(mine)
}

/// By state, the numbers of the flushes that prevent it.
fn demands(trace: &Trace, states: &[Shortfall], flushes: &[Flush]) -> Vec<BTreeSet<usize>> {
    let prevents = |state: &Shortfall, (position, device): &Flush| {
        state.flush_positions(trace, *device).is_some_and(|positions| positions.contains(position))
    };
    let demand =
        |state: &Shortfall| (0..flushes.len()).filter(|nth| prevents(state, &flushes[*nth])).collect();
    states.iter().map(demand).collect()
}

/// A flush, and the states that it has to prevent.
struct Duty<'a> {
    device: DeviceId,
    /// Where it may be put.
    positions: RangeInclusive<usize>,
    states: Vec<&'a Shortfall>,
}

/// The same flushes in as few places as possible, each where a person would put it.
fn placed(trace: &Trace, states: &[Shortfall], latest: &[Flush]) -> BTreeSet<Flush> {
    let mut placed = BTreeSet::new();
    let mut duties = duties(trace, states, latest);
    duties.sort_by_key(|duty| *duty.positions.end());
    while let Some(end) = duties.first().map(|duty| *duty.positions.end()) {
        let (here, later): (Vec<Duty<'_>>, Vec<Duty<'_>>) =
            duties.into_iter().partition(|duty| duty.positions.contains(&end));
        let position = position(trace, &here, end);
        placed.extend(here.iter().map(|duty| (position, duty.device)));
        duties = later;
    }
    placed
}

fn duties<'a>(trace: &Trace, states: &'a [Shortfall], latest: &[Flush]) -> Vec<Duty<'a>> {
    let new = |(position, device): &Flush| Duty {
        device: *device,
        positions: *position..=*position,
        states: Vec::new(),
    };
    let mut duties: Vec<Duty<'_>> = latest.iter().map(new).collect();
    for (state, demand) in states.iter().zip(demands(trace, states, latest)) {
        // What was lost first says most.
        let first = |nth: &usize| {
            state.flush_positions(trace, duties[*nth].device).map(|positions| *positions.start())
        };
        if let Some(nth) = demand.into_iter().min_by_key(first) {
            duties[nth].states.push(state);
        }
    }
    for duty in &mut duties {
        let first = |state: &&Shortfall| Some(*state.flush_positions(trace, duty.device)?.start());
        let start = duty.states.iter().filter_map(first).max().unwrap_or(*duty.positions.end());
        duty.positions = start..=*duty.positions.end();
    }
    duties
}

/// Where flushes belong that must come before the event at `end`: right behind the last write that they have to save,
/// and what was written together with that.
fn position(trace: &Trace, duties: &[Duty<'_>], end: usize) -> usize {
    let saved = |duty: &Duty<'_>, state: &Shortfall| {
        let lost = state.lost().iter().filter(|write| state.is_saved_by(trace, **write, (end, duty.device)));
        lost.map(|write| write.index()).collect::<BTreeSet<usize>>()
    };
    let demands: Vec<BTreeSet<usize>> =
        duties.iter().flat_map(|duty| duty.states.iter().map(|state| saved(duty, state))).collect();
    let Some(last) = fewest(&demands).unwrap_or_default().into_iter().max() else { return end };
    let belongs = |next: &usize| {
        is_volatile_mark(&trace.events[*next]) || are_alike(&trace.events[last], &trace.events[*next])
    };
    last + 1 + (last + 1..end).take_while(belongs).count()
}

/// Whether an event tells of operations, and promises nothing.
fn is_volatile_mark(event: &Event) -> bool {
    matches!(event, Event::Begin { .. } | Event::Ack { durable: false, .. } | Event::Mark { .. })
}

/// Whether the system calls two writes to one device the same, but for numbers.
fn are_alike(one: &Event, other: &Event) -> bool {
    let kind = |event: &Event| event.label().map(|label| kind_of(Some(label)));
    one.device() == other.device() && kind(one).is_some() && kind(one) == kind(other)
}
