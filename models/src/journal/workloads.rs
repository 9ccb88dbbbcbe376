//! Workloads for a log of 40 blocks, beside those of every file system.

use super::Mode;
use crate::fs::{Fill, FsOp, Path, workloads};
use crate::vsfs::format::{DIRECT, POINTERS};
use crashcheck::{Bytes, Workload};

const BLOCK: u64 = 4096;

/// Nothing orders the content of files in writeback mode, so that every subset of so many blocks is another outcome:
/// too many to be looked at one by one.
const TOO_MUCH_UNORDERED_DATA: [&str; 3] = ["large-file", "many-blocks", "burst"];

/// The workloads of a mode.
pub(super) fn of(mode: Mode) -> Vec<Workload<FsOp>> {
    let mut all = all();
    if mode == Mode::Data {
        all.extend([rewrite(), same_content()]);
    }
    if mode == Mode::Writeback {
        all.retain(|workload| !TOO_MUCH_UNORDERED_DATA.contains(&workload.name));
    }
    all
}

fn all() -> Vec<Workload<FsOp>> {
    let mut all = workloads::all();
    all.extend([
        workload(
            "laps",
            "Transactions of one size: each begins where one of the former lap did (JN-16).",
            alone(&["/a", "/b", "/a/c", "/d", "/a/e", "/f"]),
        ),
        workload(
            "wrap",
            "A transaction that needs more of the log than is left, after some smaller ones (JN-13).",
            [together(&["/a"]), together(&["/b", "/b/c"]), together(&["/d", "/d/e"]), together(&["/f", "/b/g", "/h"])]
                .concat(),
        ),
        workload(
            "far-apart",
            "A transaction so large that it is put in its place at once: a file grows in three blocks of pointers (JN-03).",
            far_apart(),
        ),
        workload(
            "block-reuse-wrap",
            "A directory's block becomes the content of a file, and then its former self is checkpointed.",
            [reused_block(), small_transactions(4)].concat(),
        ),
        workload("burst", "Two transactions are committed of which only the second is waited for.", burst()),
    ]);
    all
}

fn workload(name: &'static str, about: &'static str, ops: Vec<FsOp>) -> Workload<FsOp> {
    Workload { name, about, setup: Vec::new(), ops }
}

/// Two transactions fill the log, and hardly anything of the first is not in the second as well.
fn rewrite() -> Workload<FsOp> {
    let (a, blocks) = (root("a"), 15 * BLOCK);
    let ops = vec![
        FsOp::Create(a.clone()),
        append(&a, blocks, 1),
        FsOp::Sync,
        write(&a, 0, blocks, 2),
        FsOp::Sync,
        write(&a, 0, blocks, 3),
        FsOp::Sync,
    ];
    workload("rewrite", "A file that takes half of the log is written again and again (JN-14, JN-16).", ops)
}

/// A transaction of most of the log, of which few blocks differ from what lies in their places.
fn same_content() -> Workload<FsOp> {
    let (a, blocks) = (root("a"), 28 * BLOCK);
    Workload {
        name: "same-content",
        about: "A file is written with what it holds already, in a transaction that is put in its place at once (JN-03).",
        setup: vec![FsOp::Create(a.clone()), append(&a, blocks, 1), FsOp::Sync],
        ops: vec![FsOp::Create(root("b")), write(&a, 0, blocks, 1), FsOp::Sync],
    }
}

fn root(name: &str) -> Path {
    Path::root().join(name)
}

fn small_transactions(count: u32) -> Vec<FsOp> {
    (0..count).flat_map(|number| [FsOp::Create(root(&format!("small-{number}"))), FsOp::Sync]).collect()
}

/// Directories that are made durable one by one. Each of these lies in another group than its parent, and takes eight
/// blocks of the log.
fn alone(paths: &[&'static str]) -> Vec<FsOp> {
    paths.iter().flat_map(|path| together(&[path])).collect()
}

fn together(paths: &[&'static str]) -> Vec<FsOp> {
    paths.iter().map(|path| FsOp::Mkdir(Path::of(path))).chain([FsOp::Sync]).collect()
}

/// The first block behind those that one block of pointers leads to, and the last of these, take three new blocks of
/// pointers: three quarters of the log are full before many operations.
fn far_apart() -> Vec<FsOp> {
    let file = root("f");
    let first = ["/a", "/b"].map(|path| FsOp::Mkdir(Path::of(path)));
    let second = ["/a/x", "/b/y", "/z"].map(|path| FsOp::Mkdir(Path::of(path)));
    let rest = ["/g", "/h", "/i", "/j"].map(|path| FsOp::Mkdir(Path::of(path)));
    let reaches = write(&file, (DIRECT + POINTERS - 1) as u64 * BLOCK, 2 * BLOCK, 1);
    first
        .into_iter()
        .chain([FsOp::Create(file), FsOp::Sync])
        .chain(second)
        .chain([reaches])
        .chain(rest)
        .chain([FsOp::Sync])
        .collect()
}

fn append(path: &Path, len: u64, fill: u8) -> FsOp {
    FsOp::Append { path: path.clone(), len: Bytes(len), fill: Fill(fill) }
}

fn write(path: &Path, at: u64, len: u64, fill: u8) -> FsOp {
    FsOp::Write { path: path.clone(), at: Bytes(at), len: Bytes(len), fill: Fill(fill) }
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
