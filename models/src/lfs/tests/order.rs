//! What is written, where and in which order.

use super::checkpoint::{self, Checkpoint, Turn};
use super::format::{REGION_BLOCKS, Region, Superblock};
use super::*;
use crate::vsfs::format::BlockNo;
use crate::vsfs::names::Names;
use crashcheck::trace::Event;
use crashcheck::{Recording, record_after};
use std::collections::BTreeSet;

fn recordings() -> Vec<(&'static str, Recording<Lfs>)> {
    let record = |workload: Workload<FsOp>| {
        let recording = record_after(&Lfs::default(), &workload.setup, workload.ops);
        (workload.name, recording.expect("a workload that runs"))
    };
    workloads::all().into_iter().map(record).collect()
}

/// The label and the block of a write.
fn written(event: &Event) -> Option<(&str, u32)> {
    let Event::Write { at, .. } = event else { return None };
    Some((event.label().expect("every write says what it is").as_str(), (at.0 / 4096) as u32))
}

fn superblock() -> Superblock {
    Superblock { geometry: Geometry::default(), volume: format::Volume(1) }
}

fn newest(image: &Image) -> (Turn, Checkpoint) {
    checkpoint::newest(&on(image), &superblock()).expect("works").expect("a checkpoint")
}

/// LF-01: a segment is written only if the durable checkpoint calls it free, and no block twice between two.
#[test]
fn nothing_is_overwritten_that_a_checkpoint_or_the_log_behind_it_refers_to() {
    let geometry = Geometry::default();
    for (name, recording) in recordings() {
        let mut image = recording.trace.devices[0].base.clone();
        let (_, mut state) = newest(&image);
        let (mut since, mut segments) = (BTreeSet::new(), 0);
        for event in &recording.trace.events {
            let Event::Write { at, data, .. } = event else { continue };
            image.write(*at, data.as_slice());
            let (label, block) = written(event).expect("a write");
            if label == "checkpoint tail" {
                state = newest(&image).1;
                since.clear();
            }
            if label.starts_with("checkpoint") {
                continue;
            }
            let block = BlockNo(block);
            let segment = geometry.segment_of(block);
            let ahead = segment == geometry.segment_of(state.head) && block >= state.head;
            let free = state.usage[segment.index()].live == 0 && segment != geometry.segment_of(state.head);
            assert!(ahead || free, "{name}: {label} at {block:?}");
            assert!(since.insert(block), "{name}: {label} at {block:?}, twice");
            segments += u32::from(free);
        }
        assert!(segments > 0 || since.len() < 16, "{name}: never went to another segment");
    }
}

/// LF-02: directory operations, content, pointers, inodes; the same of directories; the inode map. The summary, which
/// lies before them, is issued last.
#[test]
fn a_part_holds_content_before_inodes_before_the_map() {
    let rank = |label: &str, after_inodes: bool| match label {
        "directory log" => 0,
        "data" => 1,
        "indirect" if !after_inodes => 2,
        "inodes" => 3,
        "directory" | "indirect" => 3,
        "inode map" => 4,
        "summary" => 5,
        other => panic!("an unknown label: {other}"),
    };
    for (name, recording) in recordings() {
        let mut last = 0;
        for (label, _) in recording.trace.events.iter().filter_map(written) {
            if label.starts_with("checkpoint") {
                last = 0;
                continue;
            }
            let here = rank(label, last >= 3);
            assert!(here >= last, "{name}: {label} behind what comes later");
            last = if label == "summary" { 0 } else { here };
        }
    }
}

/// LF-06: the inode moves, and the directory does not learn of it.
#[test]
fn writing_into_a_file_changes_no_directory() {
    let setup = [create("a"), write("a", 0, 2, 1), FsOp::Sync];
    let ops = vec![write("a", 1, 1, 2), FsOp::Sync];
    let recording = record_after(&Lfs::default(), &setup, ops).expect("runs");
    let labels: Vec<&str> =
        recording.trace.events.iter().filter_map(written).map(|(label, _)| label).collect();
    assert!(labels.contains(&"data") && labels.contains(&"inode map"), "{labels:?}");
    assert!(!labels.iter().any(|label| label.starts_with("directory")), "{labels:?}");
}

/// LF-12, LF-14, LF-15: the regions take turns, what a checkpoint refers to is durable before its first write, and the
/// rest of it before its tail (LF-13).
#[test]
fn checkpoints_take_turns_and_each_step_is_durable_before_the_next() {
    let geometry = Geometry::default();
    let region = |block: u32| {
        let start = |region| geometry.region(region).0;
        Region::BOTH
            .into_iter()
            .find(|region| (start(*region)..start(*region) + REGION_BLOCKS).contains(&block))
    };
    for (name, recording) in recordings() {
        let mut last = None;
        let mut in_flight: Vec<&str> = Vec::new();
        for event in &recording.trace.events {
            if matches!(event, Event::Flush { .. }) {
                in_flight.clear();
            }
            let Some((label, block)) = written(event) else { continue };
            assert_eq!(region(block).is_some(), label.starts_with("checkpoint"), "{name}");
            match label {
                "checkpoint header" => {
                    assert_eq!(in_flight, Vec::<&str>::new(), "{name}");
                    assert_ne!(region(block), last, "{name}");
                    last = region(block);
                }
                "checkpoint tail" => assert_eq!(in_flight, Vec::<&str>::new(), "{name}"),
                _ => {}
            }
            in_flight.push(label);
        }
    }
}

/// LF-05: a checkpoint comes about without a sync, so that what a roll-forward has to read stays small.
#[test]
fn much_written_calls_for_a_checkpoint() {
    let mut live = open(&fresh());
    perform(&mut live, &[create("a")]);
    let mut most = 0;
    for round in 0..20 {
        perform(&mut live, &[write("a", 0, 12, round), FsOp::Fsync(path("a"))]);
        most = most.max(live.log.parts_since);
    }
    assert!((2..10).contains(&most), "{most} parts behind a checkpoint");
}

/// A checkpoint that is told by its clock.
fn state(clock: u64) -> Checkpoint {
    Checkpoint { clock, ..checkpoint::first(&Geometry::default()) }
}

/// LF-12, LF-13, ERR-12: whatever subset of its blocks survives, a checkpoint counts only when all of it is there; and
/// header and tail without the body are taken for it, which is why the tail must wait.
#[test]
fn a_checkpoint_counts_only_with_its_tail() {
    let disk = Disk::plain(&Lfs::default().devices());
    let superblock = superblock();
    let put = |disk: &Disk, turn: Turn, clock| {
        checkpoint::write(disk, &superblock, turn, &state(clock), Bugs::NONE).expect("works");
    };
    let second = Turn::FIRST.next();
    put(&disk, Turn::FIRST, 10);
    put(&disk, second, 20);
    let at = |index: u32| BlockNo(Geometry::default().region(Region::A).0 + index).at();
    let blocks = |disk: &Disk| {
        [0, 1, 2, 3].map(|index| {
            let mut page = vec![0; 4096];
            disk.read(at(index), &mut page).expect("in range");
            page
        })
    };
    let old = blocks(&disk);
    put(&disk, second.next(), 30);
    let new = blocks(&disk);
    for subset in 0..16u32 {
        for index in 0..4 {
            let page = if subset >> index & 1 == 1 { &new[index as usize] } else { &old[index as usize] };
            disk.write(at(index), page).expect("in range");
        }
        let (turn, found) = checkpoint::newest(&disk, &superblock).expect("works").expect("one is complete");
        let [header, map, tail] = [0, 1, 3].map(|index| subset >> index & 1 == 1);
        let expected = match (header && tail, map) {
            (false, _) => (second, 20),
            (true, true) => (second.next(), 30),
            (true, false) => (second.next(), 10),
        };
        assert_eq!((turn, found.clock), expected, "blocks {subset:04b}");
    }
}

/// LF-04, LF-07: the inode map is in memory, so that reading a file takes its inode and its blocks, and those of the
/// directories on the way; nothing else of the log is looked at.
#[test]
fn reading_takes_the_inode_and_the_blocks_of_each_step() {
    let disk = fresh();
    let mut live = open(&disk);
    let file = path("d").join("a");
    perform(&mut live, &[FsOp::Mkdir(path("d")), FsOp::Create(file.clone())]);
    let content = FsOp::Append { path: file.clone(), len: Bytes(2 * 4096), fill: Fill(7) };
    perform(&mut live, &[content, create("other"), FsOp::Sync]);
    let mut log = open(&disk).log;
    let mut needed = BTreeSet::new();
    for step in [Path::root(), path("d"), file.clone()] {
        let (number, inode) = live.log.resolve(&step).expect("is there");
        needed.insert(log.map.get(number).place.expect("in the log").block);
        needed.extend(log.blocks_of(number, &inode).expect("works").into_iter().map(|(_, at)| at));
    }
    let geometry = Geometry::default();
    for block in (geometry.region(Region::A).0..geometry.device_len().0 as u32 / 4096).map(BlockNo) {
        if !needed.contains(&block) {
            disk.write(block.at(), &[0xff; 4096]).expect("in range");
        }
    }
    let (number, inode) = log.resolve(&file).expect("is there");
    let read = crate::vsfs::content::Contents::read_all(&mut log, number, &inode).expect("can be read");
    assert_eq!(read.as_slice(), Fill(7).bytes(Bytes::ZERO, Bytes(2 * 4096)));
    assert_eq!(needed.len(), 3 + 2 + 2, "three inodes, two directories of one block, a file of two");
}
