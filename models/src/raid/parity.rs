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
    for (index, byte) in block.iter().enumerate() {
        if level != Level::Hamming {
            parts[index % members][index / members] = *byte;
            continue;
        }
        // Each byte has 8 / n bits for every member.
        for (member, part) in parts.iter_mut().enumerate() {
            let bits =
                (0..8 / members).fold(0, |bits, nth| bits | (byte >> (nth * members + member) & 1) << nth);
            part[index / members] |= bits << (index % members * (8 / members));
        }
    }
    parts
}

/// Puts together what [`spread`] has spread.
pub fn gather(level: Level, parts: &[Vec<u8>]) -> Vec<u8> {
    let members = parts.len();
    let len = parts.iter().map(Vec::len).sum();
    if level != Level::Hamming {
        return (0..len).map(|index| parts[index % members][index / members]).collect();
    }
    // What a byte of the first member becomes: its bits, each in its place in the next so many bytes of the block.
    let width = 8 / members;
    let place = |bit: usize| 8 * (bit / width) + bit % width * members;
    let placed = |byte: u64| (0..8).fold(0u64, |word, bit| word | (byte >> bit & 1) << place(bit));
    let placed: Vec<u64> = (0..256).map(placed).collect();
    let mut block = Vec::with_capacity(len);
    for index in 0..len / members {
        let parts = parts.iter().enumerate();
        let word = parts.fold(0, |word, (member, part)| word | placed[usize::from(part[index])] << member);
        block.extend_from_slice(&word.to_le_bytes()[..members]);
    }
    block
}

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
