//! `ftl-hybrid`: blocks are mapped as a whole, and writes go to a few log blocks that are mapped by the page (OSTEP, 44.9;
//! Kim, Kim, Noh, Min and Cho 2002, "A space-efficient flash translation layer for CompactFlash systems").
//!
//! ```text
//! chunk             as many logical pages as a block has pages
//! data block        page p of it is page p of its chunk (FT-21); one for each chunk that was ever written in full
//! log block         pages of one chunk in the order of their writes; at most three chunks have one
//! read              the log block first, then the data block (FT-22)
//!
//! switch merge      the log block holds every page of its chunk in order: it becomes the data block
//! partial merge     it holds the first pages in order: the others are copied behind them, and it becomes the data block
//! full merge        all pages are copied, the newest of each, to a free block, which becomes the data block
//! ```
//!
//! What becomes the data block is durable before the old blocks are erased (FT-03). A page that was never written or was
//! discarded has its place in a data block too, as a trim with the number of the discard: so an old block whose erase
//! did not come to pass never brings it back (FT-25).
//!
//! | file | holds |
//! |---|---|
//! | `tables.rs` | what a block holds, and which two blocks are a chunk |
//! | `chunks.rs` | reads, writes, discards |
//! | `merge.rs` | the three merges |
//! | `recover.rs` | a new layer, and an old one opened again |
//! | `check.rs` | a reader of the chip that shares nothing with these |
//! | `bugs.rs`, `workloads.rs` | the faults, and the workloads that show them |

pub mod bugs;
mod check;
mod chunks;
mod merge;
mod recover;
pub mod tables;
mod workloads;

pub use chunks::HybridFtl;
pub use merge::Merges;

use crate::ftl::exported::{Exported, Translation};
use crate::ftl::format::PAGE;
use crate::ftl::{CHIP, chip_with};
use crate::volume::{Layer, VolumeOp};
use bugs::Bugs;
use crashcheck::{BugSwitch, Bytes, Device, Disk, Pairing, Result, UnknownBug, Workload};

/// Pages of a block, and of a chunk.
const PAGES_PER_BLOCK: u32 = 4;
/// How many chunks have a log block at the most.
const LOGS: usize = 3;
/// Blocks that are free when every chunk has a data block and all log blocks are in use: one for a merge, and some that
/// may wear out.
const SPARE_BLOCKS: u32 = 3;
/// How many erases a block survives.
const ENDURANCE: u32 = 1000;

/// The hybrid layer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hybrid {
    bugs: Bugs,
}

impl Layer for Hybrid {
    const NAME: &'static str = "ftl-hybrid";
    const ABOUT: &'static str = "a flash translation layer that maps whole blocks, and pages of a few log blocks that are merged into them";
    const MEDIUM: &'static str = "flash";
    const PROFILES: &'static [&'static str] = &["flash"];
    const BUGS: &'static [BugSwitch] = bugs::ALL;
    const CAPACITY: Bytes = Bytes(20 * PAGE as u64);

    type Live = Exported<HybridFtl>;

    fn with_bugs(bugs: &[String]) -> Result<Self, UnknownBug> {
        Ok(Hybrid { bugs: Bugs::named(Self::NAME, Self::BUGS, bugs)? })
    }

    fn devices(&self, capacity: Bytes) -> Vec<Device> {
        let chunks = capacity.0.div_ceil(u64::from(PAGES_PER_BLOCK) * PAGE as u64) as u32;
        let blocks = chunks + LOGS as u32 + SPARE_BLOCKS;
        vec![chip_with(PAGES_PER_BLOCK, blocks, ENDURANCE, Pairing::None)]
    }

    fn format(&self, disk: &Disk, _: Bytes) -> Result<()> {
        Ok(HybridFtl::format(disk.nand(CHIP)?)?)
    }

    fn open(&self, disk: Disk) -> Result<Self::Live> {
        Ok(Exported(HybridFtl::open(disk.nand(CHIP)?, self.bugs)?))
    }

    fn check(&self, live: &mut Self::Live) -> Result<()> {
        Ok(live.0.check()?)
    }

    fn remark(&self, live: &Self::Live) -> Option<String> {
        let words = match live.0.left_over() {
            0 => "no block left over",
            1 => "one block left over",
            _ => "several blocks left over",
        };
        Some(words.to_owned())
    }

    fn maintain(&self, live: &mut Self::Live, step: u8) -> Result<()> {
        Ok(live.0.maintain(step)?)
    }

    fn workloads() -> Vec<Workload<VolumeOp>> {
        workloads::all()
    }
}

#[cfg(test)]
mod tests;
