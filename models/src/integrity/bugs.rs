//! The faults that the layer can be built with.

use crate::switches::{Seeded, Switches};
use crashcheck::BugSwitch;

/// A seeded fault, by what goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A read does not compare anything.
    ReadUnchecked,
    /// A block carries a checksum and nothing else.
    NoPhysicalId,
    /// The checksum that is kept elsewhere is not compared.
    NoParentChecksum,
    /// A repair copies in the wrong direction.
    RepairBackwards,
    /// A scrub finds faults and leaves them.
    ScrubReadOnly,
    /// Data and checksum are written over what they replace.
    ChecksumInPlace,
    /// The first root that is whole is taken.
    RootWithoutGeneration,
    /// The root is issued with what it leads to.
    RootWithMap,
    /// The first commit after opening skips a generation.
    GenerationSkipped,
}

/// A set of faults.
pub type Bugs = Switches<Bug>;

const PLACES: [Bug; 9] = [
    Bug::ReadUnchecked,
    Bug::NoPhysicalId,
    Bug::NoParentChecksum,
    Bug::RepairBackwards,
    Bug::ScrubReadOnly,
    Bug::ChecksumInPlace,
    Bug::RootWithoutGeneration,
    Bug::RootWithMap,
    Bug::GenerationSkipped,
];

impl Seeded for Bug {
    fn place(self) -> u32 {
        self as u32
    }

    fn place_of(name: &str) -> Option<u32> {
        let known = PLACES.iter().zip(&SWITCHES).find(|(_, switch)| switch.name == name);
        known.map(|(bug, _)| bug.place())
    }
}

/// The faults by name, in the order of [`Bug`].
pub const SWITCHES: [BugSwitch; 9] = [
    BugSwitch {
        name: "read-unchecked",
        about: "a read does not compare the checksum: what rotted is returned as good",
        breaks: &["durable", "no-foreign-data", "recovers", "well-formed"],
        checks: &["DI-02", "HM-12", "HM-15"],
        workload: "reuse",
        profile: "corrupt",
        lives: 1,
    },
    BugSwitch {
        name: "no-physical-id",
        about: "a block carries a checksum and does not say which block it is: one that landed next door is taken for \
                the one that lives there",
        breaks: &["no-foreign-data", "recovers", "well-formed"],
        checks: &["M28", "DI-06"],
        workload: "neighbours",
        profile: "misdirected",
        lives: 1,
    },
    BugSwitch {
        name: "no-parent-checksum",
        about: "only the checksum that a block keeps of itself is compared: a write that was lost leaves what was right \
                once",
        breaks: &["no-foreign-data", "well-formed"],
        checks: &["DI-07"],
        workload: "reuse",
        profile: "lost-write",
        lives: 1,
    },
    BugSwitch {
        name: "repair-backwards",
        about: "a repair writes the bad copy over the good one",
        breaks: &["well-formed"],
        checks: &["DI-04", "HM-13"],
        workload: "reuse",
        profile: "corrupt",
        lives: 1,
    },
    BugSwitch {
        name: "scrub-read-only",
        about: "a scrub finds faults and does not write the good copy back",
        breaks: &["well-formed"],
        checks: &["DI-08"],
        workload: "reuse",
        profile: "corrupt",
        lives: 1,
    },
    BugSwitch {
        name: "checksum-in-place",
        about: "data and its checksum are written over the old ones without a journal: a crash between the two looks \
                like corruption of both copies",
        breaks: &["recovers"],
        checks: &["DI-09"],
        workload: "reuse",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "root-without-generation",
        about: "the first root that is whole is taken, be it the newest or not",
        breaks: &["durable", "well-formed"],
        checks: &["DI-07", "HM-15"],
        workload: "write",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "root-with-map",
        about: "the root is issued together with what it leads to, without a flush between them",
        breaks: &["recovers"],
        checks: &["DI-09", "HM-04", "M24"],
        workload: "reuse",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "generation-skipped",
        about: "the first commit after opening skips a number, so that none is given that a lost root had: its root is \
                written over the newest one, and another crash that tears it leaves only what was before",
        breaks: &["durable", "recovers"],
        checks: &["DI-09"],
        workload: "neighbours",
        profile: "torn-4096",
        lives: 2,
    },
];
