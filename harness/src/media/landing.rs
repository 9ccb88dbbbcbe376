//! Where a write lands that goes elsewhere by mistake.

use super::piece::Piece;
use crate::profile::Faults;
use crate::profile::Landing;
use crashcheck_trace::{Bytes, Device, DeviceId};

/// The unit in which a device fails to be read: its logical block, or the page of a flash chip.
pub(crate) fn block_len(device: &Device) -> Bytes {
    match device.chip() {
        Some(chip) => chip.geometry.page_len(),
        None => Bytes(device.block.0.max(512)),
    }
}

/// The ranges of a device that writes may land on by mistake, of all writes to all devices.
pub(super) fn victims(
    devices: &[Device],
    on: DeviceId,
    pieces: &[Piece],
    faults: &Faults,
) -> Vec<(u64, u64)> {
    let mut ranges = Vec::new();
    if faults.landings().next().is_none()
        || pieces.iter().any(|piece| piece.device == on && piece.is_length())
    {
        return ranges;
    }
    for (device, range) in pieces.iter().filter_map(|piece| Some((piece.device, piece.range?))) {
        let landings = faults.landings().filter_map(|how| landing_of(devices, device, range, how));
        let here = landings.filter(|(landed, _)| *landed == on);
        ranges.extend(here.map(|(_, start)| (start.0, start.0 + range.1.0)));
    }
    ranges
}

/// Where a write to a range of a device lands that goes elsewhere, if there is such a place. No flash chip has one.
pub(crate) fn landing_of(
    devices: &[Device],
    on: DeviceId,
    (at, len): (Bytes, Bytes),
    how: Landing,
) -> Option<(DeviceId, Bytes)> {
    let shift = len.0.next_multiple_of(block_len(&devices[on.index()]).0);
    let next = DeviceId(((on.index() + 1) % devices.len()) as u16);
    let (landed, start) = match how {
        Landing::Behind => (on, at.0.checked_add(shift)?),
        Landing::Before => (on, at.0.checked_sub(shift)?),
        Landing::NextDevice => (next, at.0),
    };
    let is_there = (landed, start) != (on, at.0) && devices[landed.index()].chip().is_none();
    let reaches = start.checked_add(len.0)? <= devices[landed.index()].base.len().0;
    (is_there && devices[on.index()].chip().is_none() && reaches).then_some((landed, Bytes(start)))
}
