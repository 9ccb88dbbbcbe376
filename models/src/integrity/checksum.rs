//! Checksums: small numbers that tell whether a block is what it was (OSTEP, chapter 45.3).
//!
//! They differ in what slips through. Volumes use [`Checksum::Crc32c`]; a root names its kind, so that a volume with one
//! of the others can be made to see what it misses.
//!
//! | kind | bits | what it cannot tell |
//! |---|---|---|
//! | `Xor` | 32 | two flips of the same bit of two words; words in another order |
//! | `Additive` | 32 | words in another order |
//! | `Fletcher` | 16 | a byte 0x00 from a byte 0xFF |
//! | `Crc32c` | 32 | nothing of up to 32 bits in a row, nor 3 bits anywhere in a block; else one change in 2³² |

/// The checksum of some bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sum(pub u32);

/// How a checksum is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Checksum {
    /// The exclusive or of all words of 32 bits, the most significant byte first.
    Xor,
    /// The sum of all words of 32 bits, modulo 2³².
    Additive,
    /// Fletcher's two sums of bytes, modulo 255 (Fletcher 1982): the second in the upper, the first in the lower 8 bits.
    Fletcher,
    /// The cyclic redundancy check of Castagnoli, Bräuer and Herrmann 1993, as iSCSI uses it (RFC 3720, 12.1).
    #[default]
    Crc32c,
}

impl Checksum {
    /// All kinds, from the weakest.
    pub const ALL: [Checksum; 4] = [Checksum::Xor, Checksum::Additive, Checksum::Fletcher, Checksum::Crc32c];

    /// The number that stands for the kind in a root.
    pub fn code(self) -> u8 {
        match self {
            Checksum::Xor => 1,
            Checksum::Additive => 2,
            Checksum::Fletcher => 3,
            Checksum::Crc32c => 4,
        }
    }

    /// The kind that a number in a root stands for.
    pub fn from_code(code: u8) -> Option<Checksum> {
        Checksum::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The checksum of some bytes. For those made of words, zeros stand for what a last word lacks.
    pub fn of(self, bytes: &[u8]) -> Sum {
        Sum(match self {
            Checksum::Xor => words(bytes).fold(0, |sum, word| sum ^ word),
            Checksum::Additive => words(bytes).fold(0, u32::wrapping_add),
            Checksum::Fletcher => {
                let (first, second) = bytes.iter().fold((0, 0), |(first, second), byte| {
                    let first = (first + u32::from(*byte)) % 255;
                    (first, (second + first) % 255)
                });
                second << 8 | first
            }
            Checksum::Crc32c => crc32c::crc32c(bytes),
        })
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks(4).map(|chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        u32::from_be_bytes(word)
    })
}
