//! The faults that the log-structured file system can be built with.

use crate::switches::{Seeded, Switches};
use crashcheck::BugSwitch;

/// A seeded fault, by what goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The tail of a checkpoint region is issued with the body.
    TailWithoutBarrier,
    /// Every checkpoint goes to the same region.
    SameRegion,
    /// Roll-forward takes data whose inode is missing.
    DataWithoutInode,
    /// The cleaner frees segments before a checkpoint says so.
    ReuseBeforeCheckpoint,
    /// The version of a number stays when its inode is deleted.
    VersionKeptOnDelete,
    /// Roll-forward does not look at the checksums of blocks.
    ChecksumIgnored,
    /// Roll-forward does not compare numbers and epochs.
    StaleSummaryAccepted,
    /// Roll-forward takes the first parts of a batch whose last is missing.
    HalfBatch,
    /// Roll-forward does not read the directory-operation log.
    NoDirectoryLog,
    /// Roll-forward counts links instead of setting them.
    RelativeCounts,
    /// Roll-forward leaves older segments as live as they were.
    UsageNotReduced,
    /// A file is acknowledged as durable without a flush.
    NoFlush,
    /// Recovery writes its checkpoint over the one it started from.
    RecoveryOverwritesCheckpoint,
    /// Recovery stays in the epoch that it found.
    EpochKept,
}

/// A set of faults.
pub type Bugs = Switches<Bug>;

impl Seeded for Bug {
    fn place(self) -> u32 {
        self as u32
    }

    fn place_of(name: &str) -> Option<u32> {
        SWITCHES.iter().position(|switch| switch.name == name).map(|place| place as u32)
    }
}

/// The faults by name, in the order of [`Bug`].
pub const SWITCHES: [BugSwitch; 14] = [
    BugSwitch {
        name: "tail-without-barrier",
        about: "the tail of a checkpoint region is issued with the body: equal timestamps enclose an old body",
        breaks: &["recovers", "well-formed"],
        checks: &["M7", "LF-13", "ERR-12"],
        workload: "create",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "same-checkpoint-region",
        about: "every checkpoint goes to the same region: a crash leaves none, or one of long ago",
        breaks: &["recovers", "well-formed"],
        checks: &["M8", "LF-12", "LF-15"],
        workload: "create",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "data-without-inode",
        about: "roll-forward takes data blocks whose inode is missing: a file shows a part of a write",
        breaks: &["atomic"],
        checks: &["M9", "LF-18", "LF-19"],
        workload: "long-overwrite",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "reuse-before-checkpoint",
        about: "the cleaner writes over a segment that the durable checkpoint still refers to",
        breaks: &["recovers", "well-formed", "atomic"],
        checks: &["M10", "LF-26", "LF-34", "LF-01"],
        workload: "clean-at-once",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "version-kept-on-delete",
        about: "a new file has the version of a deleted one: the record of the deletion takes it away",
        breaks: &["durable"],
        checks: &["M11", "LF-28"],
        workload: "number-reuse",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "checksum-ignored",
        about: "roll-forward trusts a summary whose blocks are not there",
        breaks: &["well-formed", "atomic"],
        checks: &["LF-23"],
        workload: "fsync-mix",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "stale-summary-accepted",
        about: "roll-forward takes what an earlier life of a segment left for a continuation",
        breaks: &["well-formed"],
        checks: &["LF-23", "LF-16"],
        workload: "clean-at-once",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "half-batch",
        about: "roll-forward takes the first part of a batch whose second is missing",
        breaks: &["atomic"],
        checks: &["LF-16", "HM-08"],
        workload: "long-overwrite",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "no-directory-log",
        about: "roll-forward finds inodes whose names were not written yet, and leaves them without",
        breaks: &["well-formed"],
        checks: &["LF-20", "LF-21"],
        workload: "fsync-mix",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "relative-counts",
        about: "roll-forward counts a link that the inode has counted already",
        breaks: &["well-formed"],
        checks: &["LF-20", "LF-21"],
        workload: "fsync-mix",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "usage-not-reduced",
        about: "roll-forward leaves the segments of overwritten blocks as live as they were",
        breaks: &["well-formed"],
        checks: &["LF-22", "LF-33"],
        workload: "long-overwrite",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "no-flush",
        about: "fsync writes the log and does not flush the device",
        breaks: &["durable"],
        checks: &["HM-03", "HM-07"],
        workload: "fsync-mix",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "recovery-overwrites-checkpoint",
        about: "recovery writes its checkpoint over the one it started from: a crash in it leaves none",
        breaks: &["recovers", "well-formed"],
        checks: &["LF-24", "LF-15"],
        workload: "fsync-mix",
        profile: "reorder",
        lives: 2,
    },
    BugSwitch {
        name: "epoch-kept",
        about: "recovery stays in the epoch it found: after another crash its own parts are continued by lost ones",
        breaks: &["well-formed"],
        checks: &["LF-23", "LF-24"],
        workload: "number-reuse",
        profile: "reorder",
        lives: 2,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_found_by_its_name() {
        let named = |name: &str| Bugs::named("lfs", &SWITCHES, &[name.to_owned()]);
        assert!(named("tail-without-barrier").is_ok_and(|bugs| bugs.has(Bug::TailWithoutBarrier)));
        assert!(named("epoch-kept").is_ok_and(|bugs| bugs.has(Bug::EpochKept) && !bugs.has(Bug::SameRegion)));
        assert!(named("gremlin").is_err());
    }
}
