//! The kinds of checksums: what each computes, and exactly what it misses.

use super::*;
use checksum::Sum;

/// Bytes in no order; the same for the same seed.
fn random(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 29) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn is_missed(kind: Checksum, before: &[u8], after: &[u8]) -> bool {
    assert_ne!(before, after);
    kind.of(before) == kind.of(after)
}

/// DI-05: the vector of the book.
#[test]
fn the_exclusive_or_of_the_book() {
    let words = [0x365e_c4cd_u32, 0xba14_8a92, 0xecef_2c3a, 0x40be_f666];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    assert_eq!(Checksum::Xor.of(&bytes), Sum(0x201b_9403));
    let sum = words.iter().fold(0, |sum: u32, word| sum.wrapping_add(*word));
    assert_eq!(Checksum::Additive.of(&bytes), Sum(sum));
    assert_eq!(Checksum::Xor.of(&[1, 2, 3, 4, 5]), Sum(0x0102_0304 ^ 0x0500_0000));
}

/// DI-05: Fletcher's sums of short texts.
#[test]
fn fletchers_sums_of_short_texts() {
    assert_eq!(Checksum::Fletcher.of(b"abcde"), Sum(0xC8F0));
    assert_eq!(Checksum::Fletcher.of(b"abcdef"), Sum(0x2057));
    assert_eq!(Checksum::Fletcher.of(b"abcdefgh"), Sum(0x0627));
}

/// DI-05: the vectors of RFC 3720, B.4.
#[test]
fn the_cyclic_redundancy_checks_of_iscsi() {
    let crc = |bytes: &[u8]| Checksum::Crc32c.of(bytes).0;
    let rising: Vec<u8> = (0..32).collect();
    let falling: Vec<u8> = (0..32).rev().collect();
    assert_eq!(crc(b"123456789"), 0xE306_9283);
    assert_eq!(crc(&[0; 32]), 0x8A91_36AA);
    assert_eq!(crc(&[0xFF; 32]), 0x62A8_AB43);
    assert_eq!(crc(&rising), 0x46DD_794E);
    assert_eq!(crc(&falling), 0x113F_DB5C);
}

/// DI-01, DI-05: of all pairs of flipped bits in 64 bytes, the exclusive or misses those in one column, the sum those of
/// them that cancel each other, and the others none.
#[test]
fn pairs_of_flipped_bits_are_missed_exactly_where_the_book_says() {
    const BITS: usize = 512;
    let before = random(1, BITS / 8);
    let bit = |nth: usize| before[nth / 8] >> (nth % 8) & 1;
    let column = |nth: usize| (nth / 8 % 4, nth % 8);
    let mut missed = [0; 4];
    let mut expected = [0; 4];
    for first in 0..BITS {
        for second in first + 1..BITS {
            let mut after = before.clone();
            after[first / 8] ^= 1 << (first % 8);
            after[second / 8] ^= 1 << (second % 8);
            for (kind, missed) in Checksum::ALL.into_iter().zip(&mut missed) {
                *missed += usize::from(is_missed(kind, &before, &after));
            }
            let same = column(first) == column(second);
            // Two of the highest bit are one that is carried out of the word.
            let cancel = bit(first) != bit(second) || column(first) == (0, 7);
            expected[0] += usize::from(same);
            expected[1] += usize::from(same && cancel);
        }
    }
    assert_eq!(missed, expected);
    assert_eq!(missed[0], 32 * (16 * 15 / 2));
    assert!(missed[1] > 0 && missed[1] < missed[0]);
}

/// DI-05: blocks in another order are seen by Fletcher's sums and the CRC alone.
#[test]
fn sectors_that_change_places_are_missed_by_order_less_sums() {
    let before = random(2, BLOCK_SIZE);
    let mut after = before.clone();
    after[..512].copy_from_slice(&before[512..1024]);
    after[512..1024].copy_from_slice(&before[..512]);
    let missed = Checksum::ALL.map(|kind| is_missed(kind, &before, &after));
    assert_eq!(missed, [true, true, false, false]);
}

/// DI-05: Fletcher's sums are taken modulo 255.
#[test]
fn fletcher_cannot_tell_zeros_from_ones() {
    let missed = Checksum::ALL.map(|kind| is_missed(kind, &[0; 512], &[0xFF; 512]));
    assert_eq!(missed, [true, false, true, false], "128 words of ones cancel out under exclusive or");
}

/// DI-05: no burst of up to 32 bits escapes the CRC, wherever it is; one of 33 does, if it is the polynomial.
#[test]
fn a_burst_of_33_bits_is_the_first_that_the_cyclic_redundancy_check_can_miss() {
    const BYTES: usize = 64;
    let before = random(3, BYTES);
    let apply = |at: usize, pattern: u64| {
        let mut after = before.clone();
        for nth in (0..64).filter(|nth| pattern >> nth & 1 == 1) {
            after[(at + nth) / 8] ^= 1 << ((at + nth) % 8);
        }
        after
    };
    for len in 1..=32 {
        for at in 0..=BYTES * 8 - len {
            // The first and the last bit are wrong, and those in between at will.
            let within = u64::from_le_bytes(random((len * 1000 + at) as u64, 8).try_into().expect("eight"));
            let pattern = (within & ((1 << len) - 1)) | 1 | 1 << (len - 1);
            assert!(!is_missed(Checksum::Crc32c, &before, &apply(at, pattern)), "{len} bits at {at}");
        }
    }
    // x^32 first, as the bits come.
    let polynomial = 0x1_1EDC_6F41_u64.reverse_bits() >> 31;
    assert!(is_missed(Checksum::Crc32c, &before, &apply(100, polynomial)));
}

/// DI-01: of random changes, a checksum of n bits misses about one in 2^n.
#[test]
fn a_checksum_of_16_bits_misses_one_change_in_65_thousand() {
    const CHANGES: u64 = 400_000;
    let before = random(4, 32);
    let missed = Checksum::ALL.map(|kind| {
        let misses = |seed: &u64| kind.of(&random(*seed, 32)) == kind.of(&before);
        (5..5 + CHANGES).filter(misses).count()
    });
    // There are 255 * 255 Fletcher sums; six misses are expected.
    assert!((1..=14).contains(&missed[2]), "{missed:?}");
    assert_eq!((missed[0], missed[1], missed[3]), (0, 0, 0));
}

/// DI-01: what adds up alike is the same to whoever compares sums. No other layer of a volume would notice it.
#[test]
fn a_collision_is_undetected() {
    for (kind, seen) in [(Checksum::Xor, false), (Checksum::Crc32c, true)] {
        let layer = Integrity::default().with_checksum(kind);
        let disk = formatted(layer, 16);
        let mut live = opened(layer, &disk);
        write(&mut live, 1, 0..1);
        let place = place(live.pointer(0));
        for on in Member::BOTH {
            // The same bit of two words.
            flip(&disk, on, place, 8);
            flip(&disk, on, place, 8 + 32);
        }
        let mut live = opened(layer, &disk);
        match seen {
            true => assert!(refused(&mut live, 0).contains("it does not have its checksum")),
            false => assert_ne!(live.read_block(0).expect("sums that agree"), page(1, 0)),
        }
    }
}
