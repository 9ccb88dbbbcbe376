//! States that a crash may show, and states that it may not.

use super::judge;
use crate::fs::{Fill, FsOp, Path, View, ViewBuilder, posix};
use crashcheck::{Bytes, Window};

fn create(path: &'static str) -> FsOp {
    FsOp::Create(Path::of(path))
}

fn append(path: &'static str, len: u64, fill: u8) -> FsOp {
    FsOp::Append { path: Path::of(path), len: Bytes(len), fill: Fill(fill) }
}

fn rename(from: &'static str, to: &'static str) -> FsOp {
    FsOp::Rename { from: Path::of(from), to: Path::of(to) }
}

/// What is there before anything happens: /d/a with 100 bytes, /b with 5000 and a second name /c, /lost+found.
fn start() -> View {
    let mut view = base();
    view.file(Path::of("/d/a"), 1, 1, text(1, 100));
    names_of_b(&mut view, 5000, 2);
    view.build()
}

fn base() -> ViewBuilder {
    let mut view = ViewBuilder::new();
    view.dir(Path::of("/lost+found"));
    view.dir(Path::of("/d"));
    view
}

fn names_of_b(view: &mut ViewBuilder, len: u64, nlink: u32) {
    view.file(Path::of("/b"), 2, nlink, text(2, len));
    view.file(Path::of("/c"), 2, nlink, text(2, len));
}

fn text(fill: u8, len: u64) -> crate::fs::Content {
    Fill(fill).bytes(Bytes::ZERO, Bytes(len)).into()
}

/// The broken promise if these operations were in flight, none of them durable.
fn broken(ops: &[FsOp], shown: ViewBuilder) -> Option<String> {
    let mut states = vec![start()];
    for op in ops {
        let mut next = states[states.len() - 1].clone();
        posix::apply(&mut next, op).expect("the operations of a test are possible");
        states.push(next);
    }
    let window = Window { durable: 0, begun: ops.len() };
    judge(&shown.build(), ops, &states, window).err().map(|violation| violation.promise)
}

#[test]
fn an_untouched_file_must_keep_its_name_its_content_and_its_links() {
    let ops = [create("/new")];
    let mut same = base();
    same.file(Path::of("/d/a"), 1, 1, text(1, 100));
    names_of_b(&mut same, 5000, 2);
    assert_eq!(broken(&ops, same), None);

    let mut missing = base();
    names_of_b(&mut missing, 5000, 2);
    assert_eq!(broken(&ops, missing).as_deref(), Some("durable"));

    let mut shorter = base();
    shorter.file(Path::of("/d/a"), 1, 1, text(1, 99));
    names_of_b(&mut shorter, 5000, 2);
    assert_eq!(broken(&ops, shorter).as_deref(), Some("durable"));

    let mut other = base();
    other.file(Path::of("/d/a"), 1, 1, text(9, 100));
    names_of_b(&mut other, 5000, 2);
    assert_eq!(broken(&ops, other).as_deref(), Some("no-foreign-data"));

    let mut parted = base();
    parted.file(Path::of("/d/a"), 1, 1, text(1, 100));
    parted.file(Path::of("/b"), 2, 1, text(2, 5000));
    parted.file(Path::of("/c"), 3, 1, text(2, 5000));
    assert_eq!(broken(&ops, parted).as_deref(), Some("durable"));
}

#[test]
fn a_link_count_must_be_the_number_of_names() {
    let mut view = base();
    view.file(Path::of("/d/a"), 1, 1, text(1, 100));
    names_of_b(&mut view, 5000, 3);
    assert_eq!(broken(&[create("/new")], view).as_deref(), Some("well-formed"));
}

#[test]
fn a_name_that_nobody_made_is_foreign() {
    let mut view = base();
    view.file(Path::of("/d/a"), 1, 1, text(1, 100));
    names_of_b(&mut view, 5000, 2);
    view.file(Path::of("/d/b"), 7, 1, text(7, 0));
    assert_eq!(broken(&[create("/new")], view).as_deref(), Some("no-foreign-data"));
}

#[test]
fn a_renamed_file_is_under_a_name_of_its_own_or_lost_and_found_but_never_gone() {
    let ops = [rename("/d/a", "/x")];
    for (places, expected) in [
        (&["/d/a"][..], None),
        (&["/x"], None),
        (&["/lost+found/#1"], None),
        (&["/d/a", "/x"], None),
        (&[], Some("durable")),
        (&["/y"], Some("no-foreign-data")),
    ] {
        let mut view = base();
        for place in places {
            view.file(Path::of(place), 1, places.len() as u32, text(1, 100));
        }
        names_of_b(&mut view, 5000, 2);
        assert_eq!(broken(&ops, view).as_deref(), expected, "found at {places:?}");
    }
    let mut garbage = base();
    garbage.file(Path::of("/x"), 1, 1, text(9, 100));
    names_of_b(&mut garbage, 5000, 2);
    assert_eq!(broken(&ops, garbage).as_deref(), Some("no-foreign-data"));
}

#[test]
fn two_renamed_files_do_not_pass_for_one() {
    let ops = [create("/x"), create("/y"), FsOp::Sync, rename("/x", "/d/x"), rename("/y", "/d/y")];
    let mut states = vec![start()];
    for op in &ops {
        let mut next = states[states.len() - 1].clone();
        posix::apply(&mut next, op).expect("possible");
        states.push(next);
    }
    let window = Window { durable: 3, begun: 5 };
    let with = |names: &[&'static str]| {
        let mut view = base();
        view.file(Path::of("/d/a"), 1, 1, text(1, 100));
        names_of_b(&mut view, 5000, 2);
        for (inode, name) in (10..).zip(names) {
            view.file(Path::of(name), inode, 1, text(0, 0));
        }
        judge(&view.build(), &ops, &states, window).map_err(|violation| violation.promise)
    };
    assert_eq!(with(&["/lost+found/#10", "/lost+found/#11"]), Ok(()));
    assert_eq!(with(&["/d/x", "/lost+found/#11"]), Ok(()));
    assert_eq!(with(&["/lost+found/#10"]), Err("durable".to_owned()));
}

#[test]
fn an_append_leaves_the_bytes_before_it_alone_and_may_show_garbage_after_them() {
    let ops = [append("/d/a", 5000, 3)];
    let with = |content: Vec<u8>| {
        let mut view = base();
        view.file(Path::of("/d/a"), 1, 1, content.into());
        names_of_b(&mut view, 5000, 2);
        broken(&ops, view)
    };
    let mut content = Fill(1).bytes(Bytes::ZERO, Bytes(100));
    content.resize(5100, 0xee);
    assert_eq!(with(content.clone()), None);
    content[50] = 0xee;
    assert_eq!(with(content.clone()).as_deref(), Some("no-foreign-data"));
    content.truncate(3000);
    assert_eq!(with(content).as_deref(), Some("durable"), "a length it never had");
}

#[test]
fn what_a_moved_directory_holds_moves_with_it() {
    let ops = [FsOp::Mkdir(Path::of("/e")), rename("/d", "/e/d")];
    for (places, expected) in [
        (&["/d", "/d/a"][..], None),
        (&["/e", "/e/d", "/e/d/a"], None),
        (&["/lost+found/#4", "/lost+found/#4/a"], None),
        (&["/lost+found/#4"], Some("durable")),
        (&["/e", "/e/d"], Some("durable")),
        (&["/e"], Some("durable")),
    ] {
        let mut view = ViewBuilder::new();
        view.dir(Path::of("/lost+found"));
        for place in places {
            if place.ends_with("/a") {
                view.file(Path::of(place), 1, 1, text(1, 100));
            } else {
                view.dir(Path::of(place));
            }
        }
        names_of_b(&mut view, 5000, 2);
        assert_eq!(broken(&ops, view).as_deref(), expected, "found at {places:?}");
    }
}

#[test]
fn an_unlinked_file_is_there_with_its_content_or_gone() {
    let ops = [FsOp::Unlink(Path::of("/d/a")), FsOp::Unlink(Path::of("/b"))];
    let with = |a: Option<u8>, b: bool| {
        let mut view = base();
        if let Some(fill) = a {
            view.file(Path::of("/d/a"), 1, 1, text(fill, 100));
        }
        if b {
            names_of_b(&mut view, 5000, 2);
        } else {
            view.file(Path::of("/c"), 2, 1, text(2, 5000));
        }
        broken(&ops, view)
    };
    assert_eq!(with(None, false), None);
    assert_eq!(with(Some(1), true), None);
    assert_eq!(with(Some(9), true).as_deref(), Some("no-foreign-data"), "the block was reused");
}
