//! What the running life does to its devices: over what is there, and in order, if the power may fail once more.

use super::super::account::{Deed, Stage};
use super::super::cell::AtomId;
use super::super::cluster::Outlived;
use super::super::cluster::Script;
use super::super::contents::garbage;
use super::super::life::{Life, Log};
use super::{AsRecovered, Asked, LazyImage, Left};
use crate::lent::Lent;
use crate::profile::Discard;
use crashcheck_trace::files::NameChange;
use crashcheck_trace::{
    BlockNo, Bytes, DeviceId, DeviceKind, Event, EventId, Label, NandGeometry, Payload, Reach,
};

impl LazyImage {
    /// Writes a range that lies within the device.
    pub(crate) fn write(
        &mut self,
        device: DeviceId,
        at: Bytes,
        data: Lent,
        fua: Option<Reach>,
        label: Option<&Label>,
    ) {
        self.grow(device, at, at + Bytes::of(data.len()));
        self.written[device.index()].write(at, data.clone());
        self.happened(|| Event::Write { device, at, data: data.into(), fua, label: label.cloned() });
    }

    /// A write is about to make a file longer, perhaps. What lies between its end and the write reads as zeros then.
    fn grow(&mut self, device: DeviceId, at: Bytes, end: Bytes) {
        if self.find_kind(device) != Some(&DeviceKind::File) || at == end {
            return;
        }
        let old = self.len(device);
        if let Some(log) = &mut self.log {
            log.note_len(device, old);
        }
        if old < end {
            let gap = Bytes(at.0.saturating_sub(old.0));
            self.written[device.index()].zero(old, gap);
            self.written[device.index()].set_len(end);
        }
    }

    /// Gives names to inodes, or takes them away, together.
    pub(crate) fn change_names(&mut self, changes: &[NameChange], label: Option<&Label>) {
        for change in changes {
            let (directory, at, len) = change.range();
            match change.inode {
                Some(_) => self.written[directory.index()].write(at, change.to_bytes().into()),
                None => self.written[directory.index()].zero(at, len),
            }
        }
        self.happened(|| Event::Names { changes: changes.to_vec(), label: label.cloned() });
    }

    /// The layout of a device, if it is a flash chip.
    pub(crate) fn chip(&self, device: DeviceId) -> Option<NandGeometry> {
        self.first().lines.get(device.index())?.chip().map(|chip| chip.geometry)
    }

    /// How often a block of a flash chip has been erased.
    pub(crate) fn erases(&mut self, device: DeviceId, block: BlockNo) -> u32 {
        if !self.erases.contains_key(&(device, block)) {
            self.observe(Asked::Erases(device, block));
        }
        self.count_erases(device, block)
    }

    pub(super) fn count_erases(&self, device: DeviceId, block: BlockNo) -> u32 {
        let left = self.left.iter().map(|left| left.timeline.erases(device, block, left.epoch));
        self.erases.get(&(device, block)).copied().unwrap_or_else(|| left.fold(0, u32::saturating_add))
    }

    /// Notes that a block of a flash chip has been erased so often.
    pub(crate) fn set_erases(&mut self, device: DeviceId, block: BlockNo, erases: u32) {
        self.erases.insert((device, block), erases);
    }

    /// Programs a page of a flash chip.
    pub(crate) fn program(&mut self, device: DeviceId, at: Bytes, data: &[u8], label: Option<&Label>) {
        let data = Payload::from(data);
        self.written[device.index()].write(at, data.clone().into());
        self.happened(|| Event::Program { device, at, data, label: label.cloned() });
    }

    /// Erases a block of a flash chip.
    pub(crate) fn erase(&mut self, device: DeviceId, at: Bytes, len: Bytes, label: Option<&Label>) {
        self.written[device.index()].write(at, vec![0xFF; len.index()].into());
        self.happened(|| Event::Erase { device, at, len, label: label.cloned() });
    }

    /// Zeroes a range that lies within the device.
    pub(crate) fn zero(&mut self, device: DeviceId, at: Bytes, len: Bytes, label: Option<&Label>) {
        self.grow(device, at, at + len);
        self.written[device.index()].zero(at, len);
        self.happened(|| Event::WriteZeroes { device, at, len, fua: None, label: label.cloned() });
    }

    /// Discards a range that lies within the device.
    pub(crate) fn discard(&mut self, device: DeviceId, at: Bytes, len: Bytes) {
        match self.first().profile.discard {
            Discard::Old => {}
            Discard::Zero => self.written[device.index()].zero(at, len),
            Discard::Garbage => self.written[device.index()].write(at, garbage(at.0, len.index()).into()),
        }
        self.happened(|| Event::Discard { device, at, len });
    }

    /// Changes the length of a device.
    pub(crate) fn resize(&mut self, device: DeviceId, len: Bytes) {
        let old = self.len(device);
        if len < old {
            self.written[device.index()].zero(len, old - len);
        } else if self.find_kind(device) == Some(&DeviceKind::File) {
            self.written[device.index()].zero(old, len - old);
        }
        self.written[device.index()].set_len(len);
        self.note_length(device, old, len);
    }

    /// Writes down that the length of a device that does not belong to the crash state was changed.
    pub(crate) fn note_length(&mut self, device: DeviceId, old: Bytes, len: Bytes) {
        if let Some(log) = &mut self.log {
            log.resize(device, old, len);
        }
        self.take_down(|_| Deed::Did(Event::Resize { device, len }));
    }

    /// Makes what the running life wrote to a device durable.
    pub(crate) fn flush(&mut self, device: DeviceId, reach: Reach) {
        self.note(Event::Flush { device, except: Vec::new(), reach });
    }

    /// Writes down what happens beside the devices.
    pub(crate) fn note(&mut self, event: Event) {
        self.happened(|| event);
    }

    /// Writes down what happens, for another crash to end it, and for whoever tells of it.
    fn happened(&mut self, event: impl FnOnce() -> Event) {
        match (&mut self.log, &mut self.account) {
            (None, None) => {}
            (Some(log), None) => log.push(event()),
            (None, Some(account)) => account.push(Deed::Did(event())),
            (Some(log), Some(account)) => {
                let event = event();
                account.push(Deed::Did(event.clone()));
                log.push(event);
            }
        }
    }

    /// Whether what happens is written down.
    pub(crate) fn is_logged(&self) -> bool {
        self.log.is_some() || self.account.is_some()
    }

    /// Recovery has shown what it found: from now on that is what a user relies on.
    pub(crate) fn note_recovered(&mut self) {
        if let Some(log) = &mut self.log {
            log.recovered();
        }
        self.keep();
        self.enter(Stage::Use);
    }

    /// Whether the running life has written anything.
    pub(crate) fn has_written(&self) -> bool {
        self.written.iter().any(|written| !written.is_untouched() || written.len().is_some())
    }

    /// What the running life has made of its devices so far, to come back to.
    pub(crate) fn as_recovered(&self) -> AsRecovered {
        AsRecovered { written: self.written.clone(), erases: self.erases.clone() }
    }

    /// Makes the devices what they were at that moment. What was done since remains written down; what is done from now on
    /// is not.
    pub(crate) fn return_to(&mut self, moment: AsRecovered) {
        self.ended = self.log.take();
        self.erases = moment.erases;
        self.keep_devices(moment.written.len());
        self.written = moment.written;
    }

    /// Another life begins in the middle of a run: only what happens from now on is written down.
    pub(crate) fn begin_life(&mut self) {
        self.log = self.log.is_some().then(Log::default);
        let life = self.life() + 1;
        self.take_down(|_| Deed::PowerOn(life));
    }

    /// Says what the running life has outlived. If it has outlived nothing, it is no life of its own, and nothing was written
    /// down.
    pub(crate) fn outlive(&mut self, outlived: Option<Outlived>) {
        self.is_life = outlived.is_some();
        match (&mut self.log, outlived) {
            (Some(log), Some(outlived)) => log.outlive(outlived),
            _ => self.log = None,
        }
    }

    /// Whether another crash can end what is running.
    pub(crate) fn is_life(&self) -> bool {
        self.is_life
    }

    /// What the running life did, if that was written down. It ends.
    pub(crate) fn end_life(&mut self) -> Option<Life> {
        let log = self.ended.take().or_else(|| self.log.take())?;
        let devices = self.blanks();
        let in_flight = self.in_flight_to(log.spared());
        Some(log.end(devices, in_flight))
    }

    /// The writes of the last life to some devices that were in flight when it ended.
    fn in_flight_to(&self, devices: &[DeviceId]) -> Vec<Event> {
        let Some(Left { timeline, epoch, .. }) = self.left.last().filter(|_| !devices.is_empty()) else {
            return Vec::new();
        };
        let Some(Script { trace, .. }) = &timeline.script else { return Vec::new() };
        let atoms = timeline.atoms.iter().enumerate();
        let in_flight = atoms.filter(|(nth, atom)| {
            devices.contains(&atom.device) && timeline.is_in_flight(AtomId(*nth as u32), *epoch)
        });
        let mut events: Vec<EventId> = in_flight.map(|(_, atom)| atom.event).collect();
        events.dedup();
        events.iter().map(|event| trace.events[event.index()].clone()).collect()
    }
}
