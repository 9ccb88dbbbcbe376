//! What a page of the chip holds, for all three translation layers. Version 1, little-endian.
//!
//! ```text
//! page of 4096 bytes   the content of a logical page, or what its kind says
//! spare of 128 bytes   0       4         6      8     12      16         24     32
//!                      | magic | version | kind | lpn | count | sequence | born | erases |
//!                      The magic begins with FF: a block whose first spare byte differs left the factory bad.
//!                      36                   40            44           48                 72         128
//!                      | crc32 of the page | crc32 of 0..40 | ECC of 0..44 | ECC of the page | all ones |
//!
//! kind                 1 data          logical page `lpn`
//!                      2 trim          the `count` logical pages from `lpn` were discarded
//!                      3 checkpoint    part `lpn` of `count`, see paged/checkpoint.rs
//!                      4 padding       nothing
//!                      5 copy          logical page `lpn` in a scratch block, see direct/mod.rs
//! sequence             the number of the write; the copy of a page keeps it
//! born                 the number that was taken when the block began to be filled: no two fillings share one
//! erases               how often the block had been erased by then
//! ECC of the page      a code of 24 bits for each of its eight sectors
//! ```
//!
//! Out-of-band data that names the logical page and the time of its write is what a map can be rebuilt from (FT-16). A
//! page that reads as all ones is erased. One whose checksums do not fit, after what the code can correct, was
//! interrupted by a power loss or has decayed; nothing in it counts (FT-26).

use super::ecc::{self, Corrected, SECTOR};
use crate::vsfs::format::{get_u32, get_u64, put_u32, put_u64};
use crashcheck::Bytes;
pub use crashcheck::trace::{BlockNo, PageNo};
use std::fmt;

/// Bytes of a logical page, and of a page of the chip without its spare area.
pub const PAGE: usize = 4096;
/// Bytes of the spare area.
pub const SPARE: usize = 128;
/// A page with its spare area.
pub const RAW: usize = PAGE + SPARE;
/// The version of this format.
pub const VERSION: u16 = 1;
const MAGIC: u32 = u32::from_le_bytes([0xff, b'o', b'o', b'b']);
/// The end of what the checksum of the out-of-band data covers.
const CRC: usize = 40;
/// The end of what its error-correcting code covers.
const ECC: usize = 44;
const PAGE_ECC: usize = 48;
const CODE: usize = 3;

/// A logical page: what the host addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lpn(pub u32);

impl Lpn {
    /// Where it lies in the exported device.
    pub fn at(self) -> Bytes {
        Bytes(u64::from(self.0) * PAGE as u64)
    }

    /// The pages from this one.
    pub fn run(self, count: u32) -> impl Iterator<Item = Lpn> {
        (self.0..self.0.saturating_add(count)).map(Lpn)
    }
}

impl fmt::Display for Lpn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The number of a write, or of the filling of a block: both are taken from one counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Sequence {
        Sequence(self.0.saturating_add(1))
    }
}

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A logical page.
    Data,
    /// That logical pages were discarded.
    Trim,
    /// A part of a checkpoint.
    Checkpoint,
    /// Nothing.
    Padding,
    /// A logical page on its way through a scratch block.
    Copy,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Data, Kind::Trim, Kind::Checkpoint, Kind::Padding, Kind::Copy];

    /// Its number on the chip.
    pub fn code(self) -> u16 {
        1 + self as u16
    }

    /// The kind of this number.
    pub fn of_code(code: u16) -> Option<Kind> {
        Kind::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }
}

/// What the spare area says of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OutOfBand {
    /// What the page holds.
    pub kind: Kind,
    /// Which logical page, or the first, or which part.
    pub lpn: Lpn,
    /// Of how many.
    pub count: u32,
    /// When it was written.
    pub sequence: Sequence,
    /// When the block began to be filled.
    pub born: Sequence,
    /// How often the block had been erased by then.
    pub erases: u32,
}

/// What a page reads as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// All ones.
    Erased,
    /// Neither erased nor anything that was written.
    Garbage,
    /// What was written.
    Valid(Box<Written>),
}

impl Page {
    /// What was written, if it is whole.
    pub fn valid(self) -> Option<Box<Written>> {
        match self {
            Page::Valid(written) => Some(written),
            Page::Erased | Page::Garbage => None,
        }
    }
}

/// A page as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What the spare area says.
    pub oob: OutOfBand,
    /// The page without its spare area.
    pub data: Vec<u8>,
    /// Whether bits had flipped.
    pub corrected: Corrected,
}

/// The bytes of a page and its spare area.
///
/// # Panics
/// If `data` is not a page.
pub fn encode(oob: &OutOfBand, data: &[u8]) -> Vec<u8> {
    assert_eq!(data.len(), PAGE, "the content of a whole page");
    let mut raw = vec![0xff; RAW];
    let (page, spare) = raw.split_at_mut(PAGE);
    page.copy_from_slice(data);
    put_u32(spare, 0, MAGIC);
    spare[4..6].copy_from_slice(&VERSION.to_le_bytes());
    spare[6..8].copy_from_slice(&oob.kind.code().to_le_bytes());
    put_u32(spare, 8, oob.lpn.0);
    put_u32(spare, 12, oob.count);
    put_u64(spare, 16, oob.sequence.0);
    put_u64(spare, 24, oob.born.0);
    put_u32(spare, 32, oob.erases);
    put_u32(spare, 36, crc32fast::hash(data));
    let crc = crc32fast::hash(&spare[..CRC]);
    put_u32(spare, CRC, crc);
    let code = ecc::code(&spare[..ECC]);
    put_u32(spare, ECC, code);
    for (sector, place) in data.chunks(SECTOR).zip(spare[PAGE_ECC..].chunks_mut(CODE)) {
        place.copy_from_slice(&ecc::code(sector).to_le_bytes()[..CODE]);
    }
    raw
}

/// What the bytes of a page and its spare area say, with flipped bits put right.
pub fn decode(raw: &[u8]) -> Page {
    // Seen faster without an early end.
    if raw.iter().fold(0xff, |all, byte| all & byte) == 0xff {
        return Page::Erased;
    }
    match written(raw) {
        Some(written) => Page::Valid(Box::new(written)),
        None => Page::Garbage,
    }
}

fn written(raw: &[u8]) -> Option<Written> {
    let (data, spare) = raw.split_at_checked(PAGE)?;
    let (mut data, mut spare) = (data.to_vec(), <[u8; SPARE]>::try_from(spare).ok()?);
    let stored = get_u32(&spare, ECC);
    let mut corrected = ecc::correct(&mut spare[..ECC], stored).ok()?;
    if get_u32(&spare, CRC) != crc32fast::hash(&spare[..CRC]) {
        return None;
    }
    let oob = out_of_band(&spare)?;
    for (sector, code) in data.chunks_mut(SECTOR).zip(spare[PAGE_ECC..].chunks(CODE)) {
        let stored = u32::from(code[0]) | u32::from(code[1]) << 8 | u32::from(code[2]) << 16;
        if ecc::correct(sector, stored).ok()? == Corrected::OneBit {
            corrected = Corrected::OneBit;
        }
    }
    if get_u32(&spare, 36) != crc32fast::hash(&data) {
        return None;
    }
    Some(Written { oob, data, corrected })
}

fn out_of_band(spare: &[u8; SPARE]) -> Option<OutOfBand> {
    let word = |at: usize| u16::from_le_bytes([spare[at], spare[at + 1]]);
    if get_u32(spare, 0) != MAGIC || word(4) != VERSION {
        return None;
    }
    Some(OutOfBand {
        kind: Kind::of_code(word(6))?,
        lpn: Lpn(get_u32(spare, 8)),
        count: get_u32(spare, 12),
        sequence: Sequence(get_u64(spare, 16)),
        born: Sequence(get_u64(spare, 24)),
        erases: get_u32(spare, 32),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn any_oob()(
            kind in 0..5usize, lpn: u32, count: u32, sequence: u64, born: u64, erases: u32,
        ) -> OutOfBand {
            let (sequence, born) = (Sequence(sequence), Sequence(born));
            OutOfBand { kind: Kind::ALL[kind], lpn: Lpn(lpn), count, sequence, born, erases }
        }
    }

    fn page(seed: u8) -> Vec<u8> {
        (0..PAGE).map(|at| (at as u8).wrapping_mul(seed | 1)).collect()
    }

    proptest! {
        #[test]
        fn a_page_reads_as_it_was_written(oob in any_oob(), seed: u8) {
            let read = decode(&encode(&oob, &page(seed))).valid().expect("a page");
            prop_assert_eq!((read.oob, read.data, read.corrected), (oob, page(seed), Corrected::Clean));
        }

        /// FT-07, FT-09: wherever the bit is that has flipped.
        #[test]
        fn one_flipped_bit_anywhere_is_put_right(oob in any_oob(), seed: u8, bit in 0..(PAGE + 72) * 8) {
            let mut raw = encode(&oob, &page(seed));
            raw[bit / 8] ^= 1 << (bit % 8);
            let read = decode(&raw).valid().expect("a page");
            prop_assert_eq!((read.oob, read.data), (oob, page(seed)));
        }

        #[test]
        fn two_flipped_bits_in_one_sector_make_garbage(oob in any_oob(), sector in 0..8usize, bits: (u16, u16)) {
            let (one, other) = (usize::from(bits.0) % 4096, usize::from(bits.1) % 4096);
            prop_assume!(one != other);
            let mut raw = encode(&oob, &page(3));
            for bit in [one, other] {
                raw[sector * SECTOR + bit / 8] ^= 1 << (bit % 8);
            }
            prop_assert_eq!(decode(&raw), Page::Garbage);
        }

        #[test]
        fn no_bytes_make_decoding_panic(raw in proptest::collection::vec(any::<u8>(), 0..RAW + 2)) {
            let _ = decode(&raw);
        }
    }

    #[test]
    fn all_ones_are_erased_and_half_a_page_is_garbage() {
        assert_eq!(decode(&[0xff; RAW]), Page::Erased);
        let oob = OutOfBand {
            kind: Kind::Data,
            lpn: Lpn(3),
            count: 1,
            sequence: Sequence(9),
            born: Sequence(8),
            erases: 2,
        };
        let mut raw = encode(&oob, &page(7));
        raw[PAGE / 2..PAGE].fill(0xff);
        assert_eq!(decode(&raw), Page::Garbage);
    }
}
