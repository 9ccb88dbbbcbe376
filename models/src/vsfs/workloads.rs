//! Workloads of vsfs: the common ones, and those that show what only a file system without a journal does.

use crate::fs::workloads::{self, SYNC, append, create, link, unlink, write};
use crate::fs::{Fill, FsOp, NAME_LEN_MAX, Path};
use crashcheck::{Bytes, Workload};

const BLOCK: u64 = 4096;

/// Nothing orders the content of files, and the view shows every block of it: each subset of so many blocks is another
/// outcome, and no recovery stands for two of them.
const TOO_MUCH_UNORDERED_DATA: [&str; 1] = ["many-blocks"];

/// Every workload.
pub fn all() -> Vec<Workload<FsOp>> {
    let mut all = workloads::all();
    all.retain(|workload| !TOO_MUCH_UNORDERED_DATA.contains(&workload.name));
    all.extend([
        shrink_indirect(),
        write_back(),
        written_back(),
        swap_directories(),
        moved_name(),
        lost_names(),
    ]);
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

/// The names of so many bytes that fit the first block of the root, beside a short one: eight in each of its chunks, and one
/// less in the first, which holds "." and ".." as well.
const FIRST_BLOCK: usize = 63;
const NAME_LEN: usize = NAME_LEN_MAX;

fn moved_name() -> Workload<FsOp> {
    let file = Path::of("/a");
    let name = |number: usize| Path::root().join(&format!("{number:0NAME_LEN$}"));
    let named = |number: usize| FsOp::Link { from: file.clone(), to: name(number) };
    Workload {
        name: "moved-name",
        about: "A name is removed from one block of a directory and made again in another: a crash may leave both (FK-07).",
        setup: [FsOp::Create(file.clone())]
            .into_iter()
            .chain((0..=FIRST_BLOCK).map(named))
            .chain([SYNC])
            .collect(),
        ops: vec![FsOp::Unlink(name(3)), FsOp::Unlink(name(FIRST_BLOCK)), named(FIRST_BLOCK), SYNC],
    }
}

fn lost_names() -> Workload<FsOp> {
    Workload {
        name: "lost-names",
        about: "A file with two names loses both at once: its inode may survive with two links and no name (FK-04).",
        setup: vec![create("/a"), append("/a", BLOCK, 1), link("/a", "/b"), SYNC],
        ops: vec![unlink("/a"), unlink("/b"), SYNC],
    }
}

/// The file grows by a block, and what it held before is written as it was.
fn written_back() -> Workload<FsOp> {
    let (blocks, fill) = (70, 1);
    Workload {
        name: "written-back",
        about: "All that is to be made durable was written back before, and is in flight.",
        setup: vec![create("/a"), append("/a", blocks * BLOCK, fill), SYNC],
        ops: vec![write("/a", 0, (blocks + 1) * BLOCK, fill), SYNC, create("/b"), SYNC],
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
