//! What a reference system says of itself, so that the command can list and run it.

use crate::checks::{self, Checks};
use crate::explore::{Naming, Options, Paths, Progress};
use crate::explorer::explore;
use crate::generated::Recipe;
use crate::prepared::Prepared;
use crate::record::RecordError;
use crate::regression::{Regression, RegressionError};
use crate::replay::Replayed;
use crate::system::System;
use crashcheck_outcome::{Advice, Exploration, Verdict};
use crashcheck_trace::{ReplayId, Trace};
use std::sync::atomic::AtomicBool;
use thiserror::Error;

/// A seeded, named fault of a reference system: off by default, and found when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BugSwitch {
    /// Its name on the command line: `no-revoke`.
    pub name: &'static str,
    /// What goes wrong, in a sentence.
    pub about: &'static str,
    /// The promises that the findings in its workload name: `durable`, `no-foreign-data`, …
    pub breaks: &'static [&'static str],
    /// The codes of the checks that it violates: `JN-24`, `M4`.
    pub checks: &'static [&'static str],
    /// The workload that shows it.
    pub workload: &'static str,
    /// The device profile that shows it.
    pub profile: &'static str,
    /// How many lives must end in a crash to show it.
    pub lives: u8,
}

/// A named list of operations.
#[derive(Clone, Debug)]
pub struct Workload<Op> {
    /// Its name on the command line: `rename`.
    pub name: &'static str,
    /// What it exercises, in a sentence.
    pub about: &'static str,
    /// Operations that are run first, and whose crashes are not explored. The last of them makes all durable.
    pub setup: Vec<Op>,
    /// The operations.
    pub ops: Vec<Op>,
}

/// A bug switch that the system does not have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{system} has no bug switch '{name}'; it has: {known}")]
pub struct UnknownBug {
    /// The system.
    pub system: String,
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub known: String,
}

/// A system that comes with crashcheck, with its workloads and its bug switches.
pub trait Reference: System + Sized + 'static {
    /// Its name on the command line: `journal`.
    const NAME: &'static str;
    /// What it is, in a sentence.
    const ABOUT: &'static str;
    /// What it keeps its data on: `block`, `array`, `flash`, `cluster`.
    const MEDIUM: &'static str;
    /// The device profiles it is explored under if nothing else is asked for: the worst that it promises to survive.
    const PROFILES: &'static [&'static str] = &["reorder"];
    /// Whether it promises to survive flushes that fail, which takes a profile with `flush-error`.
    const FLUSH_ERRORS: bool = false;
    /// The faults it can be built with.
    const BUGS: &'static [BugSwitch];
    /// What the codes of the checks mean that those violate.
    const CHECKS: &'static [Checks] = &[];

    /// The system with the named faults switched on.
    ///
    /// # Errors
    /// If it has no such fault.
    fn with_bugs(bugs: &[String]) -> Result<Self, UnknownBug>;

    /// The workloads by name.
    fn workloads() -> Vec<Workload<Self::Op>>;

    /// A workload made from a seed; the same seed gives the same operations on every machine.
    fn generated(seed: u64) -> Vec<Self::Op>;
}

/// A reference system of whatever type, as the command sees it.
pub trait Subject: Send + Sync {
    /// Its name on the command line.
    fn name(&self) -> &str;

    /// What it is, in a sentence.
    fn about(&self) -> &str;

    /// What it keeps its data on.
    fn medium(&self) -> &'static str;

    /// The device profiles it is explored under if nothing else is asked for; at least one.
    fn profiles(&self) -> &[&'static str];

    /// The faults it can be built with.
    fn bugs(&self) -> &[BugSwitch];

    /// The workloads by name, with a sentence each.
    fn workloads(&self) -> Vec<(&'static str, &'static str)>;

    /// The trace of a workload.
    ///
    /// # Errors
    /// If there is no such workload or bug switch, or the system fails without any crash.
    fn record(&self, case: &Case) -> Result<Trace, CaseError>;

    /// Explores a workload. A system that fails without any crash is an exploration with that verdict.
    ///
    /// # Errors
    /// If there is no such workload or bug switch.
    fn explore(
        &self,
        case: &Case,
        options: &Options,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Exploration, CaseError> {
        self.explore_with_paths(case, options, stop, report).map(|(exploration, _)| exploration)
    }

    /// The same, and the paths that recovery took, for a [`Guide`](crate::Guide) to learn from.
    ///
    /// # Errors
    /// If there is no such workload or bug switch.
    fn explore_with_paths(
        &self,
        case: &Case,
        options: &Options,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<(Exploration, Paths), CaseError>;

    /// What each flush of a workload is good for.
    ///
    /// # Errors
    /// If there is no such workload or bug switch, or the system fails without any crash.
    fn advise(
        &self,
        case: &Case,
        options: &Options,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Advice, CaseError>;

    /// Looks at one crash state again. With `trace_hash` the trace must be the one that the state belongs to, or the
    /// replay counts as diverged.
    ///
    /// # Errors
    /// If there is no such workload or bug switch, or the system fails without any crash.
    fn replay(&self, case: &Case, options: &Options, state: &ReplayId) -> Result<Replayed, CaseError>;
}

/// A workload of a system, with some of its faults switched on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The workload: a name, or that of a [`Recipe`]: `generated-SEED`.
    pub workload: String,
    /// The bug switches.
    pub bugs: Vec<String>,
    /// The operations, if they are those of a stored failure.
    pub stored: Option<Regression>,
}

/// Why a case cannot be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CaseError {
    /// A bug switch that the system does not have.
    #[error(transparent)]
    Bug(#[from] UnknownBug),
    /// A workload that the system does not have.
    #[error("{system} has no workload '{name}'; it has: {known}, and generated-SEED")]
    Workload {
        /// The system.
        system: String,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A stored failure that cannot be used.
    #[error(transparent)]
    Regression(#[from] RegressionError),
    /// The system fails without any crash.
    #[error("the system fails without any crash: {0}")]
    Record(#[from] RecordError),
}

/// A reference system as the command sees it.
pub fn subject<R: Reference>() -> Box<dyn Subject> {
    Box::new(Entry::<R> {
        name: R::NAME.to_owned(),
        about: R::ABOUT.to_owned(),
        medium: R::MEDIUM,
        profiles: R::PROFILES.to_vec(),
        flush_errors: R::FLUSH_ERRORS,
        bugs: R::BUGS.to_vec(),
        checks: R::CHECKS,
        with_bugs: Box::new(R::with_bugs),
        workloads: R::workloads,
        generated: R::generated,
    })
}

/// Builds a system with the named faults switched on.
pub type Build<S> = Box<dyn Fn(&[String]) -> Result<S, UnknownBug> + Send + Sync>;

/// A [`Subject`] that is put together from its parts.
pub struct Entry<S: System> {
    /// See [`Reference::NAME`].
    pub name: String,
    /// See [`Reference::ABOUT`].
    pub about: String,
    /// See [`Reference::MEDIUM`].
    pub medium: &'static str,
    /// See [`Reference::PROFILES`].
    pub profiles: Vec<&'static str>,
    /// See [`Reference::FLUSH_ERRORS`].
    pub flush_errors: bool,
    /// See [`Reference::BUGS`].
    pub bugs: Vec<BugSwitch>,
    /// See [`Reference::CHECKS`].
    pub checks: &'static [Checks],
    /// See [`Reference::with_bugs`].
    pub with_bugs: Build<S>,
    /// See [`Reference::workloads`].
    pub workloads: fn() -> Vec<Workload<S::Op>>,
    /// See [`Reference::generated`].
    pub generated: fn(u64) -> Vec<S::Op>,
}

impl<S: System + 'static> Entry<S> {
    fn prepare(&self, case: &Case, options: &Options) -> Result<Prepared, CaseError> {
        let system = (self.with_bugs)(&case.bugs)?;
        let explorer = explore(system).options(options.clone());
        if let Some(stored) = &case.stored {
            let prepared = explorer.stored(stored)?.prepared;
            return Ok(prepared.named(self.naming(case)).with_lives(options.lives));
        }
        let Workload { setup, ops, .. } = self.workload(&case.workload)?;
        Ok(explorer.workload(ops).after(setup).prepared.named(self.naming(case)))
    }

    fn naming(&self, case: &Case) -> Naming {
        let switches = self.bugs.iter().filter(|bug| case.bugs.iter().any(|name| name == bug.name));
        Naming {
            system: self.name.clone(),
            bugs: case.bugs.clone(),
            checks: switches.flat_map(|bug| bug.checks).map(|code| checks::told(self.checks, code)).collect(),
            workload: case.workload.clone(),
            ..Naming::default()
        }
    }

    fn workload(&self, name: &str) -> Result<Workload<S::Op>, CaseError> {
        if let Some(recipe) = Recipe::named(name) {
            let about = "Operations made from seeds.";
            let ops = recipe.make(&self.generated);
            return Ok(Workload { name: "generated", about, setup: Vec::new(), ops });
        }
        let known = self.workloads().iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let unknown = CaseError::Workload { system: self.name.clone(), name: name.to_owned(), known };
        (self.workloads)().into_iter().find(|workload| workload.name == name).ok_or(unknown)
    }
}

impl<S: System + 'static> Subject for Entry<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn about(&self) -> &str {
        &self.about
    }

    fn medium(&self) -> &'static str {
        self.medium
    }

    fn profiles(&self) -> &[&'static str] {
        &self.profiles
    }

    fn bugs(&self) -> &[BugSwitch] {
        &self.bugs
    }

    fn workloads(&self) -> Vec<(&'static str, &'static str)> {
        (self.workloads)().into_iter().map(|workload| (workload.name, workload.about)).collect()
    }

    fn record(&self, case: &Case) -> Result<Trace, CaseError> {
        Ok(self.prepare(case, &Options::default())?.record()?.trace)
    }

    fn explore_with_paths(
        &self,
        case: &Case,
        options: &Options,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<(Exploration, Paths), CaseError> {
        let prepared = self.prepare(case, options)?;
        if options.profile.faults.flush_error && !self.flush_errors {
            let reason = format!("{} does not promise to survive a flush that fails", self.name);
            return Ok((prepared.not_explored(Verdict::NotMeasured, reason), Paths::default()));
        }
        let explored = prepared.run(stop, report);
        Ok(explored.unwrap_or_else(|error| (prepared.broken(&error), Paths::default())))
    }

    fn advise(
        &self,
        case: &Case,
        options: &Options,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Advice, CaseError> {
        Ok(self.prepare(case, options)?.advise(stop, report)?)
    }

    fn replay(&self, case: &Case, options: &Options, state: &ReplayId) -> Result<Replayed, CaseError> {
        Ok(self.prepare(case, options)?.replay(state)?)
    }
}
