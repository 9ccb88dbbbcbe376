//! What can be done with a workload: run it, look at a state again, ask what its flushes are good for.

use crate::cures::cure_all;
use crate::explore::{Context, CrashImage, Keeping, Naming, Options, Progress, Recorded, Walk, Watched};
use crate::prepared::Prepared;
use crate::record::{RecordError, Run};
use crate::replay::{Replayed, replay};
use crate::shrink::shrink;
use crate::sites::tell_sites;
use crate::tasks::{advised, explored};
use crashcheck_outcome::{Advice, Coverage, Exploration, Timing, Verdict};
use crashcheck_trace::ReplayId;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

impl Prepared {
    pub(crate) fn run(
        &self,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Exploration, RecordError> {
        let mut exploration = self.unshrunk(stop, report)?;
        shrink(self, &mut exploration, stop, report);
        Ok(exploration)
    }

    /// What is found, not yet shrunk.
    pub(crate) fn unshrunk(
        &self,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Exploration, RecordError> {
        let context = self.context()?;
        let options = &self.options;
        // The cause is looked for when a finding is small.
        let explain = options.explain && options.shrink.is_none();
        let mut exploration = explored(&context, &Options { explain, ..options.clone() }, stop, report);
        for finding in &mut exploration.findings {
            finding.setup = self.setup_in_words();
            if explain {
                tell_sites(self, finding);
            }
        }
        if explain {
            let left = options.budget.time_left(Duration::from_secs_f64(exploration.timing.seconds));
            cure_all(self, &mut exploration, stop, left);
        }
        Ok(exploration)
    }

    pub(crate) fn advise(
        &self,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Advice, RecordError> {
        Ok(advised(&self.context()?, &self.options, stop, report))
    }

    pub(crate) fn replay(&self, state: &ReplayId) -> Result<Replayed, RecordError> {
        self.replay_watched(state, Watched::Kept)
    }

    /// The same, for somebody who looks on.
    pub(crate) fn replay_watched(&self, state: &ReplayId, watched: Watched) -> Result<Replayed, RecordError> {
        let mut prepared = self.clone();
        if watched == Watched::Stopped {
            // Whoever uses a debugger takes their time.
            prepared.options.limits.time = Duration::MAX;
        }
        let mut replayed = replay(&prepared.context()?, &self.options, state, watched);
        if let Some(crash) = &mut replayed.crash {
            crash.state.setup = self.setup_in_words();
            tell_sites(self, &mut crash.state);
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
        Exploration {
            system: self.naming.system.clone(),
            bugs: self.naming.bugs.clone(),
            about: None,
            workload: self.naming.workload.clone(),
            profile: self.options.profile.name.clone(),
            strategy: self.options.strategy.name(),
            lives: self.options.lives,
            verdict: Verdict::Broken,
            reason: Some(error.to_string()),
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
