//! Import of the binary trace of blktrace, versions 7 and 8, as `blktrace` or `blkparse -d` write it.
//!
//! ```text
//! v7  0 u32 magic  4 u32 sequence  8 u64 time  16 u64 sector  24 u32 bytes  28 u32 action  32 u32 pid  36 u32 device
//!    40 u32 cpu   44 u16 error    46 u16 length of what follows                                          48 bytes
//! v8 up to bytes as v7, then      28 u32 pid  32 u64 action  40 u32 device  44 u32 cpu  48 u16 error
//!    50 u16 length of what follows                                                                       64 bytes
//! ```
//!
//! The magic is `0x65617400` plus the version, in the byte order of the machine that recorded. Sectors have 512 bytes.
//! How records map to events:
//!
//! - A write stands where it was issued, and is in flight from there. So does a discard.
//! - A flush stands where it *completed*: only then does anything become durable. It excludes what had not completed
//!   when the flush was issued ([`Event::Flush`]'s `except`): that is what the pairs of issue and completion tell.
//! - An FUA write stands where it completed, since it is durable from there; until then nothing relies on it. One that
//!   never completed is an ordinary write in flight.
//! - FLUSH with data is a flush in front of the data.
//! - Completions with an error leave the request in flight; a failed flush is dropped. Notices, reads and passed-through
//!   commands are skipped. A request that was put back in the queue is issued once.
//! - The kernel may tell of one end twice: of a write with a flush in front, once with its bytes and once more with none, at
//!   the sector behind it; of a flush, once of the request for the device and once of the one that asked for it. A
//!   completion without bytes completes a flush only where sector and kind are those of its issue.
//! - META becomes the label `metadata`.
//!
//! blktrace writes a file for each processor. A request may be issued on one and complete on another, so that one file
//! without the others loses flushes: [`import_all`] takes all of them. A warning tells of flushes and FUA writes that were
//! issued and never seen to complete, and of a trace that has none: the kernel sends none to a device that has no
//! volatile cache.
//!
//! The trace has no data: each write gets contents of its own, the same on every import.

use super::{Collector, synthetic};
use crate::import::{Format, ImportError, Imported, Options};
use crate::{Bytes, DeviceId, Event, Label, Reach};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::Read;

mod flight;

use flight::Flight;

const MAGIC: u32 = 0x6561_7400;
const SECTOR: u64 = 512;

const REQUEUE: u64 = 6;
const ISSUE: u64 = 7;
const COMPLETE: u64 = 8;
/// Set by kernels that put the control group of the issuer behind the record.
const CGROUP: u64 = 1 << 8;

const WRITE: u64 = 1 << 17;
const FLUSH: u64 = 1 << 18;
const PASSED_THROUGH: u64 = 1 << 25;
const NOTIFY: u64 = 1 << 26;
const META: u64 = 1 << 28;
const DISCARD: u64 = 1 << 29;
const FUA: u64 = 1 << 31;

/// Whether a file that begins like this is such a trace.
pub(crate) fn begins(start: &[u8]) -> bool {
    start.first_chunk().is_some_and(|magic| Layout::of(*magic).is_ok())
}

/// Imports a trace.
///
/// # Errors
/// If the trace cannot be read or does not follow the format, if a write is longer than 64 MiB, or if the contents
/// given to the writes need more memory than they may.
pub fn import(input: impl Read, options: &Options) -> Result<Imported, ImportError> {
    import_all(vec![(String::new(), input)], options)
}

/// Imports a trace from the files of all processors, each with its name, merged by time.
///
/// # Errors
/// As [`import`]. The error names the file if there are several.
pub fn import_all<R: Read>(files: Vec<(String, R)>, options: &Options) -> Result<Imported, ImportError> {
    let mut places = Places { files: Vec::new(), next: 0 };
    import_placed(files, options, &mut places).map_err(|error| places.place(error))
}

fn import_placed<R: Read>(
    files: Vec<(String, R)>,
    options: &Options,
    places: &mut Places,
) -> Result<Imported, ImportError> {
    let mut to = Collector::new(options);
    let (mut records, several) = (Vec::new(), files.len() > 1);
    for (name, input) in files {
        let within = if several { format!("{name}: ") } else { String::new() };
        places.files.push((places.next, name));
        places.next = read_records(input, places.next, &within, &mut records, &mut to)?;
    }
    // Each processor has its own buffer, so records are in order only within one of them.
    records.sort_by_key(|record: &Record| record.time);
    let mut devices: BTreeMap<u32, Flight> = BTreeMap::new();
    let mut barriers = Barriers::default();
    for record in &records {
        let flight = match devices.entry(record.device) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let name = format!("{}:{}", record.device >> 20, record.device & 0xf_ffff);
                new.insert(Flight::new(to.device(&name, record.offset)?))
            }
        };
        match record.action & 0xffff & !CGROUP {
            REQUEUE => flight.requeue(record),
            ISSUE => {
                barriers.issued |= record.is(FLUSH | FUA);
                flight.issue(record, &mut to)?;
            }
            COMPLETE => {
                barriers.completed |= record.is(FLUSH | FUA);
                flight.complete(record, &mut to)?;
            }
            _ => {}
        }
    }
    for flight in devices.into_values() {
        barriers.open += flight.land(&mut to)?;
    }
    barriers.warn(&mut to);
    let (trace, warnings) = to.finish(Bytes(SECTOR), Bytes(4096))?;
    Ok(Imported { trace, format: Format::Blktrace, warnings })
}

/// Where the files begin, with their names, if they are laid one behind the other: an offset then tells its file.
struct Places {
    files: Vec<(u64, String)>,
    next: u64,
}

impl Places {
    fn place(&self, error: ImportError) -> ImportError {
        let file = self.files.iter().rfind(|(start, _)| *start <= error.offset.0);
        match file.filter(|_| self.files.len() > 1) {
            Some((start, name)) => {
                ImportError { offset: Bytes(error.offset.0 - start), file: Some(name.clone()), ..error }
            }
            None => error,
        }
    }
}

/// What was seen of flushes and FUA writes.
#[derive(Default)]
struct Barriers {
    issued: bool,
    completed: bool,
    /// Issued and never completed.
    open: usize,
}

impl Barriers {
    fn warn(&self, to: &mut Collector<'_>) {
        const ALL: &str =
            "blktrace writes a file for each processor: put all files of one recording into one folder";
        if to.next_id().0 == 0 {
            to.warn(
                "the trace has no write that was issued: was it recorded above a device without a queue?",
            );
        } else if !self.issued && !self.completed {
            to.warn(
                "no flush and no FUA: either nobody asked for durability, or the device has no volatile cache; for \
                 such a device explore with --profile write-through",
            );
        } else if !self.issued {
            to.warn(format!(
                "flushes or FUA writes completed, but none was seen to be issued: they are left out. {ALL}"
            ));
        }
        if self.open > 0 {
            to.warn(format!(
                "flushes and FUA writes issued but never seen to complete: {}; they make nothing durable. {ALL}",
                self.open
            ));
        }
    }
}

/// What matters of a record.
#[derive(Clone, Copy, Debug)]
struct Record {
    offset: u64,
    time: u64,
    sector: u64,
    bytes: u32,
    action: u64,
    device: u32,
    error: u16,
}

impl Record {
    fn is(&self, category: u64) -> bool {
        self.action & category != 0
    }

    fn at(&self) -> Result<Bytes, ImportError> {
        let at = self.sector.checked_mul(SECTOR).map(Bytes);
        at.ok_or_else(|| ImportError::malformed(self.offset, "a sector lies beyond any device"))
    }

    /// Whether a completion without bytes is that of this flush.
    fn is_completed_by(&self, record: &Record) -> bool {
        const KIND: u64 = WRITE | FLUSH | DISCARD | FUA;
        (self.sector, self.action & KIND) == (record.sector, record.action & KIND)
    }

    fn label(&self) -> Option<Label> {
        self.is(META).then(|| Label::from("metadata"))
    }

    /// The write, in the order of the file's time, with contents of its own.
    fn write(&self, fua: bool, device: DeviceId, to: &mut Collector<'_>) -> Result<Event, ImportError> {
        let (at, len) = (self.at()?, Bytes(u64::from(self.bytes)));
        if len > synthetic::LEN_MAX {
            let what = format!("a write of {len} is longer than {}", synthetic::LEN_MAX);
            return Err(ImportError::malformed(self.offset, what));
        }
        to.charge(len.index(), self.offset)?;
        let data = synthetic::content(u64::from(to.next_id().0) + 1, at, len);
        Ok(Event::Write { device, at, data, fua: fua.then_some(Reach::All), label: self.label() })
    }
}

/// The version and byte order of a record.
#[derive(Clone, Copy)]
struct Layout {
    v8: bool,
    big: bool,
}

impl Layout {
    fn of(magic: [u8; 4]) -> Result<Layout, String> {
        let (little, big) = (u32::from_le_bytes(magic), u32::from_be_bytes(magic));
        let (version, big) = match (little & !0xff == MAGIC, big & !0xff == MAGIC) {
            (true, _) => (little & 0xff, false),
            (_, true) => (big & 0xff, true),
            _ => return Err("this is not a blktrace record".into()),
        };
        match version {
            7 => Ok(Layout { v8: false, big }),
            8 => Ok(Layout { v8: true, big }),
            _ => Err(format!("a blktrace record has version {version}, but only 7 and 8 are known")),
        }
    }

    fn len(self) -> u64 {
        if self.v8 { 64 } else { 48 }
    }

    fn number(self, bytes: &[u8], at: usize, len: usize) -> u64 {
        let step = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        let field = &bytes[at..at + len];
        if self.big { field.iter().fold(0, step) } else { field.iter().rev().fold(0, step) }
    }

    /// The record, and how many bytes follow it.
    fn record(self, bytes: &[u8], offset: u64) -> (Record, u64) {
        let get = |at, len| self.number(bytes, at, len);
        let (action, device, error, more) = if self.v8 {
            (get(32, 8), get(40, 4), get(48, 2), get(50, 2))
        } else {
            (get(28, 4), get(36, 4), get(44, 2), get(46, 2))
        };
        let (time, sector, bytes) = (get(8, 8), get(16, 8), get(24, 4) as u32);
        let (device, error) = (device as u32, error as u16);
        (Record { offset, time, sector, bytes, action, device, error }, more)
    }
}

/// Appends the records of writes, discards and flushes of the file that begins at an offset, and says where it ends;
/// memory grows with the file.
fn read_records(
    mut input: impl Read,
    start: u64,
    within: &str,
    records: &mut Vec<Record>,
    to: &mut Collector<'_>,
) -> Result<u64, ImportError> {
    let mut offset = start;
    let mut bytes = Vec::new();
    while let Some((record, len)) = read_record(&mut input, offset, &mut bytes)? {
        if record.is(WRITE | FLUSH | DISCARD) && !record.is(NOTIFY | PASSED_THROUGH) {
            to.charge(size_of::<Record>(), offset)?;
            records.push(record);
        }
        offset += len;
    }
    if !bytes.is_empty() {
        to.warn(format!("{within}the trace ends within the record at byte {}", offset - start));
    }
    Ok(offset + bytes.len() as u64)
}

/// A record and its length, or `None` where the input ends; `bytes` then holds what there was of one more.
fn read_record(
    input: &mut impl Read,
    offset: u64,
    bytes: &mut Vec<u8>,
) -> Result<Option<(Record, u64)>, ImportError> {
    bytes.clear();
    if !fill(input, 4, bytes, offset)? {
        return Ok(None);
    }
    let magic = [bytes[0], bytes[1], bytes[2], bytes[3]];
    let layout = Layout::of(magic).map_err(|what| ImportError::malformed(offset, what))?;
    if !fill(input, layout.len(), bytes, offset)? {
        return Ok(None);
    }
    let (record, more) = layout.record(bytes, offset);
    let whole = fill(input, layout.len() + more, bytes, offset)?;
    Ok(whole.then_some((record, layout.len() + more)))
}

/// Reads until there are `len` bytes, and says whether there are.
fn fill(input: &mut impl Read, len: u64, bytes: &mut Vec<u8>, offset: u64) -> Result<bool, ImportError> {
    let missing = len - bytes.len() as u64;
    input.take(missing).read_to_end(bytes).map_err(|error| ImportError::new(offset, error))?;
    Ok(bytes.len() as u64 == len)
}

#[cfg(test)]
mod tests;
