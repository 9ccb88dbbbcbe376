//! From a failing workload to the smallest one that fails for the same reason.
//!
//! | axis | is | tried |
//! |---|---|---|
//! | the workload | a value tree: of the strategy that made it, of quickcheck, or a [`List`](crate::descent::List) of its operations | recorded, and explored again |
//! | a recorded trace, which has no workload | a [`List`](crate::descent::List) of the events that change a device | the failing state is looked at again |
//! | the crash state | a [`List`](crate::descent::List) of the answers that deviate from an end of the tree of choices | recovered from again |
//!
//! All are the same descent ([`descend`](crate::descent::descend)): the tree proposes something smaller, and is told whether that still fails.
//! *The same reason* is the fingerprint of the finding: a candidate that fails in another way counts as one that passes.
//! A descent ends when nothing smaller fails, when its time is used up, or when it is interrupted. Its verdicts are kept
//! on disk ([`Log`](crate::descent::Log)), so that it goes on where it ended.

mod fold;
mod told;
mod trace;
mod workload;

pub(crate) use fold::{Smaller, begun_after};
pub(crate) use told::shrink_trace;
pub(crate) use workload::{descend_in, shrink, shrink_from};

use crate::descent::{Bounds, Log};
use crate::explore::{Options, Shrink};
use crashcheck_outcome::{Exploration, Finding};
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Shrinks the findings of an exploration one after the other, each in its share of the time that is left.
fn each(
    options: &Options,
    exploration: &mut Exploration,
    stop: &AtomicBool,
    mut shrunk: impl FnMut(&Finding, &mut Bounds<'_>) -> Result<Option<Finding>, String>,
) {
    let Some(how) = &options.shrink else { return };
    let started = Instant::now();
    let walked = Duration::from_secs_f64(exploration.timing.seconds);
    // Of a time that bounds everything, a third is for telling what came of it.
    let rest = options.budget.time_left(walked);
    let time = rest.map_or(how.time, |rest| how.time.min(rest * 2 / 3));
    let Exploration { findings, notes, .. } = exploration;
    // A device that lies is no fault of the system.
    let wanted = |finding: &Finding| !finding.device_lies && !how.known.contains(&finding.fingerprint);
    let mut left = findings.iter().filter(|finding| wanted(finding)).count() as u32;
    for finding in findings.iter_mut().filter(|finding| wanted(finding)) {
        let to_tell = rest.map(|rest| rest.saturating_sub(started.elapsed()) / left / 3);
        let time = time.saturating_sub(started.elapsed()) / left;
        left -= 1;
        let mut bounds = Bounds::new(time, stop, log(how, options, finding)).and_to_tell(to_tell);
        match shrunk(finding, &mut bounds) {
            Ok(Some(smaller)) => *finding = smaller,
            Ok(None) => {}
            Err(why) => notes.push(format!("a shrunk failure is not stored: {why}")),
        }
    }
    exploration.timing.shrink_seconds = Some(started.elapsed().as_secs_f64());
}

/// What an earlier run has learned of a finding. Its id names the trace, and so all that can be left out.
fn log(how: &Shrink, options: &Options, finding: &Finding) -> Log {
    let Some(folder) = &how.logs else { return Log::none() };
    let hash = FxBuildHasher.hash_one((&finding.id, options.lives));
    Log::at(&folder.join(format!("{}-{hash:016x}.log", finding.fingerprint)))
}
