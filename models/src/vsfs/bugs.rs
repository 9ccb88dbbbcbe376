//! The faults that vsfs can be built with.

use crate::switches::{Seeded, Switches};
use crashcheck::BugSwitch;

/// A seeded fault, by what goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// fsck takes the data bitmap for the truth.
    FsckTrustsBitmap,
    /// fsck leaves a link count that is too low.
    FsckKeepsUndercount,
    /// fsck leaves names that lead to free inodes.
    FsckKeepsDangling,
    /// fsck deletes files that have lost their name.
    FsckDropsOrphans,
    /// fsck leaves a directory with two names.
    FsckKeepsSecondParent,
    /// fsck leaves blocks beyond the end of a file.
    FsckKeepsBeyondEnd,
    /// rename removes the old name, drops the link count with it, and writes that back before it adds the new name.
    RenameDeletesFirst,
    /// Freed blocks are given out again before their release is durable.
    ReuseBeforeSync,
    /// Freed inodes are given out again before their release is durable.
    InodeReuseBeforeSync,
    /// sync does not flush the device.
    NoSyncFlush,
    /// A new directory or indirect block is written in any order with what points to it.
    PointerBeforeBlock,
    /// sync leaves changed directories in memory.
    SyncSkipsDirectories,
    /// A sync whose flush returns an error flushes once more, and takes that for all.
    RetryTrustsDevice,
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
pub const SWITCHES: [BugSwitch; 13] = [
    BugSwitch {
        name: "fsck-trusts-bitmap",
        about: "fsck takes the data bitmap for the truth and leaves blocks in use marked as free",
        breaks: &["well-formed"],
        checks: &["M12", "FK-02", "CS-2", "CS-5"],
        workload: "append",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "fsck-keeps-nlink-undercount",
        about: "fsck leaves a link count that is lower than the number of names",
        breaks: &["well-formed"],
        checks: &["M13", "FK-04c"],
        workload: "link",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "fsck-keeps-dangling-entry",
        about: "fsck leaves directory entries that lead to free inodes",
        breaks: &["well-formed"],
        checks: &["FK-07", "FS-23", "OP-02"],
        workload: "create",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "fsck-drops-orphans",
        about: "fsck deletes files that have lost their name instead of putting them into lost+found",
        breaks: &["durable"],
        checks: &["FK-04"],
        workload: "rename",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "fsck-keeps-second-parent",
        about: "fsck leaves a moved directory under both its names",
        breaks: &["well-formed"],
        checks: &["FK-07", "FS-09"],
        workload: "rename-directory",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "fsck-keeps-beyond-end",
        about: "fsck leaves blocks beyond the end of a file, whose content a later growth would show",
        breaks: &["well-formed"],
        checks: &["FS-04"],
        workload: "shrink-indirect",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "rename-deletes-first",
        about: "rename drops the old name and the link count with it, and adds the new name after a sync",
        breaks: &["durable"],
        checks: &["M30", "OP-01"],
        workload: "rename",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "reuse-before-sync",
        about: "a freed block is given to another file before its release is durable",
        breaks: &["no-foreign-data"],
        checks: &["OP-06", "OP-03"],
        workload: "unlink-reuse",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "inode-reuse-before-sync",
        about: "a freed inode is given to another file before its release is durable",
        breaks: &["no-foreign-data", "durable"],
        checks: &["OP-03", "FS-10"],
        workload: "unlink-reuse",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "no-sync-flush",
        about: "sync writes everything but does not flush the device",
        breaks: &["durable"],
        checks: &["HM-03", "HM-07"],
        workload: "create",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "pointer-before-block",
        about: "a new directory block is not ordered before the inode that points to it",
        breaks: &["no-foreign-data"],
        checks: &["OP-03", "FS-14"],
        workload: "directory-reuse",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "sync-skips-directories",
        about: "sync leaves changed directory blocks in memory",
        breaks: &["durable"],
        checks: &["HM-07", "OP-02"],
        workload: "create",
        profile: "reorder",
        lives: 1,
    },
    BugSwitch {
        name: "retry-trusts-device",
        about: "a sync whose flush returns an error flushes once more: what the first one lost is acknowledged",
        breaks: &["durable"],
        checks: &["HM-16", "HM-07"],
        workload: "create",
        profile: "flush-error",
        lives: 1,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_found_by_its_name() {
        let bugs = Bugs::named("vsfs", &SWITCHES, &["rename-deletes-first".into(), "no-sync-flush".into()]);
        let bugs = bugs.expect("known faults");
        assert!(bugs.has(Bug::RenameDeletesFirst) && bugs.has(Bug::NoSyncFlush));
        assert!(!bugs.has(Bug::FsckTrustsBitmap));
        let last = Bugs::named("vsfs", &SWITCHES, &["retry-trusts-device".into()]).expect("a known fault");
        assert!(last.has(Bug::RetryTrustsDevice));
        let unknown = Bugs::named("vsfs", &SWITCHES, &["gremlin".into()]).expect_err("is unknown");
        assert!(
            unknown.to_string().starts_with("vsfs has no bug switch 'gremlin'; it has: fsck-trusts-bitmap,")
        );
    }
}
