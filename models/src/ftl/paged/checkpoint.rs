//! The checkpoint: what every full block holds, so that opening the layer need not read them all (FT-16).
//!
//! The last blocks of the chip are two halves of a checkpoint area. Checkpoints are appended to one half until it is
//! full; then the other is erased and takes over, so that the newest checkpoint is never erased. After opening, the
//! half that does not hold it takes over at once: what a crash has left in the other is not written to again.
//!
//! ```text
//! content          0       4         8          16         20      24                28
//!                  | magic | version | sequence | capacity | pages | blocks of data | block … |
//! block            | state | erases | born | page …(pages) |     state: 0 free or open, 1 full, 2 bad
//! page             | kind | lpn | count | sequence |              kind: 0 nothing, else as out of band
//! part n of m      4096 bytes of the content, zeros behind its end; its sequence is that of the checkpoint
//! ```
//!
//! All numbers have 4 bytes, sequences 8. What a checkpoint says of a block counts only if the block was full and the
//! number in its first page shows that it has not been erased since. All others are read: what was written later is
//! always there to be found.

use super::tables::{Block, State, Summary, Tables};
use crate::ftl::FtlError;
use crate::ftl::chip::Chip;
use crate::ftl::format::{BlockNo, Kind, Lpn, OutOfBand, PAGE, PageNo, Sequence};
use std::collections::BTreeMap;

const MAGIC: u32 = u32::from_le_bytes(*b"ckpt");
const VERSION: u32 = 1;
const HEAD: usize = 28;
const BLOCK: usize = 16;
const ENTRY: usize = 20;

/// What a checkpoint says of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// How often it was erased.
    pub erases: u32,
    /// When it began to be filled.
    pub born: Sequence,
    /// Whether it was full.
    pub full: bool,
    /// Whether it is worn out.
    pub bad: bool,
    /// What its pages hold.
    pub pages: Vec<Option<Summary>>,
}

/// A checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// When it was made: everything it speaks of is older.
    pub sequence: Sequence,
    /// Logical pages that the layer exports.
    pub capacity: u32,
    /// Pages of a block.
    pub pages_per_block: u32,
    /// The blocks that hold data.
    pub blocks: Vec<Noted>,
}

/// How many pages a checkpoint of so many blocks takes.
pub fn parts(blocks: u32, pages_per_block: u32) -> u32 {
    let len = HEAD + blocks as usize * (BLOCK + pages_per_block as usize * ENTRY);
    len.div_ceil(PAGE) as u32
}

impl Checkpoint {
    /// What is to be kept of the tables.
    pub fn of(tables: &Tables, pages_per_block: u32, sequence: Sequence) -> Checkpoint {
        let noted = |block: &Block| Noted {
            erases: block.erases,
            born: block.born,
            full: block.state == State::Closed,
            bad: block.state == State::Bad,
            pages: block.pages.clone(),
        };
        let (capacity, blocks) = (tables.map.len() as u32, tables.blocks.iter().map(noted).collect());
        Checkpoint { sequence, capacity, pages_per_block, blocks }
    }

    /// Its parts, a page each.
    pub fn encode(&self) -> Vec<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut put = |number: u32| bytes.extend_from_slice(&number.to_le_bytes());
        let halves = |sequence: Sequence| [sequence.0 as u32, (sequence.0 >> 32) as u32];
        [MAGIC, VERSION].into_iter().chain(halves(self.sequence)).for_each(&mut put);
        [self.capacity, self.pages_per_block, self.blocks.len() as u32].into_iter().for_each(&mut put);
        for block in &self.blocks {
            let state = if block.bad { 2 } else { u32::from(block.full) };
            [state, block.erases].into_iter().chain(halves(block.born)).for_each(&mut put);
            for page in &block.pages {
                let kind = page.map_or(0, |page| u32::from(page.kind.code()));
                let (lpn, count) = page.map_or((0, 0), |page| (page.lpn.0, page.count));
                let sequence = page.map_or(Sequence::default(), |page| page.sequence);
                [kind, lpn, count].into_iter().chain(halves(sequence)).for_each(&mut put);
            }
        }
        bytes.resize(bytes.len().next_multiple_of(PAGE), 0);
        bytes.chunks(PAGE).map(<[u8]>::to_vec).collect()
    }

    /// What the parts say, end to end; `None` if that is no checkpoint of this version.
    pub fn decode(bytes: &[u8]) -> Option<Checkpoint> {
        let mut numbers = Numbers(bytes);
        if (numbers.next()?, numbers.next()?) != (MAGIC, VERSION) {
            return None;
        }
        let sequence = numbers.sequence()?;
        let (capacity, pages_per_block, count) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let mut blocks = Vec::new();
        for _ in 0..count {
            let (state, erases, born) = (numbers.next()?, numbers.next()?, numbers.sequence()?);
            let pages = (0..pages_per_block).map(|_| numbers.page()).collect::<Option<Vec<_>>>()?;
            blocks.push(Noted { erases, born, full: state == 1, bad: state == 2, pages });
        }
        Some(Checkpoint { sequence, capacity, pages_per_block, blocks })
    }
}

/// Little-endian numbers, as long as there are any.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn next(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*number))
    }

    fn sequence(&mut self) -> Option<Sequence> {
        let (low, high) = (self.next()?, self.next()?);
        Some(Sequence(u64::from(low) | u64::from(high) << 32))
    }

    /// The inner `None` is a page that holds nothing.
    fn page(&mut self) -> Option<Option<Summary>> {
        let (kind, lpn, count, sequence) = (self.next()?, self.next()?, self.next()?, self.sequence()?);
        if kind == 0 {
            return Some(None);
        }
        let kind = Kind::of_code(u16::try_from(kind).ok()?)?;
        Some(Some(Summary { kind, lpn: Lpn(lpn), count, sequence }))
    }
}

/// The checkpoint area.
pub struct Area {
    /// The first block of the first half.
    first: BlockNo,
    /// Blocks of a half.
    half: u32,
    /// The half that checkpoints are appended to: 0 or 1.
    current: u32,
    /// How many of its pages are programmed; `None` if it is to be erased first.
    programmed: Option<u32>,
    /// Whether there is only one half: the newest checkpoint is erased to make room for the next.
    in_place: bool,
    /// The highest number that a page of it has, be its checkpoint whole or not.
    newest: Sequence,
}

impl Area {
    /// The area of a chip behind so many blocks that hold data.
    pub fn behind(blocks: u32, half: u32, in_place: bool) -> Area {
        Area {
            first: BlockNo(blocks),
            half,
            current: 0,
            programmed: None,
            in_place,
            newest: Sequence::default(),
        }
    }

    fn pages(&self, half: u32, chip: &Chip) -> Vec<PageNo> {
        let first = self.first.0 + half * self.half;
        (first..first + self.half).flat_map(|block| chip.pages_of(BlockNo(block))).collect()
    }

    /// The highest number that [`find`](Area::find) has met: that of a checkpoint of which a crash has left a part must not be
    /// that of another, whose parts could not be told from it.
    pub fn newest(&self) -> Sequence {
        self.newest
    }

    /// Appends a checkpoint. Everything that it speaks of must be durable; it is so itself after the next wait.
    pub fn append(&mut self, chip: &mut Chip, checkpoint: &Checkpoint) -> Result<(), FtlError> {
        let parts = checkpoint.encode();
        let room = self.pages(self.current, chip).len() as u32;
        if self.programmed.is_some_and(|programmed| programmed + parts.len() as u32 > room) {
            self.current = if self.in_place { self.current } else { 1 - self.current };
            self.programmed = None;
        }
        if self.programmed.is_none() {
            // The newest checkpoint in the other half must not be lost with this one.
            chip.wait()?;
            let first = self.first.0 + self.current * self.half;
            for block in first..first + self.half {
                chip.erase(BlockNo(block), "erase for checkpoints")?;
            }
        }
        let pages = self.pages(self.current, chip);
        let mut programmed = self.programmed.unwrap_or(0);
        let count = parts.len() as u32;
        let oob = |kind, part| OutOfBand {
            kind,
            lpn: Lpn(part),
            count,
            sequence: checkpoint.sequence,
            born: checkpoint.sequence,
            erases: 0,
        };
        for (part, content) in (0..).zip(&parts) {
            let Some(page) = pages.get(programmed as usize) else { return Err(FtlError::Full) };
            let what = format!("checkpoint {}, part {} of {count}", checkpoint.sequence.0, part + 1);
            chip.program(*page, &oob(Kind::Checkpoint, part), content, &what)?;
            programmed += 1;
        }
        let geometry = *chip.geometry();
        let in_block = (programmed - 1) % geometry.pages_per_block + 1;
        let last = geometry.block_of(pages[programmed as usize - 1]);
        for page in &pages[programmed as usize..][..chip.exposed(last, in_block) as usize] {
            chip.program(*page, &oob(Kind::Padding, 0), &[0; PAGE], "padding")?;
            programmed += 1;
        }
        self.programmed = Some(programmed);
        Ok(())
    }

    /// The newest checkpoint that is whole. The next one goes to the half that does not hold it.
    pub fn find(&mut self, chip: &mut Chip) -> Result<Option<Checkpoint>, FtlError> {
        let mut found = BTreeMap::<Sequence, (u32, Vec<Option<Vec<u8>>>)>::new();
        for half in 0..2 {
            for page in self.pages(half, chip) {
                let Some(written) = chip.read(page)?.valid() else { continue };
                let oob = written.oob;
                self.newest = self.newest.max(oob.sequence);
                let most = self.half * chip.geometry().pages_per_block;
                if oob.kind != Kind::Checkpoint || oob.count > most || oob.lpn.0 >= oob.count {
                    continue;
                }
                let (at, parts) = found.entry(oob.sequence).or_default();
                parts.resize(oob.count as usize, None);
                (*at, parts[oob.lpn.0 as usize]) = (half, Some(written.data));
            }
        }
        for (half, parts) in found.into_values().rev() {
            let whole = parts.into_iter().collect::<Option<Vec<_>>>();
            if let Some(checkpoint) = whole.and_then(|parts| Checkpoint::decode(&parts.concat())) {
                self.current = if self.in_place { half } else { 1 - half };
                self.programmed = None;
                return Ok(Some(checkpoint));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn any_page()(kind in 0..3u32, lpn: u32, count: u32, sequence: u64) -> Option<Summary> {
            let kind = [None, Some(Kind::Data), Some(Kind::Trim)][kind as usize];
            kind.map(|kind| Summary { kind, lpn: Lpn(lpn), count, sequence: Sequence(sequence) })
        }
    }

    prop_compose! {
        fn any_block()(
            erases: u32, born: u64, state in 0..3, pages in proptest::collection::vec(any_page(), 8),
        ) -> Noted {
            Noted { erases, born: Sequence(born), full: state == 1, bad: state == 2, pages }
        }
    }

    proptest! {
        #[test]
        fn a_checkpoint_reads_as_it_was_written(
            sequence: u64, capacity: u32, blocks in proptest::collection::vec(any_block(), 0..60),
        ) {
            let checkpoint =
                Checkpoint { sequence: Sequence(sequence), capacity, pages_per_block: 8, blocks };
            let pages = checkpoint.encode();
            prop_assert_eq!(pages.len() as u32, parts(checkpoint.blocks.len() as u32, 8));
            prop_assert_eq!(Checkpoint::decode(&pages.concat()), Some(checkpoint));
        }

        #[test]
        fn no_bytes_make_decoding_panic(mut bytes in proptest::collection::vec(any::<u8>(), 8..200)) {
            bytes[..4].copy_from_slice(&MAGIC.to_le_bytes());
            bytes[4..8].copy_from_slice(&VERSION.to_le_bytes());
            let _ = Checkpoint::decode(&bytes);
        }
    }
}
