//! What text is written on: how wide it is, and whether there is colour.

use super::Colour;
use unicode_width::UnicodeWidthStr;

/// What text is written on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paper {
    /// Whether there is colour.
    pub colour: Colour,
    /// How many columns there are; without a number a line is as long as it gets.
    pub width: Option<usize>,
}

/// How far a line goes on below itself if it has no name.
const INDENT: usize = 4;

/// The longest name of a line, `as a rule:` with what is before it, below the text of which the line goes on.
const NAME_MAX: usize = 24;

/// A line of these is pasted into a shell, so that it is never broken.
const PASTED: &str = "Reproduce with:";

/// Breaks the lines that are wider than that between words. What follows goes on below the text of a line that has a name
/// (`  crash state:  everything ...`), and is indented in any other. A word that is too long by itself stays whole.
///
/// ```
/// let text = "  note:         a sentence of some length\n";
/// assert_eq!(crashcheck_report::text::wrapped(text, 36), "  note:         a sentence of some\n                length\n");
/// ```
pub fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (content, end) = line.strip_suffix('\n').map_or((line, ""), |content| (content, "\n"));
        match columns(content) <= width || content.trim_start().starts_with(PASTED) {
            true => out.push_str(content),
            false => wrap(content, width, &mut out),
        }
        out.push_str(end);
    }
    out
}

fn wrap(line: &str, width: usize, out: &mut String) {
    let hang = hang(line).min(width / 2);
    let start = line.len() - line.trim_start().len();
    let head = named(line).unwrap_or(start);
    out.push_str(&line[..head]);
    let mut at = columns(&line[..head]);
    for (index, word) in line[head..].split(' ').enumerate() {
        let needed = columns(word);
        if index > 0 && at + 1 + needed > width {
            out.push_str(&format!("\n{:hang$}", ""));
            at = hang;
        } else if index > 0 {
            out.push(' ');
            at += 1;
        }
        out.push_str(word);
        at += needed;
    }
}

/// The column in which a line goes on.
fn hang(line: &str) -> usize {
    let start = line.len() - line.trim_start().len();
    match named(line) {
        Some(text) => text,
        None if start >= INDENT => start,
        None => start + INDENT,
    }
}

/// Where the text begins behind the name of a line, such as `  crash state:  `.
fn named(line: &str) -> Option<usize> {
    let (name, _) = line.split_once(": ")?;
    let is_name = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == ' ');
    let text = name.len() + 1;
    let spaces = line[text..].len() - line[text..].trim_start_matches(' ').len();
    (is_name && name.starts_with("  ") && text + spaces <= NAME_MAX).then_some(text + spaces)
}

/// How many columns of a terminal a text takes, escape sequences for colour none.
pub(super) fn columns(text: &str) -> usize {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().map_or(0, UnicodeWidthStr::width);
    let coloured = parts.map(|part| part.split_once('m').map_or(0, |(_, shown)| shown.width()));
    first + coloured.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_word_is_lost_and_no_line_is_too_wide(text in "( {1,3}[a-z漢é:]{1,12}){0,40}", width in 50_usize..80) {
            let broken = wrapped(&text, width);
            prop_assert!(broken.lines().all(|line| columns(line) <= width), "{}", broken);
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&broken), words(&text));
        }
    }

    #[test]
    fn wide_letters_take_two_columns_and_colour_takes_none() {
        assert_eq!((columns("漢字"), columns("e\u{301}"), columns("\u{1b}[1mab\u{1b}[0m")), (4, 1, 2));
        let text = "漢字漢字 漢字漢字 漢字漢字";
        assert_eq!(wrapped(text, 20), "漢字漢字 漢字漢字\n    漢字漢字");
    }

    #[test]
    fn a_line_for_a_shell_stays_whole() {
        let line = format!("  {PASTED} crashcheck replay {} --fixed\n", "x".repeat(60));
        assert_eq!(wrapped(&line, 60), line);
    }
}
