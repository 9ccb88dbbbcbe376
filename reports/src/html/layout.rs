//! Where everything of the drawing of a trace is: a column for each event, a row for each place that is written as a whole.
//!
//! ```text
//!              | epoch in flight                       |
//!              |  #7   #8   #9  ...   #14   #15   #16  |
//! operations   |  [ 1: create /a ]    [ 2: fsync /a    |
//! 32 KiB inode |       [w]                             | lost
//! 64 KiB data  |  [w]                 [w]              | new
//!              |                flush      missing     power fails
//! ```

use super::words::{changes, in_flight};
use crashcheck_outcome::{Picture, PictureDevice, PictureEvent, Sector, Step};
use crashcheck_trace::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// So many events are drawn, those around the crash.
const STEPS_MAX: usize = 120;
/// So many of those come after the crash.
const AFTER_MAX: usize = 12;
/// So many places are drawn, those that had something in flight before all others.
const ROWS_MAX: usize = 40;

/// The width of the names of the places.
pub(super) const LEFT: u32 = 236;
/// The width of what the places hold in the end.
pub(super) const RIGHT: u32 = 108;
/// The height of a row.
pub(super) const ROW: u32 = 24;
/// Where the numbers of the events stand.
pub(super) const NUMBERS: u32 = 34;
/// Where the operations begin, and how high they are.
pub(super) const OPERATIONS: u32 = 44;
pub(super) const BAND: u32 = 18;
/// The width of the beginning and the end of an operation, which the bands show.
const NARROW: u32 = 12;
/// The height of the heading of a device.
const HEADING: u32 = 20;

/// The drawing of a picture.
pub(super) struct Layout<'a> {
    pub(super) columns: Vec<Column<'a>>,
    pub(super) rows: Vec<Row>,
    /// The names of devices, and how far down they stand; empty if there is only one.
    pub(super) headings: Vec<(&'a str, u32)>,
    /// Events before and after those that are drawn.
    pub(super) left_out: usize,
    /// Places that are not drawn.
    pub(super) rows_left_out: usize,
    /// Whether there is a lane for what is neither a write nor an operation.
    pub(super) has_others: bool,
    /// Where the power fails.
    pub(super) crash_x: u32,
    /// Where what the places hold in the end begins.
    pub(super) medium_x: u32,
    /// Where the rows end.
    pub(super) bottom: u32,
}

/// A step of the picture.
pub(super) struct Column<'a> {
    pub(super) step: &'a Step,
    pub(super) x: u32,
    pub(super) width: u32,
    /// Whether there is room for its number.
    pub(super) is_numbered: bool,
}

/// A run of places that no drawn event divides.
pub(super) struct Row {
    pub(super) device: u16,
    pub(super) first: u64,
    pub(super) count: u64,
    /// What is written there, in the system's words.
    pub(super) name: String,
    pub(super) y: u32,
}

impl Column<'_> {
    pub(super) fn middle(&self) -> u32 {
        self.x + self.width / 2
    }

    /// The event, if it is one.
    pub(super) fn event(&self) -> Option<&PictureEvent> {
        match self.step {
            Step::Event(event) => Some(event),
            Step::Gap(_) => None,
        }
    }

    fn holds(&self, wanted: u32) -> bool {
        match self.step {
            Step::Event(event) => event.event == wanted,
            Step::Gap(gap) => wanted >= gap.from && u64::from(wanted - gap.from) < gap.events,
        }
    }
}

impl<'a> Layout<'a> {
    /// The drawing of a picture, in which some events are `named` by what is told of the finding.
    pub(super) fn new(picture: &'a Picture, named: &BTreeSet<u32>) -> Layout<'a> {
        let crash = picture.steps.iter().position(|step| first_event(step) >= picture.crash);
        let crash = crash.unwrap_or(picture.steps.len());
        let last = (crash + AFTER_MAX).min(picture.steps.len());
        let window = last.saturating_sub(STEPS_MAX)..last;
        let left_out = picture.steps.len() - window.len();
        let steps = &picture.steps[window.clone()];
        let columns = columns(steps, named);
        let end = columns.last().map_or(LEFT, |column| column.x + column.width);
        let crash_x = columns.get(crash - window.start).map_or(end, |column| column.x);
        let events: Vec<&PictureEvent> = columns.iter().filter_map(Column::event).collect();
        let has_others = events.iter().any(|event| is_other(event));
        let top = OPERATIONS + BAND + if has_others { ROW } else { 0 } + 10;
        let (mut rows, rows_left_out) = rows(&events);
        let (headings, bottom) = place(&mut rows, &picture.devices, top);
        let medium_x = end + 16;
        Layout { columns, rows, headings, left_out, rows_left_out, has_others, crash_x, medium_x, bottom }
    }

    pub(super) fn width(&self) -> u32 {
        self.medium_x + RIGHT
    }

    /// The rows that an event touches, from the top of the first to the bottom of the last.
    pub(super) fn span(&self, event: &PictureEvent) -> Option<(u32, u32)> {
        let (device, places) = places(event)?;
        let touched = |row: &&Row| {
            row.device == device
                && row.first < places.end
                && places.start < row.first.saturating_add(row.count)
        };
        let first = self.rows.iter().find(touched)?;
        let last = self.rows.iter().rev().find(touched)?;
        Some((first.y, last.y + ROW))
    }

    /// The column of an event, or of the gap that it is in.
    pub(super) fn column(&self, event: u32) -> Option<&Column<'a>> {
        self.columns.iter().find(|column| column.holds(event))
    }

    /// Where a line from or to an event meets it: a place of the crash if it comes after all that is drawn.
    pub(super) fn point(&self, event: u32) -> Option<(u32, u32)> {
        let column = self.column(event)?;
        let span = column.event().and_then(|event| self.span(event));
        let y = span.map_or(OPERATIONS + BAND / 2, |(top, bottom)| (top + bottom) / 2);
        Some((column.middle(), y))
    }

    /// Where the epoch begins in which the power fails, if anything is in flight.
    pub(super) fn epoch_x(&self) -> Option<u32> {
        let flying = |column: &&Column<'_>| column.event().is_some_and(|event| in_flight(event.fate));
        self.columns.iter().find(flying).map(|column| column.x)
    }

    /// What a row holds in the end.
    pub(super) fn sector<'p>(row: &Row, picture: &'p Picture) -> Option<&'p Sector> {
        let holds = |sector: &&Sector| {
            sector.device == row.device
                && sector.first <= row.first
                && row.first - sector.first < sector.count.max(1)
        };
        picture.sectors.iter().find(holds)
    }
}

/// What is neither a write nor a flush nor the beginning or end of an operation.
pub(super) fn is_other(event: &PictureEvent) -> bool {
    use crashcheck_outcome::EventKind::{Deliver, Down, Mark, Send, Up};
    matches!(event.kind, Deliver | Down | Mark | Send | Up)
}

fn first_event(step: &Step) -> u32 {
    match step {
        Step::Event(event) => event.event,
        Step::Gap(gap) => gap.from,
    }
}

fn columns<'a>(steps: &'a [Step], named: &BTreeSet<u32>) -> Vec<Column<'a>> {
    use crashcheck_outcome::EventKind::{Ack, AckDurable, Begin};
    let digits =
        steps.iter().map(|step| first_event(step).checked_ilog10().unwrap_or(0) + 1).max().unwrap_or(1);
    let (width, mut x) = ((7 * digits + 12).max(28), LEFT);
    let column = |step: &'a Step| {
        let (is_numbered, width) = match step {
            Step::Gap(_) => (false, width.max(52)),
            Step::Event(event) => {
                let is_mark = matches!(event.kind, Begin | Ack | AckDurable) && !named.contains(&event.event);
                (!is_mark, if is_mark { NARROW } else { width })
            }
        };
        let column = Column { step, x, width, is_numbered };
        x += column.width;
        column
    };
    steps.iter().map(column).collect()
}

/// The device and the places that an event changes.
fn places(event: &PictureEvent) -> Option<(u16, Range<u64>)> {
    let (device, first) = (event.device?, event.first?);
    changes(event.kind).then(|| (device, first..first.saturating_add(event.count.max(1))))
}

/// The runs of places that no event divides, and how many of them are left out.
fn rows(events: &[&PictureEvent]) -> (Vec<Row>, usize) {
    let mut bounds: BTreeMap<u16, BTreeSet<u64>> = BTreeMap::new();
    let writes: Vec<_> = events.iter().filter_map(|event| Some((*event, places(event)?))).collect();
    for (_, (device, places)) in &writes {
        bounds.entry(*device).or_default().extend([places.start, places.end]);
    }
    let mut found: Vec<(bool, Row)> = Vec::new();
    for (device, bounds) in bounds {
        let bounds: Vec<u64> = bounds.into_iter().collect();
        for pair in bounds.windows(2) {
            let on: Vec<&PictureEvent> = writes
                .iter()
                .filter(|(_, (of, places))| *of == device && places.start <= pair[0] && pair[1] <= places.end)
                .map(|(event, _)| *event)
                .collect();
            if on.is_empty() {
                continue;
            }
            let matters = on.iter().any(|event| in_flight(event.fate));
            let row = Row { device, first: pair[0], count: pair[1] - pair[0], name: name(&on), y: 0 };
            found.push((matters, row));
        }
    }
    let spare = ROWS_MAX.saturating_sub(found.iter().filter(|(matters, _)| *matters).count());
    let (mut spare, mut kept, all) = (spare, Vec::new(), found.len());
    for (matters, row) in found {
        if !matters && spare == 0 || kept.len() == ROWS_MAX {
            continue;
        }
        spare -= usize::from(!matters);
        kept.push(row);
    }
    let left_out = all - kept.len();
    (kept, left_out)
}

/// The words of the events of a row, each once: `data / inode table`.
fn name(events: &[&PictureEvent]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for event in events {
        let name = event.what.split(',').next().unwrap_or_default();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(" / ")
}

/// Gives every row its height, and returns the headings and the end of the last row.
fn place<'a>(rows: &mut [Row], devices: &'a [PictureDevice], top: u32) -> (Vec<(&'a str, u32)>, u32) {
    let several = rows.windows(2).any(|pair| pair[0].device != pair[1].device);
    let (mut headings, mut y, mut of) = (Vec::new(), top, None);
    for row in rows {
        if several && of != Some(row.device) {
            let name = devices.get(usize::from(row.device)).map_or("", |device| device.name.as_str());
            headings.push((name, y));
            (y, of) = (y + HEADING, Some(row.device));
        }
        row.y = y;
        y += ROW;
    }
    (headings, y)
}

/// A place in the words that the rest of the report uses: a position in bytes, or a page of a chip.
pub(super) fn place_name(device: Option<&PictureDevice>, first: u64) -> String {
    match device.map(|device| device.block_bytes) {
        Some(bytes) if bytes.is_power_of_two() => match first.checked_mul(bytes) {
            Some(at) => Bytes(at).to_string(),
            None => format!("block {first}"),
        },
        _ => format!("page {first}"),
    }
}
