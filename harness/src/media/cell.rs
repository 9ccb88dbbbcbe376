//! What a trace is laid out as: atoms, and cells with their version chains.

use super::contents::ContentId;
use super::piece::Lane;
use crashcheck_trace::{Bytes, DeviceId, DeviceKind, EventId, Image, NandChip};

/// A run of bytes of one device that is always written as a whole, or the length of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CellId(pub(crate) u32);

/// What survives or is lost as a whole: a write, or one atomic unit of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AtomId(pub(crate) u32);

pub(crate) struct Atom {
    pub(crate) event: EventId,
    pub(crate) unit: u32,
    pub(crate) device: DeviceId,
    /// Another device that it changes as well.
    pub(crate) also: Option<DeviceId>,
    /// What it keeps its order with.
    pub(super) lane: Option<Lane>,
    /// The cells it writes, in order.
    pub(crate) cells: Vec<CellId>,
    /// The epoch in which it was issued.
    pub(crate) issued: u32,
    /// The first epoch in which it is durable.
    pub(crate) durable: u32,
}

#[derive(Clone, Copy)]
pub(crate) struct Version {
    pub(crate) atom: AtomId,
    pub(crate) content: ContentId,
    /// What the cell reads as if the atom was cut off half-way, where the profile has that.
    pub(crate) garbage: ContentId,
    /// The epoch in which it was issued.
    pub(super) issued: u32,
    /// The first epoch in which it or a newer one is durable.
    pub(super) settled: u32,
}

pub(crate) struct Cell {
    pub(crate) start: Bytes,
    pub(crate) len: Bytes,
    /// What it held when the recording began.
    pub(crate) base: ContentId,
    /// What was written to it, oldest first.
    pub(crate) versions: Vec<Version>,
}

impl Cell {
    /// Where it begins and ends.
    pub(crate) fn span(&self) -> (Bytes, Bytes) {
        (self.start, self.start + self.len)
    }
}

/// What a cell holds in an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// Only this.
    Durable(ContentId),
    /// The content of any of `floor..latest` (counting the base as 0).
    InFlight {
        /// The newest durable version: 0 is the base, n the n-th write.
        floor: u32,
        /// The newest version.
        latest: u32,
    },
}

/// The cells of one device.
pub(crate) struct Line {
    pub(crate) base: Image,
    pub(crate) kind: DeviceKind,
    /// The unit in which it fails to be read.
    pub(crate) block: Bytes,
    /// The bytes written at some time: `cells[first..]`, ordered by position, not overlapping.
    pub(super) first: u32,
    pub(super) count: u32,
    /// The cell that stands for the length, if the length ever changes.
    pub(crate) length: Option<CellId>,
}

impl Line {
    /// What it is made of, if it is a flash chip.
    pub(crate) fn chip(&self) -> Option<&NandChip> {
        match &self.kind {
            DeviceKind::Nand(chip) => Some(chip),
            DeviceKind::Block | DeviceKind::File | DeviceKind::Directory | DeviceKind::Link => None,
        }
    }
}

/// The events between two durability points.
pub(crate) struct Epoch {
    /// A crash in this epoch happens after `from` to `upto` events.
    pub(crate) from: usize,
    /// See `from`.
    pub(crate) upto: usize,
    /// How many writes are in flight and can be seen.
    pub(crate) in_flight: usize,
}
