//! Whether a page-mapped layer is what its chip says, read by the drawings in `mod.rs`, `checkpoint.rs` and `format.rs`.
//! Nothing is written.
//!
//! | looked at | demanded |
//! |---|---|
//! | pages of the log | what is in memory of them is what they say; a block was filled in one go, and one that counts as erased is (FT-01, FT-26) |
//! | the map | of all that speak of a logical page the newest is what the map leads to, data or trim (FT-15, FT-16, FT-17, FT-25) |
//! | bits that have flipped | a block of which a user has read a page with one is to be moved (FT-07) |
//! | numbers | each is that of one write and its copies, and none of them comes again |
//! | the newest checkpoint | what it says of a full block that has not been erased since is what the block holds; it knows of every bad block, and is newer than all that it speaks of (FT-08, FT-16) |
//!
//! Bad blocks are not read: what they hold does not count. Of a block that was found after a crash nothing behind its first
//! erased page is, as it is erased before anything is written there.

mod noted;

use super::PagedFtl;
use super::recover::layout;
use super::tables::{State, Summary};
use crate::ftl::FtlError;
use crate::ftl::format::{BlockNo, Kind, PageNo};
use crate::ftl::reader::{
    DATA, Held, Reader, TRIM, Tag, are_born_apart, are_unique, differs, is_one_filling, unsound,
};
use noted::Noted;

impl PagedFtl {
    pub(super) fn check_chip(&self) -> Result<(), FtlError> {
        let mut reader = Reader::of(self.chip.nand());
        let (data, half) = layout(self.chip.geometry());
        let noted = Noted::newest(&mut reader, data..data + 2 * half)?;
        noted.speaks_of(data, reader.pages_per_block(), self.tables.map.len() as u32)?;
        let per_block = reader.pages_per_block();
        // What each page of the log says, if that counts.
        let mut said: Vec<Option<Tag>> = vec![None; (data * per_block) as usize];
        let (mut writes, mut born) = (Vec::new(), Vec::new());
        for number in (0..data).map(BlockNo) {
            let state = self.tables.blocks[number.0 as usize].state;
            if (state == State::Bad) != noted.is_bad(number) {
                return differs(format!("whether {number} is bad is not what the newest checkpoint says"));
            }
            if state == State::Bad {
                continue;
            }
            let pages = reader.block(number, state == State::Free { erased: true })?;
            let filling = self.is_as_known(number, &pages)?;
            noted.is_as_noted(number, &pages)?;
            born.extend(filling.map(|tag| (tag.born, number)));
            let first = number.0 * per_block;
            for (page, tag) in (first..).zip(&pages).filter_map(|(page, held)| Some((page, held.whole()?))) {
                reader.note(&tag);
                if matches!(tag.kind, DATA | TRIM) {
                    writes.push((tag, PageNo(page)));
                    said[page as usize] = Some(tag);
                }
            }
        }
        are_born_apart(&mut born)?;
        are_unique(&mut writes)?;
        self.leads_to_newest(&writes, &said)?;
        self.is_to_be_moved(&mut reader)?;
        reader.is_next(self.next.0)
    }

    /// Whether each block is to be moved in which a bit has flipped, as far as a user has read it: all that the map leads to.
    fn is_to_be_moved(&self, reader: &mut Reader<'_>) -> Result<(), FtlError> {
        let per_block = reader.pages_per_block();
        for newest in self.tables.map.iter().flatten().filter(|newest| newest.kind == Kind::Data) {
            let number = newest.page.0 / per_block;
            if !self.tables.blocks[number as usize].decays && reader.has_flipped(newest.page)? {
                return differs(format!(
                    "a bit of {} has flipped, but {} stays",
                    newest.page,
                    BlockNo(number)
                ));
            }
        }
        Ok(())
    }

    /// Whether a block holds what is in memory of it.
    fn is_as_known(&self, number: BlockNo, pages: &[Held]) -> Result<Option<Tag>, FtlError> {
        let block = &self.tables.blocks[number.0 as usize];
        let filling = is_one_filling(number, pages)?;
        if let State::Free { erased } = block.state {
            let left = pages.iter().find(|held| held.whole().is_some() || erased && **held != Held::Erased);
            return match left {
                None => Ok(None),
                Some(held) => differs(format!("{number} counts as free, but holds {}", held.words())),
            };
        }
        if let Some(tag) = filling.filter(|tag| (tag.born, tag.erases) != (block.born.0, block.erases)) {
            let (born, erases) = (tag.born, tag.erases);
            return differs(format!("{number} was begun at {born} and had been erased {erases} times"));
        }
        for (place, known) in block.pages.iter().enumerate() {
            let held = pages.get(place).copied().unwrap_or(Held::Erased);
            if known.as_ref().map(told)
                != held.whole().filter(|tag| matches!(tag.kind, DATA | TRIM)).map(facts)
            {
                return differs(format!("page {place} of {number} holds {}, not {known:?}", held.words()));
            }
        }
        Ok(filling)
    }

    /// Whether the map leads to the newest of all that speak of a logical page. The writes are in the order of their numbers.
    fn leads_to_newest(&self, writes: &[(Tag, PageNo)], said: &[Option<Tag>]) -> Result<(), FtlError> {
        let mut newest: Vec<Option<Tag>> = vec![None; self.tables.map.len()];
        for (tag, page) in writes {
            let (from, count) = (tag.lpn as usize, tag.count as usize);
            let spoken_of = from.checked_add(count).and_then(|end| newest.get_mut(from..end));
            match spoken_of.filter(|_| count > 0 && (tag.kind == TRIM || count == 1)) {
                Some(spoken_of) => spoken_of.fill(Some(*tag)),
                None => return unsound(format!("{page} holds {}, of {count} logical pages", tag.words())),
            }
        }
        for (lpn, (newest, known)) in newest.iter().zip(&self.tables.map).enumerate() {
            let here = known.and_then(|known| said.get(known.page.0 as usize).copied().flatten());
            let of_it = |tag: &Tag| (tag.lpn as usize..(tag.lpn + tag.count) as usize).contains(&lpn);
            let here = here.filter(of_it);
            let kind = known.map(|known| if known.kind == Kind::Data { DATA } else { TRIM });
            let same = here.map(|tag| tag.sequence) == newest.map(|tag| tag.sequence);
            if same && kind == here.map(|tag| tag.kind) && known.is_some() == here.is_some() {
                continue;
            }
            let words = |tag: Option<Tag>| tag.map_or_else(|| "nothing".to_owned(), Tag::words);
            return differs(format!(
                "logical page {lpn} is {}, but the chip has {}",
                words(here),
                words(*newest)
            ));
        }
        Ok(())
    }
}

/// What is known of a page.
fn told(summary: &Summary) -> (u16, u32, u32, u64) {
    let kind = if summary.kind == Kind::Data { DATA } else { TRIM };
    (kind, summary.lpn.0, summary.count, summary.sequence.0)
}

/// What a page says.
fn facts(tag: Tag) -> (u16, u32, u32, u64) {
    (tag.kind, tag.lpn, tag.count, tag.sequence)
}

#[cfg(test)]
mod tests;
