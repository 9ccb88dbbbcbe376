//! The stripe journal: what goes into a row is durable there before the row is touched (RD-22).
//!
//! Two members hold the same journal, so that a crash together with the loss of any one member leaves a copy. A record
//! is issued as a header and bodies, without an order between them: checksums tell whether it is whole. A slot is used
//! again when a flush of all members has made the row of its record durable; the tail in every header says so to
//! recovery, which therefore has nothing to clear.

use super::array::Array;
use super::bugs::Bug;
use super::format::{JOURNAL_AT, PieceHead, RecordHead, UNIT, Unit};
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
    /// Every record so far is in place and durable.
    pub(super) fn settle(&mut self) {
        self.tail = self.next;
    }
}

/// A record that was read back.
struct Record {
    head: RecordHead,
    /// The unit of each piece.
    bodies: Vec<Box<Unit>>,
}

impl Record {
    fn of(head: RecordHead, pieces: &[Change]) -> Record {
        let body = |piece: &Change| {
            let mut body = Box::new([0; UNIT]);
            body[..piece.bytes.len()].copy_from_slice(&piece.bytes);
            body
        };
        Record { head, bodies: pieces.iter().map(body).collect() }
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
        let units = [(&head, "journal header")].into_iter();
        let units = units.chain(record.bodies.iter().map(|body| (&**body, "journal body")));
        for (nth, (unit, label)) in units.enumerate() {
            let at = at + Bytes::of(nth * UNIT);
            match self.members.write_metadata(device, at, unit, (false, label)) {
                Err(DiskError::Lost { .. }) => return self.fail(device),
                done => done?,
            }
        }
        Ok(())
    }

    /// Reads a slot of one copy; `None` if no whole record is in it.
    fn read_record(&mut self, device: u8, slot: u64) -> Result<Option<Record>, DiskError> {
        let at = self.slot(slot);
        let found = self.members.read_sector(device, at);
        let Some(unit) = self.or_missing(device, found)? else { return Ok(None) };
        let Some(head) = RecordHead::decode(&unit, &self.geometry()) else { return Ok(None) };
        let mut bodies = Vec::new();
        for (nth, piece) in head.pieces.iter().enumerate() {
            let at = at + Bytes::of((nth + 1) * UNIT);
            let found = self.members.read_metadata(device, at, usize::from(piece.len));
            let Some(body) = self.or_missing(device, found)? else { return Ok(None) };
            let genuine = crc32fast::hash(&body[..usize::from(piece.len)]) == piece.crc;
            if !genuine && !self.bugs.has(Bug::JournalChecksumIgnored) {
                return Ok(None);
            }
            bodies.push(body);
        }
        Ok(Some(Record { head, bodies }))
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
        let mut records = BTreeMap::new();
        let mut whole: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
        for device in self.copies() {
            for slot in 0..u64::from(self.superblock.slots) {
                if let Some(record) = self.read_record(device, slot)? {
                    whole.entry(device).or_default().push(record.head.sequence);
                    records.insert(record.head.sequence, record);
                }
            }
        }
        let Some(tail) = records.last_key_value().map(|(_, newest)| newest.head.tail) else { return Ok(0) };
        let needed = records.split_off(&tail);
        self.journal.next = needed.last_key_value().map_or(0, |(newest, _)| newest + 1);
        // A record that only one member holds would be gone with it, and its row half written.
        for device in self.copies() {
            let missing = |sequence: &&u64| !whole.get(&device).is_some_and(|held| held.contains(sequence));
            for sequence in needed.keys().filter(missing) {
                self.write_record(device, &needed[sequence])?;
            }
        }
        self.flush_devices(&self.copies())?;
        for record in needed.values() {
            self.put_in_place(record)?;
        }
        self.flush_members()?;
        self.journal.settle();
        Ok(needed.len())
    }

    fn put_in_place(&mut self, record: &Record) -> Result<(), DiskError> {
        let row = record.head.row;
        for (piece, body) in record.head.pieces.iter().zip(&record.bodies) {
            let is_data = self.geometry().column(row, piece.role).is_some();
            if self.bugs.has(Bug::ReplayWithoutParity) && !is_data {
                continue;
            }
            let Some(device) = self.device(piece.role).filter(|_| self.has(piece.role, row)) else {
                continue;
            };
            let bytes = &body[..usize::from(piece.len)];
            self.write_unit(device, row, usize::from(piece.at), bytes, (false, "replayed"))?;
        }
        Ok(())
    }
}
