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
use crashcheck_trace::{Bytes, DeviceId, EventId, Trace};

/// Whether a machine is a tree of files.
pub(super) fn is_tree(trace: &Trace) -> bool {
    trace.devices.first().is_some_and(crashcheck_trace::Device::is_directory)
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

/// The end of a file that a write from `at` on has moved. What lies between the old end and the write reads as zeros
/// with the new length, whatever was there.
pub(super) fn growth(
    pieces: &mut Vec<Piece>,
    event: EventId,
    (device, unit): (DeviceId, u32),
    (old, at, end): (Bytes, Bytes, Bytes),
    lane: Option<Lane>,
) {
    let length = Piece { event, unit, device, range: None, fill: Fill::Length(end), joins: false, lane };
    let gap = (old < at).then(|| Piece {
        range: Some((old, at - old)),
        fill: Fill::Zero,
        joins: true,
        ..length
    });
    pieces.extend([Some(length), gap].into_iter().flatten());
}
