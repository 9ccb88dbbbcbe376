//! What the sectors hold that had something in flight.

use super::Sketch;
use crate::media::{AtomFate, Cell, CellId, ContentId, Held, Shown, Version, block_len};
use crashcheck_outcome::{Holds, Sector};
use crashcheck_trace::{Bytes, Event, EventId};
use std::collections::BTreeSet;

/// So many cells are looked at.
const CELLS: usize = 4096;

/// So many runs of sectors are listed.
const ROWS: usize = 200;

impl Sketch<'_> {
    /// What the sectors hold, by device and place, and how many more there are.
    pub(super) fn sectors(&self, shown: &BTreeSet<u32>) -> (Vec<Sector>, u64) {
        let (cells, left_out) = self.cells(shown);
        let mut rows: Vec<Sector> = Vec::new();
        for cell in cells {
            for sector in self.cell(cell) {
                match rows.last_mut().filter(|last| is_same_place(last, &sector)) {
                    Some(last) => *last = combined(last, &sector),
                    None => rows.push(sector),
                }
            }
        }
        let mut runs: Vec<Sector> = Vec::new();
        for row in rows {
            match runs.last_mut().filter(|last| continues(last, &row)) {
                Some(last) => last.count += row.count,
                None => runs.push(row),
            }
        }
        let all = places(&runs);
        if runs.len() > ROWS {
            runs.sort_by_key(|run| !self.is_unusual(run));
            runs.truncate(ROWS);
            runs.sort_by_key(|run| (run.device, run.first));
        }
        let more = all - places(&runs) + left_out;
        (runs, more)
    }

    /// The cells to look at, by device and place, and how many places there are beside them.
    fn cells(&self, shown: &BTreeSet<u32>) -> (Vec<CellId>, u64) {
        let timeline = self.painter.timeline;
        let undecided = self.known.undecided();
        let mut cells: BTreeSet<CellId> = undecided.iter().copied().take(CELLS + 1).collect();
        let mut left_out = 0;
        if cells.len() > CELLS {
            let events = shown.iter().filter(|event| self.known.is_in_epoch(EventId(**event)));
            let atoms = events.flat_map(|event| timeline.atoms_of(EventId(*event)));
            let written = atoms.flat_map(|atom| &timeline.atoms[atom.0 as usize].cells).copied();
            cells = written.take(CELLS).filter(|cell| self.known.is_undecided(*cell)).collect();
            let all = undecided.iter().filter(|cell| self.place(**cell).is_some());
            left_out = (all.count() - cells.len()) as u64;
        }
        let astray = self.astray.iter().flat_map(|event| timeline.atoms_of(*event));
        cells.extend(astray.flat_map(|atom| timeline.atoms[atom.0 as usize].cells.iter().copied()));
        (cells.into_iter().filter(|cell| self.place(*cell).is_some()).collect(), left_out)
    }

    /// The device of a cell that holds bytes, with the size of its places.
    fn place(&self, cell: CellId) -> Option<(u16, u64)> {
        let device = self.painter.timeline.device_of(cell)?;
        Some((device.0, block_len(&self.painter.teller.trace.devices[device.index()]).0))
    }

    /// What a cell holds: where it covers a part of a place, that part by itself.
    fn cell(&self, id: CellId) -> Vec<Sector> {
        let cell = &self.painter.timeline.cells[id.0 as usize];
        let Some(((device, block), row)) = self.place(id).zip(self.row(id, cell)) else { return Vec::new() };
        let (start, end) = (cell.start.0, (cell.start + cell.len).0);
        let (whole, upto) = (start.next_multiple_of(block), end - end % block);
        let part = |from: u64, upto: u64| (from / block, upto.div_ceil(block) - from / block);
        let parts = match whole <= upto {
            true => vec![part(start, whole), part(whole, upto), part(upto, end)],
            false => vec![part(start, end)],
        };
        let parts = parts.into_iter().filter(|(_, count)| *count > 0);
        parts.map(|(first, count)| Sector { device, first, count, ..row.clone() }).collect()
    }

    /// What is there, without its place; `None` if nothing was in flight there when the power failed.
    fn row(&self, id: CellId, cell: &Cell) -> Option<Sector> {
        let timeline = self.painter.timeline;
        let floor = match timeline.held(id, self.epoch) {
            Held::InFlight { floor, .. } => floor as usize,
            Held::Durable(_) => timeline.latest(id, self.epoch) as usize,
        };
        let issued = cell.versions.partition_point(|version| self.writer(version) < self.point as u32);
        let touched = cell.versions.get(floor..issued)?;
        // The program of a page of a flash chip can spoil another page, which it does not write.
        let writes = |version: &&Version| self.writes(version, cell);
        let in_flight: Vec<&Version> = touched.iter().filter(writes).collect();
        let is_up = timeline.device_of(id).is_some_and(|device| self.is_up(device));
        let shown = match is_up {
            true => Some(Shown { version: issued as u32, content: timeline.version(cell, issued as u32) }),
            false => self.known.holds(id),
        };
        let row = |holds, written_by, lost: &[&Version], what| Sector {
            device: 0,
            first: 0,
            count: 0,
            holds,
            written_by,
            lost: lost.iter().map(|version| self.writer(version)).collect(),
            what,
        };
        let Some(shown) = shown else {
            let what = "recovery did not look".to_owned();
            let is_open = touched.iter().any(|version| version.garbage != version.content);
            return (is_open || !in_flight.is_empty()).then(|| row(Holds::Unread, None, &[], what));
        };
        let is_lost = |version: &Version| !is_up && self.known.fate(version.atom) == Some(AtomFate::Lost);
        let left_it = |version: &&Version| version.content == shown.content && !is_lost(version);
        if let Some(nth) = in_flight.iter().rposition(left_it) {
            let (version, newer) = (in_flight[nth], &in_flight[nth + 1..]);
            let holds = if newer.is_empty() { Holds::New } else { Holds::Old };
            let event = self.writer(version);
            return Some(row(holds, Some(event), newer, self.name(event)));
        }
        if shown.content == timeline.version(cell, floor as u32) {
            let lost = || row(Holds::Lost, None, &in_flight, self.words(cell, floor as u32));
            return (!in_flight.is_empty()).then(lost);
        }
        if let Some(version) = touched.iter().rev().find(|version| version.garbage == shown.content) {
            let event = self.writer(version);
            let newer: Vec<&Version> =
                in_flight.into_iter().filter(|newer| self.writer(newer) > event).collect();
            let what = format!("garbage: {} was cut off", self.name(event));
            return Some(row(Holds::Garbled, Some(event), &newer, what));
        }
        // A write that was durable went wrong.
        let lost: Vec<&Version> = cell.versions[shown.version as usize..issued].iter().collect();
        Some(row(Holds::Lost, None, &lost, self.words(cell, shown.version)))
    }

    /// Whether the event of a version writes to the cell itself.
    fn writes(&self, version: &Version, cell: &Cell) -> bool {
        let event = &self.painter.teller.trace.events[self.writer(version) as usize];
        event.ranges().any(|(_, at, len)| at <= cell.start && cell.start + cell.len <= at + len)
            || matches!(event, Event::Resize { .. })
            || cell.len == Bytes::ZERO
    }

    fn writer(&self, version: &Version) -> u32 {
        self.painter.timeline.atoms[version.atom.0 as usize].event.0
    }

    fn name(&self, event: u32) -> String {
        format!(
            "#{} ({})",
            self.painter.teller.number(EventId(event)),
            self.painter.teller.name(EventId(event))
        )
    }

    /// A version of a cell in words.
    fn words(&self, cell: &Cell, version: u32) -> String {
        match version.checked_sub(1).and_then(|index| cell.versions.get(index as usize)) {
            Some(version) => self.name(self.writer(version)),
            None if cell.base == ContentId::BELOW => "what was there when this life began".to_owned(),
            None if cell.base == ContentId::ZERO => "zeros, as when the recording began".to_owned(),
            None => "what was there when the recording began".to_owned(),
        }
    }

    /// Whether a run has to do with what makes the state unusual.
    fn is_unusual(&self, run: &Sector) -> bool {
        let mut events = run.written_by.iter().chain(&run.lost);
        matches!(run.holds, Holds::Torn | Holds::Garbled | Holds::Old)
            || events.any(|event| self.unusual.contains(event))
    }
}

fn places(runs: &[Sector]) -> u64 {
    runs.iter().map(|run| run.count).sum()
}

/// Whether a part is of the last place of a run that is a single place.
fn is_same_place(last: &Sector, part: &Sector) -> bool {
    (last.device, last.first, last.count) == (part.device, part.first, 1) && part.count == 1
}

/// Whether a run goes on with the next places.
fn continues(last: &Sector, next: &Sector) -> bool {
    let placed = Sector { first: last.first, count: last.count, ..next.clone() };
    last.first + last.count == next.first && *last == placed
}

/// Two parts of one place.
fn combined(one: &Sector, other: &Sector) -> Sector {
    let holds = match (one.holds, other.holds) {
        (Holds::Old, Holds::Old) if one.written_by != other.written_by => Holds::Torn,
        (one, other) if one == other => one,
        (Holds::Garbled, _) | (_, Holds::Garbled) => Holds::Garbled,
        (Holds::Unread, holds) | (holds, Holds::Unread) => holds,
        _ => Holds::Torn,
    };
    let mut lost = [&*one.lost, &*other.lost].concat();
    lost.sort_unstable();
    lost.dedup();
    let what = match (one.holds, other.holds) {
        _ if one.what.split("; ").any(|part| part == other.what) => one.what.clone(),
        (Holds::Unread, _) => other.what.clone(),
        (_, Holds::Unread) => one.what.clone(),
        _ => format!("{}; {}", one.what, other.what),
    };
    Sector { holds, written_by: one.written_by.max(other.written_by), lost, what, ..other.clone() }
}
