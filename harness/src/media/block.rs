//! Block devices and files: writes that a flush makes durable.
//!
//! A write is *in flight* from its issue until a flush that covers it has completed (with FUA: until it has itself
//! completed). At a crash any subset of the *atoms* in flight, an atom being a write or one atomic unit of it as the
//! [`Profile`] says, has reached the medium; a later write to the same place wins over an earlier one. Data that was
//! durable is not lost. The length of a file-like device is state with a version chain of its own.

use super::files::{self, Lens};
use super::flash;
use super::piece::{Fill, Lane, Piece};
use crate::profile::{Atomic, Cache, Discard, Honesty, Order, Profile};
use crashcheck_trace::{Bytes, DeviceId, Event, EventId, NodeId, Trace};

/// The atoms of a trace, in the order of issue.
pub(super) fn pieces(trace: &Trace, profile: &Profile, life: u8) -> Vec<Piece> {
    let mut lens = Lens::of(&trace.devices, life);
    let tree = files::is_tree(trace);
    let mut pieces = Vec::new();
    for (index, event) in trace.events.iter().enumerate() {
        let id = EventId(index as u32);
        let chip = event.device().and_then(|device| trace.devices[device.index()].chip());
        if let Some(chip) = chip {
            pieces.extend(flash::pieces(id, event, &chip.geometry, profile));
            continue;
        }
        let lane = event.device().and_then(|device| files::lane(device, tree, profile.order));
        let mut split = |pieces: &mut Vec<Piece>, fill| {
            let units = split(pieces, id, event, fill, (profile, lane));
            let Some((device, at, len)) = event.range().filter(|_| units > 0) else { return };
            if trace.devices[device.index()].is_file() {
                pieces.extend(lens.grow((device, units), (at, at + len), (id, lane)));
            }
        };
        match event {
            Event::Write { .. } => split(&mut pieces, Fill::Data),
            Event::WriteZeroes { .. } => split(&mut pieces, Fill::Zero),
            Event::Discard { .. } => match profile.discard {
                Discard::Old => {}
                Discard::Zero => split(&mut pieces, Fill::Zero),
                Discard::Garbage => split(&mut pieces, Fill::Garbage),
            },
            Event::Names { changes, .. } => files::names(&mut pieces, id, changes, profile),
            Event::Resize { device, len } => pieces.extend(lens.resize(*device, *len, (id, lane))),
            Event::FlushFailed { writes, dropped: true, .. } => undo(&mut pieces, id, writes),
            Event::Program { .. }
            | Event::Erase { .. }
            | Event::Flush { .. }
            | Event::FlushFailed { .. }
            | Event::Begin { .. }
            | Event::Ack { .. }
            | Event::Mark { .. }
            | Event::Send { .. }
            | Event::Deliver { .. }
            | Event::Down { .. }
            | Event::Up { .. } => {}
        }
    }
    pieces
}

/// Where a device has dropped what some events wrote, it holds what it held without them. Of lengths and names nothing is dropped.
fn undo(pieces: &mut Vec<Piece>, id: EventId, writes: &[EventId]) {
    let is_data = |piece: &&Piece| !piece.is_length() && !matches!(piece.fill, Fill::Name(_));
    let of_these = |piece: &&Piece| writes.binary_search(&piece.event).is_ok() && is_data(piece);
    let mut undone: Vec<Piece> = Vec::new();
    for piece in pieces.iter().filter(of_these).filter(|piece| !piece.joins) {
        if !undone.iter().any(|known| known.range == piece.range) {
            let unit = undone.len() as u32;
            undone.push(Piece { event: id, unit, fill: Fill::Without(id), joins: false, ..*piece });
        }
    }
    pieces.append(&mut undone);
}

/// Cuts a write into the units that reach the medium as a whole, and says how many there are.
fn split(
    pieces: &mut Vec<Piece>,
    id: EventId,
    event: &Event,
    fill: Fill,
    (profile, lane): (&Profile, Option<Lane>),
) -> u32 {
    let Some((device, at, len)) = event.range().filter(|(_, _, len)| *len > Bytes::ZERO) else { return 0 };
    let unit = match profile.atomic {
        Atomic::Write => u64::MAX,
        Atomic::Bytes(bytes) => u64::from(bytes),
    };
    let (mut start, end, mut nth) = (at.0, at.0 + len.0, 0);
    while start < end {
        let stop =
            (start / unit).checked_add(1).and_then(|next| next.checked_mul(unit)).unwrap_or(end).min(end);
        let range = Some((Bytes(start), Bytes(stop - start)));
        pieces.push(Piece { event: id, unit: nth, device, range, fill, joins: false, lane });
        (start, nth) = (stop, nth + 1);
    }
    nth
}

/// What an event makes durable, if it makes anything durable.
pub(super) enum Settles<'a> {
    /// What is in flight on a device, but for some events.
    Device(DeviceId, &'a [EventId]),
    /// What is in flight on all devices.
    All,
    /// What one event wrote.
    Event(EventId),
    /// What is in flight on the devices of a node, which is turned off in good order.
    Node(NodeId),
}

impl Settles<'_> {
    pub(super) fn by<'a>(event: &'a Event, id: EventId, profile: &Profile) -> Option<Settles<'a>> {
        match event {
            Event::Flush { device, except, .. } if profile.flush == Honesty::Honest => {
                Some(Settles::Device(*device, except))
            }
            Event::Write { device, fua, .. } | Event::WriteZeroes { device, fua, .. }
                if (fua.is_some() && profile.fua == Honesty::Honest) || profile.cache == Cache::None =>
            {
                match profile.order {
                    // Where nothing overtakes, what was issued before a durable write is durable too.
                    Order::Issued => Some(Settles::Device(*device, &[])),
                    Order::Any => Some(Settles::Event(id)),
                }
            }
            Event::Discard { .. } | Event::Resize { .. } | Event::Names { .. }
                if profile.cache == Cache::None =>
            {
                Some(Settles::Event(id))
            }
            Event::FlushFailed { dropped: true, .. } => Some(Settles::Event(id)),
            Event::Down { node } => Some(Settles::Node(*node)),
            Event::Write { .. }
            | Event::WriteZeroes { .. }
            | Event::Discard { .. }
            | Event::Resize { .. }
            | Event::Names { .. }
            | Event::Program { .. }
            | Event::Erase { .. }
            | Event::Flush { .. }
            | Event::FlushFailed { .. }
            | Event::Begin { .. }
            | Event::Ack { .. }
            | Event::Mark { .. }
            | Event::Send { .. }
            | Event::Deliver { .. }
            | Event::Up { .. } => None,
        }
    }
}
