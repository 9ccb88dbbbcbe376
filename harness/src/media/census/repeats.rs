//! The images of an epoch that earlier ones have too.
//!
//! Two epochs differ in the groups that changed between them, so that only these are compared.

use super::Count;
use super::reach::{Reach, reach};
use crate::media::cell::{CellId, Held};
use crate::media::contents::ContentId;
use crate::media::over_time::Products;
use crate::media::steps;
use crate::media::timeline::Timeline;
use crate::media::ways::Ways;
use num_bigint::BigUint;
use num_traits::Zero;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::rc::Rc;

/// Overlapping groups with more outcomes than this are not listed; a bound is given.
const LISTED: usize = 1 << 14;
/// More overlapping boxes than this are not counted exactly; a bound is given.
const BOXES: usize = 12;
/// Images that come back after more epochs than this are not looked for; a bound is given.
const LOOK_BACK: u32 = 4096;
/// The same in traces of more epochs than that.
const LOOK_BACK_LONG: u32 = 128;
/// So many lists are kept at a time.
const KEPT: usize = 1 << 16;

type Vectors = FxHashSet<Vec<ContentId>>;

/// What a group of cells can hold together.
struct Listed {
    cells: Vec<CellId>,
    /// The contents by cell; `None` if there are too many to list.
    vectors: Option<Vectors>,
}

pub(super) struct Repeats<'a> {
    timeline: &'a Timeline,
    counts: Products,
    /// The groups whose images are not counted exactly.
    inexact: FxHashSet<u32>,
    reach: Reach,
    /// Whether every epoch has what it shares with the one before, and counts it exactly.
    is_plain: bool,
    /// By epoch: the groups that have the outcomes they have since then, and those that end there.
    begun: Vec<(u32, u32)>,
    ended: Vec<(u32, u32)>,
    listed: FxHashMap<u32, Rc<Listed>>,
}

/// How an earlier epoch differs from a later one.
#[derive(Default)]
struct Difference {
    /// The groups of the later one that the earlier one does not have, and the other way round.
    mine: Vec<u32>,
    theirs: BTreeSet<u32>,
    /// The cells that changed between them.
    cells: BTreeSet<CellId>,
}

/// A part of a box: for some of its groups, fewer outcomes. Groups that are bound to each other are one entry.
#[derive(Clone)]
struct Restriction(FxHashMap<u32, Vectors>);

impl Restriction {
    fn contains(&self, other: &Restriction) -> bool {
        self.0.iter().all(|(group, mine)| other.0.get(group).is_some_and(|theirs| theirs.is_subset(mine)))
    }

    fn nothing() -> Restriction {
        Restriction(FxHashMap::from_iter([(u32::MAX, FxHashSet::default())]))
    }
}

impl<'a> Repeats<'a> {
    pub(super) fn new(timeline: &'a Timeline) -> Repeats<'a> {
        let (mut counts, mut inexact) = (Vec::new(), FxHashSet::default());
        for (nth, phase) in (0..).zip(timeline.phases()) {
            let listed = if phase.exact { None } else { timeline.make_up(nth).list(timeline, LISTED) };
            inexact.extend((!phase.exact && listed.is_none()).then_some(nth));
            let count = listed.map(|vectors| Ways::Few(vectors.len() as u64));
            counts.push(count.unwrap_or_else(|| phase.total.clone()));
        }
        let phases = || (0..).zip(timeline.phases());
        let first = phases().filter(|(_, phase)| phase.since == phase.first);
        let mut begun: Vec<(u32, u32)> = first.map(|(nth, phase)| (phase.since, nth)).collect();
        let mut ended: Vec<(u32, u32)> = phases().map(|(nth, phase)| (phase.end, nth)).collect();
        begun.sort_unstable();
        ended.sort_unstable();
        let counts = timeline.products(|nth| &counts[nth as usize]);
        let is_plain = timeline.is_exact() && !timeline.leaves_gaps();
        let (reach, listed) = (reach(timeline), FxHashMap::default());
        Repeats { timeline, counts, inexact, reach, is_plain, begun, ended, listed }
    }

    /// The images of an epoch.
    pub(super) fn count(&self, epoch: u32) -> Count {
        let none = self.inexact.is_empty();
        let exact = none || !self.timeline.groups_in(epoch).any(|nth| self.inexact.contains(&nth));
        Count { value: self.counts.of(epoch).value(), exact }
    }

    /// How many of so many images of an epoch earlier ones have too; where that is not known exactly, fewer.
    pub(super) fn repeated(&mut self, epoch: u32, count: &BigUint) -> Count {
        let nearest = self.reach.earliest[epoch as usize] + 1 >= epoch;
        if self.is_plain && nearest && !self.reach.comes_back[epoch as usize] {
            // Whatever shows something new is in no earlier epoch.
            return Count { value: self.timeline.shared(epoch), exact: true };
        }
        let look_back = if epoch <= LOOK_BACK { LOOK_BACK } else { LOOK_BACK_LONG };
        let reach = self.reach.earliest[epoch as usize];
        let last = reach.max(epoch.saturating_sub(look_back));
        let mut exact = last == reach;
        let mut boxes: Vec<Restriction> = Vec::new();
        let (mut difference, mut witness) = (Difference::default(), None);
        // The nearest epochs overlap most, and hide what farther ones have in common with this one.
        for other in (last..epoch).rev() {
            self.go_back(&mut difference, other, epoch);
            let apart = |cell: &CellId| never_equal(self.timeline, *cell, other, epoch);
            witness = witness.filter(apart).or_else(|| difference.cells.iter().copied().find(apart));
            if witness.is_some() {
                continue;
            }
            match self.common(&difference, other, epoch) {
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
        Count { value: self.union(count, &boxes), exact }
    }

    /// Takes note of what differs between an epoch and another if that lies one epoch farther back than before.
    fn go_back(&mut self, difference: &mut Difference, other: u32, epoch: u32) {
        steps::take(1);
        let timeline = self.timeline;
        for nth in at(&self.begun, other + 1) {
            let now = timeline.last_alike(nth, epoch);
            difference.mine.extend(timeline.phase(now).epochs().contains(&epoch).then_some(now));
            difference.cells.extend(timeline.cells_in(nth));
        }
        difference.theirs.retain(|nth| timeline.phase(*nth).first <= other);
        for nth in at(&self.ended, other + 1) {
            if !timeline.phase(timeline.last_alike(nth, epoch)).epochs().contains(&epoch) {
                difference.theirs.insert(nth);
                difference.cells.extend(timeline.cells_in(nth));
            }
        }
    }

    fn list(&mut self, nth: u32) -> Rc<Listed> {
        if let Some(listed) = self.listed.get(&nth) {
            return Rc::clone(listed);
        }
        if self.listed.len() >= KEPT {
            self.listed.clear();
        }
        let group = self.timeline.make_up(nth);
        let vectors = group.list(self.timeline, LISTED);
        let listed = Rc::new(Listed { cells: group.cells, vectors });
        self.listed.insert(nth, Rc::clone(&listed));
        listed
    }

    /// What an earlier epoch and this one have in common, as a part of this one; no outcome is left where that is nothing.
    /// `None` if it is not a box, or too large to list.
    ///
    /// Cells that are durable in both epochs must be known to be equal.
    fn common(&mut self, difference: &Difference, other: u32, epoch: u32) -> Option<Restriction> {
        let mut restriction = FxHashMap::default();
        steps::take(difference.mine.len() + difference.theirs.len());
        for nth in &difference.mine {
            let listed = self.list(*nth);
            let vectors = listed.vectors.as_ref()?;
            let mut allowed = FxHashSet::default();
            for vector in vectors {
                if self.possible(*nth, &listed.cells, vector, other, epoch)? {
                    allowed.insert(vector.clone());
                }
            }
            if allowed.len() < vectors.len() {
                restriction.insert(*nth, allowed);
            }
        }
        // What is in flight only in the other epoch must be able to hold what is durable in this one.
        for nth in &difference.theirs {
            let listed = self.list(*nth);
            let vectors = listed.vectors.as_ref()?;
            if listed.cells.iter().all(|cell| self.timeline.group_with(*cell, epoch).is_none()) {
                let held = listed.cells.iter().map(|cell| durable(self.timeline, *cell, epoch));
                if !vectors.contains(&held.collect::<Vec<_>>()) {
                    return Some(Restriction::nothing());
                }
            }
        }
        Some(Restriction(restriction))
    }

    /// Whether an earlier epoch can hold these contents of a group of this one, and at the same time what is durable in
    /// this one. `None` if that depends on another group of this epoch.
    fn possible(
        &mut self,
        nth: u32,
        mine: &[CellId],
        contents: &[ContentId],
        other: u32,
        epoch: u32,
    ) -> Option<bool> {
        let timeline = self.timeline;
        let mut bound: BTreeSet<u32> = BTreeSet::new();
        for (cell, content) in mine.iter().zip(contents) {
            match timeline.group_with(*cell, other) {
                None if durable(timeline, *cell, other) != *content => return Some(false),
                None => {}
                Some(group) => drop(bound.insert(group)),
            }
        }
        for group in bound {
            let listed = self.list(group);
            // A fault that cannot have happened in the other epoch has not.
            let happened = |(cell, content): (&CellId, &ContentId)| {
                *content != ContentId::ZERO
                    && timeline.group_with(*cell, other) == Some(group)
                    && !listed.cells.contains(cell)
            };
            if mine.iter().zip(contents).any(happened) {
                return Some(false);
            }
            let mut wanted = Vec::with_capacity(listed.cells.len());
            for cell in &listed.cells {
                wanted.push(match timeline.group_with(*cell, epoch) {
                    None => durable(timeline, *cell, epoch),
                    // Nor one that can happen in the other epoch only.
                    Some(group) if group == nth => {
                        let place = mine.iter().position(|known| known == cell);
                        place.map_or(ContentId::ZERO, |place| contents[place])
                    }
                    Some(_) => return None,
                });
            }
            if !listed.vectors.as_ref()?.contains(&wanted) {
                return Some(false);
            }
        }
        Some(true)
    }

    /// The size of a union of parts of a box, by inclusion and exclusion.
    fn union(&mut self, count: &BigUint, boxes: &[Restriction]) -> BigUint {
        let (mut plus, mut minus) = (BigUint::zero(), BigUint::zero());
        for mask in 1u32..1 << boxes.len() {
            let chosen = boxes.iter().enumerate().filter(|(index, _)| mask >> index & 1 == 1);
            let size = self.intersection(count, chosen.map(|(_, part)| part));
            match mask.count_ones() % 2 {
                1 => plus += size,
                _ => minus += size,
            }
        }
        plus - minus
    }

    fn intersection<'b>(&mut self, count: &BigUint, parts: impl Iterator<Item = &'b Restriction>) -> BigUint {
        let mut common: FxHashMap<u32, Vectors> = FxHashMap::default();
        for part in parts {
            for (group, allowed) in &part.0 {
                common
                    .entry(*group)
                    .and_modify(|known| known.retain(|vector| allowed.contains(vector)))
                    .or_insert_with(|| allowed.clone());
            }
        }
        let (mut all, mut left) = (BigUint::from(1u8), BigUint::from(1u8));
        for (group, allowed) in common {
            all *= self.list(group).vectors.as_ref().map_or(1, FxHashSet::len);
            left *= allowed.len();
        }
        count / all * left
    }
}

/// Those of an epoch.
fn at(groups: &[(u32, u32)], epoch: u32) -> impl Iterator<Item = u32> + '_ {
    let first = groups.partition_point(|(of, _)| *of < epoch);
    groups[first..].iter().take_while(move |(of, _)| *of == epoch).map(|(_, nth)| *nth)
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
    let (mine, theirs) = (contents(one), contents(other));
    if mine.len().min(theirs.len()) < 8 {
        return !mine.iter().any(|content| theirs.contains(content));
    }
    let theirs: FxHashSet<ContentId> = theirs.into_iter().collect();
    !mine.iter().any(|content| theirs.contains(content))
}

/// What a cell holds that is in no group of the epoch.
fn durable(timeline: &Timeline, cell: CellId, epoch: u32) -> ContentId {
    timeline.settled(cell, epoch)
}
