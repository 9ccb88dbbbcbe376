//! Workloads that come to each kind of merge, beside those of every block device.

use crate::volume::VolumeOp;
use crate::volume::workloads::{self, FLUSH, write};
use crashcheck::Workload;

/// Merges the log block that was written to least recently.
const MERGE: VolumeOp = VolumeOp::Maintain(0);

pub(super) fn all() -> Vec<Workload<VolumeOp>> {
    let mut all = workloads::all();
    all.extend([
        Workload {
            name: "switch-merge",
            about: "A chunk is written from its first page to its last: its log block becomes the data block.",
            setup: vec![write(0, 4, 1), MERGE, FLUSH],
            ops: vec![write(0, 4, 2), FLUSH, MERGE, write(4, 1, 3), FLUSH],
        },
        Workload {
            name: "partial-merge",
            about: "The first pages of a chunk are written; the others are copied behind them.",
            setup: vec![write(0, 4, 1), MERGE, FLUSH],
            ops: vec![write(0, 2, 2), FLUSH, MERGE, FLUSH, write(0, 4, 3), MERGE, FLUSH],
        },
        Workload {
            name: "full-merge",
            about: "Pages are written out of order: everything is copied to a block of its own.",
            setup: vec![write(0, 8, 1), MERGE, MERGE, FLUSH],
            ops: vec![write(2, 1, 2), write(1, 1, 3), FLUSH, MERGE, write(6, 1, 4), FLUSH, MERGE],
        },
        Workload {
            name: "unflushed-merge",
            about: "A log block is merged of which a part is not durable yet.",
            setup: vec![write(0, 4, 1), MERGE, FLUSH],
            ops: vec![write(2, 1, 2), FLUSH, write(1, 1, 3), write(0, 1, 4), MERGE, FLUSH],
        },
        Workload {
            name: "trim-merge",
            about: "A discarded page goes through a merge (FT-25).",
            setup: vec![write(0, 4, 1), MERGE, FLUSH],
            ops: vec![VolumeOp::Discard { block: 2, count: 1 }, FLUSH, MERGE, write(5, 1, 2), FLUSH],
        },
        Workload {
            name: "again",
            about: "A page is overwritten until its log block is full, and once more after the pages of other chunks.",
            setup: vec![write(0, 4, 1), MERGE, FLUSH],
            ops: [(2..=5).map(|fill| write(1, 1, fill)).collect(), vec![FLUSH, write(4, 8, 6), write(1, 1, 7), FLUSH]]
                .concat(),
        },
        Workload {
            name: "more-logs",
            about: "More chunks are written to than there are log blocks.",
            setup: vec![write(0, 16, 1), FLUSH],
            ops: vec![write(0, 1, 2), write(5, 1, 3), write(10, 1, 4), write(15, 1, 5), FLUSH],
        },
    ]);
    all
}
