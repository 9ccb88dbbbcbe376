//! Writing a log that `replay-log` and import read.

use super::{DISCARD, ENTRY, FLUSH, FUA, LABEL, MAGIC, MARK, METADATA, marks};
use crate::{Bytes, DeviceId, Event, EventId, Label, Trace};
use std::collections::BTreeMap;
use std::io::{self, Write};
use thiserror::Error;

/// The sector size of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SectorSize {
    /// 512 bytes.
    #[default]
    B512,
    /// 4096 bytes.
    B4096,
}

impl SectorSize {
    /// As a number of bytes.
    pub fn bytes(self) -> Bytes {
        match self {
            SectorSize::B512 => Bytes(512),
            SectorSize::B4096 => Bytes(4096),
        }
    }
}

/// Why a trace cannot be exported, and which event is the reason.
#[derive(Debug, Error)]
#[error("{problem}{}", event.map(|event| format!(", event {event}")).unwrap_or_default())]
pub struct ExportError {
    /// The event, if it is one event's fault.
    pub event: Option<EventId>,
    /// What is wrong.
    #[source]
    pub problem: ExportProblem,
}

/// What keeps a trace from being exported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportProblem {
    /// The output could not be written.
    #[error("the log cannot be written: {0}")]
    Io(#[from] io::Error),
    /// The format cannot say it.
    #[error("dm-log-writes cannot express {what}")]
    Inexpressible {
        /// What.
        what: &'static str,
    },
}

/// Exports one device of a trace and returns what was lost, in sentences.
///
/// The log is ordered by durability: a write that flushes exclude is written behind the last of them. Zeroed ranges
/// become writes of zeros, labels other than `metadata` are lost, a mark that does not fit its block is shortened, and
/// the base image is not part of the format.
///
/// # Errors
/// If the output cannot be written; for a flash chip, a message between nodes, a change of length, a range that is not in
/// whole sectors, and an excluded write
/// that overlaps a younger one which was not excluded: the format cannot express those.
pub fn export(
    trace: &Trace,
    device: DeviceId,
    sector: SectorSize,
    out: impl Write,
) -> Result<Vec<String>, ExportError> {
    if trace.devices.get(device.index()).is_some_and(|device| device.chip().is_some()) {
        let problem = ExportProblem::Inexpressible { what: "a flash chip: it logs writes to block devices" };
        return Err(ExportError { event: None, problem });
    }
    let order = order(trace, device)?;
    let mut log = LogWriter { out, sector: sector.bytes().index(), warnings: Vec::new() };
    let entries = order.iter().filter(|id| says_something(&trace.events[id.index()])).count() as u64 + 1;
    log.superblock(entries).map_err(io_error)?;
    let mut labels_lost = 0u64;
    for id in order {
        let event = &trace.events[id.index()];
        labels_lost += u64::from(event.label().is_some_and(|label| label.as_str() != LABEL));
        if says_something(event) {
            log.event(event).map_err(|problem| ExportError { event: Some(id), problem })?;
        }
    }
    log.mark(marks::END).map_err(io_error)?;
    log.out.flush().map_err(io_error)?;
    if labels_lost > 0 {
        log.warnings.push(format!("the labels of {labels_lost} writes are lost"));
    }
    Ok(log.warnings)
}

fn io_error(error: io::Error) -> ExportError {
    ExportError { event: None, problem: error.into() }
}

/// A range of no bytes changes nothing, and the format has no entry for it.
fn says_something(event: &Event) -> bool {
    event.range().is_none_or(|(_, _, len)| len > Bytes::ZERO)
}

/// The events of a device and the marks, in the order of durability.
fn order(trace: &Trace, device: DeviceId) -> Result<Vec<EventId>, ExportError> {
    let behind = deferrals(trace, device);
    let mut waiting: BTreeMap<EventId, EventId> = BTreeMap::new();
    let mut order = Vec::new();
    for (id, event) in (0..).map(EventId).zip(&trace.events) {
        if event.device().is_some_and(|of| of != device) {
            continue;
        }
        if let Some(flush) = behind.get(&id) {
            waiting.insert(id, *flush);
            continue;
        }
        if waiting.keys().any(|older| overlap(&trace.events[older.index()], event)) {
            let what = "a write that is durable before an older one it overlaps";
            return Err(ExportError { event: Some(id), problem: ExportProblem::Inexpressible { what } });
        }
        order.push(id);
        order.extend(waiting.iter().filter(|(_, flush)| **flush == id).map(|(older, _)| *older));
        waiting.retain(|_, flush| *flush != id);
    }
    order.extend(waiting.into_keys());
    Ok(order)
}

/// For each volatile event that flushes exclude: the last of them before the one that covers it.
fn deferrals(trace: &Trace, device: DeviceId) -> BTreeMap<EventId, EventId> {
    let mut behind = BTreeMap::new();
    let mut volatile: Vec<EventId> = Vec::new();
    for (id, event) in (0..).map(EventId).zip(&trace.events) {
        match event {
            Event::Flush { device: on, except, .. } if *on == device => {
                volatile.retain(|older| except.binary_search(older).is_ok());
                behind.extend(volatile.iter().map(|older| (*older, id)));
            }
            Event::Write { device: on, fua: None, .. }
            | Event::WriteZeroes { device: on, fua: None, .. }
            | Event::Discard { device: on, .. }
                if *on == device =>
            {
                volatile.push(id);
            }
            Event::Write { .. }
            | Event::WriteZeroes { .. }
            | Event::Discard { .. }
            | Event::Resize { .. }
            | Event::Program { .. }
            | Event::Erase { .. }
            | Event::Names { .. }
            | Event::Flush { .. }
            | Event::FlushFailed { .. }
            | Event::Begin { .. }
            | Event::Ack { .. }
            | Event::Mark { .. }
            | Event::Send { .. }
            | Event::Deliver { .. }
            | Event::Down { .. }
            | Event::Up { .. } => {}
        }
    }
    behind
}

fn overlap(a: &Event, b: &Event) -> bool {
    let Some(((_, a, a_len), (_, b, b_len))) = a.range().zip(b.range()) else { return false };
    a < b + b_len && b < a + a_len
}

struct LogWriter<W> {
    out: W,
    sector: usize,
    warnings: Vec<String>,
}

impl<W: Write> LogWriter<W> {
    fn superblock(&mut self, entries: u64) -> io::Result<()> {
        let mut block = vec![0; self.sector];
        for (at, word) in [(0, MAGIC), (8, 1), (16, entries), (24, self.sector as u64)] {
            block[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
        self.out.write_all(&block)
    }

    fn event(&mut self, event: &Event) -> Result<(), ExportProblem> {
        if let Some(text) = marks::text(event) {
            return Ok(self.mark(&text)?);
        }
        match event {
            Event::Write { at, data, fua, label, .. } => {
                self.header(*at, data.len(), flags(fua.is_some(), label.as_ref()))?;
                Ok(self.out.write_all(data.as_slice())?)
            }
            Event::WriteZeroes { at, len, fua, label, .. } => {
                self.header(*at, *len, flags(fua.is_some(), label.as_ref()))?;
                io::copy(&mut io::Read::take(io::repeat(0), len.0), &mut self.out)?;
                Ok(())
            }
            Event::Discard { at, len, .. } => self.header(*at, *len, DISCARD),
            Event::Flush { .. } => self.header(Bytes::ZERO, Bytes::ZERO, FLUSH),
            Event::Resize { .. } => Err(ExportProblem::Inexpressible { what: "a change of length" }),
            Event::Names { .. } => Err(ExportProblem::Inexpressible { what: "a change of names" }),
            Event::FlushFailed { .. } => Err(ExportProblem::Inexpressible { what: "a flush that failed" }),
            Event::Send { .. } | Event::Deliver { .. } => {
                Err(ExportProblem::Inexpressible { what: "a message between nodes" })
            }
            Event::Down { .. } | Event::Up { .. } => {
                Err(ExportProblem::Inexpressible { what: "a node that is turned off or on" })
            }
            Event::Program { .. }
            | Event::Erase { .. }
            | Event::Begin { .. }
            | Event::Ack { .. }
            | Event::Mark { .. } => Err(ExportProblem::Inexpressible { what: "an event of this kind" }),
        }
    }

    fn header(&mut self, at: Bytes, len: Bytes, flags: u64) -> Result<(), ExportProblem> {
        let sector = self.sector as u64;
        if !at.0.is_multiple_of(sector) || !len.0.is_multiple_of(sector) {
            return Err(ExportProblem::Inexpressible { what: "a range that is not in whole sectors" });
        }
        Ok(self.entry([at.0 / sector, len.0 / sector, flags, 0], b"")?)
    }

    fn mark(&mut self, text: &str) -> io::Result<()> {
        let room = self.sector - ENTRY - 1;
        let fits = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        if fits < text.len() {
            self.warnings.push(format!("a mark of {} bytes was shortened to {fits}", text.len()));
        }
        self.entry([0, 0, MARK, fits as u64], &text.as_bytes()[..fits])
    }

    fn entry(&mut self, words: [u64; 4], inline: &[u8]) -> io::Result<()> {
        let mut block = vec![0; self.sector];
        for (at, word) in words.into_iter().enumerate() {
            block[8 * at..8 * at + 8].copy_from_slice(&word.to_le_bytes());
        }
        block[ENTRY..ENTRY + inline.len()].copy_from_slice(inline);
        self.out.write_all(&block)
    }
}

fn flags(fua: bool, label: Option<&Label>) -> u64 {
    let metadata = label.is_some_and(|label| label.as_str() == LABEL);
    (u64::from(fua) * FUA) | (u64::from(metadata) * METADATA)
}
