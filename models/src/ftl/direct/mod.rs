//! `ftl-direct`: every logical page has one place on the chip (OSTEP, 44.6).
//!
//! To write one page its whole block is read, erased and programmed again (FT-13): the chip is written to as many times
//! over as a block has pages, and the host decides by what it writes which block wears out (FT-14). The textbook's layer
//! loses a whole block when the power goes between the erase and the last program. This one programs the new content of
//! the block into a scratch block first and waits; whatever happens to the block then can be done again.
//!
//! ```text
//! blocks 0 … n-1      logical pages in order: page p of block b is logical page b * pages of a block + p
//! blocks n, n+1       scratch blocks, used in turn
//!
//! write               scratch: erase, program all   wait   block: erase, program all
//! ```
//!
//! All pages of a block are programmed with one sequence number; the `count` of a page is 1 if it holds something, and 0
//! if it was never written or was discarded. A scratch block is not erased before what was made from it is durable: the
//! two take turns, and the wait of one write is that for the block of the write before.
//!
//! | file | holds |
//! |---|---|
//! | `rewrite.rs` | the layer, and how a block is written again |
//! | `recover.rs` | which block is damaged, and which scratch block makes up for it |
//! | `check.rs` | a reader of the chip that shares nothing with these |
//! | `bugs.rs`, `workloads.rs` | the faults, and the workloads that show them |

pub mod bugs;
mod check;
mod recover;
mod rewrite;
mod workloads;

pub use rewrite::DirectFtl;

use crate::ftl::exported::{Exported, Translation};
use crate::ftl::format::PAGE;
use crate::ftl::{CHIP, chip_with};
use crate::volume::{Layer, VolumeOp};
use bugs::Bugs;
use crashcheck::{BugSwitch, Bytes, Device, Disk, Pairing, Result, UnknownBug, Workload};

/// Pages of a block: few, as each write programs a block twice.
const PAGES_PER_BLOCK: u32 = 4;
/// How many erases a block survives (FT-08).
const ENDURANCE: u32 = 100_000;
/// The scratch blocks.
const SCRATCH: u32 = 2;

/// The direct-mapped layer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Direct {
    bugs: Bugs,
}

impl Layer for Direct {
    const NAME: &'static str = "ftl-direct";
    const ABOUT: &'static str = "a flash translation layer that maps every page to one place, and rewrites blocks by way of a scratch block";
    const MEDIUM: &'static str = "flash";
    const PROFILES: &'static [&'static str] = &["flash"];
    const BUGS: &'static [BugSwitch] = bugs::ALL;
    const CAPACITY: Bytes = Bytes(12 * PAGE as u64);

    type Live = Exported<DirectFtl>;

    fn with_bugs(bugs: &[String]) -> Result<Self, UnknownBug> {
        Ok(Direct { bugs: Bugs::named(Self::NAME, Self::BUGS, bugs)? })
    }

    fn devices(&self, capacity: Bytes) -> Vec<Device> {
        let pages = capacity.0.div_ceil(PAGE as u64) as u32;
        let blocks = pages.div_ceil(PAGES_PER_BLOCK) + SCRATCH;
        vec![chip_with(PAGES_PER_BLOCK, blocks, ENDURANCE, Pairing::None)]
    }

    fn format(&self, disk: &Disk, _: Bytes) -> Result<()> {
        Ok(DirectFtl::format(disk.nand(CHIP)?)?)
    }

    fn open(&self, disk: Disk) -> Result<Self::Live> {
        Ok(Exported(DirectFtl::open(disk.nand(CHIP)?, self.bugs)?))
    }

    fn check(&self, live: &mut Self::Live) -> Result<()> {
        Ok(live.0.check()?)
    }

    fn remark(&self, live: &Self::Live) -> Option<String> {
        let words = match live.0.redone() {
            0 => "no block to write again",
            1 => "one block written again",
            _ => "several blocks written again",
        };
        Some(words.to_owned())
    }

    fn workloads() -> Vec<Workload<VolumeOp>> {
        workloads::all()
    }
}

#[cfg(test)]
mod tests;
