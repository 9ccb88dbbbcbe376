//! vsfs with a write-ahead journal (OSTEP, chapter 42; ext3).
//!
//! The file system is that of [`vsfs`], unchanged; below it, [`JournalStore`] keeps every operation atomic.
//! What is promised for the content of files depends on the mode, see `judge.rs`.
//!
//! | system | what goes through the log | when TxE is issued |
//! |---|---|---|
//! | `journal` | metadata; data is written in place before TxE | when the rest is durable |
//! | `journal-data` | everything | when the rest is durable |
//! | `journal-writeback` | metadata; data is written in place at any time | when the rest is durable |
//! | `journal-async` | everything | with the rest; checksums tell (JN-19) |
//!
//! | file | holds |
//! |---|---|
//! | `format.rs` | the journal on the disk |
//! | `transaction.rs`, `log.rs`, `store.rs` | the running transaction, its way into the log and into place, the store |
//! | `recover.rs` | scan, revoke, replay |
//! | `check.rs` | is the journal well-formed? A reader of its format that shares nothing with recovery |
//! | `judge.rs` | what each mode promises |
//! | `bugs.rs`, `checks.rs`, `workloads.rs` | the faults, what the codes of checks mean, and workloads for a small log |

pub mod bugs;
pub mod check;
pub mod checks;
pub mod format;
mod judge;
mod log;
mod recover;
mod store;
mod transaction;
mod workloads;

pub use recover::{RecoverError, Recovered, recover};
pub use store::JournalStore;

use crate::fs::{self, FsOp, View, generate, posix};
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, Geometry};
use crate::vsfs::store::StoreError;
use crate::vsfs::{self, FileSystem, FsError};
use bugs::Bugs;
use crashcheck::outcome::Difference;
use crashcheck::{
    Ack, BugSwitch, Bytes, Checks, Device, Disk, History, Reference, Result, System, UnknownBug, Violation,
    Workload,
};
use format::{JournalSuperblock, LogBlock, Region, Sequence};
use std::fmt::Debug;
use std::marker::PhantomData;
use thiserror::Error;

/// Blocks of the log: so few that a dozen small transactions go round it, and enough for one of 24 blocks.
const LOG_BLOCKS: u32 = 40;

/// What goes through the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything.
    Data,
    /// Metadata. Data is in place before the metadata is committed.
    Ordered,
    /// Metadata. Data is written in place at any time.
    Writeback,
}

/// How the commit is kept from being durable before what it commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitStyle {
    /// It is issued when the rest is durable.
    TwoStep,
    /// It is issued with the rest, and its checksum tells whether something is missing.
    OneShot,
}

/// One of the systems of this module.
pub trait Variant: Copy + Debug + Default + Send + Sync + 'static {
    /// Its name on the command line.
    const NAME: &'static str;
    /// What it is, in a sentence.
    const ABOUT: &'static str;
    /// What goes through the log.
    const MODE: Mode;
    /// How it commits.
    const STYLE: CommitStyle;
    /// The faults it can be built with.
    const BUGS: &'static [BugSwitch];
}

/// Metadata through the log, data in place first: what ext3 and ext4 do by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ordered;

impl Variant for Ordered {
    const NAME: &'static str = "journal";
    const ABOUT: &'static str =
        "vsfs with a write-ahead journal of its metadata, data written in place before the commit";
    const MODE: Mode = Mode::Ordered;
    const STYLE: CommitStyle = CommitStyle::TwoStep;
    const BUGS: &'static [BugSwitch] = bugs::ORDERED;
}

/// Everything through the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Data;

impl Variant for Data {
    const NAME: &'static str = "journal-data";
    const ABOUT: &'static str =
        "vsfs with a write-ahead journal of everything, the content of files included";
    const MODE: Mode = Mode::Data;
    const STYLE: CommitStyle = CommitStyle::TwoStep;
    const BUGS: &'static [BugSwitch] = bugs::DATA;
}

/// Metadata through the log, data in no order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Writeback;

impl Variant for Writeback {
    const NAME: &'static str = "journal-writeback";
    const ABOUT: &'static str = "vsfs with a write-ahead journal of its metadata, data written in any order";
    const MODE: Mode = Mode::Writeback;
    const STYLE: CommitStyle = CommitStyle::TwoStep;
    const BUGS: &'static [BugSwitch] = bugs::WRITEBACK;
}

/// Everything through the log, and the commit with it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Async;

impl Variant for Async {
    const NAME: &'static str = "journal-async";
    const ABOUT: &'static str =
        "vsfs with a write-ahead journal of everything, committed in one shot by checksum";
    const MODE: Mode = Mode::Data;
    const STYLE: CommitStyle = CommitStyle::OneShot;
    const BUGS: &'static [BugSwitch] = bugs::ONE_SHOT;
}

/// vsfs with a journal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Journal<V> {
    bugs: Bugs,
    variant: PhantomData<V>,
}

/// Why the file system does not open.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Recovery gave up.
    #[error("the journal cannot be recovered: {0}")]
    Recover(#[from] RecoverError),
}

/// The opened file system.
pub struct Mounted {
    fs: FileSystem<JournalStore>,
    replayed: usize,
}

impl<V: Variant> Journal<V> {
    /// Where everything lies.
    fn region() -> (Geometry, Region) {
        let geometry = Geometry::default();
        let superblock = BlockNo(geometry.blocks());
        (geometry, Region { superblock, log_blocks: LOG_BLOCKS })
    }
}

impl<V: Variant> System for Journal<V> {
    type Op = FsOp;
    type Live = Mounted;
    type View = View;

    fn name(&self) -> String {
        V::NAME.to_owned()
    }

    fn devices(&self) -> Vec<Device> {
        let (_, region) = Self::region();
        vec![Device::zeroed("disk", Bytes::of(BLOCK_SIZE), region.end().at())]
    }

    fn format(&self, disk: &Disk) -> Result<()> {
        let (geometry, region) = Self::region();
        let mut cache = vsfs::Cache::new(disk.clone(), &geometry, vsfs::bugs::Bugs::NONE)?;
        vsfs::mkfs(&mut cache, geometry)?;
        let empty =
            JournalSuperblock { log_blocks: region.log_blocks, sequence: Sequence(1), tail: LogBlock(0) };
        recover::write_superblock(disk, &region, &empty, self.bugs)?;
        Ok(disk.flush()?)
    }

    fn open(&self, disk: Disk) -> Result<Mounted> {
        let geometry = vsfs::recover::find_geometry(&disk)?;
        let superblock = BlockNo(geometry.blocks());
        let Recovered { region, start, replayed } =
            recover(&disk, superblock, V::STYLE, self.bugs).map_err(JournalError::from)?;
        let log = log::Log::new(disk.clone(), region, &start, V::MODE, V::STYLE, self.bugs);
        let store = JournalStore::new(disk, log, V::MODE, self.bugs);
        Ok(Mounted { fs: FileSystem::new(store, geometry, vsfs::bugs::Bugs::NONE), replayed })
    }

    /// An operation too large for what is left of the running transaction gets one of its own; one too large for the
    /// log is refused.
    fn apply(&self, live: &mut Mounted, op: &FsOp) -> Result<Ack> {
        let too_big = |outcome: &Result<Ack, FsError>| {
            matches!(outcome, Err(FsError::Store(StoreError::OperationTooBig { .. })))
        };
        let mut outcome = live.fs.apply(op);
        if too_big(&outcome) && live.fs.store_mut().roll_back() {
            let committed = live.fs.store_mut().commit();
            live.fs.after(committed.map_err(|error| StoreError::from(error).into()))?;
            outcome = live.fs.apply(op);
        }
        if too_big(&outcome) {
            live.fs.store_mut().roll_back();
            return Ok(Ack::Refused);
        }
        Ok(outcome?)
    }

    fn view(&self, live: &mut Mounted) -> Result<View> {
        Ok(live.fs.view()?)
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
        let geometry = *live.fs.geometry();
        let store = live.fs.store_mut();
        check::check(store.disk(), &store.claim(BlockNo(geometry.blocks())))?;
        Ok(vsfs::check::check(store, &geometry)?)
    }

    fn probe(&self, view: &View) -> Vec<FsOp> {
        fs::workloads::probe(view)
    }

    fn judge(&self, view: &View, history: &History<'_, Self>) -> Result<(), Violation> {
        let past = judge::Past { ops: history.ops, states: history.states, window: history.window };
        judge::judge(view, &past, V::MODE)
    }

    fn remark(&self, live: &Mounted) -> Option<String> {
        let words = match live.replayed {
            0 => "nothing to replay",
            1 => "one transaction replayed",
            _ => "several transactions replayed",
        };
        Some(words.to_owned())
    }
}

impl<V: Variant> Reference for Journal<V> {
    const NAME: &'static str = V::NAME;
    const ABOUT: &'static str = V::ABOUT;
    const MEDIUM: &'static str = "block";
    const FLUSH_ERRORS: bool = true;
    const BUGS: &'static [BugSwitch] = V::BUGS;
    const CHECKS: &'static [Checks] = crate::checks::ALL;

    fn with_bugs(bugs: &[String]) -> Result<Self, UnknownBug> {
        Ok(Journal { bugs: Bugs::named(V::NAME, V::BUGS, bugs)?, variant: PhantomData })
    }

    fn workloads() -> Vec<Workload<FsOp>> {
        workloads::of(V::MODE)
    }

    fn generated(seed: u64) -> Vec<FsOp> {
        generate::generated(seed)
    }
}

#[cfg(test)]
mod tests;
