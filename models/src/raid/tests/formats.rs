//! The bytes on the members: there and back, damaged, and made up.

use super::bench::Bench;
use crate::raid::format::{BITS_MAX, PieceHead};
use crate::raid::format::{
    Policy, RecordHead, SECTOR, Superblock, UNIT, Unit, decode_bitmap, encode_bitmap, stripes_per_bit,
};
use crate::raid::geometry::{Geometry, Level, Role, Row};
use crate::raid::superblock;
use proptest::prelude::*;

const SHAPE: Geometry = Geometry { level: Level::RotatedParity, members: 4, chunk: 2, rows: 40 };

fn some_superblock() -> Superblock {
    let mut superblock = superblock("test", SHAPE, Policy::Journal, 1);
    superblock.events = 7;
    superblock.failed = 0b10;
    superblock.roles[1] = Some(4);
    superblock.rebuilding = Some(Role(1));
    superblock.rebuilt = 3;
    superblock
}

fn some_record() -> RecordHead {
    let piece = |role, at| PieceHead { role: Role(role), at, len: 512, crc: 9 };
    RecordHead { sequence: 17, tail: 15, row: Row(3), pieces: vec![piece(0, 0), piece(3, 512)] }
}

proptest! {
    #[test]
    fn a_damaged_sector_is_nothing(byte in 0..SECTOR, flip in 1..=255u8) {
        let mut unit = some_superblock().encode(2);
        unit[byte] ^= flip;
        if byte < 116 {
            prop_assert_eq!(Superblock::decode(&unit), None);
        }
        let mut unit = some_record().encode();
        unit[byte] ^= flip;
        if byte < 40 + 2 * 12 + 4 {
            prop_assert_eq!(RecordHead::decode(&unit, &SHAPE), None);
        }
        let mut unit = encode_bitmap(20, [3, 4]);
        unit[byte] ^= flip;
        if byte < 500 {
            prop_assert_eq!(decode_bitmap(&unit, 20).len(), 20, "a damaged bitmap counts as full");
        }
    }

    #[test]
    fn a_bitmap_reads_as_it_was_written(stripes in 1..100_000u64, picks in proptest::collection::btree_set(0..u64::MAX, 0..9)) {
        let bits = stripes.div_ceil(stripes_per_bit(stripes));
        prop_assert!(bits <= BITS_MAX);
        let set: std::collections::BTreeSet<u64> = picks.into_iter().map(|pick| pick % bits).collect();
        prop_assert_eq!(decode_bitmap(&encode_bitmap(stripes, set.iter().copied()), stripes), set.into_iter().collect::<Vec<_>>());
    }

    /// Bytes that nobody wrote, with the checksums right, so that recovery believes them.
    #[test]
    fn no_bytes_make_assembling_panic(
        noise in proptest::collection::vec((0..SECTOR - 4, any::<u8>()), 0..6),
        device in 0..5u8,
        superblock in any::<bool>(),
    ) {
        let bench = Bench::full(Level::RotatedParity, 4, Policy::Journal, 1);
        {
            let mut faulty = bench.device(device);
            let (start, crc) = if superblock { (0, 112) } else { (2 * UNIT, 40 + 2 * 12) };
            for (at, byte) in noise {
                faulty.bytes[start + at] = byte;
            }
            let sum = crc32fast::hash(&faulty.bytes[start..start + crc]);
            faulty.bytes[start + crc..start + crc + 4].copy_from_slice(&sum.to_le_bytes());
        }
        // Whatever it says, it comes back.
        if let Ok(mut array) = bench.open() {
            let _ = bench.compare(&mut array);
        }
    }
}

#[test]
fn superblock_and_record_read_as_they_were_written() {
    let superblock = some_superblock();
    for device in 0..5 {
        assert_eq!(Superblock::decode(&superblock.encode(device)), Some((superblock.clone(), device)));
    }
    let record = some_record();
    assert_eq!(RecordHead::decode(&record.encode(), &SHAPE), Some(record));
    let nothing: Unit = [0; UNIT];
    assert_eq!(Superblock::decode(&nothing), None);
    assert_eq!(RecordHead::decode(&nothing, &SHAPE), None);
    assert!(some_superblock().encode(0)[SECTOR..].iter().all(|byte| *byte == 0), "one sector says all");
}

#[test]
fn devices_of_no_array_are_refused_in_words() {
    let bench = Bench::full(Level::FixedParity, 3, Policy::Bitmap, 0);
    (0..3).for_each(|device| bench.device(device).bytes[..SECTOR].fill(0));
    let error = bench.open().err().expect("must be refused").to_string();
    assert!(error.contains("none of the 3 devices holds a superblock"), "{error}");
    let mut bench = Bench::full(Level::FixedParity, 3, Policy::Bitmap, 0);
    bench.devices.pop();
    let error = bench.open().err().expect("must be refused").to_string();
    assert!(error.contains("the array has 3 devices"), "{error}");
}
