//! A crash during recovery: what recovery wrote is in flight or durable, like everything before it.
//!
//! Units that tear are old or new here, not garbage: recovery meets garbage in the first crash already.

use super::overlay::{Overlay, Piece};
use crate::choice::{Choices, Question};
use crate::profile::{Atomic, Honesty, Order, Profile};
use crashcheck_trace::{Bytes, DeviceId};
use num_bigint::BigUint;
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
}

impl Log {
    pub(crate) fn write(&mut self, device: DeviceId, at: Bytes, data: &[u8], fua: bool) {
        let source = Some(self.bytes.len());
        self.bytes.extend_from_slice(data);
        self.entries.push(Entry::Write(Written {
            device,
            at,
            len: Bytes::of(data.len()),
            source,
            resize: None,
            fua,
        }));
    }

    pub(crate) fn zero(&mut self, device: DeviceId, at: Bytes, len: Bytes) {
        self.entries.push(Entry::Write(Written { device, at, len, source: None, resize: None, fua: false }));
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
    /// Where nothing overtakes: by device, how many writes survived at least and at most.
    prefix: Vec<(u32, u32)>,
}

struct InFlight {
    write: Written,
    /// By atomic unit: whether it survived.
    fates: Vec<Option<bool>>,
    /// The size of a unit.
    unit: u64,
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
        let in_flight: Vec<InFlight> =
            pending.into_iter().map(|write| InFlight::new(write, profile)).collect();
        let count = |device| in_flight.iter().filter(|one| one.write.device.index() == device).count() as u32;
        let prefix = (0..devices).map(|device| (0, count(device))).collect();
        Layer { durable, in_flight, bytes: log.bytes, prefix }
    }

    /// The length of a device, if the recovery changed it.
    pub(crate) fn len(
        &mut self,
        device: DeviceId,
        depth: usize,
        profile: &Profile,
        choices: &mut Choices,
    ) -> Option<Bytes> {
        for index in (0..self.in_flight.len()).rev() {
            let write = &self.in_flight[index].write;
            let Some(len) = write.resize.filter(|_| write.device == device) else { continue };
            if self.survived(index, 0, depth, profile, choices) {
                return Some(len);
            }
        }
        self.durable[device.index()].len()
    }

    /// Fills what this layer holds of a range; returns the parts to look for below.
    pub(crate) fn read(
        &mut self,
        device: DeviceId,
        depth: usize,
        at: Bytes,
        buf: &mut [u8],
        profile: &Profile,
        choices: &mut Choices,
    ) -> Vec<Range<usize>> {
        let mut open: Vec<Range<usize>> = std::iter::once(0..buf.len()).collect();
        for index in (0..self.in_flight.len()).rev() {
            if self.in_flight[index].write.device != device {
                continue;
            }
            let mut left = Vec::new();
            for span in std::mem::take(&mut open) {
                self.read_write(index, depth, at, span, buf, profile, choices, &mut left);
            }
            open = left;
        }
        let mut below = Vec::new();
        for span in open {
            let start = at + Bytes::of(span.start);
            self.durable[device.index()].parts(start, span.len(), |part, piece| {
                let part = span.start + part.start..span.start + part.end;
                match piece {
                    Piece::Bytes(bytes) => buf[part].copy_from_slice(bytes),
                    Piece::Zeros => buf[part].fill(0),
                    Piece::Below => below.push(part),
                }
            });
        }
        below
    }

    /// Fills what one write in flight holds of a part of a range, unit by unit.
    #[expect(clippy::too_many_arguments, reason = "a read on its way through the layers")]
    fn read_write(
        &mut self,
        index: usize,
        depth: usize,
        at: Bytes,
        span: Range<usize>,
        buf: &mut [u8],
        profile: &Profile,
        choices: &mut Choices,
        left: &mut Vec<Range<usize>>,
    ) {
        let (first, last) = {
            let write = &self.in_flight[index].write;
            (write.at.0, write.at.0 + write.len.0)
        };
        let (start, end) = (at.0 + span.start as u64, at.0 + span.end as u64);
        let (from, upto) = (start.max(first), end.min(last));
        if from >= upto {
            left.push(span);
            return;
        }
        let within = |position: u64| (position - at.0) as usize;
        if start < from {
            left.push(span.start..within(from));
        }
        let mut here = from;
        while here < upto {
            let (unit, stop) = self.in_flight[index].unit_at(here);
            let stop = stop.min(upto);
            let out = within(here)..within(stop);
            if self.survived(index, unit, depth, profile, choices) {
                match self.in_flight[index].write.source {
                    None => buf[out].fill(0),
                    Some(source) => {
                        let from = source + (here - first) as usize;
                        buf[out].copy_from_slice(&self.bytes[from..from + (stop - here) as usize]);
                    }
                }
            } else {
                left.push(out);
            }
            here = stop;
        }
        if upto < end {
            left.push(within(upto)..span.end);
        }
    }

    fn survived(
        &mut self,
        index: usize,
        unit: usize,
        depth: usize,
        profile: &Profile,
        choices: &mut Choices,
    ) -> bool {
        if let Some(fate) = self.in_flight[index].fates[unit] {
            return fate;
        }
        let (write, depth) = (index as u32, depth as u8 + 1);
        let question = Question::RecoveryWrite { depth, write, unit: unit as u32 };
        let device = self.in_flight[index].write.device;
        let fate = match profile.order {
            Order::Any => choices.ask(question) == 0,
            Order::Issued => {
                let before = self.in_flight[..index].iter().filter(|one| one.write.device == device);
                let nth = before.count() as u32;
                let (low, high) = &mut self.prefix[device.index()];
                let fate = nth < *low || (nth < *high && choices.ask(question) == 0);
                if fate {
                    *low = (*low).max(nth + 1);
                } else {
                    *high = (*high).min(nth);
                }
                fate
            }
        };
        self.in_flight[index].fates[unit] = Some(fate);
        fate
    }

    /// How many outcomes the answers so far leave open.
    pub(crate) fn remaining(&self) -> BigUint {
        let open = self.in_flight.iter().flat_map(|one| &one.fates).filter(|fate| fate.is_none()).count();
        BigUint::from(2u8).pow(open as u32)
    }
}

impl InFlight {
    fn new(write: Written, profile: &Profile) -> InFlight {
        let unit = match profile.atomic {
            Atomic::Bytes(unit) if profile.order == Order::Any && write.resize.is_none() => u64::from(unit),
            _ => u64::MAX,
        };
        let units = match write.len {
            Bytes::ZERO => 1,
            len => (write.at.0 + len.0 - 1) / unit - write.at.0 / unit + 1,
        };
        InFlight { write, fates: vec![None; units as usize], unit }
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
