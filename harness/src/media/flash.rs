//! NAND flash chips: which atoms a trace of programs and erases has, and what keeps its order.
//!
//! A program or an erase is in flight from its issue until the chip was waited for. Dies and planes work side by side,
//! so that erase blocks are independent of each other; within one the chip works in the order of issue. At a crash the
//! first operations in flight on an erase block are complete, and where the [`Profile`] has `torn = "garbage"`, the next
//! one may have been cut off: a page that was being programmed reads as garbage, and with it the earlier page that
//! shares its cells; an erase that was cut off leaves garbage all over its block. Under `order = "issued"` the whole chip
//! works in the order of issue.
//!
//! What was cut off is taken to read as garbage: as bytes that nobody wrote, or, of a program that was cut off late, as it
//! should but for a few bits, as many as a code that corrects one of them does not notice. A block whose erase was in flight
//! may look erased, and no page of it can be programmed until it is erased again. Real chips can also show a page that reads
//! as it should, and fails later (Tseng, Grupp and Swanson, Understanding the impact of power loss on flash memory, DAC
//! 2011); that is not modelled.

use super::piece::{Fill, Lane, Piece};
use crate::profile::{Order, Profile};
use crashcheck_trace::{Bytes, DeviceId, Event, EventId, NandGeometry};

/// The atom of an event on a flash chip.
pub(super) fn pieces(id: EventId, event: &Event, chip: &NandGeometry, profile: &Profile) -> Vec<Piece> {
    let Some((device, at, len)) = event.range() else { return Vec::new() };
    let fill = match event {
        Event::Program { .. } => Fill::Data,
        Event::Erase { .. } => Fill::Ones,
        Event::Write { .. }
        | Event::WriteZeroes { .. }
        | Event::Discard { .. }
        | Event::Resize { .. }
        | Event::Names { .. }
        | Event::Flush { .. }
        | Event::FlushFailed { .. }
        | Event::Begin { .. }
        | Event::Ack { .. }
        | Event::Mark { .. }
        | Event::Send { .. }
        | Event::Deliver { .. }
        | Event::Down { .. }
        | Event::Up { .. } => return Vec::new(),
    };
    let lane = Some(lane(chip, device, at, profile.order));
    let piece = Piece { event: id, unit: 0, device, range: Some((at, len)), fill, joins: false, lane };
    let program = matches!(event, Event::Program { .. });
    let partner = program.then(|| partner(chip, at)).flatten().map(|page| Piece {
        range: Some((page, len)),
        fill: Fill::Kept,
        joins: true,
        ..piece
    });
    [Some(piece), partner].into_iter().flatten().collect()
}

/// What keeps its order with the operation at a position of a chip.
fn lane(chip: &NandGeometry, device: DeviceId, at: Bytes, order: Order) -> Lane {
    let number = match order {
        Order::Any => chip.block_with(at).0,
        Order::Issued => 0,
    };
    Lane { device, number }
}

/// The page that the program of another takes with it when it is cut off.
pub(super) fn partner(chip: &NandGeometry, at: Bytes) -> Option<Bytes> {
    chip.partner(chip.page_with(at)).map(|page| chip.page_at(page))
}
