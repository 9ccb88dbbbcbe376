//! Workloads by name, each short enough to be explored completely.

use super::{Fill, FsOp, Path, View};
use crashcheck::{Bytes, Workload};

const BLOCK: u64 = 4096;

/// A fill whose first block begins as those of a journal do: the journal has to escape it.
pub const FILL_LIKE_A_JOURNAL: Fill = Fill(0xc5);

/// Creates an empty file.
pub fn create(path: &'static str) -> FsOp {
    FsOp::Create(Path::of(path))
}

/// Creates a directory.
pub fn mkdir(path: &'static str) -> FsOp {
    FsOp::Mkdir(Path::of(path))
}

/// Removes an empty directory.
pub fn rmdir(path: &'static str) -> FsOp {
    FsOp::Rmdir(Path::of(path))
}

/// Removes a name of a file.
pub fn unlink(path: &'static str) -> FsOp {
    FsOp::Unlink(Path::of(path))
}

/// Gives a file a second name.
pub fn link(from: &'static str, to: &'static str) -> FsOp {
    FsOp::Link { from: Path::of(from), to: Path::of(to) }
}

/// Creates a symbolic link.
pub fn symlink(target: &'static str, at: &'static str) -> FsOp {
    FsOp::Symlink { target: Path::of(target), at: Path::of(at) }
}

/// Renames, replacing what has the new name.
pub fn rename(from: &'static str, to: &'static str) -> FsOp {
    FsOp::Rename { from: Path::of(from), to: Path::of(to) }
}

/// Appends bytes.
pub fn append(path: &'static str, len: u64, fill: u8) -> FsOp {
    FsOp::Append { path: Path::of(path), len: Bytes(len), fill: Fill(fill) }
}

/// Writes bytes.
pub fn write(path: &'static str, at: u64, len: u64, fill: u8) -> FsOp {
    FsOp::Write { path: Path::of(path), at: Bytes(at), len: Bytes(len), fill: Fill(fill) }
}

fn truncate(path: &'static str, len: u64) -> FsOp {
    FsOp::Truncate { path: Path::of(path), len: Bytes(len) }
}

/// Makes a file durable.
pub fn fsync(path: &'static str) -> FsOp {
    FsOp::Fsync(Path::of(path))
}

/// Makes everything durable.
pub const SYNC: FsOp = FsOp::Sync;

/// Operations that must work on any file system that has room for them: a new file with one block.
pub fn probe(view: &View) -> Vec<FsOp> {
    let name = |number: u32| Path::root().join(&format!("probe-{number}"));
    let Some(path) = (0..).map(name).find(|path| view.get(path).is_none()) else { return Vec::new() };
    let (len, fill) = (Bytes(BLOCK), Fill(0xee));
    vec![FsOp::Create(path.clone()), FsOp::Append { path, len, fill }, FsOp::Sync]
}

/// The workloads of every reference file system.
pub fn all() -> Vec<Workload<FsOp>> {
    [files(), gone(), names(), directories(), reuse(), protocols(), sizes()].concat()
}

fn workload(name: &'static str, about: &'static str, ops: Vec<FsOp>) -> Workload<FsOp> {
    Workload { name, about, setup: Vec::new(), ops }
}

fn files() -> Vec<Workload<FsOp>> {
    vec![
        Workload {
            name: "append",
            about: "A block is appended to a file: its inode, the data bitmap and the data change.",
            setup: vec![create("/a"), append("/a", BLOCK, 1), SYNC],
            ops: vec![append("/a", BLOCK, 2), SYNC],
        },
        workload(
            "append-small",
            "A file grows within its last block and over its end.",
            vec![
                create("/a"),
                append("/a", 100, 1),
                SYNC,
                append("/a", 100, 2),
                append("/a", BLOCK, 3),
                SYNC,
            ],
        ),
        workload("create", "Files are made.", vec![create("/a"), SYNC, create("/b"), create("/c"), SYNC]),
        workload(
            "overwrite",
            "Blocks of a file are overwritten in place.",
            vec![
                create("/a"),
                append("/a", 2 * BLOCK, 1),
                SYNC,
                write("/a", 0, BLOCK, 2),
                write("/a", BLOCK + 100, 1000, 3),
                SYNC,
            ],
        ),
        workload(
            "truncate",
            "A file is cut within a block, extended with zeros, and emptied.",
            vec![
                create("/a"),
                append("/a", 3 * BLOCK, 1),
                SYNC,
                truncate("/a", 100),
                truncate("/a", 2 * BLOCK),
                SYNC,
                truncate("/a", 0),
                SYNC,
            ],
        ),
        workload(
            "unlink",
            "Files are removed, one of them with content.",
            vec![
                create("/a"),
                append("/a", 2 * BLOCK, 1),
                create("/b"),
                SYNC,
                unlink("/a"),
                unlink("/b"),
                SYNC,
            ],
        ),
    ]
}

/// What was cut off or removed must not be back.
fn gone() -> Vec<Workload<FsOp>> {
    vec![
        workload(
            "write-behind-end",
            "A file is cut within a block and written to behind its end: what lies between must read as zeros.",
            vec![
                create("/a"),
                append("/a", BLOCK, 1),
                SYNC,
                truncate("/a", 100),
                SYNC,
                write("/a", 2000, 100, 2),
                SYNC,
            ],
        ),
        workload(
            "regrow",
            "A sparse file is cut within its block of pointers and made longer again: what was cut off must not be back.",
            vec![
                create("/a"),
                write("/a", 12 * BLOCK, 2 * BLOCK, 1),
                SYNC,
                truncate("/a", 13 * BLOCK),
                SYNC,
                truncate("/a", 14 * BLOCK),
                SYNC,
            ],
        ),
        Workload {
            name: "link-target-reuse",
            about: "The long target of a symbolic link takes the block of another one that is gone (OP-03).",
            setup: vec![symlink(OTHER_LONG_TARGET, "/s"), SYNC, unlink("/s"), SYNC],
            ops: vec![symlink(LONG_TARGET, "/t"), SYNC],
        },
    ]
}

fn names() -> Vec<Workload<FsOp>> {
    vec![
        workload(
            "rename",
            "A file moves to another directory.",
            vec![create("/a"), append("/a", 100, 1), mkdir("/d"), SYNC, rename("/a", "/d/b"), SYNC],
        ),
        workload(
            "rename-replace",
            "A file takes the place of another.",
            vec![
                create("/a"),
                append("/a", 100, 1),
                create("/b"),
                append("/b", BLOCK, 2),
                SYNC,
                rename("/a", "/b"),
                SYNC,
            ],
        ),
        workload(
            "link",
            "A file gets a second name, is changed under it, and loses the first.",
            vec![create("/a"), SYNC, link("/a", "/b"), SYNC, append("/b", 100, 1), unlink("/a"), SYNC],
        ),
        workload(
            "rename-to-itself",
            "A name is renamed to another one of the same file, which changes nothing.",
            vec![create("/a"), append("/a", 100, 1), link("/a", "/b"), SYNC, rename("/a", "/b"), SYNC],
        ),
        workload(
            "symlink",
            "Symbolic links are made, short and long, followed, and removed.",
            vec![
                create("/a"),
                symlink("/a", "/s"),
                SYNC,
                append("/s", 100, 1),
                symlink(LONG_TARGET, "/t"),
                SYNC,
                unlink("/s"),
                unlink("/t"),
                SYNC,
            ],
        ),
    ]
}

/// Too long for an inode.
const LONG_TARGET: &str = "/a-name-of-fifty-bytes-which-makes-the-target-so-long/a-name-of-fifty-bytes-which-makes-the-target-so-long/a-name-of-fifty-bytes-which-makes-the-target-so-long";

/// Another one of the same length.
const OTHER_LONG_TARGET: &str = "/b-name-of-fifty-bytes-which-makes-the-target-so-long/b-name-of-fifty-bytes-which-makes-the-target-so-long/b-name-of-fifty-bytes-which-makes-the-target-so-long";

fn directories() -> Vec<Workload<FsOp>> {
    vec![
        workload(
            "mkdir",
            "Directories are made, one in the other, and removed.",
            vec![mkdir("/d"), mkdir("/d/e"), create("/d/e/a"), SYNC, unlink("/d/e/a"), rmdir("/d/e"), SYNC],
        ),
        workload(
            "rename-directory",
            "A directory with content moves into another.",
            vec![mkdir("/d"), create("/d/a"), mkdir("/e"), SYNC, rename("/d", "/e/d"), SYNC],
        ),
        workload(
            "replace-directory",
            "A directory takes the place of an empty one.",
            vec![mkdir("/d"), create("/d/a"), mkdir("/e"), SYNC, rename("/d", "/e"), SYNC],
        ),
    ]
}

/// Blocks and inodes that change their owners.
fn reuse() -> Vec<Workload<FsOp>> {
    vec![
        workload(
            "block-reuse",
            "A directory is removed and its block becomes the content of a file that is made durable (JN-24).",
            vec![
                mkdir("/d"),
                mkdir("/e"),
                create("/d/a"),
                SYNC,
                unlink("/d/a"),
                rmdir("/d"),
                SYNC,
                create("/e/f"),
                append("/e/f", 2 * BLOCK, 1),
                fsync("/e/f"),
            ],
        ),
        workload(
            "directory-reuse",
            "A directory is removed and its block becomes another directory (JN-25).",
            vec![
                mkdir("/d"),
                create("/d/a"),
                SYNC,
                unlink("/d/a"),
                rmdir("/d"),
                SYNC,
                mkdir("/e"),
                create("/e/b"),
                SYNC,
            ],
        ),
        workload(
            "unlink-reuse",
            "A file is removed and another one takes its blocks before anything was made durable (OP-06).",
            vec![
                create("/a"),
                append("/a", 2 * BLOCK, 1),
                SYNC,
                unlink("/a"),
                create("/b"),
                append("/b", 2 * BLOCK, 2),
                SYNC,
            ],
        ),
    ]
}

fn protocols() -> Vec<Workload<FsOp>> {
    vec![
        workload(
            "fsync-mix",
            "Some files are made durable, some are not.",
            vec![
                create("/a"),
                append("/a", 100, 1),
                fsync("/a"),
                create("/b"),
                append("/b", BLOCK, 2),
                append("/a", 100, 3),
                fsync("/b"),
                rename("/b", "/c"),
                fsync("/c"),
            ],
        ),
        workload(
            "atomic-replace",
            "A new version of a file is written aside, made durable and renamed over the old one (OP-07).",
            vec![
                create("/a"),
                append("/a", BLOCK, 1),
                SYNC,
                create("/a.new"),
                append("/a.new", BLOCK, 2),
                fsync("/a.new"),
                rename("/a.new", "/a"),
                fsync("/"),
            ],
        ),
        workload(
            "atomic-replace-unsynced",
            "A new version of a file is renamed over the old one and only then made durable.",
            vec![
                create("/a"),
                append("/a", BLOCK, 1),
                SYNC,
                create("/a.new"),
                append("/a.new", BLOCK, 2),
                rename("/a.new", "/a"),
                fsync("/a"),
            ],
        ),
    ]
}

fn sizes() -> Vec<Workload<FsOp>> {
    let mut many = vec![mkdir("/d")];
    many.extend(NAMES.map(|name| FsOp::Create(Path::of("/d").join(name))));
    many.push(SYNC);
    let mut full = Vec::new();
    for (index, name) in NAMES.into_iter().enumerate() {
        let path = Path::root().join(name);
        full.extend([if index % 4 == 0 { FsOp::Mkdir(path) } else { FsOp::Create(path) }, SYNC]);
    }
    vec![
        workload(
            "large-file",
            "A file grows into its indirect block and is cut back.",
            vec![
                create("/a"),
                append("/a", 11 * BLOCK, 1),
                SYNC,
                append("/a", 3 * BLOCK, 2),
                SYNC,
                truncate("/a", BLOCK),
                SYNC,
            ],
        ),
        workload(
            "many-blocks",
            "One operation changes so many blocks that their crash states number in the millions.",
            vec![create("/a"), SYNC, append("/a", 21 * BLOCK, 1), SYNC],
        ),
        workload("many-files", "A dozen files are made at once.", many),
        workload(
            "full-journal",
            "A dozen files and directories are made durable one by one: a small journal goes round.",
            full,
        ),
        workload(
            "magic",
            "The content of a file looks as if it came from a journal.",
            vec![
                create("/a"),
                append("/a", 2 * BLOCK, FILL_LIKE_A_JOURNAL.0),
                SYNC,
                append("/a", 100, 1),
                SYNC,
            ],
        ),
    ]
}

const NAMES: [&str; 12] = ["f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::{View, posix};
    use std::collections::BTreeSet;

    #[test]
    fn no_workload_does_what_the_model_refuses() {
        for workload in all() {
            let mut view = View::empty();
            for op in workload.setup.into_iter().chain(workload.ops) {
                assert_eq!(posix::apply(&mut view, &op), Ok(()), "{}: {op}", workload.name);
            }
        }
    }

    #[test]
    fn names_are_unique_and_every_kind_of_operation_occurs() {
        let all = all();
        let names: BTreeSet<_> = all.iter().map(|workload| workload.name).collect();
        assert_eq!(names.len(), all.len());
        let kinds: BTreeSet<_> =
            all.iter().flat_map(|workload| workload.ops.iter().map(FsOp::kind)).collect();
        assert_eq!(kinds.len(), FsOp::KINDS.len());
    }
}
