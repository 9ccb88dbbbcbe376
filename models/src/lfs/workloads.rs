//! Workloads for a log of 24 segments, beside those of every file system.

use crate::fs::{Fill, FsOp, Path, workloads};
use crashcheck::{Bytes, Workload};

const BLOCK: u64 = 4096;

/// Every workload.
pub fn all() -> Vec<Workload<FsOp>> {
    let mut all = workloads::all();
    all.extend([long_overwrite(), number_reuse()]);
    all
}

fn root(name: &str) -> Path {
    Path::root().join(name)
}

fn write(path: &Path, block: u64, blocks: u64, fill: u8) -> FsOp {
    FsOp::Write { path: path.clone(), at: Bytes(block * BLOCK), len: Bytes(blocks * BLOCK), fill: Fill(fill) }
}

/// A batch of more than one part, of blocks that have an older version.
fn long_overwrite() -> Workload<FsOp> {
    let (a, b) = (root("a"), root("b"));
    Workload {
        name: "long-overwrite",
        about: "A file is renamed and overwritten, with more blocks than a segment has (LF-16, LF-19).",
        setup: vec![FsOp::Create(a.clone()), write(&a, 0, 18, 1), FsOp::Sync],
        ops: vec![FsOp::Rename { from: a, to: b.clone() }, write(&b, 0, 18, 2), FsOp::Fsync(b)],
    }
}

/// One number in two lives, between two checkpoints.
fn number_reuse() -> Workload<FsOp> {
    let (a, b) = (root("a"), root("b"));
    Workload {
        name: "number-reuse",
        about: "A file is made, removed, and its number given to another, all in the log (LF-28).",
        setup: Vec::new(),
        ops: vec![
            FsOp::Create(a.clone()),
            FsOp::Fsync(a.clone()),
            FsOp::Unlink(a),
            FsOp::Create(b.clone()),
            write(&b, 0, 1, 1),
            FsOp::Fsync(b),
        ],
    }
}
