//! XOR, and how RAID-2 and RAID-3 spread a block over the members.

use super::geometry::Level;

/// Adds one unit to another: `into` becomes the XOR of both.
pub fn xor(into: &mut [u8], from: &[u8]) {
    into.iter_mut().zip(from).for_each(|(a, b)| *a ^= b);
}

/// The XOR of units of one length (RD-09). Of none it is empty.
pub fn xor_all<'a>(units: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut units = units.into_iter();
    let mut sum = units.next().map(<[u8]>::to_vec).unwrap_or_default();
    units.for_each(|unit| xor(&mut sum, unit));
    sum
}

/// Spreads a block over so many members: byte i of it goes to member i mod n at level 3, bit i at level 2, counted from
/// the low end of each byte. The number of members is 1, 2, 4 or 8, and the block is a multiple of it.
pub fn spread(level: Level, block: &[u8], members: usize) -> Vec<Vec<u8>> {
    let mut parts = vec![vec![0; block.len() / members]; members];
    let dealt = &DEALT[members.ilog2() as usize];
    for (nth, row) in block.chunks_exact(members).enumerate() {
        if level != Level::Hamming {
            parts.iter_mut().zip(row).for_each(|(part, byte)| part[nth] = *byte);
            continue;
        }
        for (place, byte) in row.iter().enumerate() {
            let shift = place * (8 / members);
            let dealt = &dealt[usize::from(*byte)];
            parts.iter_mut().zip(dealt).for_each(|(part, bits)| part[nth] |= bits << shift);
        }
    }
    parts
}

/// Puts together what [`spread`] has spread.
pub fn gather(level: Level, parts: &[Vec<u8>]) -> Vec<u8> {
    let members = parts.len();
    let len: usize = parts.iter().map(Vec::len).sum();
    let mut block = Vec::with_capacity(len);
    let placed = &PLACED[members.ilog2() as usize];
    for nth in 0..len / members {
        if level != Level::Hamming {
            block.extend(parts.iter().map(|part| part[nth]));
            continue;
        }
        let parts = parts.iter().enumerate();
        let row = parts.fold(0, |row, (member, part)| row | placed[usize::from(part[nth])] << member);
        block.extend_from_slice(&row.to_le_bytes()[..members]);
    }
    block
}

/// For 1, 2, 4 and 8 members, by the value of a byte of the block: the bits that each member gets of it, 8 / n for every one.
static DEALT: [[[u8; 8]; 256]; 4] = {
    let mut dealt = [[[0; 8]; 256]; 4];
    let mut at = 0;
    while at < 4 * 256 * 8 {
        let (log, byte, bit) = (at / 8 / 256, at / 8 % 256, at % 8);
        let members = 1 << log;
        dealt[log][byte][bit % members] |= ((byte >> bit & 1) << (bit / members)) as u8;
        at += 1;
    }
    dealt
};

/// And the other way: what a byte of the first member becomes, its bits each in their place in the next n bytes of the block.
static PLACED: [[u64; 256]; 4] = {
    let mut placed = [[0; 256]; 4];
    let mut at = 0;
    while at < 4 * 256 * 8 {
        let (log, byte, bit) = (at / 8 / 256, at / 8 % 256, at % 8);
        let (members, width) = (1 << log, 8 >> log);
        placed[log][byte] |= (byte as u64 >> bit & 1) << (8 * (bit / width) + bit % width * members);
        at += 1;
    }
    placed
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// RD-05: byte striping, bit striping, and back.
        #[test]
        fn what_is_spread_comes_back(block in proptest::collection::vec(any::<u8>(), 64), log in 0..4u32) {
            for level in [Level::Hamming, Level::Bytes] {
                let parts = spread(level, &block, 1 << log);
                prop_assert_eq!(&gather(level, &parts), &block);
            }
        }
    }

    #[test]
    fn bytes_and_bits_go_round_the_members() {
        assert_eq!(spread(Level::Bytes, &[1, 2, 3, 4], 2), [[1, 3], [2, 4]]);
        // 0b1011_0010 from the low end: 0 1 0 0 1 1 0 1.
        assert_eq!(
            spread(Level::Hamming, &[0b1011_0010, 0], 2),
            [[0b0000_0100], [0b0000_1101]].map(|part: [u8; 1]| part.to_vec())
        );
    }
}
