//! A finding in words: lines, each with its name, that text, terminals and tests show alike.

use super::{
    Cause, Difference, EVERYWHERE, Finding, LaterLife, Operation, Promised, WriteFate, escape, escape_lines,
    short,
};
use std::fmt;

/// So many other ways in which a fault shows are told.
const ALSO: usize = 3;

/// So many operations are told, the last that had begun before all others.
const OPERATIONS: usize = 12;

/// So many differences are told.
const DIFFERENCES: usize = 21;

/// So many writes are told.
const WRITES: usize = 12;

/// A line is cut where it would fill the screen.
const LINE: usize = 400;

/// The column at which the text of a line begins.
const TEXT_AT: usize = 16;

impl Finding {
    /// Everything but the sentence of what is wrong, line by line, each with its name. Not escaped yet.
    pub fn lines(&self) -> Vec<(String, String)> {
        let named = |name: &'static str| move |line: String| (name.to_owned(), line);
        let mut lines: Vec<_> =
            self.everywhere.then(|| named("note")(EVERYWHERE.to_owned())).into_iter().collect();
        lines.extend(self.also.iter().take(ALSO).cloned().map(named("also")));
        if !self.setup.is_empty() {
            lines.push(named("run before")(self.setup.join("; ")));
        }
        lines.extend(what_happened(&self.operations, self.operations_skipped));
        lines.push(named("power fails")(self.crash_point.clone()));
        lines.push(named("crash state")(self.state.clone()));
        lines.extend(writes(&self.writes).map(named("write")));
        lines.extend(self.lives.iter().flat_map(LaterLife::lines));
        if !self.differences.is_empty() {
            lines.extend(self.compared_with.clone().map(named("nearest")));
        }
        lines.extend(
            self.differences.iter().take(DIFFERENCES).map(ToString::to_string).map(named("difference")),
        );
        let cause = self.cause.as_ref().map(Cause::lines).unwrap_or_default();
        let cause = cause.into_iter().chain(self.recovery_lines());
        lines.extend(cause.map(|(name, line)| (name.to_owned(), clipped(&line))));
        lines.extend(self.issued().iter().map(ToString::to_string).map(named("issued at")));
        lines.extend(self.checks.iter().map(ToString::to_string).map(named("check")));
        if self.device_lies {
            let note = "the device breaks its own promise here; this is not a fault of the system";
            lines.push(named("note")(note.to_owned()));
        }
        lines.push(named("seen in")(self.seen_in()));
        if let Some(shrunk) = &self.shrunk {
            lines.push(named("shrunk")(shrunk.to_string()));
            lines.extend(shrunk.file.clone().map(named("stored in")));
        }
        lines.push(named("id")(self.id.clone()));
        lines
    }

    fn seen_in(&self) -> String {
        let Finding { states, leaves, found_after, .. } = self;
        let state = if states == "1" { "state" } else { "states" };
        format!(
            "{} crash {state}, met in {}; first after {} in its epoch",
            short(states),
            counted(*leaves, "way"),
            counted(*found_after, "recovery"),
        )
    }
}

impl LaterLife {
    /// What recovery shows, what was done then, when the power failed, and what that left: lines, each with its name. Not
    /// escaped yet.
    pub fn lines(&self) -> Vec<(String, String)> {
        let named = |name: &'static str| move |line: String| (name.to_owned(), line);
        let mut lines = vec![(format!("life {}", self.life), self.begins())];
        lines.extend(what_happened(&self.operations, 0));
        lines.push(named("power fails")(self.crash_point.clone()));
        lines.push(named("crash state")(self.state.clone()));
        lines.extend(writes(&self.writes).map(named("write")));
        lines
    }
}

impl fmt::Display for Finding {
    /// The finding as a person reads it, without the line that says how to reproduce it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", escape(&self.promise), escape_lines(&self.detail, 4))?;
        for (name, line) in self.lines() {
            write!(f, "\n  {:<14}{}", format!("{name}:"), escape_lines(&line, TEXT_AT))?;
        }
        Ok(())
    }
}

/// The last operations that had begun, and how many of all of them were refused.
fn what_happened(operations: &[Operation], skipped: u64) -> Vec<(String, String)> {
    let begun = operations.iter().take_while(|operation| operation.promised != Promised::NotBegun).count();
    let start = begun.saturating_sub(OPERATIONS);
    let told = operations_told(&operations[start..begun], skipped + start as u64);
    let mut lines: Vec<_> = told.into_iter().map(|line| ("operation".to_owned(), line)).collect();
    let refused = operations.iter().filter(|operation| operation.promised == Promised::Refused).count();
    if refused > 0 {
        lines.push(("refused".to_owned(), format!("{refused} of {}", counted(begun as u64, "operation"))));
    }
    lines
}

/// Operations, a line each, with what the user had been told of them; so many before these are not listed. Not escaped yet.
pub fn operations_told(operations: &[Operation], skipped: u64) -> Vec<String> {
    let told = |(operation, nth): (&Operation, u64)| {
        format!("{nth}. {}: {}", clipped(&operation.text), operation.told())
    };
    let mut lines: Vec<String> = operations.iter().zip(skipped + 1..).map(told).collect();
    if skipped > 0 {
        lines.insert(0, format!("{skipped} before these"));
    }
    lines
}

/// What became of the writes that matter, a line each.
fn writes(writes: &[WriteFate]) -> impl Iterator<Item = String> {
    writes.iter().take(WRITES).map(|write| {
        let during = write.operation.as_ref().map(|operation| format!(", issued during {operation}"));
        format!("#{} ({}) {}{}", write.event, write.what, write.fate, during.unwrap_or_default())
    })
}

impl fmt::Display for Difference {
    /// What should be, and what is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { what, expected, recovered } = self;
        f.write_str(&clipped(what))?;
        match (expected, recovered) {
            (None, None) => return Ok(()),
            (Some(expected), _) => write!(f, ": should be {}", clipped(expected))?,
            (None, _) => f.write_str(": should not be there")?,
        }
        match recovered {
            Some(recovered) => write!(f, ", is {}", clipped(recovered)),
            None => f.write_str(", is not there"),
        }
    }
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

/// A number of things: `1 finding`, `2 findings`, `3 recoveries`.
///
/// ```
/// assert_eq!(crashcheck_outcome::counted(1, "recovery"), "1 recovery");
/// assert_eq!(crashcheck_outcome::counted(3, "recovery"), "3 recoveries");
/// ```
pub fn counted(count: u64, what: &str) -> String {
    match (count, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{count} {stem}ies"),
        (_, _) if what.ends_with("sh") => format!("{count} {what}es"),
        (_, _) => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_operations_were_refused_is_told() {
        let operation =
            |text: &str, promised| Operation { text: text.to_owned(), promised, durable_by: None };
        let done = [operation("a", Promised::Done), operation("b", Promised::Refused)];
        let begun =
            [&done[..], &[operation("c", Promised::Begun), operation("d", Promised::NotBegun)]].concat();
        let lines: Vec<String> = what_happened(&begun, 0).into_iter().map(|(_, line)| line).collect();
        assert_eq!(lines[1..], ["2. b: refused, changes nothing", "3. c: in progress", "1 of 3 operations"]);
        assert_eq!(what_happened(&done[..1], 0).len(), 1, "nothing is said where none was");
    }

    #[test]
    fn a_difference_says_what_should_be_and_what_is() {
        let told = |expected: Option<&str>, recovered: Option<&str>| {
            let (expected, recovered) = (expected.map(str::to_owned), recovered.map(str::to_owned));
            Difference { what: "/a".to_owned(), expected, recovered }.to_string()
        };
        assert_eq!(told(Some("16 bytes"), None), "/a: should be 16 bytes, is not there");
        assert_eq!(told(None, Some("empty")), "/a: should not be there, is empty");
        assert_eq!(told(None, None), "/a", "what only says how many more there are");
    }
}
