//! A recording: sparse images, and everything that happens to them.

use super::backing::{Backing, Chips, slots, write_names, write_to};
use super::failing::{Failing, Lost, in_flight, without_dropped};
use crate::choice::{Choices, Path};
use crate::error::DiskError;
use crate::lent::Lent;
use crashcheck_trace::files::NameChange;
use crashcheck_trace::{BlockNo, Bytes, Device, DeviceId, DeviceKind, Event, EventId, Image};
use crashcheck_trace::{Label, NandGeometry, Payload, Reach, Trace};
use std::backtrace::Backtrace;

pub(super) struct Recording {
    images: Vec<Image>,
    trace: Trace,
    chips: Chips,
    /// By event, the calls that led to it.
    sites: Option<Vec<Backtrace>>,
    /// Which flush fails, if one may.
    failing: Option<Failing>,
}

impl Recording {
    pub(super) fn new(devices: &[Device]) -> Recording {
        Recording {
            images: devices.iter().map(|device| device.base.clone()).collect(),
            trace: Trace { devices: devices.to_vec(), events: Vec::new() },
            chips: Chips::of(devices),
            sites: None,
            failing: None,
        }
    }

    /// Whether the next event, a flush of these writes, fails; those of a flash chip do not.
    fn lost(&mut self, device: DeviceId, writes: &[EventId]) -> Option<Lost> {
        let is_chip = self.chips.get(device).is_some();
        let can_be_dropped = |write: &EventId| {
            let event = self.trace.events.get(write.index());
            event.is_some_and(|event| event.range().is_some())
        };
        let drops = writes.iter().any(can_be_dropped);
        let event = EventId(self.trace.events.len() as u32);
        self.failing.as_mut().filter(|_| !is_chip)?.ask(event, device, drops)
    }

    /// A flush of these writes has failed.
    fn fail(&mut self, device: DeviceId, writes: Vec<EventId>, lost: Lost) -> Result<(), DiskError> {
        let dropped = lost == Lost::Dropped;
        self.note(Event::FlushFailed { device, writes, dropped });
        if dropped {
            self.images[device.index()] = without_dropped(&self.trace, device);
        }
        Err(DiskError::FlushFailed { device })
    }

    /// One that records the calls that led to each event as well.
    pub(super) fn with_sites(devices: &[Device]) -> Recording {
        Recording { sites: Some(Vec::new()), ..Recording::new(devices) }
    }
}

impl Backing for Recording {
    fn devices(&self) -> usize {
        self.images.len()
    }

    fn len(&mut self, device: DeviceId) -> Result<Bytes, DiskError> {
        Ok(self.images[device.index()].len())
    }

    fn read(&mut self, device: DeviceId, at: Bytes, buf: &mut [u8]) -> Result<(), DiskError> {
        self.images[device.index()].read(at, buf);
        Ok(())
    }

    fn write(
        &mut self,
        device: DeviceId,
        at: Bytes,
        data: &[u8],
        fua: Option<Reach>,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        // Of a write that is to be durable at once nothing else is known than that it is on the medium or not.
        let lost = fua.and_then(|_| self.lost(device, &[]));
        write_to(&mut self.images[device.index()], at, data);
        let (write, fua) = (EventId(self.trace.events.len() as u32), fua.filter(|_| lost.is_none()));
        self.note(Event::Write { device, at, data: Payload::from(data), fua, label: label.cloned() });
        lost.map_or(Ok(()), |lost| self.fail(device, vec![write], lost))
    }

    fn zero(
        &mut self,
        device: DeviceId,
        at: Bytes,
        len: Bytes,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        let image = &mut self.images[device.index()];
        image.resize(image.len().max(at + len));
        image.zero(at, len);
        self.note(Event::WriteZeroes { device, at, len, fua: None, label: label.cloned() });
        Ok(())
    }

    fn discard(&mut self, device: DeviceId, at: Bytes, len: Bytes) -> Result<(), DiskError> {
        self.note(Event::Discard { device, at, len });
        Ok(())
    }

    fn resize(&mut self, device: DeviceId, len: Bytes) -> Result<(), DiskError> {
        self.images[device.index()].resize(len);
        self.note(Event::Resize { device, len });
        Ok(())
    }

    fn flush(&mut self, device: DeviceId, reach: Reach) -> Result<(), DiskError> {
        if self.failing.is_some() {
            let writes = in_flight(&self.trace, device);
            if let Some(lost) = self.lost(device, &writes) {
                return self.fail(device, writes, lost);
            }
        }
        self.note(Event::Flush { device, except: Vec::new(), reach });
        Ok(())
    }

    fn kind(&mut self, device: DeviceId) -> Option<&DeviceKind> {
        Some(&self.trace.devices.get(device.index())?.kind)
    }

    fn add_device(&mut self, device: Device) -> Result<DeviceId, DiskError> {
        let id = DeviceId(self.images.len() as u16);
        self.images.push(device.base.clone());
        self.trace.devices.push(device);
        Ok(id)
    }

    fn change_names(&mut self, changes: &[NameChange], label: Option<&Label>) -> Result<(), DiskError> {
        write_names(&mut self.images, changes);
        self.note(Event::Names { changes: changes.to_vec(), label: label.cloned() });
        Ok(())
    }

    fn slots(&mut self, device: DeviceId) -> Vec<Lent> {
        slots(&self.images[device.index()])
    }

    fn chip(&self, device: DeviceId) -> Option<NandGeometry> {
        self.chips.geometry(device)
    }

    fn erases(&mut self, device: DeviceId, block: BlockNo) -> u32 {
        self.chips.erases(device, block)
    }

    fn set_erases(&mut self, device: DeviceId, block: BlockNo, erases: u32) {
        self.chips.set_erases(device, block, erases);
    }

    fn program(
        &mut self,
        device: DeviceId,
        at: Bytes,
        data: &[u8],
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        self.images[device.index()].write(at, data);
        self.note(Event::Program { device, at, data: Payload::from(data), label: label.cloned() });
        Ok(())
    }

    fn erase(
        &mut self,
        device: DeviceId,
        at: Bytes,
        len: Bytes,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        self.images[device.index()].write(at, &vec![0xFF; len.index()]);
        self.note(Event::Erase { device, at, len, label: label.cloned() });
        Ok(())
    }

    fn is_noted(&self) -> bool {
        true
    }

    fn note(&mut self, event: Event) {
        if let Some(sites) = &mut self.sites {
            sites.push(Backtrace::force_capture());
        }
        self.trace.events.push(event);
    }

    fn rebase(&mut self) {
        self.trace.events.clear();
        self.sites.as_mut().map(Vec::clear);
        for ((id, device), image) in (0..).map(DeviceId).zip(&mut self.trace.devices).zip(&self.images) {
            device.base = image.clone();
            if let Some(chip) = self.chips.get(id) {
                device.kind = DeviceKind::Nand(chip.clone());
            }
        }
    }

    fn let_flushes_fail(&mut self, choices: Choices) {
        self.failing = Some(Failing::new(choices));
    }

    fn flushes(&self) -> Path {
        self.failing.as_ref().map(|failing| failing.path().clone()).unwrap_or_default()
    }

    #[cfg(feature = "program")]
    fn noted(&self) -> usize {
        self.trace.events.len()
    }

    fn take_sites(&mut self) -> Vec<Backtrace> {
        self.sites.take().unwrap_or_default()
    }

    fn into_trace(self: Box<Self>) -> Option<Trace> {
        Some(self.trace)
    }
}
