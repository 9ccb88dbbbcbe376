//! Plain bytes: what is written is there, and nothing is recorded.

use super::backing::{Backing, Chips};
use crate::error::DiskError;
use crashcheck_trace::{BlockNo, Bytes, Device, DeviceId, Label, NandGeometry};

pub(super) struct Plain {
    images: Vec<Vec<u8>>,
    chips: Chips,
}

impl Plain {
    pub(super) fn new(devices: &[Device]) -> Plain {
        let images = devices.iter().map(|device| device.base.to_vec()).collect();
        Plain { images, chips: Chips::of(devices) }
    }

    fn part(&mut self, device: DeviceId, at: Bytes, len: usize) -> &mut [u8] {
        &mut self.images[device.index()][at.index()..at.index() + len]
    }
}

impl Backing for Plain {
    fn devices(&self) -> usize {
        self.images.len()
    }

    fn len(&mut self, device: DeviceId) -> Result<Bytes, DiskError> {
        Ok(Bytes::of(self.images[device.index()].len()))
    }

    fn read(&mut self, device: DeviceId, at: Bytes, buf: &mut [u8]) -> Result<(), DiskError> {
        buf.copy_from_slice(self.part(device, at, buf.len()));
        Ok(())
    }

    fn write(
        &mut self,
        device: DeviceId,
        at: Bytes,
        data: &[u8],
        _: bool,
        _: Option<&Label>,
    ) -> Result<(), DiskError> {
        self.part(device, at, data.len()).copy_from_slice(data);
        Ok(())
    }

    fn zero(&mut self, device: DeviceId, at: Bytes, len: Bytes, _: Option<&Label>) -> Result<(), DiskError> {
        self.part(device, at, len.index()).fill(0);
        Ok(())
    }

    fn discard(&mut self, _: DeviceId, _: Bytes, _: Bytes) -> Result<(), DiskError> {
        Ok(())
    }

    fn resize(&mut self, device: DeviceId, len: Bytes) -> Result<(), DiskError> {
        self.images[device.index()].resize(len.index(), 0);
        Ok(())
    }

    fn flush(&mut self, _: DeviceId) -> Result<(), DiskError> {
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
        _: Option<&Label>,
    ) -> Result<(), DiskError> {
        self.part(device, at, data.len()).copy_from_slice(data);
        Ok(())
    }

    fn erase(&mut self, device: DeviceId, at: Bytes, len: Bytes, _: Option<&Label>) -> Result<(), DiskError> {
        self.part(device, at, len.index()).fill(0xFF);
        Ok(())
    }
}
