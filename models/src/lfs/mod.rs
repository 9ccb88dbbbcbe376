//! A log-structured file system (Rosenblum and Ousterhout 1992; OSTEP, chapter 43).
//!
//! Everything is written to the end of a log and nothing in place, but for the two checkpoint regions. The operations
//! are those of [`vsfs`](crate::vsfs) over another layer of inodes and blocks.
//!
//! **What is promised.** After a crash the state is that after some operation, and includes what was acknowledged as
//! durable: that is the default judge. Three things make it true. The log is one sequence of batches of whole
//! operations, and roll-forward takes it up to the first batch that is not complete. A batch need not hold the
//! directories that its operations changed, for the directory-operation log before it says what became of every name
//! and link count. And nothing that the durable checkpoint, or the log behind it, refers to is overwritten before the
//! next checkpoint is durable. `fsync` writes a batch; `sync` writes a checkpoint.
//!
//! Two points in which descriptions of such file systems differ: a checkpoint region holds the *addresses* of the
//! pieces of the inode map, which lie in the log (not the map itself), and the log holds whole blocks (not differences
//! of files).
//!
//! | file | holds |
//! |---|---|
//! | `format.rs` | the disk, drawn; superblock, segments, regions |
//! | `summary.rs`, `position.rs`, `dirlog.rs` | parts of the log, what their blocks are, directory operations |
//! | `checkpoint.rs`, `imap.rs`, `usage.rs` | checkpoint regions, the inode map, the segment usage table |
//! | `log.rs`, `files.rs` | the opened file system; inodes and blocks for the operations |
//! | `write.rs`, `clean.rs` | batches and checkpoints; the cleaner |
//! | `scan.rs`, `recover.rs` | the log behind a checkpoint; roll-forward |
//! | `check/` | is everything well-formed? A reader of the format that shares nothing with those |
//! | `cost.rs` | what cleaning costs, simulated |
//! | `bugs.rs`, `checks.rs`, `workloads.rs` | the faults, what the codes of checks mean, and workloads for a small log |

pub mod bugs;
mod check;
pub mod checkpoint;
pub mod checks;
mod clean;
pub mod cost;
pub mod dirlog;
mod files;
pub mod format;
pub mod imap;
mod log;
pub mod position;
mod recover;
mod scan;
pub mod summary;
pub mod usage;
pub mod workloads;
mod write;

pub use check::Wrong;
pub use recover::OpenError;

use crate::fs::{self, FsOp, View, generate, posix};
use crate::vsfs::format::BLOCK_SIZE;
use crate::vsfs::show::Show;
use bugs::Bugs;
use crashcheck::outcome::Difference;
use crashcheck::{
    Ack, BugSwitch, Bytes, Checks, Device, Disk, Reference, Result, System, UnknownBug, Workload,
};
use format::Geometry;

/// The system: a file system of some size, and its faults.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lfs {
    geometry: Geometry,
    bugs: Bugs,
}

impl Lfs {
    /// A file system of that size, without faults.
    pub fn new(geometry: Geometry) -> Lfs {
        Lfs { geometry, ..Lfs::default() }
    }
}

/// The opened file system, and what recovery had to do for it.
pub struct Mounted {
    log: log::Log,
    rolled: usize,
}

impl System for Lfs {
    type Op = FsOp;
    type Live = Mounted;
    type View = View;

    fn name(&self) -> String {
        Lfs::NAME.to_owned()
    }

    fn devices(&self) -> Vec<Device> {
        vec![Device::zeroed("disk", Bytes::of(BLOCK_SIZE), self.geometry.device_len())]
    }

    fn format(&self, disk: &Disk) -> Result<()> {
        Ok(recover::mkfs(disk, self.geometry)?)
    }

    fn open(&self, disk: Disk) -> Result<Mounted> {
        let (log, rolled) = recover::open(disk, self.bugs)?;
        Ok(Mounted { log, rolled })
    }

    fn apply(&self, live: &mut Mounted, op: &FsOp) -> Result<Ack> {
        Ok(live.log.apply(op)?)
    }

    fn view(&self, live: &mut Mounted) -> Result<View> {
        Ok(live.log.show_all()?)
    }

    fn model(&self, view: &mut View, op: &FsOp) {
        // What the model refuses leaves the view as it was, as it leaves the file system.
        let _ = posix::apply(view, op);
    }

    fn differences(&self, expected: &View, recovered: &View) -> Vec<Difference> {
        fs::differences(expected, recovered)
    }

    fn simpler(&self, op: &FsOp) -> Vec<FsOp> {
        fs::simpler(op)
    }

    fn check(&self, live: &mut Mounted) -> Result<()> {
        Ok(check::check(&live.log)?)
    }

    fn probe(&self, view: &View) -> Vec<FsOp> {
        fs::workloads::probe(view)
    }

    fn remark(&self, live: &Mounted) -> Option<String> {
        let words = match live.rolled {
            0 => "nothing behind the checkpoint",
            1 => "one part of the log rolled forward",
            _ => "several parts of the log rolled forward",
        };
        Some(words.to_owned())
    }
}

impl Reference for Lfs {
    const NAME: &'static str = "lfs";
    const ABOUT: &'static str =
        "a log-structured file system: segments, checkpoint regions, roll-forward, a cleaner";
    const MEDIUM: &'static str = "block";
    const BUGS: &'static [BugSwitch] = &bugs::SWITCHES;
    const CHECKS: &'static [Checks] = crate::checks::ALL;

    fn with_bugs(bugs: &[String]) -> Result<Self, UnknownBug> {
        Ok(Lfs { bugs: Bugs::named(Lfs::NAME, Self::BUGS, bugs)?, ..Lfs::default() })
    }

    fn workloads() -> Vec<Workload<FsOp>> {
        workloads::all()
    }

    fn generated(seed: u64) -> Vec<FsOp> {
        generate::generated(seed)
    }
}

#[cfg(test)]
mod tests;
