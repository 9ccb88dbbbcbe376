//! A finding as a person reads it.

use super::{Colour, escape, escape_lines, short, system};
use crashcheck_trace::outcome::{Exploration, Finding, NO_ORDER};
use std::fmt::Write;

/// Where the reader goes from here.
#[derive(Clone, Copy, Debug)]
pub struct Pointers<'a> {
    /// The command that shows the same state again, ready to be pasted.
    pub replay: &'a str,
    /// The file with everything about this run, if there is one.
    pub report: Option<&'a str>,
}

/// So many other ways in which a fault shows are printed.
const ALSO: usize = 3;

/// One line of the list below the sentence; its text begins in a column of its own.
const TEXT_AT: usize = 16;

/// The system, one sentence of what is wrong, the state, its id, and two lines to paste.
pub fn finding(exploration: &Exploration, finding: &Finding, to: Pointers<'_>, colour: Colour) -> String {
    let subject = format!("{}:{}", system(exploration), escape(&exploration.workload));
    let kind = if finding.device_lies { colour.doubtful("DEVICE LIES") } else { colour.bad("LOST") };
    let mut text = format!("{kind} {subject} under {}\n", escape(&exploration.profile));
    let sentence = escape_lines(&finding.detail, 4);
    let _ = writeln!(text, "  {}: {sentence}", colour.strong(&escape(&finding.promise)));
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "  {:<14}{}", format!("{name}:"), escape_lines(value, TEXT_AT));
    };
    for sentence in finding.also.iter().take(ALSO) {
        row("also", sentence);
    }
    row("power fails", &finding.crash_point);
    row("crash state", &finding.state);
    for write in &finding.writes {
        let during = write.operation.as_ref().map(|operation| format!(", issued during {operation}"));
        let what = format!("#{} {} ({}){}", write.event, write.fate, write.what, during.unwrap_or_default());
        row("write", &what);
    }
    for (name, line) in cause(finding) {
        row(name, &line);
    }
    if !finding.checks.is_empty() {
        row("checks", &finding.checks.join(", "));
    }
    if finding.device_lies {
        row("note", "the device breaks its own promise here; this is not a fault of the system");
    }
    row("seen in", &seen_in(finding));
    row("id", &finding.id);
    let _ = writeln!(text, "  Reproduce with: {}", to.replay);
    if let Some(report) = to.report {
        let _ = writeln!(text, "  Report: {}", escape(report));
    }
    text
}

/// One line for a fault that was found before in another workload.
pub fn seen_again(exploration: &Exploration, finding: &Finding, colour: Colour) -> String {
    let subject = format!("{}:{}", system(exploration), escape(&exploration.workload));
    let (state, again) = (short(&finding.states), colour.bad("AGAIN"));
    let sentence = escape(finding.detail.lines().next().unwrap_or_default());
    format!("{again} {subject}: {}: {sentence} ({state} crash states)\n", escape(&finding.promise))
}

/// Why it happens, and what would prevent it: lines with their names.
fn cause(finding: &Finding) -> Vec<(&'static str, String)> {
    let Some(cause) = &finding.cause else { return Vec::new() };
    let mut lines: Vec<_> = cause.missing.iter().map(|order| ("missing edge", order.to_string())).collect();
    match &cause.fix {
        Some(fix) => lines.push(("fix", fix.to_string())),
        None if cause.missing.is_empty() => lines.push(("missing edge", NO_ORDER.to_owned())),
        None => {}
    }
    lines
}

fn seen_in(finding: &Finding) -> String {
    let Finding { states, leaves, found_after, .. } = finding;
    let (state, way) =
        (if states == "1" { "state" } else { "states" }, if *leaves == 1 { "way" } else { "ways" });
    let states = short(states);
    format!(
        "{states} crash {state}, met in {leaves} {way}; first after {found_after} recoveries in its epoch"
    )
}
