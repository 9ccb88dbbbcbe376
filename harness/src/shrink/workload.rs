//! The workload of a finding, made small: every candidate is recorded, and its crash states are explored again.

use crate::cures::Effort;
use crate::descent::{Bounds, List, descend};
use crate::erased::{AnyOp, Op};
use crate::explore::{Budget, Naming, Options, Progress, Shrinking, Walk, guarded};
use crate::prepared::Prepared;
use crate::regression::{self, Found, Regression};
use crate::sites::tell_sites;
use crate::tasks::told;
use crashcheck_outcome::{Cause, Exploration, Finding, Rule, Shrunk};
use proptest::strategy::ValueTree;
use serde::Serialize;
use std::cell::RefCell;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// A candidate is given up after so many recoveries, or twice as many as the exploration took, if that is more: without a
/// flush it may have far more crash states than what it was made from, and what fails in it shows early.
const TRIED: u64 = 400;

/// The finding is told, and the rules that prevent it are looked for, with as many as that.
const RECOVERIES: u64 = 2_000;

/// The rules that prevent a finding are looked for with so many times as many.
const CURING: u64 = 2;

/// An operation of a workload, as one element of the list that is shrunk.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
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
pub(crate) fn shrink(
    workload: &Prepared,
    exploration: &mut Exploration,
    stop: &AtomicBool,
    report: &mut dyn FnMut(Progress),
) {
    shrink_from(workload, exploration, stop, report, &mut |_, _, _| None);
}

/// As [`shrink`], but first `others` may make each finding smaller in its own way: it is given a judge of workloads.
pub(crate) fn shrink_from(
    workload: &Prepared,
    exploration: &mut Exploration,
    stop: &AtomicBool,
    report: &mut dyn FnMut(Progress),
    others: &mut Others<'_>,
) {
    let (recoveries, events) = (exploration.coverage.recoveries, exploration.events);
    let shrinker = Shrinker { workload, recoveries, events, stop, cures: RefCell::default() };
    super::each(&workload.options, exploration, stop, |finding, bounds| {
        shrinker.shrunk(finding, bounds, report, others)
    });
}

/// Whether a workload fails for the same reason; `None` if that was not found out in time.
pub(crate) type Judge<'a> = dyn FnMut(&Prepared, &Bounds<'_>) -> Option<bool> + 'a;

/// Another way to make a workload smaller: the operations that it leads to, if they are fewer.
pub(crate) type Others<'a> = dyn FnMut(&Prepared, &mut Bounds<'_>, &mut Judge<'_>) -> Option<Vec<Op>> + 'a;

/// What all findings of an exploration are shrunk with.
struct Shrinker<'a> {
    workload: &'a Prepared,
    /// How many recoveries the exploration took.
    recoveries: u64,
    /// How many events its trace has.
    events: u64,
    stop: &'a AtomicBool,
    /// Rules that have prevented findings.
    cures: RefCell<Vec<Vec<Rule>>>,
}

impl Shrinker<'_> {
    /// The finding, told by the smallest workload that shows it. `None` if it does not show again.
    fn shrunk(
        &self,
        finding: &Finding,
        bounds: &mut Bounds<'_>,
        report: &mut dyn FnMut(Progress),
        others: &mut Others<'_>,
    ) -> Result<Option<Finding>, String> {
        let mut judge = |candidate: &Prepared, bounds: &Bounds<'_>| {
            let shrinking = Shrinking { left: candidate.len(), candidates: bounds.candidates };
            report(Progress { covered: 1.0, recoveries: 0, findings: 1, shrinking: Some(shrinking) });
            self.fails(candidate, &finding.fingerprint, bounds.left())
        };
        // What one crash shows is not made smaller with the help of a second.
        let workload = self.workload.clone().with_lives(1 + finding.lives.len() as u8);
        let first = others(&workload, bounds, &mut judge);
        let begun = first.map_or_else(|| workload.clone(), |ops| workload.with(Vec::new(), ops));
        let smallest = smallest(&begun, bounds, &mut judge);
        let Some((mut smaller, events)) = self.told(&smallest, finding, bounds) else { return Ok(None) };
        if let Some(Cause { rules, .. }) = &smaller.cause {
            let options = self.options(bounds.left_to_tell(), RECOVERIES);
            let recoveries = CURING * options.budget.states.unwrap_or(RECOVERIES);
            let known = self.cures.take();
            let mut effort = Effort { options, stop: self.stop, recoveries, known };
            let cures = effort.cures(&smallest, &smaller, rules);
            self.cures.replace(effort.known);
            smaller.cause.iter_mut().for_each(|cause| cause.cures.clone_from(&cures));
        }
        self.finish(finding, smaller, &smallest, events, bounds).map(Some)
    }

    fn fails(&self, candidate: &Prepared, fingerprint: &str, left: Duration) -> Option<bool> {
        // What cannot be run without a crash does not fail in one.
        let Ok(Ok(recordings)) = guarded(|| candidate.recordings()) else { return Some(false) };
        let started = Instant::now();
        let mut options = Options { lives: candidate.options.lives, ..self.options(Some(left), TRIED) };
        for recording in recordings {
            let Ok(Ok(context)) = guarded(|| recording.context()) else { continue };
            let tally = Walk::new(context, &options, self.stop).until(fingerprint).run(|_| ());
            if tally.has_found(fingerprint) {
                return Some(true);
            }
            let used = tally.recoveries_of_first();
            options.budget.states = options.budget.states.map(|states| states.saturating_sub(used));
            options.budget.time = Some(left.saturating_sub(started.elapsed()));
        }
        Some(false)
    }

    /// How what is smaller is explored, with so many recoveries at least.
    fn options(&self, time: Option<Duration>, least: u64) -> Options {
        let options = &self.workload.options;
        let recoveries = least.max(2 * self.recoveries);
        let states = options.budget.states.map_or(recoveries, |states| states.min(recoveries));
        let budget = Budget { time, states: Some(states), fail_fast: false, ..options.budget };
        Options { budget, ..options.clone() }
    }

    /// The finding as the workload shows it, and how many events its trace has.
    fn told(&self, smallest: &Prepared, finding: &Finding, bounds: &Bounds<'_>) -> Option<(Finding, u64)> {
        let mut naming = smallest.naming.clone();
        if self.workload.options.regressions.is_some() {
            naming.workload = regression::name_of(&finding.fingerprint);
        }
        let options =
            Options { lives: smallest.options.lives, ..self.options(bounds.left_to_tell(), RECOVERIES) };
        smallest.clone().named(naming).recordings().ok()?.iter().find_map(|recording| {
            let context = recording.context().ok()?;
            let mut told = told(&context, &options, self.stop, &finding.fingerprint)?;
            tell_sites(recording, &mut told);
            Some((told, context.trace.events.len() as u64))
        })
    }

    fn finish(
        &self,
        found: &Finding,
        smaller: Finding,
        smallest: &Prepared,
        events: u64,
        bounds: &Bounds<'_>,
    ) -> Result<Finding, String> {
        let mut shrunk = Shrunk {
            found_as: found.id.clone(),
            operations_before: self.workload.len() as u64,
            operations: smallest.len() as u64,
            events_before: self.events,
            events,
            candidates: bounds.candidates,
            steps: bounds.steps,
            ended: bounds.ended.clone(),
            file: None,
        };
        let mut id = found.id.clone();
        let options = &self.workload.options;
        if let Some(folder) = &options.regressions {
            let Naming { system, bugs, workload, .. } = &self.workload.naming;
            let (profile, lives) = (&options.profile, options.lives);
            let found = Found { system, bugs, workload, profile, lives, finding: &smaller };
            let regression =
                Regression::new(found, &smallest.setup, &smallest.ops).map_err(|error| error.to_string())?;
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
fn smallest(begun: &Prepared, bounds: &mut Bounds<'_>, judge: &mut Judge<'_>) -> Prepared {
    let Prepared { setup, ops, .. } = begun;
    let part = |index| if index + 1 == setup.len() { Part::LastOfSetup } else { Part::Setup };
    let before = setup.iter().enumerate().map(|(index, op)| Step { part: part(index), op: op.clone() });
    let steps = before.chain(ops.iter().map(|op| Step { part: Part::Explored, op: op.clone() })).collect();
    let simpler = |step: &Step| {
        // What the system cannot say of an operation, it has nothing simpler for.
        let ops = guarded(|| begun.system.simpler(&*step.op)).unwrap_or_default().into_iter();
        ops.map(|op| Step { op, ..step.clone() }).collect()
    };
    let workload = |steps: &[Step]| {
        let (explored, setup) = steps.iter().partition::<Vec<_>, _>(|step| step.part == Part::Explored);
        let durable = setup.last().is_none_or(|last| last.part == Part::LastOfSetup);
        let ops_of = |steps: Vec<&Step>| steps.into_iter().map(|step| step.op.clone()).collect();
        durable.then(|| begun.with(ops_of(setup), ops_of(explored)))
    };
    let mut tree = List::new(steps, simpler);
    let smallest = descend(&mut tree, bounds, |steps, bounds| {
        workload(steps).map_or(Some(false), |workload| judge(&workload, bounds))
    });
    smallest.and_then(|steps| workload(&steps)).unwrap_or_else(|| begun.clone())
}

/// The smallest list of operations that a value tree of a generator leads to.
pub(crate) fn descend_in<T: ValueTree<Value = Vec<impl AnyOp + Clone + Serialize>>>(
    tree: &mut T,
    begun: &Prepared,
    bounds: &mut Bounds<'_>,
    judge: &mut Judge<'_>,
) -> Option<Vec<Op>> {
    let shared = |ops: &T::Value| ops.iter().cloned().map(Op::new).collect::<Vec<_>>();
    let smallest = descend(tree, bounds, |ops, bounds| judge(&begun.with(Vec::new(), shared(ops)), bounds));
    smallest.as_ref().map(shared)
}
