//! Reading and writing while all members are well: parity, and the requests that it costs.

use super::bench::{Bench, redundant, roles};
use crate::fs::Fill;
use crate::raid::format::{Policy, UNIT};
use crate::raid::geometry::{Geometry, Level, Role, Row};
use crate::raid::{Array, Method, Served, cheaper, parity};
use crashcheck::{BlockDevice, Bytes};
use proptest::prelude::*;

/// Writes so many blocks of row 1 at once; the requests of every member.
fn served_by(bench: &Bench, array: &mut Array, columns: usize, fill: u8) -> Vec<Served> {
    let first = bench.geometry().blocks_of(Row(1)).next().expect("a block");
    array.reset_served();
    let (at, len) = (Bytes(first * UNIT as u64), Bytes::of(columns * UNIT));
    array.write(at, &Fill(fill).bytes(at, len), false, None).expect("all members are well");
    array.served().to_vec()
}

fn totals(served: &[Served]) -> (u64, u64) {
    (served.iter().map(|served| served.reads).sum(), served.iter().map(|served| served.writes).sum())
}

/// RD-04, RD-09: in a quiescent array every equation adds up to zero, and every unit is what the others say it is.
#[test]
fn every_unit_is_the_xor_of_the_others() {
    for bench in redundant() {
        let mut array = bench.open().expect("all members are well");
        let scrubbed = array.verify().expect("all members are well");
        assert_eq!(scrubbed.mismatches, 0, "{:?}", bench.geometry());
        assert!(scrubbed.equations >= bench.geometry().rows);
        for row in (0..bench.geometry().rows).map(Row) {
            for role in roles(&bench) {
                let solved = array.solve(role, row, 0..UNIT, &[role]).expect("all members are well");
                assert_eq!(
                    solved,
                    Some(bench.unit(role.0, row)),
                    "{role:?} {row:?} of {:?}",
                    bench.geometry()
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// RD-10, RD-11: additive or subtractive, whole units or parts of them: the parity is the XOR of the data.
    #[test]
    fn any_writes_leave_the_parity_right(
        writes in proptest::collection::vec((0..24 * UNIT, 1..3 * UNIT, any::<u8>()), 1..12),
        which in 0..6usize,
    ) {
        let mut bench = redundant().swap_remove(which);
        let mut array = bench.open().expect("all members are well");
        for (at, len, fill) in writes {
            let at = at % (bench.model.len() * UNIT - len);
            let bytes = Fill(fill).bytes(Bytes::of(at), Bytes::of(len));
            array.write(Bytes::of(at), &bytes, false, None).expect("all members are well");
            for (nth, byte) in bytes.iter().enumerate() {
                bench.model[(at + nth) / UNIT][(at + nth) % UNIT] = *byte;
            }
        }
        prop_assert_eq!(array.verify().expect("all members are well").mismatches, 0);
        bench.assert_right(&mut array);
        let mut reopened = bench.open().expect("all members are well");
        bench.assert_right(&mut reopened);
    }

    /// RD-10, RD-11: P_new = (C_old ⊕ C_new) ⊕ P_old is the XOR of all data.
    #[test]
    fn both_ways_to_update_parity_agree(
        units in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 16), 2..6),
        new in proptest::collection::vec(any::<u8>(), 16),
        which in any::<usize>(),
    ) {
        let which = which % units.len();
        let old_parity = parity::xor_all(units.iter().map(Vec::as_slice));
        let subtractive = parity::xor_all([&*units[which], &*new, &*old_parity]);
        let mut changed = units.clone();
        changed[which] = new;
        prop_assert_eq!(subtractive, parity::xor_all(changed.iter().map(Vec::as_slice)));
    }
}

/// RD-12: a full stripe is written without a read. RD-24: so is a log that is written stripe by stripe.
#[test]
fn full_stripes_are_written_without_reads() {
    for bench in redundant() {
        let mut array = bench.open().expect("all members are well");
        let columns = bench.geometry().columns();
        for fill in 1..4 {
            let served = served_by(&bench, &mut array, columns, fill);
            let (reads, writes) = totals(&served);
            assert_eq!(reads, 0, "{:?}", bench.geometry());
            // A block that is spread over all members is a stripe of its own.
            let stripes = if bench.geometry().level.spreads_blocks() { columns as u64 } else { 1 };
            assert_eq!(writes, stripes * u64::from(bench.geometry().members));
            assert!(served.iter().all(|served| served.writes <= stripes));
        }
    }
}

/// RD-13: a small write is two reads and two writes, half of them on the parity member.
#[test]
fn a_small_write_is_four_requests_two_of_them_for_parity() {
    let bench = Bench::full(Level::FixedParity, 5, Policy::Bitmap, 0);
    let mut array = bench.open().expect("all members are well");
    array.reset_served();
    let blocks = [17, 2, 11, 20, 5, 8];
    for block in blocks {
        let at = Bytes(block * UNIT as u64);
        array.write(at, &Fill(99).bytes(at, Bytes::of(UNIT)), false, None).expect("all members are well");
    }
    let served = array.served();
    let ios: u64 = served.iter().map(Served::ios).sum();
    assert_eq!(ios, 4 * blocks.len() as u64);
    assert_eq!(served[4].ios(), 2 * blocks.len() as u64, "the parity member serves every write");
}

/// RD-14: with k of D units changed, the fewer of D − k and k + 1 reads; k + 1 writes.
#[test]
fn the_method_with_fewer_reads_is_taken() {
    for members in 3..9u8 {
        let bench = Bench::full(Level::RotatedParity, members, Policy::Bitmap, 0);
        let mut array = bench.open().expect("all members are well");
        let data = bench.geometry().columns();
        for k in 1..=data {
            let expected = (data - k).min(k + 1) as u64;
            let served = served_by(&bench, &mut array, k, 100 + k as u8);
            assert_eq!(totals(&served), (expected, k as u64 + 1), "{k} of {data}");
            let method = if data - k < k + 1 { Method::Additive } else { Method::Subtractive };
            assert_eq!(cheaper(data, k, k), method);
        }
    }
}

/// RD-11: what does not change needs no new parity.
#[test]
fn equal_data_leaves_the_parity_alone() {
    let bench = Bench::full(Level::RotatedParity, 5, Policy::Bitmap, 0);
    let mut array = bench.open().expect("all members are well");
    served_by(&bench, &mut array, 1, 50);
    let served = served_by(&bench, &mut array, 1, 50);
    assert_eq!(totals(&served).1, 1, "the data alone is written");
}

/// RD-23: parity is kept sector by sector, so that a torn sector is wrong in itself alone.
#[test]
fn a_sector_changes_the_parity_of_that_sector_only() {
    let bench = Bench::full(Level::RotatedParity, 4, Policy::Bitmap, 0);
    let mut array = bench.open().expect("all members are well");
    let geometry = bench.geometry();
    let place = geometry.place(4);
    let parity = geometry.parity(place.row).expect("a parity");
    let before = bench.unit(parity.0, place.row);
    array.write(Bytes(4 * UNIT as u64 + 1024), &[0xa5; 512], false, None).expect("all members are well");
    let after = bench.unit(parity.0, place.row);
    let changed: Vec<usize> = (0..UNIT).filter(|at| before[*at] != after[*at]).collect();
    assert!(!changed.is_empty() && changed.iter().all(|at| (1024..1536).contains(at)), "{changed:?}");
    assert_eq!(array.verify().expect("all members are well").mismatches, 0);
}

/// RD-22: a crash between two members leaves a half-written stripe, and recovery makes it whole before it serves.
#[test]
fn a_half_written_stripe_is_whole_after_recovery() {
    for level in [Level::Mirrored, Level::FixedParity, Level::RotatedParity] {
        for chunk in [1, 2] {
            let shape = Geometry { level, members: 4, chunk, rows: 8 };
            let mut bench = Bench::of(shape, Policy::Bitmap, 0);
            let mut array = bench.open().expect("all members are well");
            let before: Vec<Vec<u8>> =
                bench.devices.iter().map(|d| d.lock().expect("whole").bytes.clone()).collect();
            bench.write(&mut array, 5, 77).expect("all members are well");
            drop(array);
            let place = bench.geometry().place(5);
            let check = bench.geometry().equations(place.row);
            let role = bench.geometry().role(place.row, place.column);
            let check = check.iter().find(|eq| eq.data.contains(&role)).expect("a check").check;
            // The mark is durable, and so is the data. The check is not.
            let at = bench.at(place.row);
            let old = before[check.index()][at..at + UNIT].to_vec();
            bench.device(check.0).bytes[at..at + UNIT].copy_from_slice(&old);
            let mut array = bench.open().expect("all members are well");
            assert_eq!(array.remark(), "stripes resynchronised");
            assert_eq!(array.verify().expect("all members are well").mismatches, 0, "{shape:?}");
            bench.assert_right(&mut array);
            drop(array);
            assert_eq!(bench.open().expect("all members are well").remark(), "nothing to do");
            bench.lose(role.0);
            let mut array = bench.open().expect("one member is lost");
            bench.assert_right(&mut array);
        }
    }
}

/// The role that holds a block.
fn holder(bench: &Bench, block: u64) -> Role {
    let place = bench.geometry().place(block);
    bench.geometry().role(place.row, place.column)
}

/// RD-22: a bitmap cannot tell what a half-written stripe of a degraded array held. It must not guess.
#[test]
fn a_doubtful_block_is_an_error_and_stays_one() {
    let mut bench = Bench::full(Level::RotatedParity, 4, Policy::Bitmap, 0);
    let (written, beside) = (4, 5);
    bench.lose(holder(&bench, beside).0);
    let mut array = bench.open().expect("one member is lost");
    bench.write(&mut array, written, 77).expect("degraded");
    drop(array);
    for _ in 0..2 {
        let mut array = bench.open().expect("one member is lost");
        assert_eq!(bench.assert_no_garbage(&mut array), 1);
        let error =
            array.read(Bytes(beside * UNIT as u64), &mut [0; 512]).expect_err("nothing to compute it from");
        assert!(error.to_string().contains("block 5 cannot be read: a crash met its stripe"), "{error}");
    }
    // What was flushed is not doubtful.
    let mut bench = Bench::full(Level::RotatedParity, 4, Policy::Bitmap, 0);
    bench.lose(holder(&bench, beside).0);
    let mut array = bench.open().expect("one member is lost");
    bench.write(&mut array, written, 77).expect("degraded");
    array.flush().expect("degraded");
    drop(array);
    bench.assert_right(&mut bench.open().expect("one member is lost"));
}
