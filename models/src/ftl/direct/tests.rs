//! What the direct-mapped layer costs, and what it refuses. Its crash states are explored in `tests/`.

use super::*;
use crate::ftl::FtlError;
use crate::ftl::format::{Lpn, PageNo, Sequence};
use crashcheck::BlockNo;

fn opened(bugs: &[&str]) -> (Disk, DirectFtl) {
    let names: Vec<String> = bugs.iter().map(ToString::to_string).collect();
    let layer = Direct::with_bugs(&names).expect("known faults");
    let disk = Disk::plain(&layer.devices(Direct::CAPACITY));
    layer.format(&disk, Direct::CAPACITY).expect("an empty chip");
    let ftl = layer.open(disk.clone()).expect("an empty layer").0;
    (disk, ftl)
}

/// FT-14, Q-11: the textbook's layer writes as many pages as a block has for each page of the host; the copy in the
/// scratch block doubles that.
#[test]
fn write_amplification_is_the_pages_of_a_block() {
    for (bugs, copies) in [(&["erase-in-place"][..], 1), (&[], 2)] {
        let (_, mut ftl) = opened(bugs);
        for lpn in 0..12 {
            ftl.store(Lpn(lpn), &[lpn as u8; PAGE], None).expect("room");
        }
        let counters = ftl.chip().counters;
        assert_eq!((counters.host, counters.programs), (12, 12 * u64::from(PAGES_PER_BLOCK) * copies));
        assert_eq!(counters.write_amplification(), f64::from(PAGES_PER_BLOCK) * copies as f64);
    }
}

/// FT-14: the host decides which block wears out.
#[test]
fn a_hot_page_wears_its_block_out() {
    let (_, mut ftl) = opened(&[]);
    let before = ftl.erases().to_vec();
    for _ in 0..30 {
        ftl.store(Lpn(5), &[1; PAGE], None).expect("room");
    }
    let worn: Vec<u32> = ftl.erases().iter().zip(&before).map(|(after, before)| after - before).collect();
    assert_eq!(worn, [0, 30, 0, 15, 15], "its own block, and the scratch blocks in turn");
}

#[test]
fn a_chip_with_a_bad_block_is_refused() {
    let layer = Direct::default();
    let devices: Vec<Device> =
        layer.devices(Direct::CAPACITY).into_iter().map(|chip| chip.with_bad_blocks(&[BlockNo(2)])).collect();
    let refused = DirectFtl::format(Disk::plain(&devices).nand(CHIP).expect("a chip"));
    assert_eq!(refused, Err(FtlError::Full));
}

#[test]
fn what_was_written_is_there_when_it_is_opened_again() {
    let (disk, mut ftl) = opened(&[]);
    ftl.store(Lpn(2), &[2; PAGE], None).expect("room");
    ftl.store(Lpn(7), &[7; PAGE], None).expect("room");
    ftl.trim(Lpn(1), 2).expect("room");
    drop(ftl);
    let mut ftl = Direct::default().open(disk).expect("the layer").0;
    assert_eq!(ftl.redone(), 0);
    assert_eq!(ftl.load(Lpn(7)).expect("a page"), [7; PAGE]);
    assert_eq!(ftl.load(Lpn(2)).expect("a page"), [0; PAGE]);
    ftl.check().expect("the chip agrees");
}

type Break = fn(&Disk, &mut DirectFtl);

/// Each by a hand that has broken one thing.
const BROKEN: [(&str, Break); 6] = [
    ("the next write would have the number 2, but write 2 is on the chip", |_, ftl| ftl.next = Sequence(2)),
    ("logical page 2 should be in erase block 0, which holds data 2, write 1", |_, ftl| {
        ftl.present[2] = false;
    }),
    ("erase block 1 was erased ", |_, ftl| ftl.erases[1] = 9),
    ("is used next, but holds the newest copy, write 2", |_, ftl| ftl.turn = 1 - ftl.turn),
    ("page 1 of erase block 1 holds nothing, not logical page 5", |disk, _| {
        let chip = disk.nand(CHIP).expect("a chip");
        let mut raw = vec![0; crate::ftl::format::RAW];
        chip.read(PageNo(4), &mut raw).expect("a page");
        chip.erase(BlockNo(1), None).expect("a chip");
        chip.program(PageNo(4), &raw, None).expect("an erased page");
    }),
    ("erase block 4 holds write 2 of erase block 1, which holds write 0", |disk, ftl| {
        disk.nand(CHIP).expect("a chip").erase(BlockNo(1), None).expect("a chip");
        ftl.present[7] = false;
    }),
];

#[test]
fn whatever_is_broken_is_told() {
    for (words, broken) in BROKEN {
        let (disk, mut ftl) = opened(&[]);
        ftl.store(Lpn(2), &[2; PAGE], None).expect("room");
        ftl.store(Lpn(7), &[7; PAGE], None).expect("room");
        assert_eq!(ftl.check(), Ok(()), "{words}");
        broken(&disk, &mut ftl);
        let told = ftl.check().expect_err(words).to_string();
        assert!(told.contains(words), "{told}, not {words}");
    }
}
