//! What the layer with log blocks does, block by block. Its crash states are explored in `tests/`.

use super::tables::State;
use super::*;
use crate::ftl::format::{Lpn, Sequence};

fn opened() -> (Disk, HybridFtl) {
    let layer = Hybrid::default();
    let disk = Disk::plain(&layer.devices(Hybrid::CAPACITY));
    layer.format(&disk, Hybrid::CAPACITY).expect("an empty chip");
    let ftl = layer.open(disk.clone()).expect("an empty layer").0;
    (disk, ftl)
}

fn store(ftl: &mut HybridFtl, lpns: &[u32], fill: u8) {
    for lpn in lpns {
        ftl.store(Lpn(*lpn), &[fill; PAGE], None).expect("room");
    }
}

fn fills(ftl: &mut HybridFtl, lpns: &[u32]) -> Vec<u8> {
    lpns.iter().map(|lpn| ftl.load(Lpn(*lpn)).expect("a page")[0]).collect()
}

/// FT-22: each kind where it is due, and what is read afterwards is what was written.
#[test]
fn a_log_block_is_switched_completed_or_copied() {
    let (_, mut ftl) = opened();
    store(&mut ftl, &[0, 1, 2, 3], 1);
    ftl.maintain(0).expect("a merge");
    assert_eq!(ftl.merges(), Merges { switched: 1, ..Merges::default() });
    assert_eq!(ftl.chip().counters.programs, 4, "nothing is copied");
    store(&mut ftl, &[0, 1], 2);
    ftl.maintain(0).expect("a merge");
    assert_eq!(ftl.merges(), Merges { switched: 1, partial: 1, full: 0 });
    assert_eq!(ftl.chip().counters.programs, 4 + 4, "two pages are copied");
    store(&mut ftl, &[3, 2], 3);
    ftl.maintain(0).expect("a merge");
    assert_eq!(ftl.merges(), Merges { switched: 1, partial: 1, full: 1 });
    assert_eq!(ftl.chip().counters.programs, 8 + 6, "all four pages are copied");
    assert_eq!(fills(&mut ftl, &[0, 1, 2, 3]), [2, 2, 3, 3]);
    ftl.check().expect("the chip agrees");
}

/// FT-21, FT-22: under writes in no order, and opened again now and then.
#[test]
fn what_is_read_is_what_was_written_last() {
    let (disk, mut ftl) = opened();
    let mut expected = [0; 20];
    let mut random = 7u32;
    for step in 0..600u32 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let lpn = (random >> 16) % 20;
        let fill = (step % 250) as u8 + 1;
        if step % 11 == 0 {
            ftl.trim(Lpn(lpn), 1).expect("room");
            expected[lpn as usize] = 0;
        } else {
            store(&mut ftl, &[lpn], fill);
            expected[lpn as usize] = fill;
        }
        if step % 50 == 0 {
            ftl.check().expect("the chip agrees");
            ftl = Hybrid::default().open(disk.clone()).expect("the layer").0;
        }
        assert_eq!(fills(&mut ftl, &(0..20).collect::<Vec<_>>()), expected, "step {step}");
    }
    assert!(ftl.merges().full > 0);
}

type Break = fn(&Disk, &mut HybridFtl);

/// Each by a hand that has broken one thing.
const BROKEN: [(&str, Break); 8] = [
    ("the next write would have the number 2, but write ", |_, ftl| ftl.next = Sequence(2)),
    ("whether chunk 1 has a log block is told in two ways", |_, ftl| ftl.recent.clear()),
    ("block 1 is in use, but counts as free or bad", |_, ftl| {
        ftl.blocks[1].state = State::Free { erased: false };
    }),
    ("block 1 counts as erased, but holds data 4", |_, ftl| {
        ftl.blocks[1].state = State::Free { erased: true }
    }),
    ("block 5 counts as used, but belongs to no chunk", |_, ftl| ftl.blocks[5].state = State::Used),
    ("block 0 was erased 1 times, not 4", |_, ftl| ftl.blocks[0].erases = 4),
    ("page 0 of erase block 1 holds data 4, write 7, which its table does not say", |_, ftl| {
        ftl.chunks[1].log.as_mut().expect("a log block").pages.0[0] = None;
    }),
    ("logical page 4 is nothing, but the chip has data 4", |_, ftl| {
        ftl.chunks[1].log = None;
        ftl.recent.clear();
        ftl.blocks[1].state = State::Free { erased: false };
    }),
];

#[test]
fn whatever_is_broken_is_told() {
    for (words, broken) in BROKEN {
        let (disk, mut ftl) = opened();
        store(&mut ftl, &[0, 1, 2, 3], 1);
        store(&mut ftl, &[4, 5], 2);
        ftl.merge(0).expect("a merge");
        assert_eq!(ftl.check(), Ok(()), "{words}");
        broken(&disk, &mut ftl);
        let told = ftl.check().expect_err(words).to_string();
        assert!(told.contains(words), "{told}, not {words}");
    }
}

/// FT-21: a page that a data block has in the wrong place.
#[test]
fn a_data_block_out_of_order_is_told() {
    let (_, mut ftl) = opened();
    store(&mut ftl, &[1, 0], 1);
    let log = ftl.chunks[0].log.take().expect("a log block");
    ftl.recent.clear();
    ftl.chunks[0].data = Some((log.block, log.pages));
    let told = ftl.check().expect_err("they are the wrong way round").to_string();
    assert!(told.contains("page 0 of erase block 0, a data block, holds data 1"), "{told}");
}
