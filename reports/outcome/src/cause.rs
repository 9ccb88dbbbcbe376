//! Why a finding happens, and what would prevent it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a finding happens, and what would prevent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The fewest orders of events whose enforcement removes every failing state of the finding. Empty if no order of
    /// writes does: then the fault is elsewhere, in what is written or in recovery.
    pub missing: Vec<MissingOrder>,
    /// The fewest flushes that enforce them, if a mended trace was explored completely and the finding was gone.
    pub fix: Option<Fix>,
    /// Why there is no order, or no fix, where there is more to say than [`NO_ORDER`].
    pub why: Option<String>,
    /// The same orders as rules, whatever the workload and the life; of a crash of a later life what is suspected.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// The rules that were tried, and left nothing of the finding, each by itself.
    #[serde(default)]
    pub cures: Vec<Cure>,
    /// What says that recovery had in the state that is told what an order would give it, so that an order only hides the fault;
    /// absent if nothing says so.
    #[serde(default)]
    pub hides: Option<String>,
}

/// An order that a system could keep in all that it does, in each of its lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "order")]
pub enum Rule {
    /// What was written is durable before an operation is acknowledged as durable.
    BeforeAck,
    /// What a node has written is durable before it sends a message.
    BeforeSend,
    /// What recovery has written is durable before it is over.
    AfterRecovery,
    /// What was written is durable before a write of some kind is issued.
    BeforeWrite {
        /// The label of such a write, without its numbers.
        kind: String,
    },
}

/// Rules that a system was made to keep, by flushes at the right moments in all its lives, and what was found then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cure {
    /// The rules, kept together.
    pub rules: Vec<Rule>,
    /// Whether nothing at all was found; otherwise only this finding is gone.
    pub clean: bool,
    /// Whether everything was covered, in all lives.
    pub complete: bool,
    /// The recoveries that looked for it.
    pub recoveries: u64,
}

/// So many missing orders are told in lines.
const LINES: usize = 6;

impl Cause {
    /// The cause in lines, each with its name.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let told = self.missing.iter().take(LINES).map(|order| ("missing edge", order.to_string()));
        let mut lines: Vec<_> = told.collect();
        if self.missing.len() > LINES {
            lines.push(("missing edge", format!("and {} more", self.missing.len() - LINES)));
        }
        match (&self.fix, &self.why) {
            (Some(fix), _) => lines.push(("fix", fix.to_string())),
            (None, None) if lines.is_empty() && !self.cures.is_empty() => {
                lines.push(("missing edge", "none in this trace that prevents all of it".to_owned()));
            }
            (None, None) if lines.is_empty() => lines.push(("missing edge", NO_ORDER.to_owned())),
            (None, Some(why)) if lines.is_empty() => lines.push(("missing edge", why.clone())),
            (None, Some(why)) => lines.push(("fix", format!("none: {why}"))),
            (None, None) => {}
        }
        lines.extend(self.hides.clone().map(|why| ("but", why)));
        if let (None, Some(cure)) = (&self.fix, self.cures.first()) {
            lines.push(("as a rule", cure.to_string()));
        }
        lines
    }
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
    /// No more writes than there are flushes that do the same if they are marked as durable in themselves (FUA); none if
    /// there are no such.
    pub fua: Vec<Place>,
    /// The crash states of the mended trace, all of which were covered, as a decimal string.
    pub crash_states: String,
    /// The recoveries that covered them.
    pub recoveries: u64,
    /// Whether nothing at all is found in the mended trace; otherwise only this finding is gone.
    pub clean: bool,
}

/// A flush that is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixingFlush {
    /// Of which device.
    pub device: String,
    /// Whether it is an `fsync` of a file or a directory; then the device is named as `the file wal`, `the directory .`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_fsync: bool,
    /// It belongs right before this event.
    pub before: Place,
    /// The `fdatasync` of the file that is there already and is not enough: this event, or the last thing that was done to the file
    /// before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fdatasync: Option<Place>,
}

impl Fix {
    /// Whether it is for a program that uses files, and not for one that uses disks.
    pub fn is_of_files(&self) -> bool {
        self.flushes.iter().any(|flush| flush.is_fsync)
    }
}

impl FixingFlush {
    /// What is missing, in words: `flush of disk`, `fsync of the directory .`.
    pub fn call(&self) -> String {
        format!("{} of {}", if self.is_fsync { "fsync" } else { "flush" }, self.device)
    }
}

/// What there is to say where no order of writes prevents a finding.
pub const NO_ORDER: &str =
    "none; no order of writes prevents this, so the fault is in what is written or in recovery";

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} ({})", self.event, self.what)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::BeforeAck => write!(f, "a flush before an operation is acknowledged as durable"),
            Rule::BeforeSend => write!(f, "a flush before a node sends a message"),
            Rule::AfterRecovery => write!(f, "a flush at the end of recovery"),
            Rule::BeforeWrite { kind } => write!(f, "a flush before each write of '{kind}'"),
        }
    }
}

impl fmt::Display for Cure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules = self.rules.iter().map(Rule::to_string).collect::<Vec<_>>().join(" and ");
        let left = if self.clean { "nothing is found" } else { "this finding is gone" };
        let covered = if self.complete { "covered completely" } else { "not covered completely" };
        write!(f, "with {rules}, kept in every life, {left} ({covered})")
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
            let a = if flush.is_fsync { "an" } else { "a" };
            write!(f, "{and}{a} {} ", flush.call())?;
            match &flush.fdatasync {
                None => write!(f, "before {}", flush.before),
                Some(there) if *there == flush.before => write!(f, "instead of {there}, which is not enough"),
                Some(there) => write!(f, "before {}, where {there} is not enough", flush.before),
            }?;
        }
        for (nth, write) in self.fua.iter().enumerate() {
            let durable = if self.is_of_files() { "O_SYNC" } else { "FUA" };
            let and = if nth == 0 { format!(", or {durable} on") } else { " and".to_owned() };
            write!(f, "{and} {write}")?;
        }
        let left = if self.clean { "nothing is found" } else { "this finding is gone" };
        write!(f, "; with it, {left} in any of {} crash states", self.crash_states)
    }
}
