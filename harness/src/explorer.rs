//! The door: `explore(system).workload(ops).check()`.

use crate::explore::{Budget, Context, Limits, Naming, Options, Recorded, Shrink, shortened};
use crate::profile::Profile;
use crate::record::Recording;
use crate::regression::{Regression, RegressionError};
use crate::strategy::Walking;
use crate::system::System;
use std::path::PathBuf;
use std::sync::Arc;

/// Explores the crash states of a system. See the [crate documentation](crate).
pub fn explore<S: System + 'static>(system: S) -> Explorer<S> {
    let name = system.name();
    let options = Options { profile: Profile::of(&system.devices()), ..Options::default() };
    Explorer { system: Arc::new(system), options, naming: Naming::new(name), stores: true }
}

/// A system about to be explored.
pub struct Explorer<S> {
    system: Arc<S>,
    pub(crate) options: Options,
    pub(crate) naming: Naming,
    /// Whether a failing check is stored where the package keeps its regressions.
    pub(crate) stores: bool,
}

impl<S> Clone for Explorer<S> {
    fn clone(&self) -> Self {
        let Explorer { system, options, naming, stores } = self;
        let (system, stores) = (Arc::clone(system), *stores);
        Explorer { system, options: options.clone(), naming: naming.clone(), stores }
    }
}

/// A system about to be explored under one workload.
pub struct WithWorkload<S: System> {
    pub(crate) explorer: Explorer<S>,
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

    /// How many lives end in a crash; by default 2. A life is what happens from power-on to power-off. The first is the
    /// workload; the second is the recovery from its crash and the operations that follow, and so on. With 1 only the
    /// workload is crashed.
    #[must_use]
    pub fn lives(mut self, lives: u8) -> Self {
        self.options.lives = lives.max(1);
        self
    }

    /// How to walk the choices: a [`StrategyKind`](crate::StrategyKind), or [your own](crate::Strategies); by default few
    /// deviations first.
    #[must_use]
    pub fn strategy(mut self, strategy: impl Into<Walking>) -> Self {
        self.options.strategy = strategy.into();
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

    /// How to shrink what is found. `check` does so by itself, `run` only if it is asked for.
    #[must_use]
    pub fn shrink(mut self, how: Shrink) -> Self {
        self.options.shrink = Some(how);
        self
    }

    /// Stores shrunk failures in this folder, and explores those that are there first. By default `check` takes the folder
    /// `regressions` of the package that is tested, and `run` none.
    #[must_use]
    pub fn regressions(mut self, folder: impl Into<PathBuf>) -> Self {
        self.options.regressions = Some(folder.into());
        self
    }

    /// Stores no failures.
    #[must_use]
    pub fn without_regressions(mut self) -> Self {
        self.options.regressions = None;
        self.stores = false;
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

    /// Runs the operations of a stored failure, and crashes as many lives as it takes to show it.
    ///
    /// # Errors
    /// If an operation is none that the system has.
    pub fn stored(mut self, regression: &Regression) -> Result<WithWorkload<S>, RegressionError> {
        let (setup, ops) = regression.workload()?;
        self.naming.workload = regression.name();
        self.options.lives = self.options.lives.max(regression.lives);
        Ok(self.workload(ops).after(setup))
    }

    /// The name of the system.
    pub(crate) fn name(&self) -> &str {
        &self.naming.system
    }

    pub(crate) fn named(mut self, naming: Naming) -> Self {
        self.naming = naming;
        self
    }

    fn context(&self, recording: Recording<Arc<S>>) -> Arc<Context> {
        let trace = Arc::new(recording.trace.clone());
        let naming = Naming { trace_hash: trace.fingerprint(), ..self.naming.clone() };
        let instance = Recorded::new(Arc::clone(&self.system), recording);
        Arc::new(Context::new(instance, naming, trace, &self.options))
    }
}

impl<S: System> Clone for WithWorkload<S> {
    fn clone(&self) -> Self {
        let WithWorkload { explorer, setup, ops } = self;
        WithWorkload { explorer: explorer.clone(), setup: setup.clone(), ops: ops.clone() }
    }
}

/// For those who make a workload smaller.
impl<S: System + 'static> WithWorkload<S> {
    pub(crate) fn system(&self) -> &Arc<S> {
        &self.explorer.system
    }

    pub(crate) fn options(&self) -> &Options {
        &self.explorer.options
    }

    pub(crate) fn naming(&self) -> &Naming {
        &self.explorer.naming
    }

    /// The operations that are run first, and those that are explored.
    pub(crate) fn operations(&self) -> (&[S::Op], &[S::Op]) {
        (&self.setup, &self.ops)
    }

    /// The same with other operations.
    pub(crate) fn with(&self, setup: Vec<S::Op>, ops: Vec<S::Op>) -> Self {
        WithWorkload { explorer: self.explorer.clone(), setup, ops }
    }

    /// The same under another name.
    pub(crate) fn named(mut self, naming: Naming) -> Self {
        self.explorer.naming = naming;
        self
    }

    /// The same with so many lives that end in a crash.
    pub(crate) fn with_lives(mut self, lives: u8) -> Self {
        self.explorer.options.lives = lives;
        self
    }

    pub(crate) fn context(&self, recording: Recording<Arc<S>>) -> Arc<Context> {
        self.explorer.context(recording)
    }
}

impl<S: System + 'static> WithWorkload<S> {
    /// Runs other operations first, whose crashes are not explored. The last of them should make all durable.
    #[must_use]
    pub fn after(mut self, setup: impl IntoIterator<Item = S::Op>) -> Self {
        self.setup = setup.into_iter().collect();
        self
    }

    /// The operations that are run first, the last of them.
    pub(crate) fn setup_in_words(&self) -> Vec<String> {
        const MOST: usize = 20;
        let last = &self.setup[self.setup.len().saturating_sub(MOST)..];
        last.iter().map(|op| shortened(&format!("{op:?}"))).collect()
    }
}
