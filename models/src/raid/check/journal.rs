//! The stripe journal, as the drawing in `format.rs` has it: which of its records a replay would need, and whether they
//! are where it would look for them.

use super::{Fault, Reader, read, unsound};
use crate::le::{u16_at, u32_at, u64_at};
use crate::raid::RaidError;
use crate::raid::format::{JOURNAL_AT, SECTOR, UNIT};
use crashcheck::{Bytes, Lent};
use std::collections::BTreeMap;
use std::ops::Range;

/// The roles of the members that hold the journal.
const COPIES: [usize; 2] = [0, 1];

/// By row, what was written into it, the oldest first.
pub(super) type Pieces = BTreeMap<u64, Vec<Piece>>;

/// What a record puts into the unit of a member.
pub(super) struct Piece {
    role: usize,
    range: Range<usize>,
    bytes: Lent,
}

/// By number: on which devices, and what it says there.
type Headers = BTreeMap<u64, Vec<(u8, Record)>>;

/// The header of a record.
struct Record {
    sequence: u64,
    tail: u64,
    row: u64,
    /// For each unit of the body: the role, where it goes, and its checksum.
    pieces: Vec<(usize, Range<usize>, u32)>,
}

impl Reader<'_> {
    /// What a replay would put in place. The record after it must not have a number that is taken. Bodies are read from the
    /// newest record down to the last that is needed, and no further.
    pub(super) fn journal(&self, next: u64) -> Result<Pieces, RaidError> {
        let copies: Vec<u8> = COPIES.iter().filter_map(|role| self.device(*role)).collect();
        let (mut found, unreadable) = self.headers(&copies)?;
        let (mut pieces, mut tail) = (Pieces::new(), None);
        while let Some((sequence, records)) = found.pop_last() {
            if tail.is_some_and(|tail| sequence < tail) {
                break;
            }
            let (mut whole, mut missing) = (None, None);
            for device in copies.iter().copied().filter(|device| unreadable >> *device & 1 == 0) {
                let record = records.iter().find(|(of, _)| *of == device).map(|(_, record)| record);
                let body = match record {
                    Some(record) => self.body(device, record)?,
                    None => Ok(None),
                };
                match (record, body) {
                    (Some(record), Ok(Some(body))) => whole = Some((record, body)),
                    (_, Ok(_)) => missing = Some(device),
                    (_, Err(_)) => {}
                }
            }
            let Some((record, body)) = whole else { continue };
            if let Some(device) = missing {
                return unsound(format!(
                    "device {device} does not have record {sequence} whole, the other copy has"
                ));
            }
            if tail.is_none() && next <= sequence {
                return unsound(format!(
                    "the next record would have the number {next}, but record {sequence} is still there"
                ));
            }
            tail = tail.or(Some(record.tail));
            let each = record.pieces.iter().zip(body);
            let each =
                each.map(|((role, range, _), bytes)| Piece { role: *role, range: range.clone(), bytes });
            // The newest came first.
            pieces.entry(record.row).or_default().splice(0..0, each);
        }
        Ok(pieces)
    }

    /// The headers in all slots by number, and which devices cannot be read somewhere.
    fn headers(&self, copies: &[u8]) -> Result<(Headers, u32), RaidError> {
        let (mut found, mut unreadable) = (Headers::new(), 0);
        for device in copies.iter().copied() {
            for slot in 0..u64::from(self.head.slots) {
                let record = match self.record(device, slot)? {
                    Ok(Some(record)) => record,
                    Ok(None) => continue,
                    Err(_) => {
                        unreadable |= 1 << device;
                        continue;
                    }
                };
                let sequence = record.sequence;
                if sequence % u64::from(self.head.slots) != slot || record.tail > sequence {
                    return unsound(format!(
                        "record {sequence} does not belong into slot {slot} of device {device}"
                    ));
                }
                found.entry(sequence).or_default().push((device, record));
            }
        }
        Ok((found, unreadable))
    }

    fn slot(&self, slot: u64) -> Bytes {
        JOURNAL_AT + Bytes(slot * (1 + u64::from(self.head.members)) * UNIT as u64)
    }

    /// The record in a slot, if there is a header of one.
    fn record(&self, device: u8, slot: u64) -> Result<Result<Option<Record>, Fault>, RaidError> {
        let header = match read(&self.disks[usize::from(device)], self.slot(slot), SECTOR)? {
            Ok(header) => header,
            Err(fault) => return Ok(Err(fault)),
        };
        let (count, members) = (u32_at(&header, 32) as usize, usize::from(self.head.members));
        if header[..8] != *b"raid-sj\x01" || count > members {
            return Ok(Ok(None));
        }
        let end = 40 + 12 * count;
        let piece = |at: usize| {
            let (from, len) = (usize::from(u16_at(&header, at + 2)), usize::from(u16_at(&header, at + 4)));
            (usize::from(header[at]), from..from + len, u32_at(&header, at + 8))
        };
        let record = Record {
            sequence: u64_at(&header, 8),
            tail: u64_at(&header, 16),
            row: u64_at(&header, 24),
            pieces: (40..end).step_by(12).map(piece).collect(),
        };
        let fits = |(role, range, _): &(usize, Range<usize>, u32)| *role < members && range.end <= UNIT;
        let whole = u32_at(&header, end) == crc32fast::hash(&header[..end])
            && record.row < self.head.rows
            && record.pieces.iter().all(fits);
        Ok(Ok(whole.then_some(record)))
    }

    /// The units of the body of a record, if all of them are what the header says.
    fn body(&self, device: u8, record: &Record) -> Result<Result<Option<Vec<Lent>>, Fault>, RaidError> {
        let slot = record.sequence % u64::from(self.head.slots);
        let at = self.slot(slot) + Bytes::of(UNIT);
        let len = record.pieces.len() * UNIT;
        let body = match read(&self.disks[usize::from(device)], at, len)? {
            Ok(body) => body,
            Err(fault) => return Ok(Err(fault)),
        };
        let mut units = Vec::with_capacity(record.pieces.len());
        for ((_, range, crc), unit) in record.pieces.iter().zip(body.chunks(UNIT)) {
            let bytes = &unit[..range.len()];
            if crc32fast::hash(bytes) != *crc {
                return Ok(Ok(None));
            }
            units.push(Lent::from(bytes));
        }
        Ok(Ok(Some(units)))
    }
}

/// Whether the units of a row hold what the journal would put there; of what was written twice, the newer counts.
pub(super) fn are_in_place(row: u64, pieces: &[Piece], units: &[Option<Lent>]) -> Result<(), RaidError> {
    for (nth, piece) in pieces.iter().enumerate() {
        let Some(unit) = units[piece.role].as_ref().filter(|unit| unit[piece.range.clone()] != *piece.bytes)
        else {
            continue;
        };
        let hides = |newer: &&Piece| {
            newer.role == piece.role
                && newer.range.start < piece.range.end
                && piece.range.start < newer.range.end
        };
        let hidden: Vec<Range<usize>> =
            pieces[nth + 1..].iter().filter(hides).map(|newer| newer.range.clone()).collect();
        let wrong = piece
            .range
            .clone()
            .zip(&*piece.bytes)
            .find(|(at, byte)| unit[*at] != **byte && !hidden.iter().any(|range| range.contains(at)));
        if let Some((at, _)) = wrong {
            let role = piece.role;
            return unsound(format!(
                "the journal has something else for role {role} of row {row}, from byte {at} on"
            ));
        }
    }
    Ok(())
}
