//! Workloads for a small chip, beside those of every block device.

use crate::volume::VolumeOp;
use crate::volume::workloads::{self, FLUSH, write};
use crashcheck::Workload;

/// Frees a block.
const COLLECT: VolumeOp = VolumeOp::Maintain(0);
/// Makes a checkpoint.
const CHECKPOINT: VolumeOp = VolumeOp::Maintain(1);

pub(super) fn all() -> Vec<Workload<VolumeOp>> {
    let mut all = workloads::all();
    all.push(Workload {
        name: "collect",
        about: "A block with some live pages is freed (FT-17).",
        setup: vec![write(0, 8, 1), write(0, 4, 2), FLUSH],
        ops: vec![COLLECT, write(1, 1, 3), FLUSH],
    });
    all.push(Workload {
        name: "checkpoints",
        about: "Checkpoints go round their area, with writes in between (FT-16).",
        setup: vec![write(0, 6, 1), FLUSH],
        ops: (0..10).flat_map(|turn| [write(0, 1, 10 + turn), CHECKPOINT]).collect(),
    });
    all
}

/// For a chip whose pages share cells.
pub(super) fn on_pairs() -> Vec<Workload<VolumeOp>> {
    all()
}
