//! What a program shows after its recovery.

use crashcheck_outcome::Difference;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What a recovery has printed, or how it failed.
#[derive(Clone, Debug)]
pub(super) enum View {
    /// What it has printed.
    Printed(Arc<[u8]>),
    /// How it failed.
    Failed(Arc<str>),
}

/// So many lines that differ are told.
const LINES: usize = 12;

/// So much of a line.
const WIDTH: usize = 120;

impl View {
    /// Whether a user sees the same.
    pub(super) fn is(&self, other: &View) -> bool {
        match (self, other) {
            (View::Printed(one), View::Printed(other)) => one == other,
            (View::Failed(_), View::Failed(_)) => true,
            (View::Printed(_), View::Failed(_)) | (View::Failed(_), View::Printed(_)) => false,
        }
    }

    /// In a few words.
    pub(super) fn told(&self) -> String {
        match self {
            View::Failed(why) => end_of(why.lines().next().unwrap_or_default()),
            View::Printed(bytes) if bytes.is_empty() => "nothing".to_owned(),
            View::Printed(bytes) => {
                let lines = lines(bytes);
                let more = match lines.len() {
                    1 => String::new(),
                    2 => " and 1 more line".to_owned(),
                    lines => format!(" and {} more lines", lines - 1),
                };
                format!("{:?}{more}", lines[0])
            }
        }
    }

    /// In which lines something else differs from this, which is expected.
    pub(super) fn differences(&self, recovered: &View) -> Vec<Difference> {
        let (View::Printed(expected), View::Printed(printed)) = (self, recovered) else {
            return vec![Difference {
                what: "recovery".to_owned(),
                expected: Some(self.told()),
                recovered: Some(recovered.told()),
            }];
        };
        let (expected, printed) = (lines(expected), lines(printed));
        let before = expected.iter().zip(&printed).take_while(|(one, other)| one == other).count();
        let rest = expected.len().min(printed.len()) - before;
        let behind = (0..rest)
            .take_while(|nth| expected[expected.len() - 1 - nth] == printed[printed.len() - 1 - nth])
            .count();
        let (expected, printed) =
            (&expected[before..expected.len() - behind], &printed[before..printed.len() - behind]);
        let differing = (0..expected.len().max(printed.len())).take(LINES);
        let difference = |nth: usize| Difference {
            what: format!("line {} of what recovery prints", before + nth + 1),
            expected: expected.get(nth).map(|line| format!("{line:?}")),
            recovered: printed.get(nth).map(|line| format!("{line:?}")),
        };
        differing.map(difference).collect()
    }
}

/// A line, or the end of it: what a program says last is mostly why it fails.
fn end_of(line: &str) -> String {
    match line.char_indices().rev().nth(WIDTH - 1) {
        None | Some((0, _)) => line.to_owned(),
        Some((at, _)) => format!("... {}", &line[at..]),
    }
}

/// The lines, as they are told.
fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().map(|line| line.chars().take(WIDTH).collect()).collect()
}

impl PartialEq for View {
    fn eq(&self, other: &View) -> bool {
        self.is(other)
    }
}

impl Eq for View {}

impl Hash for View {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            View::Printed(bytes) => bytes.hash(state),
            View::Failed(_) => 0u8.hash(state),
        }
    }
}
