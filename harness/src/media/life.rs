//! A life: what is done on the devices from power-on to power-off. It leaves a trace like any other, and the same code
//! lays it out, over what earlier lives have left.

use super::cluster::Outlived;
use super::timeline::Timeline;
use crate::profile::Profile;
use crashcheck_trace::{Bytes, Device, DeviceId, Event, Trace};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The mark of the moment at which recovery had shown what it found.
const RECOVERED: &str = "recovered";

/// What a life does, written down while it lasts.
#[derive(Default)]
pub(super) struct Log {
    events: Vec<Event>,
    /// The devices that it has made.
    made: Vec<Device>,
    /// The lengths that devices had when this life changed them first.
    lens: BTreeMap<DeviceId, Bytes>,
    /// So many events had happened when recovery had shown what it found.
    recovered: Option<usize>,
    /// What it has outlived.
    outlived: Outlived,
}

/// What a life has done, up to its end.
pub(crate) struct Life {
    pub(crate) trace: Trace,
    /// So many events had happened when recovery had shown what it found; more than there are if it never had.
    pub(crate) recovered: usize,
    outlived: Outlived,
    /// By the number of the life.
    laid_out: Mutex<BTreeMap<u8, Arc<Timeline>>>,
}

impl Log {
    pub(super) fn push(&mut self, event: Event) {
        self.events.push(event);
    }

    pub(super) fn resize(&mut self, device: DeviceId, old: Bytes, len: Bytes) {
        self.note_len(device, old);
        self.events.push(Event::Resize { device, len });
    }

    /// A device is about to be changed that has this length.
    pub(super) fn note_len(&mut self, device: DeviceId, len: Bytes) {
        self.lens.entry(device).or_insert(len);
    }

    /// There is one more device.
    pub(super) fn make(&mut self, device: Device) {
        self.made.push(device);
    }

    pub(super) fn recovered(&mut self) {
        if self.recovered.is_none() {
            self.events.push(Event::Mark { text: RECOVERED.to_owned() });
            self.recovered = Some(self.events.len());
        }
    }

    /// Says what it has outlived.
    pub(super) fn outlive(&mut self, outlived: Outlived) {
        self.outlived = outlived;
    }

    /// The devices to which something may have been in flight when it began.
    pub(super) fn spared(&self) -> &[DeviceId] {
        &self.outlived.devices
    }

    /// The life on these devices, to which so much was in flight when it began.
    ///
    /// Of a tree it knows those that it met: what it does not look at it does in other trees, too.
    pub(super) fn end(self, mut devices: Vec<Device>, in_flight: Vec<Event>) -> Life {
        let outlived = Outlived { writes: in_flight.len(), ..self.outlived };
        let recovered = self.recovered.map_or(usize::MAX, |recovered| recovered + outlived.writes);
        let events = [in_flight, self.events].concat();
        if self.made.is_empty() && devices.first().is_some_and(Device::is_directory) {
            let met = events.iter().flat_map(met).chain(self.lens.keys().copied());
            devices.truncate(met.map(|device| device.index() + 1).max().unwrap_or(1));
        }
        devices.extend(self.made);
        let mut trace = Trace { devices, events };
        for (device, len) in self.lens {
            trace.devices[device.index()].base.resize(len);
        }
        Life { trace, recovered, outlived, laid_out: Mutex::default() }
    }
}

impl Life {
    /// Lays it out as the n-th life, once.
    pub(crate) fn laid_out(&self, profile: &Profile, number: u8) -> Arc<Timeline> {
        let mut known = self.laid_out.lock().unwrap_or_else(PoisonError::into_inner);
        let lay_out = || Arc::new(Timeline::later(&self.trace, profile, number, self.outlived.clone()));
        Arc::clone(known.entry(number).or_insert_with(lay_out))
    }

    /// How much memory it takes, roughly.
    pub(crate) fn memory(&self) -> usize {
        let bytes = |event: &Event| event.payload().map_or(0, |data| data.len().index());
        self.trace.events.iter().map(|event| size_of::<Event>() + bytes(event)).sum()
    }
}

/// The devices that an event is about.
fn met(event: &Event) -> Vec<DeviceId> {
    let inodes = if let Event::Names { changes, .. } = event { changes.as_slice() } else { &[] };
    let named = inodes.iter().filter_map(|change| change.inode);
    event.device().into_iter().chain(event.ranges().map(|(device, ..)| device)).chain(named).collect()
}
