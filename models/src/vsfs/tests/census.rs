//! The append of one block: its eight outcomes, each made by hand (CS-0 to CS-7).

use super::states::LastEpoch;
use super::*;
use crate::fs::{Fill, Node};

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum After {
    Old,
    New,
    Garbage,
}
use After::{Garbage, New, Old};

const INODE: &str = "inode table";
const BITMAP: &str = "data bitmap";
const DATA: &str = "data";

/// What fsck finds, and what the file holds then, when only these writes have survived.
const OUTCOMES: [(&[&str], &str, After); 8] = [
    (&[], "consistent", Old),
    (&[DATA], "consistent", Old),
    (&[INODE], "block used but marked free", Garbage),
    (&[BITMAP], "space leak", Old),
    (&[INODE, BITMAP], "consistent", Garbage),
    (&[INODE, DATA], "block used but marked free", New),
    (&[BITMAP, DATA], "space leak", Old),
    (&[INODE, BITMAP, DATA], "consistent", New),
];

fn append() -> LastEpoch {
    let append = workloads::all().into_iter().find(|workload| workload.name == "append").expect("a workload");
    let recording = crashcheck::record_after(&Vsfs::default(), &append.setup, append.ops);
    LastEpoch::of(&recording.expect("records"))
}

#[test]
fn the_append_has_exactly_inode_bitmap_and_data_in_flight() {
    assert_eq!(append().labels(), [DATA, BITMAP, INODE]);
}

#[test]
fn each_of_the_eight_outcomes_of_the_append_is_that_of_the_book() {
    let append = append();
    let old = Fill(1).bytes(Bytes::ZERO, Bytes(4096));
    let new = [old.clone(), Fill(2).bytes(Bytes(4096), Bytes(4096))].concat();
    for (survived, words, after) in OUTCOMES {
        let mut live = Vsfs::default().open(append.surviving(survived)).expect("opens");
        let view = Vsfs::default().view(&mut live).expect("can be read");
        let Some(Node::File { content, .. }) = view.get(&Path::of("/a")) else { panic!("/a is not a file") };
        let shown = match content.as_slice() {
            bytes if bytes == old => Old,
            bytes if bytes == new => New,
            _ => Garbage,
        };
        assert_eq!((live.report().words().as_str(), shown), (words, after), "{survived:?} survived");
    }
}
