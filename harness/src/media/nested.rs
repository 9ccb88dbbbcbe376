//! A crash during recovery: what recovery wrote is in flight or durable, like everything before it.
//!
//! Units of a disk that tear are old or new here, not garbage: recovery meets garbage in the first crash already. What
//! recovery was programming or erasing on a flash chip can be cut off as before.

use super::block;
use super::contents::garbage;
use super::flash;
use super::overlay::{Overlay, Piece};
use crate::choice::{Choices, Question};
use crate::profile::{Atomic, Honesty, Profile, Torn};
use crashcheck_trace::{Bytes, DeviceId, NandGeometry};
use num_bigint::BigUint;
use rustc_hash::FxHashMap;
use std::ops::Range;

/// What a recovery did, in order.
#[derive(Default)]
pub(crate) struct Log {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

enum Entry {
    Write(Written),
    Flush(DeviceId),
}

/// One write of a recovery.
#[derive(Clone)]
struct Written {
    device: DeviceId,
    at: Bytes,
    len: Bytes,
    /// Where its bytes begin in the log; `None` for zeros.
    source: Option<usize>,
    /// The new length of the device, if this is a change of it.
    resize: Option<Bytes>,
    fua: bool,
    /// The chip, if this is a program or an erase.
    chip: Option<NandGeometry>,
}

impl Log {
    pub(crate) fn write(&mut self, device: DeviceId, at: Bytes, data: &[u8], fua: bool) {
        self.push(device, at, data, fua, None);
    }

    /// A page that was programmed, or a block that was erased.
    pub(crate) fn on_chip(&mut self, device: DeviceId, at: Bytes, data: &[u8], chip: NandGeometry) {
        self.push(device, at, data, false, Some(chip));
    }

    fn push(&mut self, device: DeviceId, at: Bytes, data: &[u8], fua: bool, chip: Option<NandGeometry>) {
        let source = Some(self.bytes.len());
        self.bytes.extend_from_slice(data);
        self.entries.push(Entry::Write(Written {
            device,
            at,
            len: Bytes::of(data.len()),
            source,
            resize: None,
            fua,
            chip,
        }));
    }

    pub(crate) fn zero(&mut self, device: DeviceId, at: Bytes, len: Bytes) {
        let (source, resize, fua, chip) = (None, None, false, None);
        self.entries.push(Entry::Write(Written { device, at, len, source, resize, fua, chip }));
    }

    pub(crate) fn resize(&mut self, device: DeviceId, old: Bytes, new: Bytes) {
        let len = Bytes(old.0.saturating_sub(new.0));
        self.entries.push(Entry::Write(Written {
            device,
            at: new,
            len,
            source: None,
            resize: Some(new),
            fua: false,
            chip: None,
        }));
    }

    pub(crate) fn flush(&mut self, device: DeviceId) {
        self.entries.push(Entry::Flush(device));
    }

    /// How many flush intervals with writes in them there are, at most 255.
    pub(crate) fn intervals(&self) -> u8 {
        u8::try_from(self.ends().len()).unwrap_or(u8::MAX)
    }

    /// Where each interval that holds a write ends: at a flush, or at the end of the log.
    fn ends(&self) -> Vec<usize> {
        let (mut ends, mut writes) = (Vec::new(), false);
        for (index, entry) in self.entries.iter().enumerate() {
            match entry {
                Entry::Write(_) => writes = true,
                Entry::Flush(_) if writes => {
                    ends.push(index);
                    writes = false;
                }
                Entry::Flush(_) => {}
            }
        }
        if writes {
            ends.push(self.entries.len());
        }
        ends
    }
}

/// What a recovery that crashed left behind.
pub(crate) struct Layer {
    /// What was durable, by device.
    durable: Vec<Overlay>,
    /// What was in flight, oldest first.
    in_flight: Vec<InFlight>,
    bytes: Vec<u8>,
    /// What is known of the writes that keep their order.
    lanes: Vec<Prefix>,
}

struct InFlight {
    write: Written,
    /// By atomic unit: what became of it.
    fates: Vec<Option<Fate>>,
    /// The size of a unit.
    unit: u64,
    /// Among which of the lanes it keeps the order, and its place in it, from 1.
    lane: Option<(usize, u32)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Whole,
    Garbled,
    Lost,
}

/// Writes of which the first so many are complete and the next may have been cut off. The rank of an outcome is 2k if k
/// are complete and no more, and 2k - 1 if the k-th was cut off.
#[derive(Default)]
struct Prefix {
    low: u32,
    high: u32,
    garbles: bool,
}

impl Prefix {
    /// Whether the rank is at least so high; asks if that is not known.
    fn reaches(&mut self, rank: u32, ask: impl FnOnce() -> bool) -> bool {
        if rank > self.low && rank <= self.high {
            match ask() {
                true => self.low = rank,
                false => self.high = rank - 1,
            }
        }
        rank <= self.low
    }

    fn remaining(&self) -> u32 {
        if self.garbles { self.high - self.low + 1 } else { self.high / 2 - self.low / 2 + 1 }
    }
}

/// A read on its way through the layers.
pub(crate) struct Reading<'a> {
    pub(crate) device: DeviceId,
    /// Where it begins.
    pub(crate) at: Bytes,
    pub(crate) buf: &'a mut [u8],
    pub(crate) choices: &'a mut Choices,
}

impl Reading<'_> {
    fn within(&self, position: u64) -> usize {
        (position - self.at.0) as usize
    }

    fn position(&self, within: usize) -> u64 {
        self.at.0 + within as u64
    }
}

impl Layer {
    pub(crate) fn new(log: Log, interval: u8, devices: usize, profile: &Profile) -> Layer {
        let end = log.ends()[usize::from(interval) - 1];
        let mut pending: Vec<Written> = Vec::new();
        let mut durable: Vec<Overlay> = (0..devices).map(|_| Overlay::default()).collect();
        let honest = profile.flush == Honesty::Honest;
        for entry in &log.entries[..end] {
            match entry {
                Entry::Write(write) if write.fua && profile.fua == Honesty::Honest => {
                    settle(&mut durable, &log.bytes, write);
                }
                Entry::Write(write) => pending.push(write.clone()),
                Entry::Flush(device) if honest => {
                    let covered = |write: &Written| write.device == *device;
                    pending.iter().filter(|write| covered(write)).for_each(|write| {
                        settle(&mut durable, &log.bytes, write);
                    });
                    pending.retain(|write| !covered(write));
                }
                Entry::Flush(_) => {}
            }
        }
        let mut layer = Layer { durable, in_flight: Vec::new(), bytes: log.bytes, lanes: Vec::new() };
        let mut lanes = FxHashMap::default();
        for write in pending {
            let lane = match &write.chip {
                Some(chip) => Some(flash::lane(chip, write.at, profile.order)),
                None => block::lane(profile),
            };
            let next = lanes.len();
            let lane = lane.map(|lane| *lanes.entry((write.device, lane)).or_insert(next));
            layer.lanes.resize_with(lanes.len(), Prefix::default);
            let lane = lane.map(|lane| {
                let prefix = &mut layer.lanes[lane];
                prefix.high += 2;
                prefix.garbles = write.chip.is_some() && profile.torn == Torn::Garbage;
                (lane, prefix.high / 2)
            });
            layer.in_flight.push(InFlight::new(write, lane, profile));
        }
        layer
    }

    /// The length of a device, if the recovery changed it.
    pub(crate) fn len(&mut self, device: DeviceId, depth: usize, choices: &mut Choices) -> Option<Bytes> {
        for index in (0..self.in_flight.len()).rev() {
            let write = &self.in_flight[index].write;
            let Some(len) = write.resize.filter(|_| write.device == device) else { continue };
            if self.fate(index, 0, depth, choices) == Fate::Whole {
                return Some(len);
            }
        }
        self.durable[device.index()].len()
    }

    /// Fills what this layer holds of a range; returns the parts to look for below.
    pub(crate) fn read(&mut self, depth: usize, reading: &mut Reading<'_>) -> Vec<Range<usize>> {
        let mut open: Vec<Range<usize>> = std::iter::once(0..reading.buf.len()).collect();
        for index in (0..self.in_flight.len()).rev() {
            if self.in_flight[index].write.device != reading.device {
                continue;
            }
            let mut left = Vec::new();
            for span in std::mem::take(&mut open) {
                self.read_write(index, depth, span, reading, &mut left);
            }
            open = left;
        }
        let mut below = Vec::new();
        for span in open {
            let start = Bytes(reading.position(span.start));
            self.durable[reading.device.index()].parts(start, span.len(), |part, piece| {
                let part = span.start + part.start..span.start + part.end;
                match piece {
                    Piece::Bytes(bytes) => reading.buf[part].copy_from_slice(bytes),
                    Piece::Zeros => reading.buf[part].fill(0),
                    Piece::Below => below.push(part),
                }
            });
        }
        below
    }

    /// Fills what one write in flight left of a part of a range: where it wrote, and in the page that shares its cells.
    fn read_write(
        &mut self,
        index: usize,
        depth: usize,
        span: Range<usize>,
        reading: &mut Reading<'_>,
        left: &mut Vec<Range<usize>>,
    ) {
        let (write, mut rest) = (&self.in_flight[index].write, Vec::new());
        let (first, last) = (write.at.0, write.at.0 + write.len.0);
        let partner = write.chip.filter(|chip| chip.page_len() == write.len);
        let partner = partner.and_then(|chip| flash::partner(&chip, write.at));
        let mut here = self.enter(&span, first..last, reading, &mut rest);
        while here.start < here.end {
            let (unit, stop) = self.in_flight[index].unit_at(here.start);
            let part = here.start..stop.min(here.end);
            here.start = part.end;
            let out = reading.within(part.start)..reading.within(part.end);
            match self.fate(index, unit, depth, reading.choices) {
                Fate::Lost => rest.push(out),
                Fate::Garbled => self.garble(index, depth, part, &mut reading.buf[out]),
                Fate::Whole => match self.in_flight[index].write.source {
                    None => reading.buf[out].fill(0),
                    Some(source) => {
                        let from = source + (part.start - first) as usize;
                        let len = out.len();
                        reading.buf[out].copy_from_slice(&self.bytes[from..from + len]);
                    }
                },
            }
        }
        let Some(partner) = partner else { return left.append(&mut rest) };
        for span in rest {
            let part = self.enter(&span, partner.0..partner.0 + (last - first), reading, left);
            if part.is_empty() {
                continue;
            }
            let out = reading.within(part.start)..reading.within(part.end);
            match self.fate(index, 0, depth, reading.choices) {
                Fate::Garbled => self.garble(index, depth, part, &mut reading.buf[out]),
                Fate::Whole | Fate::Lost => left.push(out),
            }
        }
    }

    /// The positions that a part of a range has in common with `wanted`; what lies beside them is left.
    fn enter(
        &self,
        span: &Range<usize>,
        wanted: Range<u64>,
        reading: &Reading<'_>,
        left: &mut Vec<Range<usize>>,
    ) -> Range<u64> {
        let (start, end) = (reading.position(span.start), reading.position(span.end));
        let (from, upto) = (start.max(wanted.start), end.min(wanted.end));
        if from >= upto {
            left.push(span.clone());
            return 0..0;
        }
        let beside = [span.start..reading.within(from), reading.within(upto)..span.end];
        left.extend(beside.into_iter().filter(|part| !part.is_empty()));
        from..upto
    }

    /// Fills what reads as garbage because a program or an erase was cut off.
    fn garble(&self, index: usize, depth: usize, part: Range<u64>, out: &mut [u8]) {
        let Some(chip) = self.in_flight[index].write.chip else { return };
        let (page_len, mut here) = (chip.page_len().0, part.start);
        while here < part.end {
            let (page, within) = (here / page_len, (here % page_len) as usize);
            let seed = (depth as u64 + 1) << 56 | (index as u64) << 32 | page;
            let bytes = &garbage(seed, page_len as usize)[within..];
            let out = &mut out[(here - part.start) as usize..];
            let len = bytes.len().min(out.len());
            out[..len].copy_from_slice(&bytes[..len]);
            here += len as u64;
        }
    }

    fn fate(&mut self, index: usize, unit: usize, depth: usize, choices: &mut Choices) -> Fate {
        let InFlight { fates, lane, .. } = &mut self.in_flight[index];
        if let Some(fate) = fates[unit] {
            return fate;
        }
        let (write, depth) = (index as u32, depth as u8 + 1);
        let survived = Question::RecoveryWrite { depth, write, unit: unit as u32 };
        let mut prefix = lane.map(|(lane, step)| (&mut self.lanes[lane], step));
        let whole = match &mut prefix {
            None => choices.ask(survived) == 0,
            Some((prefix, step)) => prefix.reaches(2 * *step, || choices.ask(survived) == 0),
        };
        let garbled = Question::RecoveryGarbled { depth, write };
        let fate = match prefix {
            _ if whole => Fate::Whole,
            Some((prefix, step)) if prefix.garbles => {
                match prefix.reaches(2 * step - 1, || choices.ask(garbled) == 0) {
                    true => Fate::Garbled,
                    false => Fate::Lost,
                }
            }
            _ => Fate::Lost,
        };
        fates[unit] = Some(fate);
        fate
    }

    /// How many outcomes the answers so far leave open.
    pub(crate) fn remaining(&self) -> BigUint {
        let alone = self.in_flight.iter().filter(|one| one.lane.is_none());
        let open = alone.flat_map(|one| &one.fates).filter(|fate| fate.is_none()).count();
        let lanes = self.lanes.iter().map(Prefix::remaining);
        lanes.fold(BigUint::from(2u8).pow(open as u32), |product, ways| product * ways)
    }
}

impl InFlight {
    fn new(write: Written, lane: Option<(usize, u32)>, profile: &Profile) -> InFlight {
        let unit = match profile.atomic {
            Atomic::Bytes(unit) if lane.is_none() && write.resize.is_none() => u64::from(unit),
            _ => u64::MAX,
        };
        let units = match write.len {
            Bytes::ZERO => 1,
            len => (write.at.0 + len.0 - 1) / unit - write.at.0 / unit + 1,
        };
        InFlight { write, fates: vec![None; units as usize], unit, lane }
    }

    /// The unit that a position falls into, and where it ends.
    fn unit_at(&self, position: u64) -> (usize, u64) {
        let nth = position / self.unit;
        let end = (nth + 1).saturating_mul(self.unit);
        ((nth - self.write.at.0 / self.unit) as usize, end)
    }
}

/// Makes a write of a recovery durable.
fn settle(durable: &mut [Overlay], bytes: &[u8], write: &Written) {
    let overlay = &mut durable[write.device.index()];
    match write.source {
        Some(source) => overlay.write(write.at, &bytes[source..source + write.len.index()]),
        None => overlay.zero(write.at, write.len),
    }
    if let Some(len) = write.resize {
        overlay.set_len(len);
    }
}
