//! From a failing workload to the smallest one that fails for the same reason.
//!
//! | axis | is | tried |
//! |---|---|---|
//! | the workload | a value tree: of the strategy that made it, of quickcheck, or a [`List`](list::List) of its operations | recorded, and explored again |
//! | the crash state | a [`List`](list::List) of the answers that deviate from an end of the tree of choices | recovered from again |
//!
//! Both are the same descent ([`descend`](descent::descend)): the tree proposes something smaller, and is told whether that still fails.
//! *The same reason* is the fingerprint of the finding: a candidate that fails in another way counts as one that passes.
//! A descent ends when nothing smaller fails, when its time is used up, or when it is interrupted. Its verdicts are kept
//! on disk ([`Log`](log::Log)), so that it goes on where it ended.

mod descent;
mod fold;
mod list;
mod log;
mod state;
mod told;
mod trace;
mod workload;

pub(crate) use state::simplest;
pub use told::SmallTrace;
pub(crate) use told::shrink_finding;
pub(crate) use trace::Patience;
pub use trace::TraceProgress;
pub(crate) use workload::{descend_in, shrink, shrink_from};

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// How to shrink what is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrink {
    /// How long this may take for all findings of an exploration together.
    pub time: Duration,
    /// Where to keep what was learned, so that shrinking goes on after it was interrupted.
    pub logs: Option<PathBuf>,
    /// Findings with these fingerprints are known, and stay as they are.
    pub known: BTreeSet<String>,
}

impl Default for Shrink {
    fn default() -> Self {
        Shrink { time: Duration::from_secs(60), logs: None, known: BTreeSet::new() }
    }
}

/// How far shrinking is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shrinking {
    /// Operations, or events of a recorded trace, that are left.
    pub left: usize,
    /// Smaller candidates that were explored.
    pub candidates: u64,
}
