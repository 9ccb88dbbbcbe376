//! A group: atoms in flight that overlap, and what they can leave in their cells.
//!
//! Three shapes. In a *chain* every atom writes the same cells, so the group holds one of its versions; equal contents
//! are one outcome. A [*prefix*](super::prefix) is all that is in flight on a device, or an erase block of a flash chip,
//! that keeps the order of issue. A *mix* is atoms that overlap in part, each of which is asked for by itself.

mod images;
mod told;

use self::images::images;
use super::cell::{AtomId, CellId, Held};
use super::contents::ContentId;
use super::flag::{FlagState, Flags};
use super::layout::Layout;
use super::member::{Member, Shown, gather, question};
use super::prefix::{Left, Places, Prefix};
use super::steps;
use super::ways::Ways;
use crate::choice::{Choices, Plan, Pole, Rest};
use crate::profile::Torn;
use crate::strategy::Branches;
use num_bigint::BigUint;
use rustc_hash::{FxHashMap, FxHashSet};

/// So many contents are listed, those of all outcomes of a group together.
const LISTED_CELLS: usize = 1 << 25;

pub(crate) struct Group {
    /// The cells, ordered.
    pub(crate) cells: Vec<CellId>,
    /// The newest durable version of each cell.
    floors: Vec<u32>,
    shape: Shape,
    /// How many different contents the cells can hold together.
    pub(super) total: Ways,
    /// How many of them the epoch before has too.
    pub(super) shared: Ways,
    /// Whether `total` is the number of different images, and not a bound on it.
    pub(crate) exact: bool,
    /// Whether what is hidden by newer survivors is left out of the count.
    counts_images: bool,
    /// Whether a unit that was being written may read as garbage.
    garbles: bool,
}

enum Shape {
    /// What the cells can hold, newest first; the last is the base.
    Chain(Vec<Outcome>),
    /// What keeps the order of issue.
    Prefix(Prefix),
    /// The atoms, oldest first.
    Mix(Vec<Member>),
    /// What is open beside bytes.
    Flags(Flags),
}

#[derive(Clone, Copy)]
struct Outcome {
    /// The atom to ask for.
    atom: AtomId,
    /// How many of the group's atoms, from the oldest, precede what the cells hold now; 0 is the base.
    rank: u32,
    garbled: bool,
    /// The oldest rank with this content, and whether it is one of an atom that was cut off: what it takes was issued
    /// whenever the content can be there.
    oldest: (u32, bool),
    /// The number of events after which this content can be there.
    earliest: usize,
    /// Whether it can also be there in the epoch before.
    shared: bool,
}

/// What the answers so far say of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupState {
    /// Chain: outcomes ruled out, from the newest.
    low: u32,
    /// Prefix: the outcomes that are left.
    left: Left,
    /// Chain: the outcome is known to be the one at `low`.
    decided: bool,
    /// Mix: the fate of each atom.
    fates: Vec<Fate>,
    /// Flags: what is known of them.
    flags: FlagState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    Lost,
    Whole,
    Garbled,
}

impl GroupState {
    pub(crate) fn new(group: &Group) -> GroupState {
        let (left, members) = match &group.shape {
            Shape::Prefix(prefix) => (prefix.all(), 0),
            Shape::Mix(members) => (Left::default(), members.len()),
            Shape::Chain(_) | Shape::Flags(_) => (Left::default(), 0),
        };
        GroupState {
            low: 0,
            left,
            decided: false,
            fates: vec![Fate::Open; members],
            flags: FlagState::default(),
        }
    }
}

impl Group {
    /// Flags, with the cells that hold them, ordered.
    pub(super) fn flags(cells: Vec<CellId>, flags: Flags) -> Group {
        let nothing = FlagState::default();
        let (total, shared) = (flags.remaining(&nothing), flags.shared(&nothing));
        Group {
            floors: Vec::new(),
            shape: Shape::Flags(flags),
            shared,
            total,
            exact: true,
            counts_images: true,
            garbles: false,
            cells,
        }
    }

    pub(crate) fn new(layout: &Layout, epoch: u32, members: &[(AtomId, CellId)]) -> Group {
        let mut cells: Vec<CellId> = members.iter().map(|(_, cell)| *cell).collect();
        cells.sort_unstable();
        cells.dedup();
        let floors = cells.iter().map(|cell| match layout.held(*cell, epoch) {
            Held::InFlight { floor, .. } => floor,
            Held::Durable(_) => unreachable!("a group has only undecided cells"),
        });
        let floors: Vec<u32> = floors.collect();
        let members = gather(layout, epoch, &cells, members);
        let mut group = Group {
            cells,
            floors,
            shape: Shape::Mix(Vec::new()),
            total: Ways::Few(1),
            shared: Ways::Few(1),
            exact: true,
            counts_images: true,
            garbles: layout.profile.torn == Torn::Garbage,
        };
        // Atoms of different lanes share no cells, and so no group.
        let in_order = layout.atoms[members[0].atom.0 as usize].lane.is_some();
        group.shape = match members.iter().all(|member| member.places.len() == group.cells.len()) {
            _ if in_order => Shape::Prefix(Prefix::new(group.places(layout), &members, group.garbles)),
            true => group.chain(layout, &members),
            false => Shape::Mix(members),
        };
        group.count(layout);
        group.shared = group.shared(&GroupState::new(&group));
        group
    }

    fn count(&mut self, layout: &Layout) {
        let garbles = self.garbles;
        match &self.shape {
            Shape::Chain(outcomes) => self.total = Ways::Few(outcomes.len() as u64),
            Shape::Prefix(prefix) => self.total = prefix.remaining(&prefix.all(), false),
            Shape::Mix(members) => {
                let fates = vec![Fate::Open; members.len()];
                self.exact = self.contents_differ(layout);
                match images(members, garbles, |index| fates[index]) {
                    Some(total) => self.total = total.into(),
                    None => {
                        (self.exact, self.counts_images) = (false, false);
                        self.total = fates_of(members.len(), garbles);
                    }
                }
            }
            Shape::Flags(flags) => self.total = flags.remaining(&FlagState::default()),
        }
    }

    /// Whether no cell can hold the same content in two ways.
    fn contents_differ(&self, layout: &Layout) -> bool {
        self.cells.iter().zip(&self.floors).all(|(id, floor)| {
            let cell = &layout.cells[id.0 as usize];
            let in_flight = cell.versions[*floor as usize..].iter();
            let garbage = in_flight.clone().filter(|_| self.garbles).map(|version| version.garbage);
            let contents = in_flight.map(|version| version.content).chain(garbage);
            let mut contents: Vec<ContentId> = contents.chain([layout.version(cell, *floor)]).collect();
            let all = contents.len();
            contents.sort_unstable();
            contents.dedup();
            contents.len() == all
        })
    }

    /// Equal contents are one outcome, unless a write that went wrong may have landed in between: then the number of
    /// outcomes is a bound on that of the images.
    fn chain(&mut self, layout: &Layout, members: &[Member]) -> Shape {
        let may_land = self.cells.iter().any(|cell| layout.may_go_wrong(*cell));
        let base = Outcome {
            atom: members[0].atom,
            rank: 0,
            garbled: false,
            oldest: (0, false),
            earliest: 0,
            shared: true,
        };
        let (mut outcomes, mut known) = (Vec::<Outcome>::new(), FxHashMap::default());
        let at_base = self.contents_at(layout, &base);
        steps::take(members.len());
        for (index, member) in members.iter().enumerate().rev() {
            let rank = index as u32 + 1;
            let Member { atom, earliest, shared, .. } = *member;
            for garbled in [false, true].into_iter().take(1 + usize::from(self.garbles)) {
                let oldest = (rank, garbled);
                let outcome = Outcome { atom, rank, garbled, oldest, earliest, shared };
                let contents = self.contents_at(layout, &outcome);
                let is_base = contents == at_base;
                let newer = known.get(&contents).copied();
                self.exact &= !may_land || (newer.is_none() && !is_base);
                match newer.filter(|_| !may_land) {
                    Some(nth) => {
                        let newer: &mut Outcome = &mut outcomes[nth];
                        (newer.oldest, newer.earliest) = (oldest, earliest);
                        newer.shared |= shared;
                    }
                    None if is_base && !may_land => {}
                    None => {
                        known.insert(contents, outcomes.len());
                        outcomes.push(outcome);
                    }
                }
            }
        }
        outcomes.push(base);
        Shape::Chain(outcomes)
    }

    /// What the cells hold under an outcome of a chain.
    fn contents_at(&self, layout: &Layout, outcome: &Outcome) -> Vec<ContentId> {
        (0..self.cells.len()).map(|place| self.content(layout, place, outcome)).collect()
    }

    fn content(&self, layout: &Layout, place: usize, outcome: &Outcome) -> ContentId {
        let cell = &layout.cells[self.cells[place].0 as usize];
        match (self.floors[place] + outcome.rank).checked_sub(1) {
            Some(newest) if outcome.garbled => cell.versions[newest as usize].garbage,
            _ => layout.version(cell, self.floors[place] + outcome.rank),
        }
    }

    fn places<'a>(&'a self, layout: &'a Layout) -> Places<'a> {
        Places { layout, cells: &self.cells, floors: &self.floors }
    }

    /// Finds out what a cell holds.
    pub(super) fn resolve(
        &self,
        layout: &Layout,
        place: usize,
        state: &mut GroupState,
        choices: &mut Choices,
    ) -> Shown {
        match &self.shape {
            Shape::Chain(outcomes) => {
                let outcome = self.resolve_chain(layout, outcomes, state, choices);
                let version = self.floors[place] + outcome.rank;
                Shown { version, content: self.content(layout, place, &outcome) }
            }
            Shape::Prefix(prefix) => prefix.resolve(self.places(layout), place, &mut state.left, choices),
            Shape::Mix(members) => self.resolve_mix(layout, members, place, state, choices),
            Shape::Flags(flags) => {
                Shown { version: 0, content: flags.resolve(place, &mut state.flags, choices) }
            }
        }
    }

    fn resolve_chain(
        &self,
        layout: &Layout,
        outcomes: &[Outcome],
        state: &mut GroupState,
        choices: &mut Choices,
    ) -> Outcome {
        while !state.decided {
            let outcome = &outcomes[state.low as usize];
            let last = state.low as usize + 1 == outcomes.len();
            match last || choices.ask(question(layout, outcome.atom, outcome.garbled)) == 0 {
                true => state.decided = true,
                false => state.low += 1,
            }
        }
        outcomes[state.low as usize]
    }

    fn resolve_mix(
        &self,
        layout: &Layout,
        members: &[Member],
        place: usize,
        state: &mut GroupState,
        choices: &mut Choices,
    ) -> Shown {
        let cell = &layout.cells[self.cells[place].0 as usize];
        let floor = self.floors[place];
        for (nth, held) in cell.versions.iter().enumerate().skip(floor as usize).rev() {
            let Some(index) = member_of(members, held.atom) else { continue };
            if state.fates[index] == Fate::Open {
                state.fates[index] = ask_fate(layout, held.atom, self.garbles, choices);
            }
            let version = nth as u32 + 1;
            match state.fates[index] {
                Fate::Whole => return Shown { version, content: held.content },
                Fate::Garbled => return Shown { version, content: held.garbage },
                Fate::Lost | Fate::Open => {}
            }
        }
        Shown { version: floor, content: layout.version(cell, floor) }
    }

    /// Everything the cells can hold together, unless there are more than `limit` ways or that takes too much memory.
    pub(super) fn list(&self, layout: &Layout, limit: usize) -> Option<FxHashSet<Vec<ContentId>>> {
        let limit = limit.min(LISTED_CELLS / self.cells.len().max(1));
        let outcomes = match &self.shape {
            Shape::Chain(outcomes) => outcomes.len() as u64,
            Shape::Prefix(prefix) => prefix.len() as u64,
            Shape::Flags(_) => self.total.at_most(),
            Shape::Mix(_) => 0,
        };
        if outcomes > limit as u64 {
            return None;
        }
        match &self.shape {
            Shape::Chain(outcomes) => {
                Some(outcomes.iter().map(|outcome| self.contents_at(layout, outcome)).collect())
            }
            Shape::Prefix(prefix) => Some(prefix.list(self.places(layout)).into_iter().collect()),
            Shape::Mix(_) | Shape::Flags(_) => self.list_by_asking(layout, limit),
        }
    }

    fn list_by_asking(&self, layout: &Layout, limit: usize) -> Option<FxHashSet<Vec<ContentId>>> {
        let mut vectors = FxHashSet::default();
        let mut open = vec![Vec::new()];
        while let Some(answers) = open.pop() {
            let mut choices = Choices::new(Plan { forced: answers, rest: Rest::Pole(Pole::Newest) });
            let mut state = GroupState::new(self);
            let places = 0..self.cells.len();
            vectors.insert(
                places.map(|place| self.resolve(layout, place, &mut state, &mut choices).content).collect(),
            );
            steps::take(self.cells.len() + choices.path().questions.len());
            open.extend(
                Branches::new(Pole::Newest, choices.path(), choices.forced()).map(|plan| plan.forced),
            );
            if vectors.len() + open.len() > limit {
                return None;
            }
        }
        Some(vectors)
    }

    /// How many different contents of the cells agree with the answers so far.
    pub(super) fn remaining(&self, state: &GroupState) -> Ways {
        self.remaining_of(state, false)
    }

    /// Those of them that the epoch before has too.
    pub(super) fn shared(&self, state: &GroupState) -> Ways {
        self.remaining_of(state, true)
    }

    fn remaining_of(&self, state: &GroupState, shared: bool) -> Ways {
        match &self.shape {
            Shape::Chain(outcomes) => {
                let upto = if state.decided { state.low as usize + 1 } else { outcomes.len() };
                let left = outcomes[state.low as usize..upto].iter();
                Ways::Few(left.filter(|outcome| !shared || outcome.shared).count() as u64)
            }
            Shape::Prefix(prefix) => prefix.remaining(&state.left, shared),
            Shape::Mix(members) => {
                let garbles = self.garbles;
                let excluded = |index: usize| shared && !members[index].shared;
                let gone = |index: usize| matches!(state.fates[index], Fate::Whole | Fate::Garbled);
                if (0..members.len()).any(|index| excluded(index) && gone(index)) {
                    return Ways::Few(0);
                }
                if self.counts_images {
                    let fate = |index: usize| if excluded(index) { Fate::Lost } else { state.fates[index] };
                    let count = images(members, garbles, fate);
                    return count.expect("less is left to count than at the beginning").into();
                }
                let open = |index: &usize| state.fates[*index] == Fate::Open && !excluded(*index);
                fates_of((0..members.len()).filter(open).count(), garbles)
            }
            Shape::Flags(flags) if shared => flags.shared(&state.flags),
            Shape::Flags(flags) => flags.remaining(&state.flags),
        }
    }

    /// The number of events after which the newest of the surviving atoms had been issued.
    pub(super) fn earliest(&self, state: &GroupState) -> usize {
        match &self.shape {
            Shape::Chain(outcomes) if state.decided => outcomes[state.low as usize].earliest,
            Shape::Chain(_) => 0,
            Shape::Prefix(prefix) => prefix.earliest(&state.left),
            Shape::Mix(members) => {
                let alive = members.iter().zip(&state.fates);
                let alive = alive.filter(|(_, fate)| matches!(fate, Fate::Whole | Fate::Garbled));
                alive.map(|(member, _)| member.earliest).max().unwrap_or(0)
            }
            Shape::Flags(_) => 0,
        }
    }
}

/// The number of the member that an atom is; `None` if it is of a later epoch.
fn member_of(members: &[Member], atom: AtomId) -> Option<usize> {
    members.binary_search_by_key(&atom, |member| member.atom).ok()
}

fn ask_fate(layout: &Layout, atom: AtomId, garbles: bool, choices: &mut Choices) -> Fate {
    if choices.ask(question(layout, atom, false)) == 0 {
        return Fate::Whole;
    }
    if garbles && choices.ask(question(layout, atom, true)) == 0 {
        return Fate::Garbled;
    }
    Fate::Lost
}

/// The ways in which so many atoms can have fared.
fn fates_of(atoms: usize, garbles: bool) -> Ways {
    BigUint::from(if garbles { 3u8 } else { 2 }).pow(atoms as u32).into()
}
