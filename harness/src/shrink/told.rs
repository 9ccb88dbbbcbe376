//! A finding of a recorded trace, told on a small one.

use super::trace::{Failing, Patience, Shrunken, TraceProgress, look, shrink_trace};
use crate::choice::Plan;
use crate::explore::{Context, Instance, Options, explored, key_of};
use crashcheck_trace::outcome::{Finding, Shrunk};
use crashcheck_trace::{EventId, ReplayId, Trace};
use std::sync::Arc;

/// A small trace that still fails for the same reason, and the finding told on it.
#[derive(Clone, Debug)]
pub struct SmallTrace {
    /// The trace.
    pub trace: Trace,
    /// Which events of the trace as it was recorded are left, in order.
    pub kept: Vec<EventId>,
    /// The finding: its id, its events, its cause and its fix are those of the small trace; how often it was seen is
    /// what it was before.
    pub finding: Finding,
}

/// Makes the trace of a finding small. `None` if the finding does not show when it is looked at again, or is not told by
/// what became of writes.
pub(crate) fn shrink_finding<I: Instance>(
    context: &Context<I>,
    options: &Options,
    finding: &Finding,
    patience: &Patience<'_>,
    report: &mut dyn FnMut(TraceProgress),
) -> Option<SmallTrace> {
    let failing = failing(context, options, finding)?;
    let Shrunken { trace, kept, progress, ended } =
        shrink_trace(context, options, &failing, patience, report)?;
    let (before, after) = (context.trace.events.len(), trace.events.len());
    let context = context.on(Arc::new(trace.clone()), options);
    let told = explored(&context, options, patience.stop, |_| ());
    let mut small = told.findings.into_iter().find(|told| told.fingerprint == finding.fingerprint)?;
    let Finding { leaves, states, found_after, .. } = finding;
    (small.leaves, small.states, small.found_after) = (*leaves, states.clone(), *found_after);
    small.shrunk = Some(Shrunk {
        found_as: finding.id.clone(),
        operations_before: 0,
        operations: 0,
        events_before: before as u64,
        events: after as u64,
        candidates: progress.candidates,
        steps: progress.steps,
        ended,
        file: None,
    });
    Some(SmallTrace { trace, kept, finding: small })
}

/// The state of a finding, looked at again.
fn failing<I: Instance>(context: &Context<I>, options: &Options, finding: &Finding) -> Option<Failing> {
    let state: ReplayId = finding.id.parse().ok()?;
    let _ = context.timeline.epochs.get(state.epoch as usize)?;
    let answers = state.answers.iter().map(|answer| u8::try_from(answer).ok()).collect::<Option<_>>()?;
    let context = context.on(Arc::clone(&context.trace), options);
    let leaf = look(&context, state.epoch, Plan::replay(answers)).filter(|leaf| !leaf.diverged)?;
    let (point, violation) = leaf.verdict.err()?;
    Some(Failing { key: key_of(&violation), epoch: state.epoch, point, path: leaf.path })
}
