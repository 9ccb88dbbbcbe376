//! The disk that a system under test is given.
//!
//! A [`Disk`] is a handle onto one device of a machine. While a workload is recorded the machine keeps a plain image
//! and writes down every event; while recovery runs on a crash state it answers from what the crash may have left.
//! The system cannot tell which.

use crate::choice::{Choices, Path};
use crate::error::DiskError;
use crate::lent::Lent;
use crate::media::{AsRecovered, LazyImage, Stage};
use crate::wire::Wire;
use crashcheck_trace::files::NameChange;
use crashcheck_trace::{Bytes, DEVICE_LEN_MAX, Device, DeviceId, DeviceKind, Event, Label, Reach, Trace};
use std::backtrace::Backtrace;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod backing;
mod cluster;
mod crashed;
mod failing;
mod layer;
mod nand;
mod orders;
mod plain;
mod recording;
mod run;
mod strays;

use backing::Backing;
pub use layer::BlockDevice;
use layer::Layer;
pub use nand::Nand;
use orders::Orders;
pub(crate) use orders::kind_of;
use plain::Plain;
use recording::Recording;
use run::Run;
use strays::Strays;

/// A handle onto one device of the machine under test. Clones share the device.
#[derive(Clone)]
pub struct Disk {
    machine: Arc<Mutex<Machine>>,
    device: DeviceId,
    label: Option<Label>,
    /// The power cycle that this handle belongs to; it is dead in later ones.
    cycle: u64,
    /// Orders that whoever uses it is made to keep.
    orders: Option<Arc<Orders>>,
}

impl Disk {
    /// A machine with the given devices that keeps what is written and records nothing: for tests of a system on its
    /// own, and for the comparison of an explored state with a plain image.
    pub fn plain(devices: &[Device]) -> Disk {
        Disk::on(Machine::new(Box::new(Plain::new(devices)), Wire::new(devices)))
    }

    /// A layer that looks like a disk, as a disk: what runs on it cannot tell the difference.
    pub fn over(layer: Box<dyn BlockDevice>) -> Disk {
        Disk::on(Machine::new(Box::new(Layer(layer)), Wire::default()))
    }

    /// A machine that records.
    pub(crate) fn recording(devices: &[Device]) -> Disk {
        Disk::on(Machine::new(Box::new(Recording::new(devices)), Wire::new(devices)))
    }

    /// The same, with the calls that led to each event.
    pub(crate) fn recording_with_sites(devices: &[Device]) -> Disk {
        Disk::on(Machine::new(Box::new(Recording::with_sites(devices)), Wire::new(devices)))
    }

    /// A machine without power, to be given crash states.
    pub(crate) fn dark() -> Disk {
        Disk::on(Machine::new(dark(), Wire::default()))
    }

    fn on(machine: Machine) -> Disk {
        Disk {
            machine: Arc::new(Mutex::new(machine)),
            device: DeviceId(0),
            label: None,
            cycle: 0,
            orders: None,
        }
    }

    /// Another device of the same machine.
    pub fn device(&self, device: DeviceId) -> Disk {
        Disk { device, label: None, ..self.clone() }
    }

    /// How many devices the machine has.
    pub fn devices(&self) -> usize {
        self.machine().backing.devices()
    }

    /// All devices of the machine.
    pub(crate) fn each_device(&self) -> Result<impl Iterator<Item = Disk>, DiskError> {
        let devices = self.awake()?.backing.count_devices();
        Ok((0..devices).map(|device| self.device(DeviceId(device as u16))))
    }

    /// The same device; writes through this handle say what they are: `inode table`, `journal commit`.
    #[must_use]
    pub fn labelled(&self, label: &str) -> Disk {
        Disk { label: Some(Label::from(label)), ..self.clone() }
    }

    /// The length of the device. For a file-like device the length is state: a crash may have undone a change of it.
    ///
    /// # Errors
    /// Without power.
    pub fn len(&self) -> Result<Bytes, DiskError> {
        self.awake()?.size(self.device)
    }

    /// Fills `buf` from the device, beginning at `at`.
    ///
    /// # Errors
    /// If the range ends beyond the device, or without power.
    pub fn read(&self, at: Bytes, buf: &mut [u8]) -> Result<(), DiskError> {
        self.awake()?.read(self.device, at, buf)
    }

    /// Reads `len` bytes from `at` on, without a copy where the device has them stored in one piece.
    ///
    /// # Errors
    /// As [`read`](Disk::read).
    pub fn lend(&self, at: Bytes, len: usize) -> Result<Lent, DiskError> {
        self.awake()?.lend(self.device, at, len)
    }

    /// Writes `data` at `at`: acknowledged, and in flight until the next [`flush`](Disk::flush). A file becomes longer where the
    /// range ends beyond it, which is part of the same write.
    ///
    /// # Errors
    /// If the range ends beyond another device, or without power.
    pub fn write(&self, at: Bytes, data: &[u8]) -> Result<(), DiskError> {
        self.before_write(self.label.as_ref())?;
        self.awake()?.write(self.device, at, data, None, self.label.as_ref())
    }

    /// Writes what was lent as [`write`](Disk::write) writes bytes, without a copy where it can be shared.
    ///
    /// # Errors
    /// As [`write`](Disk::write).
    pub fn write_lent(&self, at: Bytes, data: &Lent) -> Result<(), DiskError> {
        self.before_write(self.label.as_ref())?;
        let mut machine = self.awake()?;
        machine.range_to_write(self.device, at, Bytes::of(data.len()))?;
        machine.backing.write_lent(self.device, at, data, self.label.as_ref())
    }

    /// Writes `data` at `at` with force unit access: durable on return.
    ///
    /// # Errors
    /// As [`write`](Disk::write), and as [`flush`](Disk::flush).
    pub fn write_fua(&self, at: Bytes, data: &[u8]) -> Result<(), DiskError> {
        self.write_through(at, data, Some(Reach::All))
    }

    /// Writes `data` at `at`, as through a descriptor that was opened with `O_SYNC` or `O_DSYNC`, or without either.
    pub(crate) fn write_through(&self, at: Bytes, data: &[u8], fua: Option<Reach>) -> Result<(), DiskError> {
        self.before_write(self.label.as_ref())?;
        self.awake()?.write(self.device, at, data, fua, self.label.as_ref())
    }

    /// Sets a range to zeros.
    ///
    /// # Errors
    /// As [`write`](Disk::write).
    pub fn write_zeroes(&self, at: Bytes, len: Bytes) -> Result<(), DiskError> {
        self.before_write(self.label.as_ref())?;
        self.awake()?.write_zeroes(self.device, at, len, self.label.as_ref())
    }

    /// Says that a range is no longer needed. What it reads as afterwards depends on the device profile.
    ///
    /// # Errors
    /// As [`write`](Disk::write).
    pub fn discard(&self, at: Bytes, len: Bytes) -> Result<(), DiskError> {
        self.before_write(self.label.as_ref())?;
        self.awake()?.discard(self.device, at, len)
    }

    /// What the device is.
    pub(crate) fn kind(&self) -> Result<DeviceKind, DiskError> {
        Ok(self.awake()?.backing.kind(self.device).cloned().unwrap_or_default())
    }

    /// Adds a device to the machine.
    pub(crate) fn add_device(&self, device: Device) -> Result<Disk, DiskError> {
        let mut machine = self.awake()?;
        if machine.backing.devices() > usize::from(u16::MAX) {
            return Err(DiskError::Failed { what: "a tree has at most 65,536 inodes".to_owned() });
        }
        let device = machine.backing.add_device(device)?;
        drop(machine);
        Ok(self.device(device))
    }

    /// Which device of the machine it is.
    pub(crate) fn id(&self) -> DeviceId {
        self.device
    }

    /// Gives names in directories of the machine to inodes, or takes them away: all of it or nothing.
    pub(crate) fn change_names(&self, changes: &[NameChange]) -> Result<(), DiskError> {
        self.before_write(self.label.as_ref())?;
        self.awake()?.backing.change_names(changes, self.label.as_ref())
    }

    /// The slots of a directory that hold a name, in an order of their own.
    pub(crate) fn slots(&self) -> Result<Vec<Lent>, DiskError> {
        Ok(self.awake()?.backing.slots(self.device))
    }

    /// Changes the length of a file-like device.
    ///
    /// # Errors
    /// Without power.
    pub fn resize(&self, len: Bytes) -> Result<(), DiskError> {
        self.awake()?.resize(self.device, len)
    }

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// Without power. Under a profile with `flush-error`, [`DiskError::FlushFailed`]: of what was written since the last flush any
    /// part may be lost, no later flush makes it durable, and it reads as written or as before.
    pub fn flush(&self) -> Result<(), DiskError> {
        self.sync(Reach::All)
    }

    /// The same of a file as `fdatasync` does it: what it holds is durable, and what is needed to read that. On other devices there
    /// is no difference.
    ///
    /// # Errors
    /// As [`flush`](Disk::flush).
    pub fn flush_data(&self) -> Result<(), DiskError> {
        self.sync(Reach::Data)
    }

    pub(crate) fn sync(&self, reach: Reach) -> Result<(), DiskError> {
        let mut machine = self.awake()?;
        machine.not_flash(self.device)?;
        machine.flush(self.device, reach)?;
        self.after_flush();
        Ok(())
    }

    /// The machine, as long as this handle has power and the node that the device belongs to is up.
    fn awake(&self) -> Result<MutexGuard<'_, Machine>, DiskError> {
        let mut machine = self.powered()?;
        machine.awake(self.device)?;
        Ok(machine)
    }

    /// The machine, as long as the power cycle of this handle lasts.
    pub(crate) fn powered(&self) -> Result<MutexGuard<'_, Machine>, DiskError> {
        let mut machine = self.machine();
        let has_power = machine.cycle == self.cycle;
        machine.strays.look(has_power);
        if !has_power {
            return Err(DiskError::PoweredOff);
        }
        machine.step()?;
        Ok(machine)
    }

    /// Turns the power off and on: a handle for the new power cycle. All others are dead from now on.
    pub(crate) fn power_on(&self) -> Disk {
        let mut machine = self.machine();
        machine.cycle += 1;
        machine.strays.begin_recovery();
        machine.wire.restart();
        if let Some(orders) = &self.orders {
            orders.restart();
        }
        Disk { cycle: machine.cycle, label: None, device: DeviceId(0), ..self.clone() }
    }

    /// Recovery has returned: only this thread should use the devices from now on.
    pub(crate) fn end_recovery(&self) {
        self.machine().strays.end_recovery();
    }

    /// From now on what recovered is in use. Whether there are faults that only happen then.
    pub(crate) fn begin_service(&self) -> bool {
        self.machine().crashed().is_some_and(LazyImage::begin_service)
    }

    /// The ranges of the device that may hold something other than zeros in a crash state to which nothing was written yet, each
    /// with its end, in order.
    pub(crate) fn occupied(&self) -> Vec<(Bytes, Bytes)> {
        self.machine().crashed().map_or_else(Vec::new, |image| image.occupied(self.device))
    }

    /// Writes down what happens beside the devices of a crash state, if that is written down.
    pub(crate) fn note_with(&self, event: impl FnOnce() -> Event) {
        let mut machine = self.machine();
        if machine.backing.is_noted() {
            machine.backing.note(event());
        }
    }

    /// What is done from now on is this, if that is written down.
    pub(crate) fn enter(&self, stage: Stage) {
        if let Some(image) = self.machine().crashed() {
            image.enter(stage);
        }
    }

    /// Recovery has come to its end, and has shown what it found.
    pub(crate) fn note_recovered(&self) {
        self.machine().backing.note_recovered();
    }

    /// What recovery has made of the devices, to come back to; `None` if that is the crash state itself, untouched and
    /// without a fault to come.
    pub(crate) fn as_recovered(&self) -> Option<AsRecovered> {
        let mut machine = self.machine();
        let image = machine.crashed()?;
        (image.has_written() || image.begin_service()).then(|| image.as_recovered())
    }

    /// Makes the devices once more what recovery had made of them.
    pub(crate) fn return_to(&self, recovered: AsRecovered) {
        if let Some(image) = self.machine().crashed() {
            image.return_to(recovered);
        }
    }

    /// A system that panicked while it held the lock has left the machine as consistent as a power cut would.
    pub(crate) fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No devices at all.
fn dark() -> Box<dyn Backing> {
    Box::new(Plain::new(&[]))
}

/// The devices behind the handles.
pub(crate) struct Machine {
    backing: Box<dyn Backing>,
    /// The nodes that the devices belong to, if they do.
    wire: Wire,
    /// How often the power was turned on.
    cycle: u64,
    /// Device operations used and allowed.
    used: u64,
    limit: u64,
    strays: Strays,
}

/// After this many operations beyond its budget a recovery that ignores errors is stopped by unwinding.
const GRACE: u64 = 1000;

/// The payload of the panic that stops a recovery that ignores errors.
pub(crate) struct Stopped;

impl Machine {
    fn new(backing: Box<dyn Backing>, wire: Wire) -> Machine {
        Machine { backing, wire, cycle: 0, used: 0, limit: u64::MAX, strays: Strays::default() }
    }

    /// Who is up, and what is on its way.
    pub(crate) fn wire(&self) -> &Wire {
        &self.wire
    }

    pub(crate) fn wire_mut(&mut self) -> &mut Wire {
        &mut self.wire
    }

    /// The nodes, and the run that they are in if they crash one by one.
    pub(crate) fn cluster(&mut self) -> (&mut Wire, Option<&mut Run>) {
        (&mut self.wire, self.backing.run())
    }

    /// Writes an event of the workload or of the network, or a mark, into the recording.
    pub(crate) fn note(&mut self, event: Event) {
        self.backing.note(event);
    }

    /// Forgets what was recorded so far: what the devices hold now is where the recording begins.
    pub(crate) fn rebase(&mut self) {
        self.wire.restart();
        self.backing.rebase();
    }

    /// From now on these choices say which flush fails.
    pub(crate) fn let_flushes_fail(&mut self, choices: Choices) {
        self.backing.let_flushes_fail(choices);
    }

    /// What was asked and answered of the flushes so far.
    pub(crate) fn flushes(&self) -> Path {
        self.backing.flushes()
    }

    /// How many events were recorded so far.
    #[cfg(feature = "program")]
    pub(crate) fn noted(&self) -> usize {
        self.backing.noted()
    }

    /// The calls that led to each recorded event, if they are recorded as well.
    pub(crate) fn take_sites(&mut self) -> Vec<Backtrace> {
        self.backing.take_sites()
    }

    /// Cuts the power and returns what was recorded. Handles that are still about get errors from now on.
    pub(crate) fn power_off(&mut self) -> Option<Trace> {
        self.cycle += 1;
        std::mem::replace(&mut self.backing, dark()).into_trace()
    }

    /// Begins another crash state, with a fresh budget of device operations.
    pub(crate) fn crash(&mut self, image: Box<LazyImage>, limit: u64) {
        let wire = image.wire().clone();
        let backing: Box<dyn Backing> = match image.script(1) {
            None => image,
            Some(_) => Box::new(Run::new(image)),
        };
        let (cycle, strays) = (self.cycle + 1, self.strays);
        *self = Machine { limit, cycle, strays, ..Machine::new(backing, wire) };
    }

    /// Ends a crash state: cuts the power and takes the image out.
    pub(crate) fn take_crashed(&mut self) -> Option<Box<LazyImage>> {
        self.cycle += 1;
        std::mem::replace(&mut self.backing, dark()).into_image()
    }

    /// The crash state, if this machine holds one.
    pub(crate) fn crashed(&mut self) -> Option<&mut LazyImage> {
        self.backing.image()
    }

    /// Whether another thread than that which had recovered has used the devices.
    pub(crate) fn met_strays(&self) -> bool {
        self.strays.were_met()
    }

    /// Whether the budget of device operations was exceeded.
    pub(crate) fn ran_away(&self) -> bool {
        self.used > self.limit
    }

    fn step(&mut self) -> Result<(), DiskError> {
        self.used += 1;
        if self.backing.run().is_some_and(|run| run.is_astray()) {
            return Err(DiskError::Failed { what: "the system does something else than before".to_owned() });
        }
        if self.used <= self.limit {
            return Ok(());
        }
        if self.used > self.limit.saturating_add(GRACE) {
            std::panic::resume_unwind(Box::new(Stopped));
        }
        Err(DiskError::Runaway { limit: self.limit })
    }

    /// The length of a device that has not failed.
    fn size(&mut self, device: DeviceId) -> Result<Bytes, DiskError> {
        self.backing.len(device)
    }

    fn not_flash(&self, device: DeviceId) -> Result<(), DiskError> {
        if self.backing.chip(device).is_some() { Err(DiskError::IsFlash { device }) } else { Ok(()) }
    }

    fn range(&mut self, device: DeviceId, at: Bytes, len: Bytes) -> Result<(), DiskError> {
        let size = self.size(device)?;
        self.within(device, at, len, size)
    }

    /// The same for what is to be written: a file grows.
    fn range_to_write(&mut self, device: DeviceId, at: Bytes, len: Bytes) -> Result<(), DiskError> {
        let size = self.size(device)?;
        let is_file = self.backing.kind(device) == Some(&DeviceKind::File);
        self.within(device, at, len, if is_file { DEVICE_LEN_MAX } else { size })
    }

    fn within(&self, device: DeviceId, at: Bytes, len: Bytes, size: Bytes) -> Result<(), DiskError> {
        self.not_flash(device)?;
        match at.checked_add(len) {
            Some(end) if end <= size => Ok(()),
            _ => Err(DiskError::OutOfRange { at, len, size }),
        }
    }

    fn read(&mut self, device: DeviceId, at: Bytes, buf: &mut [u8]) -> Result<(), DiskError> {
        self.range(device, at, Bytes::of(buf.len()))?;
        self.backing.read(device, at, buf)
    }

    fn lend(&mut self, device: DeviceId, at: Bytes, len: usize) -> Result<Lent, DiskError> {
        self.range(device, at, Bytes::of(len))?;
        self.backing.lend(device, at, len)
    }

    fn write(
        &mut self,
        device: DeviceId,
        at: Bytes,
        data: &[u8],
        fua: Option<Reach>,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        self.range_to_write(device, at, Bytes::of(data.len()))?;
        self.backing.write(device, at, data, fua, label)?;
        // The node may go down before it is durable.
        if fua.is_some() { self.awake(device) } else { Ok(()) }
    }

    fn write_zeroes(
        &mut self,
        device: DeviceId,
        at: Bytes,
        len: Bytes,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        self.range_to_write(device, at, len)?;
        self.backing.zero(device, at, len, label)
    }

    fn discard(&mut self, device: DeviceId, at: Bytes, len: Bytes) -> Result<(), DiskError> {
        self.range(device, at, len)?;
        self.backing.discard(device, at, len)
    }

    fn resize(&mut self, device: DeviceId, len: Bytes) -> Result<(), DiskError> {
        self.not_flash(device)?;
        self.size(device)?;
        self.backing.resize(device, len)
    }

    fn flush(&mut self, device: DeviceId, reach: Reach) -> Result<(), DiskError> {
        self.size(device)?;
        self.backing.flush(device, reach)
    }
}
