//! What is done with a system: explored, told, advised.

use crate::advise::{explain, needs};
use crate::explore::{Context, Options, Paths, Progress, Walk};
use crashcheck_outcome::{Advice, AdvisedFlush, Exploration, Finding};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Explores, looks for the causes of what is found, and says what came of it.
pub(crate) fn explored(
    context: &Arc<Context>,
    options: &Options,
    stop: &AtomicBool,
    report: impl FnMut(Progress),
) -> Exploration {
    explored_with_paths(context, options, stop, report).0
}

/// The same, and the paths that recovery has taken.
pub(crate) fn explored_with_paths(
    context: &Arc<Context>,
    options: &Options,
    stop: &AtomicBool,
    report: impl FnMut(Progress),
) -> (Exploration, Paths) {
    let started = Instant::now();
    let mut tally = Walk::new(Arc::clone(context), options, stop).run(report);
    tally.simplify();
    let options = &options.in_time_left(started);
    let causes = match options.explain {
        true => explain(context, options, stop, &tally.failures(), tally.recoveries()),
        false => BTreeMap::new(),
    };
    let paths = tally.paths().clone();
    (tally.into_exploration(options.strategy.name(), options.jobs, &causes), paths)
}

/// Explores, and tells the finding with this fingerprint alone, with its cause. Who is told to stop only looks for the
/// finding, which is known to be there.
pub(crate) fn told(
    context: &Arc<Context>,
    options: &Options,
    stop: &AtomicBool,
    fingerprint: &str,
) -> Option<Finding> {
    let started = Instant::now();
    let (stopped, never) = (stop.load(Ordering::Relaxed), AtomicBool::new(false));
    let walk = match stopped {
        true => Walk::new(Arc::clone(context), options, &never).until(fingerprint),
        false => Walk::new(Arc::clone(context), options, stop),
    };
    let mut tally = walk.run(|_| ());
    tally.simplify();
    let mut failures = tally.failures();
    let options = &options.in_time_left(started);
    failures.retain(|key, _| options.explain && !stopped && context.naming.fingerprint(key) == fingerprint);
    let causes = explain(context, options, stop, &failures, tally.recoveries());
    let mut findings =
        tally.into_exploration(options.strategy.name(), options.jobs, &causes).findings.into_iter();
    findings.find(|finding| finding.fingerprint == fingerprint)
}

/// Explores, and then once more without each of the flushes.
pub(crate) fn advised(
    context: &Arc<Context>,
    options: &Options,
    stop: &AtomicBool,
    report: impl FnMut(Progress),
) -> Advice {
    let started = Instant::now();
    let tally = Walk::new(Arc::clone(context), options, stop).run(report);
    let options = &options.in_time_left(started);
    let failures = tally.failures();
    let known = failures.keys().cloned().collect();
    let flushes = needs(context, options, stop, &known).into_iter();
    let teller = context.teller();
    let flushes = flushes.map(|(flush, device, need)| AdvisedFlush {
        flush: teller.place(flush),
        device: teller.device(device).to_owned(),
        need,
    });
    let flushes = flushes.collect();
    let causes = explain(context, options, stop, &failures, tally.recoveries());
    let exploration = tally.into_exploration(options.strategy.name(), options.jobs, &causes);
    Advice { exploration, flushes }
}
