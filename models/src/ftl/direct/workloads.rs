//! Workloads for blocks of four pages, beside those of every block device.

use crate::volume::VolumeOp;
use crate::volume::workloads::{self, FLUSH, write};
use crashcheck::Workload;

pub(super) fn all() -> Vec<Workload<VolumeOp>> {
    let mut all = workloads::all();
    all.push(Workload {
        name: "turns",
        about: "Pages of several blocks are written in turn, so that every scratch block is used again (FT-13).",
        setup: vec![write(0, 12, 1), FLUSH],
        ops: vec![write(1, 1, 2), write(5, 1, 3), write(9, 1, 4), write(2, 1, 5), FLUSH],
    });
    all
}
