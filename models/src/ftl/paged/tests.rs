//! What the page-mapped layer does, page by page. Its crash states are explored in `tests/`.

use super::tables::State;
use super::*;
use crate::ftl::FtlError;
use crate::ftl::format::{Kind, Lpn, OutOfBand, PageNo, Sequence, encode};

/// A chip that wears out late.
fn durable_chip(pages_per_block: u32, blocks: u32) -> Disk {
    Disk::plain(&[chip_with(pages_per_block, blocks, 1_000_000, Pairing::None)])
}

fn open(disk: &Disk) -> PagedFtl {
    PagedFtl::open(disk.nand(CHIP).expect("a chip"), Bugs::NONE).expect("the layer")
}

fn formatted(disk: &Disk, capacity: u32) -> PagedFtl {
    PagedFtl::format(disk.nand(CHIP).expect("a chip"), capacity, Bugs::NONE).expect("an empty chip");
    open(disk)
}

fn store(ftl: &mut PagedFtl, lpn: u32, fill: u8) {
    ftl.store(Lpn(lpn), &[fill; PAGE], None).expect("room");
}

fn fill(ftl: &mut PagedFtl, lpn: u32) -> u8 {
    ftl.load(Lpn(lpn)).expect("a page")[0]
}

fn places(ftl: &PagedFtl, lpns: [u32; 4]) -> [Option<u32>; 4] {
    lpns.map(|lpn| ftl.tables().find(Lpn(lpn)).map(|page| page.0))
}

/// Numbers without a pattern, the same on every machine.
fn random() -> impl FnMut(u32) -> u32 {
    let mut state = 7u32;
    move |below| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % below
    }
}

/// FT-18, the textbook's example: blocks of four pages.
#[test]
fn the_example_of_the_book_comes_out_as_in_the_book() {
    let mut ftl = formatted(&durable_chip(4, 640), 2048);
    for (fill, lpn) in [100, 101, 2000, 2001].into_iter().enumerate() {
        store(&mut ftl, lpn, fill as u8 + 1);
    }
    assert_eq!(places(&ftl, [100, 101, 2000, 2001]), [Some(0), Some(1), Some(2), Some(3)]);
    store(&mut ftl, 100, 5);
    store(&mut ftl, 101, 6);
    assert_eq!(places(&ftl, [100, 101, 2000, 2001]), [Some(4), Some(5), Some(2), Some(3)]);
    ftl.maintain(0).expect("garbage");
    assert_eq!(places(&ftl, [100, 101, 2000, 2001]), [Some(4), Some(5), Some(6), Some(7)]);
    assert_eq!(ftl.tables().blocks[0].state, State::Free { erased: true });
    assert_eq!([100, 101, 2000, 2001].map(|lpn| fill(&mut ftl, lpn)), [5, 6, 3, 4]);
    ftl.check().expect("the chip agrees");
}

/// FT-15, FT-16, FT-17, FT-25: under writes and discards in no order, opened again now and then, the map is what a scan
/// of the whole chip says, and every page holds what was written to it last.
#[test]
fn checkpoint_and_log_give_what_a_full_scan_gives() {
    let disk = durable_chip(8, 12);
    let mut ftl = formatted(&disk, 24);
    let (mut expected, mut below) = ([0; 24], random());
    for step in 0..1200u32 {
        let lpn = below(24);
        if step % 7 == 0 {
            let count = (1 + below(3)).min(24 - lpn);
            ftl.trim(Lpn(lpn), count).expect("room");
            expected[lpn as usize..(lpn + count) as usize].fill(0);
        } else {
            store(&mut ftl, lpn, (step % 250) as u8 + 1);
            expected[lpn as usize] = (step % 250) as u8 + 1;
        }
        if step % 5 == 0 {
            ftl.maintain(below(4) as u8).expect("room");
        }
        if step % 40 == 0 {
            ftl.check().expect("the chip agrees");
            ftl = open(&disk);
            ftl.check().expect("the chip agrees");
        }
        let shown: Vec<u8> = (0..24).map(|lpn| fill(&mut ftl, lpn)).collect();
        assert_eq!(shown, expected, "step {step}");
    }
}

/// FT-19: no better than 1, and no worse than if all blocks were filled alike: greedy collection takes those with less.
#[test]
fn write_amplification_is_between_one_and_that_of_average_victims() {
    let mut ftl = formatted(&durable_chip(8, 11), 36);
    let mut below = random();
    for _ in 0..4000 {
        store(&mut ftl, below(36), 1);
    }
    let measured = ftl.chip().counters.write_amplification();
    // Of nine blocks of the log two are kept free.
    let utilisation = 36.0 / (7.0 * 8.0);
    assert!(measured > 1.0 && measured < 1.0 / (1.0 - utilisation), "{measured}");
}

/// FT-23: the host writes one page over and over; the others are written once.
#[test]
fn erase_counts_stay_close_whatever_the_host_does() {
    let mut ftl = formatted(&durable_chip(8, 12), 40);
    for lpn in 0..40 {
        store(&mut ftl, lpn, lpn as u8 + 1);
    }
    let mut most = 0;
    for turn in 0..4000u32 {
        store(&mut ftl, 0, turn as u8);
        most = most.max(ftl.tables().spread());
    }
    assert!(most <= WEAR_LIMIT + 1, "{most}");
    assert_eq!((1..40).map(|lpn| fill(&mut ftl, lpn)).collect::<Vec<_>>(), (2..=40).collect::<Vec<_>>());
    let blocks = ftl.tables().blocks.iter().map(|block| block.erases).collect::<Vec<_>>();
    assert!(blocks.iter().all(|erases| *erases > 40), "every block takes part: {blocks:?}");
}

/// FT-08, FT-24: until so many are worn out that there is no room, nothing is lost.
#[test]
fn worn_out_blocks_are_left_out_and_nothing_is_lost() {
    let chip = chip_with(8, 12, 10, Pairing::None).with_bad_blocks(&[BlockNo(3)]);
    let disk = Disk::plain(&[chip]);
    let mut ftl = formatted(&disk, 16);
    for lpn in 0..16 {
        store(&mut ftl, lpn, 1);
    }
    let mut last = [1; 16];
    let mut below = random();
    let full = (0..5000u32).find_map(|turn| {
        let lpn = below(16);
        match ftl.store(Lpn(lpn), &[turn as u8; PAGE], None) {
            Ok(()) => last[lpn as usize] = turn as u8,
            Err(error) => return Some(error),
        }
        if turn % 100 == 0 {
            ftl = open(&disk);
        }
        None
    });
    assert_eq!(full, Some(FtlError::Full), "the chip wears out");
    let bad =
        ftl.tables().blocks_that(|state| state == State::Bad).map(|(number, _)| number).collect::<Vec<_>>();
    assert!(bad.len() > 3 && bad.contains(&BlockNo(3)), "{bad:?}");
    let shown: Vec<u8> = (0..16).map(|lpn| fill(&mut open(&disk), lpn)).collect();
    assert_eq!(shown, last);
}

/// FT-07, FT-09: a page in which a bit has flipped reads as it was written, and is moved.
#[test]
fn a_flipped_bit_is_corrected_and_its_block_is_moved() {
    let disk = durable_chip(8, 12);
    drop(formatted(&disk, 24));
    let (nand, oob) = (
        disk.nand(CHIP).expect("a chip"),
        OutOfBand {
            kind: Kind::Data,
            lpn: Lpn(5),
            count: 1,
            sequence: Sequence(9),
            born: Sequence(8),
            erases: 1,
        },
    );
    let mut raw = encode(&oob, &[0x5a; PAGE]);
    raw[1000] ^= 0x10;
    nand.program(PageNo(0), &raw, None).expect("an erased page");
    let mut ftl = open(&disk);
    assert_eq!(ftl.load(Lpn(5)).expect("a page"), [0x5a; PAGE]);
    assert!(ftl.chip().counters.corrected > 0 && ftl.tables().blocks[0].decays);
    ftl.maintain(0).expect("room");
    assert_ne!(ftl.tables().find(Lpn(5)), Some(PageNo(0)));
    let before = ftl.chip().counters.corrected;
    assert_eq!(ftl.load(Lpn(5)).expect("a page"), [0x5a; PAGE]);
    assert_eq!(ftl.chip().counters.corrected, before, "the copy is clean");
}

/// FT-07, FT-26: what cannot be corrected when the layer is opened counts as a write that was interrupted: the version
/// before it is shown, and never the wrong bytes.
#[test]
fn two_flipped_bits_in_a_sector_are_no_page() {
    let disk = durable_chip(8, 12);
    let mut ftl = formatted(&disk, 24);
    store(&mut ftl, 5, 1);
    drop(ftl);
    let nand = disk.nand(CHIP).expect("a chip");
    let mut raw = vec![0; crate::ftl::format::RAW];
    nand.read(PageNo(0), &mut raw).expect("a page");
    nand.erase(BlockNo(0), None).expect("a block");
    raw[600] ^= 3;
    nand.program(PageNo(0), &raw, None).expect("an erased page");
    let mut ftl = open(&disk);
    assert_eq!((ftl.found().scanned, ftl.found().garbage), (1, 1));
    assert_eq!(ftl.load(Lpn(5)).expect("zeros"), [0; PAGE], "no version of it is left");
}

/// FT-10: after a flush no page that may still be programmed shares cells with one that is.
#[test]
fn a_flush_pads_up_to_where_no_later_program_does_harm() {
    let layer = Paged::<Mlc>::default();
    let disk = Disk::plain(&layer.devices(Paged::<Mlc>::CAPACITY));
    layer.format(&disk, Paged::<Mlc>::CAPACITY).expect("an empty chip");
    let mut ftl = layer.open(disk).expect("an empty layer").0;
    for (writes, programs) in [(1, 4), (2, 8), (3, 12), (4, 16), (5, 24)] {
        for lpn in 0..writes {
            store(&mut ftl, lpn, 1);
        }
        ftl.settle().expect("room");
        assert_eq!(ftl.chip().counters.programs, programs, "{writes} pages, flushed");
    }
}

#[test]
fn a_chip_without_the_layer_is_refused_in_words() {
    let nand = durable_chip(8, 12).nand(CHIP).expect("a chip");
    let error = PagedFtl::open(nand, Bugs::NONE).err().expect("must be refused").to_string();
    assert!(error.contains("the chip holds no checkpoint of a page-mapped layer"), "{error}");
}

/// FT-17: what the host writes behind the copies of a collection is not there without the room that was gained for it.
#[test]
fn a_crash_behind_a_collection_leaves_room() {
    use crate::volume::Volume;
    let workload =
        Slc::workloads().into_iter().find(|workload| workload.name == "no-block-without-live-pages");
    let workload = workload.expect("a workload");
    let flash = crashcheck::Profile::named("flash").expect("a built-in profile");
    let explorer = crashcheck::explore(Volume::<Paged<Slc>>::default()).profile(flash).lives(1);
    let explored = explorer.workload(workload.ops).after(workload.setup).run().expect("works");
    assert!(explored.findings.is_empty() && explored.coverage.complete, "{:#?}", explored.findings);
}
