//! The number of different images that crashes can leave, over a whole trace.
//!
//! Within an epoch it is a product over groups. Epochs share images: always the one in which nothing of the later one
//! survived, and more where contents come back. The images of an epoch are a *box*, a set of contents for every group of
//! cells; those that earlier epochs have too are a union of boxes within it, whose size is counted by inclusion and
//! exclusion.

use super::contents::ContentId;
use super::epoch::Epoch;
use super::timeline::{CellId, Held, Timeline};
use crate::profile::Profile;
use crashcheck_trace::Trace;
use num_bigint::BigUint;
use num_traits::{One, Zero};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::fmt;

/// Overlapping groups with more outcomes than this are not listed; a bound is given.
const LISTED: usize = 1 << 14;
/// More overlapping boxes than this are not counted exactly; a bound is given.
const BOXES: usize = 12;

/// Images that come back after more epochs than this are not looked for; a bound is given.
const LOOK_BACK: usize = 4096;

/// A number, or an upper bound of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The number.
    pub value: BigUint,
    /// Whether it is exact; otherwise it is an upper bound.
    pub exact: bool,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = if self.exact { "" } else { "at most " };
        write!(f, "{bound}{}", self.value)
    }
}

/// The crash states of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    /// By epoch.
    pub epochs: Vec<EpochCensus>,
    /// Different images over the whole trace.
    pub crash_states: Count,
}

/// The crash states of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochCensus {
    /// A crash in this epoch happens after so many events at least.
    pub from: usize,
    /// And so many at most.
    pub upto: usize,
    /// Events whose writes are in flight.
    pub in_flight: usize,
    /// Different images.
    pub crash_states: Count,
}

/// Counts the crash states of a trace.
pub fn census(trace: &Trace, profile: &Profile) -> Census {
    let timeline = Timeline::new(trace, profile);
    let boxes: Vec<Images> = (0..timeline.epochs.len()).map(|epoch| Images::of(&timeline, epoch)).collect();
    let mut total = Count { value: BigUint::zero(), exact: true };
    let mut epochs = Vec::new();
    for (index, images) in boxes.iter().enumerate() {
        // What the nodes of a cluster have in memory differs from epoch to epoch.
        let earlier = if timeline.script.is_some() { &[] } else { &boxes[..index] };
        let repeated = repeated(&timeline, earlier, images);
        total.value += &images.count.value - &repeated.value;
        total.exact &= images.count.exact && repeated.exact;
        let epoch = &timeline.epochs[index];
        epochs.push(EpochCensus {
            from: epoch.from,
            upto: epoch.upto,
            in_flight: epoch.events(&timeline).count(),
            crash_states: images.count.clone(),
        });
    }
    Census { epochs, crash_states: total }
}

/// The images of an epoch: for every group of cells, what they can hold together. All other cells are durable.
struct Images {
    epoch: u32,
    groups: Vec<Listed>,
    group_of: FxHashMap<CellId, usize>,
    count: Count,
}

/// What a group of cells can hold together.
struct Listed {
    cells: Vec<CellId>,
    /// The contents by cell; `None` if there are too many to list.
    vectors: Option<FxHashSet<Vec<ContentId>>>,
}

impl Images {
    fn of(timeline: &Timeline, index: usize) -> Images {
        let epoch: &Epoch = &timeline.epochs[index];
        let mut count = Count { value: BigUint::one(), exact: true };
        let mut groups = Vec::new();
        let mut group_of = FxHashMap::default();
        for group in &epoch.groups {
            let vectors = group.list(timeline, LISTED);
            match &vectors {
                Some(vectors) => count.value *= vectors.len(),
                None => {
                    count.value *= BigUint::from(&group.total);
                    count.exact &= group.exact;
                }
            }
            group_of.extend(group.cells.iter().map(|cell| (*cell, groups.len())));
            groups.push(Listed { cells: group.cells.clone(), vectors });
        }
        Images { epoch: index as u32, groups, group_of, count }
    }
}

/// How many images of an epoch earlier ones have too; where that is not known exactly, fewer.
fn repeated(timeline: &Timeline, earlier: &[Images], images: &Images) -> Count {
    let mut exact = earlier.len() <= LOOK_BACK;
    let mut boxes: Vec<Restriction> = Vec::new();
    let mut changed: BTreeSet<CellId> = timeline.epochs[images.epoch as usize].undecided().collect();
    let mut witness = None;
    // The nearest epochs overlap most, and hide what farther ones have in common with this one.
    for other in earlier.iter().rev().take(LOOK_BACK) {
        changed.extend(timeline.epochs[other.epoch as usize].undecided());
        let apart = |cell: &CellId| never_equal(timeline, *cell, other.epoch, images.epoch);
        witness = witness.filter(apart).or_else(|| changed.iter().copied().find(apart));
        if witness.is_some() {
            continue;
        }
        match common(timeline, other, images) {
            None => exact = false,
            Some(restriction) if restriction.0.values().any(FxHashSet::is_empty) => {}
            Some(restriction) if boxes.iter().any(|known| known.contains(&restriction)) => {}
            Some(restriction) => {
                boxes.retain(|known| !restriction.contains(known));
                boxes.push(restriction);
            }
        }
    }
    if boxes.len() > BOXES {
        boxes.truncate(BOXES);
        exact = false;
    }
    Count { value: union(images, &boxes), exact }
}

/// Whether a cell holds something else in one epoch than in the other, whatever survives.
fn never_equal(timeline: &Timeline, cell: CellId, one: u32, other: u32) -> bool {
    let contents = |epoch| {
        let (floor, latest) = match timeline.held(cell, epoch) {
            Held::Durable(content) => return vec![content],
            Held::InFlight { floor, latest } => (floor, latest),
        };
        let cell = &timeline.cells[cell.0 as usize];
        (floor..=latest).map(|nth| timeline.version(cell, nth)).collect::<Vec<ContentId>>()
    };
    let theirs = contents(other);
    !contents(one).iter().any(|content| theirs.contains(content))
}

/// A part of a box: for some of its groups, fewer outcomes. Groups that are bound to each other are one entry.
#[derive(Clone)]
struct Restriction(FxHashMap<usize, FxHashSet<Vec<ContentId>>>);

impl Restriction {
    fn contains(&self, other: &Restriction) -> bool {
        self.0.iter().all(|(group, mine)| other.0.get(group).is_some_and(|theirs| theirs.is_subset(mine)))
    }
}

/// What an earlier epoch and this one have in common, as a part of this one; no outcome is left where that is nothing.
/// `None` if it is not a box, or too large to list.
///
/// Cells that are durable in both epochs must be known to be equal.
fn common(timeline: &Timeline, other: &Images, images: &Images) -> Option<Restriction> {
    let mut restriction = FxHashMap::default();
    for (nth, group) in images.groups.iter().enumerate() {
        let mut allowed = FxHashSet::default();
        let vectors = group.vectors.as_ref()?;
        for vector in vectors {
            if possible(timeline, other, images, nth, vector)? {
                allowed.insert(vector.clone());
            }
        }
        if allowed.len() < vectors.len() {
            restriction.insert(nth, allowed);
        }
    }
    // What is in flight only in the other epoch must be able to hold what is durable in this one.
    for group in &other.groups {
        let vectors = group.vectors.as_ref()?;
        if group.cells.iter().all(|cell| !images.group_of.contains_key(cell)) {
            let held: Vec<ContentId> =
                group.cells.iter().map(|cell| durable(timeline, *cell, images.epoch)).collect();
            if !vectors.contains(&held) {
                return Some(Restriction(FxHashMap::from_iter([(0, FxHashSet::default())])));
            }
        }
    }
    Some(Restriction(restriction))
}

/// Whether an earlier epoch can hold these contents of a group of this one, and at the same time what is durable in this
/// one. `None` if that depends on another group of this epoch.
fn possible(
    timeline: &Timeline,
    other: &Images,
    images: &Images,
    nth: usize,
    contents: &[ContentId],
) -> Option<bool> {
    let mine = &images.groups[nth].cells;
    let mut bound: BTreeSet<usize> = BTreeSet::new();
    for (cell, content) in mine.iter().zip(contents) {
        match other.group_of.get(cell) {
            None if durable(timeline, *cell, other.epoch) != *content => return Some(false),
            None => {}
            Some(group) => drop(bound.insert(*group)),
        }
    }
    for group in bound {
        let Listed { cells, vectors } = &other.groups[group];
        let mut wanted = Vec::with_capacity(cells.len());
        for cell in cells {
            wanted.push(match images.group_of.get(cell) {
                None => durable(timeline, *cell, images.epoch),
                Some(group) if *group == nth => {
                    contents[mine.binary_search(cell).expect("a cell of the group")]
                }
                Some(_) => return None,
            });
        }
        if !vectors.as_ref()?.contains(&wanted) {
            return Some(false);
        }
    }
    Some(true)
}

/// What a cell holds that is in no group of the epoch.
fn durable(timeline: &Timeline, cell: CellId, epoch: u32) -> ContentId {
    match timeline.held(cell, epoch) {
        Held::Durable(content) => content,
        Held::InFlight { .. } => unreachable!("asked only for cells that are in no group of the epoch"),
    }
}

/// The size of a union of parts of a box, by inclusion and exclusion.
fn union(images: &Images, boxes: &[Restriction]) -> BigUint {
    let (mut plus, mut minus) = (BigUint::zero(), BigUint::zero());
    for mask in 1u32..1 << boxes.len() {
        let chosen =
            boxes.iter().enumerate().filter(|(index, _)| mask >> index & 1 == 1).map(|(_, part)| part);
        let size = intersection(images, chosen);
        match mask.count_ones() % 2 {
            1 => plus += size,
            _ => minus += size,
        }
    }
    plus - minus
}

fn intersection<'a>(images: &Images, parts: impl Iterator<Item = &'a Restriction>) -> BigUint {
    let mut common: FxHashMap<usize, FxHashSet<Vec<ContentId>>> = FxHashMap::default();
    for part in parts {
        for (group, allowed) in &part.0 {
            common
                .entry(*group)
                .and_modify(|known| known.retain(|vector| allowed.contains(vector)))
                .or_insert_with(|| allowed.clone());
        }
    }
    let mut size = images.count.value.clone();
    for (group, allowed) in common {
        let all = images.groups[group].vectors.as_ref().map_or(1, FxHashSet::len);
        size = size / all * allowed.len();
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crashcheck_trace::{Bytes, Device, DeviceId, Event};

    #[test]
    fn a_discard_of_a_huge_device_takes_no_memory() {
        let len = Bytes(1 << 50);
        let mut device = Device::zeroed("disk", Bytes(4096), len);
        device.base.write(Bytes(1 << 40), &[7; 4096]);
        let discard = Event::Discard { device: DeviceId(0), at: Bytes::ZERO, len };
        let trace = Trace { devices: vec![device], events: vec![discard] };
        let counted = census(&trace, &Profile::default());
        assert_eq!(counted.crash_states, Count { value: BigUint::from(2u8), exact: true });
    }
}
