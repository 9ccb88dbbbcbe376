//! What the devices of a machine are kept on: one implementation for each way in which a system is run.

use super::run::Run;
use crate::choice::{Choices, Path};
use crate::error::DiskError;
use crate::lent::Lent;
use crate::media::LazyImage;
use crashcheck_trace::files::{NameChange, SLOT};
use crashcheck_trace::{BlockNo, Bytes, Device, DeviceId, DeviceKind, Event, Image, Label};
use crashcheck_trace::{NandChip, NandGeometry, Reach, Trace};
use std::backtrace::Backtrace;

/// The devices of a machine. Each range lies within its device.
pub(super) trait Backing: Send {
    fn devices(&self) -> usize;

    /// The length of a device that has not failed.
    fn len(&mut self, device: DeviceId) -> Result<Bytes, DiskError>;
    fn read(&mut self, device: DeviceId, at: Bytes, buf: &mut [u8]) -> Result<(), DiskError>;
    fn write(
        &mut self,
        device: DeviceId,
        at: Bytes,
        data: &[u8],
        fua: Option<Reach>,
        label: Option<&Label>,
    ) -> Result<(), DiskError>;
    fn zero(
        &mut self,
        device: DeviceId,
        at: Bytes,
        len: Bytes,
        label: Option<&Label>,
    ) -> Result<(), DiskError>;
    fn discard(&mut self, device: DeviceId, at: Bytes, len: Bytes) -> Result<(), DiskError>;
    fn resize(&mut self, device: DeviceId, len: Bytes) -> Result<(), DiskError>;
    fn flush(&mut self, device: DeviceId, reach: Reach) -> Result<(), DiskError>;

    /// Reads without a copy, if it is stored in one piece.
    fn lend(&mut self, device: DeviceId, at: Bytes, len: usize) -> Result<Lent, DiskError> {
        let mut bytes = vec![0; len];
        self.read(device, at, &mut bytes)?;
        Ok(bytes.into())
    }

    /// Writes what was lent, without a copy, if that can be.
    fn write_lent(
        &mut self,
        device: DeviceId,
        at: Bytes,
        data: &Lent,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        self.write(device, at, data, None, label)
    }

    /// What a device is; `None` where it can be nothing but a block device.
    fn kind(&mut self, device: DeviceId) -> Option<&DeviceKind> {
        let _ = device;
        None
    }

    /// How many devices there are, for who does something with each.
    fn count_devices(&mut self) -> usize {
        self.devices()
    }

    /// Adds a device. Only a tree of files can.
    fn add_device(&mut self, device: Device) -> Result<DeviceId, DiskError> {
        Err(DiskError::Failed { what: format!("{} cannot be made: this is no tree of files", device.name) })
    }

    /// Gives names in directories to inodes, or takes them away, all of it or nothing.
    fn change_names(&mut self, changes: &[NameChange], label: Option<&Label>) -> Result<(), DiskError> {
        let _ = (changes, label);
        Err(DiskError::Failed { what: "there are no names: this is no tree of files".to_owned() })
    }

    /// The slots of a directory that hold a name.
    fn slots(&mut self, device: DeviceId) -> Vec<Lent> {
        let _ = device;
        Vec::new()
    }

    /// The layout of a device, if it is a flash chip. Where none is, nobody asks for the rest of a chip.
    fn chip(&self, device: DeviceId) -> Option<NandGeometry> {
        let _ = device;
        None
    }

    /// How often a block was erased.
    fn erases(&mut self, device: DeviceId, block: BlockNo) -> u32 {
        let _ = (device, block);
        0
    }

    fn set_erases(&mut self, device: DeviceId, block: BlockNo, erases: u32) {
        let _ = (device, block, erases);
    }

    /// Whether all bits of a range are 1, whatever fails to be read.
    fn is_ones(&mut self, device: DeviceId, at: Bytes, len: Bytes) -> bool {
        self.lend(device, at, len.index()).is_ok_and(|bytes| bytes.iter().all(|byte| *byte == 0xFF))
    }

    fn program(
        &mut self,
        device: DeviceId,
        at: Bytes,
        data: &[u8],
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        let _ = (at, data, label);
        Err(DiskError::NotFlash { device })
    }

    fn erase(
        &mut self,
        device: DeviceId,
        at: Bytes,
        len: Bytes,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        let _ = (at, len, label);
        Err(DiskError::NotFlash { device })
    }

    /// Whether anybody listens to what happens beside the devices.
    fn is_noted(&self) -> bool {
        false
    }

    /// Writes down what happens beside the devices.
    fn note(&mut self, event: Event) {
        let _ = event;
    }

    /// Recovery has come to its end.
    fn note_recovered(&mut self) {}

    /// Forgets what was recorded so far: what the devices hold now is where the recording begins.
    fn rebase(&mut self) {}

    /// From now on these choices say which flush of a recording fails.
    fn let_flushes_fail(&mut self, choices: Choices) {
        let _ = choices;
    }

    /// What was asked and answered of the flushes of a recording.
    fn flushes(&self) -> Path {
        Path::default()
    }

    /// Ends a recording.
    fn into_trace(self: Box<Self>) -> Option<Trace> {
        None
    }

    /// How many events were recorded.
    #[cfg(feature = "program")]
    fn noted(&self) -> usize {
        0
    }

    /// The calls that led to each event of a recording; none if they are not recorded.
    fn take_sites(&mut self) -> Vec<Backtrace> {
        Vec::new()
    }

    /// The crash state.
    fn image(&mut self) -> Option<&mut LazyImage> {
        None
    }

    /// Ends a crash state.
    fn into_image(self: Box<Self>) -> Option<Box<LazyImage>> {
        None
    }

    /// The run of a cluster whose nodes crash one by one.
    fn run(&mut self) -> Option<&mut Run> {
        None
    }
}

/// The slots of a directory that hold a name.
pub(super) fn slots(directory: &Image) -> Vec<Lent> {
    let slots = directory.pages().flat_map(|(_, page)| page.chunks(SLOT.index()));
    slots.filter(|slot| slot[0] != 0).map(Lent::from).collect()
}

/// Writes names into the images of their directories.
pub(super) fn write_names(images: &mut [Image], changes: &[NameChange]) {
    for change in changes {
        let (directory, at, _) = change.range();
        images[directory.index()].write(at, &change.to_bytes());
    }
}

/// Writes into an image, which becomes longer if need be.
pub(super) fn write_to(image: &mut Image, at: Bytes, data: &[u8]) {
    image.resize(image.len().max(at + Bytes::of(data.len())));
    image.write(at, data);
}

/// The flash chips among some devices, as worn as they are now.
pub(super) struct Chips(Vec<Option<NandChip>>);

impl Chips {
    pub(super) fn of(devices: &[Device]) -> Chips {
        Chips(devices.iter().map(|device| device.chip().cloned()).collect())
    }

    pub(super) fn get(&self, device: DeviceId) -> Option<&NandChip> {
        self.0.get(device.index())?.as_ref()
    }

    pub(super) fn geometry(&self, device: DeviceId) -> Option<NandGeometry> {
        self.get(device).map(|chip| chip.geometry)
    }

    pub(super) fn erases(&self, device: DeviceId, block: BlockNo) -> u32 {
        self.get(device).map_or(0, |chip| chip.erases_of(block))
    }

    pub(super) fn set_erases(&mut self, device: DeviceId, block: BlockNo, erases: u32) {
        if let Some(chip) = self.0.get_mut(device.index()).and_then(Option::as_mut) {
            chip.erases.insert(block, erases);
        }
    }
}
