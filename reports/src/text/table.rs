//! Tables with aligned columns.

use super::{Colour, coverage, coverage_of_life, escape, later_lives, of_life, short, system, verdict};
use crashcheck_outcome::{Exploration, Verdict};

/// On which side a column is flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows under a heading, two spaces between the columns. Rows may be shorter than the heading, not longer.
pub fn table(heading: &[(&str, Align)], rows: &[Vec<String>], colour: Colour) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heading[column].0.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let line = |cells: &[&str]| {
        let columns = cells.iter().zip(heading).zip(&widths);
        let padded: Vec<String> =
            columns.map(|((cell, (_, align)), width)| pad(cell, *align, *width)).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let names: Vec<&str> = heading.iter().map(|(name, _)| *name).collect();
    let mut text = colour.strong(&line(&names));
    text.push('\n');
    for row in rows {
        text.push_str(&line(&row.iter().map(String::as_str).collect::<Vec<_>>()));
        text.push('\n');
    }
    text
}

fn pad(cell: &str, align: Align, width: usize) -> String {
    match align {
        Align::Left => format!("{cell:<width$}"),
        Align::Right => format!("{cell:>width$}"),
    }
}

/// A row for each exploration. The recoveries are those of all lives, and a later life that was
/// crashed has a column of its own.
pub fn overview(explorations: &[&Exploration], colour: Colour) -> String {
    use Align::{Left, Right};
    let profiles = explorations.iter().any(|exploration| exploration.profile != explorations[0].profile);
    let later: Vec<(u8, String)> =
        later_lives(explorations.iter().copied()).map(|life| (life, format!("life {life}"))).collect();
    let mut heading = vec![("system", Left), ("workload", Left), ("profile", Left), ("events", Right)];
    heading.extend([("crash states", Right), ("recoveries", Right), ("coverage", Right)]);
    heading.extend(later.iter().map(|(_, name)| (name.as_str(), Right)));
    heading.extend([("states/s", Right), ("findings", Right), ("verdict", Left)]);
    let row = |exploration: &Exploration| row(exploration, later.iter().map(|(life, _)| *life));
    let mut rows: Vec<Vec<String>> = explorations.iter().copied().map(row).collect();
    if !profiles {
        heading.remove(2);
        rows.iter_mut().for_each(|row| drop(row.remove(2)));
    }
    let mut text = table(&heading, &rows, Colour::Plain);
    if colour == Colour::Ansi {
        text = paint_verdicts(&text, explorations, colour);
    }
    text
}

fn row(exploration: &Exploration, later: impl Iterator<Item = u8>) -> Vec<String> {
    let Exploration { coverage: covered, timing, .. } = exploration;
    let bound = if covered.exact || covered.total.is_empty() { "" } else { "<= " };
    let looked_at = (covered.recoveries_in_all() + covered.known_in_all()) as f64;
    let speed =
        if timing.seconds > 0.0 { format!("{:.0}", looked_at / timing.seconds) } else { "-".to_owned() };
    let mut cells = vec![
        system(exploration),
        escape(&exploration.workload),
        escape(&exploration.profile),
        exploration.events.to_string(),
        format!("{bound}{}", short(&covered.total)),
        covered.recoveries_in_all().to_string(),
        coverage(covered),
    ];
    let of_life = |life| of_life(exploration, life).map_or_else(|| "-".to_owned(), coverage_of_life);
    cells.extend(later.map(of_life));
    cells.extend([speed, exploration.findings.len().to_string(), verdict(exploration.verdict).to_owned()]);
    cells
}

/// Colours the last column. Done last, because escape sequences have no width.
fn paint_verdicts(text: &str, explorations: &[&Exploration], colour: Colour) -> String {
    let mut lines = text.lines();
    let mut painted = colour.strong(lines.next().unwrap_or_default());
    painted.push('\n');
    for (line, exploration) in lines.zip(explorations) {
        let word = verdict(exploration.verdict);
        let start = line.strip_suffix(word).unwrap_or(line);
        painted.push_str(start);
        painted.push_str(&paint_verdict(exploration.verdict, colour));
        painted.push('\n');
    }
    painted
}

/// A verdict in its colour.
pub(super) fn paint_verdict(value: Verdict, colour: Colour) -> String {
    let word = verdict(value);
    match value {
        Verdict::Survived => colour.good(word),
        Verdict::Incomplete | Verdict::NotMeasured | Verdict::DeviceLies => colour.doubtful(word),
        Verdict::Lost | Verdict::Broken => colour.bad(word),
    }
}
