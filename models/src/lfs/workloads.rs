//! Workloads for a log of 24 segments, beside those of every file system.

use crate::fs::{Fill, FsOp, Path, workloads};
use crashcheck::{Bytes, Workload};

const BLOCK: u64 = 4096;

/// Every workload.
pub fn all() -> Vec<Workload<FsOp>> {
    let mut all = workloads::all();
    all.extend([
        long_overwrite(),
        number_reuse(),
        lost_batch(),
        names(),
        pieces(),
        unsynced(),
        written_back(),
    ]);
    all.extend([clean(), clean_at_once(), clean_deleted(), clean_shortened(), no_space()]);
    all
}

fn root(name: &str) -> Path {
    Path::root().join(name)
}

fn create(name: &str) -> FsOp {
    FsOp::Create(root(name))
}

fn write(name: &str, block: u64, blocks: u64, fill: u8) -> FsOp {
    FsOp::Write { path: root(name), at: Bytes(block * BLOCK), len: Bytes(blocks * BLOCK), fill: Fill(fill) }
}

fn rename(from: &str, to: &str) -> FsOp {
    FsOp::Rename { from: root(from), to: root(to) }
}

fn fsync(name: &str) -> FsOp {
    FsOp::Fsync(root(name))
}

/// A batch of more than one part, of blocks that have an older version.
fn long_overwrite() -> Workload<FsOp> {
    Workload {
        name: "long-overwrite",
        about: "A file is overwritten, with more blocks than a segment has, and renamed (LF-16, LF-19).",
        setup: vec![create("a"), write("a", 0, 18, 1), FsOp::Sync],
        ops: vec![write("a", 0, 18, 2), rename("a", "b"), fsync("b")],
    }
}

/// One number in two lives, between two checkpoints.
fn number_reuse() -> Workload<FsOp> {
    Workload {
        name: "number-reuse",
        about: "A file is made, removed, and its number given to another, all in the log (LF-28).",
        setup: Vec::new(),
        ops: vec![
            create("a"),
            fsync("a"),
            FsOp::Unlink(root("a")),
            create("b"),
            write("b", 0, 1, 1),
            fsync("b"),
        ],
    }
}

/// The batch that recovery writes takes as many blocks as the first of the two that are in flight.
fn lost_batch() -> Workload<FsOp> {
    Workload {
        name: "lost-batch",
        about: "Two batches are in flight behind a durable one: the second may survive without the first (LF-23).",
        setup: Vec::new(),
        ops: vec![create("a"), fsync("a"), create("b"), write("b", 0, 1, 1), FsOp::Sync],
    }
}

/// Every kind of record, with directories that are written only at the end.
fn names() -> Workload<FsOp> {
    let (inner, moved) = (root("d").join("x"), root("e").join("y"));
    Workload {
        name: "names",
        about: "Names are made, linked, moved and removed, and only the log says so (LF-20, LF-21).",
        setup: Vec::new(),
        ops: vec![
            FsOp::Mkdir(root("d")),
            FsOp::Mkdir(root("e")),
            FsOp::Mkdir(inner.clone()),
            create("a"),
            fsync("a"),
            FsOp::Link { from: root("a"), to: root("b") },
            FsOp::Rename { from: inner, to: moved.clone() },
            fsync("d"),
            FsOp::Symlink { target: root("a"), at: root("s") },
            FsOp::Unlink(root("a")),
            FsOp::Rmdir(moved),
            rename("s", "b"),
            FsOp::Rmdir(root("d")),
            fsync("e"),
        ],
    }
}

/// More files than a piece of the inode map describes.
fn pieces() -> Workload<FsOp> {
    let made = (0..18).map(|number| create(&format!("f{number}")));
    Workload {
        name: "pieces",
        about: "Two pieces of the inode map change, together and apart (LF-04, LF-05).",
        setup: made.chain([FsOp::Sync]).collect(),
        ops: vec![
            write("f0", 0, 1, 1),
            FsOp::Sync,
            FsOp::Unlink(root("f17")),
            FsOp::Sync,
            write("f1", 0, 1, 1),
            create("g"),
            FsOp::Sync,
        ],
    }
}

/// Enough for batches and a checkpoint that nobody asked for.
fn unsynced() -> Workload<FsOp> {
    let grow = |part: u64| [write("a", 12 * part, 12, 1), write("b", 6 * part, 6, 2)];
    Workload {
        name: "unsynced",
        about: "So much is written that the log is written, and a checkpoint, without a sync (LF-01, LF-05).",
        setup: vec![create("a"), create("b"), FsOp::Sync],
        ops: (0..5).flat_map(grow).collect(),
    }
}

/// With the block of pointers as many blocks are dirty as the file system keeps, and then none is.
fn written_back() -> Workload<FsOp> {
    Workload {
        name: "written-back",
        about: "What is to be made durable was written to the log before, and is in flight (LF-01).",
        setup: vec![create("a"), FsOp::Sync],
        ops: vec![write("a", 0, 31, 1), fsync("a"), create("b"), fsync("b")],
    }
}

/// In each round some blocks that stay, and some that the next round overwrites: segments half of which live.
fn rounds(range: std::ops::Range<u32>) -> impl Iterator<Item = FsOp> {
    range.flat_map(|round| {
        let cold = format!("cold-{round}");
        [create(&cold), write(&cold, 0, 6, 1), write("hot", 0, 4, round as u8), FsOp::Sync]
    })
}

fn clean() -> Workload<FsOp> {
    Workload {
        name: "clean",
        about: "The log comes round, segments are cleaned and written again (LF-26, LF-34).",
        setup: [create("hot")].into_iter().chain(rounds(0..16)).collect(),
        ops: rounds(16..19).chain([write("hot", 0, 10, 99), fsync("hot")]).collect(),
    }
}

/// Nothing is left of the segment that is cleaned but what lives, and it is the first to be written again.
fn clean_at_once() -> Workload<FsOp> {
    Workload {
        name: "clean-at-once",
        about: "The cleaner is called for a write that is refused in the end, and a segment is written again (LF-26, LF-10).",
        setup: vec![create("a"), write("a", 0, 14, 1), FsOp::Sync],
        ops: vec![write("a", 0, 256, 2), create("b"), FsOp::Sync],
    }
}

fn clean_deleted() -> Workload<FsOp> {
    let mut ops: Vec<FsOp> = (2..6).map(|number| FsOp::Unlink(root(&format!("cold-{number}")))).collect();
    ops.extend(rounds(16..18));
    ops.push(FsOp::Truncate { path: root("cold-7"), len: Bytes(0) });
    ops.extend(rounds(18..20));
    Workload {
        name: "clean-deleted",
        about: "Files are removed and emptied, and their segments cleaned (LF-28, LF-33).",
        setup: [create("hot")].into_iter().chain(rounds(0..15)).collect(),
        ops,
    }
}

/// A file that is not emptied keeps its version, so that only its inode tells what was cut off.
fn clean_shortened() -> Workload<FsOp> {
    let shortened = (2..6)
        .map(|number| FsOp::Truncate { path: root(&format!("cold-{number}")), len: Bytes(2 * BLOCK + 100) });
    let rewritten = (8..10).map(|number| write(&format!("cold-{number}"), 1, 2, 7));
    Workload {
        name: "clean-shortened",
        about: "Files are cut and written again in part, and the segments cleaned that they lay in (LF-27, LF-28).",
        setup: [create("hot")].into_iter().chain(rounds(0..15)).collect(),
        ops: shortened.chain(rewritten).chain([FsOp::Sync]).chain(rounds(15..18)).collect(),
    }
}

fn no_space() -> Workload<FsOp> {
    let fill =
        (0..20).flat_map(|number| [create(&format!("f{number}")), write(&format!("f{number}"), 0, 9, 1)]);
    Workload {
        name: "no-space",
        about: "The disk is full: what does not fit is refused, and removing works (LF-10).",
        setup: fill.chain([FsOp::Sync]).collect(),
        ops: vec![
            create("g"),
            write("g", 0, 30, 2),
            FsOp::Sync,
            FsOp::Unlink(root("f0")),
            FsOp::Unlink(root("f1")),
            write("g", 0, 9, 3),
            FsOp::Sync,
            write("f2", 0, 9, 4),
            fsync("f2"),
        ],
    }
}
