//! In what two states of a file system differ, path by path, in words.

use super::view::{Content, Node, View};
use super::{Fill, Path};
use crashcheck::Bytes;
use crashcheck::outcome::Difference;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What so many bytes of a file hold is told at most, range by range.
const RANGES: usize = 4;

/// How many bytes are looked at together: a fill says the same thing once in so many.
const CELL: usize = 16;

/// What a range of bytes holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Zeros.
    Zeros,
    /// What a write of this fill puts there.
    Filled(Fill),
    /// What a write of this fill puts so many bytes further on, or back.
    Elsewhere(Fill, i64),
    /// Anything else.
    Other,
    /// Nothing that can be read.
    Unreadable,
}

impl Held {
    /// What some bytes hold that stand at this position.
    pub fn of(bytes: &[u8], at: u64) -> Held {
        if bytes.iter().all(|byte| *byte == 0) {
            return Held::Zeros;
        }
        let claim = || {
            let text = std::str::from_utf8(bytes.get(..CELL)?).ok()?;
            let fill = u8::from_str_radix(text.get(..2)?, 16).ok()?;
            let place = u64::from_str_radix(text.get(3..15)?, 16).ok()?;
            Some((Fill(fill), place))
        };
        let is_whole = |(fill, place): &(Fill, u64)| fill.fills(Bytes(*place), bytes);
        match claim().filter(is_whole) {
            Some((fill, place)) if place == at => Held::Filled(fill),
            Some((fill, place)) => Held::Elsewhere(fill, place.wrapping_sub(at) as i64),
            None => Held::Other,
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Held::Zeros => f.write_str("zeros"),
            Held::Filled(fill) => write!(f, "fill {fill}"),
            Held::Elsewhere(fill, away) if *away > 0 => {
                write!(f, "what fill {fill} puts {away} bytes further on")
            }
            Held::Elsewhere(fill, away) => {
                write!(f, "what fill {fill} puts {} bytes further back", away.unsigned_abs())
            }
            Held::Other => f.write_str("other bytes"),
            Held::Unreadable => f.write_str("nothing that can be read"),
        }
    }
}

/// In what the recovered state differs from the expected one.
pub fn differences(expected: &View, recovered: &View) -> Vec<Difference> {
    let (old, new) = (Names::of(expected), Names::of(recovered));
    let paths = expected.iter().chain(recovered.iter()).map(|(path, _)| path);
    let paths: BTreeSet<&Path> = paths.collect();
    let told = |path: &Path| {
        let (was, is) = (expected.get(path), recovered.get(path));
        let (others, now) = (old.others(path, was), new.others(path, is));
        let same = match (was, is) {
            (
                Some(Node::File { content: a, nlink: m, .. }),
                Some(Node::File { content: b, nlink: n, .. }),
            ) => a == b && m == n && others == now,
            (was, is) => was == is,
        };
        (!same).then(|| Difference {
            what: path.to_string(),
            expected: was.map(|node| words(node, is, &others)),
            recovered: is.map(|node| words(node, was, &now)),
        })
    };
    paths.into_iter().filter_map(told).collect()
}

/// The names of every file.
struct Names<'a>(BTreeMap<u32, Vec<&'a Path>>);

impl<'a> Names<'a> {
    fn of(view: &'a View) -> Names<'a> {
        let mut names: BTreeMap<u32, Vec<&Path>> = BTreeMap::new();
        for (path, node) in view.iter() {
            if let Node::File { group, .. } = node {
                names.entry(*group).or_default().push(path);
            }
        }
        Names(names)
    }

    /// The other names of a file.
    fn others(&self, path: &Path, node: Option<&Node>) -> Vec<&'a Path> {
        let Some(Node::File { group, .. }) = node else { return Vec::new() };
        let all = self.0.get(group).map_or(&[][..], Vec::as_slice);
        all.iter().copied().filter(|name| *name != path).collect()
    }
}

/// What a path leads to; of a file with the ranges in which it differs from what it is compared with.
fn words(node: &Node, other: Option<&Node>, names: &[&Path]) -> String {
    match node {
        Node::Dir => "a directory".to_owned(),
        Node::Symlink(target) => format!("a symbolic link to {target}"),
        Node::File { content, nlink, .. } => {
            let other = match other {
                Some(Node::File { content, .. }) => Some(content),
                _ => None,
            };
            let mut text = match content.len() {
                Bytes::ZERO => "an empty file".to_owned(),
                len => format!("a file of {} bytes", len.0),
            };
            if *nlink != 1 || !names.is_empty() {
                text += &format!(", {nlink} {}", if *nlink == 1 { "link" } else { "links" });
            }
            if !names.is_empty() {
                let names: Vec<String> = names.iter().map(ToString::to_string).collect();
                text += &format!(", also called {}", names.join(", "));
            }
            let ranges = ranges(content, other);
            if ranges.is_empty() { text } else { format!("{text}: {}", ranges.join(", ")) }
        }
    }
}

/// What the ranges of a content hold that are not the same in another.
fn ranges(content: &Content, other: Option<&Content>) -> Vec<String> {
    let bytes = content.as_slice();
    let cell = |at: usize| &bytes[at..bytes.len().min(at + CELL)];
    let is_same = |at: usize| {
        other.is_some_and(|other| other.as_slice().get(at..at + cell(at).len()) == Some(cell(at)))
    };
    let mut ranges: Vec<(usize, usize, Held)> = Vec::new();
    for at in (0..bytes.len()).step_by(CELL).filter(|at| !is_same(*at)) {
        let end = at + cell(at).len();
        match ranges.last_mut() {
            // What ends in the middle of a cell is taken to go on.
            Some((_, upto, held)) if *upto == at && goes_on(*held, cell(at), at as u64) => *upto = end,
            _ => ranges.push((at, end, Held::of(cell(at), at as u64))),
        }
    }
    let told =
        ranges.iter().take(RANGES).map(|(from, end, held)| format!("bytes {from} to {} are {held}", end - 1));
    let mut told: Vec<String> = told.collect();
    if ranges.len() > RANGES {
        told.push(format!("and {} ranges more", ranges.len() - RANGES));
    }
    told
}

/// Whether some bytes go on with what stands before them.
fn goes_on(held: Held, bytes: &[u8], at: u64) -> bool {
    let is = |fill: Fill, at: u64| fill.fills(Bytes(at), bytes);
    match held {
        Held::Filled(fill) => is(fill, at),
        Held::Elsewhere(fill, away) => is(fill, at.wrapping_add_signed(away)),
        held => Held::of(bytes, at) == held,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::ViewBuilder;

    fn filled(fill: u8, at: u64, len: u64) -> Vec<u8> {
        Fill(fill).bytes(Bytes(at), Bytes(len))
    }

    fn told(expected: &View, recovered: &View) -> Vec<String> {
        let told = |it: Difference| {
            let words = |side: Option<String>| side.unwrap_or_else(|| "nothing".to_owned());
            format!("{}: {} | {}", it.what, words(it.expected), words(it.recovered))
        };
        differences(expected, recovered).into_iter().map(told).collect()
    }

    #[test]
    fn what_differs_is_told_by_path_and_range() {
        let mut expected = ViewBuilder::new();
        expected.file(Path::of("/a"), 1, 1, [filled(7, 0, 4096), filled(9, 4096, 104)].concat().into());
        expected.file(Path::of("/b"), 2, 2, filled(1, 0, 10).into());
        expected.file(Path::of("/c"), 2, 2, filled(1, 0, 10).into());
        expected.dir(Path::of("/d"));
        let mut recovered = ViewBuilder::new();
        let torn = [filled(7, 0, 512), vec![0; 512], filled(5, 8192, 3072), filled(9, 4096, 104)].concat();
        recovered.file(Path::of("/a"), 1, 1, torn.into());
        recovered.file(Path::of("/b"), 2, 2, filled(1, 0, 10).into());
        recovered.symlink(Path::of("/d"), Path::of("/a"));
        recovered.file(Path::of("/e"), 9, 1, Vec::new().into());
        assert_eq!(
            told(&expected.build(), &recovered.build()),
            [
                "/a: a file of 4200 bytes: bytes 512 to 4095 are fill 07 | a file of 4200 bytes: bytes 512 to 1023 are \
                 zeros, bytes 1024 to 4095 are what fill 05 puts 7168 bytes further on",
                "/b: a file of 10 bytes, 2 links, also called /c | a file of 10 bytes, 2 links",
                "/c: a file of 10 bytes, 2 links, also called /b: bytes 0 to 9 are other bytes | nothing",
                "/d: a directory | a symbolic link to /a",
                "/e: nothing | an empty file",
            ]
        );
    }

    #[test]
    fn what_is_equal_is_no_difference() {
        let view = |inode| {
            let mut view = ViewBuilder::new();
            view.file(Path::of("/a"), inode, 1, filled(7, 0, 99).into());
            view.build()
        };
        assert_eq!(told(&view(3), &view(8)), Vec::<String>::new());
    }
}
