//! Plain bytes: what is written is there, and nothing is recorded.

use super::backing::{Backing, Chips, slots, write_names, write_to};
use crate::error::DiskError;
use crate::lent::Lent;
use crashcheck_trace::files::NameChange;
use crashcheck_trace::{BlockNo, Bytes, Device, DeviceId, DeviceKind, Image, Label, NandGeometry, Reach};

pub(super) struct Plain {
    images: Vec<Image>,
    kinds: Vec<DeviceKind>,
    chips: Chips,
}

impl Plain {
    pub(super) fn new(devices: &[Device]) -> Plain {
        let images = devices.iter().map(|device| device.base.clone()).collect();
        let kinds = devices.iter().map(|device| device.kind.clone()).collect();
        Plain { images, kinds, chips: Chips::of(devices) }
    }
}

impl Backing for Plain {
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
        _: Option<Reach>,
        _: Option<&Label>,
    ) -> Result<(), DiskError> {
        write_to(&mut self.images[device.index()], at, data);
        Ok(())
    }

    fn zero(&mut self, device: DeviceId, at: Bytes, len: Bytes, _: Option<&Label>) -> Result<(), DiskError> {
        let image = &mut self.images[device.index()];
        image.resize(image.len().max(at + len));
        image.zero(at, len);
        Ok(())
    }

    fn discard(&mut self, _: DeviceId, _: Bytes, _: Bytes) -> Result<(), DiskError> {
        Ok(())
    }

    fn resize(&mut self, device: DeviceId, len: Bytes) -> Result<(), DiskError> {
        self.images[device.index()].resize(len);
        Ok(())
    }

    fn flush(&mut self, _: DeviceId, _: Reach) -> Result<(), DiskError> {
        Ok(())
    }

    fn kind(&mut self, device: DeviceId) -> Option<&DeviceKind> {
        self.kinds.get(device.index())
    }

    fn add_device(&mut self, device: Device) -> Result<DeviceId, DiskError> {
        let id = DeviceId(self.images.len() as u16);
        self.images.push(device.base);
        self.kinds.push(device.kind);
        Ok(id)
    }

    fn change_names(&mut self, changes: &[NameChange], _: Option<&Label>) -> Result<(), DiskError> {
        write_names(&mut self.images, changes);
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
        _: Option<&Label>,
    ) -> Result<(), DiskError> {
        self.images[device.index()].write(at, data);
        Ok(())
    }

    fn erase(&mut self, device: DeviceId, at: Bytes, len: Bytes, _: Option<&Label>) -> Result<(), DiskError> {
        self.images[device.index()].write(at, &vec![0xFF; len.index()]);
        Ok(())
    }
}
