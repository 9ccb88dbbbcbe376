//! The faults that the journal can be built with.

use crashcheck::{BugSwitch, UnknownBug};

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
}

/// A set of faults; none by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bugs(u32);

impl Bugs {
    /// No fault.
    pub const NONE: Bugs = Bugs(0);

    /// This set and one more.
    #[must_use]
    pub fn with(self, bug: Bug) -> Bugs {
        Bugs(self.0 | 1 << bug as u32)
    }

    /// Whether the fault is in the set.
    pub fn has(self, bug: Bug) -> bool {
        self.0 >> bug as u32 & 1 == 1
    }
}
