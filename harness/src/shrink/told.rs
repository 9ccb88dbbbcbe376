//! The findings of a recorded trace, each told on a trace of its own that is as small as it can be.

use super::descent::Bounds;
use super::trace::{Failing, look, shrink_trace};
use super::{Shrink, each, log};
use crate::choice::Plan;
use crate::explore::{Context, Instance, Naming, Options, Progress, key_of, told};
use crate::regression;
use crashcheck_trace::outcome::{Exploration, Finding, Shrunk};
use crashcheck_trace::{ReplayId, Trace};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Makes the trace of every finding small, stores it, and tells the finding on it. How often it was seen stays what it
/// was.
pub(crate) fn shrink_recorded<I: Instance>(
    context: &Context<I>,
    options: &Options,
    exploration: &mut Exploration,
    stop: &AtomicBool,
    report: &mut dyn FnMut(Progress),
) {
    let Some(how) = &options.shrink else { return };
    each(exploration, how, |finding, time| shrunk((context, options, how), finding, (time, stop), report));
}

/// The finding told on a small trace; as it was, if it cannot be told by what became of writes.
fn shrunk<I: Instance>(
    (context, options, how): (&Context<I>, &Options, &Shrink),
    finding: &Finding,
    (time, stop): (Duration, &AtomicBool),
    report: &mut dyn FnMut(Progress),
) -> Result<Option<Finding>, String> {
    let mut bounds = Bounds::new(time, stop, log(how, finding, options.nested));
    let mut report =
        |now| report(Progress { covered: 1.0, recoveries: 0, findings: 1, shrinking: Some(now) });
    let smaller = failing(context, options, finding)
        .and_then(|failing| shrink_trace(context, options, &failing, &mut bounds, &mut report));
    let Some(trace) = smaller else {
        let told =
            told(&context.on(Arc::clone(&context.trace), options), options, stop, &finding.fingerprint);
        return Ok(told.map(|told| Finding { cause: told.cause, ..finding.clone() }));
    };
    let mut shrunk = Shrunk {
        found_as: finding.id.clone(),
        operations_before: 0,
        operations: 0,
        events_before: context.trace.events.len() as u64,
        events: trace.events.len() as u64,
        candidates: bounds.candidates,
        steps: bounds.steps,
        ended: bounds.ended,
        file: None,
    };
    let name = file_name(&context.naming, &finding.fingerprint);
    let small = context.on_as(Arc::new(trace.clone()), options, &name);
    let Some(smaller) = told(&small, options, stop, &finding.fingerprint) else { return Ok(None) };
    let mut id = finding.id.clone();
    if let Some(folder) = &options.regressions {
        let file =
            store(&trace, folder, &name).map_err(|error| format!("a small trace is not stored: {error}"))?;
        shrunk.file = Some(file.to_string_lossy().into_owned());
        id = smaller.id;
    }
    let Finding { leaves, ref states, found_after, ref also, .. } = *finding;
    let (states, also) = (states.clone(), also.clone());
    Ok(Some(Finding { id, leaves, states, also, found_after, shrunk: Some(shrunk), ..smaller }))
}

/// The state of a finding, looked at again.
fn failing<I: Instance>(context: &Context<I>, options: &Options, finding: &Finding) -> Option<Failing> {
    let state: ReplayId = finding.id.parse().ok()?;
    let _ = context.timeline.epochs.get(state.epoch as usize)?;
    let answers = state.answers.iter().map(|answer| u8::try_from(answer).ok()).collect::<Option<_>>()?;
    let context = context.on(Arc::clone(&context.trace), &Options { nested: 0, ..options.clone() });
    let leaf = look(&context, state.epoch, Plan::replay(answers)).filter(|leaf| !leaf.diverged)?;
    let (point, violation) = leaf.verdict.err()?;
    Some(Failing { key: key_of(&violation), epoch: state.epoch, point, path: leaf.path })
}

/// What the small trace of a finding is called.
fn file_name(naming: &Naming, fingerprint: &str) -> String {
    let name = naming.workload.strip_suffix(SUFFIX).unwrap_or(&naming.workload);
    format!("{name}-{}{SUFFIX}", regression::short(fingerprint))
}

/// What the file of a trace ends with.
const SUFFIX: &str = ".crash";

/// Writes a trace into a folder, over an older one of the same finding. A file is whole or not there.
fn store(trace: &Trace, folder: &Path, name: &str) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let file = tempfile::NamedTempFile::new_in(folder)?;
    trace.write_to(file.path()).map_err(std::io::Error::other)?;
    let path = folder.join(name);
    file.persist(&path).map_err(|error| error.error)?;
    Ok(path)
}
