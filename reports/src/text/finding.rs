//! A finding as a person reads it.

use super::{Colour, escape, escape_lines, system};
use crashcheck_outcome::{Cause, Exploration, Finding};
use std::fmt::Write;

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
pub fn details(finding: &Finding, colour: Colour) -> String {
    let mut rows = Rows::default();
    body(&mut rows, finding, colour);
    rows.text
}

/// The same, below what is there already.
pub(super) fn body(rows: &mut Rows, finding: &Finding, colour: Colour) {
    let sentence = escape_lines(&finding.detail, 4);
    let _ = writeln!(rows.text, "  {}: {sentence}", colour.strong(&escape(&finding.promise)));
    for (name, line) in finding.lines() {
        rows.put(&name, &line);
    }
}

/// Why it happens, and what would prevent it: lines with their names.
pub(crate) fn cause(finding: &Finding) -> Vec<(&'static str, String)> {
    finding.cause.as_ref().map(Cause::lines).unwrap_or_default()
}
