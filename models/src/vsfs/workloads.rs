//! Workloads of vsfs: the common ones, and those that show what only a file system without a journal does.

use crate::fs::workloads::{self, SYNC, append, create, unlink, write};
use crate::fs::{Fill, FsOp, Path};
use crashcheck::{Bytes, Workload};

const BLOCK: u64 = 4096;

/// Nothing orders the content of files, and the view shows every block of it: each subset of so many blocks is another
/// outcome, and no recovery stands for two of them.
const TOO_MUCH_UNORDERED_DATA: [&str; 1] = ["many-blocks"];

/// Every workload.
pub fn all() -> Vec<Workload<FsOp>> {
    let mut all = workloads::all();
    all.retain(|workload| !TOO_MUCH_UNORDERED_DATA.contains(&workload.name));
    all.extend([shrink_indirect(), write_back(), swap_directories()]);
    all
}

fn shrink_indirect() -> Workload<FsOp> {
    let path = Path::of("/a");
    let write = |block: u64, blocks: u64, fill| FsOp::Write {
        path: path.clone(),
        at: Bytes(block * BLOCK),
        len: Bytes(blocks * BLOCK),
        fill: Fill(fill),
    };
    Workload {
        name: "shrink-indirect",
        about: "A sparse file grows and shrinks within its indirect block: the block and the inode change apart.",
        setup: Vec::new(),
        ops: vec![
            FsOp::Create(path.clone()),
            write(12, 2, 1),
            FsOp::Sync,
            write(14, 1, 2),
            FsOp::Sync,
            FsOp::Truncate { path: path.clone(), len: Bytes(13 * BLOCK) },
            FsOp::Sync,
        ],
    }
}

/// So many blocks that the cache writes them back. They are written with what they hold, so that few of them differ from
/// what lies in their places.
fn write_back() -> Workload<FsOp> {
    let (blocks, fill) = (70, 1);
    Workload {
        name: "write-back",
        about: "More blocks are changed than the cache keeps, while what was removed must not be given out again (OP-06).",
        setup: vec![
            create("/a"),
            append("/a", blocks * BLOCK, fill),
            create("/b"),
            append("/b", 2 * BLOCK, 2),
            SYNC,
        ],
        ops: vec![
            unlink("/b"),
            write("/a", 0, blocks * BLOCK, fill),
            create("/c"),
            append("/c", 2 * BLOCK, 3),
            SYNC,
        ],
    }
}

fn swap_directories() -> Workload<FsOp> {
    let (x, y, inner) = (Path::of("/x"), Path::of("/y"), Path::of("/x/y"));
    Workload {
        name: "swap-directories",
        about: "A directory and the one below it change places: a crash may leave a cycle.",
        setup: Vec::new(),
        ops: vec![
            FsOp::Mkdir(x.clone()),
            FsOp::Mkdir(inner.clone()),
            FsOp::Create(Path::of("/x/y/a")),
            FsOp::Sync,
            FsOp::Rename { from: inner, to: y },
            FsOp::Rename { from: x, to: Path::of("/y/x") },
            FsOp::Sync,
        ],
    }
}
