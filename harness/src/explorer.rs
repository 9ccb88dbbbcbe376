//! The door: `explore(system).workload(ops).check()`.

use crate::erased::Op;
use crate::explore::{Budget, CrashImage, Limits, Naming, Options, Progress, Shrink};
use crate::prepared::Prepared;
use crate::profile::Profile;
use crate::record::RecordError;
use crate::regression::{Regression, RegressionError};
use crate::replay::Replayed;
use crate::strategy::Walking;
use crate::system::System;
use crashcheck_outcome::{Advice, Exploration};
use crashcheck_trace::ReplayId;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Explores the crash states of a system. See the [crate documentation](crate).
pub fn explore<S: System + 'static>(system: S) -> Explorer<S> {
    let name = system.name();
    let options = Options { profile: Profile::of(&system.devices()), ..Options::default() };
    let (setup, ops, rules, flushes) = (Vec::new(), Vec::new(), Arc::default(), Arc::default());
    let naming = Naming::new(name);
    let system = Arc::new(system);
    let (stores, in_process, reports, asked) = (true, false, None, None);
    Explorer::of(Prepared {
        system,
        options,
        naming,
        stores,
        in_process,
        reports,
        asked,
        setup,
        ops,
        rules,
        flushes,
    })
}

/// A system about to be explored.
pub struct Explorer<S> {
    pub(crate) prepared: Prepared,
    typed: PhantomData<fn() -> S>,
}

/// A system about to be explored under one workload.
pub struct WithWorkload<S> {
    pub(crate) prepared: Prepared,
    typed: PhantomData<fn() -> S>,
}

impl<S> Clone for Explorer<S> {
    fn clone(&self) -> Self {
        Explorer::of(self.prepared.clone())
    }
}

impl<S> Clone for WithWorkload<S> {
    fn clone(&self) -> Self {
        WithWorkload { prepared: self.prepared.clone(), typed: PhantomData }
    }
}

impl<S> Explorer<S> {
    pub(crate) fn of(prepared: Prepared) -> Self {
        Explorer { prepared, typed: PhantomData }
    }
}

impl<S: System + 'static> Explorer<S> {
    /// All settings at once.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.prepared.options = options;
        self
    }

    /// What the device may leave behind; by default `reorder`, `flash` on flash chips, and `cluster` on a cluster.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.prepared.options.profile = profile;
        self
    }

    /// How many lives end in a crash; by default 2. A life is what happens from power-on to power-off. The first is the
    /// workload; the second is the recovery from its crash and the operations that follow, and so on. With 1 only the
    /// workload is crashed.
    #[must_use]
    pub fn lives(mut self, lives: u8) -> Self {
        self.prepared.options.lives = lives.max(1);
        self
    }

    /// How to walk the choices: a [`StrategyKind`](crate::StrategyKind), or [your own](crate::Strategies); by default few
    /// deviations first.
    #[must_use]
    pub fn strategy(mut self, strategy: impl Into<Walking>) -> Self {
        self.prepared.options.strategy = strategy.into();
        self
    }

    /// How much to do; by default everything.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.prepared.options.budget = budget;
        self
    }

    /// What one recovery may use.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.prepared.options.limits = limits;
        self
    }

    /// How to shrink what is found. `check` does so by itself, `run` only if it is asked for.
    #[must_use]
    pub fn shrink(mut self, how: Shrink) -> Self {
        self.prepared.options.shrink = Some(how);
        self
    }

    /// Stores shrunk failures in this folder, and explores those that are there first. By default `check` takes the folder
    /// `regressions` of the package that is tested, and `run` none.
    #[must_use]
    pub fn regressions(mut self, folder: impl Into<PathBuf>) -> Self {
        self.prepared.options.regressions = Some(folder.into());
        self
    }

    /// Stores no failures.
    #[must_use]
    pub fn without_regressions(mut self) -> Self {
        self.prepared.options.regressions = None;
        self.prepared.stores = false;
        self
    }

    /// Where a failing [`check`](WithWorkload::check) writes its report, as a page and as data. By default that is `crashcheck`
    /// in the target folder of cargo, and nowhere where [nothing is stored](Self::without_regressions).
    #[must_use]
    pub fn reports(mut self, folder: impl Into<PathBuf>) -> Self {
        self.prepared.reports = Some(folder.into());
        self
    }

    /// Lets [`check`](WithWorkload::check) explore in the process of its test: for debuggers, and for a system that tells the
    /// test something in memory. Then a recovery that takes its process down ends the tests. The environment variable
    /// `CRASHCHECK_IN_PROCESS=1` does the same for all tests.
    #[must_use]
    pub fn in_process(mut self) -> Self {
        self.prepared.in_process = true;
        self
    }

    /// Worker threads; by default one for each core.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.prepared.options.jobs = jobs;
        self
    }

    /// Runs these operations.
    #[must_use]
    pub fn workload(self, ops: impl IntoIterator<Item = S::Op>) -> WithWorkload<S> {
        let prepared = self.prepared.with(Vec::new(), ops.into_iter().map(Op::new).collect());
        WithWorkload { prepared, typed: PhantomData }
    }

    /// Runs the operations of a stored failure, and crashes as many lives as it takes to show it.
    ///
    /// # Errors
    /// If an operation is none that the system has.
    pub fn stored(self, regression: &Regression) -> Result<WithWorkload<S>, RegressionError> {
        Ok(WithWorkload { prepared: self.prepared.stored(regression)?, typed: PhantomData })
    }
}

impl<S: System + 'static> WithWorkload<S> {
    /// Runs other operations first, whose crashes are not explored. The last of them should make all durable; the system
    /// must show then what the model says.
    #[must_use]
    pub fn after(mut self, setup: impl IntoIterator<Item = S::Op>) -> Self {
        self.prepared.setup = setup.into_iter().map(Op::new).collect();
        self
    }

    /// Explores, and returns what came of it. All of that happens in this process: a recovery that takes it down (it exits,
    /// aborts, overflows its stack) ends it. [`check`](Self::check) and the [`supervise`](crate::supervise) module find it.
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
        Ok(self.prepared.run(stop, &mut report)?.0)
    }

    /// Explores, prints what was covered, and panics with the findings if there are any, each shrunk and stored. What was
    /// stored before is explored first. A page about what was found is written as well, see [`reports`](Explorer::reports).
    ///
    /// Each finding ends with a line that looks at its crash state alone: `CRASHCHECK_REPLAY=ID cargo test NAME`. With that
    /// variable a check explores nothing. It looks at the state, in its own process, panics with the finding, or says that
    /// the state passes now; a check of something else does nothing. With `CRASHCHECK_REPLAY_STOP=1` as well, the process
    /// stops (SIGSTOP) before each recovery, says its number, and waits for a debugger, without a limit of time.
    ///
    /// A recovery that takes its process down (it exits, aborts, overflows its stack) is a finding, too: in a test, the
    /// test binary is run once more for this test alone, and that child explores. It repeats what the test does before this
    /// call, and nothing of what comes after it; what the system notes in memory stays in the child. It explores in this
    /// process where there is no such test (an example, a doctest), where the child comes to other operations, as if
    /// they are random, and where it is [told to](Explorer::in_process).
    ///
    /// # Panics
    /// If a promise is broken, if the system fails without any crash, or if there was nothing to judge.
    #[track_caller]
    pub fn check(&self) {
        self.prepared.check();
    }

    /// Explores, and then once more without each of the flushes, to see what it is good for.
    ///
    /// # Errors
    /// If the system fails without any crash.
    pub fn advise(&self, stop: &AtomicBool, mut report: impl FnMut(Progress)) -> Result<Advice, RecordError> {
        self.prepared.advise(stop, &mut report)
    }

    /// Looks at one crash state again. If the trace is another one than the state belongs to, the replay counts as
    /// diverged.
    ///
    /// # Errors
    /// If the system fails without any crash.
    pub fn replay(&self, state: &ReplayId) -> Result<Replayed, RecordError> {
        self.prepared.replay(state)
    }

    /// The crash states that [`run`](Self::run) recovers from on one thread, as whole images: for tools that want files,
    /// and for the comparison of an explored state with a plain image.
    ///
    /// # Errors
    /// If the system fails without any crash.
    pub fn images(&self) -> Result<Vec<CrashImage>, RecordError> {
        self.prepared.images()
    }
}
