//! The write hole in words: a block that nobody wrote comes back as itself XOR what changed in another block of its
//! stripe (RD-20).

use super::format::{SECTOR, UNIT};
use super::geometry::{Geometry, Level, Role};
use super::parity::xor_all;
use crate::volume::{Sector, View};
use crashcheck::Bytes;

const SECTORS: u64 = (UNIT / SECTOR) as u64;

/// How the loss of a member has turned one view into another, if it was the write hole. `states` is what the model says
/// after each of the operations.
pub(super) fn write_hole(
    geometry: &Geometry,
    before: &View,
    after: &View,
    states: &[View],
) -> Option<String> {
    if !matches!(geometry.level, Level::FixedParity | Level::RotatedParity) {
        return None;
    }
    let differing =
        before.keys().chain(after.keys()).filter(|sector| before.get(sector) != after.get(sector));
    let sector = *differing.min()?;
    let block = sector / SECTORS;
    let place = geometry.place(block);
    let (was, is) = (bytes(before, sector), bytes(after, sector));
    for (column, sibling) in geometry.blocks_of(place.row).enumerate() {
        if sibling == block {
            continue;
        }
        let there = sibling * SECTORS + sector % SECTORS;
        let held: Vec<Vec<u8>> = states.iter().map(|state| bytes(state, there)).collect();
        let change = held
            .windows(2)
            .position(|pair| pair[0] != pair[1] && xor_all([&*was, &*pair[0], &*pair[1]]) == is);
        if let Some(before_op) = change {
            let stripe = geometry.stripe(place.row);
            let now = bytes(before, there);
            let met = match () {
                () if now == held[before_op + 1] => "had new data but old parity",
                () if now == held[before_op] => "had old data but new parity",
                () => "has a parity that missed this change",
            };
            let lost = geometry.role(place.row, place.column);
            return Some(format!(
                "block {block}, {}, reads as its content XOR (old XOR new content of block {sibling}, operation {}), \
                 after member {} is lost: stripe {} {met} (block {sibling} is on member {}, the \
                 parity on member {})",
                last_written(states, sector),
                before_op + 1,
                lost.0,
                stripe.0,
                geometry.role(place.row, column).0,
                geometry.parity(place.row).unwrap_or(Role(0)).0,
            ));
        }
    }
    None
}

/// When a sector last changed, in words.
fn last_written(states: &[View], sector: u64) -> String {
    let changed = states.windows(2).rposition(|pair| pair[0].get(&sector) != pair[1].get(&sector));
    match changed {
        Some(before_op) => format!("which no operation wrote after operation {}", before_op + 1),
        None => "which no operation wrote".to_owned(),
    }
}

fn bytes(view: &View, sector: u64) -> Vec<u8> {
    view.get(&sector)
        .map_or_else(|| vec![0; SECTOR], |held: &Sector| held.bytes(Bytes(sector * SECTOR as u64)))
}
