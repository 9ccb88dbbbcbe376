//! Workloads that show what the layer is for.

use crate::volume::workloads::{FLUSH, all as common, write};
use crate::volume::{Layer, VolumeOp};
use crashcheck::Workload;

/// The workloads of every block device, and those of this one.
pub(super) fn all() -> Vec<Workload<VolumeOp>> {
    let blocks = super::Integrity::CAPACITY.0 / crate::volume::BLOCK;
    let mut all = common();
    all.extend([
        Workload {
            name: "reuse",
            about: "Blocks are overwritten again and again, so that each place holds one block after the other.",
            setup: vec![write(0, 3, 1), FLUSH],
            ops: vec![write(0, 1, 2), FLUSH, write(1, 1, 3), FLUSH, write(2, 1, 4), FLUSH],
        },
        Workload {
            name: "neighbours",
            about: "Blocks that lie next to each other are written in one commit.",
            setup: Vec::new(),
            ops: vec![write(0, 1, 1), write(1, 1, 2), write(2, 1, 3), FLUSH],
        },
        Workload {
            name: "full",
            about: "Every block is overwritten, which needs more room than there is without a commit in between.",
            setup: vec![write(0, blocks, 1), FLUSH],
            ops: vec![write(0, blocks, 2), FLUSH],
        },
        Workload {
            name: "discard-and-write",
            about: "Blocks of a full volume are discarded and written until there would be no place left.",
            setup: vec![write(0, blocks, 1), FLUSH],
            ops: (2..5)
                .flat_map(|fill| [VolumeOp::Discard { block: 0, count: 6 }, write(0, 6, fill), FLUSH])
                .collect(),
        },
        Workload {
            name: "many-commits",
            about: "So many commits that every place has been used, and given back, since the volume was opened.",
            setup: std::iter::once(write(0, blocks, 1))
                .chain([FLUSH])
                .chain((0..blocks + 8).flat_map(|nth| [write(nth % 4, 1, 2 + nth as u8), FLUSH]))
                .collect(),
            ops: vec![write(1, 1, 0x80), FLUSH],
        },
        Workload {
            name: "scrub",
            about: "A volume is scrubbed between two commits.",
            setup: vec![write(0, 2, 1), FLUSH],
            ops: vec![write(1, 1, 2), VolumeOp::Maintain(0), FLUSH, VolumeOp::Maintain(0)],
        },
    ]);
    all
}
