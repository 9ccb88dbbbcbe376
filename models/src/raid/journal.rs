//! The stripe journal: what goes into a row is durable there before the row is touched (RD-22).
//!
//! Two members hold the same journal, so that a crash together with the loss of any one member leaves a copy. A record
//! is issued as a header and a body, without an order between them: checksums tell whether it is whole. A slot is used
//! again when a flush of all members has made the row of its record durable; the tail in every header says so to
//! recovery, which therefore has nothing to clear.

use super::array::Array;
use super::bugs::Bug;
use super::format::{JOURNAL_AT, PieceHead, RecordHead, UNIT};
use super::geometry::{Role, Row};
use super::row::Change;
use crashcheck::{Bytes, DiskError};
use std::collections::BTreeMap;

/// The members that hold the journal.
const COPIES: [Role; 2] = [Role(0), Role(1)];

/// Where the journal ends, and from where on its records are needed.
#[derive(Default)]
pub(super) struct Journal {
    next: u64,
    tail: u64,
}

impl Journal {
    /// The number of the next record.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Every record so far is in place and durable.
    pub(super) fn settle(&mut self) {
        self.tail = self.next;
    }
}

/// A record, read back or about to be written.
struct Record {
    head: RecordHead,
    /// One unit for each piece.
    body: Vec<u8>,
}

impl Record {
    fn of(head: RecordHead, pieces: &[Change]) -> Record {
        let mut body = vec![0; pieces.len() * UNIT];
        for (unit, piece) in body.chunks_mut(UNIT).zip(pieces) {
            unit[..piece.bytes.len()].copy_from_slice(&piece.bytes);
        }
        Record { head, body }
    }

    /// The bytes of each piece.
    fn pieces(&self) -> impl Iterator<Item = (&PieceHead, &[u8])> {
        let bytes = self.head.pieces.iter().zip(self.body.chunks(UNIT));
        bytes.map(|(piece, unit)| (piece, &unit[..usize::from(piece.len)]))
    }
}

impl Array {
    fn slot(&self, sequence: u64) -> Bytes {
        let record = (1 + u64::from(self.geometry().members)) * UNIT as u64;
        JOURNAL_AT + Bytes(sequence % u64::from(self.superblock.slots.max(1)) * record)
    }

    /// The devices that hold the journal. One that is being rebuilt holds it from the beginning.
    fn copies(&self) -> Vec<u8> {
        let copies = if self.bugs.has(Bug::JournalOnOneMember) { &COPIES[..1] } else { &COPIES[..] };
        copies.iter().filter_map(|role| self.device(*role)).collect()
    }

    /// Appends what is about to go into a row, and makes it durable.
    pub(super) fn append(&mut self, row: Row, pieces: &[Change]) -> Result<(), DiskError> {
        if self.journal.next - self.journal.tail >= u64::from(self.superblock.slots) {
            if !self.bugs.has(Bug::JournalFreedEarly) {
                self.flush_members()?;
            }
            self.journal.settle();
        }
        let head = |piece: &Change| PieceHead {
            role: piece.role,
            at: piece.at as u16,
            len: piece.bytes.len() as u16,
            crc: crc32fast::hash(&piece.bytes),
        };
        let head = RecordHead {
            sequence: self.journal.next,
            tail: self.journal.tail,
            row,
            pieces: pieces.iter().map(head).collect(),
        };
        self.journal.next += 1;
        let record = Record::of(head, pieces);
        let copies = self.copies();
        for device in &copies {
            self.write_record(*device, &record)?;
        }
        if self.bugs.has(Bug::JournalNotDurable) {
            return Ok(());
        }
        self.flush_devices(&copies)
    }

    fn flush_devices(&mut self, devices: &[u8]) -> Result<(), DiskError> {
        for device in devices {
            match self.members.flush(*device) {
                Err(DiskError::Lost { .. }) => self.fail(*device)?,
                done => done?,
            }
        }
        Ok(())
    }

    fn write_record(&mut self, device: u8, record: &Record) -> Result<(), DiskError> {
        let at = self.slot(record.head.sequence);
        let head = record.head.encode();
        let parts =
            [(at, &head[..], "journal header"), (at + Bytes::of(UNIT), &*record.body, "journal body")];
        for (at, bytes, label) in parts {
            match self.members.write_metadata(device, at, bytes, (false, label)) {
                Err(DiskError::Lost { .. }) => return self.fail(device),
                done => done?,
            }
        }
        Ok(())
    }

    /// The header in a slot of one copy.
    fn read_head(&mut self, device: u8, slot: u64) -> Result<Option<RecordHead>, DiskError> {
        let found = self.members.read_sector(device, self.slot(slot));
        let unit = self.or_missing(device, found)?;
        Ok(unit.and_then(|unit| RecordHead::decode(&unit, &self.geometry())))
    }

    /// The rest of a record; `None` if it is not whole.
    fn read_body(&mut self, device: u8, head: RecordHead) -> Result<Option<Record>, DiskError> {
        let at = self.slot(head.sequence) + Bytes::of(UNIT);
        let found = self.members.read_metadata(device, at, head.pieces.len() * UNIT);
        let Some(body) = self.or_missing(device, found)? else { return Ok(None) };
        let record = Record { head, body };
        let genuine = record.pieces().all(|(piece, bytes)| crc32fast::hash(bytes) == piece.crc);
        Ok(Some(record).filter(|_| genuine || self.bugs.has(Bug::JournalChecksumIgnored)))
    }

    /// What was read, or nothing if a fault of the device is the reason.
    pub(super) fn or_missing<T>(
        &mut self,
        device: u8,
        found: Result<T, DiskError>,
    ) -> Result<Option<T>, DiskError> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(DiskError::Lost { .. }) => self.fail(device).map(|()| None),
            Err(DiskError::Unreadable { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Writes everything into place that a crash may have kept from it. Returns the number of records.
    pub(super) fn replay(&mut self) -> Result<usize, DiskError> {
        let needed = self.needed()?;
        let Some((newest, _)) = needed.last_key_value() else { return Ok(0) };
        self.journal.next = newest + u64::from(!self.bugs.has(Bug::JournalNumberReused));
        // A record that only one member holds would be gone with it, and its row half written.
        let copies = self.copies();
        for record in needed.values() {
            for device in &copies {
                self.write_record(*device, record)?;
            }
        }
        self.flush_devices(&copies)?;
        for record in needed.values() {
            self.put_in_place(record)?;
        }
        if !self.bugs.has(Bug::ReplayNotDurable) {
            self.flush_members()?;
        }
        self.journal.settle();
        Ok(needed.len())
    }

    /// The newest record that is whole, and those before it that may not be in place.
    fn needed(&mut self) -> Result<BTreeMap<u64, Record>, DiskError> {
        let mut heads = BTreeMap::<u64, Vec<(u8, RecordHead)>>::new();
        for device in self.copies() {
            for slot in 0..u64::from(self.superblock.slots) {
                if let Some(head) = self.read_head(device, slot)? {
                    heads.entry(head.sequence).or_default().push((device, head));
                }
            }
        }
        let (mut needed, mut tail) = (BTreeMap::new(), 0);
        while let Some((sequence, copies)) = heads.pop_last().filter(|(sequence, _)| *sequence >= tail) {
            for (device, head) in copies {
                if let Some(record) = self.read_body(device, head)? {
                    tail = if needed.is_empty() { record.head.tail } else { tail };
                    needed.insert(sequence, record);
                    break;
                }
            }
        }
        Ok(needed)
    }

    fn put_in_place(&mut self, record: &Record) -> Result<(), DiskError> {
        let row = record.head.row;
        for (piece, bytes) in record.pieces() {
            let is_data = self.geometry().column(row, piece.role).is_some();
            if self.bugs.has(Bug::ReplayWithoutParity) && !is_data {
                continue;
            }
            let Some(device) = self.device(piece.role).filter(|_| self.has(piece.role, row)) else {
                continue;
            };
            self.write_unit(device, row, usize::from(piece.at), bytes, (false, "replayed"))?;
        }
        Ok(())
    }
}
