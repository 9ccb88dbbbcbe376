//! A chip, read by the drawings in `format.rs` and `ecc.rs` and by nothing that the layers read and correct it with: what
//! the checks of all of them are made of.

use super::FtlError;
use super::format::{BlockNo, PAGE, PageNo, RAW, SPARE};
use crate::le::{u16_at, u32_at, u64_at};
use crashcheck::Nand;

/// What a page is for, by its number on the chip.
pub(super) const DATA: u16 = 1;
pub(super) const TRIM: u16 = 2;
pub(super) const CHECKPOINT: u16 = 3;
pub(super) const PADDING: u16 = 4;
pub(super) const COPY: u16 = 5;

/// Bytes of a sector, the bits of its address, and the bytes of its code.
const SECTOR: usize = 512;
const ADDRESS: u32 = 12;
const CODE: usize = 3;
/// In the spare area: the end of what its checksum covers, of what its code covers, and where the codes of the page are.
const CRC: usize = 40;
const ECC: usize = 44;
const PAGE_ECC: usize = 48;
/// The bits of a word of eight bytes whose address has a 1 at each place.
const ADDRESSES: [u64; 6] = [
    0xaaaa_aaaa_aaaa_aaaa,
    0xcccc_cccc_cccc_cccc,
    0xf0f0_f0f0_f0f0_f0f0,
    0xff00_ff00_ff00_ff00,
    0xffff_0000_ffff_0000,
    0xffff_ffff_0000_0000,
];

/// What the spare area of a page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) kind: u16,
    pub(super) lpn: u32,
    pub(super) count: u32,
    pub(super) sequence: u64,
    pub(super) born: u64,
    pub(super) erases: u32,
    /// The checksum of the content, which has it.
    pub(super) crc: u32,
}

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// All ones, but for a bit that may have flipped.
    Erased,
    /// Neither that nor anything whole.
    Garbage,
    /// What was written.
    Whole(Tag),
}

impl Held {
    /// What is said of a page that is whole.
    pub(super) fn whole(self) -> Option<Tag> {
        match self {
            Held::Whole(tag) => Some(tag),
            Held::Erased | Held::Garbage => None,
        }
    }

    /// In words.
    pub(super) fn words(self) -> String {
        match self {
            Held::Erased => "nothing".to_owned(),
            Held::Garbage => "garbage".to_owned(),
            Held::Whole(tag) => tag.words(),
        }
    }
}

impl Tag {
    /// In words.
    pub(super) fn words(self) -> String {
        let Tag { kind, lpn, count, sequence, .. } = self;
        match kind {
            DATA => format!("data {lpn}, write {sequence}"),
            TRIM => format!("the trim of {lpn}, {count} pages, write {sequence}"),
            CHECKPOINT => format!("a part of checkpoint {sequence}"),
            COPY => format!("the copy of {lpn}, write {sequence}"),
            _ => "padding".to_owned(),
        }
    }
}

/// Reads pages one by one.
pub(super) struct Reader<'a> {
    nand: &'a Nand,
    raw: Box<[u8; RAW]>,
    /// The highest number that any page has which counts.
    pub(super) newest: u64,
    /// Whether bits of the page that was read last have flipped.
    flipped: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn of(nand: &'a Nand) -> Self {
        Reader { nand, raw: Box::new([0; RAW]), newest: 0, flipped: false }
    }

    pub(super) fn pages_per_block(&self) -> u32 {
        self.nand.geometry().pages_per_block
    }

    /// Whether a page holds something whole, of which a bit had to be put right.
    pub(super) fn has_flipped(&mut self, page: PageNo) -> Result<bool, FtlError> {
        Ok(self.read(page)?.whole().is_some() && self.flipped)
    }

    /// The bytes of the page that was read last.
    pub(super) fn content(&self) -> &[u8] {
        &self.raw[..PAGE]
    }

    /// What a page holds, flipped bits put right.
    pub(super) fn read(&mut self, page: PageNo) -> Result<Held, FtlError> {
        self.nand.read(page, &mut self.raw[..])?;
        // Of an erased page no bit is 0, or one that has flipped.
        if self.raw[..PAGE / 64] == [0xff; PAGE / 64] || self.raw[PAGE..] == [0xff; SPARE] {
            let zeros: u32 = self.raw.iter().map(|byte| byte.count_zeros()).sum();
            if zeros <= 1 {
                return Ok(Held::Erased);
            }
        }
        match held(&mut self.raw, &mut self.flipped) {
            Some(Ok(tag)) => Ok(Held::Whole(tag)),
            Some(Err(())) => unsound(format!("{page} has its checksum, but not the codes that go with it")),
            None => Ok(Held::Garbage),
        }
    }

    /// The pages of a block up to the first that is erased: those behind it cannot have been programmed. With `to_its_end`
    /// all of them.
    pub(super) fn block(&mut self, block: BlockNo, to_its_end: bool) -> Result<Vec<Held>, FtlError> {
        let per_block = self.pages_per_block();
        let mut pages = Vec::with_capacity(per_block as usize);
        for place in 0..per_block {
            let held = self.read(PageNo(block.0 * per_block + place))?;
            if held == Held::Erased && !to_its_end {
                break;
            }
            pages.push(held);
        }
        Ok(pages)
    }

    /// Notes the numbers of a page that counts.
    pub(super) fn note(&mut self, tag: &Tag) {
        // Padding has no number of its own.
        let sequence = if tag.kind == PADDING { 0 } else { tag.sequence };
        self.newest = self.newest.max(sequence).max(tag.born);
    }

    /// Whether the next number is one that nothing on the chip has.
    pub(super) fn is_next(&self, next: u64) -> Result<(), FtlError> {
        if next > self.newest {
            return Ok(());
        }
        unsound(format!(
            "the next write would have the number {next}, but write {} is on the chip",
            self.newest
        ))
    }
}

/// Whether all pages of a block were written in one filling of it.
pub(super) fn is_one_filling(block: BlockNo, pages: &[Held]) -> Result<Option<Tag>, FtlError> {
    let mut whole = pages.iter().filter_map(|held| held.whole());
    let Some(first) = whole.next() else { return Ok(None) };
    match whole.find(|tag| (tag.born, tag.erases) != (first.born, first.erases)) {
        None => Ok(Some(first)),
        Some(other) => unsound(format!("{block} was begun at {} and at {}", first.born, other.born)),
    }
}

/// Whether each number is that of one write, its copies included. The list is put into order.
pub(super) fn are_unique(writes: &mut [(Tag, PageNo)]) -> Result<(), FtlError> {
    writes.sort_unstable_by_key(|(tag, page)| (tag.sequence, *page));
    let same = |one: &Tag, other: &Tag| {
        (one.kind, one.lpn, one.count, one.crc) == (other.kind, other.lpn, other.count, other.crc)
    };
    let twice = writes.windows(2).find(|two| {
        let ((one, _), (other, _)) = (&two[0], &two[1]);
        one.sequence == other.sequence && !same(one, other)
    });
    match twice.map(|two| (two[0].0, two[0].1, two[1].0, two[1].1)) {
        None => Ok(()),
        Some((one, at, other, there)) => unsound(format!(
            "{at} holds {}, and {there} {}: the same number for two writes",
            one.words(),
            other.words()
        )),
    }
}

/// Whether no two fillings of blocks have the same number.
pub(super) fn are_born_apart(born: &mut [(u64, BlockNo)]) -> Result<(), FtlError> {
    born.sort_unstable();
    match born.windows(2).find(|two| two[0].0 == two[1].0) {
        None => Ok(()),
        Some(two) => unsound(format!("{} and {} were both begun at {}", two[0].1, two[1].1, two[0].0)),
    }
}

/// What a page and its spare area say, if that is whole once a bit of each sector was put right; an error if the codes do
/// not fit what the checksums say is right. Notes whether a bit was put right.
fn held(raw: &mut [u8; RAW], flipped: &mut bool) -> Option<Result<Tag, ()>> {
    let (page, spare) = raw.split_at_mut(PAGE);
    let code = u32_at(spare, ECC);
    *flipped = put_right(&mut spare[..ECC], code)?;
    let tag = tag(spare)?;
    let mut codes_fit = true;
    for (sector, code) in page.chunks_mut(SECTOR).zip(spare[PAGE_ECC..].chunks(CODE)) {
        let code = u32::from(code[0]) | u32::from(code[1]) << 8 | u32::from(code[2]) << 16;
        let put_right = put_right(sector, code);
        codes_fit &= put_right.is_some();
        *flipped |= put_right == Some(true);
    }
    match (crc32fast::hash(page) == tag.crc, codes_fit) {
        (true, true) => Some(Ok(tag)),
        (true, false) => Some(Err(())),
        (false, _) => None,
    }
}

fn tag(spare: &[u8]) -> Option<Tag> {
    let whole = spare.len() == SPARE && spare[..4] == *b"\xffoob" && u16_at(spare, 4) == 1;
    let kind = u16_at(spare, 6);
    if !whole || u32_at(spare, CRC) != crc32fast::hash(&spare[..CRC]) || !(DATA..=COPY).contains(&kind) {
        return None;
    }
    Some(Tag {
        kind,
        lpn: u32_at(spare, 8),
        count: u32_at(spare, 12),
        sequence: u64_at(spare, 16),
        born: u64_at(spare, 24),
        erases: u32_at(spare, 32),
        crc: u32_at(spare, 36),
    })
}

/// Flips the bit back that the code says has flipped, and says whether one has; `None` if more than one has.
fn put_right(sector: &mut [u8], stored: u32) -> Option<bool> {
    let (line, mirrored) = addresses(sector);
    let (of_sector, of_code) = (line | mirrored << ADDRESS, stored);
    let differ = of_sector ^ of_code;
    if differ.count_ones() <= 1 {
        // Nothing, or a bit of the code.
        return Some(differ != 0);
    }
    let (address, complement) = (differ & ((1 << ADDRESS) - 1), differ >> ADDRESS);
    let byte = sector.get_mut(address as usize / 8).filter(|_| address ^ complement == (1 << ADDRESS) - 1)?;
    *byte ^= 1 << (address % 8);
    Some(true)
}

/// The exclusive or of the addresses of all bits that are set, and that of their complements.
fn addresses(sector: &[u8]) -> (u32, u32) {
    let (mut columns, mut words) = (0u64, 0u32);
    for (nth, word) in (0u32..).zip(sector.chunks(8)) {
        let mut bytes = [0; 8];
        bytes[..word.len()].copy_from_slice(word);
        let word = u64::from_le_bytes(bytes);
        columns ^= word;
        words ^= if word.count_ones() % 2 == 1 { nth } else { 0 };
    }
    let low = ADDRESSES.iter().zip(0..).map(|(mask, place)| ((columns & mask).count_ones() % 2) << place);
    let line = words << 6 | low.sum::<u32>();
    let odd = columns.count_ones() % 2 == 1;
    (line, if odd { line ^ ((1 << ADDRESS) - 1) } else { line })
}

/// What is wrong with the chip.
pub(super) fn unsound<T>(what: String) -> Result<T, FtlError> {
    Err(FtlError::Unsound { what })
}

/// What is wrong with the tables.
pub(super) fn differs<T>(what: String) -> Result<T, FtlError> {
    Err(FtlError::Differs { what })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ftl::ecc;
    use crate::ftl::format::{Kind, Lpn, OutOfBand, Sequence, encode};

    fn raw(kind: Kind) -> [u8; RAW] {
        let content: Vec<u8> = (0..PAGE).map(|at| (at * 7) as u8).collect();
        let (lpn, sequence, born) = (Lpn(7), Sequence(1 << 40), Sequence(9));
        let raw = encode(&OutOfBand { kind, lpn, count: 2, sequence, born, erases: 4 }, &content);
        raw.try_into().expect("a page")
    }

    #[test]
    fn a_page_says_what_was_written_whatever_bit_has_flipped() {
        let all = [Kind::Data, Kind::Trim, Kind::Checkpoint, Kind::Padding, Kind::Copy];
        for kind in all {
            let expected = held(&mut raw(kind), &mut false).expect("whole").expect("codes that fit");
            let Tag { lpn, count, sequence, born, erases, .. } = expected;
            assert_eq!((expected.kind, lpn, count), (kind.code(), 7, 2));
            assert_eq!((sequence, born, erases), (1 << 40, 9, 4));
            for bit in (0..(PAGE + 72) * 8).step_by(613) {
                let mut flipped = raw(kind);
                flipped[bit / 8] ^= 1 << (bit % 8);
                let mut noticed = false;
                assert_eq!(held(&mut flipped, &mut noticed), Some(Ok(expected)), "bit {bit}");
                assert!(noticed, "bit {bit}");
            }
        }
    }

    /// The code by its definition against the one by words.
    #[test]
    fn the_code_is_that_of_the_drawing() {
        for sector in [vec![0; SECTOR], vec![0xff; 44], (0..SECTOR).map(|at| (at * at) as u8).collect()] {
            let (line, mirrored) = addresses(&sector);
            assert_eq!(line | mirrored << ADDRESS, ecc::code(&sector));
        }
    }

    #[test]
    fn what_is_not_whole_is_told_from_what_has_codes_that_do_not_fit() {
        let mut torn = raw(Kind::Data);
        torn[100..2000].fill(0xff);
        assert_eq!(held(&mut torn, &mut false), None);
        let mut unfit = raw(Kind::Data);
        unfit[PAGE + PAGE_ECC] ^= 3;
        assert_eq!(held(&mut unfit, &mut false), Some(Err(())));
    }
}
