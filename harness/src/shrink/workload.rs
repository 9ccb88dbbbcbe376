//! The workload of a finding, made small: every candidate is recorded, and its crash states are explored again.

use crate::descent::{Bounds, List, descend};
use crate::explore::{Budget, Naming, Options, Progress, Shrinking, Walk, guarded};
use crate::explorer::WithWorkload;
use crate::record::record_after;
use crate::regression::{self, Found, Regression};
use crate::system::System;
use crate::tasks::told;
use crashcheck_trace::outcome::{Exploration, Finding, Shrunk};
use proptest::strategy::ValueTree;
use serde::Serialize;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// A candidate is given up after so many recoveries, or twice as many as the finding took, if that is more.
const RECOVERIES: u64 = 2_000;

/// An operation of a workload, as one element of the list that is shrunk.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step<Op> {
    part: Part,
    op: Op,
}

/// Which part of a workload an operation belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Part {
    /// It is run before what is explored.
    Setup,
    /// It is the last of those, and makes all of them durable: without it none of them stays.
    LastOfSetup,
    /// It is explored.
    Explored,
}

/// Shrinks every finding of an exploration of this workload, and looks for its cause.
pub(crate) fn shrink<S: System + 'static>(
    workload: &WithWorkload<S>,
    exploration: &mut Exploration,
    stop: &AtomicBool,
    report: &mut dyn FnMut(Progress),
) {
    shrink_from(workload, exploration, stop, report, |_: &WithWorkload<S>, _, _| None);
}

/// As [`shrink`], but first `others` may make each finding smaller in its own way: it is given a judge of workloads.
pub(crate) fn shrink_from<S: System + 'static>(
    workload: &WithWorkload<S>,
    exploration: &mut Exploration,
    stop: &AtomicBool,
    report: &mut dyn FnMut(Progress),
    mut others: impl FnMut(&WithWorkload<S>, &mut Bounds<'_>, &mut Judge<'_, S>) -> Option<Vec<S::Op>>,
) {
    let (recoveries, events) = (exploration.coverage.recoveries, exploration.events);
    let shrinker = Shrinker { workload, recoveries, events, stop };
    super::each(workload.options(), exploration, stop, |finding, bounds| {
        shrinker.shrunk(finding, bounds, report, &mut others)
    });
}

/// Whether a workload fails for the same reason; `None` if that was not found out in time.
pub(crate) type Judge<'a, S> = dyn FnMut(&WithWorkload<S>, &Bounds<'_>) -> Option<bool> + 'a;

/// What all findings of an exploration are shrunk with.
struct Shrinker<'a, S: System> {
    workload: &'a WithWorkload<S>,
    /// How many recoveries the exploration took.
    recoveries: u64,
    /// How many events its trace has.
    events: u64,
    stop: &'a AtomicBool,
}

impl<S: System + 'static> Shrinker<'_, S> {
    /// The finding, told by the smallest workload that shows it. `None` if it does not show again.
    fn shrunk(
        &self,
        finding: &Finding,
        bounds: &mut Bounds<'_>,
        report: &mut dyn FnMut(Progress),
        others: &mut impl FnMut(&WithWorkload<S>, &mut Bounds<'_>, &mut Judge<'_, S>) -> Option<Vec<S::Op>>,
    ) -> Result<Option<Finding>, String> {
        let mut judge = |candidate: &WithWorkload<S>, bounds: &Bounds<'_>| {
            let (setup, ops) = candidate.operations();
            let shrinking = Shrinking { left: setup.len() + ops.len(), candidates: bounds.candidates };
            report(Progress { covered: 1.0, recoveries: 0, findings: 1, shrinking: Some(shrinking) });
            self.fails(candidate, &finding.fingerprint, bounds.left())
        };
        // What one crash shows is not made smaller with the help of a second.
        let workload = self.workload.clone().with_lives(1 + finding.lives.len() as u8);
        let first = others(&workload, bounds, &mut judge);
        let begun = first.map_or_else(|| workload.clone(), |ops| workload.with(Vec::new(), ops));
        let smallest = smallest(&begun, bounds, &mut judge);
        let Some((smaller, events)) = self.told(&smallest, finding) else { return Ok(None) };
        self.finish(finding, smaller, &smallest, events, bounds).map(Some)
    }

    fn fails(&self, candidate: &WithWorkload<S>, fingerprint: &str, left: Duration) -> Option<bool> {
        let (setup, ops) = candidate.operations();
        let recording = guarded(|| record_after(candidate.system(), setup, ops.to_vec()));
        // What cannot be run without a crash does not fail in one.
        let Ok(Ok(recording)) = recording else { return Some(false) };
        let context = candidate.context(recording);
        let options = Options { lives: candidate.options().lives, ..self.options(Some(left)) };
        let tally = Walk::new(context, &options, self.stop).until(fingerprint).run(|_| ());
        Some(tally.has_found(fingerprint))
    }

    /// How candidates are explored.
    fn options(&self, time: Option<Duration>) -> Options {
        let options = self.workload.options();
        let recoveries = RECOVERIES.max(2 * self.recoveries);
        let states = options.budget.states.map_or(recoveries, |states| states.min(recoveries));
        let budget = Budget { time, states: Some(states), fail_fast: false, ..options.budget };
        Options { budget, ..options.clone() }
    }

    /// The finding as the workload shows it, and how many events its trace has.
    fn told(&self, smallest: &WithWorkload<S>, finding: &Finding) -> Option<(Finding, u64)> {
        let (setup, ops) = smallest.operations();
        let recording = record_after(smallest.system(), setup, ops.to_vec()).ok()?;
        let events = recording.trace.events.len() as u64;
        let naming = match &self.workload.options().regressions {
            Some(_) => {
                Naming { workload: regression::name_of(&finding.fingerprint), ..smallest.naming().clone() }
            }
            None => smallest.naming().clone(),
        };
        let context = smallest.clone().named(naming).context(recording);
        let options = Options { lives: smallest.options().lives, ..self.options(None) };
        told(&context, &options, self.stop, &finding.fingerprint).map(|finding| (finding, events))
    }

    fn finish(
        &self,
        found: &Finding,
        smaller: Finding,
        smallest: &WithWorkload<S>,
        events: u64,
        bounds: &Bounds<'_>,
    ) -> Result<Finding, String> {
        let (setup, ops) = smallest.operations();
        let count = |workload: &WithWorkload<S>| {
            let (setup, ops) = workload.operations();
            (setup.len() + ops.len()) as u64
        };
        let mut shrunk = Shrunk {
            found_as: found.id.clone(),
            operations_before: count(self.workload),
            operations: count(smallest),
            events_before: self.events,
            events,
            candidates: bounds.candidates,
            steps: bounds.steps,
            ended: bounds.ended.clone(),
            file: None,
        };
        let mut id = found.id.clone();
        let options = self.workload.options();
        if let Some(folder) = &options.regressions {
            let Naming { system, bugs, workload, .. } = self.workload.naming();
            let (profile, lives) = (&options.profile.name, options.lives);
            let found = Found { system, bugs, workload, profile, lives, finding: &smaller };
            let regression = Regression::new(found, setup, ops).map_err(|error| error.to_string())?;
            let file = regression.store(folder).map_err(|error| error.to_string())?;
            shrunk.file = Some(file.to_string_lossy().into_owned());
            id = smaller.id;
        }
        let Finding { leaves, ref states, found_after, .. } = *found;
        let (states, also) = (states.clone(), found.also_beside(&smaller.detail));
        let setup = smallest.setup_in_words();
        Ok(Finding { setup, id, leaves, states, also, found_after, shrunk: Some(shrunk), ..smaller })
    }
}

/// Leaves operations out, and puts simpler ones in their place.
fn smallest<S: System + 'static>(
    begun: &WithWorkload<S>,
    bounds: &mut Bounds<'_>,
    judge: &mut Judge<'_, S>,
) -> WithWorkload<S> {
    let (setup, ops) = begun.operations();
    let part = |index| if index + 1 == setup.len() { Part::LastOfSetup } else { Part::Setup };
    let before = setup.iter().enumerate().map(|(index, op)| Step { part: part(index), op: op.clone() });
    let steps = before.chain(ops.iter().map(|op| Step { part: Part::Explored, op: op.clone() })).collect();
    let simpler = |step: &Step<S::Op>| {
        let ops = begun.system().simpler(&step.op).into_iter();
        ops.map(|op| Step { op, ..step.clone() }).collect()
    };
    let workload = |steps: &[Step<S::Op>]| {
        let (explored, setup) = steps.iter().partition::<Vec<_>, _>(|step| step.part == Part::Explored);
        let durable = setup.last().is_none_or(|last| last.part == Part::LastOfSetup);
        let ops_of = |steps: Vec<&Step<S::Op>>| steps.into_iter().map(|step| step.op.clone()).collect();
        durable.then(|| begun.with(ops_of(setup), ops_of(explored)))
    };
    let mut tree = List::new(steps, simpler);
    let smallest = descend(&mut tree, bounds, |steps, bounds| {
        workload(steps).map_or(Some(false), |workload| judge(&workload, bounds))
    });
    smallest.and_then(|steps| workload(&steps)).unwrap_or_else(|| begun.clone())
}

/// The smallest list of operations that a value tree of a generator leads to.
pub(crate) fn descend_in<S: System + 'static, T: ValueTree<Value = Vec<S::Op>>>(
    tree: &mut T,
    begun: &WithWorkload<S>,
    bounds: &mut Bounds<'_>,
    judge: &mut Judge<'_, S>,
) -> Option<Vec<S::Op>> {
    descend(tree, bounds, |ops, bounds| judge(&begun.with(Vec::new(), ops.clone()), bounds))
}
