//! How to explore, how much, and how far that is.

use crate::profile::Profile;
use crate::strategy::Walking;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// So many lives end in a crash unless somebody says otherwise.
const LIVES: u8 = 2;

/// How to explore.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the device may leave behind.
    pub profile: Profile,
    /// How to walk.
    pub strategy: Walking,
    /// How much to do.
    pub budget: Budget,
    /// How many lives end in a crash: 1 is the recorded workload alone; 2, what follows each recovery from its crashes as
    /// well; and so on.
    pub lives: u8,
    /// Worker threads.
    pub jobs: usize,
    /// The seed of everything random.
    pub seed: u64,
    /// What one recovery may use.
    pub limits: Limits,
    /// Whether to look for the cause of what is found, which takes some more explorations.
    pub explain: bool,
    /// Whether and how to shrink what is found.
    pub shrink: Option<Shrink>,
    /// Where shrunk failures are stored, to be explored first on every run.
    pub regressions: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            profile: Profile::default(),
            strategy: Walking::default(),
            budget: Budget::default(),
            lives: LIVES,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            seed: 0,
            limits: Limits::default(),
            explain: true,
            shrink: None,
            regressions: None,
        }
    }
}

impl Options {
    /// The same in the time that is left.
    pub(crate) fn in_time_left(&self, started: Instant) -> Options {
        let time = self.budget.time_left(started.elapsed());
        Options { budget: Budget { time, ..self.budget.clone() }, ..self.clone() }
    }
}

/// How much to do before giving up on completeness.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Wall-clock time for everything: exploring, and what is made of the findings. Once something is found, two fifths of it
    /// are kept for that.
    pub time: Option<Duration>,
    /// Recoveries from crashes of the recorded workload.
    pub states: Option<u64>,
    /// Crash states of later lives that are looked at, known or not.
    pub later: Option<u64>,
    /// Deviations from either pole.
    pub deviations: Option<usize>,
    /// States of each finding that only add to a failing one, known or not: what deviates as a failing state does, and in
    /// more.
    pub beyond: Option<u64>,
    /// Whether to stop at the first finding.
    pub fail_fast: bool,
}

impl Default for Budget {
    /// The first life to its end but for what lies beyond known failures, and so much of the later ones.
    fn default() -> Self {
        let (later, beyond) = (Some(LATER), Some(BEYOND));
        Budget { time: None, states: None, later, deviations: None, beyond, fail_fast: false }
    }
}

impl Budget {
    /// What is left of the time when so much of it is gone; a second is always left.
    pub(crate) fn time_left(&self, gone: Duration) -> Option<Duration> {
        self.time.map(|time| time.saturating_sub(gone).max(Duration::from_secs(1)))
    }

    /// Every state of every life that is asked for.
    pub fn unlimited() -> Budget {
        Budget { later: None, beyond: None, ..Budget::default() }
    }
}

/// So many crash states of later lives are looked at unless somebody says otherwise.
const LATER: u64 = 2_000;

/// So many states that only add to failing ones are looked at for each finding unless somebody says otherwise.
const BEYOND: u64 = 1_000;

/// What one recovery may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Device operations.
    pub device_operations: u64,
    /// Time, without that in which its thread waited for a processor that others had (on Linux; elsewhere that counts). A
    /// recovery that took longer is run once more with nothing else beside it before it counts as one that does not come back.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { device_operations: 1_000_000, time: Duration::from_secs(20) }
    }
}

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

/// How far the walk is; reported after every batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// The share of the crash states that is covered, from 0 to 1.
    pub covered: f64,
    /// Recoveries run so far.
    pub recoveries: u64,
    /// Different findings so far.
    pub findings: usize,
    /// How far a finding is shrunk, once that has begun.
    pub shrinking: Option<Shrinking>,
}

/// Whether somebody looks on at a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Watched {
    /// It is one of many.
    #[default]
    Not,
    /// The devices are kept.
    Kept,
    /// They are, and the process stops for a debugger before each recovery.
    Stopped,
}
