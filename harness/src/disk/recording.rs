//! A recording: sparse images, and everything that happens to them.

use super::backing::{Backing, Chips};
use crate::error::DiskError;
use crashcheck_trace::{BlockNo, Bytes, Device, DeviceId, DeviceKind, Event, Image};
use crashcheck_trace::{Label, NandGeometry, Payload, Trace};
use std::backtrace::Backtrace;

pub(super) struct Recording {
    images: Vec<Image>,
    trace: Trace,
    chips: Chips,
    /// By event, the calls that led to it.
    sites: Option<Vec<Backtrace>>,
}

impl Recording {
    pub(super) fn new(devices: &[Device]) -> Recording {
        Recording {
            images: devices.iter().map(|device| device.base.clone()).collect(),
            trace: Trace { devices: devices.to_vec(), events: Vec::new() },
            chips: Chips::of(devices),
            sites: None,
        }
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
        fua: bool,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        self.images[device.index()].write(at, data);
        self.note(Event::Write { device, at, data: Payload::from(data), fua, label: label.cloned() });
        Ok(())
    }

    fn zero(
        &mut self,
        device: DeviceId,
        at: Bytes,
        len: Bytes,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        self.images[device.index()].zero(at, len);
        self.note(Event::WriteZeroes { device, at, len, fua: false, label: label.cloned() });
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

    fn flush(&mut self, device: DeviceId) -> Result<(), DiskError> {
        self.note(Event::Flush { device, except: Vec::new() });
        Ok(())
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

    fn take_sites(&mut self) -> Vec<Backtrace> {
        self.sites.take().unwrap_or_default()
    }

    fn into_trace(self: Box<Self>) -> Option<Trace> {
        Some(self.trace)
    }
}
