//! What a range of a device holds in a crash state, and which write left it there.

use super::describe::Teller;
use crate::media::{Cell, CellId, ContentId, Known, Shown, Timeline, Version};
use crate::profile::{Discard, Profile};
use crashcheck_outcome::Origin;
use crashcheck_trace::files::Entry;
use crashcheck_trace::{Bytes, DeviceId, Event, EventId, Image};

/// A device, and where a range of it begins and ends.
type Span = (DeviceId, Bytes, Bytes);

/// What lives have left on the devices, and what the running one has written over that.
pub(super) struct Places<'a> {
    /// The recorded workload first.
    pub(super) left: Vec<Left<'a>>,
    /// What the running life has done.
    pub(super) own: Teller<'a>,
}

/// What one life has left at its crash.
pub(super) struct Left<'a> {
    pub(super) timeline: &'a Timeline,
    pub(super) teller: Teller<'a>,
    pub(super) known: Known<'a>,
    pub(super) point: usize,
}

/// A part of a range, with where its bytes come from.
pub(super) struct Part {
    /// Where it ends, counted from the beginning of the range.
    pub(super) end: usize,
    pub(super) origin: Origin,
    /// Newer writes that were lost.
    pub(super) lost: Vec<Origin>,
}

/// What a range holds.
#[derive(Default)]
pub(super) struct Range {
    pub(super) parts: Vec<Part>,
    /// The bytes; those that nobody knows are missing, so that it is as long as the range only if all are known.
    pub(super) bytes: Vec<u8>,
}

impl Range {
    fn push(&mut self, origin: Origin, lost: Vec<Origin>, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let end = self.bytes.len();
        match self.parts.last_mut().filter(|last| (&last.origin, &last.lost) == (&origin, &lost)) {
            Some(last) => last.end = end,
            None => self.parts.push(Part { end, origin, lost }),
        }
    }

    /// Where its bytes come from, each once.
    pub(super) fn origins(&self) -> Vec<Origin> {
        distinct(self.parts.iter().map(|part| part.origin.clone()))
    }

    /// The newer writes that were lost, each once.
    pub(super) fn lost(&self) -> Vec<Origin> {
        distinct(self.parts.iter().flat_map(|part| part.lost.iter().cloned()))
    }

    /// The part that a byte is in.
    pub(super) fn part_of(&self, byte: usize) -> std::ops::Range<usize> {
        let nth = self.parts.partition_point(|part| part.end <= byte);
        let start = nth.checked_sub(1).map_or(0, |before| self.parts[before].end);
        start..self.parts.get(nth).map_or(self.bytes.len(), |part| part.end)
    }

    /// Where a byte comes from.
    pub(super) fn origin_of(&self, byte: usize) -> Option<&Origin> {
        self.parts.iter().find(|part| byte < part.end).map(|part| &part.origin)
    }
}

fn distinct(origins: impl Iterator<Item = Origin>) -> Vec<Origin> {
    let mut named: Vec<Origin> = Vec::new();
    for origin in origins {
        if !named.contains(&origin) {
            named.push(origin);
        }
    }
    named
}

impl Places<'_> {
    /// A range that holds this, in words: how much of which device and where, or which name of a directory.
    pub(super) fn told(&self, (device, at, len): (DeviceId, Bytes, Bytes), held: &[u8]) -> String {
        let Some(directory) = self.own.directory(device) else { return self.own.range(device, at, len) };
        let mut tellers = self.left.iter().map(|left| &left.teller).chain([&self.own]);
        let name = tellers.find_map(|teller| teller.name_at(device, at));
        match name.or_else(|| Some(Entry::parse(held)?.name)) {
            Some(name) => format!("the name {name} in {directory}"),
            None => format!("a name in {directory}"),
        }
    }

    /// What a range holds when the running life has done so many of its events; `None` if it is not known.
    pub(super) fn holds(&self, device: DeviceId, at: Bytes, len: Bytes, done: usize) -> Option<Range> {
        let mut range = Range::default();
        self.own((device, at, at + len), done, &mut range)?;
        Some(range)
    }

    /// Looks for what the running life has written, the newest event first.
    fn own(&self, (device, at, end): Span, done: usize, range: &mut Range) -> Option<()> {
        let events = &self.own.trace.events[..done];
        let covers = |event: &Event| {
            let place = event.range().filter(|(on, start, len)| {
                *on == device && *start < end && at < *start + *len && self.changes(event)
            });
            place.is_some()
        };
        let newest = events.iter().rposition(covers).filter(|_| at < end);
        let Some(newest) = newest else { return self.below(self.left.len(), (device, at, end), range) };
        let event = &events[newest];
        let (_, start, len) = event.range()?;
        let (from, upto) = (start.max(at), (start + len).min(end));
        self.own((device, at, from), newest, range)?;
        let origin = self.own.origin(self.left.len() as u8 + 1, EventId(newest as u32));
        let part = (from - start).index()..(upto - start).index();
        let bytes = match event {
            Event::Write { data, .. } | Event::Program { data, .. } => data.as_slice()[part].to_vec(),
            Event::Erase { .. } => vec![0xFF; part.len()],
            Event::Discard { .. } if self.profile().discard == Discard::Garbage => return None,
            _ => vec![0; part.len()],
        };
        range.push(origin, Vec::new(), &bytes);
        self.own((device, upto, end), newest, range)
    }

    /// Whether an event leaves other bytes than there were.
    fn changes(&self, event: &Event) -> bool {
        !matches!(event, Event::Discard { .. }) || self.profile().discard != Discard::Old
    }

    fn profile(&self) -> &Profile {
        &self.left[0].timeline.profile
    }

    /// What the first so many lives have left.
    fn below(&self, lives: usize, (device, at, end): Span, range: &mut Range) -> Option<()> {
        let Some(Left { timeline, known, .. }) = lives.checked_sub(1).map(|nth| &self.left[nth]) else {
            self.base((device, at, end), range);
            return Some(());
        };
        let mut here = at;
        for index in timeline.cells_of(device, at, end - at) {
            let (start, stop) = timeline.cells[index].span();
            self.below(lives - 1, (device, here, start.max(here)), range)?;
            here = start.max(here);
            let (shown, upto) = (known.holds(CellId(index as u32))?, stop.min(end));
            if shown.content == ContentId::BELOW {
                self.below(lives - 1, (device, here, upto), range)?;
            } else {
                let mut bytes = vec![0; (upto - here).index()];
                timeline.contents.copy(shown.content, (here - start).index(), &mut bytes);
                let left = &self.left[lives - 1];
                let cell = &timeline.cells[index];
                range.push(left.origin(cell, shown), left.lost(cell, shown.version), &bytes);
            }
            here = upto;
        }
        self.below(lives - 1, (device, here, end), range)
    }

    /// What was there before the recording began, and zeros where the device has grown since.
    fn base(&self, (device, at, end): Span, range: &mut Range) {
        if at >= end {
            return;
        }
        let mut lines = self.left.iter().filter_map(|left| left.timeline.lines.get(device.index()));
        let base = lines.next().map_or(Image::default(), |line| line.base.clone());
        let mut bytes = vec![0; (end - at).index()];
        let held = (base.len().0.saturating_sub(at.0) as usize).min(bytes.len());
        if held > 0 {
            base.read(at, &mut bytes[..held]);
        }
        range.push(before(bytes.iter().all(|byte| *byte == 0)), Vec::new(), &bytes);
    }
}

impl Left<'_> {
    /// Which write left what a cell holds.
    fn origin(&self, cell: &Cell, shown: Shown) -> Origin {
        let version = shown.version.checked_sub(1).map(|nth| &cell.versions[nth as usize]);
        let Some(version) = version else { return before(shown.content == ContentId::ZERO) };
        let origin = self.teller.origin(self.timeline.life, self.writer(version));
        if version.content == shown.content {
            return origin;
        }
        Origin { what: format!("garbage, as {} was cut off", origin.what), ..origin }
    }

    /// The writes to a cell after this version that had been issued when the power failed.
    fn lost(&self, cell: &Cell, version: u32) -> Vec<Origin> {
        let newer = cell.versions[version as usize..].iter().map(|version| self.writer(version));
        let issued = newer.filter(|event| event.index() < self.point);
        issued.map(|event| self.teller.origin(self.timeline.life, event)).collect()
    }

    fn writer(&self, version: &Version) -> EventId {
        self.timeline.atoms[version.atom.0 as usize].event
    }
}

/// What no write has left.
fn before(is_zeros: bool) -> Origin {
    let what = match is_zeros {
        true => "zeros, as when the recording began",
        false => "what was there when the recording began",
    };
    Origin { life: 1, event: None, what: what.to_owned() }
}
