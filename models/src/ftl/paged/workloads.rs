//! Workloads for a small chip, beside those of every block device: nine blocks of eight pages for 24 logical pages.

use crate::volume::VolumeOp;
use crate::volume::workloads::{self, FLUSH, write};
use crashcheck::Workload;

/// Frees a block.
const COLLECT: VolumeOp = VolumeOp::Maintain(0);
/// Makes a checkpoint.
const CHECKPOINT: VolumeOp = VolumeOp::Maintain(1);
/// Moves what lies on the block that was erased least.
const LEVEL: VolumeOp = VolumeOp::Maintain(2);

pub(super) fn all() -> Vec<Workload<VolumeOp>> {
    let mut all = on_pairs();
    all.extend([
        Workload {
            name: "around",
            about: "The log comes round to blocks that lie before those with older versions (FT-16).",
            setup: (1..=3).map(|fill| write(0, 24, fill)).chain([FLUSH]).collect(),
            ops: vec![write(0, 2, 20), FLUSH],
        },
        Workload {
            name: "again",
            about: "A page is overwritten twice before it is durable, and once more after another one (FT-16).",
            setup: vec![write(0, 4, 1), FLUSH],
            ops: vec![write(1, 1, 2), write(1, 1, 3), FLUSH, write(2, 1, 4), write(1, 1, 5), FLUSH],
        },
        Workload {
            name: "full",
            about: "Room has to be made for a page whose old version is in the block that is freed (FT-17).",
            setup: one_live_page_in_the_second_block(),
            ops: vec![write(3, 6, 4), FLUSH],
        },
        Workload {
            name: "no-block-without-live-pages",
            about: "Every block holds a page that is never written again: to free one takes room for copies (FT-17).",
            setup: (0..12).flat_map(one_cold).chain([FLUSH]).collect(),
            ops: vec![write(13, 4, 3), FLUSH],
        },
        Workload {
            name: "level",
            about: "What lies on the block that was erased least is moved (FT-23).",
            setup: [vec![write(16, 8, 1)], (1..=20).map(|fill| write(0, 8, fill)).collect(), vec![FLUSH]].concat(),
            ops: vec![LEVEL, write(0, 1, 30), FLUSH],
        },
        Workload {
            name: "worn-out",
            about: "The block with the old version of a discarded page turns out to be worn out (FT-08).",
            setup: worn(),
            ops: vec![
                VolumeOp::Discard { block: 23, count: 1 },
                write(16, 7, 5),
                FLUSH,
                COLLECT,
                COLLECT,
                FLUSH,
            ],
        },
    ]);
    all.extend(discards());
    all
}

/// What was discarded goes through a collection.
fn discards() -> Vec<Workload<VolumeOp>> {
    vec![
        Workload {
            name: "discard-collect",
            about: "The block with the record of a discard is freed before the one with the old version (FT-25).",
            setup: vec![write(0, 8, 1), FLUSH],
            ops: vec![
                VolumeOp::Discard { block: 0, count: 1 },
                write(8, 7, 3),
                FLUSH,
                write(8, 7, 4),
                COLLECT,
                FLUSH,
            ],
        },
        Workload {
            name: "discard-several",
            about: "Of several pages that were discarded one is written again, and then the record of the discard is moved (FT-25).",
            setup: vec![write(0, 8, 1), FLUSH],
            ops: vec![
                VolumeOp::Discard { block: 0, count: 4 },
                write(8, 7, 2),
                FLUSH,
                write(1, 1, 3),
                write(8, 7, 4),
                COLLECT,
                FLUSH,
                write(8, 8, 5),
                COLLECT,
                FLUSH,
            ],
        },
    ]
}

/// For a chip whose pages share cells.
pub(super) fn on_pairs() -> Vec<Workload<VolumeOp>> {
    let mut all = workloads::all();
    all.extend([
        Workload {
            name: "collect",
            about: "A block with some live pages is freed (FT-17).",
            setup: vec![write(0, 8, 1), write(0, 4, 2), FLUSH],
            ops: vec![COLLECT, write(1, 1, 3), FLUSH],
        },
        Workload {
            name: "collect-overwritten",
            about: "A block is freed of which every page was written again, and nothing of that is durable yet (FT-03).",
            setup: vec![write(0, 8, 1), FLUSH],
            ops: vec![write(0, 8, 2), COLLECT, FLUSH],
        },
        Workload {
            name: "checkpoints",
            about: "Checkpoints go to both halves of their area, with writes in between (FT-16).",
            setup: vec![write(0, 6, 1), CHECKPOINT, CHECKPOINT, CHECKPOINT, CHECKPOINT, CHECKPOINT, FLUSH],
            ops: (0..5).flat_map(|turn| [write(0, 1, 10 + turn), CHECKPOINT]).collect(),
        },
    ]);
    all
}

/// Five pages more and seven blocks are full, each with a live page or more: page 8 is the only one of the second.
fn one_live_page_in_the_second_block() -> Vec<VolumeOp> {
    vec![write(0, 24, 1), write(9, 14, 2), write(10, 13, 3), FLUSH]
}

/// A block full, of which one page stays.
fn one_cold(page: u64) -> Vec<VolumeOp> {
    [vec![write(page, 1, 1)], vec![write(23, 1, 2); 7]].concat()
}

/// The block that is about to wear out, the fifth of the chip, holds the last page, and no block is without live pages.
fn worn() -> Vec<VolumeOp> {
    vec![write(0, 18, 1), write(1, 14, 2), write(16, 8, 3), write(16, 7, 4), FLUSH]
}
