//! What the check of a page-mapped layer refuses, each by a hand that has broken one thing.

use super::super::bugs::Bugs;
use super::super::checkpoint::parts;
use super::*;
use crate::ftl::exported::Translation;
use crate::ftl::format::{Lpn, OutOfBand, PAGE, Sequence, encode};
use crate::ftl::{CHIP, chip_with};
use crashcheck::{Disk, Pairing};

const PAGES: u32 = 8;

fn chip(blocks: u32) -> Disk {
    Disk::plain(&[chip_with(PAGES, blocks, 1000, Pairing::None)])
}

fn opened(disk: &Disk) -> PagedFtl {
    PagedFtl::open(disk.nand(CHIP).expect("a chip"), Bugs::NONE).expect("the layer")
}

/// A layer of 24 logical pages of which two blocks are full, half of the first is garbage, and a page was discarded.
fn written() -> (Disk, PagedFtl) {
    let disk = chip(12);
    PagedFtl::format(disk.nand(CHIP).expect("a chip"), 24, Bugs::NONE).expect("an empty chip");
    let mut ftl = opened(&disk);
    for lpn in [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11] {
        ftl.store(Lpn(lpn), &[lpn as u8 + 1; PAGE], None).expect("room");
    }
    ftl.trim(Lpn(4), 2).expect("room");
    ftl.settle().expect("a chip");
    (disk, ftl)
}

/// A page of data that nobody has written.
fn data(lpn: u32, sequence: u64, born: u64) -> Vec<u8> {
    let (lpn, sequence, born) = (Lpn(lpn), Sequence(sequence), Sequence(born));
    encode(&OutOfBand { kind: Kind::Data, lpn, count: 1, sequence, born, erases: 1 }, &[9; PAGE])
}

fn program(disk: &Disk, page: u32, raw: &[u8]) {
    disk.nand(CHIP).expect("a chip").program(PageNo(page), raw, None).expect("an erased page");
}

type Break = fn(&Disk, &mut PagedFtl);

const TABLES: [(&str, Break); 8] = [
    ("the next write would have the number 2, but write ", |_, ftl| ftl.next = Sequence(2)),
    ("page 3 of erase block 0 holds data 3, write 6, not None", |_, ftl| {
        ftl.tables.blocks[0].pages[3] = None;
    }),
    ("block 0 counts as free, but holds data 0", |_, ftl| {
        ftl.tables.blocks[0].state = State::Free { erased: false };
    }),
    ("erase block 0 was begun at 3 and had been erased ", |_, ftl| ftl.tables.blocks[0].erases = 7),
    ("whether erase block 3 is bad is not what the newest checkpoint says", |_, ftl| {
        ftl.tables.blocks[3].state = State::Bad;
    }),
    ("logical page 8 is nothing, but the chip has data 8", |_, ftl| ftl.tables.map[8] = None),
    ("logical page 0 is data 0, write 2, but the chip has data 0, write 11", |_, ftl| {
        let newest = ftl.tables.map[0].as_mut().expect("it was written");
        newest.page = PageNo(0);
    }),
    ("logical page 4 is data 4, write 7, but the chip has the trim of 4, 2 pages", |_, ftl| {
        ftl.tables.map[4] =
            Some(super::super::tables::Newest { page: PageNo(4), sequence: Sequence(7), kind: Kind::Data });
    }),
];

#[test]
fn tables_that_are_not_what_the_chip_says_are_told() {
    for (words, broken) in TABLES {
        let (disk, mut ftl) = written();
        assert_eq!(ftl.check(), Ok(()), "{words}");
        broken(&disk, &mut ftl);
        let told = ftl.check().expect_err(words).to_string();
        assert!(told.contains(words), "{told}, not {words}");
    }
}

/// Pages on an otherwise empty chip, which the layer is opened on.
type Pages = fn() -> Vec<(u32, Vec<u8>)>;

const CHIPS: [(&str, Pages); 5] = [
    ("page 0 holds data 1, write 9, and page 1 data 2, write 9: the same number for two writes", || {
        vec![(0, data(1, 9, 8)), (1, data(2, 9, 8))]
    }),
    ("block 0 was begun at 8 and at 7", || vec![(0, data(1, 9, 8)), (1, data(2, 10, 7))]),
    ("erase block 0 and erase block 1 were both begun at 8", || {
        vec![(0, data(1, 9, 8)), (8, data(2, 10, 8))]
    }),
    ("page 0 holds data 24, write 9, of 1 logical pages", || vec![(0, data(24, 9, 8))]),
    ("page 0 has its checksum, but not the codes that go with it", || {
        let mut raw = data(1, 9, 8);
        raw[PAGE + 48] ^= 3;
        vec![(0, raw)]
    }),
];

#[test]
fn a_chip_that_is_not_as_the_format_says_is_told() {
    for (words, pages) in CHIPS {
        let disk = chip(12);
        PagedFtl::format(disk.nand(CHIP).expect("a chip"), 24, Bugs::NONE).expect("an empty chip");
        pages().iter().for_each(|(page, raw)| program(&disk, *page, raw));
        let told = opened(&disk).check().expect_err(words).to_string();
        assert!(told.contains(words), "{told}, not {words}");
    }
}

/// FT-16: what a checkpoint says of a full block is what the block holds.
#[test]
fn a_checkpoint_that_says_something_else_is_told() {
    let (_, mut ftl) = written();
    let known = ftl.tables.blocks[0].pages[5].take();
    ftl.checkpoint().expect("a chip");
    ftl.tables.blocks[0].pages[5] = known;
    let told = ftl.check().expect_err("the checkpoint says nothing of it").to_string();
    assert!(told.contains("page 5 of erase block 0 holds data 5, write 8, which checkpoint "), "{told}");
}

/// FT-16: a crash may leave one part of a checkpoint that takes several. If the next one got its number, the two could not
/// be told apart.
#[test]
fn the_number_of_half_a_checkpoint_is_not_used_again() {
    let disk = chip(40);
    let (data, half) = layout(disk.nand(CHIP).expect("a chip").geometry());
    assert_eq!(parts(data, PAGES), 2);
    PagedFtl::format(disk.nand(CHIP).expect("a chip"), 24, Bugs::NONE).expect("an empty chip");
    let mut ftl = opened(&disk);
    ftl.store(Lpn(1), &[7; PAGE], None).expect("room");
    ftl.checkpoint().expect("a chip");
    let next = ftl.next;
    drop(ftl);
    // The first part of the next checkpoint, behind the two of the last one, which are in the second half.
    let oob =
        OutOfBand { kind: Kind::Checkpoint, lpn: Lpn(0), count: 2, sequence: next, born: next, erases: 0 };
    program(&disk, (data + half) * PAGES + 2, &encode(&oob, &[3; PAGE]));
    let mut ftl = opened(&disk);
    assert_eq!((ftl.next, ftl.check()), (next.next(), Ok(())));
    ftl.checkpoint().expect("a chip");
    let mut ftl = opened(&disk);
    assert_eq!(ftl.load(Lpn(1)), Ok(vec![7; PAGE]));
    assert_eq!(ftl.check(), Ok(()));
}
