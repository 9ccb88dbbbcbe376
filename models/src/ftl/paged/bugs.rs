//! The faults that the page-mapped layer can be built with.

use crate::switches::{Seeded, Switches};
use crashcheck::BugSwitch;

/// A seeded fault, by what goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A block is erased before the copies of its pages are durable.
    EraseBeforeCopies,
    /// The rebuild of the map does not compare sequence numbers.
    RebuildIgnoresSequence,
    /// A copy counts as a new write.
    CopyGetsNewSequence,
    /// The record of a discard is not copied.
    TombstoneDropped,
    /// What the checkpoint does not speak of is not looked at.
    CheckpointTrusted,
    /// A block whose erase was interrupted is used without being erased.
    InterruptedEraseReused,
    /// Checkpoints are written over the only older one.
    CheckpointInPlace,
    /// A checkpoint is written before what it speaks of is durable.
    CheckpointBeforeData,
    /// That a block is worn out is not made durable.
    BadBlockNotRecorded,
    /// The error-correcting code is not looked at when the host reads.
    CodeIgnored,
    /// Pages that share cells with acknowledged ones are programmed later.
    PairsNotPadded,
    /// The next write has the number of the newest that was found.
    NumberReused,
}

/// A set of faults.
pub type Bugs = Switches<Bug>;

/// The faults by name.
const SWITCHES: &[(Bug, BugSwitch)] = &[
    (Bug::EraseBeforeCopies, ERASE_BEFORE_COPIES),
    (Bug::RebuildIgnoresSequence, REBUILD_IGNORES_SEQUENCE),
    (Bug::CopyGetsNewSequence, COPY_GETS_NEW_SEQUENCE),
    (Bug::TombstoneDropped, TOMBSTONE_DROPPED),
    (Bug::CheckpointTrusted, CHECKPOINT_TRUSTED),
    (Bug::InterruptedEraseReused, INTERRUPTED_ERASE_REUSED),
    (Bug::CheckpointInPlace, CHECKPOINT_IN_PLACE),
    (Bug::CheckpointBeforeData, CHECKPOINT_BEFORE_DATA),
    (Bug::BadBlockNotRecorded, BAD_BLOCK_NOT_RECORDED),
    (Bug::CodeIgnored, CODE_IGNORED),
    (Bug::PairsNotPadded, PAIRS_NOT_PADDED),
    (Bug::NumberReused, NUMBER_REUSED),
];

impl Seeded for Bug {
    fn place(self) -> u32 {
        self as u32
    }

    fn place_of(name: &str) -> Option<u32> {
        SWITCHES.iter().find(|(_, switch)| switch.name == name).map(|(bug, _)| bug.place())
    }
}

const ERASE_BEFORE_COPIES: BugSwitch = BugSwitch {
    name: "erase-before-copies",
    about: "garbage collection erases a block before the copies of its live pages are durable",
    breaks: &["durable"],
    checks: &["M16", "FT-03", "FT-17"],
    workload: "collect",
    profile: "flash",
    lives: 1,
};
const REBUILD_IGNORES_SEQUENCE: BugSwitch = BugSwitch {
    name: "rebuild-ignores-sequence",
    about: "the map is rebuilt in the order of the chip: an older version beats a newer one in an earlier block",
    breaks: &["no-resurrection", "well-formed"],
    checks: &["M17", "FT-16"],
    workload: "around",
    profile: "flash",
    lives: 1,
};
const COPY_GETS_NEW_SEQUENCE: BugSwitch = BugSwitch {
    name: "copy-gets-new-sequence",
    about: "a copy made to free room for a write counts as newer than the write",
    breaks: &["no-resurrection"],
    checks: &["M18", "FT-17"],
    workload: "full",
    profile: "flash",
    lives: 1,
};
const TOMBSTONE_DROPPED: BugSwitch = BugSwitch {
    name: "tombstone-dropped",
    about: "garbage collection drops the record of a discard that still hides an older version",
    breaks: &["no-foreign-data", "no-resurrection"],
    checks: &["FT-25", "M19"],
    workload: "discard-collect",
    profile: "flash",
    lives: 1,
};
const CHECKPOINT_TRUSTED: BugSwitch = BugSwitch {
    name: "checkpoint-trusted",
    about: "the map is what the checkpoint says, and pages that were written later are not looked at",
    breaks: &["durable", "well-formed"],
    checks: &["FT-16", "FT-15"],
    workload: "write",
    profile: "flash",
    lives: 1,
};
const INTERRUPTED_ERASE_REUSED: BugSwitch = BugSwitch {
    name: "interrupted-erase-reused",
    about: "a block whose erase was interrupted passes for erased, and is programmed",
    breaks: &["well-formed"],
    checks: &["FT-26", "FT-01"],
    workload: "collect",
    profile: "flash",
    lives: 1,
};
const CHECKPOINT_IN_PLACE: BugSwitch = BugSwitch {
    name: "checkpoint-in-place",
    about: "the block with the only checkpoint is erased to make room for the next one",
    breaks: &["recovers"],
    checks: &["FT-16", "FT-26"],
    workload: "checkpoints",
    profile: "flash",
    lives: 1,
};
const CHECKPOINT_BEFORE_DATA: BugSwitch = BugSwitch {
    name: "checkpoint-before-data",
    about: "a checkpoint is written before the pages that it speaks of are durable",
    breaks: &["recovers", "well-formed"],
    checks: &["FT-16"],
    workload: "checkpoints",
    profile: "flash",
    lives: 1,
};
const BAD_BLOCK_NOT_RECORDED: BugSwitch = BugSwitch {
    name: "bad-block-not-recorded",
    about: "that a block is worn out is known in memory only: after a crash what it still holds counts again",
    breaks: &["no-resurrection"],
    checks: &["FT-08", "FT-24"],
    workload: "worn-out",
    profile: "flash",
    lives: 1,
};
const CODE_IGNORED: BugSwitch = BugSwitch {
    name: "code-ignored",
    about: "the host is given a page as it reads, and the error-correcting code is not looked at",
    breaks: &["no-foreign-data", "well-formed"],
    checks: &["FT-07", "FT-09"],
    workload: "write",
    profile: "read-disturb",
    lives: 1,
};
const PAIRS_NOT_PADDED: BugSwitch = BugSwitch {
    name: "pairs-not-padded",
    about: "a page that shares cells with an acknowledged one is programmed later, and cut off takes it with it",
    breaks: &["no-resurrection"],
    checks: &["FT-10"],
    workload: "overwrite",
    profile: "flash",
    lives: 1,
};
const NUMBER_REUSED: BugSwitch = BugSwitch {
    name: "number-reused",
    about: "after a recovery the next write takes the number of the newest one: if both are of the same page, another \
            crash takes the new one for a copy of the old",
    breaks: &["well-formed"],
    checks: &["FT-16", "FT-17"],
    workload: "again",
    profile: "flash",
    lives: 1,
};

/// What the layer can be built with on cells of one bit.
pub const SLC: &[BugSwitch] = &[
    ERASE_BEFORE_COPIES,
    REBUILD_IGNORES_SEQUENCE,
    COPY_GETS_NEW_SEQUENCE,
    TOMBSTONE_DROPPED,
    CHECKPOINT_TRUSTED,
    INTERRUPTED_ERASE_REUSED,
    CHECKPOINT_IN_PLACE,
    CHECKPOINT_BEFORE_DATA,
    BAD_BLOCK_NOT_RECORDED,
    CODE_IGNORED,
    NUMBER_REUSED,
];

/// What it can be built with on cells of two.
pub const MLC: &[BugSwitch] = &[PAIRS_NOT_PADDED];
