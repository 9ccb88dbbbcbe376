//! Whether a direct-mapped layer is what its chip says, read by the drawings in `mod.rs` and `format.rs`. Nothing is
//! written.
//!
//! Demanded is that every block is whole, written at once and in its place, with nothing newer in a scratch block (FT-13,
//! FT-26), that no two of them were written with the same number, that the scratch block which is used next is not the one
//! that a block could still have to be made from (FT-03), and that the layer takes the right pages for empty.

use super::{DirectFtl, SCRATCH};
use crate::ftl::FtlError;
use crate::ftl::format::{BlockNo, PageNo};
use crate::ftl::reader::{COPY, DATA, Held, Reader, Tag, differs, is_one_filling, unsound};

impl DirectFtl {
    pub(super) fn check_chip(&self) -> Result<(), FtlError> {
        let mut reader = Reader::of(self.chip.nand());
        let data = self.chip.geometry().blocks.saturating_sub(SCRATCH);
        let mut blocks = Vec::with_capacity(data as usize);
        for block in (0..data).map(BlockNo) {
            let pages = reader.block(block, true)?;
            let written = written(block, &pages, DATA, block)?;
            self.agrees(block, &pages, written.as_ref())?;
            written.iter().for_each(|tag| reader.note(tag));
            blocks.push((written, pages));
        }
        let mut numbers: Vec<u64> = blocks.iter().filter_map(|(tag, _)| Some((*tag)?.sequence)).collect();
        numbers.sort_unstable();
        if let Some(twice) = numbers.windows(2).find(|two| two[0] == two[1]) {
            return unsound(format!("two blocks were written with the number {}", twice[0]));
        }
        let mut newest: Option<(u64, u32)> = None;
        for turn in 0..SCRATCH {
            let scratch = BlockNo(data + turn);
            let copies = reader.block(scratch, true)?;
            let Some(copy) = copy_of(&copies, reader.pages_per_block()) else { continue };
            let of = BlockNo(copy.lpn / reader.pages_per_block());
            let Some((held, pages)) = blocks.get(of.0 as usize) else {
                return unsound(format!("{scratch} holds a copy of {of}, which holds no logical pages"));
            };
            is_made_from(scratch, (&copy, &copies), of, (held.as_ref(), pages))?;
            newest = newest.max(Some((copy.sequence, turn)));
        }
        if let Some((sequence, turn)) = newest.filter(|(_, turn)| *turn == self.turn) {
            let scratch = BlockNo(data + turn);
            return unsound(format!("{scratch} is used next, but holds the newest copy, write {sequence}"));
        }
        reader.is_next(self.next.0)
    }

    /// Whether the layer takes the right pages of a block for empty.
    fn agrees(&self, block: BlockNo, pages: &[Held], written: Option<&Tag>) -> Result<(), FtlError> {
        let first = block.0 as usize * pages.len();
        for (place, held) in pages.iter().enumerate() {
            let lpn = first + place;
            let holds = held.whole().is_some_and(|tag| tag.count > 0);
            if self.present.get(lpn) != Some(&holds) {
                return differs(format!(
                    "logical page {lpn} should be in {block}, which holds {}",
                    held.words()
                ));
            }
        }
        match written.filter(|tag| tag.erases != self.erases[block.0 as usize]) {
            None => Ok(()),
            Some(tag) => differs(format!("{block} was erased {} times", tag.erases)),
        }
    }
}

/// What the first page of a block says if anything was written to it; then all of it was, at once.
fn written(block: BlockNo, pages: &[Held], kind: u16, of: BlockNo) -> Result<Option<Tag>, FtlError> {
    if pages.iter().all(|held| *held == Held::Erased) {
        return Ok(None);
    }
    let first = PageNo(of.0 * pages.len() as u32);
    let tag = is_one_filling(block, pages)?;
    for (lpn, held) in (first.0..).zip(pages) {
        let fits = |tag: Tag| (tag.kind, tag.lpn, tag.sequence) == (kind, lpn, tag.born) && tag.count <= 1;
        if !held.whole().is_some_and(fits) {
            let place = lpn - first.0;
            return unsound(format!(
                "page {place} of {block} holds {}, not logical page {lpn}",
                held.words()
            ));
        }
    }
    Ok(tag)
}

/// What the first page of a scratch block says if the block is a whole copy.
fn copy_of(pages: &[Held], per_block: u32) -> Option<Tag> {
    let first = pages.first()?.whole()?;
    let next = |(lpn, held): (u32, &Held)| {
        held.whole().is_some_and(|tag| (tag.kind, tag.lpn, tag.sequence) == (COPY, lpn, first.sequence))
    };
    (first.lpn.is_multiple_of(per_block) && (first.lpn..).zip(pages).all(next)).then_some(first)
}

/// Whether a block is newer than a copy of it, or just what the copy says.
fn is_made_from(
    scratch: BlockNo,
    (copy, copies): (&Tag, &[Held]),
    of: BlockNo,
    (held, pages): (Option<&Tag>, &[Held]),
) -> Result<(), FtlError> {
    let sequence = held.map_or(0, |held| held.sequence);
    if sequence < copy.sequence {
        let newer = copy.sequence;
        return unsound(format!("{scratch} holds write {newer} of {of}, which holds write {sequence}"));
    }
    let content = |held: &Held| held.whole().map(|tag| (tag.count, tag.crc));
    if sequence == copy.sequence && !pages.iter().map(content).eq(copies.iter().map(content)) {
        return unsound(format!("{of} and its copy in {scratch} differ, both of write {sequence}"));
    }
    Ok(())
}
