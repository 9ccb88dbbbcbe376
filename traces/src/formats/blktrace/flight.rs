//! The requests of one device between issue and completion.

use super::{DISCARD, FLUSH, FUA, Record, SECTOR, WRITE};
use crate::formats::Collector;
use crate::import::ImportError;
use crate::{Bytes, DeviceId, Event, EventId, Reach};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What is in flight on one device.
pub(super) struct Flight {
    device: DeviceId,
    /// By the first sector that has not completed yet.
    requests: BTreeMap<u64, VecDeque<Request>>,
    /// Flushes without data, in the order of their issue.
    flushes: VecDeque<Barrier>,
    /// Events that are in the trace and have not completed.
    flying: BTreeSet<EventId>,
    /// All writes and discards in the trace that a flush has to cover, ascending.
    volatile: Vec<EventId>,
    /// Flushes, and requests by their first sector, that were put back and will be issued again.
    flushes_back: usize,
    requests_back: BTreeMap<u64, usize>,
    /// Requests that failed: they stay in flight, whatever is issued to the same sectors later.
    failed: Vec<Request>,
}

/// A request with a range.
struct Request {
    record: Record,
    left: u64,
    /// Its event, if that is in the trace already.
    event: Option<EventId>,
    barrier: Option<Barrier>,
}

/// What a flush found when it was issued.
struct Barrier {
    /// Its issue.
    record: Record,
    flying: Vec<EventId>,
    /// How many volatile events stood in the trace.
    before: usize,
}

impl Flight {
    pub(super) fn new(device: DeviceId) -> Self {
        Flight {
            device,
            requests: BTreeMap::new(),
            flushes: VecDeque::new(),
            flying: BTreeSet::new(),
            volatile: Vec::new(),
            flushes_back: 0,
            requests_back: BTreeMap::new(),
            failed: Vec::new(),
        }
    }

    pub(super) fn requeue(&mut self, record: &Record) {
        if record.bytes == 0 {
            self.flushes_back = self.flushes.len().min(self.flushes_back + 1);
        } else if let Some(queue) = self.requests.get(&record.sector) {
            let back = self.requests_back.entry(record.sector).or_default();
            *back = queue.len().min(*back + 1);
        }
    }

    pub(super) fn issue(&mut self, record: &Record, to: &mut Collector<'_>) -> Result<(), ImportError> {
        if self.issued_again(record) {
            return Ok(());
        }
        to.charge(size_of::<Request>(), record.offset)?;
        let barrier = if record.is(FLUSH) { Some(self.barrier(record, to)?) } else { None };
        if record.bytes == 0 {
            self.flushes.extend(barrier);
            return Ok(());
        }
        let event = if record.is(DISCARD) {
            let (at, len) = (record.at()?, Bytes(u64::from(record.bytes)));
            Some(to.push(Event::Discard { device: self.device, at, len }, record.offset)?)
        } else if !record.is(FUA) && record.is(WRITE) {
            let write = record.write(false, self.device, to)?;
            Some(to.push(write, record.offset)?)
        } else {
            None
        };
        self.flying.extend(event);
        self.volatile.extend(event);
        let left = u64::from(record.bytes);
        let request = Request { record: *record, left, event, barrier };
        self.requests.entry(record.sector).or_default().push_back(request);
        Ok(())
    }

    fn issued_again(&mut self, record: &Record) -> bool {
        let back = match record.bytes {
            0 => Some(&mut self.flushes_back),
            _ => self.requests_back.get_mut(&record.sector),
        };
        let Some(back) = back.filter(|back| **back > 0) else { return false };
        *back -= 1;
        true
    }

    fn barrier(&self, record: &Record, to: &mut Collector<'_>) -> Result<Barrier, ImportError> {
        to.charge(self.flying.len() * size_of::<EventId>(), record.offset)?;
        let flying = self.flying.iter().copied().collect();
        Ok(Barrier { record: *record, flying, before: self.volatile.len() })
    }

    pub(super) fn complete(&mut self, record: &Record, to: &mut Collector<'_>) -> Result<(), ImportError> {
        if record.bytes == 0 {
            // What completes a second time without bytes, or is no flush, completes none of those that are in flight.
            let is_its = |barrier: &Barrier| barrier.record.is_completed_by(record);
            let nth = self.flushes.iter().position(is_its);
            let barrier = nth.and_then(|nth| self.flushes.remove(nth)).filter(|_| record.error == 0);
            self.flushes_back = self.flushes_back.min(self.flushes.len());
            return barrier.map_or(Ok(()), |barrier| self.flush(barrier, record, to));
        }
        // A completion without an issue belongs to a request from before the trace began.
        let Some(mut request) = self.take(record.sector) else { return Ok(()) };
        if record.error != 0 {
            self.failed.push(request);
            return Ok(());
        }
        let done = u64::from(record.bytes);
        if done < request.left {
            request.left -= done;
            let sector = record.sector.saturating_add(done / SECTOR);
            self.requests.entry(sector).or_default().push_back(request);
            return Ok(());
        }
        if let Some(barrier) = request.barrier.take() {
            self.flush(barrier, record, to)?;
        }
        match request.event {
            Some(event) => {
                self.flying.remove(&event);
            }
            None => self.late(&request.record, true, to)?,
        }
        Ok(())
    }

    fn take(&mut self, sector: u64) -> Option<Request> {
        let queue = self.requests.get_mut(&sector)?;
        let request = queue.pop_front();
        if queue.is_empty() {
            self.requests.remove(&sector);
            self.requests_back.remove(&sector);
        }
        request
    }

    fn flush(&self, barrier: Barrier, record: &Record, to: &mut Collector<'_>) -> Result<(), ImportError> {
        let since = self.volatile[barrier.before..].iter().copied();
        let except: Vec<EventId> = barrier.flying.into_iter().chain(since).collect();
        to.charge(size_of_val(except.as_slice()), record.offset)?;
        to.push(Event::Flush { device: self.device, except, reach: Reach::All }, record.offset)?;
        Ok(())
    }

    /// A write that was held back until its completion.
    fn late(&self, record: &Record, fua: bool, to: &mut Collector<'_>) -> Result<(), ImportError> {
        if record.is(WRITE) {
            let write = record.write(fua, self.device, to)?;
            to.push(write, record.offset)?;
        }
        Ok(())
    }

    /// What never completed, or failed, stays in flight to the end. Says how many flushes and FUA writes never completed.
    pub(super) fn land(self, to: &mut Collector<'_>) -> Result<usize, ImportError> {
        if !self.failed.is_empty() {
            to.warn(format!("{} requests failed: they count as still in flight", self.failed.len()));
        }
        let open = self.requests.values().flatten().chain(&self.failed);
        let late = open.filter(|request| request.event.is_none());
        let mut late: Vec<&Record> = late.map(|request| &request.record).collect();
        late.sort_by_key(|record| (record.time, record.offset));
        late.into_iter().try_for_each(|record| self.late(record, false, to))?;
        let barriers = self.requests.values().flatten().filter(|request| request.record.is(FLUSH | FUA));
        Ok(self.flushes.len() + barriers.count())
    }
}
