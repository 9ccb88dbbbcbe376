//! Where blocks lie (RD-01, RD-02, RD-05 to RD-08), and which losses an array survives (RD-16).

use crate::raid::format::UNIT;
use crate::raid::geometry::{Geometry, Level, Role, Row, hamming_checks, hamming_position};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn any_geometry() -> impl Strategy<Value = Geometry> {
    let members = |level: Level| match level {
        Level::Mirrored => (1..5u8).prop_map(|pairs| 2 * pairs).boxed(),
        Level::Hamming => proptest::sample::select(vec![5u8, 7, 12]).boxed(),
        Level::Bytes => proptest::sample::select(vec![3u8, 5, 9]).boxed(),
        _ => (3..9u8).boxed(),
    };
    let levels = proptest::sample::select(Level::ALL.to_vec());
    levels.prop_flat_map(move |level| {
        (members(level), 1..5u32, 1..6u64).prop_map(move |(members, chunk, chunks)| Geometry {
            level,
            members,
            chunk,
            rows: chunks * u64::from(chunk),
        })
    })
}

proptest! {
    /// RD-01: every block has bytes of its own, none of which is a check.
    #[test]
    fn blocks_lie_apart_from_each_other_and_from_the_checks(geometry in any_geometry()) {
        prop_assert!(geometry.is_sane());
        let mut taken = BTreeSet::new();
        for block in 0..geometry.blocks() {
            let place = geometry.place(block);
            prop_assert!(place.row.0 < geometry.rows);
            let checks: Vec<Role> = geometry.equations(place.row).iter().map(|eq| eq.check).collect();
            let columns = if geometry.level.spreads_blocks() { 0..geometry.columns() } else {
                place.column..place.column + 1
            };
            let bytes: usize = columns.clone().map(|_| place.range.len()).sum();
            prop_assert_eq!(bytes, UNIT);
            for column in columns {
                let role = geometry.role(place.row, column);
                prop_assert!(role.0 < geometry.members && !checks.contains(&role));
                prop_assert_eq!(geometry.column(place.row, role), Some(column));
                prop_assert!(taken.insert((role, place.row, place.range.start)), "block {} lies on another", block);
            }
            if !geometry.level.spreads_blocks() {
                prop_assert_eq!(geometry.block(place.row, place.column), block);
            }
            prop_assert!(geometry.blocks_of(place.row).any(|other| other == block));
        }
        let parts = if geometry.level.spreads_blocks() { geometry.columns() as u64 } else { 1 };
        prop_assert_eq!(taken.len() as u64, geometry.blocks() * parts);
    }

    /// RD-02: disk = (A/c) mod N, offset = (A/(c·N))·c + A mod c.
    #[test]
    fn striping_is_the_formula_of_the_book(members in 1..9u8, chunk in 1..5u32, block in 0..500u64) {
        let geometry = Geometry { level: Level::Striped, members, chunk, rows: 1000 * u64::from(chunk) };
        let (n, c) = (u64::from(members), u64::from(chunk));
        let place = geometry.place(block);
        prop_assert_eq!(u64::from(geometry.role(place.row, place.column).0), block / c % n);
        prop_assert_eq!(place.row, Row(block / (c * n) * c + block % c));
    }

    /// RD-08: N·B, N·B/2, (N−1)·B.
    #[test]
    fn the_capacity_is_that_of_the_table(geometry in any_geometry()) {
        let Geometry { level, members, rows, .. } = geometry;
        let (n, b) = (u64::from(members), rows);
        let expected = match level {
            Level::Striped => n * b,
            Level::Mirrored => n * b / 2,
            Level::Hamming => (n - hamming_checks(members.into()) as u64) * b,
            Level::Bytes | Level::FixedParity | Level::RotatedParity => (n - 1) * b,
        };
        prop_assert_eq!(geometry.blocks(), expected);
    }
}

/// RD-06 and RD-07.
#[test]
fn parity_stays_on_the_last_member_or_is_once_on_each() {
    for (members, chunk) in [(3, 1), (4, 2), (5, 3)] {
        let rows = 4 * u64::from(members) * u64::from(chunk);
        let fixed = Geometry { level: Level::FixedParity, members, chunk, rows };
        assert!((0..rows).all(|row| fixed.parity(Row(row)) == Some(Role(members - 1))));
        let rotated = Geometry { level: Level::RotatedParity, ..fixed };
        let parity = |stripe: u64| rotated.parity(Row(stripe * u64::from(chunk))).expect("a parity").0;
        for first in 0..rows / u64::from(chunk) - u64::from(members) {
            let each: BTreeSet<u8> = (first..first + u64::from(members)).map(parity).collect();
            assert_eq!(each.len(), usize::from(members));
            assert_eq!(u64::from(parity(first)), u64::from(members) - 1 - first % u64::from(members));
        }
    }
}

/// RD-05: r checks for m data where 2^r ≥ m + r + 1, and every unit in an equation set of its own.
#[test]
fn a_hamming_code_has_as_few_checks_as_can_tell_every_unit() {
    assert_eq!([3, 7, 15, 31].map(hamming_checks), [2, 3, 4, 5]);
    for bits in 3..=31 {
        let checks = hamming_checks(bits);
        assert!(1 << checks > bits && 1 << (checks - 1) <= bits);
    }
    assert_eq!([0, 1, 2, 3, 4].map(hamming_position), [3, 5, 6, 7, 9]);
}

/// RD-16: an array of pairs survives if no pair is lost entirely; there are Σ C(N/2, k)·2^k such losses.
#[test]
fn mirrors_survive_every_loss_that_spares_one_of_each_pair() {
    for pairs in 1..=4u8 {
        let geometry = Geometry { level: Level::Mirrored, members: 2 * pairs, chunk: 1, rows: 3 };
        let mut survived = 0;
        for set in 0..1u32 << (2 * pairs) {
            let lost: Vec<Role> = (0..2 * pairs).filter(|role| set >> role & 1 == 1).map(Role).collect();
            let spared = (0..pairs).all(|pair| set >> (2 * pair) & 3 != 3);
            assert_eq!(geometry.survives(&lost), spared, "{lost:?}");
            survived += u32::from(spared);
        }
        assert_eq!(survived, 3u32.pow(pairs.into()), "Σ C(n, k)·2^k = 3^n");
    }
}
