//! A finding of a recorded trace, told on a small one.

use super::fold::Smaller;
use super::trace::{Failing, smallest};
use crate::choice::Plan;
use crate::descent::Bounds;
use crate::explore::{Budget, Context, Failed, Options, Progress, key_of, look};
use crate::regression;
use crate::tasks::told;
use crashcheck_outcome::{Exploration, Finding, Shrunk};
use crashcheck_trace::{EventId, ReplayId, Trace};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Makes the trace of every finding of an exploration small. A finding that does not show when it is looked at again, or is
/// not told by what became of writes, stays as it is.
pub(crate) fn shrink_trace(
    context: &Arc<Context>,
    options: &Options,
    exploration: &mut Exploration,
    stop: &AtomicBool,
    report: &mut dyn FnMut(Progress),
) {
    super::each(options, exploration, stop, |finding, bounds| {
        let failing = failing(context, options, finding);
        let small = failing.and_then(|failing| smallest(context, options, &failing, bounds, report));
        let shrunk = small.is_some();
        let whole = || (0..context.trace.events.len() as u32).map(EventId).collect();
        let small = small.map(|Smaller { trace, kept }| (Arc::new(trace), kept));
        let small = small.unwrap_or_else(|| (Arc::clone(&context.trace), whole()));
        let budget = Budget { time: bounds.left_to_tell(), ..options.budget.clone() };
        let options = &Options { budget, ..options.clone() };
        retold(context, options, finding, small, shrunk.then_some(&*bounds), stop)
    });
}

/// The finding as a trace shows it that holds some of the events, with its cause.
fn retold(
    context: &Context,
    options: &Options,
    finding: &Finding,
    (small, kept): (Arc<Trace>, Vec<EventId>),
    bounds: Option<&Bounds<'_>>,
    stop: &AtomicBool,
) -> Result<Option<Finding>, String> {
    let (before, after) = (context.trace.events.len() as u64, small.events.len() as u64);
    let folder = options.regressions.as_deref().filter(|_| bounds.is_some());
    let file = folder.map(|folder| store(folder, context, finding, &small)).transpose()?;
    let name = file.as_ref().map_or(&*context.naming.workload, |(name, _)| name);
    let context = context.on_some(small, &kept, options, name);
    let Some(mut small) = told(&context, options, stop, &finding.fingerprint) else { return Ok(None) };
    let Finding { leaves, states, found_after, .. } = finding;
    (small.leaves, small.found_after) = (*leaves, *found_after);
    (small.states, small.also) = (states.clone(), finding.also_beside(&small.detail));
    if file.is_none() {
        small.id.clone_from(&finding.id);
    }
    small.shrunk = bounds.map(|bounds| Shrunk {
        found_as: finding.id.clone(),
        operations_before: 0,
        operations: 0,
        events_before: before,
        events: after,
        candidates: bounds.candidates,
        steps: bounds.steps,
        ended: bounds.ended.clone(),
        file: file.map(|(_, path)| path),
    });
    Ok(Some(small))
}

/// Writes the small trace where it is explored first from then on; the name of the file, and its path.
fn store(
    folder: &Path,
    context: &Context,
    finding: &Finding,
    small: &Trace,
) -> Result<(String, String), String> {
    let name = regression::trace_name(&context.naming.workload, &finding.fingerprint);
    let path = folder.join(&name);
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    small.write_to(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok((name, path.to_string_lossy().into_owned()))
}

/// The state of a finding, looked at again.
fn failing(context: &Context, options: &Options, finding: &Finding) -> Option<Failing> {
    let state: ReplayId = finding.id.parse().ok()?;
    let _ = context.timeline.epochs.get(state.epoch as usize)?;
    let answers = state.answers.iter().map(|answer| u8::try_from(answer).ok()).collect::<Option<_>>()?;
    let context = context.on(Arc::clone(&context.trace), options);
    let leaf = look(&context, state.epoch, Plan::replay(answers));
    let Failed { points, violation, .. } = leaf.verdict.err().filter(|_| !leaf.diverged)?;
    let point = points[0];
    Some(Failing { key: key_of(&violation), epoch: state.epoch, point, path: leaf.path })
}
