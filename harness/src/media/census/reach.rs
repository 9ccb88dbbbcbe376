//! How far back there can be epochs that share images with an epoch.
//!
//! A cell whose contents in an epoch it never had before sets it apart from every epoch in which they had not been issued.

use crate::media::cell::Cell;
use crate::media::contents::ContentId;
use crate::media::timeline::Timeline;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, VecDeque};

/// What contents say of epochs, by epoch.
pub(super) struct Reach {
    /// The earliest one that may share images with it.
    pub(super) earliest: Vec<u32>,
    /// Whether something is issued in it that its cell has held before.
    pub(super) comes_back: Vec<bool>,
}

pub(super) fn reach(timeline: &Timeline) -> Reach {
    let mut steps: Vec<(u32, u32, i32)> = Vec::new();
    let mut comes_back = vec![false; timeline.epochs.len()];
    for cell in &timeline.cells {
        let first = first_seen(cell);
        for (nth, version) in (1..).zip(&cell.versions) {
            comes_back[version.issued as usize] |= first[nth] < nth;
        }
        steps_of(cell, &first, |from, upto, issued| steps.extend([(from, issued, 1), (upto, issued, -1)]));
    }
    Reach { earliest: earliest(timeline, steps), comes_back }
}

fn earliest(timeline: &Timeline, mut steps: Vec<(u32, u32, i32)>) -> Vec<u32> {
    steps.sort_unstable();
    let (mut steps, mut held) = (steps.into_iter().peekable(), BTreeMap::<u32, i32>::new());
    let mut earliest = Vec::new();
    for epoch in 0..timeline.epochs.len() as u32 {
        while let Some((_, issued, step)) = steps.next_if(|(at, ..)| *at <= epoch) {
            let count = held.entry(issued).or_default();
            *count += step;
            if *count == 0 {
                held.remove(&issued);
            }
        }
        earliest.push(held.keys().next_back().copied().unwrap_or(0));
    }
    earliest
}

/// Tells when a cell holds only what it never held before, and when the oldest of that was issued.
fn steps_of(cell: &Cell, first: &[usize], mut tell: impl FnMut(u32, u32, u32)) {
    let versions = &cell.versions;
    let mut borders: Vec<u32> =
        versions.iter().flat_map(|version| [version.issued, version.settled]).collect();
    borders.sort_unstable();
    borders.dedup();
    borders.retain(|epoch| *epoch < u32::MAX);
    let (mut floor, mut latest) = (0, 0);
    // Of what the cell can hold: where each was first seen, as far as no newer one was seen earlier.
    let mut earliest: VecDeque<(usize, usize)> = VecDeque::from([(0, 0)]);
    for (nth, from) in borders.iter().copied().enumerate() {
        while versions.get(latest).is_some_and(|version| version.issued <= from) {
            latest += 1;
            while earliest.back().is_some_and(|(_, seen)| *seen >= first[latest]) {
                earliest.pop_back();
            }
            earliest.push_back((latest, first[latest]));
        }
        while versions.get(floor).is_some_and(|version| version.settled <= from) {
            floor += 1;
        }
        while earliest.front().is_some_and(|(version, _)| *version < floor) {
            earliest.pop_front();
        }
        let is_new = earliest.front().is_some_and(|(_, seen)| *seen >= floor);
        if is_new && floor > 0 {
            let upto = borders.get(nth + 1).copied().unwrap_or(u32::MAX);
            tell(from, upto, versions[floor - 1].issued);
        }
    }
}

/// By version, 0 being the base: the first one with the same content.
fn first_seen(cell: &Cell) -> Vec<usize> {
    let mut seen: FxHashMap<ContentId, usize> = FxHashMap::default();
    let contents = std::iter::once(cell.base).chain(cell.versions.iter().map(|version| version.content));
    contents.enumerate().map(|(nth, content)| *seen.entry(content).or_insert(nth)).collect()
}
