//! The model of POSIX, operation by operation.

use super::*;
use crate::fs::generate;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn path(text: &'static str) -> Path {
    Path::of(text)
}

fn create(name: &'static str) -> FsOp {
    FsOp::Create(path(name))
}

fn mkdir(name: &'static str) -> FsOp {
    FsOp::Mkdir(path(name))
}

fn rename(from: &'static str, to: &'static str) -> FsOp {
    FsOp::Rename { from: path(from), to: path(to) }
}

fn link(from: &'static str, to: &'static str) -> FsOp {
    FsOp::Link { from: path(from), to: path(to) }
}

fn symlink(target: &'static str, at: &'static str) -> FsOp {
    FsOp::Symlink { target: path(target), at: path(at) }
}

fn append(name: &'static str, len: u64) -> FsOp {
    FsOp::Append { path: path(name), len: Bytes(len), fill: Fill(1) }
}

fn truncate(name: &'static str, len: u64) -> FsOp {
    FsOp::Truncate { path: path(name), len: Bytes(len) }
}

/// The view after operations that must all succeed.
fn after(ops: impl IntoIterator<Item = FsOp>) -> View {
    let mut view = View::empty();
    for op in ops {
        assert_eq!(apply(&mut view, &op), Ok(()), "{op}");
    }
    view
}

fn refused(view: &View, op: &FsOp) -> Option<Errno> {
    apply(&mut view.clone(), op).err()
}

fn bytes<'a>(view: &'a View, name: &'static str) -> &'a [u8] {
    match view.get(&path(name)) {
        Some(Node::File { content, .. }) => content.as_slice(),
        other => panic!("{name} is {other:?}"),
    }
}

fn nlink(view: &View, name: &'static str) -> u32 {
    match view.get(&path(name)) {
        Some(Node::File { nlink, .. }) => *nlink,
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn names_lead_to_one_file_until_the_last_is_gone() {
    let mut view = after([create("/a"), link("/a", "/b"), append("/b", 10)]);
    assert_eq!((bytes(&view, "/a").len(), nlink(&view, "/a"), nlink(&view, "/b")), (10, 2, 2));
    apply(&mut view, &FsOp::Unlink(path("/a"))).expect("a name to remove");
    assert_eq!(view, after([create("/b"), append("/b", 10)]));
}

#[test]
fn a_rename_replaces_a_file_and_leaves_its_other_names() {
    let view = after([create("/a"), append("/a", 5), create("/b"), link("/b", "/c"), rename("/a", "/b")]);
    assert_eq!(view.get(&path("/a")), None);
    assert_eq!((bytes(&view, "/b").len(), nlink(&view, "/b"), nlink(&view, "/c")), (5, 1, 1));
}

#[test]
fn a_rename_onto_another_name_of_the_same_file_does_nothing() {
    let view = after([create("/a"), link("/a", "/b")]);
    assert_eq!(after([create("/a"), link("/a", "/b"), rename("/a", "/b")]), view);
}

#[test]
fn a_directory_moves_with_all_it_holds() {
    let view = after([mkdir("/d"), mkdir("/d/e"), create("/d/e/f"), mkdir("/g"), rename("/d", "/g/h")]);
    assert_eq!(view, after([mkdir("/g"), mkdir("/g/h"), mkdir("/g/h/e"), create("/g/h/e/f")]));
}

#[test]
fn what_posix_refuses_is_refused_by_the_same_name() {
    let view = after([
        mkdir("/d"),
        create("/d/f"),
        mkdir("/e"),
        create("/a"),
        symlink("/a", "/s"),
        symlink("/loop", "/loop"),
        symlink("/nowhere", "/dangling"),
    ]);
    let cases = [
        (create("/a"), Errno::EEXIST),
        (create("/dangling"), Errno::EEXIST),
        (create("/x/y"), Errno::ENOENT),
        (create("/a/y"), Errno::ENOTDIR),
        (create("/s/y"), Errno::ENOTDIR),
        (mkdir("/"), Errno::EEXIST),
        (FsOp::Rmdir(path("/d")), Errno::ENOTEMPTY),
        (FsOp::Rmdir(path("/a")), Errno::ENOTDIR),
        (FsOp::Rmdir(path("/")), Errno::EBUSY),
        (FsOp::Unlink(path("/e")), Errno::EISDIR),
        (FsOp::Unlink(path("/x")), Errno::ENOENT),
        (link("/d", "/x"), Errno::EPERM),
        (link("/s", "/x"), Errno::EPERM),
        (link("/a", "/d"), Errno::EEXIST),
        (rename("/d", "/d/x"), Errno::EINVAL),
        (rename("/e", "/d"), Errno::ENOTEMPTY),
        (rename("/e", "/a"), Errno::ENOTDIR),
        (rename("/a", "/e"), Errno::EISDIR),
        (rename("/", "/x"), Errno::EBUSY),
        (rename("/x", "/y"), Errno::ENOENT),
        (append("/d", 1), Errno::EISDIR),
        (append("/loop", 1), Errno::ELOOP),
        (append("/dangling", 1), Errno::ENOENT),
        (truncate("/x", 1), Errno::ENOENT),
        (truncate("/a", u64::MAX), Errno::EFBIG),
        (FsOp::Fsync(path("/x")), Errno::ENOENT),
    ];
    for (op, errno) in cases {
        assert_eq!(refused(&view, &op), Some(errno), "{op}");
    }
}

#[test]
fn symbolic_links_are_followed_only_so_far() {
    let mut view = after([create("/l0")]);
    let names = ["/l0", "/l1", "/l2", "/l3", "/l4", "/l5", "/l6", "/l7", "/l8", "/l9"];
    for pair in names.windows(2) {
        apply(&mut view, &symlink(pair[0], pair[1])).expect("a free name");
    }
    assert_eq!(refused(&view, &append("/l8", 1)), None);
    assert_eq!(refused(&view, &append("/l9", 1)), Some(Errno::ELOOP));
}

#[test]
fn what_a_file_grows_by_without_being_written_is_zeros() {
    let view = after([create("/a"), append("/a", 10), truncate("/a", 4), truncate("/a", 8)]);
    assert_eq!(bytes(&view, "/a"), b"01@0\0\0\0\0");
    let write = FsOp::Write { path: path("/b"), at: Bytes(3), len: Bytes(2), fill: Fill(1) };
    assert_eq!(bytes(&after([create("/b"), write]), "/b"), b"\0\0\x0000");
}

proptest! {
    /// Link counts are the number of names, every name is in a directory, and a refusal changes nothing.
    #[test]
    fn every_sequence_keeps_the_tree_a_tree(ops in generate::any_ops(30)) {
        let mut view = View::empty();
        for op in &ops {
            let before = view.clone();
            if apply(&mut view, op).is_err() {
                prop_assert_eq!(&view, &before, "{} was refused", op);
            }
        }
        let mut names = BTreeMap::new();
        for (path, node) in view.iter() {
            if let Some((dir, _)) = path.split() {
                prop_assert_eq!(view.get(&dir), Some(&Node::Dir), "{} is in no directory", path);
            }
            if let Node::File { content, nlink, group } = node {
                names.entry(*group).or_insert_with(Vec::new).push((*nlink, content.clone()));
            }
        }
        for (expected, (group, names)) in names.into_iter().enumerate() {
            prop_assert_eq!(group as usize, expected);
            let count = names.len() as u32;
            prop_assert!(names.iter().all(|(nlink, content)| *nlink == count && *content == names[0].1));
        }
    }

    #[test]
    fn a_rename_there_and_back_changes_nothing(ops in generate::any_ops(20)) {
        let mut view = View::empty();
        for op in &ops {
            let _ = apply(&mut view, op);
        }
        let before = view.clone();
        let first = view.iter().map(|(path, _)| path.clone()).find(|path| !path.is_root());
        if let Some(from) = first {
            let to = Path::of("/nobody-uses-this");
            prop_assert_eq!(apply(&mut view, &FsOp::Rename { from: from.clone(), to: to.clone() }), Ok(()));
            prop_assert_eq!(apply(&mut view, &FsOp::Rename { from: to, to: from }), Ok(()));
            prop_assert_eq!(view, before);
        }
    }
}
