//! What an exploration found: plain data that every reporter consumes.
//!
//! Everything here is the same for the same input and seed on every machine, except [`Timing`].

use serde::{Deserialize, Serialize};
use std::fmt;

/// The version of this data as JSON. Fields are added without a new version, never removed or given another meaning.
pub const REPORT_VERSION: u32 = 1;

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
}

/// One system, one workload, one device profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exploration {
    /// The system, or `trace` for one recorded elsewhere.
    pub system: String,
    /// The bug switches that were on.
    pub bugs: Vec<String>,
    /// The workload, or the file of the trace.
    pub workload: String,
    /// The device profile.
    pub profile: String,
    /// The strategy.
    pub strategy: String,
    /// How often recovery itself may have crashed.
    pub nested: u8,
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

/// What came of an exploration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every crash state that was looked at keeps every promise.
    Survived,
    /// There was nothing to judge.
    NotMeasured,
    /// A promise is broken only because the device does not keep its own.
    DeviceLies,
    /// A promise is broken.
    Lost,
    /// The system fails without any crash.
    Broken,
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
    /// States in which recovery crashed as well, of those counted in `recoveries`.
    pub nested_recoveries: u64,
    /// What those stand for.
    pub nested_represented: String,
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
    /// What it shows: `after 3 of 5 operations`, `none of the model's states`, `does not recover`.
    pub shows: String,
    /// The crash states, as a decimal string.
    pub states: String,
}

/// A failing crash state, standing for all that fail alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The state in one line, to be pasted into `crashcheck replay`.
    pub id: String,
    /// The same for the same fault, from run to run.
    pub fingerprint: String,
    /// The promise that is broken.
    pub promise: String,
    /// What was seen, in a sentence.
    pub detail: String,
    /// Other ways in which the same fault shows, a few of them.
    pub also: Vec<String>,
    /// The checks of the reference system that are violated.
    pub checks: Vec<String>,
    /// When the power went, in words: `after #57 flush, during operation 4 (fsync /a)`.
    pub crash_point: String,
    /// Which of the writes in flight matter, in words.
    pub state: String,
    /// The writes that matter: lost ones if everything else persisted, surviving ones if nothing else did.
    pub writes: Vec<WriteFate>,
    /// How many failing leaves of the walk are alike.
    pub leaves: u64,
    /// How many crash states those stand for, as a decimal string.
    pub states: String,
    /// How many recoveries had been run in this epoch when it was found, this one included.
    pub found_after: u64,
    /// Whether it depends on the device breaking its promise.
    pub device_lies: bool,
    /// Why it happens; absent if that was not looked for.
    pub cause: Option<Cause>,
}

/// Why a finding happens, and what would prevent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The fewest orders of events whose enforcement removes every failing state of the finding. Empty if no order of
    /// writes does: then the fault is elsewhere, in what is written or in recovery.
    pub missing: Vec<MissingOrder>,
    /// The fewest flushes that enforce them, if a mended trace was explored completely and the finding was gone.
    pub fix: Option<Fix>,
}

/// One event should have been durable before another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingOrder {
    /// The write that should have been durable.
    pub before: Place,
    /// What should have waited for that: a write, or the last event before the crash, mostly an acknowledgement.
    pub after: Place,
}

/// An event of the trace, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its position in the trace.
    pub event: u32,
    /// What it is, and where.
    pub what: String,
    /// The operation in progress.
    pub operation: Option<String>,
}

/// Flushes that remove a finding, put into the trace, which was then explored again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix {
    /// Where.
    pub flushes: Vec<FixingFlush>,
    /// The crash states of the mended trace, all of which were covered, as a decimal string.
    pub crash_states: String,
    /// The recoveries that covered them.
    pub recoveries: u64,
    /// Whether nothing at all is found in the mended trace; otherwise only this finding is gone.
    pub clean: bool,
}

/// Which flushes of a trace are needed. It holds for this trace alone: another workload may need what this one does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// What is found with all flushes.
    pub exploration: Exploration,
    /// Every flush, in order.
    pub flushes: Vec<AdvisedFlush>,
}

/// A flush, and what it is good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvisedFlush {
    /// The flush.
    pub flush: Place,
    /// Of which device.
    pub device: String,
    /// What came of exploring the trace without it.
    pub need: Need,
}

/// What came of exploring a trace without one of its flushes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "need")]
pub enum Need {
    /// Something is found that is not found with it.
    Needed {
        /// The promise that is broken without it.
        promise: String,
        /// What is seen then.
        detail: String,
    },
    /// Everything was covered, and nothing new is found.
    Redundant {
        /// The crash states without it.
        crash_states: String,
    },
    /// Nothing new is found, but not everything was covered.
    Unknown {
        /// Why not.
        left_out: String,
    },
}

/// A flush that is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixingFlush {
    /// Of which device.
    pub device: String,
    /// It belongs right before this event.
    pub before: Place,
}

/// What there is to say where no order of writes prevents a finding.
pub const NO_ORDER: &str =
    "none; no order of writes prevents this, so the fault is in what is written or in recovery";

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} ({})", self.event, self.what)
    }
}

impl fmt::Display for MissingOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be durable before {}", self.before, self.after)
    }
}

impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, flush) in self.flushes.iter().enumerate() {
            let and = if nth == 0 { "" } else { ", and " };
            write!(f, "{and}a flush of {} before {}", flush.device, flush.before)?;
        }
        let left = if self.clean { "nothing is found" } else { "this finding is gone" };
        write!(f, "; with it, {left} in any of {} crash states", self.crash_states)
    }
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteFate {
    /// Its position in the trace.
    pub event: u32,
    /// What it is, in the system's words, and where.
    pub what: String,
    /// `survived`, `lost`, or `garbled`.
    pub fate: String,
    /// The operation during which it was issued.
    pub operation: Option<String>,
}

/// How long an exploration took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Wall-clock seconds until the first finding.
    pub first_finding_seconds: Option<f64>,
    /// Worker threads.
    pub jobs: usize,
}

impl fmt::Display for Finding {
    /// The finding as a person reads it, without the lines that say how to reproduce it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.promise, self.detail)?;
        for sentence in self.also.iter().take(3) {
            writeln!(f, "  also:         {sentence}")?;
        }
        writeln!(f, "  power fails:  {}", self.crash_point)?;
        writeln!(f, "  crash state:  {}", self.state)?;
        if !self.checks.is_empty() {
            writeln!(f, "  checks:       {}", self.checks.join(", "))?;
        }
        if let Some(cause) = &self.cause {
            for order in &cause.missing {
                writeln!(f, "  missing edge: {order}")?;
            }
            match &cause.fix {
                Some(fix) => writeln!(f, "  fix:          {fix}")?,
                None if cause.missing.is_empty() => writeln!(f, "  missing edge: {NO_ORDER}")?,
                None => {}
            }
        }
        if self.device_lies {
            writeln!(
                f,
                "  note:         the device does not keep its promises; this is not a fault of the system"
            )?;
        }
        write!(f, "  seen in:      {} crash states, met in {} different ways", self.states, self.leaves)?;
        write!(f, "; first after {} recoveries in its epoch", self.found_after)
    }
}
