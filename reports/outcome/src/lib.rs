//! What an exploration found: plain data that every reporter consumes.
//!
//! Everything here is the same for the same input and seed on every machine, except [`Timing`].

mod advice;
mod cause;
mod check;
mod escape;
mod finding;
mod group;
mod number;
mod picture;
mod recovery;
mod told;

pub use advice::{Advice, AdvisedFlush, Need};
pub use cause::{Cause, Cure, Fix, FixingFlush, MissingOrder, NO_ORDER, Place, Rule};
pub use check::Check;
pub use escape::{escape, escape_lines};
pub use finding::{
    Difference, EVERYWHERE, Finding, Issued, LaterLife, Operation, Promised, Shrunk, Site, WriteFate,
};
pub use group::{Common, Group, by_cause};
pub use number::{covered, covered_of_life, short};
pub use picture::{EventKind, Fate, Gap, Holds, Picture, PictureDevice, PictureEvent, Sector, Step};
pub use recovery::{Origin, Provenance, Reading, Recovery, Writing, WrongPlace};
pub use told::{counted, operations_told};

use serde::{Deserialize, Serialize};

/// The version of this data as JSON. Fields are added without a new version, never removed or given another meaning.
pub const REPORT_VERSION: u32 = 2;

/// One run of the command: several explorations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// The version of crashcheck.
    pub crashcheck: String,
    /// The seed of everything random.
    pub seed: u64,
    /// The explorations, in the order in which they were asked for.
    pub explorations: Vec<Exploration>,
    /// The findings of all of them by cause.
    #[serde(default)]
    pub causes: Vec<Group>,
    /// How many explorations had not begun when the run was interrupted; absent if it came to its end.
    #[serde(default)]
    pub interrupted: Option<u64>,
}

impl Report {
    /// What a run of this version of crashcheck with this seed came to.
    pub fn new(crashcheck: &str, seed: u64, explorations: Vec<Exploration>) -> Report {
        let causes = by_cause(&explorations);
        let crashcheck = crashcheck.to_owned();
        Report { version: REPORT_VERSION, crashcheck, seed, explorations, causes, interrupted: None }
    }
}

/// One system, one workload, one device profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exploration {
    /// The system, or `trace` for one recorded elsewhere.
    pub system: String,
    /// The bug switches that were on.
    pub bugs: Vec<String>,
    /// What a stranger should know of these; absent if nobody says.
    pub about: Option<About>,
    /// The workload, or the file of the trace.
    pub workload: String,
    /// The device profile.
    pub profile: String,
    /// The strategy.
    pub strategy: String,
    /// How many lives ended in a crash: 1 is the recorded workload alone.
    #[serde(default = "one_life")]
    pub lives: u8,
    /// What came of it.
    pub verdict: Verdict,
    /// Why, where the verdict needs a reason.
    pub reason: Option<String>,
    /// Events of the trace.
    pub events: u64,
    /// Operations of the workload.
    pub operations: u64,
    /// How much was covered.
    pub coverage: Coverage,
    /// What was judged how often; a promise that was never judged is not measured.
    pub judged: Vec<Judged>,
    /// What recovery showed, by kind.
    pub census: Vec<CensusRow>,
    /// What is wrong, one entry for each fingerprint, the simplest first.
    pub findings: Vec<Finding>,
    /// What a reader should know: a recovery that is not deterministic, a bound instead of a count, …
    pub notes: Vec<String>,
    /// How long it took; not part of what is compared.
    pub timing: Timing,
}

/// The names of workloads that were made begin so; those of others do not.
pub const GENERATED: &str = "generated-";

impl Exploration {
    /// Whether the workload is none that somebody wrote.
    pub fn is_generated(&self) -> bool {
        self.workload.starts_with(GENERATED)
    }
}

/// Reports of version 1 say nothing of later lives.
fn one_life() -> u8 {
    1
}

/// What was explored, a sentence each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What the system is.
    pub system: String,
    /// What the workload exercises.
    pub workload: String,
    /// What the device allows under the profile.
    pub profile: String,
    /// What each bug switch that was on makes wrong, in the order of [`Exploration::bugs`].
    pub bugs: Vec<String>,
}

/// What came of an exploration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every crash state of the workload keeps every promise.
    Survived,
    /// Every crash state that was looked at keeps every promise, and not all of the workload were looked at.
    Incomplete,
    /// There was nothing to judge.
    NotMeasured,
    /// A promise is broken only because the device does not keep its own.
    DeviceLies,
    /// A promise is broken.
    Lost,
    /// The system fails without any crash.
    Broken,
}

impl Verdict {
    /// Whether something was judged, and nothing is wrong with it.
    pub fn is_clean(self) -> bool {
        matches!(self, Verdict::Survived | Verdict::Incomplete)
    }
}

/// How much of what is possible was covered. Numbers of states are decimal strings: they exceed 64 bits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// The crash states there are.
    pub total: String,
    /// Whether `total` is exact; otherwise it is an upper bound.
    pub exact: bool,
    /// The crash states that the recoveries stand for.
    pub represented: String,
    /// Whether everything was covered.
    pub complete: bool,
    /// Why not, if not.
    pub left_out: Option<String>,
    /// Epochs.
    pub epochs: u64,
    /// Recoveries run.
    pub recoveries: u64,
    /// States whose outcome was known from an earlier recovery that had read the same.
    pub known: u64,
    /// Different outcomes of recovery.
    pub outcomes: u64,
    /// The same of the lives that followed recovery, and ended in a crash as well: the second life first.
    #[serde(default)]
    pub later: Vec<LifeCoverage>,
}

/// How much was covered of the crash states of a later life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifeCoverage {
    /// Which life: 2 is what followed the first crash.
    pub life: u8,
    /// So many different lives recoveries have led to.
    pub lives: u64,
    /// So many of them have been crashed.
    pub begun: u64,
    /// The crash states of those that have been crashed: an upper bound of the different ones.
    pub total: String,
    /// Those that the recoveries stand for.
    pub represented: String,
    /// Whether everything was covered, and the lives before as well.
    pub complete: bool,
    /// Why not, if not.
    pub left_out: Option<String>,
    /// Recoveries run.
    pub recoveries: u64,
    /// States whose outcome was known from an earlier recovery that had been told the same.
    pub known: u64,
}

impl Coverage {
    /// The recoveries of all lives.
    pub fn recoveries_in_all(&self) -> u64 {
        self.recoveries + self.later.iter().map(|life| life.recoveries).sum::<u64>()
    }

    /// The states of all lives whose outcome was known.
    pub fn known_in_all(&self) -> u64 {
        self.known + self.later.iter().map(|life| life.known).sum::<u64>()
    }

    /// Whether everything was covered of all lives that were asked for.
    pub fn complete_in_all(&self) -> bool {
        self.complete && self.later.iter().all(|life| life.complete)
    }
}

/// A promise, and how often it was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The promise.
    pub promise: String,
    /// How often.
    pub times: u64,
}

/// A kind of outcome, and how many crash states lead to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CensusRow {
    /// What recovery met, in the system's words.
    pub found: Option<String>,
    /// What it shows: `after 3 of 5 operations`, `none of the model's states as a whole`, `does not recover`.
    pub shows: String,
    /// The crash states, as a decimal string.
    pub states: String,
}

/// How long an exploration took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Wall-clock seconds until the first finding.
    pub first_finding_seconds: Option<f64>,
    /// Wall-clock seconds that the findings took to shrink and to explain.
    pub shrink_seconds: Option<f64>,
    /// Worker threads.
    pub jobs: usize,
}
