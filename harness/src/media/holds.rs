//! What a cell holds in a crash state, asked of the choices.

use super::cell::{AtomId, Cell, CellId, Held};
use super::contents::ContentId;
use super::epoch::States;
use super::member::Shown;
use super::silent::{Effect, Mark};
use super::timeline::Timeline;
use crate::choice::Choices;

impl Timeline {
    /// Finds out what a cell holds in an epoch, asking for what is open.
    pub(super) fn find(
        &self,
        cell: CellId,
        epoch: u32,
        states: &mut States,
        choices: &mut Choices,
    ) -> ContentId {
        if self.is_flag(cell) {
            let crash = self.script.as_ref().and_then(|script| script.crash_in(cell, epoch));
            return crash.unwrap_or_else(|| self.resolve(epoch, cell, states, choices).content);
        }
        let shown = match self.held(cell, epoch) {
            Held::Durable(content) => Shown { version: self.latest(cell, epoch), content },
            Held::InFlight { .. } => self.resolve(epoch, cell, states, choices),
        };
        match self.silent.marks(cell) {
            [] => shown.content,
            marks => {
                let cell = &self.cells[cell.0 as usize];
                let happened =
                    |flag: CellId| self.resolve(epoch, flag, states, choices).content != ContentId::ZERO;
                self.find_astray(cell, marks, shown, happened).content
            }
        }
    }

    /// What a cell really holds that should hold this, if these flags are raised.
    pub(super) fn astray(&self, cell: CellId, shown: Shown, raised: &[CellId]) -> Shown {
        match self.silent.marks(cell) {
            marks if marks.is_empty() || raised.is_empty() => shown,
            marks => {
                let cell = &self.cells[cell.0 as usize];
                self.find_astray(cell, marks, shown, |flag| raised.contains(&flag))
            }
        }
    }

    /// Goes back in time from what a cell should hold, to the newest write that has really reached it.
    fn find_astray(
        &self,
        cell: &Cell,
        marks: &[Mark],
        mut shown: Shown,
        mut happened: impl FnMut(CellId) -> bool,
    ) -> Shown {
        let mut before = AtomId(u32::MAX);
        loop {
            let written = shown.version.checked_sub(1).map(|index| cell.versions[index as usize].atom);
            let later = marks.iter().filter(|mark| mark.atom < before && Some(mark.atom) > written);
            for mark in later {
                if let Effect::Landed(content) = mark.effect
                    && happened(mark.flag)
                {
                    return Shown { content, ..shown };
                }
            }
            let mut missing = marks.iter().filter(|mark| mark.effect == Effect::Missing);
            let is_missing = missing.any(|mark| Some(mark.atom) == written && happened(mark.flag));
            let Some(atom) = written.filter(|_| is_missing) else { return shown };
            let version = shown.version - 1;
            (shown, before) = (Shown { version, content: self.version(cell, version) }, atom);
        }
    }
}
