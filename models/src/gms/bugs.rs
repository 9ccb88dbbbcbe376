//! The faults that the global memory system can be built with.

use crate::switches::{Seeded, Switches};
use crashcheck::BugSwitch;

/// A seeded fault, by what goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A changed page is sent into global memory as if it were clean.
    DirtySentAsClean,
    /// A page that the directory knows of is taken as arrived although its holder does not have it.
    StaleDirectoryTrusted,
    /// Other copies are kept when a page is written to.
    NoDiscard,
    /// The right to write is given before the other copies are gone.
    GrantBeforeDiscarded,
    /// The frame of a changed page is used again before the page is durable.
    VictimNotAwaited,
    /// The home acknowledges a page before it is durable.
    StoredBeforeDurable,
    /// A new configuration keeps the page ownership directory of the old one.
    PodNotRenewed,
    /// Nodes do not tell a new directory what they hold.
    GcdNotRebuilt,
    /// A new directory answers before all nodes have told it what they hold.
    ServesBeforeRebuilt,
    /// A message that comes twice is acted on twice.
    DuplicateAccepted,
    /// A page that was put into global memory in an earlier configuration is still taken.
    LatePutAccepted,
    /// A page is taken that the directory had called back while it was on its way.
    RefusalForgotten,
    /// Who copies a page and who is copied from both believe to be alone.
    CopyMarkedPrivate,
    /// A page older than MinAge is dropped although it was changed.
    OldDroppedUnsaved,
    /// Other copies are kept when a page is written to whose home is down.
    HomelessNotDiscarded,
    /// While a node is down, the home acknowledges a page before it is durable.
    DegradedNotFlushed,
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

/// What each fault is called, breaks and is shown by, in the order of [`Bug`].
pub const SWITCHES: [BugSwitch; 16] = [
    BugSwitch {
        name: "dirty-sent-as-clean",
        about: "a changed page goes into global memory without having been written back",
        breaks: &["well-formed", "durable"],
        checks: &["M21", "GM-01", "GM-05"],
        workload: "dirty-victim",
        profile: "cluster",
        lives: 1,
    },
    BugSwitch {
        name: "stale-directory-trusted",
        about: "a page that the directory says is in memory is taken as arrived, whatever its holder says",
        breaks: &["well-formed", "usable"],
        checks: &["M22", "GM-19"],
        workload: "dirty-victim",
        profile: "cluster",
        lives: 1,
    },
    BugSwitch {
        name: "no-discard",
        about: "other nodes keep their copies when a page is written to",
        breaks: &["well-formed", "usable", "no-resurrection"],
        checks: &["GM-23"],
        workload: "shared-write",
        profile: "cluster",
        lives: 1,
    },
    BugSwitch {
        name: "grant-before-discarded",
        about: "a node may write to a page before the others have let go of it",
        breaks: &["well-formed"],
        checks: &["GM-23"],
        workload: "shared-write",
        profile: "cluster",
        lives: 1,
    },
    BugSwitch {
        name: "victim-not-awaited",
        about: "the frame of a changed page is used again before the page is durable",
        breaks: &["well-formed"],
        checks: &["GM-06"],
        workload: "dirty-victim",
        profile: "cluster",
        lives: 1,
    },
    BugSwitch {
        name: "stored-before-durable",
        about: "the home acknowledges a page that its disk may still lose",
        breaks: &["well-formed", "durable", "no-resurrection"],
        checks: &["GM-01", "GM-06"],
        workload: "write-back",
        profile: "cluster",
        lives: 1,
    },
    BugSwitch {
        name: "pod-not-renewed",
        about: "after a crash the parts of the dead node's directory still belong to it",
        breaks: &["well-formed", "usable"],
        checks: &["GM-17", "GM-21"],
        workload: "write-back",
        profile: "cluster",
        lives: 1,
    },
    BugSwitch {
        name: "gcd-not-rebuilt",
        about: "after a crash nobody tells the new directory what is in memory",
        breaks: &["well-formed"],
        checks: &["GM-16", "GM-21"],
        workload: "write-back",
        profile: "cluster",
        lives: 1,
    },
    BugSwitch {
        name: "serves-before-rebuilt",
        about: "after a crash the new directory answers before everybody has told it what is in memory",
        breaks: &["well-formed"],
        checks: &["GM-20", "GM-21"],
        workload: "takeover",
        profile: "cluster",
        lives: 1,
    },
    BugSwitch {
        name: "duplicate-accepted",
        about: "a message that comes twice is acted on twice: a page is put into two frames",
        breaks: &["well-formed"],
        checks: &["GM-02", "GM-15"],
        workload: "four-cases",
        profile: "cluster",
        lives: 1,
    },
    BugSwitch {
        name: "late-put-accepted",
        about: "a page that was put into global memory in an earlier configuration is still taken",
        breaks: &["well-formed"],
        checks: &["GM-20", "GM-21"],
        workload: "four-cases",
        profile: "cluster",
        lives: 1,
    },
    BugSwitch {
        name: "refusal-forgotten",
        about: "a page is taken into global memory that was called back while it was on its way",
        breaks: &["well-formed"],
        checks: &["GM-02", "GM-23"],
        workload: "recall",
        profile: "cluster",
        lives: 1,
    },
    BugSwitch {
        name: "copy-marked-private",
        about: "a node that copies a page from another believes to be alone with it, and so does the other",
        breaks: &["well-formed", "usable", "no-resurrection"],
        checks: &["GM-07"],
        workload: "shared-write",
        profile: "cluster",
        lives: 1,
    },
    BugSwitch {
        name: "old-dropped-unsaved",
        about: "a page older than MinAge is dropped although it was changed",
        breaks: &["durable", "well-formed", "usable"],
        checks: &["GM-06", "GM-12"],
        workload: "old-victim",
        profile: "cluster",
        lives: 1,
    },
    BugSwitch {
        name: "homeless-not-discarded",
        about: "other nodes keep their copies when a page is written to while its home is down",
        breaks: &["well-formed"],
        checks: &["GM-21", "GM-23"],
        workload: "absent-home",
        profile: "cluster",
        lives: 1,
    },
    BugSwitch {
        name: "degraded-not-flushed",
        about: "while a node is down, the home acknowledges pages and leaves them to the flush of the first page that is \
                stored when all nodes are back: they are lost if it crashes as well before that",
        breaks: &["durable"],
        checks: &["GM-01", "GM-06"],
        workload: "write-back",
        profile: "cluster",
        lives: 2,
    },
];
