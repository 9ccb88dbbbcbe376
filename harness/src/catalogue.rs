//! What a reference system says of itself, so that the command can list and run it.

use crate::System;
use thiserror::Error;

/// A seeded, named fault of a reference system: off by default, and found when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BugSwitch {
    /// Its name on the command line: `no-revoke`.
    pub name: &'static str,
    /// What goes wrong, in a sentence.
    pub about: &'static str,
    /// The promises any of which a finding may name: `durable`, `no-foreign-data`, …
    pub breaks: &'static [&'static str],
    /// The checks that it violates: `JN-24`, `M4`.
    pub checks: &'static [&'static str],
    /// The workload that shows it.
    pub workload: &'static str,
}

/// A named list of operations.
#[derive(Clone, Debug)]
pub struct Workload<Op> {
    /// Its name on the command line: `rename`.
    pub name: &'static str,
    /// What it exercises, in a sentence.
    pub about: &'static str,
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
