//! What each mode promises, and the judge that holds it to exactly that.
//!
//! - **data**: everything is as it was after some prefix of the operations that holds every durable acknowledgement.
//! - **ordered**: that is true of all metadata, the lengths of files included, and of everything that was appended. But
//!   blocks that belonged to a file already are overwritten in place, before the metadata is committed: each sector
//!   of such a file holds what it held at that moment or at a later one of the same file. No file ever shows what was
//!   not written to it.
//! - **writeback**: that is true of all metadata, and of the content of every file that was not written to since the
//!   last durable acknowledgement. The others have the right length and any content (JN-26).

use super::Mode;
use super::format::SECTOR;
use crate::fs::{Content, FsOp, Node, Path, View, posix};
use crashcheck::{Violation, Window};
use std::collections::BTreeSet;

/// How many differences a message tells.
const DIFFERENCES_TOLD: usize = 3;

/// The workload as the model saw it.
pub(super) struct Past<'a> {
    pub(super) ops: &'a [FsOp],
    pub(super) states: &'a [View],
    pub(super) window: Window,
}

/// Judges what recovery shows.
///
/// # Errors
/// `durable` if it is an earlier state than was promised, `no-foreign-data` if the tree of files is right but not their
/// content, `atomic` if it is no state at all.
pub(super) fn judge(shown: &View, past: &Past<'_>, mode: Mode) -> Result<(), Violation> {
    let Window { durable, begun } = past.window;
    // Mostly it is just what some prefix gives, which is seen at once.
    if past.states[durable..=begun].contains(shown)
        || (durable..=begun).rev().any(|n| past.allows(shown, n, mode))
    {
        return Ok(());
    }
    if let Some(older) = (0..durable).rev().find(|n| past.allows(shown, *n, mode)) {
        let detail = format!(
            "operation {durable} ({}) was acknowledged as durable, but recovery shows the state after {older}: {}",
            past.ops[durable - 1],
            told(shown, &past.states[durable]),
        );
        return Err(Violation::new("durable", detail));
    }
    if let Some(n) = (durable..=begun).rev().find(|n| same_tree(shown, &past.states[*n])) {
        let detail = format!("after {n} operations: {}", told(shown, &past.states[n]));
        return Err(Violation::new("no-foreign-data", detail));
    }
    let nearest = (durable..=begun).min_by_key(|n| shown.diff(&past.states[*n]).len()).unwrap_or(begun);
    let detail = format!(
        "recovery shows a state that no prefix of {durable} to {begun} operations gives; the nearest is after {nearest}, \
         but {}",
        told(shown, &past.states[nearest]),
    );
    Err(Violation::new("atomic", detail))
}

fn told(shown: &View, expected: &View) -> String {
    let mut differences = shown.diff(expected);
    let more = differences.len().saturating_sub(DIFFERENCES_TOLD);
    differences.truncate(DIFFERENCES_TOLD);
    let told = differences.join("; ");
    if more > 0 { format!("{told}; and {more} more") } else { told }
}

impl Past<'_> {
    /// Whether the mode allows this to be shown if the metadata is that after n operations.
    fn allows(&self, shown: &View, n: usize, mode: Mode) -> bool {
        if *shown == self.states[n] {
            return true;
        }
        if mode == Mode::Data || !same_tree(shown, &self.states[n]) {
            return false;
        }
        let durable = self.window.durable.min(n);
        match mode {
            Mode::Writeback => self.untouched_are_right(shown, durable, n),
            _ => self.sectors_are_right(shown, n),
        }
    }

    /// The states from the given one to the last that had begun, in which files keep their numbers.
    fn followed(&self, from: usize) -> Vec<View> {
        let mut states = vec![self.states[from].clone()];
        for index in from..self.window.begun {
            let mut next = states[index - from].clone();
            let new_file = u32::MAX - index as u32;
            // An operation that the file system refused changed nothing; one that the model refuses neither.
            if self.states[index] != self.states[index + 1] {
                let _ = posix::perform(&mut next, &self.ops[index], new_file);
            }
            states.push(next);
        }
        states
    }

    fn sectors_are_right(&self, shown: &View, n: usize) -> bool {
        let as_before = |path: &Path, shown: &Content| matches!(self.states[n].get(path), Some(Node::File { content, .. }) if content == shown);
        let mut overwritten = files(shown).filter(|(path, content)| !as_before(path, content)).peekable();
        if overwritten.peek().is_none() {
            return true;
        }
        let later = self.followed(n);
        overwritten.all(|(path, content)| match later[0].get(path) {
            Some(Node::File { group, .. }) => Overwrites::of(*group, &later).explain(content),
            _ => false,
        })
    }

    fn untouched_are_right(&self, shown: &View, durable: usize, n: usize) -> bool {
        let states = self.followed(durable);
        let mut touched = BTreeSet::new();
        for pair in states.windows(2) {
            touched.extend(pair[1].iter().filter_map(|(_, node)| match node {
                Node::File { content, group, .. } => {
                    let before = content_of(&pair[0], *group);
                    (before.is_none_or(|before| before != content)).then_some(*group)
                }
                _ => None,
            }));
        }
        files(shown).all(|(path, content)| match states[n - durable].get(path) {
            Some(Node::File { content: expected, group, .. }) => {
                expected == content || touched.contains(group)
            }
            _ => false,
        })
    }
}

/// What a file has held, one after the other.
struct Overwrites<'a>(Vec<&'a Content>);

impl<'a> Overwrites<'a> {
    fn of(file: u32, states: &'a [View]) -> Overwrites<'a> {
        let mut contents: Vec<&Content> = states.iter().filter_map(|state| content_of(state, file)).collect();
        contents.dedup();
        Overwrites(contents)
    }

    /// Whether each sector of the content is one that the blocks of the file have held.
    fn explain(&self, content: &Content) -> bool {
        let len = content.len().index();
        let mut blocks = None;
        (0..len).step_by(SECTOR).all(|at| {
            let sector = content.part(at, SECTOR.min(len - at));
            self.0.iter().any(|version| version.part(at, SECTOR.min(len - at)) == sector) || {
                let range = at..len.min(at + SECTOR);
                let blocks = blocks.get_or_insert_with(|| self.blocks());
                blocks.iter().any(|version: &Vec<u8>| version.get(range.clone()) == sector)
            }
        })
    }

    /// What its blocks have held: what lies behind the new end of a file stays in its block.
    fn blocks(&self) -> Vec<Vec<u8>> {
        let mut versions: Vec<Vec<u8>> = Vec::new();
        for content in &self.0 {
            let mut version = versions.last().cloned().unwrap_or_default();
            let len = version.len().max(content.as_slice().len());
            version.resize(len, 0);
            version[..content.as_slice().len()].copy_from_slice(content.as_slice());
            versions.push(version);
        }
        versions
    }
}

fn content_of(view: &View, file: u32) -> Option<&Content> {
    view.iter().find_map(|(_, node)| match node {
        Node::File { content, group, .. } if *group == file => Some(content),
        _ => None,
    })
}

fn files(view: &View) -> impl Iterator<Item = (&Path, &Content)> {
    view.iter().filter_map(|(path, node)| match node {
        Node::File { content, .. } => Some((path, content)),
        _ => None,
    })
}

/// Whether two views differ in nothing but the bytes of files.
fn same_tree(a: &View, b: &View) -> bool {
    let same = |one: &Node, other: &Node| match (one, other) {
        (
            Node::File { content: one, nlink, group },
            Node::File { content: other, nlink: other_nlink, group: other_group },
        ) => (one.len(), nlink, group) == (other.len(), other_nlink, other_group),
        _ => one == other,
    };
    let pairs = || a.iter().zip(b.iter());
    a.paths() == b.paths()
        && pairs().all(|((path, one), (other_path, other))| path == other_path && same(one, other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::{Fill, ViewBuilder};
    use crashcheck::Bytes;

    /// /a of two blocks, durable; then its first block is overwritten and it grows by another.
    fn ops() -> Vec<FsOp> {
        let a = Path::of("/a");
        vec![
            FsOp::Create(a.clone()),
            FsOp::Append { path: a.clone(), len: Bytes(8192), fill: Fill(1) },
            FsOp::Create(Path::of("/b")),
            FsOp::Sync,
            FsOp::Write { path: a.clone(), at: Bytes(0), len: Bytes(4096), fill: Fill(2) },
            FsOp::Append { path: a, len: Bytes(4096), fill: Fill(3) },
        ]
    }

    fn states(ops: &[FsOp]) -> Vec<View> {
        let mut states = vec![View::empty()];
        for op in ops {
            let mut next = states[states.len() - 1].clone();
            posix::apply(&mut next, op).expect("an allowed operation");
            states.push(next);
        }
        states
    }

    fn verdict(content: Vec<u8>, b: &[u8], mode: Mode) -> Option<String> {
        let ops = ops();
        let states = states(&ops);
        let mut shown = ViewBuilder::new();
        shown.file(Path::of("/a"), 1, 1, content.into());
        shown.file(Path::of("/b"), 2, 1, b.to_vec().into());
        let past = Past { ops: &ops, states: &states, window: Window { durable: 4, begun: 6 } };
        judge(&shown.build(), &past, mode).err().map(|violation| violation.promise)
    }

    fn of(parts: &[(u8, u64, u64)]) -> Vec<u8> {
        parts.iter().flat_map(|(fill, at, len)| Fill(*fill).bytes(Bytes(*at), Bytes(*len))).collect()
    }

    #[test]
    fn a_half_overwritten_file_is_allowed_by_ordered_mode_alone() {
        let half = of(&[(2, 0, 512), (1, 512, 7680)]);
        assert_eq!(verdict(half.clone(), b"", Mode::Ordered), None);
        assert_eq!(verdict(half.clone(), b"", Mode::Writeback), None);
        assert_eq!(verdict(half, b"", Mode::Data), Some("no-foreign-data".into()));
    }

    #[test]
    fn what_was_appended_must_be_right_in_ordered_mode() {
        let grown = of(&[(1, 0, 8192), (3, 8192, 4096)]);
        assert_eq!(
            verdict(grown, b"", Mode::Ordered),
            Some("no-foreign-data".into()),
            "the write came before"
        );
        let grown = of(&[(2, 0, 4096), (1, 4096, 4096), (3, 8192, 4096)]);
        assert_eq!(verdict(grown, b"", Mode::Ordered), None);
        let garbage = of(&[(2, 0, 4096), (1, 4096, 4096), (9, 8192, 4096)]);
        assert_eq!(verdict(garbage.clone(), b"", Mode::Ordered), Some("no-foreign-data".into()));
        assert_eq!(verdict(garbage, b"", Mode::Writeback), None);
    }

    #[test]
    fn no_mode_allows_a_file_that_nobody_wrote_to_to_change() {
        let right = of(&[(1, 0, 8192)]);
        for mode in [Mode::Data, Mode::Ordered, Mode::Writeback] {
            assert_eq!(verdict(right.clone(), b"", mode), None);
            assert_eq!(verdict(right.clone(), b"x", mode), Some("atomic".into()));
        }
    }

    #[test]
    fn losing_what_was_acknowledged_is_named_as_such() {
        let (ops, states) = (ops(), states(&ops()));
        let past = Past { ops: &ops, states: &states, window: Window { durable: 4, begun: 6 } };
        let violation = judge(&states[1], &past, Mode::Ordered).expect_err("must be judged");
        assert_eq!(violation.promise, "durable");
        assert!(violation.detail.contains("operation 4 (sync)"), "{}", violation.detail);
        assert!(violation.detail.contains("/b is missing"), "{}", violation.detail);
    }
}
