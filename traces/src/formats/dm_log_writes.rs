//! The log of dm-log-writes, version 1, and of QEMU's blklogwrites: import and export.
//!
//! ```text
//! block 0      u64 magic 0x6a736677736872 | u64 version 1 | u64 entries | u32 S, the sector size
//! then each    u64 sector | u64 sectors | u64 flags | u64 data_len      one block of S; MARK: text follows, data_len long
//!              payload, sectors * S (DISCARD: none)                      DAX: the first data_len bytes of it
//! flags        1 FLUSH  2 FUA  4 DISCARD  8 MARK  16 METADATA
//! ```
//!
//! Little-endian; sectors count in S. How entries map to events:
//!
//! - The log is ordered by durability, not by issue: the kernel logs a cached write when the flush that covers it is
//!   done, in front of that flush, and an FUA write when it completes. So every event before a flush is covered by it,
//!   and [`Event::Flush`] excludes nothing. An FUA write can stand ahead of cached writes that are older; where those
//!   overlap it the order of the versions is the log's, not the issuer's: nothing in the log tells.
//! - FLUSH with data and without FUA is a barrier in front of a volatile write: a flush, then a write that only the next
//!   flush covers. FLUSH with FUA is a flush, then an FUA write.
//! - METADATA becomes the label `metadata`.
//! - MARKs become [`Event::Mark`]; `begin N text`, `ack N` and `ack N durable` become [`Event::Begin`] and
//!   [`Event::Ack`]. On export a mark that would be mistaken for those gets `mark ` in front, which import takes off.
//! - The log has as many entries as its first block counts. A recorder that was closed has written the right count; what
//!   follows is of an older recording, or the recorder died before it counted that, since it counts only now and then.
//!   A warning says how many entries follow, and [`Options::uncounted`] uses them. A count of 0 was never written: then
//!   what follows is used.
//! - Entries that are not counted are used as long as they make sense, up to the mark `dm-log-writes-end`. The kernel
//!   writes that mark when it closes a log, QEMU never: it is missed where the log has flags that only the kernel sets.
//!
//! The format has neither a base image nor the length of the device.

use super::Collector;
use crate::import::{Format, ImportError, Imported, Options};
use crate::{Bytes, DEVICE_LEN_MAX, DeviceId, Event, Label, Payload, Reach};
use std::io::{self, Read};

mod export;
mod marks;

pub use export::{ExportError, ExportProblem, SectorSize, export};

const MAGIC: u64 = 0x6a_7366_7773_6872;
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;
const MARK: u64 = 8;
const METADATA: u64 = 16;
const FLAGS: u64 = FLUSH | FUA | DISCARD | MARK | METADATA;
const ENTRY: usize = 32;
const LABEL: &str = "metadata";
const DEVICE: DeviceId = DeviceId(0);

/// Whether a file that begins like this is such a log.
pub(crate) fn begins(start: &[u8]) -> bool {
    start.starts_with(&MAGIC.to_le_bytes())
}

/// Imports a log.
///
/// # Errors
/// If the log cannot be read, does not follow the format within the entries that its first block counts, or reaches
/// beyond the device of the options.
pub fn import(input: impl Read, options: &Options) -> Result<Imported, ImportError> {
    let mut log = Log::open(input)?;
    let mut to = Collector::new(options);
    to.device("disk", 0)?;
    let all = log.count == 0 || options.uncounted;
    let mut index = 0;
    let ended = loop {
        if !all && index == log.count {
            break false;
        }
        match log.entry(index, &mut to)? {
            Step::Entry => index += 1,
            Step::EndMark => break true,
            Step::NoMore => break false,
        }
    };
    if !all && index == log.count {
        log.warn_of_more(&mut to)?;
    } else {
        log.warn_of_the_end(index, ended, &mut to);
    }
    let (trace, warnings) = to.finish(Bytes(log.sector), Bytes(4096))?;
    Ok(Imported { trace, format: Format::DmLogWrites, warnings })
}

/// The log, read from front to back.
struct Log<R> {
    input: R,
    at: u64,
    sector: u64,
    count: u64,
    /// Whether an entry had a flag that QEMU never sets.
    kernel: bool,
}

/// What stands where an entry should.
enum Step {
    Entry,
    EndMark,
    NoMore,
}

/// The header of an entry, its range checked.
struct Entry {
    at: Bytes,
    len: Bytes,
    flags: u64,
    data_len: u64,
}

impl Entry {
    /// What a mark says.
    fn text<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        &block[ENTRY..ENTRY + self.data_len as usize]
    }

    fn ends_the_log(&self, block: &[u8]) -> bool {
        self.flags & MARK != 0 && self.text(block) == marks::END.as_bytes()
    }
}

impl<R: Read> Log<R> {
    fn open(mut input: R) -> Result<Self, ImportError> {
        let mut start = Vec::new();
        let read = input.by_ref().take(28).read_to_end(&mut start);
        read.map_err(|error| ImportError::new(0, error))?;
        if start.len() < 28 {
            return Err(ImportError::malformed(start.len() as u64, "the log ends within its first block"));
        }
        let sector = u64::from(u32::from_le_bytes([start[24], start[25], start[26], start[27]]));
        if word(&start, 0) != MAGIC {
            return Err(ImportError::malformed(0, "this is not a dm-log-writes log"));
        }
        if word(&start, 8) != 1 {
            let what = format!("the log has version {}, but only version 1 is known", word(&start, 8));
            return Err(ImportError::malformed(8, what));
        }
        if !sector.is_power_of_two() || !(512..=65_536).contains(&sector) {
            return Err(ImportError::malformed(24, format!("no device has sectors of {sector} bytes")));
        }
        let mut log = Log { input, at: 28, sector, count: word(&start, 16), kernel: false };
        if log.take(sector - 28)?.is_none() {
            return Err(ImportError::malformed(log.at, "the log ends within its first block"));
        }
        Ok(log)
    }

    /// Warns if entries follow those that the first block counts.
    fn warn_of_more(&mut self, to: &mut Collector<'_>) -> Result<(), ImportError> {
        let (count, more) = (self.count, self.more()?);
        if more > 0 {
            to.warn(format!(
                "the log counts {count} entries, and {more} more follow that are not used: they are of an older \
                 recording, or the recorder died before it counted them (--uncounted uses them)"
            ));
        }
        Ok(())
    }

    /// Warns if the number of entries read is not the one that the first block counts.
    fn warn_of_the_end(&self, read: u64, ended: bool, to: &mut Collector<'_>) {
        let count = self.count;
        if read < count && !ended {
            to.warn(format!("the log promises {count} entries, but ends after {read}"));
        }
        if read <= count {
            return;
        }
        if count == 0 {
            to.warn(format!(
                "the log counts no entries, so its recorder died before it counted: the {read} that follow are used, \
                 though they may be of an older recording"
            ));
        } else {
            let more = read - count;
            to.warn(format!("the log counts {count} entries, but {more} more follow and are used"));
        }
        if self.kernel && !ended {
            to.warn(format!("the log has no `{}` mark: the recorder may have died", marks::END));
        }
    }

    /// How many whole entries follow. Nothing of them is kept.
    fn more(&mut self) -> Result<u64, ImportError> {
        let mut more = 0;
        while let Some(block) = self.take(self.sector)? {
            let Ok(entry) = self.parse(&block, false) else { break };
            let len = if entry.flags & DISCARD == 0 { entry.len.0 } else { 0 };
            if entry.ends_the_log(&block) || self.skip(len)? < len {
                break;
            }
            more += 1;
        }
        Ok(more)
    }

    /// Reads one entry and appends its events.
    fn entry(&mut self, index: u64, to: &mut Collector<'_>) -> Result<Step, ImportError> {
        let (at, counted) = (self.at, index < self.count);
        let Some(block) = self.take(self.sector)? else {
            if self.at > at {
                to.warn(format!("the log ends within the entry at byte {at}"));
            }
            return Ok(Step::NoMore);
        };
        if !counted && block[..ENTRY].iter().all(|byte| *byte == 0) {
            return Ok(Step::NoMore);
        }
        let entry = match self.parse(&block, counted) {
            Ok(entry) => entry,
            Err(what) if counted => return Err(ImportError::malformed(at, what)),
            Err(what) => {
                to.warn(format!("what follows the last entry, at byte {at}, is not used: {what}"));
                return Ok(Step::NoMore);
            }
        };
        self.kernel |= entry.flags & (FUA | MARK | METADATA) != 0;
        if entry.flags & MARK != 0 {
            return mark(entry.text(&block), at, to);
        }
        let mut data = None;
        if entry.flags & DISCARD == 0 && entry.len > Bytes::ZERO {
            to.charge(usize::try_from(entry.len.0).unwrap_or(usize::MAX), at)?;
            let Some(mut payload) = self.take(entry.len.0)? else {
                to.warn(format!(
                    "the log ends within the payload of the entry at byte {at}, which is not used"
                ));
                return Ok(Step::NoMore);
            };
            if entry.data_len > 0 {
                payload.truncate(entry.data_len as usize);
            }
            data = Some(Payload::from(payload));
        }
        push(&entry, data, at, to)?;
        Ok(Step::Entry)
    }

    /// Passes over so many bytes, and says how many there were.
    fn skip(&mut self, len: u64) -> Result<u64, ImportError> {
        let passed = io::copy(&mut self.input.by_ref().take(len), &mut io::sink());
        let passed = passed.map_err(|error| ImportError::new(self.at, error))?;
        self.at += passed;
        Ok(passed)
    }

    /// Reads so many bytes, or `None` if the log ends first. Memory grows with what is there, not with what is asked.
    fn take(&mut self, len: u64) -> Result<Option<Vec<u8>>, ImportError> {
        let mut bytes = Vec::new();
        let read = self.input.by_ref().take(len).read_to_end(&mut bytes);
        read.map_err(|error| ImportError::new(self.at, error))?;
        self.at += bytes.len() as u64;
        Ok((bytes.len() as u64 == len).then_some(bytes))
    }

    /// Checks a header. One that the first block does not count must look written by a recorder in every byte.
    fn parse(&self, block: &[u8], counted: bool) -> Result<Entry, String> {
        let [sector, sectors, flags, data_len] = [0, 8, 16, 24].map(|at| word(block, at));
        if flags & !FLAGS != 0 {
            return Err(format!("an entry has unknown flags {flags:#x}"));
        }
        let len = sectors.checked_mul(self.sector);
        let at = sector.checked_mul(self.sector);
        let end = at.zip(len).and_then(|(at, len)| at.checked_add(len));
        let (Some(at), Some(len), Some(_)) = (at, len, end.filter(|end| *end <= DEVICE_LEN_MAX.0)) else {
            return Err(format!("an entry of {sectors} sectors at sector {sector} lies beyond any device"));
        };
        let inline = if flags & MARK != 0 { self.sector - ENTRY as u64 } else { len };
        if data_len > inline {
            return Err(format!("an entry has {data_len} bytes of inline data, but room for {inline}"));
        }
        if flags & MARK != 0 && sectors != 0 {
            return Err("a mark has sectors".into());
        }
        let used = ENTRY + if flags & MARK != 0 { data_len as usize } else { 0 };
        if !counted && block[used..].iter().any(|byte| *byte != 0) {
            return Err("its header is not padded with zeros".into());
        }
        if sectors == 0 && flags & (FLUSH | FUA | DISCARD | MARK) == 0 {
            return Err("an entry says nothing: no flags, no sectors".into());
        }
        Ok(Entry { at: Bytes(at), len: Bytes(len), flags, data_len })
    }
}

fn mark(text: &[u8], offset: u64, to: &mut Collector<'_>) -> Result<Step, ImportError> {
    to.charge(text.len(), offset)?;
    let text = String::from_utf8_lossy(text);
    let Some(event) = marks::parse(&text) else { return Ok(Step::EndMark) };
    to.push(event, offset)?;
    Ok(Step::Entry)
}

/// The flush of an entry comes before its data.
fn push(
    entry: &Entry,
    data: Option<Payload>,
    offset: u64,
    to: &mut Collector<'_>,
) -> Result<(), ImportError> {
    if entry.flags & FLUSH != 0 {
        to.push(Event::flush(DEVICE), offset)?;
    }
    if entry.flags & DISCARD != 0 {
        to.push(Event::Discard { device: DEVICE, at: entry.at, len: entry.len }, offset)?;
    }
    if let Some(data) = data {
        let fua = (entry.flags & FUA != 0).then_some(Reach::All);
        let label = (entry.flags & METADATA != 0).then(|| Label::from(LABEL));
        to.push(Event::Write { device: DEVICE, at: entry.at, data, fua, label }, offset)?;
    }
    Ok(())
}

fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests;
