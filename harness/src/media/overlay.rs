//! What recovery wrote, over what it found.

use crashcheck_trace::Bytes;
use std::collections::BTreeMap;
use std::ops::Range;

/// Extents that do not overlap, over bytes kept in one piece of memory.
#[derive(Clone, Default)]
pub(crate) struct Overlay {
    /// By first byte.
    extents: BTreeMap<u64, Extent>,
    bytes: Vec<u8>,
    /// The length of the device, if it was changed.
    len: Option<Bytes>,
}

#[derive(Clone, Copy)]
struct Extent {
    end: u64,
    /// Where its bytes begin; `None` for zeros.
    source: Option<usize>,
}

/// What an overlay held at some moment.
pub(crate) struct Moment {
    extents: BTreeMap<u64, Extent>,
    bytes: usize,
    len: Option<Bytes>,
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
        self.bytes.clear();
        self.len = None;
    }

    /// What it holds now, to come back to.
    pub(crate) fn moment(&self) -> Moment {
        Moment { extents: self.extents.clone(), bytes: self.bytes.len(), len: self.len }
    }

    /// Forgets what was written since a moment.
    pub(crate) fn return_to(&mut self, moment: Moment) {
        self.extents = moment.extents;
        self.bytes.truncate(moment.bytes);
        self.len = moment.len;
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
    pub(crate) fn piece(&self, at: Bytes, len: usize) -> Option<&[u8]> {
        let (start, extent) = self.extents.range(..=at.0).next_back()?;
        let from = extent.source? + (at.0 - start) as usize;
        (at.0 + len as u64 <= extent.end).then(|| &self.bytes[from..from + len])
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

    pub(crate) fn write(&mut self, at: Bytes, data: &[u8]) {
        let source = self.bytes.len();
        self.bytes.extend_from_slice(data);
        self.put(at.0, at.0 + data.len() as u64, Some(source));
    }

    pub(crate) fn zero(&mut self, at: Bytes, len: Bytes) {
        self.put(at.0, at.0 + len.0, None);
    }

    fn put(&mut self, start: u64, end: u64, source: Option<usize>) {
        if start == end {
            return;
        }
        self.carve(start, end);
        self.extents.insert(start, Extent { end, source });
    }

    /// Takes a range out of the extents that overlap it.
    fn carve(&mut self, start: u64, end: u64) {
        let before = self.extents.range(..start).next_back().map(|(first, extent)| (*first, *extent));
        if let Some((first, extent)) = before.filter(|(_, extent)| extent.end > start) {
            self.extents.insert(first, Extent { end: start, ..extent });
            if extent.end > end {
                self.extents.insert(end, extent.beginning_at(end - first));
            }
        }
        while let Some((first, extent)) = self.extents.range(start..end).next().map(|(f, e)| (*f, *e)) {
            self.extents.remove(&first);
            if extent.end > end {
                self.extents.insert(end, extent.beginning_at(end - first));
            }
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
            let piece = match extent.source {
                None => Piece::Zeros,
                Some(source) => {
                    let from = source + (here - start) as usize;
                    Piece::Bytes(&self.bytes[from..from + (stop - here) as usize])
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
    fn beginning_at(self, skip: u64) -> Extent {
        Extent { end: self.end, source: self.source.map(|source| source + skip as usize) }
    }
}
