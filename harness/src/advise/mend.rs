//! A trace with flushes put in or taken out, and what is found in it then.

use super::cover::fewest;
use super::failure::{Failures, Order};
use crate::explore::{Context, Instance, Key, Options, Tally, Walk};
use crashcheck_trace::outcome::{Coverage, Need};
use crashcheck_trace::{DeviceId, Event, EventId, Trace};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A fix is looked for with so many explorations of a mended trace at most.
const ATTEMPTS: usize = 12;

/// Why a finding happens, and what would prevent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cause {
    /// The fewest orders whose enforcement removes every failing state of the finding. Empty if no order of writes
    /// prevents some of them.
    pub(crate) missing: Vec<Order>,
    /// The fewest flushes that remove all of them: the device, and the event before which each belongs. Empty if there
    /// are none, or if the mended trace was not explored completely.
    pub(crate) flushes: Vec<(DeviceId, EventId)>,
    /// What was covered when the mended trace was explored.
    pub(crate) verified: Option<Verified>,
}

/// What came of exploring a mended trace in which the finding is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) coverage: Coverage,
    /// Whether nothing else is found either.
    pub(crate) clean: bool,
}

/// Looks for the cause of every finding.
pub(crate) fn explain<I: Instance>(
    context: &Context<I>,
    options: &Options,
    stop: &AtomicBool,
    failures: &BTreeMap<Key, Failures>,
) -> BTreeMap<Key, Cause> {
    let (trace, mut causes) = (&context.trace, BTreeMap::new());
    // A run of a cluster follows its recording, into which nothing can be put.
    if context.timeline.script.is_some() {
        return causes;
    }
    for (key, failures) in failures {
        let mut orders: Vec<Vec<Order>> =
            failures.leaves.iter().map(|failure| failure.orders(trace)).collect();
        let mut cause = Cause::default();
        if orders.iter().all(|orders| !orders.is_empty()) {
            if let Some((flushes, verified)) = fix(context, options, stop, key, &mut orders) {
                (cause.flushes, cause.verified) = (flushes, Some(verified));
            }
            cause.missing = missing(&orders, &cause.flushes);
        }
        causes.insert(key.clone(), cause);
    }
    causes
}

/// The fewest orders that prevent every state; of those that the flushes enforce, if there are any.
fn missing(states: &[Vec<Order>], flushes: &[(DeviceId, EventId)]) -> Vec<Order> {
    let enforced = |order: &Order| {
        flushes.is_empty()
            || flushes.iter().any(|(device, before)| order.is_enforced_by(*device, before.index()))
    };
    let all: BTreeSet<Order> = states.iter().flatten().copied().filter(enforced).collect();
    // The closest two events say most: the last write that should have waited for the first.
    let mut all: Vec<Order> = all.into_iter().collect();
    all.sort_by_key(|order| std::cmp::Reverse(order.after.event().0 - order.before.0));
    let number = |order: &Order| all.iter().position(|known| known == order);
    let demands: Vec<BTreeSet<usize>> =
        states.iter().map(|orders| orders.iter().filter_map(number).collect()).collect();
    let mut missing: Vec<Order> =
        fewest(&demands).unwrap_or_default().into_iter().map(|index| all[index]).collect();
    missing.sort_unstable();
    missing
}

/// The fewest flushes after which the finding is gone, proved by exploring the mended trace. What fails there is one more
/// state that they have to prevent.
fn fix<I: Instance>(
    context: &Context<I>,
    options: &Options,
    stop: &AtomicBool,
    key: &Key,
    orders: &mut Vec<Vec<Order>>,
) -> Option<(Vec<(DeviceId, EventId)>, Verified)> {
    for _ in 0..ATTEMPTS {
        let places: BTreeSet<(usize, DeviceId)> =
            orders.iter().flatten().map(|order| (order.after.event().index(), order.device)).collect();
        let places: Vec<(usize, DeviceId)> = places.into_iter().collect();
        let prevents = |orders: &Vec<Order>| {
            let prevents = |(position, device): &(usize, DeviceId)| {
                orders.iter().any(|order| order.is_enforced_by(*device, *position))
            };
            (0..places.len()).filter(|place| prevents(&places[*place])).collect::<BTreeSet<usize>>()
        };
        let demands: Vec<BTreeSet<usize>> = orders.iter().map(prevents).collect();
        let mut chosen: Vec<(usize, DeviceId)> =
            fewest(&demands)?.into_iter().map(|place| places[place]).collect();
        chosen.sort_unstable();
        let mended = with_flushes(&context.trace, &chosen);
        let context = context.on(Arc::new(mended), options);
        let tally = Walk::new(Arc::clone(&context), options, stop).run(|_| ());
        let (coverage, mut failures) = (tally.coverage(), tally.failures());
        let left = failures.remove(key).map(|failures| failures.leaves).unwrap_or_default();
        if left.is_empty() {
            let flushes = chosen.iter().map(|(position, device)| (*device, EventId(*position as u32)));
            let verified = Verified { clean: failures.is_empty(), coverage };
            return verified.coverage.complete.then(|| (flushes.collect(), verified));
        }
        let back = |event: EventId| EventId(back(event.0 as usize, &chosen) as u32);
        let mut learned = left.iter().map(|failure| {
            let orders = failure.orders(&context.trace).into_iter();
            orders.filter_map(|order| order.mapped(&back)).collect::<Vec<Order>>()
        });
        let before = orders.len();
        orders.extend(learned.by_ref().filter(|more| !orders.contains(more)).collect::<Vec<_>>());
        if orders.len() == before {
            return None;
        }
    }
    None
}

/// The trace with flushes put in, each before the event at its position.
fn with_flushes(trace: &Trace, flushes: &[(usize, DeviceId)]) -> Trace {
    let moved = |event: &EventId| EventId(event.0 + count(flushes, event.index()) as u32);
    let mut events = Vec::new();
    for (index, event) in trace.events.iter().enumerate() {
        let here = flushes.iter().filter(|(position, _)| *position == index);
        events.extend(here.map(|(_, device)| Event::Flush { device: *device, except: Vec::new() }));
        events.push(match event {
            Event::Flush { device, except } => {
                Event::Flush { device: *device, except: except.iter().map(moved).collect() }
            }
            event => event.clone(),
        });
    }
    Trace { devices: trace.devices.clone(), events }
}

/// How many flushes are put in before the event at this position.
fn count(flushes: &[(usize, DeviceId)], position: usize) -> usize {
    flushes.iter().filter(|(before, _)| *before <= position).count()
}

/// Where an event of the mended trace was before; a flush that was put in is taken for the event after it.
fn back(position: usize, flushes: &[(usize, DeviceId)]) -> usize {
    (0..=position).rev().find(|before| before + count(flushes, *before) <= position).unwrap_or(0)
}

/// The trace without one of its events.
fn without(trace: &Trace, index: usize) -> Trace {
    let mut events = trace.events.clone();
    events.remove(index);
    for event in &mut events {
        if let Event::Flush { except, .. } = event {
            except.retain(|event| event.index() != index);
            except.iter_mut().filter(|event| event.index() > index).for_each(|event| event.0 -= 1);
        }
    }
    Trace { devices: trace.devices.clone(), events }
}

/// What every flush of a trace is good for: each is taken out by itself, and the trace explored again.
pub(crate) fn needs<I: Instance>(
    context: &Context<I>,
    options: &Options,
    stop: &AtomicBool,
    known: &BTreeSet<Key>,
) -> Vec<(EventId, DeviceId, Need)> {
    let flush = |(index, event): (usize, &Event)| match event {
        Event::Flush { device, .. } => Some((index, *device)),
        _ => None,
    };
    let flushes = context.trace.events.iter().enumerate().filter_map(flush);
    let needed = |(index, device): (usize, DeviceId)| {
        let context = context.on(Arc::new(without(&context.trace, index)), options);
        let tally = Walk::new(context, options, stop).run(|_| ());
        (EventId(index as u32), device, need(&tally, known))
    };
    flushes.map(needed).collect()
}

fn need<I: Instance>(tally: &Tally<I>, known: &BTreeSet<Key>) -> Need {
    let failures = tally.failures();
    if let Some(((promise, _), failures)) = failures.iter().find(|(key, _)| !known.contains(*key)) {
        return Need::Needed { promise: promise.clone(), detail: failures.detail.clone() };
    }
    let Coverage { total, complete, left_out, .. } = tally.coverage();
    match complete {
        true => Need::Redundant { crash_states: total },
        false => Need::Unknown { left_out: left_out.unwrap_or_default() },
    }
}
