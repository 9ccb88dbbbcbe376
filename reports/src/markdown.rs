//! The report as Markdown, for a comment on a pull request or the summary of a build.
//!
//! Everything from the data stands in `<code>` or `<pre>`, and every character of it that means something to Markdown or
//! HTML is a character reference. So it cannot end what it stands in, and nobody is mentioned and nothing linked by it:
//! GitHub makes no links in code.

use crate::entry::{Entry, Grouped, grouped, subject};
use crate::text::{
    self, cause, coverage, coverage_of_life, escape, later_lives, left_out_of_life, of_life, short, verdict,
};
use crashcheck_outcome::{
    Difference, EVERYWHERE, Exploration, Finding, LaterLife, Promised, Report, Verdict,
};
use std::fmt::Write;

/// The longest comment that GitHub takes, in characters.
pub const LENGTH_MAX: usize = 65_536;

/// What is kept for saying what was left out.
const RESERVE: usize = 400;
/// So many rows are in the table of explorations.
const ROWS_MAX: usize = 60;
/// So many operations and differences are listed of a finding.
const LINES_MAX: usize = 20;
/// A longer text is cut.
const TEXT_MAX: usize = 300;

/// The report as Markdown of at most [`LENGTH_MAX`] characters; what does not fit is counted.
pub fn write(report: &Report) -> String {
    let mut text = Bounded::new(LENGTH_MAX - RESERVE);
    let (who, what) = crate::html::headline(report);
    let who = if report.explorations.len() == 1 { code(&who) } else { literal(&who) };
    let interrupted = crate::html::interruption(report);
    text.push(&format!("### {who} {what}{interrupted}\n\n"));
    text.push(&table(&report.explorations));
    let mut left_out = 0;
    for group in grouped(report) {
        text.push(&cause_of(&group));
        let [first, others @ ..] = &group.entries[..] else { continue };
        left_out += usize::from(!text.push(&finding(first)));
        left_out += others.iter().filter(|other| !text.push(&line(other))).count();
        if !others.is_empty() {
            text.push("\n");
        }
    }
    let mut text = text.text;
    if left_out > 0 {
        let findings = if left_out == 1 { "1 finding".to_owned() } else { format!("{left_out} findings") };
        let _ = writeln!(text, "**{findings} did not fit in here**; report.html has them all.\n");
    }
    let _ = writeln!(text, "<sub>crashcheck {}, seed {}</sub>", code(&report.crashcheck), report.seed);
    text
}

/// A text that takes what fits as a whole, and nothing else.
struct Bounded {
    text: String,
    room: usize,
}

impl Bounded {
    fn new(room: usize) -> Bounded {
        Bounded { text: String::new(), room }
    }

    /// Whether it fitted.
    fn push(&mut self, part: &str) -> bool {
        // GitHub counts as JavaScript does.
        let length = part.encode_utf16().count();
        let fits = length <= self.room;
        if fits {
            self.room -= length;
            self.text.push_str(part);
        }
        fits
    }
}

/// A line for each exploration, those that did not survive before all others.
fn table(explorations: &[Exploration]) -> String {
    let mut sorted: Vec<&Exploration> = explorations.iter().collect();
    sorted.sort_by_key(|exploration| std::cmp::Reverse(exploration.verdict));
    let lives: String = later_lives(explorations).map(|life| format!(" life {life} |")).collect();
    let mut text =
        format!("| workload | profile | crash states | covered |{lives} recoveries | findings | verdict |\n");
    let lives = "---:|".repeat(later_lives(explorations).count());
    let _ = writeln!(text, "|---|---|---:|---:|{lives}---:|---:|---|");
    for exploration in sorted.iter().take(ROWS_MAX) {
        text.push_str(&row(exploration, explorations));
    }
    if sorted.len() > ROWS_MAX {
        let _ = writeln!(text, "\n{} more workloads are in report.html.", sorted.len() - ROWS_MAX);
    }
    let reasons = text::by_text(explorations, subject, reasons);
    text.push('\n');
    for (why, names) in reasons.iter().take(LINES_MAX) {
        let _ = writeln!(text, "- {}: {}", code(&clipped(names)), code(&clipped(why)));
    }
    text.push('\n');
    text
}

fn row(exploration: &Exploration, explorations: &[Exploration]) -> String {
    let covered = &exploration.coverage;
    let bound = if covered.exact || covered.total.is_empty() { "" } else { "at most " };
    let of_life = |life| of_life(exploration, life).map_or_else(|| "-".to_owned(), coverage_of_life);
    let lives: String = later_lives(explorations).map(|life| format!(" {} |", of_life(life))).collect();
    format!(
        "| {} | {} | {bound}{} | {} |{lives} {} | {} | {} {} |\n",
        code(&subject(exploration)),
        code(&exploration.profile),
        code(&short(&covered.total)),
        coverage(covered),
        covered.recoveries_in_all(),
        exploration.findings.len(),
        sign(exploration.verdict),
        verdict(exploration.verdict),
    )
}

/// What there is to say of an exploration: why not everything was covered, and why its verdict is what it is.
fn reasons(exploration: &Exploration) -> Vec<String> {
    let own = std::slice::from_ref(exploration);
    let later = later_lives(own).flat_map(|life| {
        left_out_of_life(exploration, life).into_iter().map(move |why| format!("in life {life}: {why}"))
    });
    let first = exploration.coverage.left_out.iter().chain(&exploration.reason).cloned();
    first.chain(later).collect()
}

/// A sign for a verdict, beside its word.
fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Survived => "✅",
        Verdict::Incomplete | Verdict::NotMeasured | Verdict::DeviceLies => "⚠️",
        Verdict::Lost | Verdict::Broken => "❌",
    }
}

/// What several findings have in common.
fn cause_of(Grouped { group, entries }: &Grouped<'_>) -> String {
    let mut text = String::new();
    if entries.len() > 1 {
        let bugs: String = group.bugs.iter().map(|bug| format!("+{bug}")).collect();
        let system = code(&format!("{}{bugs}", group.system));
        let _ = writeln!(text, "**{} findings of {system} {}**\n", entries.len(), group.title());
    }
    for (name, line) in group.lines() {
        let _ = writeln!(text, "- **{name}**: {}", code(&clipped(&line)));
    }
    text.push('\n');
    text
}

/// A finding in a line, which has the cause of one that is told.
fn line(entry: &Entry<'_>) -> String {
    let sentence = code(&clipped(entry.sentence()));
    format!("- {} {}: {sentence}\n", code(&entry.subject()), code(&entry.finding.promise))
}

/// A finding, folded up.
fn finding(entry: &Entry<'_>) -> String {
    let finding = entry.finding;
    let mut text = String::from(if entry.number == 1 { "<details open>\n" } else { "<details>\n" });
    let kind = if finding.device_lies { "device lies" } else { "lost" };
    let promise = code(&finding.promise);
    let sentence = code(&clipped(entry.sentence()));
    let _ =
        writeln!(text, "<summary><b>{kind}</b> {} {promise}: {sentence}</summary>\n", code(&entry.subject()));
    if !finding.operations.is_empty() {
        text.push_str(&operations(finding));
    }
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "- **{name}**: {}", code(&clipped(value)));
    };
    if finding.everywhere {
        row("note", EVERYWHERE);
    }
    row("power fails", &finding.crash_point);
    row("crash state", &finding.state);
    for (name, line) in finding.lives.iter().flat_map(LaterLife::lines) {
        row(&name, &line);
    }
    for (name, line) in cause(finding) {
        row(name, &line);
    }
    for (name, line) in finding.recovery_lines() {
        row(name, &line);
    }
    for issued in finding.issued() {
        row("issued at", &issued.to_string());
    }
    for check in &finding.checks {
        row("check", &check.to_string());
    }
    row("seen in", &format!("{} crash states", short(&finding.states)));
    let again: Vec<String> = entry.again.iter().take(LINES_MAX).map(|(other, _)| subject(other)).collect();
    if !again.is_empty() {
        row("found again in", &again.join(", "));
    }
    if let Some(small) = &finding.shrunk {
        row("shrunk", &small.sizes());
    }
    text.push('\n');
    text.push_str(&differences(finding));
    if let Some(replay) = &finding.replay {
        // Not clipped: half a command is none.
        let _ = writeln!(text, "<pre>{}</pre>\n", literal(replay));
    }
    text.push_str("</details>\n\n");
    text
}

fn operations(finding: &Finding) -> String {
    let mut text = String::new();
    if !finding.setup.is_empty() {
        let _ = writeln!(text, "Before it, and durable: {}\n", code(&clipped(&finding.setup.join("; "))));
    }
    let begun =
        finding.operations.iter().take_while(|operation| operation.promised != Promised::NotBegun).count();
    let start = begun.saturating_sub(LINES_MAX);
    for (index, operation) in finding.operations[..begun].iter().enumerate().skip(start) {
        let told = match (operation.promised, operation.durable_by) {
            (Promised::Durable, Some(by)) => format!("**made durable by operation {by}**"),
            (Promised::Durable, None) => "**acknowledged as durable**".to_owned(),
            (Promised::Done, _) => "done, not promised to be durable".to_owned(),
            (Promised::Refused, _) => "refused".to_owned(),
            (Promised::Begun | Promised::NotBegun, _) => "in progress".to_owned(),
        };
        let _ = writeln!(
            text,
            "{}. {} {told}",
            finding.operations_skipped + index as u64 + 1,
            code(&clipped(&operation.text))
        );
    }
    text.push('\n');
    text
}

/// What should be, beside what is.
fn differences(finding: &Finding) -> String {
    if finding.differences.is_empty() {
        return String::new();
    }
    let side =
        |text: &Option<String>| text.as_deref().map_or("*not there*".to_owned(), |text| code(&clipped(text)));
    let mut text = String::from("| what | should be | after recovery |\n|---|---|---|\n");
    for Difference { what, expected, recovered } in finding.differences.iter().take(LINES_MAX) {
        let _ = writeln!(text, "| {} | {} | {} |", code(&clipped(what)), side(expected), side(recovered));
    }
    if finding.differences.len() > LINES_MAX {
        let _ = writeln!(text, "\n{} more are in report.html.", finding.differences.len() - LINES_MAX);
    }
    text.push('\n');
    text
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Text as code that needs no number of backticks.
fn code(text: &str) -> String {
    format!("<code>{}</code>", literal(text))
}

/// Text on one line in which nothing means anything to Markdown, to HTML, or to what makes links of addresses.
fn literal(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in escape(text).chars() {
        let means_nothing = match c {
            // The dot of `www.`.
            '.' => !safe.ends_with(['w', 'W']),
            _ => !c.is_ascii() || c.is_ascii_alphanumeric() || " ,;?'%-/+=(){}#".contains(c),
        };
        match means_nothing {
            true => safe.push(c),
            false => {
                let _ = write!(safe, "&#{};", u32::from(c));
            }
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn literal_text_means_nothing(text in any::<String>()) {
            let safe = literal(&text);
            prop_assert!(!safe.contains(['<', '>', '`', '*', '_', '[', ']', '|', '\\', '@', '\n', '"', '~', '$']));
        }
    }

    #[test]
    fn what_does_not_fit_as_a_whole_is_left_out() {
        let mut text = Bounded::new(5);
        assert!(text.push("abc") && !text.push("def") && text.push("de"));
        assert_eq!(text.text, "abcde");
    }
}
