//! Directories as bytes, the tree that they form, and the link counts that follow from it.

use super::Wrong;
use super::node::{Kind, Node};
use crate::vsfs::format::{BLOCK_SIZE, InodeNo, NAME_MAX, get_u32};
use crashcheck::Lent;

/// No record crosses a multiple of this.
const CHUNK: usize = 512;
/// The bytes of a record before its name.
const HEAD: usize = 8;

/// What is known of an inode in use.
#[derive(Clone, Copy)]
struct Known {
    kind: Kind,
    /// What its link count says.
    links: u32,
    /// Names that lead to it, "." and ".." left out.
    names: u32,
    /// Directories that it holds.
    subdirectories: u32,
    /// The directory with its last name.
    parent: InodeNo,
    /// Where its ".." leads.
    above: InodeNo,
}

/// Inodes, and the names that lead to them.
pub(crate) struct Tree {
    known: Vec<Option<Known>>,
}

/// A record in use.
struct Record<'a> {
    at: usize,
    inode: InodeNo,
    kind: u8,
    name: &'a [u8],
}

impl Tree {
    /// No inode is in use.
    pub(crate) fn new(inodes: u32) -> Tree {
        Tree { known: vec![None; inodes as usize] }
    }

    /// An inode is in use.
    pub(crate) fn add(&mut self, node: &Node<'_>) {
        self.known[node.number.index()] = Some(Known {
            kind: node.kind,
            links: node.links(),
            names: 0,
            subdirectories: 0,
            parent: InodeNo::NONE,
            above: InodeNo::NONE,
        });
    }

    /// Whether an inode is in use.
    pub(crate) fn has(&self, inode: InodeNo) -> bool {
        self.known.get(inode.index()).is_some_and(Option::is_some)
    }

    fn known(&self, inode: InodeNo) -> Option<Known> {
        self.known.get(inode.index()).copied().flatten()
    }

    /// Goes through a directory in use, given its blocks in order.
    pub(crate) fn read(&mut self, dir: InodeNo, blocks: &[(u64, Lent)]) -> Result<(), Wrong> {
        let mut names = Vec::new();
        for (index, block) in blocks {
            let wrong = |at| Wrong::Record { dir, index: *index, at };
            let mut records = records(block, wrong);
            if *index == 0 {
                self.dots(dir, &mut records)?;
            }
            for record in records {
                let record = record?;
                names.push(record.name);
                self.entry(dir, &record).map_err(|what| misnamed(dir, record.name, what))?;
            }
        }
        if blocks.first().is_none_or(|(index, _)| *index != 0) {
            let expected = dir;
            return Err(Wrong::Dots { dir, name: ".", found: InodeNo::NONE, expected });
        }
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(misnamed(dir, pair[0], "is there twice")),
            None => Ok(()),
        }
    }

    /// "." and ".." come first; where ".." should lead is known when all names are.
    fn dots<'a>(
        &mut self,
        dir: InodeNo,
        records: &mut impl Iterator<Item = Result<Record<'a>, Wrong>>,
    ) -> Result<(), Wrong> {
        let mut next = |name: &'static str| {
            let found = records.next().transpose()?.filter(|record| record.name == name.as_bytes());
            match found.as_ref().map(|record| Kind::of(record.kind.into())) {
                None | Some(Some(Kind::Directory)) => Ok(found.map(|record| (record.inode, record.at))),
                _ => Err(misnamed(dir, name.as_bytes(), "does not say that it leads to a directory")),
            }
        };
        let this = next(".")?;
        if this != Some((dir, 0)) {
            let found = this.map_or(InodeNo::NONE, |(found, _)| found);
            return Err(Wrong::Dots { dir, name: ".", found, expected: dir });
        }
        let above = next("..")?.map_or(InodeNo::NONE, |(above, _)| above);
        if let Some(known) = &mut self.known[dir.index()] {
            known.above = above;
        }
        Ok(())
    }

    /// Counts a name; what is wrong with it.
    fn entry(&mut self, dir: InodeNo, record: &Record<'_>) -> Result<(), &'static str> {
        if !can_be_a_name(record.name) {
            return Err("cannot be one");
        }
        let known = self.known.get_mut(record.inode.index()).and_then(Option::as_mut);
        let known = known.ok_or("leads to an inode that is not in use")?;
        if Kind::of(record.kind.into()) != Some(known.kind) {
            return Err("says another type than its inode");
        }
        known.names += 1;
        known.parent = dir;
        if known.kind == Kind::Directory
            && let Some(above) = &mut self.known[dir.index()]
        {
            above.subdirectories += 1;
        }
        Ok(())
    }

    /// All directories were read.
    pub(crate) fn finish(&self) -> Result<(), Wrong> {
        let known = (0..).map(InodeNo).zip(&self.known);
        let known = || known.clone().filter_map(|(number, known)| Some((number, (*known)?)));
        let directories = || known().filter(|(_, known)| known.kind == Kind::Directory);
        directories().try_for_each(|(dir, known)| self.directory(dir, &known))?;
        if self.known(InodeNo::ROOT).is_none_or(|root| root.kind != Kind::Directory) {
            return Err(Wrong::Dots {
                dir: InodeNo::ROOT,
                name: ".",
                found: InodeNo::NONE,
                expected: InodeNo::ROOT,
            });
        }
        self.circles(directories().map(|(dir, _)| dir))?;
        known().try_for_each(|(inode, known)| {
            let names = match known.kind {
                Kind::Directory => 2 + known.subdirectories,
                _ => known.names,
            };
            match known.links {
                _ if names == 0 => Err(Wrong::Nameless(inode)),
                links if links != names => Err(Wrong::Links { inode, links, names }),
                _ => Ok(()),
            }
        })
    }

    /// A directory has one name, and the root none; ".." leads to where that is.
    fn directory(&self, dir: InodeNo, known: &Known) -> Result<(), Wrong> {
        let is_root = dir == InodeNo::ROOT;
        let expected = u32::from(!is_root);
        if known.names != expected {
            return Err(Wrong::DirectoryNames { dir, names: known.names, expected });
        }
        let expected = if is_root { dir } else { known.parent };
        match known.above {
            found if found != expected => Err(Wrong::Dots { dir, name: "..", found, expected }),
            _ => Ok(()),
        }
    }

    /// From each directory the way up ends at the root.
    fn circles(&self, directories: impl Iterator<Item = InodeNo>) -> Result<(), Wrong> {
        let mut reached = vec![false; self.known.len()];
        reached[InodeNo::ROOT.index()] = true;
        for dir in directories {
            let (mut here, mut way) = (dir, Vec::new());
            while !reached[here.index()] {
                if way.len() > self.known.len() {
                    return Err(Wrong::Unreached(dir));
                }
                way.push(here);
                here = self.known(here).map_or(InodeNo::NONE, |known| known.parent);
            }
            way.into_iter().for_each(|dir| reached[dir.index()] = true);
        }
        Ok(())
    }
}

fn misnamed(dir: InodeNo, name: &[u8], what: &'static str) -> Wrong {
    Wrong::Name { dir, name: String::from_utf8_lossy(name).into_owned(), what }
}

/// The records in use of a block. Every chunk is filled with records to its end.
fn records<'a>(
    block: &'a [u8],
    wrong: impl Fn(usize) -> Wrong,
) -> impl Iterator<Item = Result<Record<'a>, Wrong>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < BLOCK_SIZE {
            let here = at;
            let Some((len, record)) = record(block, here) else {
                at = BLOCK_SIZE;
                return Some(Err(wrong(here)));
            };
            at += len;
            if record.inode != InodeNo::NONE {
                return Some(Ok(record));
            }
        }
        None
    })
}

/// The record that begins at a byte, and its length.
fn record(block: &[u8], at: usize) -> Option<(usize, Record<'_>)> {
    let chunk = &block[at..at - at % CHUNK + CHUNK];
    let head = chunk.get(..HEAD)?;
    let inode = InodeNo(get_u32(head, 0));
    let len = usize::from(u16::from_le_bytes([head[4], head[5]]));
    let name_len = if inode == InodeNo::NONE { 0 } else { usize::from(head[6]) };
    let fits = len.is_multiple_of(4) && len >= HEAD + name_len && len <= chunk.len();
    fits.then(|| (len, Record { at, inode, kind: head[7], name: &chunk[HEAD..HEAD + name_len] }))
}

fn can_be_a_name(name: &[u8]) -> bool {
    (1..=NAME_MAX).contains(&name.len())
        && !matches!(name, b"." | b"..")
        && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
        && std::str::from_utf8(name).is_ok()
}
