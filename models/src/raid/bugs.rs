//! The faults that an array can be built with.

use crate::switches::{Seeded, Switches};
use crashcheck::BugSwitch;

/// A seeded fault, by what goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A flush reaches the first member only.
    FlushFirstMember,
    /// Marked stripes are not resynchronised.
    NoResync,
    /// The old data of a subtractive parity update is what the unit held when it was first read.
    StaleOldData,
    /// A mark is issued together with the writes that it stands for.
    BitmapNotDurable,
    /// A mark is dropped when the writes were issued, not when they are durable.
    BitmapClearedEarly,
    /// The marks are taken away before the resynchronised checks are durable.
    BitmapClearedBeforeResync,
    /// Resynchronisation reads the device of a role that has failed.
    ResyncFromFailedMember,
    /// A device that has failed is believed when it comes back.
    StaleMemberTrusted,
    /// The superblock says that rows are rebuilt before they are durable.
    RebuildWatermarkEarly,
    /// Nothing is written to the journal.
    NoJournal,
    /// Rows are written before their record is durable.
    JournalNotDurable,
    /// Recovery does not compare the checksums of bodies.
    JournalChecksumIgnored,
    /// Slots are used again before the rows of their records are durable.
    JournalFreedEarly,
    /// Only one member holds the journal.
    JournalOnOneMember,
    /// Replay puts data into place, but no checks.
    ReplayWithoutParity,
    /// The next record has the number of the newest that was replayed.
    JournalNumberReused,
    /// Replayed rows are not durable when the journal goes on.
    ReplayNotDurable,
    /// The marks are taken away while the resynchronised checks are in flight.
    ResyncNotDurable,
}

/// A set of faults.
pub type Bugs = Switches<Bug>;

const SWITCHES: &[(Bug, &str)] = &[
    (Bug::FlushFirstMember, FLUSH_FIRST_MEMBER.name),
    (Bug::NoResync, NO_RESYNC.name),
    (Bug::StaleOldData, STALE_OLD_DATA.name),
    (Bug::BitmapNotDurable, BITMAP_NOT_DURABLE.name),
    (Bug::BitmapClearedEarly, BITMAP_CLEARED_EARLY.name),
    (Bug::BitmapClearedBeforeResync, BITMAP_CLEARED_BEFORE_RESYNC.name),
    (Bug::ResyncFromFailedMember, RESYNC_FROM_FAILED_MEMBER.name),
    (Bug::StaleMemberTrusted, STALE_MEMBER_TRUSTED.name),
    (Bug::RebuildWatermarkEarly, REBUILD_WATERMARK_EARLY.name),
    (Bug::NoJournal, NO_JOURNAL.name),
    (Bug::JournalNotDurable, JOURNAL_NOT_DURABLE.name),
    (Bug::JournalChecksumIgnored, JOURNAL_CHECKSUM_IGNORED.name),
    (Bug::JournalFreedEarly, JOURNAL_FREED_EARLY.name),
    (Bug::JournalOnOneMember, JOURNAL_ON_ONE_MEMBER.name),
    (Bug::ReplayWithoutParity, REPLAY_WITHOUT_PARITY.name),
    (Bug::JournalNumberReused, JOURNAL_NUMBER_REUSED.name),
    (Bug::ReplayNotDurable, REPLAY_NOT_DURABLE.name),
    (Bug::ResyncNotDurable, RESYNC_NOT_DURABLE.name),
];

impl Seeded for Bug {
    fn place(self) -> u32 {
        self as u32
    }

    fn place_of(name: &str) -> Option<u32> {
        SWITCHES.iter().find(|(_, known)| *known == name).map(|(bug, _)| bug.place())
    }
}

const FLUSH_FIRST_MEMBER: BugSwitch = BugSwitch {
    name: "flush-first-member",
    about: "a flush of the array flushes its first member only: acknowledged blocks on the others are lost",
    breaks: &["durable", "well-formed"],
    checks: &["RD-01", "HM-15"],
    workload: "write",
    profile: "reorder",
    lives: 1,
};
const NO_RESYNC: BugSwitch = BugSwitch {
    name: "no-resync",
    about: "after a crash the parity of half-written stripes is believed: the write hole",
    breaks: &["redundant", "well-formed"],
    checks: &["M14", "RD-20", "RD-22"],
    workload: "small-write",
    profile: "member-loss",
    lives: 1,
};
const NO_MIRROR_RESYNC: BugSwitch = BugSwitch {
    about: "after a crash the two copies of a half-written block differ, and a read gives one or the other",
    checks: &["RD-21", "RD-22"],
    ..NO_RESYNC
};
const STALE_OLD_DATA: BugSwitch = BugSwitch {
    name: "stale-old-data",
    about: "a small write takes its old data from a cache that writes do not update: parity drifts from the data",
    breaks: &["redundant", "well-formed"],
    checks: &["M15", "RD-11"],
    workload: "small-writes",
    profile: "member-loss",
    lives: 1,
};
const BITMAP_NOT_DURABLE: BugSwitch = BugSwitch {
    name: "bitmap-not-durable",
    about: "a stripe is written while its mark is still in flight: a crash can keep the one and lose the other",
    breaks: &["redundant", "well-formed"],
    checks: &["RD-20", "RD-22"],
    workload: "small-write",
    profile: "member-loss",
    lives: 1,
};
const BITMAP_CLEARED_EARLY: BugSwitch = BugSwitch {
    name: "bitmap-cleared-early",
    about: "the mark of a stripe is dropped when its writes were issued instead of when they are durable",
    breaks: &["redundant", "well-formed"],
    checks: &["RD-20", "RD-22"],
    workload: "two-stripes",
    profile: "member-loss",
    lives: 1,
};
const BITMAP_CLEARED_BEFORE_RESYNC: BugSwitch = BugSwitch {
    name: "bitmap-cleared-before-resync",
    about: "recovery clears the marks first: a crash in the middle of it leaves stripes that nobody resynchronises",
    breaks: &["well-formed"],
    checks: &["RD-22"],
    workload: "fail-later",
    profile: "reorder",
    lives: 2,
};
const RESYNC_FROM_FAILED_MEMBER: BugSwitch = BugSwitch {
    name: "resync-from-failed-member",
    about: "a mirror is resynchronised from the copy that has failed: it undoes what was written since",
    breaks: &["no-resurrection"],
    checks: &["RD-21", "HM-11"],
    workload: "degraded",
    profile: "reorder",
    lives: 1,
};
const STALE_MEMBER_TRUSTED: BugSwitch = BugSwitch {
    name: "stale-member-trusted",
    about: "a member that has failed and comes back is believed: blocks that were written meanwhile are old again",
    breaks: &["no-resurrection", "well-formed"],
    checks: &["RD-19", "HM-15"],
    workload: "degraded",
    profile: "reorder",
    lives: 1,
};
const REBUILD_WATERMARK_EARLY: BugSwitch = BugSwitch {
    name: "rebuild-watermark-early",
    about: "rows count as rebuilt before the spare has them: after a crash the rebuild goes on at the wrong place",
    breaks: &["durable", "well-formed"],
    checks: &["RD-19"],
    workload: "rebuild-while-serving",
    profile: "reorder",
    lives: 1,
};
const NO_JOURNAL: BugSwitch = BugSwitch {
    name: "no-journal",
    about: "rows are written without a journal: a crash between two members leaves what nobody wrote",
    breaks: &["no-foreign-data", "well-formed"],
    checks: &["RD-05", "RD-22"],
    workload: "small-write",
    profile: "member-loss-at-crash",
    lives: 1,
};
const JOURNAL_NOT_DURABLE: BugSwitch = BugSwitch {
    name: "journal-not-durable",
    about: "a row is written while its record in the journal is still in flight",
    breaks: &["no-foreign-data", "well-formed"],
    checks: &["RD-22"],
    workload: "small-write",
    profile: "member-loss-at-crash",
    lives: 1,
};
const JOURNAL_CHECKSUM_IGNORED: BugSwitch = BugSwitch {
    name: "journal-checksum-ignored",
    about: "a record is replayed although a part of it is missing",
    breaks: &["no-foreign-data"],
    checks: &["RD-22"],
    workload: "small-write",
    profile: "member-loss-at-crash",
    lives: 1,
};
const JOURNAL_FREED_EARLY: BugSwitch = BugSwitch {
    name: "journal-freed-early",
    about: "the journal goes round before the rows of its records are durable",
    breaks: &["no-foreign-data", "well-formed"],
    checks: &["RD-22"],
    workload: "wrap",
    profile: "member-loss-at-crash",
    lives: 1,
};
const JOURNAL_ON_ONE_MEMBER: BugSwitch = BugSwitch {
    name: "journal-on-one-member",
    about: "the journal has no copy: it is lost together with its member, and the write hole is open",
    breaks: &["no-foreign-data", "well-formed"],
    checks: &["RD-22", "RD-20"],
    workload: "two-stripes",
    profile: "member-loss-at-crash",
    lives: 1,
};
const REPLAY_WITHOUT_PARITY: BugSwitch = BugSwitch {
    name: "replay-without-parity",
    about: "replay puts data into place and leaves the parity as it was",
    breaks: &["no-foreign-data", "well-formed"],
    checks: &["RD-22", "RD-09"],
    workload: "small-write",
    profile: "member-loss-at-crash",
    lives: 1,
};
const JOURNAL_NUMBER_REUSED: BugSwitch = BugSwitch {
    name: "journal-number-reused",
    about: "after a recovery the next record takes the number, and the slot, of the newest one: if a crash tears it, the \
            record before that is the newest, and undoes what came after it",
    breaks: &["well-formed"],
    checks: &["RD-22"],
    workload: "small-write",
    profile: "reorder",
    lives: 1,
};
const REPLAY_NOT_DURABLE: BugSwitch = BugSwitch {
    name: "replay-not-durable",
    about: "the journal goes on before the rows that were replayed are durable: a record is not needed any more, and its \
            row is half written",
    breaks: &["no-foreign-data", "well-formed"],
    checks: &["RD-22"],
    workload: "wrap",
    profile: "reorder",
    lives: 2,
};
const RESYNC_NOT_DURABLE: BugSwitch = BugSwitch {
    name: "resync-not-durable",
    about: "recovery takes the marks away while the new checks are in flight: another crash leaves stripes that nobody \
            resynchronises",
    breaks: &["well-formed"],
    checks: &["RD-20", "RD-22"],
    workload: "fail-later",
    profile: "reorder",
    lives: 2,
};

const MIRROR_BITMAP_CLEARED_EARLY: BugSwitch =
    BugSwitch { checks: &["RD-21", "RD-22"], ..BITMAP_CLEARED_EARLY };
/// The block has to lie apart from the journal: the member that is lost takes its own block with it.
const PARITY_JOURNAL_NOT_DURABLE: BugSwitch = BugSwitch { workload: "two-stripes", ..JOURNAL_NOT_DURABLE };

/// What `raid0` can be built with.
pub const RAID0: &[BugSwitch] = &[FLUSH_FIRST_MEMBER];
/// What `raid1` can be built with.
pub const RAID1: &[BugSwitch] =
    &[NO_MIRROR_RESYNC, FLUSH_FIRST_MEMBER, BITMAP_NOT_DURABLE, MIRROR_BITMAP_CLEARED_EARLY];
/// What `raid1-degraded` can be built with.
pub const RAID1_DEGRADED: &[BugSwitch] =
    &[STALE_MEMBER_TRUSTED, RESYNC_FROM_FAILED_MEMBER, REBUILD_WATERMARK_EARLY];
/// What `raid2` can be built with.
pub const RAID2: &[BugSwitch] = &[NO_JOURNAL, JOURNAL_NOT_DURABLE];
/// What `raid3` can be built with.
pub const RAID3: &[BugSwitch] = &[NO_JOURNAL, JOURNAL_ON_ONE_MEMBER];
/// What `raid4` can be built with.
pub const RAID4: &[BugSwitch] = &[NO_RESYNC, STALE_OLD_DATA, BITMAP_NOT_DURABLE];
/// What `raid5` can be built with.
pub const RAID5: &[BugSwitch] = &[NO_RESYNC, STALE_OLD_DATA, BITMAP_NOT_DURABLE, BITMAP_CLEARED_EARLY];
/// What `raid5-degraded` can be built with.
pub const RAID5_DEGRADED: &[BugSwitch] =
    &[STALE_MEMBER_TRUSTED, REBUILD_WATERMARK_EARLY, BITMAP_CLEARED_BEFORE_RESYNC, RESYNC_NOT_DURABLE];
/// What `raid5-journal` can be built with.
pub const RAID5_JOURNAL: &[BugSwitch] = &[
    NO_JOURNAL,
    PARITY_JOURNAL_NOT_DURABLE,
    JOURNAL_CHECKSUM_IGNORED,
    JOURNAL_FREED_EARLY,
    JOURNAL_ON_ONE_MEMBER,
    REPLAY_WITHOUT_PARITY,
    JOURNAL_NUMBER_REUSED,
    REPLAY_NOT_DURABLE,
];
/// What `raid5-journal-degraded` can be built with.
pub const RAID5_JOURNAL_DEGRADED: &[BugSwitch] = &[STALE_MEMBER_TRUSTED, REBUILD_WATERMARK_EARLY];
