//! The newest checkpoint on a chip, as the drawing in `checkpoint.rs` has it.

use super::facts;
use crate::ftl::FtlError;
use crate::ftl::format::{BlockNo, PAGE, PageNo};
use crate::ftl::reader::{CHECKPOINT, DATA, Held, Reader, TRIM, unsound};
use crate::le::{u32_at, u64_at};
use std::collections::BTreeMap;
use std::ops::Range;

/// Bytes of what comes before the blocks, of a block without its pages, and of a page.
const HEAD: usize = 28;
const BLOCK: usize = 16;
const ENTRY: usize = 20;
/// States of a block.
const FULL: u32 = 1;
const BAD: u32 = 2;

/// A checkpoint, as its bytes.
pub(super) struct Noted {
    sequence: u64,
    content: Vec<u8>,
    per_block: usize,
}

impl Noted {
    /// The newest one of which all parts are whole.
    pub(super) fn newest(reader: &mut Reader<'_>, area: Range<u32>) -> Result<Noted, FtlError> {
        let per_block = reader.pages_per_block();
        let mut found = BTreeMap::<u64, (usize, BTreeMap<u32, Vec<u8>>)>::new();
        for page in (area.start * per_block..area.end * per_block).map(PageNo) {
            let Held::Whole(tag) = reader.read(page)? else { continue };
            reader.note(&tag);
            if tag.kind == CHECKPOINT {
                let (count, parts) = found.entry(tag.sequence).or_default();
                *count = tag.count as usize;
                parts.insert(tag.lpn, reader.content().to_vec());
            }
        }
        let whole = found.into_iter().rev().find(|(_, (count, parts))| parts.len() == *count);
        let Some((sequence, (_, parts))) = whole else {
            return unsound("no checkpoint is whole".to_owned());
        };
        let content = parts.into_values().collect::<Vec<_>>().concat();
        debug_assert!(content.len().is_multiple_of(PAGE), "parts are whole pages");
        Ok(Noted { sequence, content, per_block: per_block as usize })
    }

    /// Whether it is one of version 1, of this layer, and newer than all that it speaks of.
    pub(super) fn speaks_of(&self, blocks: u32, per_block: u32, capacity: u32) -> Result<(), FtlError> {
        let number = |at: usize| u32_at(&self.content, at);
        let head = (&self.content[..4], number(4), u64_at(&self.content, 8));
        if head != (&b"ckpt"[..], 1, self.sequence) {
            return unsound(format!("checkpoint {} is none", self.sequence));
        }
        let len = HEAD + blocks as usize * (BLOCK + per_block as usize * ENTRY);
        if (number(16), number(20), number(24)) != (capacity, per_block, blocks) || self.content.len() < len {
            return unsound(format!("checkpoint {} is that of another layer", self.sequence));
        }
        for block in (0..blocks).map(BlockNo) {
            let begun = u64_at(self.of(block), 8);
            let newest = (0..self.per_block).map(|place| self.page(block, place).3).max();
            if begun.max(newest.unwrap_or(0)) >= self.sequence {
                return unsound(format!(
                    "checkpoint {} is older than what it says of {block}",
                    self.sequence
                ));
            }
        }
        Ok(())
    }

    /// What it says of a block.
    fn of(&self, block: BlockNo) -> &[u8] {
        let len = BLOCK + self.per_block * ENTRY;
        &self.content[HEAD + block.0 as usize * len..][..len]
    }

    /// What it says of a page: kind, logical page, count, number.
    fn page(&self, block: BlockNo, place: usize) -> (u32, u32, u32, u64) {
        let entry = &self.of(block)[BLOCK + place * ENTRY..][..ENTRY];
        (u32_at(entry, 0), u32_at(entry, 4), u32_at(entry, 8), u64_at(entry, 12))
    }

    /// Whether it says that a block is bad.
    pub(super) fn is_bad(&self, block: BlockNo) -> bool {
        u32_at(self.of(block), 0) == BAD
    }

    /// Whether a block that was full then, and has not been erased since, still holds what it says.
    pub(super) fn is_as_noted(&self, block: BlockNo, pages: &[Held]) -> Result<(), FtlError> {
        let (state, born) = (u32_at(self.of(block), 0), u64_at(self.of(block), 8));
        let still = pages.first().and_then(|held| held.whole()).is_some_and(|first| first.born == born);
        if state != FULL || !still {
            return Ok(());
        }
        for place in 0..self.per_block {
            let held = pages.get(place).copied().unwrap_or(Held::Erased);
            let found = held.whole().filter(|tag| matches!(tag.kind, DATA | TRIM)).map(facts);
            let (kind, lpn, count, sequence) = self.page(block, place);
            let noted = (kind > 0).then_some((kind as u16, lpn, count, sequence));
            if found != noted {
                let (sequence, held) = (self.sequence, held.words());
                return unsound(format!(
                    "page {place} of {block} holds {held}, which checkpoint {sequence} does not say"
                ));
            }
        }
        Ok(())
    }
}
