//! Whether a layer with log blocks is what its chip says, read by the drawings in `mod.rs` and `format.rs`. Nothing is
//! written.
//!
//! Demanded is that the newest of all that the chip says of a logical page is what the layer looks for (FT-15, FT-16), that
//! a page of a data block is in its place and that all others are in the few log blocks (FT-21, FT-22), that every table
//! is what the block holds, that a block belongs to one chunk and those that count as erased are, and that numbers are
//! those of one write each and none of them comes again. Blocks that a crash has left over are of no use and may hold
//! what they like, as long as it is not newer.

use super::tables::{Entry, Pages, State, page_at};
use super::{HybridFtl, LOGS};
use crate::ftl::FtlError;
use crate::ftl::format::{BlockNo, Kind, PageNo};
use crate::ftl::reader::{
    DATA, Held, Reader, TRIM, Tag, are_born_apart, are_unique, differs, is_one_filling, unsound,
};

impl HybridFtl {
    pub(super) fn check_chip(&self) -> Result<(), FtlError> {
        let mut reader = Reader::of(self.chip.nand());
        let per_block = reader.pages_per_block();
        let (mut blocks, mut writes, mut born) =
            (Vec::with_capacity(self.blocks.len()), Vec::new(), Vec::new());
        for (number, block) in (0..).map(BlockNo).zip(&self.blocks) {
            let erased = block.state == State::Free { erased: true };
            let pages = reader.block(number, erased)?;
            if let Some(held) = pages.iter().find(|held| erased && **held != Held::Erased) {
                return differs(format!("{number} counts as erased, but holds {}", held.words()));
            }
            let filling = is_one_filling(number, &pages)?;
            born.extend(filling.map(|tag| (tag.born, number)));
            if let Some(tag) = filling.filter(|tag| block.state == State::Used && tag.erases != block.erases)
            {
                return differs(format!("{number} was erased {} times, not {}", tag.erases, block.erases));
            }
            for (place, tag) in (0..).zip(&pages).filter_map(|(place, held)| Some((place, held.whole()?))) {
                reader.note(&tag);
                if matches!(tag.kind, DATA | TRIM) && tag.sequence > 0 {
                    writes.push((tag, page_at(number, place, per_block)));
                }
            }
            blocks.push(pages);
        }
        are_born_apart(&mut born)?;
        are_unique(&mut writes)?;
        self.owners()?;
        let looked_for = self.looked_for(&blocks)?;
        self.is_newest(&writes, &looked_for)?;
        reader.is_next(self.next.0)
    }

    /// Whether every block belongs to one chunk at most, as its state says, and no more have log blocks than may.
    fn owners(&self) -> Result<(), FtlError> {
        let mut owned = vec![false; self.blocks.len()];
        for (chunk, held) in self.chunks.iter().enumerate() {
            let both = held.data.iter().map(|(block, _)| *block).chain(held.log.iter().map(|log| log.block));
            for block in both {
                if std::mem::replace(&mut owned[block.0 as usize], true) {
                    return differs(format!("{block} belongs to chunk {chunk} and to another"));
                }
            }
            if held.log.is_some() != self.recent.contains(&chunk) {
                return differs(format!("whether chunk {chunk} has a log block is told in two ways"));
            }
        }
        if self.recent.len() > LOGS {
            return differs(format!("{} chunks have log blocks", self.recent.len()));
        }
        let wrong =
            owned.iter().zip(&self.blocks).position(|(owned, block)| *owned != (block.state == State::Used));
        match wrong {
            None => Ok(()),
            Some(block) if owned[block] => {
                differs(format!("block {block} is in use, but counts as free or bad"))
            }
            Some(block) => differs(format!("block {block} counts as used, but belongs to no chunk")),
        }
    }

    /// What the layer finds by logical page: the newest in the log block, or else what is in its place in the data block.
    fn looked_for(&self, blocks: &[Vec<Held>]) -> Result<Vec<Option<Tag>>, FtlError> {
        let per_block = self.chip.geometry().pages_per_block;
        let mut found = vec![None; self.chunks.len() * per_block as usize];
        for (first, chunk) in (0..).step_by(per_block as usize).zip(&self.chunks) {
            let of_chunk = first..first + per_block;
            if let Some((block, pages)) = &chunk.data {
                let held = &blocks[block.0 as usize];
                is_table_of(*block, pages, held)?;
                for (place, tag) in (0..).zip(held).filter_map(|(place, held)| Some((place, held.whole()?))) {
                    if tag.lpn != first + place {
                        return unsound(format!(
                            "page {place} of {block}, a data block, holds {}",
                            tag.words()
                        ));
                    }
                    found[tag.lpn as usize] = Some(tag);
                }
            }
            let Some(log) = &chunk.log else { continue };
            let held = &blocks[log.block.0 as usize];
            is_table_of(log.block, &log.pages, held)?;
            let mut newest = vec![None; per_block as usize];
            for (place, tag) in (0..).zip(held).filter_map(|(place, held)| Some((place, held.whole()?))) {
                if !of_chunk.contains(&tag.lpn) {
                    return unsound(format!(
                        "page {place} of {}, a log block, holds {}",
                        log.block,
                        tag.words()
                    ));
                }
                let known: &mut Option<Tag> = &mut newest[(tag.lpn - first) as usize];
                if known.is_none_or(|known| known.sequence <= tag.sequence) {
                    *known = Some(tag);
                }
            }
            for (lpn, tag) in (first..).zip(newest).filter_map(|(lpn, tag)| Some((lpn, tag?))) {
                found[lpn as usize] = Some(tag);
            }
        }
        Ok(found)
    }

    /// Whether what is looked for is the newest that there is. The writes are in the order of their numbers.
    fn is_newest(&self, writes: &[(Tag, PageNo)], found: &[Option<Tag>]) -> Result<(), FtlError> {
        let mut newest: Vec<Option<Tag>> = vec![None; found.len()];
        for (tag, page) in writes {
            match newest.get_mut(tag.lpn as usize) {
                Some(newest) => *newest = Some(*tag),
                None => {
                    return unsound(format!("{page} holds {}, beyond the last logical page", tag.words()));
                }
            }
        }
        for (lpn, (newest, found)) in newest.iter().zip(found).enumerate() {
            let Some(newest) = newest else { continue };
            if found.map(|tag| tag.sequence) != Some(newest.sequence) {
                let found = found.map_or_else(|| "nothing".to_owned(), Tag::words);
                return differs(format!(
                    "logical page {lpn} is {found}, but the chip has {}",
                    newest.words()
                ));
            }
        }
        Ok(())
    }
}

/// Whether a table is what its block holds.
fn is_table_of(block: BlockNo, pages: &Pages, held: &[Held]) -> Result<(), FtlError> {
    let kind = |kind: Kind| if kind == Kind::Trim { TRIM } else { DATA };
    let same = |entry: &Option<Entry>, held: &Held| {
        let entry = entry.map(|entry| (kind(entry.kind), entry.lpn.0, entry.sequence.0));
        entry == held.whole().map(|tag| (tag.kind, tag.lpn, tag.sequence))
    };
    if pages.0.len() != held.len() {
        return differs(format!("{block} holds {} pages, not {}", held.len(), pages.0.len()));
    }
    let wrong = pages.0.iter().zip(held).position(|(entry, held)| !same(entry, held));
    match wrong {
        None => Ok(()),
        Some(place) => differs(format!(
            "page {place} of {block} holds {}, which its table does not say",
            held[place].words()
        )),
    }
}
