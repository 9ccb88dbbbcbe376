//! What can be done with a workload: run it, look at a state again, ask what its flushes are good for.

use crate::cures::cure_all;
use crate::explore::{
    Budget, Context, CrashImage, Keeping, Naming, Options, Paths, Progress, Recorded, TIME_IS_OVER, Walk,
    Watched,
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
        let started = Instant::now();
        let recordings = self.recordings()?;
        let mut walked = self.walked(&recordings, started, stop, report).into_iter();
        let (mut whole, mut paths) = walked.next().expect("that in which no flush fails")?;
        for of_recording in walked {
            match of_recording {
                Ok((other, more)) => {
                    whole::add(&mut whole, other);
                    paths.extend(&more);
                }
                Err(error) => whole::add_broken(&mut whole, error.to_string()),
            }
        }
        if self.options.profile.faults.flush_error {
            whole.notes.push(match recordings.len() {
                1 => "'flush-error' of the profile cannot happen here, and was not looked at: it takes a flush or a FUA write"
                    .to_owned(),
                ways => format!(
                    "the workload was recorded in {ways} ways: once with no error, and once for each way in which one of its \
                     flushes or FUA writes can fail"
                ),
            });
        }
        if self.explains() {
            let left = self.options.budget.time_left(started.elapsed());
            cure_all(self, &mut whole, stop, left);
        }
        Ok((whole, paths))
    }

    /// What comes of each of the recordings, which share the budget. What is cut short by its share of the time is walked
    /// once more as long as the others have left it at least twice as much, and nothing is found that is to be explained in it.
    fn walked(
        &self,
        recordings: &[Prepared],
        started: Instant,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Vec<OfRecording> {
        let budget = &self.options.budget;
        let mut walked: Vec<Option<OfRecording>> = recordings.iter().map(|_| None).collect();
        let mut open: Vec<usize> = (0..recordings.len()).collect();
        let mut share = share_of(budget, started, open.len());
        while !open.is_empty() {
            for (done, nth) in open.iter().enumerate() {
                let before = walked[*nth].take();
                let known = walked.iter().flatten().filter_map(|of| Some(&of.as_ref().ok()?.0));
                let known: Vec<&Exploration> = known.collect();
                let time = share_of(budget, started, open.len() - done);
                let budget = Budget { time, ..without(budget, &known) };
                // What is not walked any more is counted all the same.
                let found = known.iter().any(|known| !known.findings.is_empty());
                let stops = stop.load(Ordering::Relaxed) || (budget.fail_fast && found);
                let stop = if stops { &AtomicBool::new(true) } else { stop };
                let mut now = self.of_recording(&recordings[*nth], budget, stop, report);
                if let (Some(Ok((before, _))), Ok((now, _))) = (before, &mut now) {
                    now.timing.seconds += before.timing.seconds;
                }
                walked[*nth] = Some(now);
            }
            let found = walked.iter().flatten().flatten().any(|(of, _)| !of.findings.is_empty());
            let is_cut = |of: &OfRecording| of.as_ref().is_ok_and(|(of, _)| is_cut_short(&of.coverage));
            open.retain(|nth| walked[*nth].as_ref().is_some_and(is_cut));
            let more = share_of(budget, started, open.len());
            if found || stop.load(Ordering::Relaxed) || more <= share.map(|share| 2 * share) {
                break;
            }
            share = more;
        }
        walked.into_iter().flatten().collect()
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

/// What came of one of the recordings, and the paths that recovery took.
type OfRecording = Result<(Exploration, Paths), RecordError>;

/// What is left of the time for one of so many recordings that are left.
fn share_of(budget: &Budget, started: Instant, left: usize) -> Option<Duration> {
    budget.time.map(|time| time.saturating_sub(started.elapsed()) / left.max(1) as u32)
}

/// Whether not everything was covered because the time was over.
fn is_cut_short(coverage: &Coverage) -> bool {
    let later = coverage.later.iter().map(|life| &life.left_out);
    later.chain([&coverage.left_out]).flatten().any(|why| why == TIME_IS_OVER)
}

/// What is left of a budget when so much is covered.
fn without(budget: &Budget, covered: &[&Exploration]) -> Budget {
    let (mut states, mut later) = (budget.states, budget.later);
    let less = |most: &mut Option<u64>, used: u64| *most = most.map(|most| most.saturating_sub(used));
    for Exploration { coverage, .. } in covered {
        less(&mut states, coverage.recoveries);
        coverage.later.iter().for_each(|life| less(&mut later, life.recoveries + life.known));
    }
    Budget { states, later, ..budget.clone() }
}
