//! Trees of files: what a change of names is made of, and a write that makes a file longer.
//!
//! Every inode is a device of its own, and a name a slot of its directory, so that what one `fsync` makes durable is what a
//! flush of one device does. The least that is promised holds: names are independent of each other, of lengths and of
//! data; only what one call does to names is one atom, in whatever directories. What was a name, a length or data is asked
//! for by whoever looks a name up, asks for a length or reads. Data beyond the length that survived is there and never read;
//! a length without its data reads as zeros.
//!
//! What a file system promises beyond that is in `[files]` of its profile. Names that keep their order are one lane. What an `fsync`
//! carries of names that are not in the directory at hand is found by [`Names`].

use super::cell::AtomId;
use super::piece::{Fill, Lane, Piece};
use crate::profile::{Fdatasync, Fsync, Order, Profile};
use crashcheck_trace::files::{NameChange, changed, replacing};
use crashcheck_trace::{Bytes, DEVICE_LEN_MAX, Device, DeviceId, Event, EventId, Label, Reach, Trace};
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
        pieces.push(Piece { event: id, unit: 0, device, range, fill, joins, lane });
    }
}

/// The file of which what has made it longer is written out when an event gives it the name of another one.
pub(super) fn written_out(event: &Event, devices: &[Device], profile: &Profile) -> Option<DeviceId> {
    let Event::Names { changes, .. } = event else { return None };
    replacing(changes).filter(|inode| profile.files.replace_flush && devices[inode.index()].is_file())
}

/// What a flush or a durable write makes durable of what it is for: what `fsync` does, unless it is for the data of a file alone.
pub(super) fn reach(event: &Event, devices: &[Device], profile: &Profile) -> Fdatasync {
    let (Event::Flush { device, reach: Reach::Data, .. }
    | Event::Write { device, fua: Some(Reach::Data), .. }
    | Event::WriteZeroes { device, fua: Some(Reach::Data), .. }) = event
    else {
        return Fdatasync::Fsync;
    };
    if devices[device.index()].is_file() { profile.files.fdatasync } else { Fdatasync::Fsync }
}

/// How long the files of a trace are, event by event.
pub(super) struct Lens {
    now: Vec<Bytes>,
    /// Beyond the end of a file nothing has ever been from here on. `None` for what is no file.
    most: Vec<Option<Bytes>>,
}

impl Lens {
    /// Before the first event of a life, counted from 1. Earlier ones may have left something beyond the end of a file.
    pub(super) fn of(devices: &[Device], life: u8) -> Lens {
        let most = |device: &Device| {
            device.is_file().then(|| if life > 1 { DEVICE_LEN_MAX } else { device.base.len() })
        };
        Lens {
            now: devices.iter().map(|device| device.base.len()).collect(),
            most: devices.iter().map(most).collect(),
        }
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
        let most = &mut self.most[device.index()];
        *most = most.map(|most| most.max(len));
        let piece = move |fill, range, joins| Piece { event, unit, device, range, fill, joins, lane };
        let zeros = zeros.map(|range| piece(Fill::Zero, Some(range), true));
        std::iter::once(piece(Fill::Length(len), None, false)).chain(zeros)
    }
}

/// Names that were given or taken away and are in flight, for what an `fsync` makes durable of them beside those in a directory.
#[derive(Default)]
pub(super) struct Names {
    all: VecDeque<AtomId>,
    /// By inode: what gave it a name.
    of: FxHashMap<DeviceId, Vec<AtomId>>,
    /// By inode: what made it, if that is known.
    made: FxHashMap<DeviceId, AtomId>,
}

impl Names {
    /// One more was issued. What has no name yet gets its first by one change of its own, which is no link to what is there.
    pub(super) fn issue(&mut self, atom: AtomId, changes: &[NameChange], label: Option<&Label>) {
        self.all.push_back(atom);
        for inode in changes.iter().filter_map(|change| change.inode) {
            let is_link = label.is_some_and(|label| label.as_str() == "link");
            let named = self.of.entry(inode).or_default();
            if named.is_empty() && changes.len() == 1 && !is_link {
                self.made.insert(inode, atom);
            }
            named.push(atom);
        }
    }

    /// Those that an `fsync` of an inode makes durable, or an `fdatasync`. `changed` is the last change in flight of its length or of the
    /// names in it, `directories` says in which directories a change gave names.
    pub(super) fn carried(
        &mut self,
        (inode, changed): (DeviceId, Option<AtomId>),
        (fsync, reach): (Fsync, Fdatasync),
        is_open: impl Fn(&AtomId) -> bool,
        directories: impl Fn(AtomId) -> Vec<DeviceId>,
    ) -> Vec<AtomId> {
        let made = self.made.get(&inode).copied().filter(&is_open);
        let needed = made.max(changed);
        if reach == Fdatasync::Data || (reach == Fdatasync::Length && needed.is_none()) {
            return Vec::new();
        }
        match fsync {
            Fsync::Inode => Vec::new(),
            Fsync::Names => self.above(inode, directories),
            Fsync::Earlier => {
                let named = self.of.get(&inode).and_then(|named| named.last().copied()).filter(&is_open);
                let last = needed.max(named.filter(|_| reach == Fdatasync::Fsync));
                let upto = last.map_or(0, |last| self.all.partition_point(|atom| *atom <= last));
                self.all.drain(..upto).collect()
            }
        }
    }

    /// The names of an inode, and those with which the directories above were made.
    fn above(&mut self, inode: DeviceId, directories: impl Fn(AtomId) -> Vec<DeviceId>) -> Vec<AtomId> {
        let mut found = std::mem::take(self.of.entry(inode).or_default());
        let mut open: Vec<DeviceId> = found.iter().flat_map(|atom| directories(*atom)).collect();
        while let Some(directory) = open.pop() {
            let Some(made) = self.made.remove(&directory) else { continue };
            open.extend(directories(made));
            found.push(made);
        }
        found
    }
}
