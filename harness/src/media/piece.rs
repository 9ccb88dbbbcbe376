//! The pieces of an event that are atomic on the medium.

use crashcheck_trace::{Bytes, DeviceId, EventId};

/// A part of an event that is atomic on the medium.
pub(super) struct Piece {
    pub(super) event: EventId,
    pub(super) unit: u32,
    pub(super) device: DeviceId,
    /// Bytes, or the length of the device.
    pub(super) range: Option<(Bytes, Bytes)>,
    pub(super) fill: Fill,
    /// Survives together with the piece before it.
    pub(super) joins: bool,
    /// What it keeps its order with.
    pub(super) lane: Option<Lane>,
}

/// Atoms of one lane reach the medium in the order of issue. Those without a lane overtake each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lane {
    /// Its device, or the first of those that keep their order together.
    pub(super) device: DeviceId,
    /// Which of the device.
    pub(super) number: u32,
}

#[derive(Clone, Copy)]
pub(super) enum Fill {
    Data,
    /// What the name with this number that the event changes stands for.
    Name(u32),
    Zero,
    Ones,
    /// What was there before.
    Kept,
    /// What is there without the writes that this event names.
    Without(EventId),
    Garbage,
    Length(Bytes),
}

impl Piece {
    /// Whether this is a change of the length of the device.
    pub(super) fn is_length(&self) -> bool {
        matches!(self.fill, Fill::Length(_))
    }
}
