//! The formats of other recorders. [`import`](crate::import) opens them all; each module says how its format maps to
//! events.

pub mod blktrace;
pub mod dm_log_writes;
pub mod fio;
mod synthetic;

use crate::import::{ImportError, ImportProblem, Options};
use crate::{Bytes, DEVICE_LEN_MAX, Device, DeviceId, Event, EventId, Image, Trace};

/// Collects the events of an import, within its memory, and finds out how long the devices are.
pub(crate) struct Collector<'a> {
    options: &'a Options,
    names: Vec<String>,
    /// The largest end of an event, and where in the file it was found.
    ends: Vec<(Bytes, u64)>,
    events: Vec<Event>,
    used: u64,
    warnings: Vec<String>,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(options: &'a Options) -> Self {
        Collector { options, names: vec![], ends: vec![], events: vec![], used: 0, warnings: vec![] }
    }

    /// Adds a device. A file cannot name more than 65,536 of them.
    pub(crate) fn device(&mut self, name: &str, offset: u64) -> Result<DeviceId, ImportError> {
        let id = u16::try_from(self.names.len())
            .map_err(|_| ImportError::malformed(offset, "there are more than 65,536 devices"))?;
        self.charge(name.len() + 64, offset)?;
        self.names.push(name.to_owned());
        self.ends.push((Bytes::ZERO, offset));
        Ok(DeviceId(id))
    }

    pub(crate) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    pub(crate) fn next_id(&self) -> EventId {
        EventId(self.events.len() as u32)
    }

    /// Accounts for memory before it is taken.
    pub(crate) fn charge(&mut self, bytes: usize, offset: u64) -> Result<(), ImportError> {
        self.used = self.used.saturating_add(bytes as u64);
        let limit = self.options.limits.memory;
        if self.used <= limit.0 {
            return Ok(());
        }
        Err(ImportError::new(offset, ImportProblem::Memory { limit }))
    }

    /// Appends an event; the memory of its content is charged by the caller, before it is made.
    pub(crate) fn push(&mut self, event: Event, offset: u64) -> Result<EventId, ImportError> {
        let id = self.next_id();
        if id.0 == u32::MAX {
            return Err(ImportError::malformed(offset, "there are more than 2^32 events"));
        }
        self.charge(size_of::<Event>(), offset)?;
        if let Some((device, at, len)) = event.range() {
            self.reach(device, at, len, offset)?;
        }
        self.events.push(event);
        Ok(id)
    }

    fn reach(&mut self, device: DeviceId, at: Bytes, len: Bytes, offset: u64) -> Result<(), ImportError> {
        let end = at.checked_add(len).filter(|end| *end <= DEVICE_LEN_MAX);
        let end = end.ok_or_else(|| {
            ImportError::malformed(offset, format!("a range of {len} at {at} lies beyond any device"))
        })?;
        if let Some(size) = self.fixed_len().filter(|size| end > *size) {
            let (end, size) = (end.0, size.0);
            let what =
                format!("an event ends at byte {end} of a device of {size}: give the right base or length");
            return Err(ImportError::unfit(offset, what));
        }
        if end > self.ends[device.index()].0 {
            self.ends[device.index()] = (end, offset);
        }
        Ok(())
    }

    fn fixed_len(&self) -> Option<Bytes> {
        self.options.device_len.or_else(|| self.options.base.as_ref().map(Image::len))
    }

    /// The trace, its devices in blocks of `block` and, where nothing fixes their length, as long as what was seen,
    /// rounded up to `round`.
    pub(crate) fn finish(self, block: Bytes, round: Bytes) -> Result<(Trace, Vec<String>), ImportError> {
        let fixed = self.fixed_len();
        if self.options.base.is_some() && self.names.len() > 1 {
            let what = format!("a base image serves one device, but the trace has {}", self.names.len());
            return Err(ImportError::unfit(self.ends[1].1, what));
        }
        if let Some(len) = fixed.filter(|len| *len > DEVICE_LEN_MAX) {
            return Err(ImportError::unfit(0, format!("no device can have a length of {len}")));
        }
        let device = |(name, (end, _)): (String, (Bytes, u64))| {
            let len = fixed.unwrap_or(Bytes(end.0.next_multiple_of(round.0)));
            let mut base = self.options.base.clone().unwrap_or_default();
            base.resize(len);
            Device::block(&name, block, base)
        };
        let devices = self.names.into_iter().zip(self.ends).map(device).collect();
        Ok((Trace { devices, events: self.events }, self.warnings))
    }
}
