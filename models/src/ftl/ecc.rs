//! The error-correcting code of a page: it corrects one flipped bit in a sector and detects two (FT-07, FT-09).
//!
//! This is the Hamming code that NAND controllers have used since SmartMedia (SmartMedia ECC reference, 1999): the line
//! parity is the exclusive or of the addresses of all bits that are set, and it is stored with the same for the
//! complements of the addresses. One flipped bit changes the two by an address and its complement, which gives the
//! address away; two flipped bits change both by the same; a flipped bit of the code itself changes one bit of one.
//!
//! ```text
//! code of 24 bits      0            12                24
//!                      | line parity | its complement |       12 bits each: 4,096 bits in a sector of 512 bytes
//! ```

/// The longest run of bytes that one code covers.
pub const SECTOR: usize = 512;
/// Bits of an address in the longest run.
const ADDRESS_BITS: u32 = 12;
const ADDRESS: u32 = (1 << ADDRESS_BITS) - 1;

/// What was wrong with a sector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corrected {
    /// Nothing.
    Clean,
    /// One bit of it, or of its code. The sector is right again.
    OneBit,
}

/// More bits have flipped than the code can correct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncorrectable;

/// The code of at most [`SECTOR`] bytes.
pub fn code(bytes: &[u8]) -> u32 {
    debug_assert!(bytes.len() <= SECTOR, "one code covers a sector");
    let (mut line, mut columns) = (0, 0u8);
    for (index, byte) in (0u32..).zip(bytes) {
        columns ^= byte;
        if byte.count_ones() % 2 == 1 {
            line ^= index << 3;
        }
    }
    for bit in 0..8 {
        if columns >> bit & 1 == 1 {
            line ^= bit;
        }
    }
    // The complements of an odd number of addresses are the complement of their exclusive or.
    let complement = if columns.count_ones() % 2 == 1 { line ^ ADDRESS } else { line };
    line | complement << ADDRESS_BITS
}

/// Puts a sector right by the code that was stored with it.
///
/// # Errors
/// If more than one bit is wrong. The sector is then as it was.
pub fn correct(bytes: &mut [u8], stored: u32) -> Result<Corrected, Uncorrectable> {
    let difference = code(bytes) ^ stored;
    let (line, complement) = (difference & ADDRESS, difference >> ADDRESS_BITS);
    if difference == 0 {
        return Ok(Corrected::Clean);
    }
    if line ^ complement == ADDRESS {
        let byte = bytes.get_mut(line as usize / 8).ok_or(Uncorrectable)?;
        *byte ^= 1 << (line % 8);
        return Ok(Corrected::OneBit);
    }
    if difference.count_ones() == 1 {
        return Ok(Corrected::OneBit);
    }
    Err(Uncorrectable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_sector() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), SECTOR),
            proptest::collection::vec(any::<u8>(), 44),
            Just(vec![0; SECTOR]),
        ]
    }

    fn flip(bytes: &mut [u8], bit: usize) {
        bytes[bit / 8] ^= 1 << (bit % 8);
    }

    proptest! {
        #[test]
        fn one_flipped_bit_is_corrected(sector in any_sector(), bit in any::<prop::sample::Index>()) {
            let (stored, mut read) = (code(&sector), sector.clone());
            flip(&mut read, bit.index(sector.len() * 8));
            prop_assert_eq!(correct(&mut read, stored), Ok(Corrected::OneBit));
            prop_assert_eq!(read, sector);
        }

        #[test]
        fn two_flipped_bits_are_detected(
            sector in any_sector(), bits in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let len = sector.len() * 8;
            let (one, other) = (bits.0.index(len), bits.1.index(len));
            prop_assume!(one != other);
            let (stored, mut read) = (code(&sector), sector);
            flip(&mut read, one);
            flip(&mut read, other);
            prop_assert_eq!(correct(&mut read, stored), Err(Uncorrectable));
        }

        #[test]
        fn a_flipped_bit_of_the_code_leaves_the_sector_alone(sector in any_sector(), bit in 0..24u32) {
            let (stored, mut read) = (code(&sector) ^ (1u32 << bit), sector.clone());
            prop_assert_eq!(correct(&mut read, stored), Ok(Corrected::OneBit));
            prop_assert_eq!(read, sector);
        }
    }
}
