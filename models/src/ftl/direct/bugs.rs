//! The faults that the direct-mapped layer can be built with.

use crate::switches::{Seeded, Switches};
use crashcheck::BugSwitch;

/// A seeded fault, by what goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A block is erased and programmed again without a copy.
    EraseInPlace,
    /// A block is erased before its copy is durable.
    ScratchNotAwaited,
    /// A copy is taken for complete by its first page.
    IncompleteCopyTaken,
    /// A block that was interrupted is programmed without being erased.
    RedoWithoutErase,
    /// A page that is not erased counts as programmed.
    TornPageTaken,
}

/// A set of faults.
pub type Bugs = Switches<Bug>;

/// The faults by name.
const SWITCHES: &[(Bug, BugSwitch)] = &[
    (Bug::EraseInPlace, ERASE_IN_PLACE),
    (Bug::ScratchNotAwaited, SCRATCH_NOT_AWAITED),
    (Bug::IncompleteCopyTaken, INCOMPLETE_COPY_TAKEN),
    (Bug::RedoWithoutErase, REDO_WITHOUT_ERASE),
    (Bug::TornPageTaken, TORN_PAGE_TAKEN),
];

impl Seeded for Bug {
    fn place(self) -> u32 {
        self as u32
    }

    fn place_of(name: &str) -> Option<u32> {
        SWITCHES.iter().find(|(_, switch)| switch.name == name).map(|(bug, _)| bug.place())
    }
}

const ERASE_IN_PLACE: BugSwitch = BugSwitch {
    name: "erase-in-place",
    about: "a block is erased and programmed again without a copy, as in the textbook: a crash in between loses all of it",
    breaks: &["durable"],
    checks: &["FT-13", "FT-03"],
    workload: "overwrite",
    profile: "flash",
    lives: 1,
};
const SCRATCH_NOT_AWAITED: BugSwitch = BugSwitch {
    name: "scratch-not-awaited",
    about: "a block is erased before its copy in the scratch block is durable",
    breaks: &["durable", "well-formed"],
    checks: &["FT-03", "M16"],
    workload: "write",
    profile: "flash",
    lives: 1,
};
const INCOMPLETE_COPY_TAKEN: BugSwitch = BugSwitch {
    name: "incomplete-copy-taken",
    about: "recovery takes a copy for complete by its first page, and writes half of it over the whole block",
    breaks: &["durable"],
    checks: &["FT-26"],
    workload: "overwrite",
    profile: "flash",
    lives: 1,
};
const REDO_WITHOUT_ERASE: BugSwitch = BugSwitch {
    name: "redo-without-erase",
    about: "recovery programs a block that was interrupted without erasing it first: the chip refuses",
    breaks: &["recovers"],
    checks: &["FT-01", "FT-26"],
    workload: "overwrite",
    profile: "flash",
    lives: 1,
};
const TORN_PAGE_TAKEN: BugSwitch = BugSwitch {
    name: "torn-page-taken",
    about: "a page that is not erased counts as programmed, whatever its checksums say",
    breaks: &["no-foreign-data", "well-formed"],
    checks: &["FT-26", "FT-07"],
    workload: "overwrite",
    profile: "flash",
    lives: 1,
};

/// What the layer can be built with.
pub const ALL: &[BugSwitch] =
    &[ERASE_IN_PLACE, SCRATCH_NOT_AWAITED, INCOMPLETE_COPY_TAKEN, REDO_WITHOUT_ERASE, TORN_PAGE_TAKEN];
