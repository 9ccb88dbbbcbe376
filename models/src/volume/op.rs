//! The operations of a block device.

use super::view::sectors;
use crate::fs::Fill;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;

/// One operation of a workload, shown as a person would write it: `write block 3 of 7f`. Blocks have 4 KiB.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeOp {
    /// Writes blocks.
    Write {
        /// The first block.
        block: u64,
        /// How many blocks.
        count: u64,
        /// Which bytes; they depend on where on the device they stand.
        fill: Fill,
    },
    /// Writes sectors of 512 bytes, which need not be whole blocks.
    WriteSectors {
        /// The first sector.
        sector: u64,
        /// How many sectors.
        count: u64,
        /// Which bytes.
        fill: Fill,
    },
    /// Writes blocks and waits for them, with force unit access: of all that was written, these are durable.
    WriteThrough {
        /// The first block.
        block: u64,
        /// How many blocks.
        count: u64,
        /// Which bytes.
        fill: Fill,
    },
    /// Says that blocks are no longer needed: they read as zeros.
    Discard {
        /// The first block.
        block: u64,
        /// How many blocks.
        count: u64,
    },
    /// Says that sectors are no longer needed. Whether a block that is covered in part keeps its content depends on the
    /// device.
    DiscardSectors {
        /// The first sector.
        sector: u64,
        /// How many sectors.
        count: u64,
    },
    /// Makes everything durable.
    Flush,
    /// A step of the work that a device does when it is left alone: cleaning, rebuilding, scrubbing. It changes nothing
    /// that a user can see.
    Maintain(u8),
}

impl VolumeOp {
    /// The sectors that it is about; `None` if there are none, or more than can be counted.
    pub fn sectors(&self) -> Option<Range<u64>> {
        match *self {
            VolumeOp::Write { block, count, .. }
            | VolumeOp::WriteThrough { block, count, .. }
            | VolumeOp::Discard { block, count } => sectors(block, count),
            VolumeOp::WriteSectors { sector, count, .. } | VolumeOp::DiscardSectors { sector, count } => {
                Some(sector..sector.checked_add(count)?)
            }
            VolumeOp::Flush | VolumeOp::Maintain(_) => None,
        }
    }
}

impl fmt::Display for VolumeOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = |f: &mut fmt::Formatter<'_>, what: &str, first: u64, count: u64| match count {
            1 => write!(f, "{what} {first}"),
            _ => write!(f, "{what}s {first} to {}", first.saturating_add(count).saturating_sub(1)),
        };
        match self {
            VolumeOp::Write { block, count, fill } => {
                f.write_str("write ")?;
                run(f, "block", *block, *count)?;
                write!(f, " of {fill}")
            }
            VolumeOp::WriteSectors { sector, count, fill } => {
                f.write_str("write ")?;
                run(f, "sector", *sector, *count)?;
                write!(f, " of {fill}")
            }
            VolumeOp::WriteThrough { block, count, fill } => {
                f.write_str("write ")?;
                run(f, "block", *block, *count)?;
                write!(f, " of {fill} and wait")
            }
            VolumeOp::Discard { block, count } => {
                f.write_str("discard ")?;
                run(f, "block", *block, *count)
            }
            VolumeOp::DiscardSectors { sector, count } => {
                f.write_str("discard ")?;
                run(f, "sector", *sector, *count)
            }
            VolumeOp::Flush => f.write_str("flush"),
            VolumeOp::Maintain(step) => write!(f, "maintain {step}"),
        }
    }
}

impl fmt::Debug for VolumeOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
