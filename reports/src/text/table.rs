//! Tables with aligned columns.

use super::paper::columns;
use super::{Paper, coverage, coverage_of_life, escape, later_lives, of_life, short, system, verdict};
use crate::text::Colour;
use crashcheck_outcome::{Exploration, Verdict};

/// On which side a column is flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows under a heading, two spaces between the columns. Rows may be shorter than the heading, not longer. Where the paper
/// is too narrow, cells are broken into several lines.
pub fn table(heading: &[(&str, Align)], rows: &[Vec<String>], paper: Paper) -> String {
    Table { heading: heading.to_vec(), rows: rows.to_vec(), spare: &[] }.on(paper)
}

/// A table that can do without some of its columns.
pub(super) struct Table<'a> {
    pub(super) heading: Vec<(&'a str, Align)>,
    pub(super) rows: Vec<Vec<String>>,
    /// The columns that are left out where the paper is too narrow, the first of them first.
    pub(super) spare: &'a [&'a str],
}

/// The column of a table that has colours.
const VERDICT: &str = "verdict";

/// What is between two columns.
const GAP: usize = 2;

impl Table<'_> {
    /// The table in as many columns as there are; says which it leaves out.
    pub(super) fn on(mut self, paper: Paper) -> String {
        let mut left_out = Vec::new();
        let available = paper.width.unwrap_or(usize::MAX);
        let mut spare = self.spare.iter();
        while self.narrowest(is_space) > available
            && let Some(name) = spare.next()
        {
            if let Some(at) = self.heading.iter().position(|(heading, _)| heading == name) {
                self.heading.remove(at);
                self.rows.iter_mut().filter(|row| at < row.len()).for_each(|row| drop(row.remove(at)));
                left_out.push(*name);
            }
        }
        let breaks = if self.narrowest(is_space) > available { is_joint } else { is_space };
        let mut text = self.laid_out(&self.widths(available, breaks), breaks, paper.colour);
        if !left_out.is_empty() {
            text.push_str(&format!("(too narrow for: {})\n", left_out.join(", ")));
        }
        text
    }

    /// How wide it is at least.
    fn narrowest(&self, breaks: Breaks) -> usize {
        let widths = (0..self.heading.len()).map(|column| self.floor(column, breaks));
        widths.sum::<usize>() + GAP * self.heading.len().saturating_sub(1)
    }

    /// The widths of the columns: as wide as they are; where that is too much, the widest is made narrower.
    fn widths(&self, available: usize, breaks: Breaks) -> Vec<usize> {
        let natural = |column| self.cells(column).map(columns).max().unwrap_or(0);
        let mut widths: Vec<usize> = (0..self.heading.len()).map(natural).collect();
        let floors: Vec<usize> = (0..widths.len()).map(|column| self.floor(column, breaks)).collect();
        let gaps = GAP * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > available {
            let wider = (0..widths.len()).filter(|column| widths[*column] > floors[*column]);
            let Some(widest) = wider.max_by_key(|column| widths[*column]) else { break };
            widths[widest] -= 1;
        }
        widths
    }

    /// The longest piece of a column that is not broken.
    fn floor(&self, column: usize, breaks: Breaks) -> usize {
        let pieces = self.cells(column).flat_map(|cell| pieces(cell, breaks));
        pieces.map(|piece| columns(piece.trim_end())).max().unwrap_or(0)
    }

    fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        let cells = self.rows.iter().filter_map(move |row| row.get(column)).map(String::as_str);
        cells.chain([self.heading[column].0])
    }

    fn laid_out(&self, widths: &[usize], breaks: Breaks, colour: Colour) -> String {
        let names: Vec<&str> = self.heading.iter().map(|(name, _)| *name).collect();
        let mut text = String::new();
        for line in self.lines(&names, widths, is_space, Colour::Plain) {
            text.push_str(&format!("{}\n", colour.strong(&line)));
        }
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            for line in self.lines(&cells, widths, breaks, colour) {
                text.push_str(&format!("{line}\n"));
            }
        }
        text
    }

    /// One row, in as many lines as its longest cell takes.
    fn lines(&self, cells: &[&str], widths: &[usize], breaks: Breaks, colour: Colour) -> Vec<String> {
        let broken = |(cell, width): (&&str, &usize)| broken(cell, *width, breaks);
        let broken: Vec<Vec<String>> = cells.iter().zip(widths).map(broken).collect();
        let height = broken.iter().map(Vec::len).max().unwrap_or(0);
        let line = |nth: usize| {
            let padded = broken.iter().enumerate().map(|(column, lines)| {
                let (name, align) = self.heading[column];
                let cell = lines.get(nth).map_or("", String::as_str);
                let space = " ".repeat(widths[column].saturating_sub(columns(cell)));
                let cell =
                    if name == VERDICT { painted(cell, cells[column], colour) } else { cell.to_owned() };
                match align {
                    Align::Left => cell + &space,
                    Align::Right => space + &cell,
                }
            });
            padded.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
        };
        (0..height).map(line).collect()
    }
}

/// After which characters a cell may be broken.
type Breaks = fn(char) -> bool;

fn is_space(c: char) -> bool {
    c == ' '
}

/// Also within names of systems and what they are made of.
fn is_joint(c: char) -> bool {
    matches!(c, ' ' | '-' | '+' | '@' | ':')
}

/// A cell in pieces that are not broken, each with what it is broken after.
fn pieces(cell: &str, breaks: Breaks) -> impl Iterator<Item = &str> {
    cell.split_inclusive(breaks)
}

/// A cell in lines that are no wider than that, if its pieces are not.
fn broken(cell: &str, width: usize, breaks: Breaks) -> Vec<String> {
    let mut lines = vec![String::new()];
    for piece in pieces(cell, breaks) {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && columns(line) + columns(piece.trim_end()) > width {
            line.truncate(line.trim_end().len());
            lines.push(piece.to_owned());
        } else {
            line.push_str(piece);
        }
    }
    lines
}

/// A row for each exploration. The recoveries are those of all lives, and a later life that was
/// crashed has a column of its own.
pub fn overview(explorations: &[&Exploration], paper: Paper) -> String {
    use Align::{Left, Right};
    let profiles = explorations.iter().any(|exploration| exploration.profile != explorations[0].profile);
    let later: Vec<(u8, String)> =
        later_lives(explorations.iter().copied()).map(|life| (life, format!("life {life}"))).collect();
    let mut heading = vec![("system", Left), ("workload", Left), ("profile", Left), ("events", Right)];
    heading.extend([("crash states", Right), ("recoveries", Right), ("coverage", Right)]);
    heading.extend(later.iter().map(|(_, name)| (name.as_str(), Right)));
    heading.extend([("states/s", Right), ("findings", Right), (VERDICT, Left)]);
    let row = |exploration: &Exploration| row(exploration, later.iter().map(|(life, _)| *life));
    let mut rows: Vec<Vec<String>> = explorations.iter().copied().map(row).collect();
    if !profiles {
        heading.remove(2);
        rows.iter_mut().for_each(|row| drop(row.remove(2)));
    }
    let spare = &["states/s", "events", "recoveries", "crash states", "profile", "findings"];
    Table { heading, rows, spare }.on(paper)
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

/// A line of a cell in the colour of the worst verdict that the cell names.
fn painted(line: &str, cell: &str, colour: Colour) -> String {
    use Verdict::{Broken, DeviceLies, Incomplete, Lost, NotMeasured, Survived};
    let worst = [Broken, Lost, DeviceLies, NotMeasured, Incomplete, Survived];
    match worst.into_iter().find(|worst| cell.contains(verdict(*worst))) {
        Some(worst) if !line.is_empty() => in_colour_of(worst, line, colour),
        _ => line.to_owned(),
    }
}

/// A verdict in its colour.
pub(super) fn paint_verdict(value: Verdict, colour: Colour) -> String {
    in_colour_of(value, verdict(value), colour)
}

fn in_colour_of(value: Verdict, text: &str, colour: Colour) -> String {
    match value {
        Verdict::Survived => colour.good(text),
        Verdict::Incomplete | Verdict::NotMeasured | Verdict::DeviceLies => colour.doubtful(text),
        Verdict::Lost | Verdict::Broken => colour.bad(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: [(&str, Align); 3] =
        [("name", Align::Left), ("so many", Align::Right), ("about", Align::Left)];

    fn on(width: usize, spare: &[&str]) -> String {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = vec![row(["one-of-these", "12", "a few words about it"]), row(["two", "3", "漢字 more"])];
        Table { heading: HEADING.to_vec(), rows, spare }.on(Paper { width: Some(width), ..Paper::default() })
    }

    #[test]
    fn cells_are_broken_only_where_the_paper_is_narrow() {
        let wide = "name          so many  about\none-of-these       12  a few words about it\ntwo                 3  漢字 more\n";
        assert_eq!(on(80, &[]), wide);
        let narrow = "name          so many  about\none-of-these       12  a few words\n                       about it\ntwo                 3  漢字 more\n";
        assert_eq!(on(35, &[]), narrow);
        assert!(on(21, &[]).contains("\nthese"), "names are broken last: {}", on(21, &[]));
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_named() {
        let text = on(22, &["so many"]);
        assert!(text.contains("(too narrow for: so many)") && !text.contains("12"), "{text}");
        assert!(text.lines().all(|line| line.starts_with('(') || columns(line) <= 22), "{text}");
        assert!(!on(40, &["so many"]).contains("narrow"));
    }
}
