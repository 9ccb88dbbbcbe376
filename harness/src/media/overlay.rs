//! What recovery wrote, over what it found.

use crate::lent::Lent;
use crashcheck_trace::Bytes;
use std::collections::BTreeMap;
use std::ops::Range;

/// Extents that do not overlap. A copy shares their bytes.
#[derive(Clone, Default)]
pub(crate) struct Overlay {
    /// By first byte.
    extents: BTreeMap<u64, Extent>,
    /// The length of the device, if it was changed.
    len: Option<Bytes>,
}

#[derive(Clone)]
struct Extent {
    end: u64,
    /// What it was written from, and where its bytes begin there; `None` for zeros.
    source: Option<(Lent, usize)>,
}

/// What a range of an overlay holds.
pub(crate) enum Piece<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// Zeros.
    Zeros,
    /// Nothing: look below.
    Below,
}

impl Overlay {
    pub(crate) fn clear(&mut self) {
        self.extents.clear();
        self.len = None;
    }

    /// Whether nothing was written to it.
    pub(crate) fn is_untouched(&self) -> bool {
        self.extents.is_empty()
    }

    /// Whether nothing of a range is left to look for below.
    pub(crate) fn covers(&self, at: Bytes, len: usize) -> bool {
        let mut covers = !self.is_untouched();
        if covers {
            self.parts(at, len, |_, piece| covers &= !matches!(piece, Piece::Below));
        }
        covers
    }

    /// The bytes of a range that was written in one piece.
    pub(crate) fn piece(&self, at: Bytes, len: usize) -> Option<Lent> {
        let (start, extent) = self.extents.range(..=at.0).next_back()?;
        let (bytes, from) = extent.source.as_ref()?;
        let from = from + (at.0 - start) as usize;
        let is_all = from == 0 && len == bytes.len();
        (at.0 + len as u64 <= extent.end)
            .then(|| if is_all { bytes.clone() } else { Lent::from(&bytes[from..from + len]) })
    }

    /// Whether a range is to be looked for below as a whole.
    pub(crate) fn leaves(&self, at: Bytes, len: usize) -> bool {
        let last = self.extents.range(..at.0 + len as u64).next_back();
        last.is_none_or(|(_, extent)| extent.end <= at.0)
    }

    /// The ranges that were written, each with its end, in order: those with bytes, or those with zeros.
    pub(crate) fn spans(&self, zeros: bool) -> impl Iterator<Item = (Bytes, Bytes)> {
        let extents = self.extents.iter().filter(move |(_, extent)| extent.source.is_none() == zeros);
        extents.map(|(start, extent)| (Bytes(*start), Bytes(extent.end)))
    }

    pub(crate) fn len(&self) -> Option<Bytes> {
        self.len
    }

    pub(crate) fn set_len(&mut self, len: Bytes) {
        self.len = Some(len);
    }

    pub(crate) fn write(&mut self, at: Bytes, data: Lent) {
        self.put(at.0, at.0 + data.len() as u64, Some((data, 0)));
    }

    pub(crate) fn zero(&mut self, at: Bytes, len: Bytes) {
        self.put(at.0, at.0 + len.0, None);
    }

    fn put(&mut self, start: u64, end: u64, source: Option<(Lent, usize)>) {
        if start == end {
            return;
        }
        self.carve(start, end);
        self.extents.insert(start, Extent { end, source });
    }

    /// Takes a range out of the extents that overlap it.
    fn carve(&mut self, start: u64, end: u64) {
        let before = self.extents.range_mut(..start).next_back();
        if let Some((first, extent)) = before.filter(|(_, extent)| extent.end > start) {
            let rest = (extent.end > end).then(|| extent.beginning_at(end - first));
            extent.end = start;
            self.extents.extend(rest.map(|rest| (end, rest)));
        }
        while let Some(first) = self.extents.range(start..end).next().map(|(first, _)| *first) {
            let extent = self.extents.remove(&first).filter(|extent| extent.end > end);
            self.extents.extend(extent.map(|extent| (end, extent.beginning_at(end - first))));
        }
    }

    /// Calls `look` for each part of a range, in order, with the part as it lies within the range.
    pub(crate) fn parts(&self, at: Bytes, len: usize, mut look: impl FnMut(Range<usize>, Piece<'_>)) {
        let end = at.0 + len as u64;
        let within = |position: u64| (position - at.0) as usize;
        let mut here = at.0;
        let first = self.extents.range(..=at.0).next_back().map_or(at.0, |(first, _)| *first);
        for (start, extent) in self.extents.range(first..end) {
            if extent.end <= here {
                continue;
            }
            if *start > here {
                look(within(here)..within(*start), Piece::Below);
                here = *start;
            }
            let stop = extent.end.min(end);
            let piece = match &extent.source {
                None => Piece::Zeros,
                Some((bytes, from)) => {
                    let from = from + (here - start) as usize;
                    Piece::Bytes(&bytes[from..from + (stop - here) as usize])
                }
            };
            look(within(here)..within(stop), piece);
            here = stop;
        }
        if here < end {
            look(within(here)..within(end), Piece::Below);
        }
    }
}

impl Extent {
    fn beginning_at(&self, skip: u64) -> Extent {
        let source = self.source.as_ref().map(|(bytes, from)| (bytes.clone(), from + skip as usize));
        Extent { end: self.end, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Some bytes at a place, or so many zeros.
    fn write() -> impl Strategy<Value = (u64, Result<Vec<u8>, u64>)> {
        let bytes =
            prop_oneof![prop::collection::vec(1..=u8::MAX, 0..20).prop_map(Ok), (0..20u64).prop_map(Err)];
        (0..40u64, bytes)
    }

    fn put(overlay: &mut Overlay, plain: &mut [Option<u8>], (at, bytes): (u64, Result<Vec<u8>, u64>)) {
        let len = bytes.as_ref().map_or_else(|len| *len, |bytes| bytes.len() as u64);
        for (nth, place) in plain[at as usize..(at + len) as usize].iter_mut().enumerate() {
            *place = Some(bytes.as_ref().map_or(0, |bytes| bytes[nth]));
        }
        match bytes {
            Ok(bytes) => overlay.write(Bytes(at), bytes.into()),
            Err(len) => overlay.zero(Bytes(at), Bytes(len)),
        }
    }

    fn read(overlay: &Overlay, at: u64, len: usize) -> Vec<Option<u8>> {
        let mut bytes = vec![None; len];
        overlay.parts(Bytes(at), len, |span, piece| match piece {
            Piece::Bytes(part) => bytes[span].iter_mut().zip(part).for_each(|(to, byte)| *to = Some(*byte)),
            Piece::Zeros => bytes[span].fill(Some(0)),
            Piece::Below => {}
        });
        bytes
    }

    proptest! {
        #[test]
        fn what_was_written_last_is_read_and_a_copy_stays_as_it_was(
            before in prop::collection::vec(write(), 0..8),
            after in prop::collection::vec(write(), 0..4),
            (at, len) in (0..40u64, 1..20usize),
        ) {
            let (mut overlay, mut plain) = (Overlay::default(), [None; 60]);
            before.into_iter().for_each(|write| put(&mut overlay, &mut plain, write));
            let (copy, then) = (overlay.clone(), plain);
            after.into_iter().for_each(|write| put(&mut overlay, &mut plain, write));
            for (overlay, plain) in [(overlay, plain), (copy, then)] {
                let range = &plain[at as usize..at as usize + len];
                prop_assert_eq!(&read(&overlay, at, len), range);
                prop_assert_eq!(overlay.leaves(Bytes(at), len), range.iter().all(Option::is_none));
                if let Some(piece) = overlay.piece(Bytes(at), len) {
                    prop_assert_eq!(piece.iter().map(|byte| Some(*byte)).collect::<Vec<_>>(), range);
                }
            }
        }
    }
}
