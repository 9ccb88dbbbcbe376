//! What a user of a block device can see.

use super::{BLOCK, SECTOR};
use crate::fs::Fill;
use crashcheck::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What every sector of 512 bytes holds, by its number; sectors of zeros are left out. A block device promises nothing
/// for more than a sector at a time.
pub type View = BTreeMap<u64, Sector>;

/// What a sector holds.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Sector {
    /// What a write of this fill puts there.
    Filled(Fill),
    /// What a write of a fill puts elsewhere: the content is whole, but in the wrong place.
    Elsewhere {
        /// The fill.
        fill: Fill,
        /// The byte of the device at which it belongs.
        at: Bytes,
    },
    /// Anything else.
    Other(Arc<[u8]>),
    /// The device says that it cannot be read.
    Unreadable,
}

impl Sector {
    /// What these bytes at this position are; `None` for zeros.
    pub fn of(bytes: &[u8], at: Bytes) -> Option<Sector> {
        // Most are zeros, which is seen faster without an early end.
        if bytes.iter().fold(0, |all, byte| all | byte) == 0 {
            return None;
        }
        let claimed = claim(bytes).filter(|(fill, at)| fill.fills(*at, bytes));
        Some(match claimed {
            Some((fill, place)) if place == at => Sector::Filled(fill),
            Some((fill, at)) => Sector::Elsewhere { fill, at },
            None => Sector::Other(bytes.into()),
        })
    }

    /// The bytes of this sector at this position; zeros if it cannot be read.
    pub fn bytes(&self, at: Bytes) -> Vec<u8> {
        let len = Bytes(SECTOR);
        match self {
            Sector::Filled(fill) => fill.bytes(at, len),
            Sector::Elsewhere { fill, at } => fill.bytes(*at, len),
            Sector::Other(bytes) => bytes.to_vec(),
            Sector::Unreadable => vec![0; len.index()],
        }
    }
}

/// The fill and the position that the first bytes name.
fn claim(bytes: &[u8]) -> Option<(Fill, Bytes)> {
    let text = std::str::from_utf8(bytes.get(..16)?).ok()?;
    let fill = u8::from_str_radix(text.get(..2)?, 16).ok()?;
    let at = u64::from_str_radix(text.get(3..15)?, 16).ok()?;
    Some((Fill(fill), Bytes(at)))
}

impl fmt::Debug for Sector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sector::Filled(fill) => write!(f, "{fill}"),
            Sector::Elsewhere { fill, at } => write!(f, "{fill} of byte {}", at.0),
            Sector::Other(bytes) => {
                write!(f, "other bytes ({:02x}{:02x}{:02x}{:02x}…)", bytes[0], bytes[1], bytes[2], bytes[3])
            }
            Sector::Unreadable => f.write_str("nothing that can be read"),
        }
    }
}

/// The sectors of some blocks; `None` if they cannot be counted.
pub(super) fn sectors(block: u64, count: u64) -> Option<std::ops::Range<u64>> {
    let each = BLOCK / SECTOR;
    let end = block.checked_add(count)?.checked_mul(each)?;
    Some(block * each..end)
}

/// The first block in which two views differ, and what it holds in each, in words.
pub fn first_difference(before: &View, after: &View) -> Option<(u64, String, String)> {
    let keys = before.keys().chain(after.keys());
    let differs = |sector: &&u64| before.get(sector) != after.get(sector);
    let sector = *keys.filter(differs).min()?;
    let words = |view: &View| view.get(&sector).map_or("zeros".to_owned(), |held| format!("{held:?}"));
    Some((sector * SECTOR / BLOCK, words(before), words(after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sector_says_what_wrote_it_and_where() {
        let bytes = Fill(7).bytes(Bytes(1024), Bytes(SECTOR));
        assert_eq!(Sector::of(&bytes, Bytes(1024)), Some(Sector::Filled(Fill(7))));
        let elsewhere = Sector::Elsewhere { fill: Fill(7), at: Bytes(1024) };
        assert_eq!(Sector::of(&bytes, Bytes(512)), Some(elsewhere.clone()));
        assert_eq!(elsewhere.bytes(Bytes(512)), bytes);
        assert_eq!(Sector::of(&[0; 512], Bytes(512)), None);
        let mut torn = bytes;
        torn[100] = 1;
        assert_eq!(Sector::of(&torn, Bytes(1024)), Some(Sector::Other(torn.into())));
    }
}
