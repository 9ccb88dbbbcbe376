//! Workloads for a log of 40 blocks, beside those of every file system.

use super::Mode;
use crate::fs::{Fill, FsOp, Path, workloads};
use crashcheck::{Bytes, Workload};

const BLOCK: u64 = 4096;

/// Nothing orders the content of files in writeback mode, so that every subset of so many blocks is another outcome:
/// too many to be looked at one by one.
const TOO_MUCH_UNORDERED_DATA: [&str; 3] = ["large-file", "many-blocks", "burst"];

/// The workloads of a mode.
pub(super) fn of(mode: Mode) -> Vec<Workload<FsOp>> {
    let mut all = all();
    if mode == Mode::Writeback {
        all.retain(|workload| !TOO_MUCH_UNORDERED_DATA.contains(&workload.name));
    }
    all
}

fn all() -> Vec<Workload<FsOp>> {
    let mut all = workloads::all();
    all.extend([
        Workload {
            name: "laps",
            about: "Transactions of one size: each begins where one of the former lap did (JN-16).",
            setup: Vec::new(),
            ops: small_transactions(10),
        },
        Workload {
            name: "wrap",
            about: "A transaction that needs more of the log than is left, after some small ones (JN-13).",
            setup: Vec::new(),
            ops: [small_transactions(5), directories(12), vec![FsOp::Sync]].concat(),
        },
        Workload {
            name: "block-reuse-wrap",
            about: "A directory's block becomes the content of a file, and then its former self is checkpointed.",
            setup: Vec::new(),
            ops: [reused_block(), small_transactions(4)].concat(),
        },
        Workload {
            name: "burst",
            about: "Two transactions are committed of which only the second is waited for.",
            setup: Vec::new(),
            ops: burst(),
        },
    ]);
    all
}

fn root(name: &str) -> Path {
    Path::root().join(name)
}

fn small_transactions(count: u32) -> Vec<FsOp> {
    (0..count).flat_map(|number| [FsOp::Create(root(&format!("small-{number}"))), FsOp::Sync]).collect()
}

fn directories(count: u32) -> Vec<FsOp> {
    (0..count).map(|number| FsOp::Mkdir(root(&format!("dir-{number}")))).collect()
}

fn append(path: &Path, len: u64, fill: u8) -> FsOp {
    FsOp::Append { path: path.clone(), len: Bytes(len), fill: Fill(fill) }
}

fn reused_block() -> Vec<FsOp> {
    let (dir, other) = (root("d"), root("e"));
    let file = other.join("f");
    vec![
        FsOp::Mkdir(dir.clone()),
        FsOp::Mkdir(other),
        FsOp::Sync,
        FsOp::Rmdir(dir),
        FsOp::Sync,
        FsOp::Create(file.clone()),
        append(&file, 2 * BLOCK, 1),
        FsOp::Sync,
    ]
}

fn burst() -> Vec<FsOp> {
    let (a, b) = (root("a"), root("b"));
    vec![
        FsOp::Create(a.clone()),
        FsOp::Sync,
        append(&a, 18 * BLOCK, 1),
        FsOp::Create(b.clone()),
        append(&b, 100, 2),
        FsOp::Sync,
    ]
}
