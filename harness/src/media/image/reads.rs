//! What a crash state holds where it is read: what the running life wrote, or what earlier lives have left.

use super::super::account::Deed;
use super::super::cell::CellId;
use super::super::contents::ContentId;
use super::super::fault;
use super::super::overlay::Piece;
use super::{Asked, Known, LazyImage, Left, Observed, Valid, hash_of, hash_of_slots};
use crate::choice::Question;
use crate::lent::Lent;
use crate::profile::Torn;
use crashcheck_trace::files::SLOT;
use crashcheck_trace::{Bytes, DeviceId};
use std::collections::BTreeMap;
use std::ops::Range;

/// So many ranges are kept that were put together, and none that is longer than this.
const PUT_TOGETHER: usize = 1 << 11;
const LONGEST: usize = 1 << 14;
/// When so many bytes were lent, what is kept of them is forgotten.
const KEPT: usize = 64 << 20;

/// Where the slots begin of which a range has a part.
fn places((start, end): (Bytes, Bytes)) -> impl Iterator<Item = u64> {
    (start.0 / SLOT.0..end.0.div_ceil(SLOT.0)).map(|slot| slot * SLOT.0)
}

impl LazyImage {
    /// Reads a range that lies within the device, unless a block of it cannot be read: then says which.
    pub(crate) fn read(&mut self, device: DeviceId, at: Bytes, buf: &mut [u8]) -> Result<(), Bytes> {
        if buf.is_empty() {
            return Ok(());
        }
        self.take_down(|asked| Deed::Read { device, at, len: Bytes::of(buf.len()), asked });
        if self.written[device.index()].is_untouched() {
            return self.read_noted(device, at, buf);
        }
        for span in self.read_written(device, at, buf) {
            self.read_noted(device, at + Bytes::of(span.start), &mut buf[span])?;
        }
        Ok(())
    }

    /// Reads a range that lies within the device without copying it, if it is stored as it is.
    pub(crate) fn lend(&mut self, device: DeviceId, at: Bytes, len: usize) -> Result<Lent, Bytes> {
        // Where nothing is read, nothing is asked: the device may be one that other states do not have.
        if len == 0 {
            return Ok(Vec::new().into());
        }
        self.take_down(|asked| Deed::Read { device, at, len: Bytes::of(len), asked });
        if self.written[device.index()].leaves(at, len)
            && let Some(lent) = self.lend_noted(device, at, len)
        {
            return Ok(lent);
        }
        if let Some(written) = self.written[device.index()].piece(at, len) {
            return Ok(written);
        }
        let mut bytes = vec![0; len];
        self.read(device, at, &mut bytes)?;
        Ok(bytes.into())
    }

    /// The slots of a directory that hold a name, by their places. It is one question which names there are, and every name that is
    /// undecided is decided then.
    pub(crate) fn slots(&mut self, device: DeviceId) -> BTreeMap<u64, Lent> {
        let len = SLOT.index();
        let mut slots = BTreeMap::new();
        if !self.is_made(device) {
            slots = self.slots_left(device);
            self.note_answer(Asked::Names(device), hash_of_slots(&slots));
        }
        let written = &self.written[device.index()];
        slots.retain(|at, _| written.leaves(Bytes(*at), len));
        let own = written.spans(false).flat_map(places);
        slots.extend(own.filter_map(|at| Some((at, written.piece(Bytes(at), len)?))));
        slots
    }

    /// The same without what the running life has changed.
    pub(super) fn slots_left(&mut self, device: DeviceId) -> BTreeMap<u64, Lent> {
        let mut slots = BTreeMap::new();
        for at in self.occupied(device).into_iter().flat_map(places) {
            let slot = self.lend_left(device, Bytes(at), SLOT.index()).map(|(slot, _)| slot);
            slots.extend(slot.filter(|slot| slot.iter().any(|byte| *byte != 0)).map(|slot| (at, slot)));
        }
        slots
    }

    /// What earlier lives have left in a range, and that it was asked is noted. What was lent in this run already is found at
    /// once.
    pub(super) fn lend_noted(&mut self, device: DeviceId, at: Bytes, len: usize) -> Option<Lent> {
        let asked = Asked::Read(device, at, Bytes::of(len));
        let (is_first, epoch) = (self.left.len() == 1, self.left[0].epoch);
        if let Some(Known { noted, lent: Some((valid, lent)) }) = self.known.get_mut(&asked)
            && match valid {
                Valid::Lower(lower) => *lower == self.lower,
                Valid::Epochs(epochs) => is_first && epochs.contains(&epoch),
            }
        {
            if *noted != self.turn {
                *noted = self.turn;
                self.observed.push(Observed { asked, answer: lent.hash() });
            }
            return Some(lent.clone());
        }
        let (lent, epochs) = self.lend_left(device, at, len)?;
        let valid = epochs.filter(|_| is_first).map_or(Valid::Lower(self.lower), Valid::Epochs);
        let known = self.note_answer(asked, lent.hash());
        known.lent = (len <= LONGEST).then(|| (valid, lent.clone()));
        self.kept_bytes += len.min(LONGEST);
        if self.kept_bytes > KEPT {
            self.kept_bytes = 0;
            self.known.values_mut().for_each(|known| known.lent = None);
        }
        Some(lent)
    }

    /// What earlier lives have left in a range, unless a device may fail, or the later ones have left it in pieces. If it is the
    /// recorded workload that has, and nothing of it is open, the epochs around that of its crash in which it has left the same.
    pub(super) fn lend_left(
        &mut self,
        device: DeviceId,
        at: Bytes,
        len: usize,
    ) -> Option<(Lent, Option<Range<u32>>)> {
        let faults = &self.first().profile.faults;
        if faults.unreadable || faults.corrupt || faults.flips {
            return None;
        }
        for nth in (1..self.below[device.index()]).rev() {
            let timeline = &self.left[nth].timeline;
            let cells = timeline.cells_of(device, at, Bytes::of(len));
            if cells.is_empty() {
                continue;
            }
            if !self.is_cell(nth, &cells, at, len) {
                return None;
            }
            let content = self.held(nth, device, CellId(cells.start as u32));
            if content != ContentId::BELOW {
                let lent = self.left[nth].timeline.contents.lend(content).cloned();
                return Some((lent.unwrap_or_else(|| self.zeros(len)), None));
            }
        }
        let cells = self.first().cells_of(device, at, Bytes::of(len));
        let Left { timeline, epoch, .. } = &self.left[0];
        let epochs = cells.clone().try_fold(0..u32::MAX, |all, index| {
            let of_cell = timeline.settled_over(CellId(index as u32), *epoch)?;
            Some(all.start.max(of_cell.start)..all.end.min(of_cell.end))
        });
        Some((self.lend_first(device, (at, len), cells), epochs))
    }

    /// Whether a range is just one cell of the n-th life, from 0.
    fn is_cell(&self, nth: usize, cells: &Range<usize>, at: Bytes, len: usize) -> bool {
        cells.len() == 1 && self.left[nth].timeline.cells[cells.start].span() == (at, at + Bytes::of(len))
    }

    /// What the recorded workload has left in a range of these cells. What is not stored in one piece is put together once for
    /// the same contents.
    fn lend_first(&mut self, device: DeviceId, (at, len): (Bytes, usize), cells: Range<usize>) -> Lent {
        if self.is_cell(0, &cells, at, len) {
            let content = self.held(0, device, CellId(cells.start as u32));
            let lent = self.first().contents.lend(content).cloned();
            return lent.unwrap_or_else(|| self.zeros(len));
        }
        let contents = cells.map(|index| self.held(0, device, CellId(index as u32))).collect();
        let range = (device, at, len, contents);
        if let Some(known) = self.put_together.get(&range) {
            return known.clone();
        }
        let mut bytes = vec![0; len];
        self.read_cells(device, at, &mut bytes);
        let lent = Lent::from(bytes);
        if self.put_together.len() >= PUT_TOGETHER {
            self.put_together.clear();
        }
        if len <= LONGEST {
            self.put_together.insert(range, lent.clone());
        }
        lent
    }

    /// So many zeros.
    fn zeros(&mut self, len: usize) -> Lent {
        if len > LONGEST {
            return vec![0; len].into();
        }
        if self.zeros.len() != len {
            self.zeros = vec![0; len].into();
        }
        self.zeros.clone()
    }

    /// Reads what earlier lives have left, and takes note of it.
    pub(super) fn read_noted(&mut self, device: DeviceId, at: Bytes, buf: &mut [u8]) -> Result<(), Bytes> {
        if let Some(lent) = self.lend_noted(device, at, buf.len()) {
            buf.copy_from_slice(&lent);
            return Ok(());
        }
        let read = self.read_left(self.below[device.index()], true, device, at, buf);
        self.note_answer(Asked::Read(device, at, Bytes::of(buf.len())), hash_of(&read.map(|()| &*buf)));
        read
    }

    /// Reads what the running life wrote; returns the parts to look for below.
    pub(super) fn read_written(&self, device: DeviceId, at: Bytes, buf: &mut [u8]) -> Vec<Range<usize>> {
        let mut open = Vec::new();
        self.written[device.index()].parts(at, buf.len(), |span, piece| match piece {
            Piece::Bytes(bytes) => buf[span].copy_from_slice(bytes),
            Piece::Zeros => buf[span].fill(0),
            Piece::Below => open.push(span),
        });
        open
    }

    /// Whether a range is erased, whatever fails to be read: what a flash chip itself can tell. A block whose erase was in
    /// flight when the power failed may read as if it were, and is not until it is erased again.
    pub(crate) fn is_ones(&mut self, device: DeviceId, at: Bytes, len: Bytes) -> bool {
        self.take_down(|asked| Deed::Read { device, at, len, asked });
        let ones = self.holds_ones(device, at, len);
        if !self.written[device.index()].covers(at, len.index()) {
            self.note_answer(Asked::Ones(device, at, len), u64::from(ones));
        }
        ones
    }

    pub(super) fn holds_ones(&mut self, device: DeviceId, at: Bytes, len: Bytes) -> bool {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.resize(len.index(), 0);
        let open = self.read_written(device, at, &mut bytes);
        let read = open.into_iter().try_for_each(|span| {
            let start = at + Bytes::of(span.start);
            self.read_left(self.below[device.index()], false, device, start, &mut bytes[span])
        });
        let ones = read.is_ok() && bytes.iter().all(|byte| *byte == 0xFF);
        self.scratch = bytes;
        let written = self.written[device.index()].covers(at, len.index());
        ones && (written || !self.is_half_erased(device, at, len))
    }

    /// Whether what a page holds, which reads as ones, was in flight at a crash, and something else was durable. A page lies in
    /// one cell.
    fn is_half_erased(&mut self, device: DeviceId, at: Bytes, len: Bytes) -> bool {
        if self.first().profile.torn != Torn::Garbage {
            return false;
        }
        let (mut in_flight, mut page) = (false, vec![0; len.index()]);
        for nth in (0..self.below[device.index()]).rev() {
            let cell = self.left[nth].timeline.cells_of(device, at, len).next();
            let Some(cell) = cell.map(|index| CellId(index as u32)) else { continue };
            let held = self.held(nth, device, cell);
            let Left { timeline, epoch, .. } = &self.left[nth];
            let from = (at - timeline.cells[cell.0 as usize].start).index();
            let durable = if in_flight { held } else { timeline.settled(cell, *epoch) };
            match (held, durable) {
                (ContentId::BELOW, _) => {}
                // Only what lies below tells what was durable.
                (_, ContentId::BELOW) => in_flight = true,
                (_, durable) => {
                    timeline.contents.copy(durable, from, &mut page);
                    return page.iter().any(|byte| *byte != 0xFF);
                }
            }
        }
        if in_flight {
            self.read_base(device, at, &mut page);
        }
        in_flight && page.iter().any(|byte| *byte != 0xFF)
    }

    /// Reads what the first `upto` lives have left.
    pub(super) fn read_left(
        &mut self,
        upto: usize,
        faults: bool,
        device: DeviceId,
        at: Bytes,
        buf: &mut [u8],
    ) -> Result<(), Bytes> {
        let nth = upto - 1;
        if nth == 0 {
            return self.read_first(faults, device, at, buf);
        }
        let (mut here, end) = (at, at + Bytes::of(buf.len()));
        for index in self.left[nth].timeline.cells_of(device, at, Bytes::of(buf.len())) {
            let (start, stop) = self.left[nth].timeline.cells[index].span();
            if start > here {
                let part = &mut buf[(here - at).index()..(start - at).index()];
                self.read_left(nth, faults, device, here, part)?;
                here = start;
            }
            let content = self.held(nth, device, CellId(index as u32));
            let upto = stop.min(end);
            let out = &mut buf[(here - at).index()..(upto - at).index()];
            if content == ContentId::BELOW {
                self.read_left(nth, faults, device, here, out)?;
            } else {
                self.left[nth].timeline.contents.copy(content, (here - start).index(), out);
            }
            here = upto;
        }
        if here < end {
            self.read_left(nth, faults, device, here, &mut buf[(here - at).index()..])?;
        }
        Ok(())
    }

    /// Reads what the recorded workload has left.
    pub(super) fn read_first(
        &mut self,
        faults: bool,
        device: DeviceId,
        at: Bytes,
        buf: &mut [u8],
    ) -> Result<(), Bytes> {
        if faults && self.first().profile.faults.unreadable {
            self.find_unreadable(device, at, buf.len())?;
        }
        self.read_cells(device, at, buf);
        if faults && self.first().profile.faults.corrupt {
            self.corrupt(device, at, buf);
        }
        if faults && self.first().profile.faults.flips {
            self.flip(device, at, buf);
        }
        Ok(())
    }

    /// The same, as long as nothing has failed.
    fn read_cells(&mut self, device: DeviceId, at: Bytes, buf: &mut [u8]) {
        let mut here = at;
        let end = at + Bytes::of(buf.len());
        for index in self.first().cells_of(device, at, Bytes::of(buf.len())) {
            let (start, stop) = self.first().cells[index].span();
            if start > here {
                self.read_base(device, here, &mut buf[(here - at).index()..(start - at).index()]);
                here = start;
            }
            let content = self.held(0, device, CellId(index as u32));
            let upto = stop.min(end);
            let out = &mut buf[(here - at).index()..(upto - at).index()];
            self.first().contents.copy(content, (here - start).index(), out);
            here = upto;
        }
        if here < end {
            self.read_base(device, here, &mut buf[(here - at).index()..]);
        }
    }

    /// Turns what the trace left into what the device reads.
    pub(super) fn corrupt(&mut self, device: DeviceId, at: Bytes, buf: &mut [u8]) {
        let Some(len) = self.first().lines.get(device.index()).map(|line| line.block) else { return };
        let end = at.0 + buf.len() as u64;
        for number in at.0 / len.0..end.div_ceil(len.0) {
            let way = self.raised(Question::Corrupt { device, block: number as u32 });
            if way > 0 {
                let (from, upto) = (at.0.max(number * len.0), end.min((number + 1) * len.0));
                let within = Bytes(from - number * len.0);
                let part = &mut buf[(from - at.0) as usize..(upto - at.0) as usize];
                fault::corrupt(device, number, way, len, within, part);
            }
        }
    }

    /// Flips a bit in what was read of each page that reads with one flipped. A page that is erased has none.
    pub(super) fn flip(&mut self, device: DeviceId, at: Bytes, buf: &mut [u8]) {
        let Some(chip) = self.chip(device) else { return };
        let mut start = 0;
        while start < buf.len() {
            let page = chip.page_with(at + Bytes::of(start));
            let first = chip.page_at(page);
            let end = (first + chip.page_len() - at).index().min(buf.len());
            if buf[start..end].iter().any(|byte| *byte != 0xFF) {
                let outcome = self.raised(Question::Flipped { device, page });
                let bit = 8 * first.0 + fault::flipped_bit(&chip, page, outcome);
                let byte = (bit / 8).checked_sub(at.0).filter(|byte| outcome > 0 && *byte < end as u64);
                if let Some(byte) = byte {
                    buf[byte as usize] ^= 1 << (bit % 8);
                }
            }
            start = end;
        }
    }

    pub(super) fn find_unreadable(&mut self, device: DeviceId, at: Bytes, len: usize) -> Result<(), Bytes> {
        let Some(block) = self.first().lines.get(device.index()).map(|line| line.block.0) else {
            return Ok(());
        };
        for number in at.0 / block..(at.0 + len as u64).div_ceil(block) {
            if self.raised(Question::Unreadable { device, block: number as u32 }) > 0 {
                return Err(Bytes(number * block));
            }
        }
        Ok(())
    }

    /// Reads what no event of the trace has written: the base, and zeros beyond its end where the device has grown.
    pub(super) fn read_base(&self, device: DeviceId, at: Bytes, buf: &mut [u8]) {
        let Some(base) = self.base(device) else { return buf.fill(0) };
        let held = base.len().0.saturating_sub(at.0).min(buf.len() as u64) as usize;
        let (inside, beyond) = buf.split_at_mut(held);
        if held > 0 {
            base.read(at, inside);
        }
        beyond.fill(0);
    }
}
