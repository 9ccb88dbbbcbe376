//! The door: `explore(system).workload(ops).check()`.

use crate::System;
use crate::explore::{
    Budget, Context, CrashImage, Keeping, Limits, Naming, Options, Progress, Recorded, Walk, advised,
    explored, replay,
};
use crate::profile::Profile;
use crate::record::{RecordError, Recording, record_after};
use crate::strategy::StrategyKind;
use crashcheck_trace::ReplayId;
use crashcheck_trace::outcome::{Advice, Coverage, Exploration, Finding, Timing, Verdict};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError};

/// Explores the crash states of a system. See the [crate documentation](crate).
pub fn explore<S: System + 'static>(system: S) -> Explorer<S> {
    let name = system.name();
    let options = Options { profile: Profile::of(&system.devices()), ..Options::default() };
    Explorer { system: Arc::new(system), options, naming: Naming::new(name) }
}

/// A system about to be explored.
pub struct Explorer<S> {
    system: Arc<S>,
    options: Options,
    naming: Naming,
}

impl<S> Clone for Explorer<S> {
    fn clone(&self) -> Self {
        let Explorer { system, options, naming } = self;
        Explorer { system: Arc::clone(system), options: options.clone(), naming: naming.clone() }
    }
}

/// A system about to be explored under one workload.
pub struct WithWorkload<S: System> {
    explorer: Explorer<S>,
    setup: Vec<S::Op>,
    ops: Vec<S::Op>,
}

impl<S: System + 'static> Explorer<S> {
    /// All settings at once.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// What the device may leave behind; by default `reorder`, and `cluster` on a cluster.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.options.profile = profile;
        self
    }

    /// How often recovery itself may crash; by default never.
    #[must_use]
    pub fn nested(mut self, depth: u8) -> Self {
        self.options.nested = depth;
        self
    }

    /// How to walk the choices; by default few deviations first.
    #[must_use]
    pub fn walk(mut self, strategy: StrategyKind) -> Self {
        self.options.strategy = strategy;
        self
    }

    /// How much to do; by default everything.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.options.budget = budget;
        self
    }

    /// What one recovery may use.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// Worker threads; by default one for each core.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.options.jobs = jobs;
        self
    }

    /// Runs these operations.
    #[must_use]
    pub fn workload(self, ops: impl IntoIterator<Item = S::Op>) -> WithWorkload<S> {
        WithWorkload { explorer: self, setup: Vec::new(), ops: ops.into_iter().collect() }
    }

    /// The name of the system.
    pub(crate) fn name(&self) -> &str {
        &self.naming.system
    }

    pub(crate) fn named(mut self, naming: Naming) -> Self {
        self.naming = naming;
        self
    }

    fn context(&self, recording: Recording<Arc<S>>) -> Arc<Context<Recorded<Arc<S>>>> {
        let trace = Arc::new(recording.trace.clone());
        let naming = Naming { trace_hash: trace.fingerprint(), ..self.naming.clone() };
        let instance = Recorded::new(Arc::clone(&self.system), recording);
        Arc::new(Context::new(instance, naming, trace, &self.options))
    }
}

impl<S: System + 'static> WithWorkload<S> {
    /// Runs other operations first, whose crashes are not explored. The last of them should make all durable.
    #[must_use]
    pub fn after(mut self, setup: impl IntoIterator<Item = S::Op>) -> Self {
        self.setup = setup.into_iter().collect();
        self
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
        report: impl FnMut(Progress),
    ) -> Result<Exploration, RecordError> {
        let recording = record_after(&self.explorer.system, &self.setup, self.ops.clone())?;
        let context = self.explorer.context(recording);
        let options = &self.explorer.options;
        Ok(explored(&context, options, stop, report))
    }

    /// Explores, and then once more without each of the flushes, to see what it is good for.
    ///
    /// # Errors
    /// If the system fails without any crash.
    pub fn advise(&self, stop: &AtomicBool, report: impl FnMut(Progress)) -> Result<Advice, RecordError> {
        let recording = record_after(&self.explorer.system, &self.setup, self.ops.clone())?;
        let context = self.explorer.context(recording);
        Ok(advised(&context, &self.explorer.options, stop, report))
    }

    /// Looks at one crash state again. If the trace is another one than the state belongs to, the replay counts as
    /// diverged.
    ///
    /// # Errors
    /// If the system fails without any crash.
    pub fn replay(&self, state: &ReplayId) -> Result<Replayed, RecordError> {
        let recording = record_after(&self.explorer.system, &self.setup, self.ops.clone())?;
        Ok(replay(&self.explorer.context(recording), state))
    }

    /// The crash states that [`run`](Self::run) recovers from on one thread, as whole images: for tools that want files,
    /// and for the comparison of an explored state with a plain image.
    ///
    /// # Errors
    /// If the system fails without any crash.
    pub fn images(&self) -> Result<Vec<CrashImage>, RecordError> {
        let recording = record_after(&self.explorer.system, &self.setup, self.ops.clone())?;
        let (trace, naming) = (Arc::new(recording.trace.clone()), Naming::default());
        let options = Options { jobs: 1, nested: 0, ..self.explorer.options.clone() };
        let kept = Arc::default();
        let instance = Recorded::new(Arc::clone(&self.explorer.system), recording);
        let instance = Keeping { instance, kept: Arc::clone(&kept) };
        let context = Arc::new(Context::new(instance, naming, trace, &options));
        Walk::new(context, &options, &AtomicBool::new(false)).run(|_| ());
        Ok(std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// What there is to say when the system fails without any crash.
    pub(crate) fn broken(&self, error: &RecordError) -> Exploration {
        broken(&self.explorer.naming, &self.explorer.options, error)
    }

    /// What is wrong, if something is; a workload in which there is nothing to judge is not.
    pub(crate) fn failure(&self) -> Option<String> {
        match self.run() {
            Ok(exploration) if exploration.verdict == Verdict::NotMeasured => None,
            Ok(exploration) => failure(&exploration),
            Err(error) => Some(format!("the system fails without any crash: {error}")),
        }
    }

    /// Explores, prints what was covered, and panics with the findings if there are any.
    ///
    /// # Panics
    /// If a promise is broken, if the system fails without any crash, or if there was nothing to judge.
    pub fn check(&self) {
        match self.run() {
            Ok(exploration) => match failure(&exploration) {
                None => println!("{}", summary(&exploration)),
                Some(text) => panic!("{text}"),
            },
            Err(error) => panic!("{}: {error}", self.explorer.naming.system),
        }
    }
}

/// What came of looking at one crash state again.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The broken promise, told as a finding; `None` if none is broken.
    pub finding: Option<Finding>,
    /// What recovery shows, in words.
    pub shows: String,
    /// Whether the answers did not fit the questions that were asked: the trace or recovery has changed.
    pub diverged: bool,
}

/// What was covered, in a line.
pub fn summary(exploration: &Exploration) -> String {
    let Coverage { total, represented, recoveries, known, .. } = &exploration.coverage;
    let Exploration { system, workload, profile, .. } = exploration;
    format!(
        "{system}:{workload} under {profile}: {represented} of {total} crash states covered by {recoveries} recoveries \
         ({known} more known), {} findings",
        exploration.findings.len()
    )
}

fn failure(exploration: &Exploration) -> Option<String> {
    let reason = exploration.reason.clone().unwrap_or_default();
    match exploration.verdict {
        Verdict::Survived | Verdict::DeviceLies => None,
        Verdict::NotMeasured => Some(format!("{}: not measured: {reason}", exploration.system)),
        Verdict::Broken => Some(format!("{} fails without any crash: {reason}", exploration.system)),
        Verdict::Lost => {
            let findings: Vec<String> = exploration
                .findings
                .iter()
                .map(|finding| format!("{finding}\n  id:           {}", finding.id))
                .collect();
            Some(format!("{}\n\n{}", summary(exploration), findings.join("\n\n")))
        }
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
        strategy: options.strategy.to_string(),
        nested: options.nested,
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
