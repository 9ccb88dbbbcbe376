//! vsfs, the very simple file system of the textbook (OSTEP, chapter 40), with block groups and no journal.
//!
//! | file | holds |
//! |---|---|
//! | `format.rs` | the layout of the disk, the superblock |
//! | `inode.rs`, `dir.rs` | inodes and directory blocks as bytes |
//! | `store.rs`, `cache.rs` | the blocks below the file system; the write-back cache |
//! | `blocks.rs`, `names.rs`, `content.rs`, `ops.rs`, `show.rs` | the file system over any store |
//! | `mkfs.rs`, `recover/` | making one; fsck |
//! | `check/` | is everything well-formed? A reader of the format that shares nothing with fsck |
//! | `model/` | what a crash may show |
//! | `bugs.rs`, `checks.rs`, `workloads.rs` | the faults, what the codes of checks mean, and workloads that show those which no common one does |

mod blocks;
pub mod bugs;
mod cache;
pub mod check;
pub mod checks;
pub(crate) mod content;
pub(crate) mod dir;
pub(crate) mod files;
pub mod format;
pub mod inode;
mod mkfs;
pub mod model;
pub(crate) mod names;
pub(crate) mod ops;
pub mod recover;
pub(crate) mod show;
pub mod store;
pub mod workloads;

pub use blocks::{FileSystem, FsError};
pub use cache::Cache;
pub use mkfs::mkfs;

use crashcheck::outcome::Difference;
use crashcheck::trace::Device;
use crashcheck::{Ack, Bytes, Checks, Disk, History, Reference, System, UnknownBug, Violation, Workload};

use crate::fs::{FsOp, Path, View, generate, posix};
use bugs::Bugs;
use format::{BLOCK_SIZE, Geometry};
use recover::{Options, Orphans, Report};

/// The system: a file system of some size, and its faults.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vsfs {
    geometry: Geometry,
    orphans: Orphans,
    bugs: Bugs,
}

impl Vsfs {
    /// A file system of that size, without faults.
    pub fn new(geometry: Geometry) -> Vsfs {
        Vsfs { geometry, ..Vsfs::default() }
    }

    /// The same, with another fate for files that have lost their name.
    #[must_use]
    pub fn orphans(self, orphans: Orphans) -> Vsfs {
        Vsfs { orphans, ..self }
    }
}

/// An opened vsfs, and what fsck had to do for it.
pub struct Mounted {
    fs: FileSystem<Cache>,
    report: Report,
}

impl Mounted {
    /// What fsck found.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

impl System for Vsfs {
    type Op = FsOp;
    type Live = Mounted;
    type View = View;

    fn name(&self) -> String {
        Vsfs::NAME.to_owned()
    }

    fn devices(&self) -> Vec<Device> {
        vec![Device::zeroed("disk", Bytes::of(BLOCK_SIZE), self.geometry.device_len())]
    }

    fn format(&self, disk: &Disk) -> crashcheck::Result<()> {
        let mut store = Cache::new(disk.clone(), &self.geometry, Bugs::NONE)?;
        Ok(mkfs(&mut store, self.geometry)?)
    }

    fn open(&self, disk: Disk) -> crashcheck::Result<Mounted> {
        let geometry = recover::find_geometry(&disk)?;
        let mut store = Cache::new(disk, &geometry, self.bugs)?;
        let options = Options { orphans: self.orphans, bugs: self.bugs };
        let report = recover::repair(&mut store, geometry, options)?;
        Ok(Mounted { fs: FileSystem::new(store, geometry, self.bugs), report })
    }

    fn apply(&self, live: &mut Mounted, op: &FsOp) -> crashcheck::Result<Ack> {
        Ok(live.fs.apply(op)?)
    }

    fn view(&self, live: &mut Mounted) -> crashcheck::Result<View> {
        Ok(live.fs.view()?)
    }

    fn model(&self, view: &mut View, op: &FsOp) {
        // A refused operation leaves the view as it was.
        let _ = posix::apply(view, op);
    }

    fn differences(&self, expected: &View, recovered: &View) -> Vec<Difference> {
        crate::fs::differences(expected, recovered)
    }

    fn simpler(&self, op: &FsOp) -> Vec<FsOp> {
        crate::fs::simpler(op)
    }

    fn check(&self, live: &mut Mounted) -> crashcheck::Result<()> {
        let geometry = *live.fs.geometry();
        Ok(check::check(live.fs.store_mut(), &geometry)?)
    }

    fn probe(&self, view: &View) -> Vec<FsOp> {
        let path = Path::of("/probe");
        let mut ops = match view.get(&path) {
            Some(_) => Vec::new(),
            None => vec![FsOp::Create(path.clone())],
        };
        let len = Bytes::of(BLOCK_SIZE);
        ops.push(FsOp::Append { path: path.clone(), len, fill: crate::fs::Fill(0xcc) });
        ops.extend([FsOp::Sync, FsOp::Unlink(path), FsOp::Sync]);
        ops
    }

    fn judge(&self, view: &View, history: &History<'_, Self>) -> Result<(), Violation> {
        model::judge(view, history.ops, history.states, history.window)
    }

    fn remark(&self, live: &Mounted) -> Option<String> {
        Some(live.report.words())
    }
}

impl Reference for Vsfs {
    const NAME: &'static str = "vsfs";
    const ABOUT: &'static str =
        "the textbook's very simple file system: no journal, a full fsck at every start";
    const MEDIUM: &'static str = "block";
    const FLUSH_ERRORS: bool = true;
    const BUGS: &'static [crashcheck::BugSwitch] = &bugs::SWITCHES;
    const CHECKS: &'static [Checks] = crate::checks::ALL;

    fn with_bugs(bugs: &[String]) -> Result<Self, UnknownBug> {
        Ok(Vsfs { bugs: Bugs::named(Vsfs::NAME, Self::BUGS, bugs)?, ..Vsfs::default() })
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
