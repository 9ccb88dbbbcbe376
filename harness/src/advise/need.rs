//! What each flush of a trace is good for.

use super::mend::without;
use crate::explore::{Context, Key, Options, Tally, Walk};
use crashcheck_outcome::{Coverage, Need};
use crashcheck_trace::{DeviceId, Event, EventId};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What every flush of a trace is good for: each is taken out by itself, and the trace explored again.
pub(crate) fn needs(
    context: &Context,
    options: &Options,
    stop: &AtomicBool,
    known: &BTreeSet<Key>,
) -> Vec<(EventId, DeviceId, Need)> {
    // The flush is taken out of the trace, not out of the system that goes on after it.
    let options = &Options { lives: 1, ..options.clone() };
    let flush = |(index, event): (usize, &Event)| {
        let Event::Flush { device, .. } = event else { return None };
        Some((index, *device))
    };
    let flushes = context.trace.events.iter().enumerate().filter_map(flush);
    let needed = |(index, device): (usize, DeviceId)| {
        let id = EventId(index as u32);
        if context.timeline.script.is_some() {
            let left_out =
                "a run of a cluster follows its recording, from which nothing can be taken".to_owned();
            return (id, device, Need::Unknown { left_out });
        }
        let context = context.on(Arc::new(without(&context.trace, index)), options);
        let tally = Walk::new(context, options, stop).run(|_| ());
        (id, device, need(&tally, known))
    };
    flushes.map(needed).collect()
}

fn need(tally: &Tally, known: &BTreeSet<Key>) -> Need {
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
