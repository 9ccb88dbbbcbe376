//! The checker on file systems that were broken by hand under it.

use super::format::{PIECE_SIZE, SegmentNo, Superblock};
use super::imap::Place;
use super::summary::{Entry, Epoch, Holds, Serial, Summary};
use super::*;
use crate::vsfs::format::{BlockNo, INODE_SIZE, InodeNo, Page, put_u32, put_u64};
use crate::vsfs::inode::Inode;

/// A file system with /d/a, /b (two blocks, also /c) and /big (15 blocks, one of pointers), as a checkpoint has it.
struct Bench {
    live: Mounted,
    disk: Disk,
}

/// Breaks something.
type Break = fn(&mut Bench);

impl Bench {
    fn new() -> Bench {
        let disk = fresh();
        let mut live = open(&disk);
        perform(
            &mut live,
            &[
                FsOp::Mkdir(path("d")),
                FsOp::Create(path("d").join("a")),
                create("b"),
                write("b", 0, 2, 1),
                FsOp::Link { from: path("b"), to: path("c") },
                FsOp::Sync,
                create("big"),
                write("big", 0, 14, 2),
                FsOp::Sync,
                write("b", 1, 1, 3),
                FsOp::Fsync(path("b")),
                FsOp::Sync,
            ],
        );
        Bench { live, disk }
    }

    fn check(&self) -> std::result::Result<(), Wrong> {
        check::check(&self.live.log)
    }

    fn change(&self, block: BlockNo, change: impl FnOnce(&mut Page)) {
        let mut page = [0; BLOCK_SIZE];
        self.disk.read(block.at(), &mut page).expect("in range");
        change(&mut page);
        self.disk.write(block.at(), &page).expect("in range");
    }

    /// A block of the newer checkpoint region, or of the older one.
    fn region(&self, newer: bool, index: u32) -> BlockNo {
        let turn = self.live.log.turn.region;
        let region = if newer { turn } else { turn.other() };
        BlockNo(Geometry::default().region(region).0 + index)
    }

    fn number(&mut self, name: &str) -> (InodeNo, Inode) {
        self.live.log.resolve(&path(name)).expect("is there")
    }

    fn place(&mut self, name: &str) -> Place {
        let number = self.number(name).0;
        self.live.log.map.get(number).place.expect("in the log")
    }

    fn change_inode(&mut self, name: &str, change: impl FnOnce(&mut [u8])) {
        let Place { block, slot } = self.place(name);
        let at = slot as usize * INODE_SIZE;
        self.change(block, |page| change(&mut page[at..at + INODE_SIZE]));
    }

    /// The entry of the inode map for a number that the first piece describes.
    fn change_map(&self, inode: u32, change: impl FnOnce(&mut [u8])) {
        let Place { block, slot } = self.live.log.map.pieces[0].expect("was written");
        let at = slot as usize * PIECE_SIZE + inode as usize * 16;
        self.change(block, |page| change(&mut page[at..at + 16]));
    }

    /// Changes the summary that speaks of a block.
    fn change_summary(&self, of: BlockNo, change: impl FnOnce(&mut Summary, usize)) {
        let geometry = Geometry::default();
        let summaries = self.live.log.summaries(geometry.segment_of(of)).expect("can be read");
        let speaks = |(summary, at): &(Summary, BlockNo)| of.0 <= at.0 + summary.entries.len() as u32;
        let (mut summary, at) = summaries.into_iter().find(speaks).expect("a summary");
        change(&mut summary, (of.0 - at.0 - 1) as usize);
        self.disk.write(at.at(), &summary.encode()).expect("in range");
    }

    /// The block that a file has first.
    fn first_block(&mut self, name: &str) -> BlockNo {
        self.number(name).1.pointers[0]
    }
}

const TABLES: [(&str, Break); 10] = [
    ("the superblock has the number of segments 23, not 24", |bench| {
        bench.change(Superblock::BLOCK, |page| put_u32(page, 20, 23));
    }),
    ("is not complete: it begins with", |bench| bench.change(bench.region(false, 3), |page| page[16] ^= 1)),
    ("and did not take turns", |bench| {
        for index in [0, 3] {
            bench.change(bench.region(false, index), |page| put_u64(page, 16, 1));
        }
    }),
    ("the epoch of the older checkpoint is 9, and that of the newer one 1", |bench| {
        bench.change(bench.region(false, 1), |page| put_u64(page, 0, 9));
    }),
    ("the end of the log 0 lies in slot 0 of block 2, which cannot be", |bench| {
        bench.change(bench.region(true, 1), |page| put_u32(page, 24, 2));
    }),
    ("piece 0 lies in slot 16 of block", |bench| {
        bench.change(bench.region(true, 1), |page| put_u32(page, 68, 16));
    }),
    ("live bytes, but the usage table says 77", |bench| {
        bench.change(bench.region(true, 2), |page| put_u32(page, 0, 77));
    }),
    ("is live, but the log goes on at block", |bench| {
        let first = Geometry::default().start(SegmentNo(0)).0;
        bench.change(bench.region(true, 1), |page| put_u32(page, 24, first));
    }),
    ("where the log goes on, holds part", |bench| {
        let log = &bench.live.log;
        let entry = Entry { holds: Holds::Names, crc: 0 };
        let stale = Summary {
            volume: log.superblock.volume,
            more: false,
            epoch: log.epoch,
            serial: log.serial,
            time: 0,
            next: log.head,
            entries: vec![entry],
        };
        bench.disk.write(log.head.at(), &stale.encode()).expect("in range");
    }),
    ("the epoch of the log 0 is 7 in memory, but 1 on the disk", |bench| {
        bench.live.log.epoch = Epoch(7);
    }),
];

const MAP: [(&str, Break); 10] = [
    ("inode 9 lies in slot 0 of block 1, which cannot be", |bench| {
        bench.change_map(9, |entry| put_u32(entry, 0, 1));
    }),
    ("but there lies", |bench| {
        let number = bench.number("b").0;
        bench.change_map(number.0, |entry| put_u32(entry, 4, 15));
    }),
    ("inode 1 is reserved, but the inode map has it", |bench| {
        let block = bench.place("b").block;
        bench.change_map(1, |entry| put_u32(entry, 0, block.0));
    }),
    ("has the version 0, and the inode map 3", |bench| {
        let number = bench.number("b").0;
        bench.change_map(number.0, |entry| put_u32(entry, 8, 3));
    }),
    ("where no content lies", |bench| bench.change_inode("b", |inode| put_u32(inode, 64, 2))),
    ("as well", |bench| {
        let shared = bench.first_block("big");
        bench.change_inode("b", |inode| put_u32(inode, 64, shared.0));
    }),
    ("holds pieces of the inode map and is block 0 of inode", |bench| {
        let piece = bench.live.log.map.pieces[0].expect("was written").block;
        bench.change_inode("b", |inode| put_u32(inode, 64, piece.0));
    }),
    ("which lies beyond its end", |bench| bench.change_inode("b", |inode| put_u64(inode, 16, 100))),
    ("says that it owns 3 blocks, but it owns 2", |bench| {
        bench.change_inode("b", |inode| put_u32(inode, 24, 3));
    }),
    ("has 3 links, but 2 names lead to it", |bench| bench.change_inode("b", |inode| put_u32(inode, 12, 3))),
];

const SEGMENTS: [(&str, Break); 8] = [
    ("is live, but no summary of segment", |bench| {
        let first = Geometry::default().segment_of(bench.first_block("big"));
        bench.change(Geometry::default().start(first), |page| page[0] ^= 1);
    }),
    ("but its summary says inodes", |bench| {
        let block = bench.first_block("big");
        bench.change_summary(block, |summary, nth| summary.entries[nth].holds = Holds::Inodes);
    }),
    ("in version 0, but its summary says block 0", |bench| {
        let block = bench.first_block("big");
        bench.change_summary(block, |summary, nth| {
            if let Holds::Content { version, .. } = &mut summary.entries[nth].holds {
                *version = version.next_life();
            }
        });
    }),
    ("has the checksum", |bench| bench.change_inode("b", |inode| inode[2] ^= 1)),
    ("has the number 1000, but", |bench| {
        let block = bench.place("b").block;
        bench.change_summary(block, |summary, _| summary.serial = Serial(1000));
    }),
    ("has the epoch 50, but", |bench| {
        let block = bench.first_block("big");
        bench.change_summary(block, |summary, _| summary.epoch = Epoch(50));
    }),
    ("has the successor", |bench| {
        let block = bench.live.log.map.pieces[0].expect("was written").block;
        bench.change_summary(block, |summary, _| summary.next = BlockNo(summary.next.0 + 1));
    }),
    ("has the place", |bench| {
        let start = Geometry::default().start(Geometry::default().segment_of(bench.first_block("b")));
        bench.change_summary(BlockNo(start.0 + 1), |summary, _| summary.next = BlockNo(200));
    }),
];

#[test]
fn whatever_two_places_say_differently_is_told() {
    Bench::new().check().expect("is well-formed");
    for (words, break_it) in TABLES.into_iter().chain(MAP).chain(SEGMENTS) {
        let mut bench = Bench::new();
        break_it(&mut bench);
        let told = bench.check().expect_err(words).to_string();
        assert!(told.contains(words), "{words}: {told}");
    }
}

/// LF-23: numbers that two segments both have are found, wherever they lie.
#[test]
fn a_number_is_given_out_once() {
    let mut bench = Bench::new();
    let first = bench.live.log.summaries(SegmentNo(0)).expect("can be read")[0].0.serial;
    let block = bench.first_block("big");
    assert_ne!(Geometry::default().segment_of(block), SegmentNo(0));
    bench.change_summary(block, |summary, _| summary.serial = first);
    let told = bench.check().expect_err("a number twice").to_string();
    assert!(told.contains("of the log lie in segment 0, but part 1 in another one"), "{told}");
}

/// What recovery leaves out is found in the state it left: link counts without the directory log, and a usage table
/// from which nothing was taken.
#[test]
fn what_roll_forward_leaves_out_is_found() {
    let ops = [create("a"), write("a", 0, 2, 1), FsOp::Sync];
    let cases: [(&str, &[FsOp], &str); 2] = [
        ("no-directory-log", &[create("new"), FsOp::Fsync(Path::root())], "has no name"),
        (
            "usage-not-reduced",
            &[write("a", 0, 2, 2), FsOp::Fsync(Path::root())],
            "live bytes, but the usage table says",
        ),
    ];
    for (bug, after, words) in cases {
        let disk = fresh();
        let mut live = open(&disk);
        perform(&mut live, &ops);
        perform(&mut live, after);
        let faulty = Lfs::with_bugs(&[bug.to_owned()]).expect("a switch");
        let mut again = faulty.open(disk).expect("opens");
        let told = faulty.check(&mut again).expect_err(bug).to_string();
        assert!(told.contains(words), "{bug}: {told}");
    }
}
