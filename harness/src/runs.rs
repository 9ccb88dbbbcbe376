//! What can be done with a workload: run it, look at a state again, ask what its flushes are good for.

use crate::cures::cure_all;
use crate::explore::{Context, CrashImage, Keeping, Naming, Options, Paths, Progress, Recorded, Walk};
use crate::prepared::Prepared;
use crate::record::{RecordError, Run};
use crate::shrink::shrink;
use crate::sites::tell_sites;
use crate::tasks::{Replayed, advised, explored_with_paths, replay};
use crashcheck_outcome::{Advice, Coverage, Exploration, Timing, Verdict};
use crashcheck_trace::ReplayId;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

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
        let context = self.context()?;
        let options = &self.options;
        // The cause is looked for when a finding is small.
        let explain = options.explain && options.shrink.is_none();
        let options_of_walk = Options { explain, ..options.clone() };
        let (mut exploration, paths) = explored_with_paths(&context, &options_of_walk, stop, report);
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
        Ok((exploration, paths))
    }

    pub(crate) fn advise(
        &self,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Advice, RecordError> {
        Ok(advised(&self.context()?, &self.options, stop, report))
    }

    pub(crate) fn replay(&self, state: &ReplayId) -> Result<Replayed, RecordError> {
        Ok(replay(&self.context()?, state))
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
