//! The faults that the journal can be built with.

use crate::switches::{Seeded, Switches};
use crashcheck::BugSwitch;

/// A seeded fault, by what goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// TxE is issued with the body, and recovery does not look at the checksums.
    CommitWithBody,
    /// The journal superblock advances before the checkpoint is durable.
    EarlySuperblockAdvance,
    /// Data is issued with TxE instead of before it.
    OrderedWithoutDataWait,
    /// Freed blocks are not revoked.
    NoRevoke,
    /// Replay goes on behind a transaction that is not complete.
    ReplayPastUncommitted,
    /// Recovery does not compare sequence numbers.
    StaleLapAccepted,
    /// The device is not flushed after TxE before the acknowledgement.
    NoCommitFlush,
    /// A checkpoint begins before the commit of its transactions is durable.
    CheckpointBeforeCommit,
    /// The log is written again before the superblock that freed it is durable.
    NoAdvanceFlush,
    /// A full log is written over.
    OverwriteLiveLog,
    /// A revoke holds for later transactions as well.
    RevokeWithoutTid,
    /// A revoke is only known once replay has come to it.
    RevokesNotFirst,
    /// A checkpoint writes a block that was freed since.
    CheckpointFreed,
    /// The newest transaction is replayed first.
    ReplayUnordered,
    /// Recovery does not look at the checksums.
    ChecksumIgnored,
    /// Freed blocks are given out again in the same transaction.
    ReuseBeforeCommit,
    /// Replay does not undo the escape of the magic.
    NoUnescape,
    /// The journal superblock is reset before the replay is durable.
    ResetBeforeReplayDurable,
    /// The journal superblock spans two sectors.
    TwoSectorSuperblock,
    /// Recovery begins an empty log with the number that the full one began with.
    SequenceKept,
    /// The flush after TxE is taken for done although it returns an error.
    FlushErrorIgnored,
}

/// A set of faults.
pub type Bugs = Switches<Bug>;

/// The faults by name.
const SWITCHES: &[(Bug, BugSwitch)] = &[
    (Bug::CommitWithBody, COMMIT_WITH_BODY),
    (Bug::EarlySuperblockAdvance, EARLY_SUPERBLOCK_ADVANCE),
    (Bug::OrderedWithoutDataWait, ORDERED_WITHOUT_DATA_WAIT),
    (Bug::NoRevoke, NO_REVOKE),
    (Bug::ReplayPastUncommitted, REPLAY_PAST_UNCOMMITTED),
    (Bug::StaleLapAccepted, STALE_LAP_ACCEPTED),
    (Bug::NoCommitFlush, NO_COMMIT_FLUSH),
    (Bug::CheckpointBeforeCommit, CHECKPOINT_BEFORE_COMMIT),
    (Bug::NoAdvanceFlush, NO_ADVANCE_FLUSH),
    (Bug::OverwriteLiveLog, OVERWRITE_LIVE_LOG),
    (Bug::RevokeWithoutTid, REVOKE_WITHOUT_TID),
    (Bug::RevokesNotFirst, REVOKES_NOT_FIRST),
    (Bug::CheckpointFreed, CHECKPOINT_FREED),
    (Bug::ReplayUnordered, REPLAY_UNORDERED),
    (Bug::ChecksumIgnored, CHECKSUM_IGNORED),
    (Bug::ReuseBeforeCommit, REUSE_BEFORE_COMMIT),
    (Bug::NoUnescape, NO_UNESCAPE),
    (Bug::ResetBeforeReplayDurable, RESET_BEFORE_REPLAY_DURABLE),
    (Bug::TwoSectorSuperblock, TWO_SECTOR_SUPERBLOCK),
    (Bug::SequenceKept, SEQUENCE_KEPT),
    (Bug::FlushErrorIgnored, FLUSH_ERROR_IGNORED),
];

impl Seeded for Bug {
    fn place(self) -> u32 {
        self as u32
    }

    fn place_of(name: &str) -> Option<u32> {
        SWITCHES.iter().find(|(_, switch)| switch.name == name).map(|(bug, _)| bug.place())
    }
}

const COMMIT_WITH_BODY: BugSwitch = BugSwitch {
    name: "commit-with-body",
    about: "TxE is issued with the body and no checksum is looked at: a hole in the body is replayed",
    breaks: &["well-formed"],
    checks: &["M1", "JN-05"],
    workload: "create",
    profile: "reorder",
    lives: 1,
};
const EARLY_SUPERBLOCK_ADVANCE: BugSwitch = BugSwitch {
    name: "early-superblock-advance",
    about: "the journal superblock is advanced before the checkpoint is durable: a committed transaction is lost",
    breaks: &["well-formed"],
    checks: &["M2", "JN-14"],
    workload: "full-journal",
    profile: "reorder",
    lives: 1,
};
const ORDERED_WITHOUT_DATA_WAIT: BugSwitch = BugSwitch {
    name: "ordered-without-data-wait",
    about: "data is issued after TxE instead of before it: a committed inode points at garbage",
    breaks: &["no-foreign-data"],
    checks: &["M3", "JN-22", "JN-23"],
    workload: "append",
    profile: "reorder",
    lives: 1,
};
const NO_REVOKE: BugSwitch = BugSwitch {
    name: "no-revoke",
    about: "freed blocks are not revoked: replay writes an old directory over the new owner's data",
    breaks: &["no-foreign-data"],
    checks: &["M4", "JN-24"],
    workload: "block-reuse",
    profile: "reorder",
    lives: 1,
};
const REPLAY_PAST_UNCOMMITTED: BugSwitch = BugSwitch {
    name: "replay-past-uncommitted",
    about: "replay goes on behind a transaction that is not complete",
    breaks: &["well-formed"],
    checks: &["M5", "JN-10"],
    workload: "burst",
    profile: "reorder",
    lives: 1,
};
const STALE_LAP_ACCEPTED: BugSwitch = BugSwitch {
    name: "stale-lap-accepted",
    about: "sequence numbers are not compared: what a former lap left in the log is replayed",
    breaks: &["durable", "well-formed"],
    checks: &["M6", "JN-16"],
    workload: "laps",
    profile: "reorder",
    lives: 1,
};
const NO_COMMIT_FLUSH: BugSwitch = BugSwitch {
    name: "no-commit-flush",
    about: "an operation is acknowledged as durable when TxE was issued, without a flush",
    breaks: &["durable"],
    checks: &["JN-04", "HM-03"],
    workload: "create",
    profile: "reorder",
    lives: 1,
};
const CHECKPOINT_BEFORE_COMMIT: BugSwitch = BugSwitch {
    name: "checkpoint-before-commit",
    about: "a checkpoint begins before the commit of its transactions is durable",
    breaks: &["well-formed"],
    checks: &["JN-01", "JN-03"],
    workload: "far-apart",
    profile: "reorder",
    lives: 1,
};
const NO_ADVANCE_FLUSH: BugSwitch = BugSwitch {
    name: "no-advance-flush",
    about: "the log is written again before the superblock that frees it is durable",
    breaks: &["durable"],
    checks: &["JN-13"],
    workload: "wrap",
    profile: "reorder",
    lives: 1,
};
const OVERWRITE_LIVE_LOG: BugSwitch = BugSwitch {
    name: "overwrite-live-log",
    about: "a full log is written over instead of being checkpointed",
    breaks: &["durable", "well-formed"],
    checks: &["JN-17"],
    workload: "laps",
    profile: "reorder",
    lives: 1,
};
const REVOKE_WITHOUT_TID: BugSwitch = BugSwitch {
    name: "revoke-without-tid",
    about: "a revoke holds for later transactions too: a block that became metadata again is not replayed",
    breaks: &["well-formed"],
    checks: &["JN-25", "ERR-16"],
    workload: "directory-reuse",
    profile: "reorder",
    lives: 1,
};
const REVOKES_NOT_FIRST: BugSwitch = BugSwitch {
    name: "revokes-not-first",
    about: "a revoke is only known once replay has come to it, too late for the transactions before",
    breaks: &["no-foreign-data"],
    checks: &["JN-25"],
    workload: "block-reuse",
    profile: "reorder",
    lives: 1,
};
const CHECKPOINT_FREED: BugSwitch = BugSwitch {
    name: "checkpoint-freed",
    about: "a checkpoint writes a block that was freed since over its new owner's data",
    breaks: &["no-foreign-data"],
    checks: &["JN-24"],
    workload: "block-reuse-wrap",
    profile: "reorder",
    lives: 1,
};
const REPLAY_UNORDERED: BugSwitch = BugSwitch {
    name: "replay-unordered",
    about: "the newest transaction is replayed first",
    breaks: &["durable", "well-formed"],
    checks: &["JN-08"],
    workload: "create",
    profile: "reorder",
    lives: 1,
};
const CHECKSUM_IGNORED: BugSwitch = BugSwitch {
    name: "checksum-ignored",
    about: "recovery does not compare checksums although TxE is issued with the body",
    breaks: &["well-formed"],
    checks: &["JN-19"],
    workload: "create",
    profile: "reorder",
    lives: 1,
};
const REUSE_BEFORE_COMMIT: BugSwitch = BugSwitch {
    name: "reuse-before-commit",
    about: "freed blocks are given out again in the same transaction: the new data shows through the old file",
    breaks: &["no-foreign-data"],
    checks: &["OP-06", "JN-25"],
    workload: "unlink-reuse",
    profile: "reorder",
    lives: 1,
};
const NO_UNESCAPE: BugSwitch = BugSwitch {
    name: "no-unescape",
    about: "replay does not put the magic back into a block that began with it",
    breaks: &["no-foreign-data"],
    checks: &["JN-02"],
    workload: "magic",
    profile: "reorder",
    lives: 1,
};
const RESET_BEFORE_REPLAY_DURABLE: BugSwitch = BugSwitch {
    name: "reset-before-replay-durable",
    about: "the journal superblock is reset before the replay is durable",
    breaks: &["durable", "no-foreign-data", "well-formed"],
    checks: &["JN-27", "JN-09"],
    workload: "create",
    profile: "reorder",
    lives: 2,
};
const TWO_SECTOR_SUPERBLOCK: BugSwitch = BugSwitch {
    name: "two-sector-superblock",
    about: "the journal superblock spans two sectors and can tear",
    breaks: &["durable", "well-formed"],
    checks: &["JN-06", "HM-02"],
    workload: "full-journal",
    profile: "torn",
    lives: 1,
};
const SEQUENCE_KEPT: BugSwitch = BugSwitch {
    name: "sequence-kept",
    about: "recovery empties the log but counts from the same number again: after another crash, new transactions are \
            continued by those that were replayed before",
    breaks: &["well-formed"],
    checks: &["JN-16", "JN-27"],
    workload: "laps",
    profile: "reorder",
    lives: 2,
};
const FLUSH_ERROR_IGNORED: BugSwitch = BugSwitch {
    name: "flush-error-ignored",
    about: "the flush after TxE is taken for done although it returns an error: what is acknowledged may be lost",
    breaks: &["durable"],
    checks: &["HM-16", "JN-03"],
    workload: "create",
    profile: "flush-error",
    lives: 1,
};

/// With the content of files in the log, few operations fill it.
const DATA_EARLY_SUPERBLOCK_ADVANCE: BugSwitch =
    BugSwitch { workload: "rewrite", ..EARLY_SUPERBLOCK_ADVANCE };
const DATA_STALE_LAP_ACCEPTED: BugSwitch =
    BugSwitch { breaks: &["durable", "idempotent"], workload: "rewrite", ..STALE_LAP_ACCEPTED };
const DATA_CHECKPOINT_BEFORE_COMMIT: BugSwitch =
    BugSwitch { workload: "same-content", ..CHECKPOINT_BEFORE_COMMIT };
const DATA_OVERWRITE_LIVE_LOG: BugSwitch = BugSwitch { workload: "rewrite", ..OVERWRITE_LIVE_LOG };

/// What ordered mode can be built with.
pub const ORDERED: &[BugSwitch] = &[
    COMMIT_WITH_BODY,
    EARLY_SUPERBLOCK_ADVANCE,
    ORDERED_WITHOUT_DATA_WAIT,
    NO_REVOKE,
    STALE_LAP_ACCEPTED,
    NO_COMMIT_FLUSH,
    CHECKPOINT_BEFORE_COMMIT,
    NO_ADVANCE_FLUSH,
    OVERWRITE_LIVE_LOG,
    REVOKE_WITHOUT_TID,
    REVOKES_NOT_FIRST,
    CHECKPOINT_FREED,
    REPLAY_UNORDERED,
    REUSE_BEFORE_COMMIT,
    RESET_BEFORE_REPLAY_DURABLE,
    TWO_SECTOR_SUPERBLOCK,
    SEQUENCE_KEPT,
    FLUSH_ERROR_IGNORED,
];

/// What data mode can be built with: data in the log needs neither order nor revokes.
pub const DATA: &[BugSwitch] = &[
    COMMIT_WITH_BODY,
    DATA_EARLY_SUPERBLOCK_ADVANCE,
    DATA_STALE_LAP_ACCEPTED,
    NO_COMMIT_FLUSH,
    DATA_CHECKPOINT_BEFORE_COMMIT,
    DATA_OVERWRITE_LIVE_LOG,
    REPLAY_UNORDERED,
    NO_UNESCAPE,
    RESET_BEFORE_REPLAY_DURABLE,
];

/// What writeback mode can be built with.
pub const WRITEBACK: &[BugSwitch] =
    &[COMMIT_WITH_BODY, EARLY_SUPERBLOCK_ADVANCE, NO_REVOKE, NO_COMMIT_FLUSH, REUSE_BEFORE_COMMIT];

/// What the commit in one shot can be built with.
pub const ONE_SHOT: &[BugSwitch] = &[CHECKSUM_IGNORED, REPLAY_PAST_UNCOMMITTED, NO_COMMIT_FLUSH];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_switched_on_by_its_name() {
        let bugs = Bugs::named("journal", ORDERED, &["no-revoke".into(), "two-sector-superblock".into()]);
        let bugs = bugs.expect("known faults");
        assert!(bugs.has(Bug::NoRevoke) && bugs.has(Bug::TwoSectorSuperblock));
        assert!(!bugs.has(Bug::CommitWithBody));
    }

    #[test]
    fn a_fault_of_another_mode_is_unknown() {
        let unknown = Bugs::named("journal-data", DATA, &["no-revoke".into()]).expect_err("must be refused");
        assert!(
            unknown
                .to_string()
                .starts_with("journal-data has no bug switch 'no-revoke'; it has: commit-with-body,")
        );
    }

    #[test]
    fn every_fault_belongs_to_some_mode() {
        for (bug, switch) in SWITCHES {
            assert!(
                [ORDERED, DATA, WRITEBACK, ONE_SHOT].concat().contains(switch),
                "{bug:?} belongs to none"
            );
        }
    }
}
