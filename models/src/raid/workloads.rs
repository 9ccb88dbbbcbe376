//! Workloads for arrays, beside those of every block device. Before them every block was written once.

use super::format::Policy;
use super::geometry::Level;
use crate::volume::VolumeOp;
use crate::volume::workloads::{self, FLUSH, write};
use crashcheck::Workload;

/// Steps of maintenance from here on take members out of service.
pub(super) const FAIL: u8 = 128;

/// A step of rebuilding, or of scrubbing.
const WORK: VolumeOp = VolumeOp::Maintain(0);

/// An administrator takes the member of this role out of service.
pub fn fail(role: u8) -> VolumeOp {
    VolumeOp::Maintain(FAIL + role)
}

fn on_full(name: &'static str, about: &'static str, ops: Vec<VolumeOp>) -> Workload<VolumeOp> {
    Workload { name, about, setup: vec![write(0, 12, 1), FLUSH], ops }
}

/// The workloads of a kind of array whose members are all well.
pub(super) fn of(level: Level, policy: Policy) -> Vec<Workload<VolumeOp>> {
    let mut all = workloads::all();
    if level == Level::Striped {
        return all;
    }
    all.extend([
        on_full(
            "small-write",
            "One block of a stripe is overwritten, of which nobody writes the others (RD-13, RD-20).",
            vec![write(4, 1, 2), FLUSH],
        ),
        on_full(
            "small-writes",
            "A block is overwritten twice, then one of another stripe (RD-11).",
            vec![write(1, 1, 2), FLUSH, write(1, 1, 3), FLUSH, write(4, 1, 4), FLUSH],
        ),
        on_full(
            "two-stripes",
            "A block of each of two stripes is overwritten before either is durable.",
            vec![write(0, 1, 2), write(5, 1, 3), FLUSH],
        ),
        on_full(
            "full-stripe",
            "All blocks of a stripe are overwritten at once, which needs no reads (RD-12).",
            vec![write(3, 3, 2), FLUSH],
        ),
        on_full(
            "scrub",
            "The array is scrubbed between two writes (DI-08).",
            vec![write(4, 1, 2), WORK, WORK, write(7, 1, 3), FLUSH],
        ),
    ]);
    if policy == Policy::Journal {
        all.push(on_full(
            "wrap",
            "So many small writes that the journal goes round.",
            vec![write(0, 1, 2), write(3, 1, 3), write(6, 1, 4), write(9, 1, 5), write(1, 1, 6), FLUSH],
        ));
    }
    all
}

/// The workloads of an array of which a member fails.
pub(super) fn degraded() -> Vec<Workload<VolumeOp>> {
    vec![
        on_full(
            "degraded",
            "A member fails, and blocks of it and beside it are written, of which the first are made durable (RD-17).",
            vec![fail(0), write(0, 2, 2), FLUSH, write(1, 1, 3)],
        ),
        on_full(
            "rebuild",
            "A member fails and is rebuilt onto the spare, step by step (RD-19).",
            vec![fail(1), WORK, WORK, WORK, WORK],
        ),
        on_full(
            "rebuild-while-serving",
            "A member is rebuilt onto the spare while blocks are written before and behind the rebuild (RD-19).",
            vec![fail(1), WORK, write(0, 1, 2), write(10, 1, 3), FLUSH, WORK, write(4, 1, 4), WORK, FLUSH],
        ),
        on_full(
            "rebuild-late",
            "Blocks are written between the failure of a member and the beginning of its rebuild (RD-19).",
            vec![fail(1), write(0, 1, 2), write(4, 1, 3), WORK, write(0, 1, 4), WORK, FLUSH],
        ),
        on_full(
            "rebuild-again",
            "When a member is rebuilt, another one fails, and is rebuilt onto a second spare (RD-19).",
            vec![fail(1), WORK, WORK, fail(2), write(4, 1, 2), FLUSH, WORK, WORK],
        ),
        on_full(
            "fail-later",
            "A block is overwritten, and then another member of its stripe fails (RD-20, RD-22).",
            vec![write(4, 1, 2), fail(1)],
        ),
    ]
}
