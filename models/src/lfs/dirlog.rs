//! The directory-operation log (LF-20, LF-21).
//!
//! A record says what an operation made of names and of link counts, in absolute terms: this name leads to that inode,
//! that inode has so many links. It is in the log before, or together with, every block and inode that the operation
//! changed, so that directories may be written later than what they name: roll-forward completes what is missing, and
//! completing what is not changes nothing.
//!
//! ```text
//! 0     2        3        4
//! | len | opcode | names | counts | name … | count … |          len 0: no more records in this block
//! name   | directory 4 | its version 4 | inode 4 | its version 4 | type | len | the name … |    inode 0: no such name
//! count  | inode 4 | version 4 | links 4 |                                                      links 0: it is gone
//! ```

use super::summary::Version;
use crate::vsfs::format::{BLOCK_SIZE, InodeNo, NAME_MAX, Page, get_u32, put_u32};
use crate::vsfs::inode::FileType;

/// The opcode of a record: what the operation was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// A file, directory or symbolic link was made.
    Create = 1,
    /// A file got another name.
    Link = 2,
    /// A name was removed, and what it led to with its last one.
    Unlink = 3,
    /// A name was moved.
    Rename = 4,
}

/// An inode in one of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid {
    /// Its number.
    pub inode: InodeNo,
    /// Its version.
    pub version: Version,
}

/// What became of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameChange {
    /// The directory.
    pub dir: Uid,
    /// The name.
    pub name: String,
    /// Where it leads; nowhere if it is gone.
    pub target: Option<(Uid, FileType)>,
}

/// What became of a link count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountChange {
    /// Whose.
    pub inode: Uid,
    /// How many links it has; none if it is gone.
    pub links: u32,
}

/// What one operation did to names and link counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it was.
    pub opcode: Opcode,
    /// Names, in the order in which they changed.
    pub names: Vec<NameChange>,
    /// Link counts, in the order in which they changed.
    pub counts: Vec<CountChange>,
}

const HEAD: usize = 5;
const NAME: usize = 18;
const COUNT: usize = 12;

impl Record {
    fn len(&self) -> usize {
        let names: usize = self.names.iter().map(|change| NAME + change.name.len()).sum();
        HEAD + names + COUNT * self.counts.len()
    }

    fn encode(&self, out: &mut [u8]) {
        out[..2].copy_from_slice(&(self.len() as u16).to_le_bytes());
        (out[2], out[3], out[4]) = (self.opcode as u8, self.names.len() as u8, self.counts.len() as u8);
        let mut at = HEAD;
        for change in &self.names {
            let none = (Uid { inode: InodeNo::NONE, version: Version(0) }, FileType::File);
            let (target, kind) = change.target.unwrap_or(none);
            put_uid(out, at, change.dir);
            put_uid(out, at + 8, target);
            (out[at + 16], out[at + 17]) = (kind as u8, change.name.len() as u8);
            at += NAME;
            out[at..at + change.name.len()].copy_from_slice(change.name.as_bytes());
            at += change.name.len();
        }
        for change in &self.counts {
            put_uid(out, at, change.inode);
            put_u32(out, at + 8, change.links);
            at += COUNT;
        }
    }

    /// The record that the bytes begin with, and its length.
    fn decode(bytes: &[u8]) -> Option<(Record, usize)> {
        let len = usize::from(u16::from_le_bytes([*bytes.first()?, *bytes.get(1)?]));
        let bytes = bytes.get(..len).filter(|_| len >= HEAD)?;
        let opcode = [Opcode::Create, Opcode::Link, Opcode::Unlink, Opcode::Rename];
        let opcode = opcode.into_iter().find(|opcode| *opcode as u8 == bytes[2])?;
        let mut rest = &bytes[HEAD..];
        let names = (0..bytes[3]).map(|_| name_change(&mut rest)).collect::<Option<Vec<_>>>()?;
        let counts = (0..bytes[4]).map(|_| {
            let change = take(&mut rest, COUNT)?;
            Some(CountChange { inode: get_uid(change, 0), links: get_u32(change, 8) })
        });
        let counts = counts.collect::<Option<Vec<_>>>()?;
        Some((Record { opcode, names, counts }, len))
    }
}

fn name_change(rest: &mut &[u8]) -> Option<NameChange> {
    let head = take(rest, NAME)?;
    let (target, kind) = (get_uid(head, 8), FileType::from_number(head[16])?);
    let name = take(rest, usize::from(head[17])).filter(|name| !name.is_empty() && name.len() <= NAME_MAX)?;
    Some(NameChange {
        dir: get_uid(head, 0),
        name: std::str::from_utf8(name).ok()?.to_owned(),
        target: (target.inode != InodeNo::NONE).then_some((target, kind)),
    })
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(len)?;
    *rest = left;
    Some(taken)
}

fn put_uid(out: &mut [u8], at: usize, uid: Uid) {
    put_u32(out, at, uid.inode.0);
    put_u32(out, at + 4, uid.version.0);
}

fn get_uid(bytes: &[u8], at: usize) -> Uid {
    Uid { inode: InodeNo(get_u32(bytes, at)), version: Version(get_u32(bytes, at + 4)) }
}

/// The blocks that hold the records, in order.
pub(super) fn pack(records: &[Record]) -> Vec<Box<Page>> {
    let mut pages: Vec<Box<Page>> = Vec::new();
    let mut used = BLOCK_SIZE;
    for record in records {
        if used + record.len() > BLOCK_SIZE {
            pages.push(Box::new([0; BLOCK_SIZE]));
            used = 0;
        }
        if let Some(page) = pages.last_mut() {
            record.encode(&mut page[used..]);
        }
        used += record.len();
    }
    pages
}

/// The records in a block; those behind one that makes no sense are lost, which the checksum of the block excludes.
pub(super) fn unpack(page: &Page) -> Vec<Record> {
    let mut rest = &page[..];
    let records = std::iter::from_fn(|| {
        let (record, len) = Record::decode(rest)?;
        rest = &rest[len..];
        Some(record)
    });
    records.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(inode: u32) -> Uid {
        Uid { inode: InodeNo(inode), version: Version(inode << 16) }
    }

    fn rename(number: u32) -> Record {
        let name = |name: &str, target| NameChange { dir: uid(2), name: name.to_owned(), target };
        Record {
            opcode: Opcode::Rename,
            names: vec![
                name(&format!("to-{number}"), Some((uid(number), FileType::Dir))),
                name("from", None),
                name("..", Some((uid(3), FileType::Dir))),
            ],
            counts: vec![
                CountChange { inode: uid(9), links: 0 },
                CountChange { inode: uid(2), links: 1 << 20 },
            ],
        }
    }

    /// LF-21: opcode, directory, name, target and the new reference count.
    #[test]
    fn records_read_back_in_order_from_as_many_blocks_as_they_take() {
        let records: Vec<Record> = (10..80).map(rename).collect();
        let pages = pack(&records);
        assert_eq!(pages.len(), 2);
        let again: Vec<Record> = pages.iter().flat_map(|page| unpack(page)).collect();
        assert_eq!(again, records);
        assert_eq!(pack(&[]).len(), 0);
    }

    #[test]
    fn any_bytes_are_some_records_or_none() {
        let page = pack(&[rename(10), rename(11)]).remove(0);
        for at in 0..2 * rename(10).len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = page.clone();
                damaged[at] = value;
                assert!(unpack(&damaged).len() <= BLOCK_SIZE / HEAD);
            }
        }
        assert_eq!(unpack(&[0xff; BLOCK_SIZE]), []);
    }
}
