//! What a reference system says of itself, so that the command can list and run it.

use crate::System;
use crate::explore::{Naming, Options, Progress};
use crate::explorer::{Replayed, WithWorkload, explore};
use crate::profile::Profile;
use crate::record::{RecordError, record_after};
use crashcheck_trace::outcome::Exploration;
use crashcheck_trace::{ReplayId, Trace};
use std::marker::PhantomData;
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
    /// The checks that it violates: `JN-24`, `M4`.
    pub checks: &'static [&'static str],
    /// The workload that shows it.
    pub workload: &'static str,
    /// The device profile that shows it.
    pub profile: &'static str,
    /// How often recovery must crash itself to show it.
    pub nested: u8,
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
    pub system: &'static str,
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
    /// What it keeps its data on: `block`, `flash`, `cluster`.
    const MEDIUM: &'static str;
    /// The faults it can be built with.
    const BUGS: &'static [BugSwitch];

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
    fn name(&self) -> &'static str;

    /// What it is, in a sentence.
    fn about(&self) -> &'static str;

    /// What it keeps its data on.
    fn medium(&self) -> &'static str;

    /// The faults it can be built with.
    fn bugs(&self) -> &'static [BugSwitch];

    /// The device profile under which it is explored where none is asked for.
    fn profile(&self) -> Profile;

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
    ) -> Result<Exploration, CaseError>;

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
    /// The workload: a name, or `generated-SEED`.
    pub workload: String,
    /// The bug switches.
    pub bugs: Vec<String>,
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
        system: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The system fails without any crash.
    #[error("the system fails without any crash: {0}")]
    Record(#[from] RecordError),
}

/// A reference system as the command sees it.
pub fn subject<R: Reference>() -> Box<dyn Subject> {
    Box::new(Entry::<R>(PhantomData))
}

struct Entry<R>(PhantomData<fn() -> R>);

impl<R: Reference> Entry<R> {
    fn prepare(&self, case: &Case, options: &Options) -> Result<WithWorkload<R>, CaseError> {
        let system = R::with_bugs(&case.bugs)?;
        let switches = R::BUGS.iter().filter(|bug| case.bugs.iter().any(|name| name == bug.name));
        let naming = Naming {
            system: R::NAME.to_owned(),
            bugs: case.bugs.clone(),
            checks: switches.flat_map(|bug| bug.checks).map(ToString::to_string).collect(),
            workload: case.workload.clone(),
            ..Naming::default()
        };
        let explorer = explore(system).options(options.clone()).named(naming);
        let Workload { setup, ops, .. } = self.workload(&case.workload)?;
        Ok(explorer.workload(ops).after(setup))
    }

    fn workload(&self, name: &str) -> Result<Workload<R::Op>, CaseError> {
        if let Some(seed) = name.strip_prefix("generated-").and_then(|seed| seed.parse().ok()) {
            let about = "Operations made from a seed.";
            return Ok(Workload { name: "generated", about, setup: Vec::new(), ops: R::generated(seed) });
        }
        let known = self.workloads().iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let unknown = CaseError::Workload { system: R::NAME, name: name.to_owned(), known };
        R::workloads().into_iter().find(|workload| workload.name == name).ok_or(unknown)
    }
}

impl<R: Reference> Subject for Entry<R> {
    fn name(&self) -> &'static str {
        R::NAME
    }

    fn about(&self) -> &'static str {
        R::ABOUT
    }

    fn medium(&self) -> &'static str {
        R::MEDIUM
    }

    fn bugs(&self) -> &'static [BugSwitch] {
        R::BUGS
    }

    fn profile(&self) -> Profile {
        R::with_bugs(&[]).map_or_else(|_| Profile::default(), |system| Profile::of(&system.devices()))
    }

    fn workloads(&self) -> Vec<(&'static str, &'static str)> {
        R::workloads().into_iter().map(|workload| (workload.name, workload.about)).collect()
    }

    fn record(&self, case: &Case) -> Result<Trace, CaseError> {
        let system = R::with_bugs(&case.bugs)?;
        let Workload { setup, ops, .. } = self.workload(&case.workload)?;
        Ok(record_after(&system, &setup, ops)?.trace)
    }

    fn explore(
        &self,
        case: &Case,
        options: &Options,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Exploration, CaseError> {
        let prepared = self.prepare(case, options)?;
        Ok(prepared.run_with(stop, report).unwrap_or_else(|error| prepared.broken(&error)))
    }

    fn replay(&self, case: &Case, options: &Options, state: &ReplayId) -> Result<Replayed, CaseError> {
        Ok(self.prepare(case, options)?.replay(state)?)
    }
}
