//! Trees of files: what a change of names is made of, and a write that makes a file longer.
//!
//! Every inode is a device of its own, and a name a slot of its directory, so that what one `fsync` makes durable is what a
//! flush of one device does. The least that is promised holds: names are independent of each other, of lengths and of
//! data; only what one call does to names is one atom, in whatever directories. What was a name, a length or data is asked
//! for by whoever looks a name up, asks for a length or reads. Data beyond the length that survived is there and never read;
//! a length without its data reads as zeros.
//!
//! What a file system promises beyond that is in `[files]` of its profile. Names that keep their order are one lane. Data that is there
//! before the length that shows it is never seen missing, so that nothing is asked for it: it is *hidden* until then.
//! What an `fsync` carries of names that are not in the directory at hand is found by [`Names`].

use super::cell::AtomId;
use super::piece::{Fill, Lane, Piece};
use crate::profile::{Fsync, Order, Profile};
use crashcheck_trace::files::{NameChange, changed, replacing};
use crashcheck_trace::{Bytes, DEVICE_LEN_MAX, Device, DeviceId, Event, EventId, Trace};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// Whether a machine is a tree of files.
pub(super) fn is_tree(trace: &Trace) -> bool {
    trace.devices.first().is_some_and(Device::is_directory)
}

/// Under a profile that keeps the order, all of a tree.
pub(super) fn lane(device: DeviceId, tree: bool, order: Order) -> Option<Lane> {
    let device = if tree { DeviceId(0) } else { device };
    (order == Order::Issued).then_some(Lane { device, number: 0 })
}

/// Names that change together. What a name was before its last change in the same call is never seen.
pub(super) fn names(pieces: &mut Vec<Piece>, id: EventId, changes: &[NameChange], profile: &Profile) {
    let first = pieces.len();
    let order = if profile.order == Order::Issued { profile.order } else { profile.files.names };
    for (nth, change) in changed(changes) {
        let (device, at, len) = change.range();
        let (fill, joins) = (Fill::Name(nth as u32), pieces.len() > first);
        let lane = lane(device, true, order);
        let range = Some((at, len));
        pieces.push(Piece { event: id, unit: 0, device, range, fill, joins, lane, hidden: false });
    }
}

/// The file that is written out when an event gives it the name of another one.
pub(super) fn written_out(event: &Event, devices: &[Device], profile: &Profile) -> Option<DeviceId> {
    let Event::Names { changes, .. } = event else { return None };
    replacing(changes).filter(|inode| profile.files.replace_flush && devices[inode.index()].is_file())
}

/// How long the files of a trace are, event by event.
pub(super) struct Lens {
    now: Vec<Bytes>,
    /// Beyond the end of a file nothing has ever been from here on. `None` for what is no file.
    most: Vec<Option<Bytes>>,
    /// As long a file may be after a crash.
    may_be: Vec<Bytes>,
}

impl Lens {
    /// Before the first event of a life, counted from 1. Earlier ones may have left something beyond the end of a file.
    pub(super) fn of(devices: &[Device], life: u8) -> Lens {
        let most = |device: &Device| {
            device.is_file().then(|| if life > 1 { DEVICE_LEN_MAX } else { device.base.len() })
        };
        let now: Vec<Bytes> = devices.iter().map(|device| device.base.len()).collect();
        Lens { most: devices.iter().map(most).collect(), may_be: now.clone(), now }
    }

    /// Where what is written to a file is not seen without a length that comes with it or later.
    pub(super) fn hidden_from(&self, device: DeviceId) -> Bytes {
        self.may_be[device.index()]
    }

    /// Whatever was done to a file is durable.
    pub(super) fn settle(&mut self, device: DeviceId) {
        self.may_be[device.index()] = self.now[device.index()];
    }

    /// A write to a file ends at `end`, and moves the end of the file if that is behind it. What lies between the old end and
    /// the write reads as zeros with the new length, whatever was there.
    pub(super) fn grow(
        &mut self,
        (device, unit): (DeviceId, u32),
        (at, end): (Bytes, Bytes),
        by: (EventId, Option<Lane>),
    ) -> impl Iterator<Item = Piece> + use<> {
        let old = self.now[device.index()];
        let grows = old < end;
        let zeros = (grows && old < at && Some(old) < self.most[device.index()]).then(|| (old, at - old));
        grows.then(|| self.set((device, unit), end, zeros, by)).into_iter().flatten()
    }

    /// A device is made shorter or longer. What is gone reads as zeros if it comes back.
    pub(super) fn resize(
        &mut self,
        device: DeviceId,
        len: Bytes,
        by: (EventId, Option<Lane>),
    ) -> impl Iterator<Item = Piece> + use<> {
        let (old, most) = (self.now[device.index()], self.most[device.index()]);
        let zeros = match () {
            () if len < old => Some((len, old - len)),
            () if old < len && Some(old) < most => Some((old, len - old)),
            () => None,
        };
        self.set((device, 0), len, zeros, by)
    }

    /// Another length, and what reads as zeros with it.
    fn set(
        &mut self,
        (device, unit): (DeviceId, u32),
        len: Bytes,
        zeros: Option<(Bytes, Bytes)>,
        (event, lane): (EventId, Option<Lane>),
    ) -> impl Iterator<Item = Piece> + use<> {
        self.now[device.index()] = len;
        self.may_be[device.index()] = self.may_be[device.index()].max(len);
        let most = &mut self.most[device.index()];
        *most = most.map(|most| most.max(len));
        let piece =
            move |fill, range, joins| Piece { event, unit, device, range, fill, joins, lane, hidden: false };
        let zeros = zeros.map(|range| piece(Fill::Zero, Some(range), true));
        std::iter::once(piece(Fill::Length(len), None, false)).chain(zeros)
    }
}

/// The changes of names that are in flight, for what an `fsync` makes durable of them beside those in a directory.
#[derive(Default)]
pub(super) struct Names {
    all: VecDeque<AtomId>,
    /// By inode: those that gave it a name.
    of: FxHashMap<DeviceId, Vec<AtomId>>,
}

impl Names {
    /// One more was issued.
    pub(super) fn issue(&mut self, atom: AtomId, changes: &[NameChange]) {
        self.all.push_back(atom);
        for inode in changes.iter().filter_map(|change| change.inode) {
            self.of.entry(inode).or_default().push(atom);
        }
    }

    /// Those that an `fsync` of an inode makes durable. `changed` is the last of its own changes of its length or its names that
    /// was in flight, `directories` says in which directories a change gave names.
    pub(super) fn carried(
        &mut self,
        (inode, changed): (DeviceId, Option<AtomId>),
        fsync: Fsync,
        directories: impl Fn(AtomId) -> Vec<DeviceId>,
    ) -> Vec<AtomId> {
        match fsync {
            Fsync::Inode => Vec::new(),
            Fsync::Names => self.above(inode, directories),
            Fsync::Earlier => {
                let named = self.of.remove(&inode).into_iter().flatten();
                let last = named.chain(changed).max();
                let upto = last.map_or(0, |last| self.all.partition_point(|atom| *atom <= last));
                self.all.drain(..upto).collect()
            }
        }
    }

    /// The names of an inode, of the directories that they are in, and so on up to what is durable.
    fn above(&mut self, inode: DeviceId, directories: impl Fn(AtomId) -> Vec<DeviceId>) -> Vec<AtomId> {
        let (mut found, mut open) = (Vec::new(), vec![inode]);
        while let Some(inode) = open.pop() {
            let named = self.of.remove(&inode).unwrap_or_default();
            open.extend(named.iter().flat_map(|atom| directories(*atom)));
            found.extend(named);
        }
        found
    }
}
