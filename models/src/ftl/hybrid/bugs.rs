//! The faults that the layer with log blocks can be built with.

use crate::switches::{Seeded, Switches};
use crashcheck::BugSwitch;

/// A seeded fault, by what goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The old blocks of a chunk are erased before the new one is durable.
    MergeNotAwaited,
    /// Pages are copied before they are durable themselves.
    SourcesNotAwaited,
    /// Of two versions in a log block the first counts.
    FirstVersionCounts,
    /// A log block becomes the data block although it does not hold the whole chunk.
    IncompleteSwitch,
    /// Reads look into the data block first.
    DataBeforeLog,
    /// Recovery does not rebuild the table of the log blocks.
    LogNotRebuilt,
    /// A merge leaves out which pages were discarded.
    TrimForgotten,
    /// A block that was interrupted is used without being erased.
    ReusedWithoutErase,
    /// A page that is not erased counts as the next page of its block.
    TornLogPageTaken,
    /// Of a block only the number counts with which it began to be filled.
    NumbersReused,
}

/// A set of faults.
pub type Bugs = Switches<Bug>;

/// The faults by name.
const SWITCHES: &[(Bug, BugSwitch)] = &[
    (Bug::MergeNotAwaited, MERGE_NOT_AWAITED),
    (Bug::SourcesNotAwaited, SOURCES_NOT_AWAITED),
    (Bug::FirstVersionCounts, FIRST_VERSION_COUNTS),
    (Bug::IncompleteSwitch, INCOMPLETE_SWITCH),
    (Bug::DataBeforeLog, DATA_BEFORE_LOG),
    (Bug::LogNotRebuilt, LOG_NOT_REBUILT),
    (Bug::TrimForgotten, TRIM_FORGOTTEN),
    (Bug::ReusedWithoutErase, REUSED_WITHOUT_ERASE),
    (Bug::TornLogPageTaken, TORN_LOG_PAGE_TAKEN),
    (Bug::NumbersReused, NUMBERS_REUSED),
];

impl Seeded for Bug {
    fn place(self) -> u32 {
        self as u32
    }

    fn place_of(name: &str) -> Option<u32> {
        SWITCHES.iter().find(|(_, switch)| switch.name == name).map(|(bug, _)| bug.place())
    }
}

const MERGE_NOT_AWAITED: BugSwitch = BugSwitch {
    name: "merge-not-awaited",
    about: "the old blocks of a chunk are erased before the block that replaces them is durable",
    breaks: &["durable", "no-resurrection"],
    checks: &["M16", "FT-03", "FT-22"],
    workload: "full-merge",
    profile: "flash",
    lives: 1,
};
const SOURCES_NOT_AWAITED: BugSwitch = BugSwitch {
    name: "sources-not-awaited",
    about: "a merge copies pages that are not durable themselves: the newest versions end up in three blocks",
    breaks: &["recovers"],
    checks: &["FT-22", "FT-26"],
    workload: "unflushed-merge",
    profile: "flash",
    lives: 1,
};
const FIRST_VERSION_COUNTS: BugSwitch = BugSwitch {
    name: "first-version-counts",
    about: "of two versions of a page in a log block recovery takes the first, whatever their numbers say",
    breaks: &["no-resurrection"],
    checks: &["M17", "FT-16"],
    workload: "overwrite",
    profile: "flash",
    lives: 1,
};
const INCOMPLETE_SWITCH: BugSwitch = BugSwitch {
    name: "incomplete-switch",
    about: "a log block becomes the data block although it holds only the first pages of its chunk",
    breaks: &["durable", "usable"],
    checks: &["FT-22"],
    workload: "partial-merge",
    profile: "flash",
    lives: 1,
};
const DATA_BEFORE_LOG: BugSwitch = BugSwitch {
    name: "data-before-log",
    about: "reads look into the data block first, and into the log block only if there is none",
    breaks: &["no-resurrection", "usable"],
    checks: &["FT-22"],
    workload: "full-merge",
    profile: "flash",
    lives: 1,
};
const LOG_NOT_REBUILT: BugSwitch = BugSwitch {
    name: "log-not-rebuilt",
    about: "recovery finds the data blocks, and forgets what is in the log blocks",
    breaks: &["no-resurrection", "well-formed"],
    checks: &["FT-22", "FT-15"],
    workload: "full-merge",
    profile: "flash",
    lives: 1,
};
const TRIM_FORGOTTEN: BugSwitch = BugSwitch {
    name: "trim-forgotten",
    about: "a merge leaves out which pages were discarded: an old block that is not erased yet brings them back",
    breaks: &["no-resurrection"],
    checks: &["FT-25"],
    workload: "trim-merge",
    profile: "flash",
    lives: 1,
};
const REUSED_WITHOUT_ERASE: BugSwitch = BugSwitch {
    name: "reused-without-erase",
    about: "a block that recovery has no use for is programmed without being erased first",
    breaks: &["usable"],
    checks: &["FT-26", "FT-01"],
    workload: "partial-merge",
    profile: "flash",
    lives: 1,
};
const TORN_LOG_PAGE_TAKEN: BugSwitch = BugSwitch {
    name: "torn-log-page-taken",
    about: "a page of a log block that is not erased counts as the next page of its chunk",
    breaks: &["no-foreign-data", "well-formed"],
    checks: &["FT-26", "FT-07"],
    workload: "write",
    profile: "flash",
    lives: 1,
};
const NUMBERS_REUSED: BugSwitch = BugSwitch {
    name: "numbers-reused",
    about: "recovery goes on behind the number with which the newest block was begun: new writes have the numbers of \
            those in it, and another crash takes them for older",
    breaks: &["well-formed"],
    checks: &["FT-16", "FT-22"],
    workload: "again",
    profile: "flash",
    lives: 1,
};

/// What the layer can be built with.
pub const ALL: &[BugSwitch] = &[
    MERGE_NOT_AWAITED,
    SOURCES_NOT_AWAITED,
    FIRST_VERSION_COUNTS,
    INCOMPLETE_SWITCH,
    DATA_BEFORE_LOG,
    LOG_NOT_REBUILT,
    TRIM_FORGOTTEN,
    REUSED_WITHOUT_ERASE,
    TORN_LOG_PAGE_TAKEN,
    NUMBERS_REUSED,
];
