//! The disk that a system under test is given.
//!
//! A [`Disk`] is a handle onto one device of a machine. While a workload is recorded the machine keeps a plain image
//! and writes down every event; while recovery runs on a crash state it answers from what the crash may have left.
//! The system cannot tell which.

use crate::error::DiskError;
use crate::media::LazyImage;
use crate::wire::Wire;
use crashcheck_trace::{Bytes, Device, DeviceId, DeviceKind, Event, Image, Label, NandChip, Payload, Trace};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod layer;
mod lend;
mod nand;
mod run;

pub use layer::BlockDevice;
pub use nand::Nand;
use run::Run;

/// A handle onto one device of the machine under test. Clones share the device.
#[derive(Clone)]
pub struct Disk {
    machine: Arc<Mutex<Machine>>,
    device: DeviceId,
    label: Option<Label>,
    /// The power cycle that this handle belongs to; it is dead in later ones.
    cycle: u64,
}

impl Disk {
    /// A machine with the given devices that keeps what is written and records nothing: for tests of a system on its
    /// own, and for the comparison of an explored state with a plain image.
    pub fn plain(devices: &[Device]) -> Disk {
        let images = devices.iter().map(|device| device.base.to_vec()).collect();
        let backing = Backing::Plain(images);
        Disk::on(Machine { chips: chips(devices), ..Machine::new(backing, Wire::new(devices)) })
    }

    /// A layer that looks like a disk, as a disk: what runs on it cannot tell the difference.
    pub fn over(layer: Box<dyn BlockDevice>) -> Disk {
        Disk::on(Machine::new(Backing::Layer(layer), Wire::default()))
    }

    /// A machine that records.
    pub(crate) fn recording(devices: &[Device]) -> Disk {
        let trace = Trace { devices: devices.to_vec(), events: Vec::new() };
        let backing = Backing::Recording(images(devices), trace);
        Disk::on(Machine { chips: chips(devices), ..Machine::new(backing, Wire::new(devices)) })
    }

    /// A machine without power, to be given crash states.
    pub(crate) fn dark() -> Disk {
        Disk::on(Machine::new(Backing::Plain(Vec::new()), Wire::default()))
    }

    fn on(machine: Machine) -> Disk {
        Disk { machine: Arc::new(Mutex::new(machine)), device: DeviceId(0), label: None, cycle: 0 }
    }

    /// Another device of the same machine.
    pub fn device(&self, device: DeviceId) -> Disk {
        Disk { device, label: None, ..self.clone() }
    }

    /// How many devices the machine has.
    pub fn devices(&self) -> usize {
        self.machine().devices()
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

    /// Writes `data` at `at`: acknowledged, and in flight until the next [`flush`](Disk::flush).
    ///
    /// # Errors
    /// If the range ends beyond the device, or without power.
    pub fn write(&self, at: Bytes, data: &[u8]) -> Result<(), DiskError> {
        self.awake()?.write(self.device, at, data, false, self.label.as_ref())
    }

    /// Writes `data` at `at` with force unit access: durable on return.
    ///
    /// # Errors
    /// As [`write`](Disk::write).
    pub fn write_fua(&self, at: Bytes, data: &[u8]) -> Result<(), DiskError> {
        self.awake()?.write(self.device, at, data, true, self.label.as_ref())
    }

    /// Sets a range to zeros.
    ///
    /// # Errors
    /// As [`write`](Disk::write).
    pub fn write_zeroes(&self, at: Bytes, len: Bytes) -> Result<(), DiskError> {
        self.awake()?.write_zeroes(self.device, at, len, self.label.as_ref())
    }

    /// Says that a range is no longer needed. What it reads as afterwards depends on the device profile.
    ///
    /// # Errors
    /// As [`write`](Disk::write).
    pub fn discard(&self, at: Bytes, len: Bytes) -> Result<(), DiskError> {
        self.awake()?.discard(self.device, at, len)
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
    /// Without power.
    pub fn flush(&self) -> Result<(), DiskError> {
        let mut machine = self.awake()?;
        machine.not_flash(self.device)?;
        machine.flush(self.device)
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
        if machine.cycle != self.cycle {
            return Err(DiskError::PoweredOff);
        }
        machine.step()?;
        Ok(machine)
    }

    /// Turns the power off and on: a handle for the new power cycle. All others are dead from now on.
    pub(crate) fn power_on(&self) -> Disk {
        let mut machine = self.machine();
        machine.cycle += 1;
        machine.wire.restart();
        Disk { cycle: machine.cycle, label: None, device: DeviceId(0), machine: Arc::clone(&self.machine) }
    }

    /// From now on what recovered is in use. Whether there are faults that only happen then.
    pub(crate) fn begin_service(&self) -> bool {
        self.machine().crashed().is_some_and(LazyImage::begin_service)
    }

    /// Writes down what happens beside the devices of a crash state, if that is written down.
    pub(crate) fn note_with(&self, event: impl FnOnce() -> Event) {
        let mut machine = self.machine();
        match &mut machine.backing {
            Backing::Crashed(image) if image.is_logged() => image.note(event()),
            Backing::Run(run) => run.note(event()),
            _ => {}
        }
    }

    /// Recovery has come to its end, and has shown what it found.
    pub(crate) fn note_recovered(&self) {
        match &mut self.machine().backing {
            Backing::Crashed(image) => image.note_recovered(),
            Backing::Run(run) => run.note_recovered(),
            _ => {}
        }
    }

    /// Whether anything was written to the crash state.
    pub(crate) fn has_written(&self) -> bool {
        self.machine().crashed().is_some_and(|image| image.has_written())
    }

    /// A system that panicked while it held the lock has left the machine as consistent as a power cut would.
    pub(crate) fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn images(devices: &[Device]) -> Vec<Image> {
    devices.iter().map(|device| device.base.clone()).collect()
}

fn chips(devices: &[Device]) -> Vec<Option<NandChip>> {
    devices.iter().map(|device| device.chip().cloned()).collect()
}

/// A range of a plain image, which was checked before.
fn part(image: &mut [u8], at: Bytes, len: usize) -> &mut [u8] {
    &mut image[at.index()..at.index() + len]
}

/// The devices behind the handles.
pub(crate) struct Machine {
    backing: Backing,
    /// The flash chips among the devices, as worn as they are now; those of a crash state are with it.
    chips: Vec<Option<NandChip>>,
    /// The nodes that the devices belong to, if they do.
    wire: Wire,
    /// How often the power was turned on.
    cycle: u64,
    /// Device operations used and allowed.
    used: u64,
    limit: u64,
}

enum Backing {
    /// Plain bytes.
    Plain(Vec<Vec<u8>>),
    /// Sparse images, and everything that happens to them.
    Recording(Vec<Image>, Trace),
    /// A crash state.
    Crashed(Box<LazyImage>),
    /// A crash state of a cluster whose nodes crash one by one.
    Run(Box<Run>),
    /// What looks like a disk, over other disks.
    Layer(Box<dyn BlockDevice>),
}

/// After this many operations beyond its budget a recovery that ignores errors is stopped by unwinding.
const GRACE: u64 = 1000;

/// The payload of the panic that stops a recovery that ignores errors.
pub(crate) struct Stopped;

impl Machine {
    fn new(backing: Backing, wire: Wire) -> Machine {
        Machine { backing, chips: Vec::new(), wire, cycle: 0, used: 0, limit: u64::MAX }
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
        match &mut self.backing {
            Backing::Run(run) => (&mut self.wire, Some(run)),
            _ => (&mut self.wire, None),
        }
    }

    /// Writes an event of the workload or of the network, or a mark, into the recording.
    pub(crate) fn note(&mut self, event: Event) {
        match &mut self.backing {
            Backing::Recording(_, trace) => trace.events.push(event),
            Backing::Crashed(image) => image.note(event),
            Backing::Run(run) => run.note(event),
            _ => {}
        }
    }

    /// Forgets what was recorded so far: what the devices hold now is where the recording begins.
    pub(crate) fn rebase(&mut self) {
        self.wire.restart();
        if let Backing::Recording(images, trace) = &mut self.backing {
            trace.events.clear();
            for ((device, image), chip) in trace.devices.iter_mut().zip(images).zip(&self.chips) {
                device.base = image.clone();
                if let Some(chip) = chip {
                    device.kind = DeviceKind::Nand(chip.clone());
                }
            }
        }
    }

    /// Cuts the power and returns what was recorded. Handles that are still about get errors from now on.
    pub(crate) fn power_off(&mut self) -> Option<Trace> {
        self.cycle += 1;
        match std::mem::replace(&mut self.backing, Backing::Plain(Vec::new())) {
            Backing::Recording(_, trace) => Some(trace),
            _ => None,
        }
    }

    /// Begins another crash state, with a fresh budget of device operations.
    pub(crate) fn crash(&mut self, image: Box<LazyImage>, limit: u64) {
        let wire = image.wire().clone();
        let backing = match image.script(1) {
            None => Backing::Crashed(image),
            Some(_) => Backing::Run(Box::new(Run::new(image))),
        };
        *self = Machine { limit, cycle: self.cycle + 1, ..Machine::new(backing, wire) };
    }

    /// Ends a crash state: cuts the power and takes the image out.
    pub(crate) fn take_crashed(&mut self) -> Option<Box<LazyImage>> {
        self.cycle += 1;
        match std::mem::replace(&mut self.backing, Backing::Plain(Vec::new())) {
            Backing::Crashed(image) => Some(image),
            Backing::Run(run) => Some(run.into_image()),
            _ => None,
        }
    }

    /// The crash state, if this machine holds one.
    pub(crate) fn crashed(&mut self) -> Option<&mut LazyImage> {
        match &mut self.backing {
            Backing::Crashed(image) => Some(image),
            Backing::Run(run) => Some(run.image()),
            _ => None,
        }
    }

    /// Whether the budget of device operations was exceeded.
    pub(crate) fn ran_away(&self) -> bool {
        self.used > self.limit
    }

    fn devices(&self) -> usize {
        match &self.backing {
            Backing::Plain(images) => images.len(),
            Backing::Recording(images, _) => images.len(),
            Backing::Crashed(image) => image.devices(),
            Backing::Run(run) => run.devices(),
            Backing::Layer(_) => 1,
        }
    }

    fn step(&mut self) -> Result<(), DiskError> {
        self.used += 1;
        if matches!(&self.backing, Backing::Run(run) if run.is_astray()) {
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
        match &mut self.backing {
            Backing::Plain(images) => Ok(Bytes::of(images[device.index()].len())),
            Backing::Recording(images, _) => Ok(images[device.index()].len()),
            Backing::Crashed(image) => match image.is_lost(device) {
                true => Err(DiskError::Lost { device }),
                false => Ok(image.len(device)),
            },
            Backing::Run(run) => Ok(run.len(&self.wire, device)),
            Backing::Layer(layer) => layer.len(),
        }
    }

    fn not_flash(&self, device: DeviceId) -> Result<(), DiskError> {
        if self.chip(device).is_some() { Err(DiskError::IsFlash { device }) } else { Ok(()) }
    }

    fn range(&mut self, device: DeviceId, at: Bytes, len: Bytes) -> Result<(), DiskError> {
        self.not_flash(device)?;
        let size = self.size(device)?;
        match at.checked_add(len) {
            Some(end) if end <= size => Ok(()),
            _ => Err(DiskError::OutOfRange { at, len, size }),
        }
    }

    fn read(&mut self, device: DeviceId, at: Bytes, buf: &mut [u8]) -> Result<(), DiskError> {
        self.range(device, at, Bytes::of(buf.len()))?;
        match &mut self.backing {
            Backing::Plain(images) => buf.copy_from_slice(part(&mut images[device.index()], at, buf.len())),
            Backing::Recording(images, _) => images[device.index()].read(at, buf),
            Backing::Crashed(image) => {
                image.read(device, at, buf).map_err(|at| DiskError::Unreadable { device, at })?;
            }
            Backing::Run(run) => {
                run.read(&self.wire, device, at, buf).map_err(|at| DiskError::Unreadable { device, at })?;
            }
            Backing::Layer(layer) => layer.read(at, buf)?,
        }
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
        self.range(device, at, Bytes::of(data.len()))?;
        match &mut self.backing {
            Backing::Crashed(image) => image.write(device, at, data, fua, label),
            Backing::Run(run) => {
                run.write(&self.wire, device, at, data, fua, label);
                if fua {
                    // The crash may come before it is durable.
                    return self.awake(device);
                }
            }
            Backing::Plain(images) => {
                part(&mut images[device.index()], at, data.len()).copy_from_slice(data);
            }
            Backing::Recording(images, trace) => {
                images[device.index()].write(at, data);
                let (data, label) = (Payload::from(data), label.cloned());
                trace.events.push(Event::Write { device, at, data, fua, label });
            }
            Backing::Layer(layer) => layer.write(at, data, fua, label)?,
        }
        Ok(())
    }

    fn write_zeroes(
        &mut self,
        device: DeviceId,
        at: Bytes,
        len: Bytes,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        self.range(device, at, len)?;
        match &mut self.backing {
            Backing::Crashed(image) => image.zero(device, at, len, label),
            Backing::Run(run) => run.zero(&self.wire, device, at, len, label),
            Backing::Plain(images) => part(&mut images[device.index()], at, len.index()).fill(0),
            Backing::Recording(images, trace) => {
                images[device.index()].zero(at, len);
                trace.events.push(Event::WriteZeroes { device, at, len, fua: false, label: label.cloned() });
            }
            Backing::Layer(layer) => layer.write_zeroes(at, len, label)?,
        }
        Ok(())
    }

    fn discard(&mut self, device: DeviceId, at: Bytes, len: Bytes) -> Result<(), DiskError> {
        self.range(device, at, len)?;
        match &mut self.backing {
            Backing::Crashed(image) => image.discard(device, at, len),
            Backing::Run(run) => run.discard(&self.wire, device, at, len),
            Backing::Plain(_) => {}
            Backing::Recording(_, trace) => trace.events.push(Event::Discard { device, at, len }),
            Backing::Layer(layer) => layer.discard(at, len)?,
        }
        Ok(())
    }

    fn resize(&mut self, device: DeviceId, len: Bytes) -> Result<(), DiskError> {
        self.not_flash(device)?;
        self.size(device)?;
        match &mut self.backing {
            Backing::Crashed(image) => image.resize(device, len),
            Backing::Run(run) => run.resize(&self.wire, device, len),
            Backing::Plain(images) => images[device.index()].resize(len.index(), 0),
            Backing::Recording(images, trace) => {
                images[device.index()].resize(len);
                trace.events.push(Event::Resize { device, len });
            }
            Backing::Layer(_) => {
                let what = "the length of a layer is that of the devices below it".to_owned();
                return Err(DiskError::Failed { what });
            }
        }
        Ok(())
    }

    fn flush(&mut self, device: DeviceId) -> Result<(), DiskError> {
        self.size(device)?;
        match &mut self.backing {
            Backing::Crashed(image) => image.flush(device),
            Backing::Run(run) => run.flush(device),
            Backing::Plain(_) => {}
            Backing::Recording(_, trace) => trace.events.push(Event::Flush { device, except: Vec::new() }),
            Backing::Layer(layer) => layer.flush()?,
        }
        Ok(())
    }
}
