//! What a run as a whole came to.

use super::table::paint_verdict;
use super::{
    Align, Colour, Paper, escape, escape_lines, later_lives, left_out_of_life, short, system, table,
};
use crashcheck_outcome::{Exploration, Report, Verdict};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many explorations are named in a line before it says "and so many more".
const NAMED_MAX: usize = 6;

/// What was not covered and why, and what else a reader should know.
pub fn remarks(report: &Report) -> String {
    let mut text = String::new();
    let explorations = &report.explorations;
    let reason = |exploration: &Exploration| {
        let why = exploration.reason.iter();
        why.map(|why| format!("{}: {why}", super::verdict(exploration.verdict))).collect()
    };
    text.push_str(&grouped("", explorations, reason));
    let left_out = |exploration: &Exploration| exploration.coverage.left_out.iter().cloned().collect();
    text.push_str(&grouped("not covered: ", explorations, left_out));
    for life in later_lives(explorations) {
        let prefix = format!("not covered in life {life}: ");
        text.push_str(&grouped(&prefix, explorations, |exploration| left_out_of_life(exploration, life)));
    }
    text.push_str(&grouped("note: ", explorations, notes(explorations)));
    text
}

/// The verdicts counted, how many of the workloads were generated, and the seed.
pub fn summary(report: &Report, colour: Colour) -> String {
    let mut text = String::new();
    let explorations = &report.explorations;
    let recoveries: u64 =
        explorations.iter().map(|exploration| exploration.coverage.recoveries_in_all()).sum();
    let recoveries = crashcheck_outcome::counted(recoveries, "recovery");
    let seconds: f64 = explorations.iter().map(|exploration| exploration.timing.seconds).sum();
    let generated = match explorations.iter().filter(|exploration| exploration.is_generated()).count() {
        0 => String::new(),
        generated => format!("; {generated} of the workloads generated"),
    };
    let counted = counted(explorations, colour);
    let _ = writeln!(text, "{counted}{generated}; {recoveries} in {seconds:.1} s");
    let _ = writeln!(text, "seed {}", report.seed);
    text
}

/// The explorations by verdict: `23 survived, 1 lost`.
fn counted(explorations: &[Exploration], colour: Colour) -> String {
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for exploration in explorations {
        *counts.entry(exploration.verdict).or_default() += 1;
    }
    let parts = counts.iter().map(|(verdict, count)| format!("{count} {}", paint_verdict(*verdict, colour)));
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "nothing was explored".to_owned() } else { parts.join(", ") }
}

/// A line for each different text, with the explorations that it is about.
fn grouped(
    prefix: &str,
    explorations: &[Exploration],
    texts_of: impl Fn(&Exploration) -> Vec<String>,
) -> String {
    let name =
        |exploration: &Exploration| format!("{}:{}", system(exploration), escape(&exploration.workload));
    let mut lines = String::new();
    for (text, names) in by_text(explorations, name, texts_of) {
        let _ = writeln!(lines, "{prefix}{} ({names})", escape_lines(&text, 2));
    }
    lines
}

/// The notes of each exploration. A number that differs between notes which say the same otherwise is told from the least to the
/// greatest, so that they are one.
pub(crate) fn notes(explorations: &[Exploration]) -> impl Fn(&Exploration) -> Vec<String> {
    let mut ranges: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
    for note in explorations.iter().flat_map(|exploration| &exploration.notes) {
        let (words, numbers) = taken_apart(note);
        let known = ranges.entry(words).or_insert_with(|| numbers.iter().map(|it| (*it, *it)).collect());
        for ((least, greatest), number) in known.iter_mut().zip(numbers) {
            (*least, *greatest) = ((*least).min(number), (*greatest).max(number));
        }
    }
    let folded = move |note: &String| {
        let (words, _) = taken_apart(note);
        ranges[&words].iter().fold(words.clone(), |text, (least, greatest)| {
            let range = if least == greatest { least.to_string() } else { format!("{least} to {greatest}") };
            text.replacen(NUMBER, &range, 1)
        })
    };
    move |exploration| exploration.notes.iter().map(&folded).collect()
}

/// Stands for a number that was taken out of a text. No text that is printed holds it.
const NUMBER: char = '\u{0}';

/// A text without its numbers, and those.
fn taken_apart(text: &str) -> (String, Vec<u64>) {
    let (mut words, mut numbers) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        let (digits, after) = from.split_at(from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len()));
        words.push_str(before);
        match digits.parse() {
            Ok(number) => {
                words.push(NUMBER);
                numbers.push(number);
            }
            Err(_) => words.push_str(digits),
        }
        rest = after;
    }
    words.push_str(rest);
    (words, numbers)
}

/// Every different text, with the names of the explorations that it is about, a few of them.
pub(crate) fn by_text(
    explorations: &[Exploration],
    name_of: impl Fn(&Exploration) -> String,
    texts_of: impl Fn(&Exploration) -> Vec<String>,
) -> Vec<(String, String)> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for exploration in explorations {
        for text in texts_of(exploration) {
            groups.entry(text).or_default().push(name_of(exploration));
        }
    }
    let named = groups.into_iter().map(|(text, names)| {
        let more = match names.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let names = names.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
        (text, format!("{names}{more}"))
    });
    named.collect()
}

/// What recovery showed, by kind.
pub fn census(exploration: &Exploration, paper: Paper) -> String {
    let rows: Vec<Vec<String>> = exploration
        .census
        .iter()
        .map(|row| {
            let found = row.found.as_deref().map_or_else(|| "-".to_owned(), escape);
            vec![found, escape(&row.shows), short(&row.states)]
        })
        .collect();
    let heading =
        [("recovery met", Align::Left), ("a user then sees", Align::Left), ("crash states", Align::Right)];
    table(&heading, &rows, paper)
}

/// How often each promise was judged; one that never was is not measured.
pub fn judged(exploration: &Exploration) -> String {
    let parts = exploration.judged.iter().map(|judged| match judged.times {
        0 => format!("{} never (not measured)", escape(&judged.promise)),
        1 => format!("{} once", escape(&judged.promise)),
        times => format!("{} {times} times", escape(&judged.promise)),
    });
    format!("judged: {}\n", parts.collect::<Vec<_>>().join(", "))
}
