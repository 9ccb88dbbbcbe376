//! What can be done with a workload: run it, look at a state again, ask what its flushes are good for.

use crate::explore::{Context, CrashImage, Keeping, Naming, Options, Progress, Recorded, Walk};
use crate::explorer::WithWorkload;
use crate::record::{RecordError, Recording, record_after};
use crate::shrink::shrink;
use crate::system::System;
use crate::tasks::{Replayed, advised, explored, replay};
use crashcheck_trace::ReplayId;
use crashcheck_trace::outcome::{Advice, Coverage, Exploration, Timing, Verdict};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError};

impl<S: System + 'static> WithWorkload<S> {
    /// Records the workload.
    fn recorded(&self) -> Result<Recording<Arc<S>>, RecordError> {
        let (setup, ops) = self.operations();
        record_after(self.system(), setup, ops.to_vec())
    }

    /// Explores, and returns what came of it.
    ///
    /// # Errors
    /// If the system fails without any crash.
    pub fn run(&self) -> Result<Exploration, RecordError> {
        self.run_with(&AtomicBool::new(false), |_| ())
    }

    /// Explores until done or told to stop, and reports how far it is.
    ///
    /// # Errors
    /// If the system fails without any crash.
    pub fn run_with(
        &self,
        stop: &AtomicBool,
        mut report: impl FnMut(Progress),
    ) -> Result<Exploration, RecordError> {
        let mut exploration = self.unshrunk(stop, &mut report)?;
        shrink(self, &mut exploration, stop, &mut report);
        Ok(exploration)
    }

    /// What is found, not yet shrunk.
    pub(crate) fn unshrunk(
        &self,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Exploration, RecordError> {
        let recording = self.recorded()?;
        let context = self.context(recording);
        let options = self.options();
        // The cause is looked for when a finding is small.
        let explain = options.explain && options.shrink.is_none();
        let mut exploration = explored(&context, &Options { explain, ..options.clone() }, stop, report);
        for finding in &mut exploration.findings {
            finding.setup = self.setup_in_words();
        }
        Ok(exploration)
    }

    /// Explores, and then once more without each of the flushes, to see what it is good for.
    ///
    /// # Errors
    /// If the system fails without any crash.
    pub fn advise(&self, stop: &AtomicBool, report: impl FnMut(Progress)) -> Result<Advice, RecordError> {
        let recording = self.recorded()?;
        let context = self.context(recording);
        Ok(advised(&context, self.options(), stop, report))
    }

    /// Looks at one crash state again. If the trace is another one than the state belongs to, the replay counts as
    /// diverged.
    ///
    /// # Errors
    /// If the system fails without any crash.
    pub fn replay(&self, state: &ReplayId) -> Result<Replayed, RecordError> {
        let recording = self.recorded()?;
        Ok(replay(&self.context(recording), state))
    }

    /// The crash states that [`run`](Self::run) recovers from on one thread, as whole images: for tools that want files,
    /// and for the comparison of an explored state with a plain image.
    ///
    /// # Errors
    /// If the system fails without any crash.
    pub fn images(&self) -> Result<Vec<CrashImage>, RecordError> {
        let recording = self.recorded()?;
        let (trace, naming) = (Arc::new(recording.trace.clone()), Naming::default());
        let options = Options { jobs: 1, lives: 1, ..self.options().clone() };
        let kept = Arc::default();
        let instance = Recorded::new(Arc::clone(self.system()), recording);
        let instance = Keeping { instance, kept: Arc::clone(&kept) };
        let context = Arc::new(Context::new(instance, naming, trace, &options));
        Walk::new(context, &options, &AtomicBool::new(false)).run(|_| ());
        Ok(std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// What there is to say when the system fails without any crash.
    pub(crate) fn broken(&self, error: &RecordError) -> Exploration {
        broken(self.naming(), self.options(), error)
    }
}

/// What there is to say of a system that fails without any crash.
fn broken(naming: &Naming, options: &Options, error: &RecordError) -> Exploration {
    Exploration {
        system: naming.system.clone(),
        bugs: naming.bugs.clone(),
        about: None,
        workload: naming.workload.clone(),
        profile: options.profile.name.clone(),
        strategy: options.strategy.name(),
        lives: options.lives,
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
