//! The append of one block: all eight outcomes (CS-0 to CS-8).

use super::states::{crash_states, last_epoch};
use super::*;
use crate::fs::{Fill, Node};
use std::collections::BTreeMap;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum After {
    Old,
    New,
    Garbage,
}

#[test]
fn the_append_has_exactly_inode_bitmap_and_data_in_flight() {
    let recording = crashcheck::record(&Vsfs::default(), workload("append")).expect("records");
    let mut epoch = last_epoch(&recording);
    epoch.sort();
    assert_eq!(epoch, ["data", "data bitmap", "inode table"]);
}

#[test]
fn the_census_of_the_append_is_that_of_the_book() {
    let recording = crashcheck::record(&Vsfs::default(), workload("append")).expect("records");
    let old = Fill(1).bytes(Bytes::ZERO, Bytes(4096));
    let mut new = old.clone();
    new.extend(Fill(2).bytes(Bytes(4096), Bytes(4096)));
    let mut census = BTreeMap::new();
    crash_states(&recording.trace, |state| {
        if state.in_flight != 3 {
            return;
        }
        let mut live = Vsfs::default().open(state.disk()).expect("opens");
        let view = Vsfs::default().view(&mut live).expect("can be read");
        let Some(Node::File { content, .. }) = view.get(&Path::of("/a")) else { panic!("/a is not a file") };
        let after = match content.as_slice() {
            bytes if bytes == old => After::Old,
            bytes if bytes == new => After::New,
            _ => After::Garbage,
        };
        let mut survived = state.survived.clone();
        survived.sort();
        census.insert(survived.join("+"), (live.report().words(), after));
    });
    let expected = [
        ("", "consistent", After::Old),
        ("data", "consistent", After::Old),
        ("inode table", "block used but marked free", After::Garbage),
        ("data bitmap", "space leak", After::Old),
        ("data bitmap+inode table", "consistent", After::Garbage),
        ("data+inode table", "block used but marked free", After::New),
        ("data+data bitmap", "space leak", After::Old),
        ("data+data bitmap+inode table", "consistent", After::New),
    ];
    let expected: BTreeMap<String, (String, After)> =
        expected.map(|(survived, words, after)| (survived.to_owned(), (words.to_owned(), after))).into();
    assert_eq!(census, expected);
    let count = |wanted: After| census.values().filter(|(_, after)| *after == wanted).count();
    assert_eq!((count(After::Old), count(After::New), count(After::Garbage)), (4, 2, 2), "CS-8");
    assert_eq!(census.values().filter(|(words, _)| words != "consistent").count(), 4, "CS-8");
}
