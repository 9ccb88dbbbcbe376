//! What the check of an array refuses, each by a hand that has broken one thing.

use super::bench::{Bench, redundant};
use crate::raid::Array;
use crate::raid::bugs::Bugs;
use crate::raid::format::{BITMAP_AT, JOURNAL_AT, Policy, Superblock, UNIT, encode_bitmap};
use crate::raid::geometry::{Level, Role, Row};

fn bitmap() -> Bench {
    Bench::full(Level::RotatedParity, 4, Policy::Bitmap, 1)
}

fn journal() -> Bench {
    Bench::full(Level::RotatedParity, 5, Policy::Journal, 1)
}

fn told(array: &Array) -> String {
    array.check().expect_err("something is broken").to_string()
}

/// Changes a byte of what a device holds.
fn change(bench: &Bench, device: u8, at: usize) {
    bench.device(device).bytes[at] ^= 0x40;
}

/// Puts bytes on a device.
fn put(bench: &Bench, device: u8, at: usize, bytes: &[u8]) {
    bench.device(device).bytes[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Puts a superblock on all devices and into the array.
fn agree(bench: &Bench, array: &mut Array, change: impl Fn(&mut Superblock)) {
    change(&mut array.superblock);
    for device in 0..array.superblock.devices {
        put(bench, device, 0, &array.superblock.encode(device));
    }
}

/// RD-04, RD-05, RD-09: for every level, wherever the byte is.
#[test]
fn a_row_that_does_not_add_up_is_told() {
    for which in 0..redundant().len() {
        let bench = redundant().swap_remove(which);
        let array = bench.open().expect("all members are well");
        array.check().expect("an array that is well");
        for device in 0..bench.geometry().members {
            let at = bench.at(Row(3)) + 100 * usize::from(device);
            change(&bench, device, at);
            let (told, from) = (told(&array), 100 * usize::from(device));
            assert!(told.contains("row 3 does not add up to zero over roles "), "{told}");
            assert!(told.contains(&format!("from byte {from} on")), "{told}");
            change(&bench, device, at);
        }
        array.check().expect("all is as it was");
    }
}

type Break = fn(&Bench, &mut Array);

const SUPERBLOCKS: [(&str, Break); 9] = [
    ("device 2 does not hold the superblock in force", |bench, _| put(bench, 2, 0, &[0; UNIT])),
    ("device 3 does not hold the superblock in force", |bench, array| {
        put(bench, 3, 0, &array.superblock.encode(2));
    }),
    ("device 1 has failed, but its superblock is as new as any", |bench, array| {
        agree(bench, array, |superblock| {
            superblock.failed = 2;
            superblock.roles[1] = None;
        });
    }),
    ("device 0 fills role 1 and another", |bench, array| {
        agree(bench, array, |superblock| superblock.roles[1] = Some(0));
    }),
    ("device 1 has failed or is none, but fills role 1", |bench, array| {
        agree(bench, array, |superblock| superblock.failed = 2);
    }),
    ("role 2 is being rebuilt, but no device fills it", |bench, array| {
        agree(bench, array, |superblock| {
            superblock.rebuilding = Some(Role(2));
            superblock.roles[2] = None;
        });
    }),
    ("the array is at event 2, its devices at 1", |_, array| array.superblock.events = 2),
    ("the array goes by other members than its devices tell of", |_, array| {
        array.superblock.roles.swap(0, 1);
    }),
    ("the array has rebuilt 2 rows, its devices tell of 0", |_, array| {
        array.superblock.rebuilding = Some(Role(0));
        array.superblock.rebuilt = 2;
    }),
];

const MARKS: [(&str, Break); 2] = [
    ("device 0 has a mark on stripe 1, which recovery has left", |bench, _| {
        put(bench, 0, BITMAP_AT.index(), &encode_bitmap(bench.geometry().stripes(), [1]));
    }),
    ("the bitmap of device 2 is damaged", |bench, _| change(bench, 2, BITMAP_AT.index() + 20)),
];

const RECORDS: [(&str, Break); 3] = [
    ("device 1 does not have record", |bench, array| {
        let len = array.superblock.data_at().index() - JOURNAL_AT.index();
        put(bench, 1, JOURNAL_AT.index(), &vec![0; len]);
    }),
    ("does not belong into slot 0 of device 0", |bench, array| {
        let slot = (1 + usize::from(bench.geometry().members)) * UNIT;
        assert_eq!(array.superblock.slots, 4);
        let second = bench.device(0).bytes[JOURNAL_AT.index() + slot..][..UNIT].to_vec();
        put(bench, 0, JOURNAL_AT.index(), &second);
    }),
    ("the journal has something else for role", |bench, _| {
        // The data and the parity alike, so that the row still adds up.
        let place = bench.geometry().place(bench.geometry().blocks() - 1);
        let data = bench.geometry().role(place.row, place.column);
        let parity = bench.geometry().parity(place.row).expect("a level with parity");
        [data, parity].iter().for_each(|role| change(bench, role.0, bench.at(place.row) + 9));
    }),
];

#[test]
fn whatever_is_broken_is_told() {
    let with_bitmap = SUPERBLOCKS.into_iter().chain(MARKS).map(|case| (bitmap as fn() -> Bench, case));
    let with_journal = RECORDS.into_iter().map(|case| (journal as fn() -> Bench, case));
    for (of, (words, broken)) in with_bitmap.chain(with_journal) {
        let bench = of();
        let mut array = bench.open().expect("all members are well");
        assert!(array.check().is_ok(), "{words}");
        broken(&bench, &mut array);
        let told = told(&array);
        assert!(told.contains(words), "{told}, not {words}");
    }
}

#[test]
fn a_number_that_is_taken_is_told() {
    let reused = Bugs::named("", crate::raid::bugs::RAID5_JOURNAL, &["journal-number-reused".to_owned()]);
    let array = journal().open_with(reused.expect("a fault of this level")).expect("all members are well");
    assert!(told(&array).contains("the next record would have the number "), "{}", told(&array));
}

/// RD-19: what was rebuilt counts, and what was not does not.
#[test]
fn rows_count_as_far_as_they_are_rebuilt() {
    for of in [bitmap, journal] {
        let bench = of();
        let mut array = bench.open().expect("all members are well");
        array.fail_member(Role(1)).expect("the others are well");
        array.check().expect("a degraded array");
        array.work().expect("a spare is there");
        let array = bench.open().expect("the others are well");
        array.check().expect("an array that is being rebuilt");
        let spare = array.superblock.roles[1].expect("the spare has taken over");
        change(&bench, spare, bench.at(Row(array.superblock.rebuilt)));
        array.check().expect("that row is not rebuilt");
        change(&bench, spare, bench.at(Row(0)));
        assert!(told(&array).contains("row 0 does not add up to zero"), "{}", told(&array));
    }
}

/// A degraded stripe that a crash met half written keeps its mark, and nothing is claimed of it.
#[test]
fn what_cannot_be_read_is_not_judged_and_is_written_again_when_somebody_reads_it() {
    let mut left = 0;
    for which in 0..redundant().len() {
        let bench = redundant().swap_remove(which);
        bench.damage(1, Row(2));
        let mut array = bench.open().expect("all members are well");
        if let Err(error) = array.check() {
            assert!(error.to_string().contains("row 2 of role 1 was read by way of the others"), "{error}");
            left += 1;
        }
        bench.assert_right(&mut array);
        array.check().expect("everything was read");
        bench.lose(0);
        array.check().expect("a member has just been lost");
    }
    assert!(left > 0, "nowhere does that unit hold data");
}
