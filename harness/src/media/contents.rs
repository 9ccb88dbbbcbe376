//! Every content that a place can hold, stored once.

use crate::lent::Lent;
use crashcheck_trace::Payload;
use rustc_hash::FxHashMap;
use std::ops::Range;

/// A content. Equal contents have equal ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ContentId(pub(super) u32);

impl ContentId {
    /// Zeros, of any length, which are not stored.
    pub(crate) const ZERO: ContentId = ContentId(0);

    /// What earlier lives have left, whatever that is.
    pub(crate) const BELOW: ContentId = ContentId(u32::MAX);
}

/// The contents of a trace.
#[derive(Default)]
pub(crate) struct Contents {
    /// `ContentId(n)` is the n-th, from 1.
    all: Vec<Lent>,
    by_hash: FxHashMap<u64, Vec<ContentId>>,
}

impl Contents {
    /// The id of a content, which is stored if it is new.
    pub(crate) fn intern(&mut self, content: &[u8]) -> ContentId {
        if is_zero(content) { ContentId::ZERO } else { self.store(Lent::from(content)) }
    }

    /// The same of all that a write holds, which is not copied.
    pub(super) fn intern_written(&mut self, payload: &Payload) -> ContentId {
        if is_zero(payload.as_slice()) { ContentId::ZERO } else { self.store(Lent::from(payload.clone())) }
    }

    /// No content is added any more.
    pub(super) fn finish(&mut self) {
        self.by_hash = FxHashMap::default();
        self.all.shrink_to_fit();
    }

    fn store(&mut self, content: Lent) -> ContentId {
        let known = self.by_hash.get(&content.hash()).into_iter().flatten();
        if let Some(id) = known.copied().find(|id| self.lend(*id) == Some(&content)) {
            return id;
        }
        let id = ContentId(self.all.len() as u32 + 1);
        self.by_hash.entry(content.hash()).or_default().push(id);
        self.all.push(content);
        id
    }

    /// Fills `out` with the bytes of a content, from so many bytes on.
    pub(crate) fn copy(&self, id: ContentId, from: usize, out: &mut [u8]) {
        match self.get(id) {
            None => out.fill(0),
            Some(bytes) => out.copy_from_slice(&bytes[from..from + out.len()]),
        }
    }

    /// The bytes of a content; `None` for zeros.
    pub(crate) fn get(&self, id: ContentId) -> Option<&[u8]> {
        self.lend(id).map(|content| &**content)
    }

    /// A content as it is stored; `None` for zeros.
    pub(crate) fn lend(&self, id: ContentId) -> Option<&Lent> {
        self.all.get((id.0 as usize).checked_sub(1)?)
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Bytes that nobody wrote: the same for the same seed, different for different ones.
pub(crate) fn garbage(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A page that was almost programmed: in one of its parts four bits are still 1 that should be 0, in one place of four bytes
/// that lie together. Their addresses cancel each other, so that a code that adds up addresses does not notice. `None` if
/// there is no such place.
pub(crate) fn almost_programmed(seed: u64, whole: &[u8], part: Range<usize>) -> Option<Vec<u8>> {
    const TOGETHER: usize = 4;
    let places = part.len() / TOGETHER;
    let first = (seed >> 32) as usize % places.max(1);
    let place = |nth: usize| part.start + (first + nth) % places * TOGETHER;
    let open = |at: usize| {
        whole.get(at..at + TOGETHER).map_or(0, |bytes| !bytes.iter().fold(0, |all, byte| all | byte))
    };
    let at = (0..places).map(place).find(|at| open(*at) != 0)?;
    let bit = 1 << (7 - open(at).leading_zeros());
    let mut bytes = whole.to_vec();
    bytes[at..at + TOGETHER].iter_mut().for_each(|byte| *byte |= bit);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_was_almost_programmed_lacks_four_bits_whose_addresses_cancel() {
        let whole: Vec<u8> = (0..528u32).map(|at| (at * 7 % 128) as u8).collect();
        for seed in (0..200).map(|seed| seed << 32) {
            for part in [0..512, 512..520] {
                let late =
                    almost_programmed(seed, &whole, part.clone()).expect("every byte has a bit that is 0");
                let bits =
                    (0..whole.len() * 8).filter(|bit| (whole[bit / 8] ^ late[bit / 8]) >> (bit % 8) & 1 == 1);
                let bits: Vec<usize> = bits.collect();
                assert_eq!((bits.len(), bits.iter().fold(0, |all, bit| all ^ bit)), (4, 0), "{bits:?}");
                assert!(
                    bits.iter().all(|bit| part.contains(&(bit / 8)) && whole[bit / 8] >> (bit % 8) & 1 == 0)
                );
            }
        }
        assert_eq!(almost_programmed(0, &[0xff; 16], 0..16), None, "nothing is left to be programmed");
        assert_eq!(almost_programmed(0, &whole, 512..512), None);
    }
}
