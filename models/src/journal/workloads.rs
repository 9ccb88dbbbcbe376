//! Workloads for a log of 40 blocks, beside those of every file system.

use super::Mode;
use crate::fs::{Fill, FsOp, Path, workloads};
use crate::vsfs::format::{DIRECT, POINTERS};
use crashcheck::{Bytes, Workload};

const BLOCK: u64 = 4096;

/// Nothing orders the content of files in writeback mode, so that every subset of so many blocks is another outcome:
/// too many to be looked at one by one.
const TOO_MUCH_UNORDERED_DATA: [&str; 4] = ["large-file", "many-blocks", "burst", "first-burst"];

/// The workloads of a mode.
pub(super) fn of(mode: Mode) -> Vec<Workload<FsOp>> {
    let mut all = all();
    if mode == Mode::Data {
        all.extend([rewrite(), same_content(), full_log(), too_big_together()]);
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
        freed_and_large(),
        revoked_twice(),
        workload(
            "freed-at-once",
            "A directory comes and goes within a transaction, its block becomes the content of a file, and the log is full.",
            [
                vec![FsOp::Mkdir(root("e")), FsOp::Mkdir(root("d")), FsOp::Rmdir(root("d")), FsOp::Sync],
                file_in_e(),
                small_transactions(4),
            ]
            .concat(),
        ),
        workload("burst", "Two transactions are committed of which only the second is waited for.", burst()),
        workload(
            "first-burst",
            "The first two transactions of the log are committed, and only the second is waited for (JN-16, JN-19).",
            first_burst(),
        ),
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

/// The second transaction is one block longer than what the first has left of the log.
fn full_log() -> Workload<FsOp> {
    let (a, blocks) = (root("a"), 20 * BLOCK);
    Workload {
        name: "full-log",
        about: "A transaction is committed that is one block longer than what is free of the log (JN-14).",
        setup: vec![FsOp::Create(a.clone()), append(&a, blocks, 1), FsOp::Sync],
        ops: vec![write(&a, 0, 15 * BLOCK, 2), FsOp::Sync, write(&a, 0, blocks, 3), FsOp::Sync],
    }
}

fn too_big_together() -> Workload<FsOp> {
    let a = root("a");
    Workload {
        name: "too-big-together",
        about: "An operation does not fit what is left of the running transaction, and gets one of its own (JN-18).",
        setup: vec![FsOp::Create(a.clone()), append(&a, 32 * BLOCK, 1), FsOp::Sync],
        ops: vec![FsOp::Mkdir(root("d")), FsOp::Mkdir(root("e")), write(&a, 0, 32 * BLOCK, 1), FsOp::Sync],
    }
}

/// Renaming a directory changes three blocks of directories. The log is empty before, as what was last committed is too
/// large to be kept.
fn freed_and_large() -> Workload<FsOp> {
    let dirs: Vec<Path> = (0..10).map(|number| root(&format!("d{number}"))).collect();
    let (file, other) = (root("a"), root("b"));
    let made = dirs.iter().map(|dir| FsOp::Mkdir(dir.clone())).chain([FsOp::Sync]);
    let below = dirs.iter().step_by(2).map(|dir| FsOp::Mkdir(dir.join("x")));
    let beside = dirs.iter().skip(1).step_by(2).take(3).map(|dir| FsOp::Create(dir.join("y")));
    let moves = dirs.chunks(2).map(|pair| FsOp::Rename { from: pair[0].join("x"), to: pair[1].join("x") });
    Workload {
        name: "freed-and-large",
        about: "A transaction that frees a file grows so large that it is committed, and nobody waits for it (JN-18).",
        setup: made
            .chain(below)
            .chain([FsOp::Create(file.clone()), append(&file, BLOCK, 1)])
            .chain(beside)
            .chain([FsOp::Sync])
            .collect(),
        ops: [FsOp::Unlink(file)]
            .into_iter()
            .chain(moves)
            .chain([FsOp::Create(other.clone()), append(&other, BLOCK, 2), FsOp::Sync])
            .collect(),
    }
}

/// What is in the log of the block in the end is older than the second revoke, and newer than the first.
fn revoked_twice() -> Workload<FsOp> {
    let (file, at) = (root("f"), root("s"));
    let target =
        (0..4).fold(Path::root(), |path, _| path.join("a-name-that-makes-the-target-too-long-for-an-inode"));
    let made = FsOp::Symlink { target, at: at.clone() };
    let gone = [FsOp::Unlink(at), FsOp::Sync];
    let again = [made.clone(), FsOp::Sync];
    Workload {
        name: "revoked-twice",
        about: "A block holds the target of a symbolic link twice, is freed twice, and gets the content of a file (JN-24, JN-25).",
        setup: vec![FsOp::Create(file.clone()), made, FsOp::Sync],
        ops: [&gone[..], &again, &gone, &[append(&file, BLOCK, 1), FsOp::Sync]].concat(),
    }
}

/// A file with a block near those of the directory that it is in.
fn file_in_e() -> Vec<FsOp> {
    let file = root("e").join("f");
    vec![FsOp::Create(file.clone()), append(&file, BLOCK, 1), FsOp::Fsync(file)]
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

/// After a crash that loses a part of the first they are written once more, to the same places of the log.
fn first_burst() -> Vec<FsOp> {
    let (a, b) = (root("a"), root("b"));
    vec![
        FsOp::Create(a.clone()),
        append(&a, 17 * BLOCK, 1),
        FsOp::Create(b.clone()),
        append(&b, 100, 2),
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
