//! A crash state: what the power failure may have left, decided where somebody looks.

use super::backing::Backing;
use crate::error::DiskError;
use crate::lent::Lent;
use crate::media::LazyImage;
use crashcheck_trace::files::NameChange;
use crashcheck_trace::{
    BlockNo, Bytes, Device, DeviceId, DeviceKind, Event, Label, NandGeometry, Payload, Reach,
};

impl Backing for LazyImage {
    fn devices(&self) -> usize {
        self.devices()
    }

    fn len(&mut self, device: DeviceId) -> Result<Bytes, DiskError> {
        if self.is_lost(device) { Err(DiskError::Lost { device }) } else { Ok(self.len(device)) }
    }

    fn read(&mut self, device: DeviceId, at: Bytes, buf: &mut [u8]) -> Result<(), DiskError> {
        self.read(device, at, buf).map_err(|at| DiskError::Unreadable { device, at })
    }

    fn lend(&mut self, device: DeviceId, at: Bytes, len: usize) -> Result<Lent, DiskError> {
        self.lend(device, at, len).map_err(|at| DiskError::Unreadable { device, at })
    }

    fn write(
        &mut self,
        device: DeviceId,
        at: Bytes,
        data: &[u8],
        fua: Option<Reach>,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        // One copy, for the devices and for the trace that a life leaves.
        self.write(device, at, Payload::from(data).into(), fua, label);
        Ok(())
    }

    fn write_lent(
        &mut self,
        device: DeviceId,
        at: Bytes,
        data: &Lent,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        self.write(device, at, data.clone(), None, label);
        Ok(())
    }

    fn zero(
        &mut self,
        device: DeviceId,
        at: Bytes,
        len: Bytes,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        self.zero(device, at, len, label);
        Ok(())
    }

    fn discard(&mut self, device: DeviceId, at: Bytes, len: Bytes) -> Result<(), DiskError> {
        self.discard(device, at, len);
        Ok(())
    }

    fn resize(&mut self, device: DeviceId, len: Bytes) -> Result<(), DiskError> {
        self.resize(device, len);
        Ok(())
    }

    fn flush(&mut self, device: DeviceId, reach: Reach) -> Result<(), DiskError> {
        self.flush(device, reach);
        Ok(())
    }

    fn kind(&mut self, device: DeviceId) -> Option<&DeviceKind> {
        self.find_kind(device)
    }

    fn count_devices(&mut self) -> usize {
        self.count_devices()
    }

    fn add_device(&mut self, device: Device) -> Result<DeviceId, DiskError> {
        Ok(self.add_device(device))
    }

    fn change_names(&mut self, changes: &[NameChange], label: Option<&Label>) -> Result<(), DiskError> {
        self.change_names(changes, label);
        Ok(())
    }

    fn slots(&mut self, device: DeviceId) -> Vec<Lent> {
        self.slots(device).into_values().collect()
    }

    fn chip(&self, device: DeviceId) -> Option<NandGeometry> {
        self.chip(device)
    }

    fn erases(&mut self, device: DeviceId, block: BlockNo) -> u32 {
        self.erases(device, block)
    }

    fn set_erases(&mut self, device: DeviceId, block: BlockNo, erases: u32) {
        self.set_erases(device, block, erases);
    }

    fn is_ones(&mut self, device: DeviceId, at: Bytes, len: Bytes) -> bool {
        self.is_ones(device, at, len)
    }

    fn program(
        &mut self,
        device: DeviceId,
        at: Bytes,
        data: &[u8],
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        self.program(device, at, data, label);
        Ok(())
    }

    fn erase(
        &mut self,
        device: DeviceId,
        at: Bytes,
        len: Bytes,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        self.erase(device, at, len, label);
        Ok(())
    }

    fn is_noted(&self) -> bool {
        self.is_logged()
    }

    fn note(&mut self, event: Event) {
        self.note(event);
    }

    fn note_recovered(&mut self) {
        self.note_recovered();
    }

    fn image(&mut self) -> Option<&mut LazyImage> {
        Some(self)
    }

    fn into_image(self: Box<Self>) -> Option<Box<LazyImage>> {
        Some(self)
    }
}
