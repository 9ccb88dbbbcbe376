//! What can be done with a workload: run it, look at a state again, ask what its flushes are good for.

use crate::cures::cure_all;
use crate::explore::{
    Budget, Context, CrashImage, Keeping, Naming, Options, Paths, Progress, Recorded, Walk, Watched,
};
use crate::prepared::Prepared;
use crate::record::{RecordError, Run};
use crate::replay::{Replayed, replay};
use crate::shrink::shrink;
use crate::sites::tell_sites;
use crate::tasks::{advised, explored_with_paths};
use crate::whole;
use crashcheck_outcome::{Advice, Coverage, Exploration, Timing, Verdict};
use crashcheck_trace::ReplayId;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// No recording asks of more flushes.
const FLUSHES: usize = 1 << 16;

impl Prepared {
    /// Explores, shrinks what is found, and says which paths recovery took.
    pub(crate) fn run(
        &self,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<(Exploration, Paths), RecordError> {
        let (mut exploration, paths) = self.unshrunk(stop, report)?;
        shrink(self, &mut exploration, stop, report);
        Ok((exploration, paths))
    }

    /// What is found, not yet shrunk, and the paths that recovery took.
    pub(crate) fn unshrunk(
        &self,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<(Exploration, Paths), RecordError> {
        let (started, budget) = (Instant::now(), &self.options.budget);
        let recordings = self.recordings()?;
        let first = match recordings.len() {
            1 => budget.clone(),
            all => budget_of(budget, None, all, started),
        };
        let (mut whole, mut paths) = self.of_recording(&recordings[0], first, stop, report)?;
        for (nth, recording) in recordings.iter().enumerate().skip(1) {
            let budget = budget_of(budget, Some(&whole.coverage), recordings.len() - nth, started);
            // What is not walked any more is counted all the same.
            let stops = stop.load(Ordering::Relaxed) || (budget.fail_fast && !whole.findings.is_empty());
            let stop = if stops { &AtomicBool::new(true) } else { stop };
            match self.of_recording(recording, budget, stop, report) {
                Ok((other, more)) => {
                    whole::add(&mut whole, other);
                    paths.extend(&more);
                }
                Err(error) => whole::add_broken(&mut whole, error.to_string()),
            }
        }
        if recordings.len() > 1 {
            whole.notes.push(format!(
                "the workload was recorded in {} ways: once with no error, and once for each way in which one of its flushes or \
                 FUA writes can fail",
                recordings.len()
            ));
        }
        if self.explains() {
            let left = budget.time_left(started.elapsed());
            cure_all(self, &mut whole, stop, left);
        }
        Ok((whole, paths))
    }

    /// The cause is looked for when a finding is small.
    fn explains(&self) -> bool {
        self.options.explain && self.options.shrink.is_none()
    }

    /// What is found in one of the recordings.
    fn of_recording(
        &self,
        recording: &Prepared,
        budget: Budget,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<(Exploration, Paths), RecordError> {
        let context = recording.context()?;
        let options = Options { explain: self.explains(), budget, ..self.options.clone() };
        let (mut exploration, paths) = explored_with_paths(&context, &options, stop, report);
        for finding in &mut exploration.findings {
            finding.setup = self.setup_in_words();
            if self.explains() {
                tell_sites(recording, finding);
            }
        }
        Ok((exploration, paths))
    }

    pub(crate) fn advise(
        &self,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Advice, RecordError> {
        let mut advice = advised(&self.context()?, &self.options, stop, report);
        if self.options.profile.faults.flush_error {
            let note = "what a flush is good for was looked for where no flush fails";
            advice.exploration.notes.push(note.to_owned());
        }
        Ok(advice)
    }

    pub(crate) fn replay(&self, state: &ReplayId) -> Result<Replayed, RecordError> {
        self.replay_watched(state, Watched::Kept)
    }

    /// The same, for somebody who looks on.
    pub(crate) fn replay_watched(&self, state: &ReplayId, watched: Watched) -> Result<Replayed, RecordError> {
        // The answers tell of which recording the state is. One beyond 8 bits fits no question.
        let answers =
            state.answers.iter().take(FLUSHES).map(|answer| u8::try_from(answer).unwrap_or(u8::MAX));
        let mut prepared = self.answering(answers.collect());
        if watched == Watched::Stopped {
            // Whoever uses a debugger takes their time.
            prepared.options.limits.time = Duration::MAX;
        }
        let mut replayed = replay(&prepared.context()?, &self.options, state, watched);
        if let Some(crash) = &mut replayed.crash {
            crash.state.setup = self.setup_in_words();
            tell_sites(&prepared, &mut crash.state);
            let findings = crash.exploration.findings.iter_mut().chain(&mut replayed.finding);
            findings.for_each(|finding| finding.clone_from(&crash.state));
        }
        Ok(replayed)
    }

    pub(crate) fn images(&self) -> Result<Vec<CrashImage>, RecordError> {
        let Run { trace, course, .. } = self.record()?;
        let options = Options { jobs: 1, lives: 1, ..self.options.clone() };
        let kept = Arc::default();
        let instance = Recorded::new(Arc::clone(&self.system), course, Arc::clone(&self.rules));
        let instance = Keeping { instance, kept: Arc::clone(&kept) };
        let context = Arc::new(Context::new(instance, Naming::default(), Arc::new(trace), &options));
        Walk::new(context, &options, &AtomicBool::new(false)).run(|_| ());
        Ok(std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// What there is to say when the system fails without any crash.
    pub(crate) fn broken(&self, error: &RecordError) -> Exploration {
        self.not_explored(Verdict::Broken, error.to_string())
    }

    /// What there is to say when nothing is explored, for this reason.
    pub(crate) fn not_explored(&self, verdict: Verdict, reason: String) -> Exploration {
        Exploration {
            system: self.naming.system.clone(),
            bugs: self.naming.bugs.clone(),
            about: None,
            workload: self.naming.workload.clone(),
            profile: self.options.profile.name.clone(),
            strategy: self.options.strategy.name(),
            lives: self.options.lives,
            verdict,
            reason: Some(reason),
            events: 0,
            operations: 0,
            coverage: Coverage::default(),
            judged: Vec::new(),
            census: Vec::new(),
            findings: Vec::new(),
            notes: Vec::new(),
            timing: Timing::default(),
        }
    }
}

/// What is left of a budget for one of so many recordings that are left, when so much is covered.
fn budget_of(budget: &Budget, covered: Option<&Coverage>, left: usize, started: Instant) -> Budget {
    let less = |most: Option<u64>, used: u64| most.map(|most| most.saturating_sub(used));
    let used = covered.map_or(0, |covered| covered.recoveries);
    let later =
        covered.map_or(0, |covered| covered.later.iter().map(|life| life.recoveries + life.known).sum());
    let time = budget.time.map(|time| time.saturating_sub(started.elapsed()) / left as u32);
    Budget { time, states: less(budget.states, used), later: less(budget.later, later), ..budget.clone() }
}
