//! The trace as a drawing, and the same as a table for those who cannot see it.

use super::layout::{BAND, Column, Layout, NUMBERS, OPERATIONS, ROW, is_other, place_name};
use super::markup::Markup;
use super::words::{self, changes, counted, in_flight};
use super::{Entry, clipped};
use crashcheck_outcome::{
    Cause, EventKind, Fate, Finding, Fix, LaterLife, MissingOrder, Operation, Picture, PictureEvent, Step,
};
use std::collections::{BTreeMap, BTreeSet};

/// So many missing orders and flushes are drawn.
const ARROWS_MAX: usize = 6;
/// A drawing that is not wider than this is made to fit the window; a wider one is scrolled.
const FITTED_MAX: u32 = 1600;
/// With room for fewer characters, an operation has its number alone.
const ROOM_MIN: usize = 6;
/// Events that are nearer than this to each other have no room for a line between them.
const CLOSE: u32 = 60;
/// So many events are in the table.
const TABLE_MAX: usize = 200;

/// A life of a finding, to be drawn.
pub(super) struct Drawn<'a> {
    pub(super) picture: &'a Picture,
    /// Whose trace it is: `finding 3`, `life 2 of finding 3`.
    pub(super) whose: String,
    /// What the ids of its parts begin with.
    id: String,
    operations: &'a [Operation],
    /// So many operations before these are not listed.
    skipped: u64,
    /// What would have prevented it, if that is known of this life.
    cause: Option<&'a Cause>,
}

impl<'a> Drawn<'a> {
    /// The life of the workload.
    pub(super) fn first(entry: &Entry<'a>, picture: &'a Picture) -> Drawn<'a> {
        let Finding { operations, operations_skipped: skipped, cause, .. } = entry.finding;
        let (whose, id) = (format!("finding {}", entry.number), format!("t{}", entry.number));
        Drawn { picture, whose, id, operations, skipped: *skipped, cause: cause.as_ref() }
    }

    /// A life after that.
    pub(super) fn later(entry: &Entry<'a>, life: &'a LaterLife, picture: &'a Picture) -> Drawn<'a> {
        let LaterLife { life: nth, operations, .. } = life;
        let (whose, id) =
            (format!("life {nth} of finding {}", entry.number), format!("t{}-{nth}", entry.number));
        Drawn { picture, whose, id, operations, skipped: 0, cause: None }
    }
}

/// The drawing, its legend, and the table.
pub(super) fn write(page: &mut Markup, drawn: &Drawn<'_>) {
    let named = drawn.cause.map(named).unwrap_or_default();
    let layout = Layout::new(drawn.picture, &named);
    page.raw("<figure>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" ");
    page.put("aria-label=\"Drawing of the trace of {}\">\n", &[&drawn.whose]);
    drawing(page, drawn, &layout);
    page.raw("</div>\n<figcaption>\n");
    legend(page, drawn.cause, &layout);
    caption(page, drawn.picture, &layout);
    page.raw("</figcaption>\n</figure>\n");
    table(page, drawn);
}

/// The events that are named by what would have prevented a finding.
fn named(cause: &Cause) -> BTreeSet<u32> {
    let orders = cause.missing.iter().flat_map(|order| [order.before.event, order.after.event]);
    let fixes = cause.fix.iter().flat_map(|fix| &fix.flushes);
    orders.chain(fixes.map(|flush| flush.before.event)).collect()
}

fn drawing(page: &mut Markup, drawn: &Drawn<'_>, layout: &Layout<'_>) {
    let Drawn { picture, whose, id, cause, .. } = drawn;
    let (width, height) = (layout.width(), layout.bottom + 50);
    page.put(
        "<svg class=\"timeline{}\" role=\"img\" aria-labelledby=\"{}-title {}-desc\" ",
        &[&if width <= FITTED_MAX { " fitted" } else { "" }, id, id],
    );
    page.put("width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\">\n", &[&width, &height, &width, &height]);
    page.put("<title id=\"{}-title\">The trace of {}</title>\n", &[id, whose]);
    page.put("<desc id=\"{}-desc\">{}</desc>\n", &[id, &description(picture)]);
    epoch(page, picture, layout);
    rows(page, picture, layout);
    bands(page, drawn, layout);
    for column in &layout.columns {
        match column.step {
            Step::Event(event) => mark(page, layout, column, event),
            Step::Gap(gap) => {
                page.put("<g class=\"gap\"><title>{} left out</title>", &[&counted(gap.events, "event")]);
                let (x, y) = (column.middle(), NUMBERS);
                page.put("<text x=\"{}\" y=\"{}\" class=\"mid\">…{}…</text></g>\n", &[&x, &y, &gap.events]);
            }
        }
    }
    if let Some(fix) = cause.and_then(|cause| cause.fix.as_ref()) {
        missing_flushes(page, fix, layout);
    }
    crash(page, layout);
    let missing = cause.map_or(&[][..], |cause| &cause.missing);
    for order in missing.iter().take(ARROWS_MAX) {
        arrow(page, order, layout);
    }
    page.raw("</svg>\n");
}

/// What the drawing shows, in a few sentences.
fn description(picture: &Picture) -> String {
    let mut counts: BTreeMap<Fate, u64> = BTreeMap::new();
    for event in picture.steps.iter().filter_map(as_event) {
        if changes(event.kind) && in_flight(event.fate) {
            *counts.entry(event.fate).or_default() += 1;
        }
    }
    let fates = counts.iter().map(|(fate, count)| format!("{count} {}", words::fate(*fate).1));
    let fates = fates.collect::<Vec<_>>().join(", ");
    let fates = if fates.is_empty() { "none".to_owned() } else { fates };
    format!(
        "Time runs to the right, a column for each of the events; a row for each place on a device. The power fails \
         after {} of {} events, in epoch {} of {}. Writes in flight then: {fates}. The table after the drawing says the \
         same in words.",
        picture.crash,
        picture.events,
        u64::from(picture.epoch) + 1,
        picture.epochs
    )
}

fn as_event(step: &Step) -> Option<&PictureEvent> {
    match step {
        Step::Event(event) => Some(event),
        Step::Gap(_) => None,
    }
}

/// The ground on which everything in flight stands.
fn epoch(page: &mut Markup, picture: &Picture, layout: &Layout<'_>) {
    let Some(x) = layout.epoch_x() else { return };
    let (width, height) = (layout.crash_x.saturating_sub(x), layout.bottom);
    page.put(
        "<rect class=\"epoch\" x=\"{}\" y=\"4\" width=\"{}\" height=\"{}\"/>",
        &[&x, &width, &(height - 4)],
    );
    let number = u64::from(picture.epoch) + 1;
    page.put(
        "<text class=\"end lane\" x=\"{}\" y=\"16\">in flight: epoch {} of {}</text>\n",
        &[&layout.crash_x.saturating_sub(4), &number, &picture.epochs],
    );
}

/// The places, with their names at the left and what they hold at the right.
fn rows(page: &mut Markup, picture: &Picture, layout: &Layout<'_>) {
    page.put(
        "<text class=\"lane\" x=\"4\" y=\"{}\">event</text><text class=\"lane\" x=\"4\" y=\"{}\">operation</text>",
        &[&NUMBERS, &(OPERATIONS + 13)],
    );
    page.put("<text class=\"lane\" x=\"{}\" y=\"{}\">on the medium</text>\n", &[&layout.medium_x, &NUMBERS]);
    if layout.has_others {
        page.put(
            "<text class=\"lane\" x=\"4\" y=\"{}\">messages, nodes</text>\n",
            &[&(OPERATIONS + BAND + 18)],
        );
    }
    for (name, y) in &layout.headings {
        page.put("<text class=\"device\" x=\"4\" y=\"{}\">{}</text>\n", &[&(y + 15), &clipped(name, 30)]);
    }
    for row in &layout.rows {
        let device = picture.devices.get(usize::from(row.device));
        let (line, text) = (row.y + ROW, row.y + 16);
        page.put("<g class=\"row\"><title>{}</title>", &[&clipped(&row.name, 200)]);
        page.put("<text x=\"4\" y=\"{}\">{}</text>", &[&text, &clipped(&row.name, 22)]);
        page.put(
            "<text class=\"end place\" x=\"228\" y=\"{}\">{}</text>",
            &[&text, &place_name(device, row.first)],
        );
        page.put("<path d=\"M0 {}H{}\"/></g>\n", &[&line, &layout.width()]);
        if let Some(sector) = Layout::sector(row, picture) {
            let (class, name, meaning) = words::holds(sector.holds);
            page.put("<g class=\"w {}\"><title>{}: {}</title>", &[&class, &name, &meaning]);
            let (x, y) = (layout.medium_x, row.y + 3);
            page.put("<rect x=\"{}\" y=\"{}\" width=\"18\" height=\"18\" rx=\"3\"/>", &[&x, &y]);
            page.put(
                "<use href=\"#m-{}\" x=\"{}\" y=\"{}\" width=\"12\" height=\"12\"/></g>",
                &[&class, &(x + 3), &(y + 3)],
            );
            page.put("<text x=\"{}\" y=\"{}\">{}</text>\n", &[&(x + 24), &text, &name]);
        }
    }
}

/// The operations, from their beginning to their acknowledgement.
fn bands(page: &mut Markup, drawn: &Drawn<'_>, layout: &Layout<'_>) {
    let mut bands: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
    for column in &layout.columns {
        let Some(event) = column.event().filter(|event| event.fate != Fate::NotIssued) else { continue };
        let Some(operation) = event.operation else { continue };
        let end = column.x + column.width;
        let band = bands.entry(operation).or_insert((column.x, end));
        *band = (band.0.min(column.x), band.1.max(end));
    }
    for (operation, (x, end)) in bands {
        let nth = u64::from(operation).checked_sub(1 + drawn.skipped);
        let nth = nth.and_then(|nth| usize::try_from(nth).ok());
        let told = nth.and_then(|nth| drawn.operations.get(nth));
        let (class, meaning) = told.map_or(("begun", String::new()), words::promised);
        let text = told.map_or("", |told| told.text.as_str());
        let width = (end - x).saturating_sub(2);
        page.put("<g class=\"band {}\"><title>operation {}: ", &[&class, &operation]);
        page.put("{} ({})</title>", &[&clipped(text, 200), &meaning]);
        page.put(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"18\" rx=\"3\"/>",
            &[&(x + 1), &OPERATIONS, &width],
        );
        let room = width.saturating_sub(8) as usize / 7;
        let label = if room < ROOM_MIN { operation.to_string() } else { format!("{operation} {text}") };
        page.put(
            "<text x=\"{}\" y=\"{}\">{}</text></g>\n",
            &[&(x + 5), &(OPERATIONS + 13), &fitted(&label, room)],
        );
    }
}

/// As much of a text as there is room for.
fn fitted(text: &str, room: usize) -> String {
    match text.chars().count() <= room {
        true => text.to_owned(),
        false => clipped(text, room.saturating_sub(1).max(1)),
    }
}

/// One event.
fn mark(page: &mut Markup, layout: &Layout<'_>, column: &Column<'_>, event: &PictureEvent) {
    let (class, fate, _) = words::fate(event.fate);
    let x = column.middle();
    let bottom = layout.bottom;
    if column.is_numbered {
        page.put("<text class=\"mid number\" x=\"{}\" y=\"{}\">#{}</text>", &[&x, &NUMBERS, &event.event]);
    }
    if event.kind == EventKind::Flush {
        let issued = if event.fate == Fate::NotIssued { " not-issued" } else { "" };
        page.put("<g class=\"flush{}\"><title>#{} {}</title>", &[&issued, &event.event, &event.what]);
        page.put("<path d=\"M{} {}V{}\"/>", &[&x, &(OPERATIONS - 4), &bottom]);
        page.put("<text class=\"mid\" x=\"{}\" y=\"{}\">flush</text></g>\n", &[&x, &(bottom + 14)]);
        return;
    }
    if is_other(event) {
        let y = OPERATIONS + BAND + 14;
        page.put("<g class=\"other {}\"><title>#{} {}</title>", &[&class, &event.event, &event.what]);
        page.put("<circle cx=\"{}\" cy=\"{}\" r=\"5\"/></g>\n", &[&x, &y]);
        return;
    }
    let Some((top, end)) = layout.span(event) else {
        page.raw("\n");
        return;
    };
    let fate = if changes(event.kind) { fate } else { words::kind(event.kind) };
    page.put("<g class=\"w {}\"><title>#{} {}: {}</title>", &[&class, &event.event, &fate, &event.what]);
    let (left, width, height) = (column.x + 3, column.width - 6, end - top - 6);
    page.put(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"3\"/>",
        &[&left, &(top + 3), &width, &height],
    );
    if event.kind == EventKind::WriteFua {
        page.put("<path class=\"fua\" d=\"M{} {}V{}\"/>", &[&(left + width), &(top + 3), &(end - 3)]);
    }
    let y = (top + end) / 2 - 6;
    page.put(
        "<use href=\"#m-{}\" x=\"{}\" y=\"{}\" width=\"12\" height=\"12\"/></g>\n",
        &[&class, &(x - 6), &y],
    );
}

/// Where the power fails.
fn crash(page: &mut Markup, layout: &Layout<'_>) {
    let (x, bottom) = (layout.crash_x, layout.bottom + 20);
    page.put("<g class=\"crash\"><path d=\"M{} 4V{}\"/>", &[&x, &bottom]);
    page.put("<text class=\"end\" x=\"{}\" y=\"{}\">power fails</text></g>\n", &[&(x + 4), &(bottom + 12)]);
}

/// The flushes that would have helped.
fn missing_flushes(page: &mut Markup, fix: &Fix, layout: &Layout<'_>) {
    let places: BTreeSet<u32> = fix.flushes.iter().map(|flush| flush.before.event).collect();
    for event in places.into_iter().take(ARROWS_MAX) {
        let Some(column) = layout.column(event) else { continue };
        let (x, bottom) = (column.x, layout.bottom + 32);
        page.put("<g class=\"fix\"><title>A flush before #{} prevents this</title>", &[&event]);
        page.put("<path d=\"M{} {}V{}\"/>", &[&x, &(OPERATIONS - 4), &bottom]);
        page.put(
            "<text class=\"end\" x=\"{}\" y=\"{}\">missing flush</text></g>\n",
            &[&(x + 4), &(bottom + 12)],
        );
    }
}

/// From what should have been durable to what should have waited for it.
fn arrow(page: &mut Markup, order: &MissingOrder, layout: &Layout<'_>) {
    let ends = (layout.point(order.before.event), layout.point(order.after.event));
    let (Some((x1, y1)), Some((x2, y2))) = ends else { return };
    page.put("<g class=\"edge\"><title>{}</title>", &[&order.to_string()]);
    if x1.abs_diff(x2) < CLOSE {
        // Up or down, as there is no room between them.
        let (from, to) = if y1 > y2 { (y1 - 10, y2 + 10) } else { (y1 + 10, y2.saturating_sub(10)) };
        page.put("<path marker-end=\"url(#arrow)\" d=\"M{} {}L{} {}\"/></g>\n", &[&x1, &from, &x2, &to]);
        return;
    }
    let (from, to) = if x1 < x2 { (x1 + 12, x2 - 12) } else { (x1 - 12, x2 + 12) };
    let bend = (from + to) / 2;
    page.put("<path marker-end=\"url(#arrow)\" d=\"M{} {}C{} {} ", &[&from, &y1, &bend, &y1]);
    page.put("{} {} {} {}\"/></g>\n", &[&bend, &y2, &to, &y2]);
}

/// What the marks mean that occur here.
fn legend(page: &mut Markup, cause: Option<&Cause>, layout: &Layout<'_>) {
    let events: Vec<&PictureEvent> = layout.columns.iter().filter_map(Column::event).collect();
    let fates: BTreeSet<Fate> =
        events.iter().filter(|event| changes(event.kind)).map(|event| event.fate).collect();
    page.raw("<ul class=\"legend\" aria-label=\"Marks of the drawing\">\n");
    for fate in fates {
        let (class, name, meaning) = words::fate(fate);
        page.put("<li><svg class=\"key w {}\" width=\"18\" height=\"18\" aria-hidden=\"true\">", &[&class]);
        page.raw("<rect x=\"1\" y=\"1\" width=\"16\" height=\"16\" rx=\"3\"/>");
        page.put("<use href=\"#m-{}\" x=\"3\" y=\"3\" width=\"12\" height=\"12\"/></svg> ", &[&class]);
        page.put("<b>{}</b> {}</li>\n", &[&name, &meaning]);
    }
    if events.iter().any(|event| event.kind == EventKind::Flush) {
        page.raw("<li><svg class=\"key flush\" width=\"18\" height=\"18\" aria-hidden=\"true\"><path d=\"M9 0V18\"/></svg> <b>flush</b> what was written before it on the same device is durable</li>\n");
    }
    if let Some(cause) = cause {
        if !cause.missing.is_empty() {
            page.raw("<li><svg class=\"key edge\" width=\"18\" height=\"18\" aria-hidden=\"true\"><path d=\"M0 9H12\" marker-end=\"url(#arrow)\"/></svg> <b>missing order</b> the first should have been durable before the second</li>\n");
        }
        if cause.fix.is_some() {
            page.raw("<li><svg class=\"key fix\" width=\"18\" height=\"18\" aria-hidden=\"true\"><path d=\"M9 0V18\"/></svg> <b>missing flush</b> with it, this does not happen</li>\n");
        }
    }
    page.raw("</ul>\n");
}

/// What is not drawn.
fn caption(page: &mut Markup, picture: &Picture, layout: &Layout<'_>) {
    let gaps = picture.steps.iter().any(|step| matches!(step, Step::Gap(_)));
    let mut said = format!("The whole trace has {}.", counted(picture.events, "event"));
    if gaps || layout.left_out > 0 {
        said.push_str(" Events that do not matter here are left out.");
    }
    if layout.rows_left_out > 0 {
        let more = counted(layout.rows_left_out as u64, "place");
        said.push_str(&format!(" {more} more were written and are not drawn."));
    }
    page.put("<p>{}</p>\n", &[&said]);
}

/// The same as a table.
fn table(page: &mut Markup, drawn: &Drawn<'_>) {
    let Drawn { picture, whose, .. } = drawn;
    let skip = picture.steps.len().saturating_sub(TABLE_MAX);
    page.put("<details class=\"table\"><summary>The trace of {} as a table</summary>\n", &[whose]);
    page.raw("<div class=\"scroll\" role=\"region\" tabindex=\"0\" ");
    page.put("aria-label=\"Events of {}\">\n", &[whose]);
    page.raw("<table><thead><tr><th scope=\"col\" class=\"n\">Event</th><th scope=\"col\">Kind</th><th scope=\"col\">What and where</th>");
    page.raw("<th scope=\"col\" class=\"n\">Operation</th><th scope=\"col\">At the crash</th></tr></thead>\n<tbody>\n");
    let mut crashed = false;
    for step in picture.steps.iter().skip(skip) {
        let number = match step {
            Step::Event(event) => event.event,
            Step::Gap(gap) => gap.from,
        };
        if !crashed && number >= picture.crash {
            page.raw("<tr class=\"crash\"><td></td><td colspan=\"4\">the power fails</td></tr>\n");
            crashed = true;
        }
        match step {
            Step::Event(event) => event_row(page, event),
            Step::Gap(gap) => {
                page.put(
                    "<tr class=\"gap\"><td class=\"n\">#{}</td><td colspan=\"4\">{} left out: ",
                    &[&gap.from, &counted(gap.events, "event")],
                );
                page.put("{}, {}</td></tr>\n", &[&counted(gap.writes, "write"), &flushes(gap.flushes)]);
            }
        }
    }
    if !crashed {
        page.raw("<tr class=\"crash\"><td></td><td colspan=\"4\">the power fails</td></tr>\n");
    }
    page.raw("</tbody></table>\n</div>\n</details>\n");
}

fn flushes(count: u64) -> String {
    if count == 1 { "1 flush".to_owned() } else { format!("{count} flushes") }
}

fn event_row(page: &mut Markup, event: &PictureEvent) {
    let (class, fate, _) = words::fate(event.fate);
    let says = changes(event.kind) || event.fate == Fate::NotIssued;
    let operation = event.operation.map_or_else(String::new, |operation| operation.to_string());
    page.put(
        "<tr class=\"{}\"><td class=\"n\">#{}</td><td>{}</td>",
        &[&class, &event.event, &words::kind(event.kind)],
    );
    page.put("<td>{}</td><td class=\"n\">{}</td>", &[&event.what, &operation]);
    page.put("<td>{}</td></tr>\n", &[&if says { fate } else { "" }]);
}
