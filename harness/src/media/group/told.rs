//! What earlier answers say of a group, without asking for more.

use super::{Fate, Group, GroupState, Shape};
use crate::media::cell::{AtomId, CellId};
use crate::media::layout::Layout;
use crate::media::member::{AtomFate, Shown};
use std::cmp::Ordering;

impl Group {
    /// Takes note of an answer that was given earlier. Those of one group come in the order in which they were asked.
    pub(in crate::media) fn note(&self, atom: AtomId, answer: (bool, u8), state: &mut GroupState) {
        let (garbled, answer) = answer;
        match &self.shape {
            Shape::Chain(outcomes) => {
                let asked = &outcomes[state.low as usize];
                if (asked.atom, asked.garbled) == (atom, garbled) && !state.decided {
                    state.decided = answer == 0;
                    state.low += u32::from(answer > 0);
                }
            }
            Shape::Prefix(prefix) => prefix.note(atom, garbled, answer, &mut state.left),
            Shape::Mix(members) => {
                let Ok(index) = members.binary_search_by_key(&atom, |member| member.atom) else { return };
                state.fates[index] = match (answer, garbled) {
                    (0, false) => Fate::Whole,
                    (0, true) => Fate::Garbled,
                    _ if self.garbles && !garbled => Fate::Open,
                    _ => Fate::Lost,
                };
            }
            Shape::Flags(_) => {}
        }
    }

    /// What a cell holds as far as that is known, without asking.
    pub(in crate::media) fn peek(&self, layout: &Layout, place: usize, state: &GroupState) -> Option<Shown> {
        match &self.shape {
            Shape::Chain(outcomes) => {
                let is_last = state.low as usize + 1 == outcomes.len();
                let outcome = outcomes.get(state.low as usize).filter(|_| state.decided || is_last)?;
                let version = self.floors[place] + outcome.rank;
                Some(Shown { version, content: self.content(layout, place, outcome) })
            }
            Shape::Prefix(prefix) => prefix.peek(self.places(layout), place, &state.left),
            Shape::Mix(members) => {
                let floor = self.floors[place];
                let versions = &layout.cells[self.cells[place].0 as usize].versions[floor as usize..];
                for (index, held) in versions.iter().enumerate().rev() {
                    let version = floor + 1 + index as u32;
                    let member = members.binary_search_by_key(&held.atom, |member| member.atom);
                    match member.map(|index| state.fates[index]) {
                        Ok(Fate::Whole) => return Some(Shown { version, content: held.content }),
                        Ok(Fate::Garbled) => return Some(Shown { version, content: held.garbage }),
                        Ok(Fate::Open) => return None,
                        Ok(Fate::Lost) | Err(_) => {}
                    }
                }
                let cell = &layout.cells[self.cells[place].0 as usize];
                Some(Shown { version: floor, content: layout.version(cell, floor) })
            }
            Shape::Flags(_) => None,
        }
    }

    /// What became of an atom as far as that is known; `None` if nobody can tell. Where several atoms leave the same content,
    /// the newest is told to have done so, or the oldest if that came after the crash.
    pub(in crate::media) fn fate(
        &self,
        layout: &Layout,
        atom: AtomId,
        state: &GroupState,
        point: usize,
    ) -> Option<AtomFate> {
        let is_issued = |atom: AtomId| layout.atoms[atom.0 as usize].event.index() < point;
        match &self.shape {
            Shape::Chain(outcomes) => {
                let place = layout.atoms[atom.0 as usize].cells.iter().find_map(|cell| self.place(*cell))?;
                let versions = &layout.cells[self.cells[place].0 as usize].versions;
                let version = versions.binary_search_by_key(&atom, |version| version.atom).ok()? as u32;
                let rank = (version + 1).checked_sub(self.floors[place])?;
                let outcome = &outcomes[state.low as usize];
                if !state.decided {
                    return (rank > outcome.rank).then_some(AtomFate::Lost);
                }
                let (told, garbled) = match is_issued(outcome.atom) {
                    true => (outcome.rank, outcome.garbled),
                    false => outcome.oldest,
                };
                match rank.cmp(&told) {
                    Ordering::Greater => Some(AtomFate::Lost),
                    Ordering::Equal if garbled => Some(AtomFate::Garbled),
                    Ordering::Equal => Some(AtomFate::Survived),
                    Ordering::Less => None,
                }
            }
            Shape::Prefix(prefix) => prefix.fate(atom, &state.left, is_issued),
            Shape::Mix(members) => {
                let index = members.binary_search_by_key(&atom, |member| member.atom).ok()?;
                match state.fates[index] {
                    Fate::Open => None,
                    Fate::Lost => Some(AtomFate::Lost),
                    Fate::Whole => Some(AtomFate::Survived),
                    Fate::Garbled => Some(AtomFate::Garbled),
                }
            }
            Shape::Flags(_) => None,
        }
    }

    fn place(&self, cell: CellId) -> Option<usize> {
        self.cells.binary_search(&cell).ok()
    }
}
