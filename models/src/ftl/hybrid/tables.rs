//! What a block holds, and which blocks are the data block and the log block of a chunk.

use super::bugs::{Bug, Bugs};
use crate::ftl::format::{BlockNo, Kind, Lpn, PageNo, Sequence};

/// A page of a block, as its out-of-band data says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The logical page.
    pub lpn: Lpn,
    /// Data, or a trim: the page reads as zeros.
    pub kind: Kind,
    /// When it was written; 0 if it never was.
    pub sequence: Sequence,
}

/// What is in a block: its programmed pages, `None` where one was interrupted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages(pub Vec<Option<Entry>>);

impl Pages {
    /// The newest version of a logical page, and its place in the block; with `first_counts` the first one.
    pub fn newest(&self, lpn: Lpn, first_counts: bool) -> Option<(u32, Entry)> {
        let here = (0..).zip(&self.0).filter_map(|(place, entry)| entry.map(|entry| (place, entry)));
        let mut versions = here.filter(|(_, entry)| entry.lpn == lpn);
        match first_counts {
            true => versions.next(),
            false => versions.max_by_key(|(_, entry)| entry.sequence),
        }
    }

    /// How many pages from the first hold the pages of a chunk in order.
    pub fn in_order(&self, first: Lpn) -> usize {
        let in_place = |(lpn, entry): &(Lpn, &Option<Entry>)| entry.is_some_and(|entry| entry.lpn == *lpn);
        first.run(self.0.len() as u32).zip(&self.0).take_while(in_place).count()
    }

    /// Whether all pages of the chunk are there in order, or, with `holes`, none is anywhere else.
    pub fn is_data(&self, first: Lpn, holes: bool) -> bool {
        let fits = |(lpn, entry): (Lpn, &Option<Entry>)| entry.map_or(holes, |entry| entry.lpn == lpn);
        first.run(self.0.len() as u32).zip(&self.0).all(fits)
    }
}

/// A block that holds pages of a chunk.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Which.
    pub block: BlockNo,
    /// What it holds.
    pub pages: Pages,
}

/// The data block and the log block of a chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Page p of it is page p of the chunk.
    pub data: Option<(BlockNo, Pages)>,
    /// What was written since.
    pub log: Option<Log>,
}

/// A log block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Which.
    pub block: BlockNo,
    /// What it holds.
    pub pages: Pages,
    /// Whether it was found after a crash: it is not filled further, since its next page may have been interrupted.
    pub sealed: bool,
}

impl Chunk {
    /// Where the newest version of a page is: in the log block if it is there at all (FT-22).
    pub fn find(&self, lpn: Lpn, bugs: Bugs) -> Option<(BlockNo, u32, Entry)> {
        let newest = |block: BlockNo, pages: &Pages, rebuilt: bool| {
            let first_counts = rebuilt && bugs.has(Bug::FirstVersionCounts);
            pages.newest(lpn, first_counts).map(|(place, entry)| (block, place, entry))
        };
        let log = self.log.as_ref().and_then(|log| newest(log.block, &log.pages, log.sealed));
        log.or_else(|| self.data.as_ref().and_then(|(block, pages)| newest(*block, pages, false)))
    }

    /// Which of the blocks that hold pages of a chunk are its data block and its log block: one or two that hold the
    /// newest version of every page. A crash may have left others, of which each page is also in these: what a merge
    /// was made from and what it had made so far. `None` if the newest versions are in more than two.
    pub fn of(first: Lpn, pages: u32, candidates: &[Candidate], bugs: Bugs) -> Option<Chunk> {
        let newest: Vec<Option<Sequence>> = first
            .run(pages)
            .map(|lpn| {
                let versions = candidates
                    .iter()
                    .filter_map(|held| held.pages.newest(lpn, bugs.has(Bug::FirstVersionCounts)));
                versions.map(|(_, entry)| entry.sequence).max()
            })
            .collect();
        let explains = |chunk: &Chunk| {
            let found = first.run(pages).map(|lpn| chunk.find(lpn, bugs).map(|(.., entry)| entry.sequence));
            found.eq(newest.iter().copied())
        };
        let data = |held: &Candidate| (held.block, held.pages.clone());
        let log = |held: &Candidate| Log { block: held.block, pages: held.pages.clone(), sealed: true };
        let alone = candidates.iter().flat_map(|held| {
            let as_data = held.pages.is_data(first, true);
            let as_data = as_data.then(|| Chunk { data: Some(data(held)), log: None });
            as_data.into_iter().chain([Chunk { data: None, log: Some(log(held)) }])
        });
        let nothing = std::iter::once(Chunk::default());
        if let Some(chunk) = nothing.chain(alone).find(&explains) {
            return Some(chunk);
        }
        let mut pairs = candidates.iter().filter(|held| held.pages.is_data(first, true)).flat_map(|below| {
            let others = candidates.iter().filter(|above| above.block != below.block);
            others.map(|above| Chunk { data: Some(data(below)), log: Some(log(above)) })
        });
        pairs.find(explains)
    }

    /// The blocks of the chunk.
    pub fn blocks(&self) -> impl Iterator<Item = BlockNo> {
        let data = self.data.as_ref().map(|(block, _)| *block);
        data.into_iter().chain(self.log.as_ref().map(|log| log.block))
    }
}

/// What a block is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing. One that was found after a crash has to be erased first, whatever it looks like (FT-26).
    Free {
        /// Whether it was erased since the layer was opened.
        erased: bool,
    },
    /// A chunk.
    Used,
    /// It is worn out, or left the factory so (FT-08).
    Bad,
}

/// The page at a place of a block.
pub fn page_at(block: BlockNo, place: u32, pages_per_block: u32) -> PageNo {
    PageNo(block.0 * pages_per_block + place)
}
