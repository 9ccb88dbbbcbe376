//! The atoms of a group, and what is asked and said of them.

use super::cell::{Atom, AtomId, CellId};
use super::contents::ContentId;
use super::layout::Layout;
use crate::choice::Question;

/// An atom of a group.
pub(super) struct Member {
    pub(super) atom: AtomId,
    /// The number of events after which it had been issued; 0 if that was in an earlier epoch.
    pub(super) earliest: usize,
    /// Whether the epoch before has it too.
    pub(super) shared: bool,
    /// The places of its cells in the group, ordered.
    pub(super) places: Vec<u32>,
}

/// What became of an atom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtomFate {
    /// It is on the medium, complete.
    Survived,
    /// It is not.
    Lost,
    /// It was cut off, and what it wrote reads as garbage.
    Garbled,
}

/// What a cell was found to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The number of the version, 0 being the base; the newest one, where several that are left have this content.
    pub(crate) version: u32,
    pub(crate) content: ContentId,
}

pub(super) fn question(layout: &Layout, atom: AtomId, garbled: bool) -> Question {
    let life = layout.life;
    let Atom { event, unit, .. } = layout.atoms[atom.0 as usize];
    if garbled { Question::Garbled { life, event, unit } } else { Question::Survived { life, event, unit } }
}

/// The atoms of a group, oldest first, each with the places of its cells.
pub(super) fn gather(
    layout: &Layout,
    epoch: u32,
    cells: &[CellId],
    members: &[(AtomId, CellId)],
) -> Vec<Member> {
    let mut gathered: Vec<Member> = Vec::new();
    for (id, cell) in members {
        let place = cells.binary_search(cell).expect("a cell of the group") as u32;
        if gathered.last().is_none_or(|member| member.atom != *id) {
            let atom = &layout.atoms[id.0 as usize];
            let shared = atom.issued < epoch;
            let earliest = if shared { 0 } else { atom.event.index() + 1 };
            gathered.push(Member { atom: *id, earliest, shared, places: Vec::new() });
        }
        let places = &mut gathered.last_mut().expect("just pushed").places;
        places.push(place);
    }
    for member in &mut gathered {
        member.places.sort_unstable();
    }
    gathered
}
