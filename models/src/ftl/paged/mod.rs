//! `ftl` and `ftl-mlc`: every write goes to the end of a log, and a map says where each logical page is (OSTEP, 44.7).
//!
//! ```text
//! blocks 0 … n-1          the log, in whatever order blocks became free: data, trims, copies of both
//! the last blocks         two halves of a checkpoint area
//! ```
//!
//! The map lives in memory; the chip says the same by the out-of-band data of its pages. After a crash the newest version
//! of each logical page that is whole counts, be it acknowledged or in flight (FT-15). Reads of discarded pages give
//! zeros, also after a crash if the discard was flushed (FT-25).
//!
//! | file | holds |
//! |---|---|
//! | `tables.rs` | the map, and what follows from it: what is live |
//! | `log.rs` | writes, discards, flushes |
//! | `collect.rs` | garbage collection and wear levelling |
//! | `checkpoint.rs` | checkpoints, drawn |
//! | `recover.rs` | a new layer, and an old one opened again |
//! | `check.rs` | a reader of the chip that shares nothing with these |
//! | `bugs.rs`, `workloads.rs` | the faults, and the workloads that show them |

pub mod bugs;
mod check;
pub mod checkpoint;
mod collect;
mod log;
mod recover;
pub mod tables;
mod workloads;

pub use collect::WEAR_LIMIT;
pub use log::PagedFtl;
pub use recover::{Found, layout};

use crate::ftl::exported::{Exported, Translation};
use crate::ftl::format::PAGE;
use crate::ftl::{CHIP, chip_with};
use crate::volume::{Layer, VolumeOp};
use bugs::Bugs;
use crashcheck::trace::DeviceKind;
use crashcheck::{BlockNo, BugSwitch, Bytes, Device, Disk, Pairing, Result, UnknownBug, Workload};
use std::fmt::Debug;
use std::marker::PhantomData;

/// Pages of a block.
const PAGES_PER_BLOCK: u32 = 8;
/// How many erases a block survives.
const ENDURANCE: u32 = 3000;
/// A block that has been erased almost as often: formatting erases it once more, and so does its first use (FT-08).
const WEAK: BlockNo = BlockNo(4);
const WEAK_ERASES: u32 = ENDURANCE - 2;

/// The kind of chip that the layer runs on.
pub trait Cells: Copy + Debug + Default + Send + Sync + 'static {
    /// Its name on the command line.
    const NAME: &'static str;
    /// What it is, in a sentence.
    const ABOUT: &'static str;
    /// Which pages share cells.
    const PAIRED: Pairing;
    /// Spare blocks beyond what the log needs.
    const SPARE_BLOCKS: u32;
    /// The faults it can be built with.
    const BUGS: &'static [BugSwitch];

    /// The workloads by name.
    fn workloads() -> Vec<Workload<VolumeOp>>;
}

/// One bit in a cell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slc;

impl Cells for Slc {
    const NAME: &'static str = "ftl";
    const ABOUT: &'static str = "a flash translation layer that maps pages to a log, with checkpoints, garbage collection and wear levelling";
    const PAIRED: Pairing = Pairing::None;
    const SPARE_BLOCKS: u32 = 4;
    const BUGS: &'static [BugSwitch] = bugs::SLC;

    fn workloads() -> Vec<Workload<VolumeOp>> {
        workloads::all()
    }
}

/// Two bits in a cell: a program that is cut off takes an earlier page with it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mlc;

impl Cells for Mlc {
    const NAME: &'static str = "ftl-mlc";
    const ABOUT: &'static str = "the page-mapped flash translation layer on a chip whose pages share cells in pairs, padded at every flush";
    const PAIRED: Pairing = Pairing::Mlc { distance: 2 };
    const SPARE_BLOCKS: u32 = 6;
    const BUGS: &'static [BugSwitch] = bugs::MLC;

    fn workloads() -> Vec<Workload<VolumeOp>> {
        workloads::on_pairs()
    }
}

/// The page-mapped layer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Paged<C> {
    bugs: Bugs,
    cells: PhantomData<C>,
}

/// Logical pages of a capacity.
fn pages(capacity: Bytes) -> u32 {
    capacity.0.div_ceil(PAGE as u64) as u32
}

impl<C: Cells> Layer for Paged<C> {
    const NAME: &'static str = C::NAME;
    const ABOUT: &'static str = C::ABOUT;
    const MEDIUM: &'static str = "flash";
    const PROFILES: &'static [&'static str] = &["flash"];
    const BUGS: &'static [BugSwitch] = C::BUGS;
    const CAPACITY: Bytes = Bytes(24 * PAGE as u64);

    type Live = Exported<PagedFtl>;

    fn with_bugs(bugs: &[String]) -> Result<Self, UnknownBug> {
        Ok(Paged { bugs: Bugs::named(C::NAME, C::BUGS, bugs)?, cells: PhantomData })
    }

    /// Half as many pages again as are exported, so that there is always garbage to collect, and spare blocks. One block
    /// is about to wear out.
    fn devices(&self, capacity: Bytes) -> Vec<Device> {
        let log = (pages(capacity) * 3 / 2).div_ceil(PAGES_PER_BLOCK) + C::SPARE_BLOCKS;
        let half = checkpoint::parts(log + log / 4 + 2, PAGES_PER_BLOCK).div_ceil(PAGES_PER_BLOCK);
        let mut chip = chip_with(PAGES_PER_BLOCK, log + 2 * half, ENDURANCE, C::PAIRED);
        if let DeviceKind::Nand(chip) = &mut chip.kind {
            chip.erases.insert(WEAK, WEAK_ERASES);
        }
        vec![chip]
    }

    fn format(&self, disk: &Disk, capacity: Bytes) -> Result<()> {
        Ok(PagedFtl::format(disk.nand(CHIP)?, pages(capacity), self.bugs)?)
    }

    fn open(&self, disk: Disk) -> Result<Self::Live> {
        Ok(Exported(PagedFtl::open(disk.nand(CHIP)?, self.bugs)?))
    }

    fn check(&self, live: &mut Self::Live) -> Result<()> {
        Ok(live.0.check()?)
    }

    fn remark(&self, live: &Self::Live) -> Option<String> {
        let words = match live.0.found() {
            Found { garbage: 1.., .. } => "blocks read, something was interrupted",
            Found { scanned: 1.., .. } => "blocks read beside the checkpoint",
            _ => "checkpoint and first pages read",
        };
        Some(words.to_owned())
    }

    fn maintain(&self, live: &mut Self::Live, step: u8) -> Result<()> {
        Ok(live.0.maintain(step)?)
    }

    fn workloads() -> Vec<Workload<VolumeOp>> {
        C::workloads()
    }
}

#[cfg(test)]
mod tests;
