//! Trees of files: what a change of names is made of, and a write that makes a file longer.
//!
//! Every inode is a device of its own, and a name a slot of its directory, so that what one `fsync` makes durable is what a
//! flush of one device does. The least that is promised holds: names are independent of each other, of lengths and of
//! data; only what one call does to names is one atom, in whatever directories. What was a name, a length or data is asked
//! for by whoever looks a name up, asks for a length or reads. Data beyond the length that survived is there and never read;
//! a length without its data reads as zeros.

use super::piece::{Fill, Lane, Piece};
use crate::profile::{Order, Profile};
use crashcheck_trace::files::NameChange;
use crashcheck_trace::{Bytes, DEVICE_LEN_MAX, Device, DeviceId, EventId, Trace};

/// Whether a machine is a tree of files.
pub(super) fn is_tree(trace: &Trace) -> bool {
    trace.devices.first().is_some_and(Device::is_directory)
}

/// Under a profile that keeps the order, all of a tree.
pub(super) fn lane(device: DeviceId, tree: bool, profile: &Profile) -> Option<Lane> {
    let device = if tree { DeviceId(0) } else { device };
    (profile.order == Order::Issued).then_some(Lane { device, number: 0 })
}

/// Names that change together. What a name was before its last change in the same call is never seen.
pub(super) fn names(pieces: &mut Vec<Piece>, id: EventId, changes: &[NameChange], profile: &Profile) {
    let first = pieces.len();
    for (nth, change) in changes.iter().enumerate() {
        let (device, at, len) = change.range();
        if changes[nth + 1..].iter().any(|later| later.range() == change.range()) {
            continue;
        }
        let (fill, joins) = (Fill::Name(nth as u32), pieces.len() > first);
        let lane = lane(device, true, profile);
        pieces.push(Piece { event: id, unit: 0, device, range: Some((at, len)), fill, joins, lane });
    }
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
