//! What a user of a file system can see.

use super::Path;
use crashcheck::outcome::counted;
use crashcheck::{Bytes, Lent};
use rustc_hash::FxHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock, OnceLock};

/// The bytes of a file go by so many.
const BLOCK: usize = 4096;

/// The bytes of a file, shared between copies and with whoever has read the same; compared by a hash first.
#[derive(Clone)]
pub struct Content(Arc<Inner>);

struct Inner {
    /// Blocks, of which the last may be longer than what belongs to the file.
    blocks: Vec<Lent>,
    len: usize,
    hash: u64,
    /// All of it, once somebody has asked for that.
    whole: OnceLock<Vec<u8>>,
}

impl Content {
    /// What blocks hold, the last of which may hold more than the rest; `None` for zeros.
    pub(crate) fn of_blocks(blocks: &[Option<Lent>], len: Bytes) -> Content {
        static ZEROS: LazyLock<Lent> = LazyLock::new(|| vec![0; BLOCK].into());
        let blocks = blocks.iter().map(|block| block.as_ref().unwrap_or(&ZEROS).clone()).collect();
        Content::new(blocks, len.index())
    }

    fn new(blocks: Vec<Lent>, len: usize) -> Content {
        let mut hasher = FxHasher::default();
        hasher.write_usize(len);
        for (at, block) in (0..len).step_by(BLOCK).zip(&blocks) {
            hasher.write_u64(match block.get(..len - at) {
                Some(rest) if rest.len() < block.len() => block.hash_of_first(rest.len()),
                _ => block.hash(),
            });
        }
        Content(Arc::new(Inner { blocks, len, hash: hasher.finish(), whole: OnceLock::new() }))
    }

    /// The bytes, block by block.
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let rest = |at: usize| BLOCK.min(self.0.len - at);
        (0..self.0.len).step_by(BLOCK).zip(&self.0.blocks).map(move |(at, block)| &block[..rest(at)])
    }

    /// The bytes themselves.
    pub fn as_slice(&self) -> &[u8] {
        self.0.whole.get_or_init(|| self.to_vec())
    }

    /// A copy of the bytes.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        self.parts().collect::<Vec<_>>().concat()
    }

    /// Some of the bytes, which lie within a block; `None` if there are not as many.
    pub(crate) fn part(&self, at: usize, len: usize) -> Option<&[u8]> {
        let within = at % BLOCK;
        (at + len <= self.0.len).then(|| &self.0.blocks[at / BLOCK][within..within + len])
    }

    /// So many bytes, with others from `at` on. What is new and not among them is zeros; blocks that stay as they are are
    /// shared.
    pub(crate) fn with(&self, len: usize, at: usize, bytes: &[u8]) -> Content {
        let (old, end) = (self.0.len, at + bytes.len());
        let block = |start: usize| {
            let upto = len.min(start + BLOCK);
            let is_touched = at < upto && start < end;
            match self.0.blocks.get(start / BLOCK) {
                Some(block) if !is_touched && upto <= old => return block.clone(),
                _ => {}
            }
            let mut new = vec![0; upto - start];
            let kept = old.clamp(start, upto) - start;
            if kept > 0 {
                new[..kept].copy_from_slice(&self.0.blocks[start / BLOCK][..kept]);
            }
            if is_touched {
                let (from, to) = (at.max(start), end.min(upto));
                new[from - start..to - start].copy_from_slice(&bytes[from - at..to - at]);
            }
            Lent::from(new)
        };
        Content::new((0..len).step_by(BLOCK).map(block).collect(), len)
    }

    /// How many there are.
    pub fn len(&self) -> Bytes {
        Bytes::of(self.0.len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Content::new(bytes.chunks(BLOCK).map(Lent::from).collect(), bytes.len())
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        let (this, that) = (&self.0, &other.0);
        let same = |(this, that): (&[u8], &[u8])| std::ptr::eq(this, that) || this == that;
        Arc::ptr_eq(this, that)
            || ((this.hash, this.len) == (that.hash, that.len) && self.parts().zip(other.parts()).all(same))
    }
}

impl Eq for Content {}

impl Hash for Content {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

/// What a name leads to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Node {
    /// A file.
    File {
        /// Its bytes.
        content: Content,
        /// How many names its inode says that it has.
        nlink: u32,
        /// Names with the same number lead to the same file. Numbered by the first name of each file.
        group: u32,
    },
    /// A directory.
    Dir,
    /// A symbolic link, and what it says.
    Symlink(Path),
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::File { content, nlink, group } => {
                write!(f, "file {group} of {} bytes ({:016x})", content.len().0, content.0.hash)?;
                if *nlink == 1 { Ok(()) } else { write!(f, ", {nlink} links") }
            }
            Node::Dir => f.write_str("directory"),
            Node::Symlink(target) => write!(f, "link to {target}"),
        }
    }
}

/// Everything a user can see: each path and what it leads to. Copies share it.
#[derive(Clone, Debug, Eq)]
pub struct View(Arc<BTreeMap<Path, Node>>);

impl Hash for View {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialEq for View {
    /// What differs mostly differs in a hash, so that bytes are compared last.
    fn eq(&self, other: &View) -> bool {
        let alike = |(one, other): (&Node, &Node)| match (one, other) {
            (Node::File { content: one, .. }, Node::File { content: other, .. }) => {
                one.0.hash == other.0.hash
            }
            _ => true,
        };
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.len() == other.0.len()
                && self.0.values().zip(other.0.values()).all(alike)
                && self.0 == other.0)
    }
}

impl View {
    /// An empty file system: a root directory.
    pub fn empty() -> View {
        ViewBuilder::new().build()
    }

    /// What a path leads to, without following symbolic links.
    pub fn get(&self, path: &Path) -> Option<&Node> {
        self.0.get(path)
    }

    /// How many paths there are.
    pub(crate) fn paths(&self) -> usize {
        self.0.len()
    }

    /// All paths and what they lead to, directories before what they hold.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, &Node)> {
        self.0.iter()
    }

    /// The paths below a directory, at any depth.
    pub fn below<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = &'a Path> {
        self.0.keys().filter(move |path| path.is_below(dir))
    }

    /// The tree for a change; whoever changes it calls [`View::renumber`].
    pub(crate) fn tree_mut(&mut self) -> &mut BTreeMap<Path, Node> {
        Arc::make_mut(&mut self.0)
    }

    /// Numbers the files by their first names, so that equal views compare equal whatever their inodes are.
    pub(crate) fn renumber(&mut self) {
        // In order are those of which each number is one that was there, or the next.
        let mut next = 0;
        let in_order = self.0.values().all(|node| match node {
            Node::File { group, .. } => {
                let is_known = *group < next;
                next += u32::from(*group == next);
                is_known || *group + 1 == next
            }
            _ => true,
        });
        if in_order {
            return;
        }
        let mut numbers = BTreeMap::new();
        for node in self.tree_mut().values_mut() {
            if let Node::File { group, .. } = node {
                let next = numbers.len() as u32;
                *group = *numbers.entry(*group).or_insert(next);
            }
        }
    }

    /// How this view differs from what was expected, a sentence each; empty if it does not.
    pub fn diff(&self, expected: &View) -> Vec<String> {
        let paths: BTreeSet<&Path> = self.0.keys().chain(expected.0.keys()).collect();
        paths.into_iter().filter_map(|path| differs(path, self.get(path), expected.get(path))).collect()
    }
}

fn differs(path: &Path, shown: Option<&Node>, expected: Option<&Node>) -> Option<String> {
    match (shown, expected) {
        (None, Some(_)) => Some(format!("{path} is missing")),
        (Some(node), None) => Some(format!("{path} should not exist ({node:?})")),
        (Some(shown), Some(expected)) if shown != expected => {
            Some(format!("{path} {}", change(shown, expected)))
        }
        _ => None,
    }
}

fn change(shown: &Node, expected: &Node) -> String {
    match (shown, expected) {
        (Node::File { content: shown, .. }, Node::File { content: expected, .. }) if shown != expected => {
            content_change(shown, expected)
        }
        (Node::File { nlink: shown, .. }, Node::File { nlink: expected, .. }) if shown != expected => {
            format!("has a link count of {shown}, not {expected}")
        }
        (Node::File { .. }, Node::File { .. }) => {
            "is the same file as other names than it should be".to_owned()
        }
        _ => format!("is a {shown:?}, not a {expected:?}"),
    }
}

fn content_change(shown: &Content, expected: &Content) -> String {
    let (a, b) = (shown.as_slice(), expected.as_slice());
    let common = a.len().min(b.len());
    let mut parts = Vec::new();
    if a.len() != b.len() {
        parts.push(format!("has {}, not {}", counted(a.len() as u64, "byte"), b.len()));
    }
    let other = |index: &usize| a[*index] != b[*index];
    if let Some(first) = (0..common).find(other) {
        let last = (0..common).rev().find(other).unwrap_or(first);
        let zeros = a[first..=last].iter().all(|byte| *byte == 0);
        let what = if zeros { "zeros" } else { "other content" };
        let bytes = counted((last + 1 - first) as u64, "byte");
        parts.push(format!("holds {bytes} of {what} from byte {first}"));
    }
    parts.join(" and ")
}

/// Puts together what a file system shows, from its inodes.
#[derive(Debug, Default)]
pub struct ViewBuilder {
    tree: BTreeMap<Path, Node>,
}

impl ViewBuilder {
    /// Only the root directory.
    pub fn new() -> ViewBuilder {
        ViewBuilder { tree: BTreeMap::from([(Path::root(), Node::Dir)]) }
    }

    /// A directory.
    pub fn dir(&mut self, path: Path) {
        self.tree.insert(path, Node::Dir);
    }

    /// A name of a file; names with the same inode number lead to the same file.
    pub fn file(&mut self, path: Path, inode: u32, nlink: u32, content: Content) {
        self.tree.insert(path, Node::File { content, nlink, group: inode });
    }

    /// A symbolic link.
    pub fn symlink(&mut self, path: Path, target: Path) {
        self.tree.insert(path, Node::Symlink(target));
    }

    /// The view.
    pub fn build(self) -> View {
        let mut view = View(Arc::new(self.tree));
        view.renumber();
        view
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_change_of_some_blocks_is_a_change_of_the_bytes(
            changes in prop::collection::vec((0usize..20_000, 0usize..20_000, 0usize..9000, any::<u8>()), 1..8),
        ) {
            let (mut content, mut plain) = (Content::from(Vec::new()), Vec::<u8>::new());
            for (len, at, some, byte) in changes {
                let bytes = vec![byte; some.min(len.saturating_sub(at))];
                let at = at.min(len);
                content = content.with(len, at, &bytes);
                plain.resize(len, 0);
                plain[at..at + bytes.len()].copy_from_slice(&bytes);
                prop_assert_eq!(content.as_slice(), &plain);
                prop_assert!(content == Content::from(plain.clone()), "the hash is another");
                prop_assert_eq!(content.part(at / 512 * 512, 512), plain.get(at / 512 * 512..at / 512 * 512 + 512));
            }
        }
    }

    fn two_files(first: u32, second: u32, text: &[u8]) -> View {
        let mut view = ViewBuilder::new();
        view.file(Path::of("/a"), first, 1, text.to_vec().into());
        view.file(Path::of("/b"), second, 1, b"b".to_vec().into());
        view.build()
    }

    #[test]
    fn inode_numbers_do_not_matter_but_sharing_one_does() {
        assert_eq!(two_files(7, 3, b"a"), two_files(3, 9, b"a"));
        assert_ne!(two_files(7, 7, b"a"), two_files(3, 9, b"a"));
    }

    #[test]
    fn a_difference_is_told_in_words() {
        let expected = two_files(1, 2, b"aaaa");
        let mut shown = ViewBuilder::new();
        shown.file(Path::of("/a"), 1, 1, b"aXXaa".to_vec().into());
        shown.dir(Path::of("/c"));
        assert_eq!(
            shown.build().diff(&expected),
            [
                "/a has 5 bytes, not 4 and holds 2 bytes of other content from byte 1",
                "/b is missing",
                "/c should not exist (directory)"
            ]
        );
        assert!(expected.diff(&expected.clone()).is_empty());
    }
}
