//! What is done with a system: explored, told, advised, looked at again.

use crate::advise::{explain, needs};
use crate::choice::Plan;
use crate::explore::{Context, Groups, Job, Options, Pool, Progress, Walk};
use crashcheck_outcome::{Advice, AdvisedFlush, Exploration, Finding};
use crashcheck_trace::ReplayId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What came of looking at one crash state again.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The broken promise, told as a finding; `None` if none is broken.
    pub finding: Option<Finding>,
    /// What recovery shows, in words.
    pub shows: String,
    /// Whether the answers did not fit the questions that were asked: the trace or recovery has changed.
    pub diverged: bool,
    /// Whether the trace does not have the moment at which the power is to fail, so that nothing was looked at.
    pub missing: bool,
}

/// Explores, looks for the causes of what is found, and says what came of it.
pub(crate) fn explored(
    context: &Arc<Context>,
    options: &Options,
    stop: &AtomicBool,
    report: impl FnMut(Progress),
) -> Exploration {
    let started = Instant::now();
    let mut tally = Walk::new(Arc::clone(context), options, stop).run(report);
    tally.simplify();
    let options = &options.in_time_left(started);
    let causes = match options.explain {
        true => explain(context, options, stop, &tally.failures(), tally.recoveries()),
        false => BTreeMap::new(),
    };
    tally.into_exploration(options.strategy.name(), options.jobs, &causes)
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

/// As many answers are read from an id; no recovery asks more questions.
const ANSWERS: usize = 1 << 24;

/// Looks at one state again. How many lives end in a crash is told by the answers.
pub(crate) fn replay(context: &Arc<Context>, state: &ReplayId) -> Replayed {
    let nowhere = |shows: String| Replayed { finding: None, shows, diverged: true, missing: true };
    let (epochs, events) = (context.timeline.epochs.len(), context.trace.events.len());
    if state.epoch as usize >= epochs {
        return nowhere(format!("the trace has no epoch {}, its last is {}", state.epoch, epochs - 1));
    }
    if state.point.index() > events {
        return nowhere(format!("the trace has no crash point {}, its last is {events}", state.point.0));
    }
    // An answer beyond 8 bits fits no question, so that the replay diverges.
    let answers = state.answers.iter().take(ANSWERS).map(|answer| u8::try_from(answer).unwrap_or(u8::MAX));
    let answers: Vec<u8> = answers.collect();
    let mut pool = Pool::new(Arc::clone(context), 1);
    let (epoch, plan) = (state.epoch, Plan::replay(answers));
    let job =
        Job { root: None, epoch, plan, through: Some(u8::MAX), is_last: false, serial: 0, account: false };
    let leaf = pool.run(vec![job], false).pop().expect("a leaf for every state");
    let mut groups = Groups::default();
    groups.add(1, &leaf);
    Replayed {
        finding: groups.into_findings(context, &BTreeMap::new(), false).pop(),
        shows: leaf.end.recovered.kind.shows.clone(),
        diverged: leaf.diverged || !context.is_of(state),
        missing: false,
    }
}
