//! The operations of a block device.

use crate::fs::Fill;
use serde::{Deserialize, Serialize};
use std::fmt;

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
    /// Says that blocks are no longer needed: they read as zeros.
    Discard {
        /// The first block.
        block: u64,
        /// How many blocks.
        count: u64,
    },
    /// Makes everything durable.
    Flush,
    /// A step of the work that a device does when it is left alone: cleaning, rebuilding, scrubbing. It changes nothing
    /// that a user can see.
    Maintain(u8),
}

impl VolumeOp {
    /// The blocks that it changes: the first, and how many.
    pub fn range(&self) -> Option<(u64, u64)> {
        match self {
            VolumeOp::Write { block, count, .. } | VolumeOp::Discard { block, count } => {
                Some((*block, *count))
            }
            VolumeOp::Flush | VolumeOp::Maintain(_) => None,
        }
    }
}

impl fmt::Display for VolumeOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blocks = |f: &mut fmt::Formatter<'_>, block: u64, count: u64| match count {
            1 => write!(f, "block {block}"),
            _ => write!(f, "blocks {block} to {}", block.saturating_add(count).saturating_sub(1)),
        };
        match self {
            VolumeOp::Write { block, count, fill } => {
                f.write_str("write ")?;
                blocks(f, *block, *count)?;
                write!(f, " of {fill}")
            }
            VolumeOp::Discard { block, count } => {
                f.write_str("discard ")?;
                blocks(f, *block, *count)
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
