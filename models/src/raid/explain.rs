//! The write hole in words: a block that nobody wrote comes back as itself XOR what changed in another block of its
//! stripe (RD-20).

use super::format::{SECTOR, UNIT};
use super::geometry::{Geometry, Level, Role};
use super::parity::{xor, xor_all};
use crate::volume::{Sector, View};
use crashcheck::Bytes;

const SECTORS: u64 = (UNIT / SECTOR) as u64;

/// So many changes of a stripe are considered together.
const TOGETHER: usize = 3;

/// What an operation changed in one block of the stripe.
struct Change {
    block: u64,
    /// Counted from one.
    operation: usize,
    /// Old XOR new.
    delta: Vec<u8>,
    /// What the block held afterwards.
    new: Vec<u8>,
    /// Its position.
    sector: u64,
}

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
    let error = xor_all([&*bytes(before, sector), &*bytes(after, sector)]);
    let siblings = geometry.blocks_of(place.row);
    let changes: Vec<Change> =
        siblings.flat_map(|sibling| changes(sibling, sector % SECTORS, states)).collect();
    let found = (1..=TOGETHER).find_map(|count| adding_up(&changes, count, &error))?;
    let first = found.first()?;
    let parts: Vec<String> = found
        .iter()
        .map(|change| match change.block == block {
            true => format!("of its own, operation {}", change.operation),
            false => format!("of block {}, operation {}", change.block, change.operation),
        })
        .collect();
    let met = match bytes(before, first.sector) == first.new {
        true => "new data but old parity",
        false => "old data but new parity",
    };
    let kind = match found.iter().any(|change| change.block == block) {
        true => "stale parity",
        false => "write hole",
    };
    let role = |block: u64| geometry.role(place.row, geometry.place(block).column).0;
    Some(format!(
        "{kind}: block {block}, {}, reads as its content XOR (old XOR new content {}), after member {} is lost: stripe {} had {met} \
         (block {} is on member {}, the parity on member {})",
        last_written(before, states, sector),
        parts.join("; "),
        role(block),
        geometry.stripe(place.row).0,
        first.block,
        role(first.block),
        geometry.parity(place.row).unwrap_or(Role(0)).0,
    ))
}

/// Every change of one sector of a block.
fn changes(block: u64, nth: u64, states: &[View]) -> Vec<Change> {
    let sector = block * SECTORS + nth;
    let change = |(index, pair): (usize, &[View])| {
        let (old, new) = (bytes(&pair[0], sector), bytes(&pair[1], sector));
        let delta = xor_all([&*old, &*new]);
        (old != new).then_some(Change { block, operation: index + 1, delta, new, sector })
    };
    states.windows(2).enumerate().filter_map(change).collect()
}

/// So many changes that make up this error.
fn adding_up<'a>(changes: &'a [Change], count: usize, error: &[u8]) -> Option<Vec<&'a Change>> {
    if count == 0 {
        return error.iter().all(|byte| *byte == 0).then(Vec::new);
    }
    changes.iter().enumerate().find_map(|(index, change)| {
        let mut rest = error.to_vec();
        xor(&mut rest, &change.delta);
        let mut found = adding_up(&changes[index + 1..], count - 1, &rest)?;
        found.insert(0, change);
        Some(found)
    })
}

/// Which operation wrote what the sector held, in words.
fn last_written(before: &View, states: &[View], sector: u64) -> String {
    match states.iter().position(|state| state.get(&sector) == before.get(&sector)) {
        Some(0) | None => "which no operation had written".to_owned(),
        Some(operation) => format!("which no operation wrote after operation {operation}"),
    }
}

fn bytes(view: &View, sector: u64) -> Vec<u8> {
    let held = |held: &Sector| held.bytes(Bytes(sector * SECTOR as u64));
    view.get(&sector).map_or_else(|| vec![0; SECTOR], held)
}
