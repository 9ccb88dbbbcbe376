//! Where a write lands that goes to a neighbour by mistake.

use super::piece::Piece;
use crate::profile::Faults;
use crashcheck_trace::{Bytes, Device};

/// The unit in which a device fails to be read: its logical block, or the page of a flash chip.
pub(crate) fn block_len(device: &Device) -> Bytes {
    match device.chip() {
        Some(chip) => chip.geometry.page_len(),
        None => Bytes(device.block.0.max(512)),
    }
}

/// The ranges of a device that writes to it may land on by mistake.
pub(super) fn victims(device: &Device, pieces: &[&Piece], faults: &Faults) -> Vec<(u64, u64)> {
    let mut ranges = Vec::new();
    let is_chip = device.chip().is_some();
    if !faults.misdirected || is_chip || pieces.iter().any(|piece| piece.is_length()) {
        return ranges;
    }
    for (at, len) in pieces.iter().filter_map(|piece| piece.range) {
        let landings = [true, false].into_iter().filter_map(|forward| landing(device, at, len, forward));
        ranges.extend(landings.map(|start| (start.0, start.0 + len.0)));
    }
    ranges
}

/// Where a write lands that goes to a neighbour, if the device reaches that far.
pub(super) fn landing(device: &Device, at: Bytes, len: Bytes, forward: bool) -> Option<Bytes> {
    let shift = len.0.next_multiple_of(block_len(device).0);
    let start = if forward { at.0.checked_add(shift)? } else { at.0.checked_sub(shift)? };
    (start.checked_add(len.0)? <= device.base.len().0).then_some(Bytes(start))
}
