//! What a page-mapped layer keeps in memory: what every physical page holds, and where every logical page is (FT-15).
//!
//! The map follows from the pages alone: of all that speak of a logical page the one with the highest sequence number
//! wins (FT-16). Copies keep the number of what they copy, so that none of them ever beats a newer write (FT-17).

use crate::ftl::format::{BlockNo, Kind, Lpn, PageNo, Sequence, Written};

/// What a physical page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Summary {
    /// Data or trim; nothing else is worth remembering.
    pub kind: Kind,
    /// The logical page, or the first that was discarded.
    pub lpn: Lpn,
    /// How many.
    pub count: u32,
    /// When it was written.
    pub sequence: Sequence,
}

impl Summary {
    /// What there is to remember of a page.
    pub fn of(written: &Written) -> Option<Summary> {
        let oob = &written.oob;
        matches!(oob.kind, Kind::Data | Kind::Trim).then_some(Summary {
            kind: oob.kind,
            lpn: oob.lpn,
            count: oob.count,
            sequence: oob.sequence,
        })
    }

    /// The logical pages that it speaks of.
    pub fn lpns(&self, capacity: usize) -> impl Iterator<Item = Lpn> + use<> {
        self.lpn.run(self.count).take_while(move |lpn| (lpn.0 as usize) < capacity)
    }
}

/// What a block is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing. Whether it is known to be erased: a block that was found erased after a crash is not, since an erase
    /// that was cut short may only look like one (FT-26).
    Free {
        /// Whether it was erased since the layer was opened.
        erased: bool,
    },
    /// So many of its pages are programmed, and more will be.
    Open {
        /// How many.
        programmed: u32,
    },
    /// It is full, or was open when the power went.
    Closed,
    /// It is worn out, or left the factory so (FT-08).
    Bad,
}

/// An erase block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What its pages hold.
    pub pages: Vec<Option<Summary>>,
    /// When it began to be filled.
    pub born: Sequence,
    /// How often it was erased.
    pub erases: u32,
    /// What it is used for.
    pub state: State,
    /// Whether a bit has flipped in it: it is to be moved before another does (FT-07).
    pub decays: bool,
}

impl Block {
    /// A block of which nothing is known.
    pub fn blank(pages: u32, erases: u32, state: State) -> Block {
        let pages = vec![None; pages as usize];
        Block { pages, born: Sequence::default(), erases, state, decays: false }
    }
}

/// The newest that is known of a logical page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Newest {
    /// Where it is.
    pub page: PageNo,
    /// When it was written.
    pub sequence: Sequence,
    /// Data, or that it was discarded.
    pub kind: Kind,
}

/// Everything in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    pages_per_block: u32,
    /// The blocks that hold data, from the first of the chip.
    pub blocks: Vec<Block>,
    /// Where every logical page is.
    pub map: Vec<Option<Newest>>,
}

impl Tables {
    /// Blocks without content.
    pub fn new(pages_per_block: u32, blocks: Vec<Block>, capacity: u32) -> Tables {
        Tables { pages_per_block, blocks, map: vec![None; capacity as usize] }
    }

    /// Makes the map from what the pages hold. Of equal sequence numbers, one is the copy of the other; the page that
    /// was there first wins, so that a copy that was cut short is of no use and need not be kept. With `ignoring` the
    /// sequence numbers make no difference and the last page wins.
    pub fn rebuild(&mut self, ignoring: bool) {
        let mut order: Vec<usize> = (0..self.blocks.len()).collect();
        if !ignoring {
            order.sort_by_key(|block| self.blocks[*block].born);
        }
        self.map.fill(None);
        for block in order {
            for place in 0..self.pages_per_block {
                let page = PageNo(block as u32 * self.pages_per_block + place);
                let Some(summary) = self.summary(page) else { continue };
                for lpn in summary.lpns(self.map.len()) {
                    let known = &mut self.map[lpn.0 as usize];
                    if ignoring || known.is_none_or(|known| known.sequence < summary.sequence) {
                        *known = Some(newest(page, &summary));
                    }
                }
            }
        }
    }

    /// What a physical page holds.
    pub fn summary(&self, page: PageNo) -> Option<Summary> {
        let block = self.blocks.get((page.0 / self.pages_per_block) as usize)?;
        block.pages[(page.0 % self.pages_per_block) as usize]
    }

    fn summary_mut(&mut self, page: PageNo) -> &mut Option<Summary> {
        let block = &mut self.blocks[(page.0 / self.pages_per_block) as usize];
        &mut block.pages[(page.0 % self.pages_per_block) as usize]
    }

    /// The host has written this: from now on it is what the logical pages hold.
    pub fn written(&mut self, page: PageNo, summary: Summary) {
        *self.summary_mut(page) = Some(summary);
        for lpn in summary.lpns(self.map.len()) {
            self.map[lpn.0 as usize] = Some(newest(page, &summary));
        }
    }

    /// A page was copied: whatever was there is here now.
    pub fn copied(&mut self, from: PageNo, to: PageNo, summary: Summary) {
        *self.summary_mut(to) = Some(summary);
        for lpn in summary.lpns(self.map.len()) {
            let known = &mut self.map[lpn.0 as usize];
            if known.is_some_and(|known| known.page == from) {
                *known = Some(newest(to, &summary));
            }
        }
    }

    /// A block holds nothing any more.
    pub fn forget(&mut self, number: BlockNo) {
        let block = &mut self.blocks[number.0 as usize];
        block.pages.fill(None);
        block.decays = false;
        let pages = number.0 * self.pages_per_block..(number.0 + 1) * self.pages_per_block;
        for known in &mut self.map {
            if known.is_some_and(|newest| pages.contains(&newest.page.0)) {
                *known = None;
            }
        }
    }

    /// Where the content of a logical page is.
    pub fn find(&self, lpn: Lpn) -> Option<PageNo> {
        let newest = self.map.get(lpn.0 as usize).copied().flatten()?;
        (newest.kind == Kind::Data).then_some(newest.page)
    }

    /// Whether a page would be missed. Data is live while the map leads to it. A trim is live while it hides an older
    /// version that is still somewhere on the chip: without it the next rebuild would find that version (FT-25).
    pub fn is_live(&self, page: PageNo) -> bool {
        let Some(summary) = self.summary(page) else { return false };
        summary.lpns(self.map.len()).any(|lpn| {
            let here = self.map[lpn.0 as usize].is_some_and(|newest| newest.page == page);
            here && (summary.kind == Kind::Data || self.hides(lpn, summary.sequence))
        })
    }

    /// Whether there is an older version of a logical page on the chip.
    fn hides(&self, lpn: Lpn, sequence: Sequence) -> bool {
        let mut all = self.blocks.iter().flat_map(|block| &block.pages).flatten();
        all.any(|page| page.kind == Kind::Data && page.lpn == lpn && page.sequence < sequence)
    }

    /// The live pages of a block.
    pub fn live_pages(&self, block: BlockNo) -> Vec<PageNo> {
        let first = block.0 * self.pages_per_block;
        (first..first + self.pages_per_block).map(PageNo).filter(|page| self.is_live(*page)).collect()
    }

    /// The blocks in a state.
    pub fn blocks_that(&self, is: impl Fn(State) -> bool) -> impl Iterator<Item = (BlockNo, &Block)> {
        let numbered = (0..).map(BlockNo).zip(&self.blocks);
        numbered.filter(move |(_, block)| is(block.state))
    }

    /// How many blocks are free.
    pub fn free(&self) -> usize {
        self.blocks_that(|state| matches!(state, State::Free { .. })).count()
    }

    /// How far the erase counts of the blocks that can be erased are apart (FT-23).
    pub fn spread(&self) -> u32 {
        let counts = || self.blocks_that(|state| state != State::Bad).map(|(_, block)| block.erases);
        counts().max().unwrap_or(0) - counts().min().unwrap_or(0)
    }
}

fn newest(page: PageNo, summary: &Summary) -> Newest {
    Newest { page, sequence: summary.sequence, kind: summary.kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(lpn: u32, sequence: u64) -> Option<Summary> {
        Some(Summary { kind: Kind::Data, lpn: Lpn(lpn), count: 1, sequence: Sequence(sequence) })
    }

    fn trim(lpn: u32, count: u32, sequence: u64) -> Option<Summary> {
        Some(Summary { kind: Kind::Trim, lpn: Lpn(lpn), count, sequence: Sequence(sequence) })
    }

    /// Blocks of two pages; each with the number that was taken when it began to be filled.
    fn tables(blocks: &[(u64, [Option<Summary>; 2])]) -> Tables {
        let block = |(born, pages): &(u64, [Option<Summary>; 2])| Block {
            pages: pages.to_vec(),
            born: Sequence(*born),
            ..Block::blank(2, 0, State::Closed)
        };
        Tables::new(2, blocks.iter().map(block).collect(), 8)
    }

    /// FT-16: wherever it lies.
    #[test]
    fn the_highest_sequence_wins() {
        let mut tables =
            tables(&[(5, [data(1, 7), data(2, 6)]), (1, [data(1, 2), data(2, 3)]), (9, [None, data(2, 9)])]);
        tables.rebuild(false);
        assert_eq!((tables.find(Lpn(1)), tables.find(Lpn(2))), (Some(PageNo(0)), Some(PageNo(5))));
        tables.rebuild(true);
        assert_eq!(tables.find(Lpn(1)), Some(PageNo(2)), "the last one found");
    }

    #[test]
    fn of_a_page_and_its_copy_the_older_counts() {
        let mut tables = tables(&[(5, [data(1, 2), None]), (1, [data(1, 2), None])]);
        tables.rebuild(false);
        assert_eq!(tables.find(Lpn(1)), Some(PageNo(2)));
        assert!(!tables.is_live(PageNo(0)), "the copy is of no use");
    }

    /// FT-25: no longer than there is something to hide.
    #[test]
    fn a_trim_is_live_as_long_as_it_hides_something() {
        let mut tables = tables(&[(1, [data(1, 2), data(2, 3)]), (4, [trim(1, 2, 5), None])]);
        tables.rebuild(false);
        assert_eq!(tables.find(Lpn(1)), None);
        assert!(tables.is_live(PageNo(2)) && !tables.is_live(PageNo(0)));
        tables.blocks[0].pages.fill(None);
        assert!(!tables.is_live(PageNo(2)));
    }
}
