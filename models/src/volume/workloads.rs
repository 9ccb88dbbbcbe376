//! Workloads by name that every block device has, each short enough to be explored completely.

use super::VolumeOp;
use crate::fs::Fill;
use crashcheck::Workload;

/// Writes blocks.
pub fn write(block: u64, count: u64, fill: u8) -> VolumeOp {
    VolumeOp::Write { block, count, fill: Fill(fill) }
}

/// Writes sectors, of which a block has eight.
pub fn write_sectors(sector: u64, count: u64, fill: u8) -> VolumeOp {
    VolumeOp::WriteSectors { sector, count, fill: Fill(fill) }
}

/// Makes everything durable.
pub const FLUSH: VolumeOp = VolumeOp::Flush;

/// The workloads of every reference block device.
pub fn all() -> Vec<Workload<VolumeOp>> {
    vec![
        Workload {
            name: "write",
            about: "Blocks are written and made durable.",
            setup: Vec::new(),
            ops: vec![write(0, 1, 1), FLUSH, write(1, 2, 2), FLUSH],
        },
        Workload {
            name: "overwrite",
            about: "Blocks are overwritten, one of them twice before it is made durable.",
            setup: vec![write(0, 4, 1), FLUSH],
            ops: vec![write(1, 1, 2), write(1, 2, 3), FLUSH, write(0, 1, 4)],
        },
        Workload {
            name: "discard",
            about: "Blocks are discarded, made durable as such, and one is written again.",
            setup: vec![write(0, 4, 1), FLUSH],
            ops: vec![
                VolumeOp::Discard { block: 0, count: 2 },
                FLUSH,
                write(1, 1, 2),
                VolumeOp::Discard { block: 3, count: 1 },
                FLUSH,
            ],
        },
        Workload {
            name: "parts",
            about: "What is written and discarded begins and ends within blocks (FT-05).",
            setup: vec![write(0, 4, 1), FLUSH],
            ops: vec![
                write_sectors(4, 16, 2),
                FLUSH,
                VolumeOp::DiscardSectors { sector: 12, count: 16 },
                write_sectors(25, 1, 3),
                FLUSH,
            ],
        },
        Workload {
            name: "write-through",
            about: "One of several writes is waited for, and later all of them.",
            setup: vec![write(0, 4, 1), FLUSH],
            ops: vec![
                write(1, 1, 2),
                VolumeOp::WriteThrough { block: 2, count: 1, fill: Fill(3) },
                write(0, 1, 4),
                FLUSH,
            ],
        },
    ]
}
