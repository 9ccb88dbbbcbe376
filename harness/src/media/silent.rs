//! What is known of writes that went wrong without a word; see [`astray`](super::astray).

use super::cell::{AtomId, CellId};
use super::contents::ContentId;
use crate::choice::Question;
use rustc_hash::FxHashMap;
use std::ops::Range;

/// The writes that can go wrong.
#[derive(Default)]
pub(super) struct Silent {
    pub(super) sites: Vec<Site>,
    /// By cell: what can go wrong with it, newest write first.
    pub(super) marks: FxHashMap<CellId, Vec<Mark>>,
}

/// One way in which one write can go wrong.
pub(super) struct Site {
    pub(super) question: Question,
    /// The cell of its flag.
    pub(super) flag: CellId,
    /// The epochs in which it can happen: the write is durable, and something would show it.
    pub(super) open: Range<u32>,
}

/// What a cell has to do with a site.
pub(super) struct Mark {
    pub(super) atom: AtomId,
    /// The cell of the flag.
    pub(super) flag: CellId,
    pub(super) effect: Effect,
}

/// What a write that went wrong does to a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// What was written to it is not there.
    Missing,
    /// This landed there.
    Landed(ContentId),
}

impl Silent {
    /// All of them, the newest write first.
    pub(super) fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// What can go wrong with a cell, newest write first.
    pub(super) fn marks(&self, cell: CellId) -> &[Mark] {
        self.marks.get(&cell).map_or(&[], Vec::as_slice)
    }
}
