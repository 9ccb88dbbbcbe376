//! fsck: the recovery of a file system without a journal.
//!
//! It believes inodes rather than bitmaps and directories rather than link counts, in phases of which each relies on
//! those before it (FK-12):
//!
//! | phase | file | sets right |
//! |---|---|---|
//! | superblocks | `superblock.rs` | copies that differ; which one to believe (FK-01) |
//! | inodes | `inodes.rs` | types, pointers, blocks with two owners, sizes, block counts (FK-03, FK-05, FK-06) |
//! | bitmaps | `bitmaps.rs` | both bitmaps, from the inodes (FK-02) |
//! | directories | `dirs.rs` | records, names, entries to free inodes (FK-07) |
//! | connectivity | `connect.rs` | one name for each directory, lost+found (FK-04) |
//! | link counts | `connect.rs` | link counts, from the names (FK-04) |
//!
//! It reads no content of files. A crash during a repair leaves a state that another run repairs to the same end:
//! what a repair adds is initialised before anything points to it, nothing it frees is given out again before the end,
//! and it decides from what it finds, not from what it did.

mod bitmaps;
mod connect;
mod dirs;
mod inodes;
mod report;
mod superblock;

pub(crate) use bitmaps::{reserved_blocks, reserved_inodes};
pub(crate) use dirs::LOST_AND_FOUND;
pub use report::{Repair, Report};
pub use superblock::find_geometry;

use super::blocks::{FileSystem, FsError};
use super::bugs::Bugs;
use super::format::{Geometry, InodeNo};
use super::inode::FileType;
use super::store::Store;

/// What becomes of a file that has lost its name (FK-04b).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orphans {
    /// It gets a new one in lost+found.
    #[default]
    Reattach,
    /// It is deleted.
    Delete,
}

/// How to check.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What becomes of files without a name.
    pub orphans: Orphans,
    /// Faults of the checker.
    pub bugs: Bugs,
}

/// Checks a file system and changes nothing. It ends with the first phase that finds something: those after it rely on
/// what it would have repaired.
///
/// # Errors
/// If the store fails.
pub fn check<S: Store>(store: &mut S, geometry: Geometry) -> Result<Report, FsError> {
    run(store, geometry, Options::default(), false)
}

/// Checks a file system, repairs what is wrong, and makes that durable.
///
/// # Errors
/// If the store fails, or a repair needs space that there is not.
pub fn repair<S: Store>(store: &mut S, geometry: Geometry, options: Options) -> Result<Report, FsError> {
    let report = run(store, geometry, options, true)?;
    if !report.is_clean() {
        store.sync()?;
    }
    Ok(report)
}

fn run<S: Store>(
    store: &mut S,
    geometry: Geometry,
    options: Options,
    repair: bool,
) -> Result<Report, FsError> {
    let mut fsck = Fsck::new(store, geometry, options, repair);
    let phases = [
        Fsck::superblocks,
        Fsck::inodes,
        Fsck::bitmaps,
        Fsck::directories,
        Fsck::connectivity,
        Fsck::link_counts,
    ];
    for phase in phases {
        phase(&mut fsck)?;
        if !repair && !fsck.report.is_clean() {
            break;
        }
    }
    Ok(fsck.report)
}

/// A run of the checker, and what it knows so far.
struct Fsck<'s, S> {
    fs: FileSystem<&'s mut S>,
    geometry: Geometry,
    options: Options,
    /// Whether to change anything.
    repair: bool,
    report: Report,
    /// What each inode in use is.
    kinds: Vec<Option<FileType>>,
    /// Whose each block is; none if it is nobody's.
    owners: Vec<InodeNo>,
    /// Every entry of every directory but "." and "..".
    entries: Vec<dirs::Entry>,
    /// Where ".." of each directory leads.
    dotdot: Vec<InodeNo>,
    lost_and_found: Option<InodeNo>,
}

impl<'s, S: Store> Fsck<'s, S> {
    fn new(store: &'s mut S, geometry: Geometry, options: Options, repair: bool) -> Self {
        Fsck {
            fs: FileSystem::new(store, geometry, Bugs::NONE),
            geometry,
            options,
            repair,
            report: Report::default(),
            kinds: vec![None; geometry.inodes() as usize],
            owners: vec![InodeNo::NONE; geometry.blocks() as usize],
            entries: Vec::new(),
            dotdot: vec![InodeNo::NONE; geometry.inodes() as usize],
            lost_and_found: None,
        }
    }

    /// Inodes in use, or those of one type.
    fn used(&self, kind: Option<FileType>) -> Vec<InodeNo> {
        let wanted = |number: &InodeNo| match (self.kinds[number.index()], kind) {
            (Some(has), Some(kind)) => has == kind,
            (has, _) => has.is_some(),
        };
        (0..self.geometry.inodes()).map(InodeNo).filter(wanted).collect()
    }
}
