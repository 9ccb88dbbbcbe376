//! A finding as a person reads it.

use super::{Colour, escape, escape_lines, life, short, system};
use crashcheck_outcome::{
    Cause, Difference, EVERYWHERE, Exploration, Finding, Operation, Promised, Shrunk, WriteFate,
};
use std::fmt::Write;

/// So many other ways in which a fault shows are printed.
const ALSO: usize = 3;

/// So many operations are printed, the last that had begun before all others.
const OPERATIONS: usize = 12;

/// So many differences are printed.
const DIFFERENCES: usize = 6;

/// So many writes are printed.
const WRITES: usize = 12;

/// A line is cut where it would fill the screen.
const LINE: usize = 400;

/// One line of the list below the sentence; its text begins in a column of its own.
const TEXT_AT: usize = 16;

/// The lines below a heading, each with its name.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) text: String,
}

impl Rows {
    pub(super) fn put(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.text, "  {:<14}{}", format!("{name}:"), escape_lines(value, TEXT_AT));
    }

    /// How to see it again.
    pub(super) fn end(&mut self, finding: &Finding) {
        if let Some(replay) = &finding.replay {
            let _ = writeln!(self.text, "  Reproduce with: {}", escape(replay));
        }
    }
}

/// The system, one sentence of what is wrong, the operations, the state, the lives that followed, its id, and the line that
/// shows it again.
pub fn finding(exploration: &Exploration, finding: &Finding, colour: Colour) -> String {
    let subject = format!("{}:{}", system(exploration), escape(&exploration.workload));
    let kind = if finding.device_lies { colour.doubtful("DEVICE LIES") } else { colour.bad("LOST") };
    let mut rows = Rows::default();
    body(&mut rows, finding, colour);
    rows.end(finding);
    format!("{kind} {subject} under {}\n{}", escape(&exploration.profile), rows.text)
}

/// A finding without its heading, and without how to see it again.
pub(super) fn body(rows: &mut Rows, finding: &Finding, colour: Colour) {
    let sentence = escape_lines(&finding.detail, 4);
    let _ = writeln!(rows.text, "  {}: {sentence}", colour.strong(&escape(&finding.promise)));
    if finding.everywhere {
        rows.put("note", EVERYWHERE);
    }
    for sentence in finding.also.iter().take(ALSO) {
        rows.put("also", sentence);
    }
    if !finding.setup.is_empty() {
        rows.put("run before", &finding.setup.join("; "));
    }
    for line in operations(&finding.operations, finding.operations_skipped) {
        rows.put("operation", &line);
    }
    rows.put("power fails", &finding.crash_point);
    rows.put("crash state", &finding.state);
    for line in writes(&finding.writes) {
        rows.put("write", &line);
    }
    for (name, line) in finding.lives.iter().flat_map(life) {
        rows.put(&name, &line);
    }
    for line in differences(finding) {
        rows.put("difference", &line);
    }
    for (name, line) in cause(finding) {
        rows.put(name, &line);
    }
    for (name, line) in finding.recovery_lines() {
        rows.put(name, &clipped(&line));
    }
    for site in &finding.sites {
        rows.put("issued at", &site.to_string());
    }
    for check in &finding.checks {
        rows.put("check", &check.to_string());
    }
    if finding.device_lies {
        rows.put("note", "the device breaks its own promise here; this is not a fault of the system");
    }
    rows.put("seen in", &seen_in(finding));
    if let Some(small) = &finding.shrunk {
        rows.put("shrunk", &shrunk(small));
    }
    rows.put("id", &finding.id);
}

/// What was done, a line each, with what the user had been told of it; so many operations before are not listed.
pub(super) fn operations(operations: &[Operation], skipped: u64) -> Vec<String> {
    let begun = operations.iter().take_while(|operation| operation.promised != Promised::NotBegun).count();
    let start = begun.saturating_sub(OPERATIONS);
    let told = |(index, operation): (usize, &Operation)| {
        let promised = match operation.promised {
            Promised::Durable => "acknowledged as durable",
            Promised::Done => "done, not promised to be durable",
            Promised::Begun => "in progress",
            Promised::NotBegun => "not begun",
        };
        format!("{}. {}: {promised}", skipped + index as u64 + 1, clipped(&operation.text))
    };
    let mut lines: Vec<String> = operations[..begun].iter().enumerate().skip(start).map(told).collect();
    let before = skipped + start as u64;
    if before > 0 {
        lines.insert(0, format!("{before} before these"));
    }
    lines
}

/// What became of the writes that matter, a line each.
pub(super) fn writes(writes: &[WriteFate]) -> Vec<String> {
    let told = |write: &WriteFate| {
        let during = write.operation.as_ref().map(|operation| format!(", issued during {operation}"));
        format!("#{} ({}) {}{}", write.event, write.what, write.fate, during.unwrap_or_default())
    };
    writes.iter().take(WRITES).map(told).collect()
}

/// What should be, and what is.
fn differences(finding: &Finding) -> Vec<String> {
    let told = |difference: &Difference| {
        let should = match &difference.expected {
            Some(expected) => format!("should be {}", clipped(expected)),
            None => "should not be there".to_owned(),
        };
        let is = difference.recovered.as_deref().map_or_else(|| "not there".to_owned(), clipped);
        format!("{}: {should}, is {is}", clipped(&difference.what))
    };
    let mut lines: Vec<String> = finding.differences.iter().take(DIFFERENCES).map(told).collect();
    match finding.differences.len().saturating_sub(DIFFERENCES) {
        0 => {}
        more => lines.push(format!("and {more} more")),
    }
    lines
}

/// How a finding became small: `from 13 operations to 3, from 57 events to 19, in 42 candidates`.
pub fn shrunk(shrunk: &Shrunk) -> String {
    let Shrunk { operations_before, operations, events_before, events, candidates, .. } = shrunk;
    let mut parts = Vec::new();
    if *operations_before > 0 {
        parts.push(format!("from {operations_before} operations to {operations}"));
    }
    parts.push(format!("from {events_before} events to {events}"));
    format!("{}, in {candidates} candidates", parts.join(", "))
}

/// As much of the first line of a text as fits.
fn clipped(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(LINE) {
        None if line.len() == text.len() => line.to_owned(),
        None => format!("{line} ..."),
        Some((end, _)) => format!("{} ...", &line[..end]),
    }
}

/// Why it happens, and what would prevent it: lines with their names.
pub(crate) fn cause(finding: &Finding) -> Vec<(&'static str, String)> {
    finding.cause.as_ref().map(Cause::lines).unwrap_or_default()
}

fn seen_in(finding: &Finding) -> String {
    let Finding { states, leaves, found_after, .. } = finding;
    let (state, way) =
        (if states == "1" { "state" } else { "states" }, if *leaves == 1 { "way" } else { "ways" });
    let recovery = if *found_after == 1 { "recovery" } else { "recoveries" };
    let states = short(states);
    format!(
        "{states} crash {state}, met in {leaves} {way}; first after {found_after} {recovery} in its epoch"
    )
}
