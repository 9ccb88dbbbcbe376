//! A prefix: atoms that keep the order of issue, such as the programs and erases of one erase block.
//!
//! The first so many are complete, the next may have been cut off half-way and read as garbage, the rest never began.
//! So n atoms have 2n + 1 outcomes, n + 1 where nothing reads as garbage, and fewer where some leave the same contents.

use super::cell::{AtomId, Cell, CellId, Version};
use super::contents::ContentId;
use super::layout::Layout;
use super::member::{AtomFate, Member, Shown, question};
use super::outcomes::Sum;
use super::ways::Ways;
use crate::choice::Choices;
use rustc_hash::FxHashMap;

pub(super) struct Prefix {
    /// The atoms, oldest first.
    atoms: Vec<AtomId>,
    /// What they can leave, newest first; no two leave the same contents.
    outcomes: Vec<Outcome>,
}

struct Outcome {
    /// 2k: the oldest k atoms are complete, and no more. 2k - 1: the k-th was cut off. The newest rank with these contents.
    rank: u32,
    /// The oldest rank with these contents: what it takes was issued whenever they can be there.
    oldest: u32,
    /// The number of events after which it can be there.
    earliest: usize,
    /// Whether it can also be there in the epoch before.
    shared: bool,
}

/// What is known of a prefix: which of its outcomes are left, by their places in the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Left {
    newest: u32,
    /// One beyond the oldest.
    end: u32,
}

/// The cells of a group, each with its newest durable version.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    pub(super) layout: &'a Layout,
    pub(super) cells: &'a [CellId],
    pub(super) floors: &'a [u32],
}

impl<'a> Places<'a> {
    fn cell(&self, place: usize) -> &'a Cell {
        &self.layout.cells[self.cells[place].0 as usize]
    }

    /// The versions of a cell that are not known to be durable, oldest first, those of later epochs included.
    fn versions(&self, place: usize) -> &'a [Version] {
        &self.cell(place).versions[self.floors[place] as usize..]
    }

    /// What an atom wrote where it can be seen, with the places of the cells.
    fn writes(&self, atom: AtomId) -> Vec<(usize, &'a Version)> {
        let cells = &self.layout.atoms[atom.0 as usize].cells;
        let place = |cell: &CellId| self.cells.binary_search(cell).ok();
        let write = |place: usize| {
            let (number, version) = self.layout.written(self.cells[place], atom);
            (number > self.floors[place]).then_some((place, version))
        };
        cells.iter().filter_map(place).filter_map(write).collect()
    }

    fn floor(&self, place: usize) -> ContentId {
        self.layout.version(self.cell(place), self.floors[place])
    }
}

impl Prefix {
    pub(super) fn new(places: Places<'_>, members: &[Member], garbles: bool) -> Prefix {
        let mut prefix =
            Prefix { atoms: members.iter().map(|member| member.atom).collect(), outcomes: Vec::new() };
        let base = Outcome { rank: 0, oldest: 0, earliest: 0, shared: true };
        let sums = sums(places, members, garbles);
        let mut known: FxHashMap<Sum, usize> = FxHashMap::default();
        for rank in (1..=2 * members.len() as u32).rev().filter(|rank| garbles || rank % 2 == 0) {
            let sum = sums[rank as usize];
            if sum == sums[0] {
                continue;
            }
            let Member { earliest, shared, .. } = members[rank.div_ceil(2) as usize - 1];
            if let Some(nth) = known.get(&sum) {
                let newer = &mut prefix.outcomes[*nth];
                (newer.oldest, newer.earliest, newer.shared) = (rank, earliest, newer.shared || shared);
            } else {
                known.insert(sum, prefix.outcomes.len());
                prefix.outcomes.push(Outcome { rank, oldest: rank, earliest, shared });
            }
        }
        prefix.outcomes.push(base);
        prefix
    }

    /// How many outcomes there are.
    pub(super) fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// What the cells hold under each outcome, the oldest first.
    pub(super) fn list(&self, places: Places<'_>) -> Vec<Vec<ContentId>> {
        let mut held: Vec<ContentId> = (0..places.cells.len()).map(|place| places.floor(place)).collect();
        let mut outcomes = self.outcomes.iter().rev().map(|outcome| outcome.rank).peekable();
        let mut listed = Vec::from_iter(outcomes.next_if_eq(&0).map(|_| held.clone()));
        for (step, atom) in (1..).zip(&self.atoms) {
            let writes = places.writes(*atom);
            if outcomes.next_if_eq(&(2 * step - 1)).is_some() {
                let mut garbled = held.clone();
                writes.iter().for_each(|(place, version)| garbled[*place] = version.garbage);
                listed.push(garbled);
            }
            writes.iter().for_each(|(place, version)| held[*place] = version.content);
            listed.extend(outcomes.next_if_eq(&(2 * step)).map(|_| held.clone()));
        }
        listed
    }

    pub(super) fn all(&self) -> Left {
        Left { newest: 0, end: self.outcomes.len() as u32 }
    }

    /// How many outcomes are left, or those of them that the epoch before has too.
    pub(super) fn remaining(&self, left: &Left, shared: bool) -> Ways {
        let left = &self.outcomes[left.newest as usize..left.end as usize];
        Ways::Few(left.iter().filter(|outcome| !shared || outcome.shared).count() as u64)
    }

    /// The number of events after which one of the outcomes that are left can be there.
    pub(super) fn earliest(&self, left: &Left) -> usize {
        let left = &self.outcomes[left.newest as usize..left.end as usize];
        left.iter().map(|outcome| outcome.earliest).min().unwrap_or(0)
    }

    /// Finds out what a cell holds, asking no more than that takes.
    pub(super) fn resolve(
        &self,
        places: Places<'_>,
        place: usize,
        left: &mut Left,
        choices: &mut Choices,
    ) -> Shown {
        let runs = self.runs(places, place);
        loop {
            let (shown, border) = self.newest_run(&runs, left);
            let Some(border) = border else { return shown };
            let (atom, garbled, border) = self.ask_at(border, left);
            match choices.ask(question(places.layout, atom, garbled)) {
                0 => left.end = border,
                _ => left.newest = border,
            }
        }
    }

    /// Takes note of an answer that was given earlier.
    pub(super) fn note(&self, atom: AtomId, garbled: bool, answer: u8, left: &mut Left) {
        let Some(step) = self.step(atom) else { return };
        let least = if garbled { 2 * step - 1 } else { 2 * step };
        let border = self.outcomes.partition_point(|outcome| outcome.rank >= least) as u32;
        match answer {
            0 => left.end = left.end.min(border).max(left.newest + 1),
            _ => left.newest = left.newest.max(border).min(left.end - 1),
        }
    }

    /// What a cell holds as far as that is known, without asking.
    pub(super) fn peek(&self, places: Places<'_>, place: usize, left: &Left) -> Option<Shown> {
        let (shown, border) = self.newest_run(&self.runs(places, place), left);
        border.is_none().then_some(shown)
    }

    /// What became of an atom as far as that is known. Of several ranks with the same contents the newest is told, or the
    /// oldest if that was not issued.
    pub(super) fn fate(
        &self,
        atom: AtomId,
        left: &Left,
        is_issued: impl Fn(AtomId) -> bool,
    ) -> Option<AtomFate> {
        let step = self.step(atom)?;
        let told = |outcome: &Outcome| match outcome.rank.div_ceil(2).checked_sub(1) {
            Some(last) if !is_issued(self.atoms[last as usize]) => outcome.oldest,
            _ => outcome.rank,
        };
        let ranks = || self.outcomes[left.newest as usize..left.end as usize].iter().map(told);
        let (newest, oldest) = (ranks().max()?, ranks().min()?);
        match 2 * step {
            complete if complete <= oldest => Some(AtomFate::Survived),
            complete if complete - 1 > newest => Some(AtomFate::Lost),
            complete if newest == oldest && complete - 1 == newest => Some(AtomFate::Garbled),
            _ => None,
        }
    }

    /// What a cell holds by rank, newest first: each content with the lowest rank at which it is there.
    fn runs(&self, places: Places<'_>, place: usize) -> Vec<(u32, Shown)> {
        let (mut runs, floor) = (Vec::new(), places.floors[place]);
        for (number, held) in (floor + 1..).zip(places.versions(place)) {
            let Some(step) = self.step(held.atom) else { continue };
            runs.push((2 * step - 1, Shown { version: number, content: held.garbage }));
            runs.push((2 * step, Shown { version: number, content: held.content }));
        }
        runs.reverse();
        runs.push((0, Shown { version: floor, content: places.floor(place) }));
        runs
    }

    /// The content of a cell under the newest outcome that is left, and the first outcome under which it has another.
    fn newest_run(&self, runs: &[(u32, Shown)], left: &Left) -> (Shown, Option<u32>) {
        let (mut start, mut newest) = (left.newest, None::<Shown>);
        for (rank, shown) in runs {
            let end = self.outcomes.partition_point(|outcome| outcome.rank >= *rank) as u32;
            let end = end.clamp(start, left.end);
            if end > start {
                match newest {
                    Some(held) if held.content != shown.content => return (held, Some(start)),
                    Some(_) => {}
                    None => newest = Some(*shown),
                }
            }
            start = end;
        }
        (newest.expect("a prefix always has an outcome left"), None)
    }

    /// What to ask to tell the outcomes before a border from those behind it: the atom, whether it is asked about being
    /// cut off, and where the answer divides the list.
    fn ask_at(&self, border: u32, left: &Left) -> (AtomId, bool, u32) {
        let (newer, older) = (self.outcomes[border as usize - 1].rank, self.outcomes[border as usize].rank);
        let atom = |step: u32| self.atoms[step as usize - 1];
        match newer / 2 {
            complete if 2 * complete > older => (atom(complete), false, border),
            // The newer one is an atom that was cut off. That can be asked once it is known not to be complete.
            before if border - 1 == left.newest => (atom(before + 1), true, border),
            before => (atom(before + 1), false, border - 1),
        }
    }

    /// The place of an atom in the order, from 1.
    fn step(&self, atom: AtomId) -> Option<u32> {
        self.atoms.binary_search(&atom).ok().map(|index| index as u32 + 1)
    }
}

/// The contents at each rank.
fn sums(places: Places<'_>, members: &[Member], garbles: bool) -> Vec<Sum> {
    let mut held: Vec<ContentId> = (0..places.cells.len()).map(|place| places.floor(place)).collect();
    let mut sum = Sum::default();
    let mut sums = vec![sum];
    for member in members {
        let mut garbled = sum;
        for place in &member.places {
            let cell = places.cells[*place as usize];
            let version = places.layout.written(cell, member.atom).1;
            let held = &mut held[*place as usize];
            garbled = garbled.with(cell, *held, version.garbage);
            sum = sum.with(cell, *held, version.content);
            *held = version.content;
        }
        sums.push(if garbles { garbled } else { sum });
        sums.push(sum);
    }
    sums
}
