//! Directory blocks: lists of records in chunks of 512 bytes.
//!
//! A change never moves a record and never touches two chunks, so that every other entry of the block reads the same
//! whether the change survived or not.

use super::format::{BLOCK_SIZE, InodeNo, Page, get_u32, put_u32};
use super::inode::FileType;

/// No record crosses a multiple of this: one sector.
pub(crate) const CHUNK: usize = 512;
const HEAD: usize = 8;

/// One record, in use or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// Its first byte in the block.
    pub(crate) at: usize,
    /// Its length, the unused part included.
    pub(crate) len: usize,
    /// Where it leads; none if it is unused.
    pub(crate) inode: InodeNo,
    /// The type it says the inode has.
    pub(crate) kind: u8,
    /// Its name.
    pub(crate) name: &'a [u8],
}

/// What a walk over a block meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    /// A record.
    Record(Record<'a>),
    /// From here to the end of the chunk nothing makes sense.
    Broken {
        /// The first byte that makes none.
        at: usize,
    },
}

/// The bytes that a record with a name of that length needs.
fn needed(name_len: usize) -> usize {
    (HEAD + name_len).next_multiple_of(4)
}

/// The records of a block, in order.
pub(crate) fn items(page: &Page) -> impl Iterator<Item = Item<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at == BLOCK_SIZE {
            return None;
        }
        let item = item(page, at);
        at = match item {
            Item::Record(record) => at + record.len,
            Item::Broken { .. } => chunk_end(at),
        };
        Some(item)
    })
}

/// The entries of a block: the records in use.
pub(crate) fn entries(page: &Page) -> impl Iterator<Item = Record<'_>> {
    items(page).filter_map(|item| match item {
        Item::Record(record) if record.inode != InodeNo::NONE => Some(record),
        _ => None,
    })
}

fn chunk_end(at: usize) -> usize {
    at - at % CHUNK + CHUNK
}

fn item(page: &Page, at: usize) -> Item<'_> {
    let room = chunk_end(at) - at;
    if room < HEAD {
        return Item::Broken { at };
    }
    let inode = InodeNo(get_u32(page, at));
    let len = usize::from(u16::from_le_bytes([page[at + 4], page[at + 5]]));
    let name_len = usize::from(page[at + 6]);
    let used = if inode == InodeNo::NONE { HEAD } else { needed(name_len) };
    if len > room || len < used || !len.is_multiple_of(4) {
        return Item::Broken { at };
    }
    let name = if inode == InodeNo::NONE { &[] } else { &page[at + HEAD..at + HEAD + name_len] };
    Item::Record(Record { at, len, inode, kind: page[at + 7], name })
}

fn put_record(page: &mut Page, at: usize, len: usize, inode: InodeNo, kind: u8, name: &[u8]) {
    put_u32(page, at, inode.0);
    page[at + 4..at + 6].copy_from_slice(&(len as u16).to_le_bytes());
    page[at + 6] = name.len() as u8;
    page[at + 7] = kind;
    page[at + HEAD..at + HEAD + name.len()].copy_from_slice(name);
}

/// Makes the bytes from `at` to the end of its chunk one unused record.
pub(crate) fn clear_chunk(page: &mut Page, at: usize) {
    let end = chunk_end(at);
    page[at..end].fill(0);
    if end - at >= HEAD {
        put_record(page, at, end - at, InodeNo::NONE, 0, &[]);
    } else if let Some(Item::Record(last)) = items(page).take_while(|item| starts_before(item, at)).last() {
        let (start, len) = (last.at, end - last.at);
        page[start + 4..start + 6].copy_from_slice(&(len as u16).to_le_bytes());
    }
}

fn starts_before(item: &Item<'_>, at: usize) -> bool {
    match item {
        Item::Record(record) => record.at < at,
        Item::Broken { at: broken } => *broken < at,
    }
}

/// A block of unused records.
pub(crate) fn init_empty(page: &mut Page) {
    for at in (0..BLOCK_SIZE).step_by(CHUNK) {
        clear_chunk(page, at);
    }
}

/// The first block of a directory: "." and ".." come first (FS-08).
pub(crate) fn init_first(page: &mut Page, this: InodeNo, parent: InodeNo) {
    init_empty(page);
    put_dots(page, this, parent);
}

/// Makes "." and ".." the first two entries, in place of whatever the first chunk held.
pub(crate) fn put_dots(page: &mut Page, this: InodeNo, parent: InodeNo) {
    clear_chunk(page, 0);
    put_record(page, 0, needed(1), this, FileType::Dir as u8, b".");
    put_record(page, needed(1), CHUNK - needed(1), parent, FileType::Dir as u8, b"..");
}

/// Where ".." leads, if it is where it belongs.
pub(crate) fn parent(page: &Page) -> Option<InodeNo> {
    entries(page).nth(1).filter(|record| record.name == b"..").map(|record| record.inode)
}

/// Where "." leads, if it is where it belongs.
pub(crate) fn this(page: &Page) -> Option<InodeNo> {
    entries(page).next().filter(|record| record.at == 0 && record.name == b".").map(|record| record.inode)
}

/// Whether a name of that length still fits.
pub(crate) fn has_room(page: &Page, name_len: usize) -> bool {
    room(page, name_len).is_some()
}

/// The record with room for a name, and the bytes it needs for itself.
fn room(page: &Page, name_len: usize) -> Option<(usize, usize, usize)> {
    items(page).find_map(|item| match item {
        Item::Record(record) => {
            let own = if record.inode == InodeNo::NONE { 0 } else { needed(record.name.len()) };
            (record.len - own >= needed(name_len)).then_some((record.at, record.len, own))
        }
        Item::Broken { .. } => None,
    })
}

/// Adds an entry; `false` if there is no room for it.
pub(crate) fn insert(page: &mut Page, name: &[u8], inode: InodeNo, kind: FileType) -> bool {
    let Some((at, len, own)) = room(page, name.len()) else { return false };
    put_record(page, at + own, len - own, inode, kind as u8, name);
    if own > 0 {
        page[at + 4..at + 6].copy_from_slice(&(own as u16).to_le_bytes());
    }
    true
}

/// Removes the record that begins at `at`; its bytes go to the one before it in the chunk.
pub(crate) fn remove(page: &mut Page, at: usize) {
    let before = items(page).take_while(|item| starts_before(item, at)).last();
    let len = usize::from(u16::from_le_bytes([page[at + 4], page[at + 5]]));
    match before {
        Some(Item::Record(before)) if before.at / CHUNK == at / CHUNK => {
            let (start, len) = (before.at, before.len + len);
            page[start + 4..start + 6].copy_from_slice(&(len as u16).to_le_bytes());
            page[at..at + HEAD].fill(0);
        }
        _ => put_record(page, at, len, InodeNo::NONE, 0, &[]),
    }
}

/// Lets the entry that begins at `at` lead somewhere else.
pub(crate) fn retarget(page: &mut Page, at: usize, inode: InodeNo, kind: FileType) {
    put_u32(page, at, inode.0);
    page[at + 7] = kind as u8;
}

/// Whether the bytes may be the name of an entry other than "." and "..".
pub(crate) fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= super::format::NAME_MAX
        && name != b"."
        && name != b".."
        && !name.contains(&0)
        && !name.contains(&b'/')
        && std::str::from_utf8(name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(page: &Page) -> Vec<String> {
        entries(page).map(|record| String::from_utf8_lossy(record.name).into_owned()).collect()
    }

    fn broken(page: &Page) -> usize {
        items(page).filter(|item| matches!(item, Item::Broken { .. })).count()
    }

    #[test]
    fn entries_that_were_added_are_found_until_they_are_removed() {
        let mut page = [0; BLOCK_SIZE];
        init_first(&mut page, InodeNo(7), InodeNo(2));
        assert_eq!((this(&page), parent(&page)), (Some(InodeNo(7)), Some(InodeNo(2))));
        let mut added = 0;
        while insert(&mut page, format!("name-{added:03}").as_bytes(), InodeNo(10 + added), FileType::File) {
            added += 1;
        }
        assert_eq!(added, 30 + 7 * 32, "30 of 16 bytes fit a chunk behind the dots, 32 one without");
        for name in (0..added).filter(|name| name % 2 == 0).map(|name| format!("name-{name:03}")) {
            let at = entries(&page).find(|record| record.name == name.as_bytes()).expect("was added").at;
            remove(&mut page, at);
        }
        let odd: Vec<String> =
            (0..added).filter(|name| name % 2 == 1).map(|name| format!("name-{name:03}")).collect();
        assert_eq!(names(&page)[2..], odd);
        assert_eq!(broken(&page), 0);
    }

    #[test]
    fn a_change_touches_one_chunk_and_moves_no_other_entry() {
        let mut page = [0; BLOCK_SIZE];
        init_first(&mut page, InodeNo(7), InodeNo(2));
        for index in 0..60 {
            assert!(insert(&mut page, format!("n{index}").as_bytes(), InodeNo(10 + index), FileType::File));
        }
        for victim in 2..62 {
            let mut after = page;
            let gone = entries(&page).nth(victim).expect("62 entries").at;
            remove(&mut after, gone);
            let changed: Vec<usize> =
                (0..BLOCK_SIZE).filter(|at| page[*at] != after[*at]).map(|at| at / CHUNK).collect();
            assert!(changed.iter().all(|chunk| *chunk == gone / CHUNK));
            let places =
                |page: &Page| entries(page).map(|record| (record.at, record.inode)).collect::<Vec<_>>();
            let mut expected = places(&page);
            expected.remove(victim);
            assert_eq!(places(&after), expected);
        }
    }

    #[test]
    fn a_broken_record_costs_only_the_rest_of_its_chunk() {
        let mut page = [0; BLOCK_SIZE];
        init_first(&mut page, InodeNo(7), InodeNo(2));
        for index in 0..60 {
            assert!(insert(
                &mut page,
                format!("n{index:02}").as_bytes(),
                InodeNo(10 + index),
                FileType::File
            ));
        }
        let second = entries(&page).find(|record| record.at > CHUNK).expect("spills over").at;
        page[second + 4] = 3;
        assert_eq!(broken(&page), 1);
        let kept = names(&page);
        clear_chunk(&mut page, second);
        assert_eq!((broken(&page), names(&page)), (0, kept));
    }
}
