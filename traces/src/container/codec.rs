//! What stands in a chunk: numbers, texts, pieces and events.

use super::chunk::at_most;
use super::{EXCEPT_MAX, PAYLOAD_MAX, PIECE, Problem, TEXT_MAX};
use crate::files::NameChange;
use crate::{Bytes, DeviceId, Event, EventId, Label, MessageId, NodeId, OpId, Payload, Reach};
use rustc_hash::FxHashMap;

const WRITE: u64 = 0x10;
const WRITE_ZEROES: u64 = 0x11;
const DISCARD: u64 = 0x12;
const RESIZE: u64 = 0x13;
const FLUSH: u64 = 0x14;
const BEGIN: u64 = 0x15;
const ACK: u64 = 0x16;
const MARK: u64 = 0x17;
const FLUSH_FAILED: u64 = 0x18;
const PROGRAM: u64 = 0x20;
const ERASE: u64 = 0x21;
const SEND: u64 = 0x30;
const DELIVER: u64 = 0x31;
const DOWN: u64 = 0x32;
const UP: u64 = 0x33;
const NAMES: u64 = 0x40;
const FLUSH_DATA: u64 = 0x41;
const WRITE_DATA: u64 = 0x42;
const WRITE_ZEROES_DATA: u64 = 0x43;

/// Both sides stop numbering labels here, so that a file cannot fill the memory of its reader with them.
const LABELS_MAX: usize = 4096;
const LABEL_NUMBERED_MAX: usize = 4096;

/// So many names change at once at most.
const NAMES_MAX: usize = 16;

/// Where a piece is stored: the index of its DATA chunk among all DATA chunks, and the offset in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) chunk: u32,
    pub(super) offset: u32,
}

/// The labels that have a number. Writer and reader keep the same table by the same rule.
#[derive(Default)]
pub(super) struct Labels {
    numbers: FxHashMap<Label, u64>,
    labels: Vec<Label>,
}

impl Labels {
    fn learn(&mut self, label: &Label) {
        if self.labels.len() < LABELS_MAX && label.text().len() <= LABEL_NUMBERED_MAX {
            self.numbers.insert(label.clone(), self.labels.len() as u64);
            self.labels.push(label.clone());
        }
    }
}

pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn put_piece(out: &mut Vec<u8>, piece: Piece) {
    put_number(out, u64::from(piece.chunk));
    put_number(out, u64::from(piece.offset));
}

/// How many events there are, the first, then the distance of each from the one before.
fn put_ascending(out: &mut Vec<u8>, events: &[EventId]) {
    put_number(out, events.len() as u64);
    let mut before = 0;
    for id in events {
        put_number(out, u64::from(id.0 - before));
        before = id.0;
    }
}

fn put_label(out: &mut Vec<u8>, label: Option<&Label>, labels: &mut Labels) {
    let Some(label) = label else { return put_number(out, 0) };
    if let Some(number) = labels.numbers.get(label) {
        return put_number(out, number + 2);
    }
    put_number(out, 1);
    put_text(out, label.text());
    labels.learn(label);
}

fn put_names(out: &mut Vec<u8>, changes: &[NameChange]) {
    put_number(out, changes.len() as u64);
    for NameChange { directory, name, inode } in changes {
        put_number(out, u64::from(directory.0));
        put_text(out, name);
        put_number(out, inode.map_or(0, |inode| u64::from(inode.0) + 1));
    }
}

/// The kind of a write and its numbers, then its flags, but with FUA for data alone, which has a kind of its own.
fn put_forced(out: &mut Vec<u8>, [kind, of_data]: [u64; 2], numbers: &[u64], fua: Option<Reach>) {
    let is_of_data = fua == Some(Reach::Data);
    put_number(out, if is_of_data { of_data } else { kind });
    numbers.iter().for_each(|number| put_number(out, *number));
    if !is_of_data {
        put_number(out, u64::from(fua.is_some()));
    }
}

/// Refuses an event that a reader would refuse for its length.
pub(super) fn check_lengths(event: &Event) -> Result<(), Problem> {
    let text = |what, text: &str| at_most(what, text.len(), TEXT_MAX.index());
    if let Some(label) = event.label() {
        text("a label", label.text())?;
    }
    match event {
        Event::Write { data, .. } | Event::Program { data, .. } | Event::Send { data, .. } => {
            at_most("a payload", data.len().index(), PAYLOAD_MAX.index())
        }
        Event::Flush { except, .. } => at_most("the exceptions of a flush", except.len(), EXCEPT_MAX),
        Event::FlushFailed { writes, .. } => at_most("the writes of a flush", writes.len(), EXCEPT_MAX),
        Event::Names { changes, .. } => at_most("the changes of names", changes.len(), NAMES_MAX),
        Event::Begin { text: op, .. } => text("an operation", op),
        Event::Mark { text: note } => text("a mark", note),
        Event::WriteZeroes { .. }
        | Event::Discard { .. }
        | Event::Resize { .. }
        | Event::Erase { .. }
        | Event::Ack { .. }
        | Event::Deliver { .. }
        | Event::Down { .. }
        | Event::Up { .. } => Ok(()),
    }
}

/// Appends an event whose payload is already stored, and was given these pieces.
pub(super) fn put_event(out: &mut Vec<u8>, event: &Event, pieces: &[Piece], labels: &mut Labels) {
    let mut put = |numbers: &[u64]| numbers.iter().for_each(|number| put_number(out, *number));
    match event {
        Event::Write { device, at, data, fua, label } => {
            put_forced(out, [WRITE, WRITE_DATA], &[u64::from(device.0), at.0], *fua);
            put_label(out, label.as_ref(), labels);
            put_number(out, data.len().0);
            pieces.iter().for_each(|piece| put_piece(out, *piece));
        }
        Event::WriteZeroes { device, at, len, fua, label } => {
            let numbers = [u64::from(device.0), at.0, len.0];
            put_forced(out, [WRITE_ZEROES, WRITE_ZEROES_DATA], &numbers, *fua);
            put_label(out, label.as_ref(), labels);
        }
        Event::Program { device, at, data, label } => {
            put(&[PROGRAM, u64::from(device.0), at.0]);
            put_label(out, label.as_ref(), labels);
            put_number(out, data.len().0);
            pieces.iter().for_each(|piece| put_piece(out, *piece));
        }
        Event::Erase { device, at, len, label } => {
            put(&[ERASE, u64::from(device.0), at.0, len.0]);
            put_label(out, label.as_ref(), labels);
        }
        Event::Names { changes, label } => {
            put(&[NAMES]);
            put_label(out, label.as_ref(), labels);
            put_names(out, changes);
        }
        Event::Discard { device, at, len } => put(&[DISCARD, u64::from(device.0), at.0, len.0]),
        Event::Resize { device, len } => put(&[RESIZE, u64::from(device.0), len.0]),
        Event::Flush { device, except, reach } => {
            put(&[if *reach == Reach::Data { FLUSH_DATA } else { FLUSH }, u64::from(device.0)]);
            put_ascending(out, except);
        }
        Event::FlushFailed { device, writes, dropped } => {
            put(&[FLUSH_FAILED, u64::from(device.0), u64::from(*dropped)]);
            put_ascending(out, writes);
        }
        Event::Begin { op, text } => {
            put(&[BEGIN, u64::from(op.0)]);
            put_text(out, text);
        }
        Event::Ack { op, durable } => put(&[ACK, u64::from(op.0), u64::from(*durable)]),
        Event::Mark { text } => {
            put(&[MARK]);
            put_text(out, text);
        }
        Event::Send { message, from, to, data, label } => {
            put(&[SEND, u64::from(message.0), u64::from(from.0), u64::from(to.0)]);
            put_label(out, label.as_ref(), labels);
            put_number(out, data.len().0);
            pieces.iter().for_each(|piece| put_piece(out, *piece));
        }
        Event::Deliver { message } => put(&[DELIVER, u64::from(message.0)]),
        Event::Down { node } => put(&[DOWN, u64::from(node.0)]),
        Event::Up { node } => put(&[UP, u64::from(node.0)]),
    }
}

/// Reads through the raw bytes of a chunk.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Cursor { rest: bytes }
    }

    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn number(&mut self) -> Result<u64, Problem> {
        let mut number = 0;
        for shift in (0..70).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(malformed("it ends within a number"))?;
            self.rest = rest;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(malformed("a number exceeds 64 bits"))
    }

    pub(super) fn number_as<T: TryFrom<u64>>(&mut self, what: &'static str) -> Result<T, Problem> {
        T::try_from(self.number()?).map_err(|_| malformed(what))
    }

    pub(super) fn bytes(&mut self) -> Result<Bytes, Problem> {
        self.number().map(Bytes)
    }

    fn flag(&mut self) -> Result<bool, Problem> {
        match self.number()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(malformed("there is no such flag")),
        }
    }

    fn fua(&mut self) -> Result<Option<Reach>, Problem> {
        Ok(self.flag()?.then_some(Reach::All))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Problem> {
        let len = self.number()?;
        if len > self.rest.len() as u64 {
            return Err(malformed("a text is longer than its chunk"));
        }
        at_most("a text", len as usize, TEXT_MAX.index())?;
        let (text, rest) = self.rest.split_at(len as usize);
        self.rest = rest;
        std::str::from_utf8(text).map_err(|_| malformed("a text is not UTF-8"))
    }

    pub(super) fn piece(&mut self) -> Result<Piece, Problem> {
        let chunk = self.number_as("there is no such DATA chunk")?;
        Ok(Piece { chunk, offset: self.number_as("a piece lies beyond its DATA chunk")? })
    }

    fn device(&mut self) -> Result<DeviceId, Problem> {
        self.number_as("there is no such device").map(DeviceId)
    }

    fn op(&mut self) -> Result<OpId, Problem> {
        self.number_as("there is no such operation").map(OpId)
    }

    fn message(&mut self) -> Result<MessageId, Problem> {
        self.number_as("there is no such message").map(MessageId)
    }

    fn node(&mut self) -> Result<NodeId, Problem> {
        self.number_as("there is no such node").map(NodeId)
    }

    fn label(&mut self, labels: &mut Labels) -> Result<Option<Label>, Problem> {
        match self.number()? {
            0 => Ok(None),
            1 => {
                let label = Label::from(self.text()?);
                labels.learn(&label);
                Ok(Some(label))
            }
            number => {
                let known = usize::try_from(number - 2).ok().and_then(|index| labels.labels.get(index));
                known.cloned().map(Some).ok_or(malformed("a label was never introduced"))
            }
        }
    }

    fn name_changes(&mut self) -> Result<Vec<NameChange>, Problem> {
        let count = self.number_as("there are too many changes of names")?;
        at_most("the changes of names", count, NAMES_MAX)?;
        let mut next = || {
            let (directory, name) = (self.device()?, self.text()?.to_owned());
            let inode: u32 = self.number_as("there is no such inode")?;
            let inode = inode.checked_sub(1).map(u16::try_from).transpose();
            let inode = inode.map_err(|_| malformed("there is no such inode"))?.map(DeviceId);
            Ok(NameChange { directory, name, inode })
        };
        (0..count).map(|_| next()).collect()
    }

    fn ascending(&mut self) -> Result<Vec<EventId>, Problem> {
        let count = self.number()?;
        if count > (self.rest.len().min(EXCEPT_MAX)) as u64 {
            return Err(malformed("a flush names more events than its chunk has bytes"));
        }
        let mut before: u32 = 0;
        let mut next = || {
            let step: u32 = self.number_as("there is no such event")?;
            before = before.checked_add(step).ok_or(malformed("there is no such event"))?;
            Ok(EventId(before))
        };
        (0..count).map(|_| next()).collect()
    }
}

/// Fetches payloads while events are read. The range has not been checked yet.
pub(super) trait Payloads {
    fn fetch(
        &mut self,
        device: DeviceId,
        at: Bytes,
        len: Bytes,
        cursor: &mut Cursor<'_>,
    ) -> Result<Payload, Problem>;

    /// Fetches the content of a message.
    fn content(&mut self, len: Bytes, cursor: &mut Cursor<'_>) -> Result<Payload, Problem>;
}

/// Reads one event.
pub(super) fn event(
    cursor: &mut Cursor<'_>,
    labels: &mut Labels,
    payloads: &mut impl Payloads,
) -> Result<Event, Problem> {
    let kind = cursor.number()?;
    Ok(match kind {
        WRITE | WRITE_DATA => {
            let (device, at) = (cursor.device()?, cursor.bytes()?);
            let fua = if kind == WRITE { cursor.fua()? } else { Some(Reach::Data) };
            let label = cursor.label(labels)?;
            let len = cursor.bytes()?;
            let data = payloads.fetch(device, at, len, cursor)?;
            Event::Write { device, at, data, fua, label }
        }
        WRITE_ZEROES | WRITE_ZEROES_DATA => {
            let (device, at, len) = (cursor.device()?, cursor.bytes()?, cursor.bytes()?);
            let fua = if kind == WRITE_ZEROES { cursor.fua()? } else { Some(Reach::Data) };
            Event::WriteZeroes { device, at, len, fua, label: cursor.label(labels)? }
        }
        PROGRAM => {
            let (device, at) = (cursor.device()?, cursor.bytes()?);
            let label = cursor.label(labels)?;
            let len = cursor.bytes()?;
            let data = payloads.fetch(device, at, len, cursor)?;
            Event::Program { device, at, data, label }
        }
        ERASE => {
            let (device, at, len) = (cursor.device()?, cursor.bytes()?, cursor.bytes()?);
            Event::Erase { device, at, len, label: cursor.label(labels)? }
        }
        NAMES => {
            let label = cursor.label(labels)?;
            Event::Names { changes: cursor.name_changes()?, label }
        }
        DISCARD => Event::Discard { device: cursor.device()?, at: cursor.bytes()?, len: cursor.bytes()? },
        RESIZE => Event::Resize { device: cursor.device()?, len: cursor.bytes()? },
        FLUSH | FLUSH_DATA => {
            let reach = if kind == FLUSH { Reach::All } else { Reach::Data };
            Event::Flush { device: cursor.device()?, except: cursor.ascending()?, reach }
        }
        FLUSH_FAILED => {
            let (device, dropped) = (cursor.device()?, cursor.flag()?);
            Event::FlushFailed { device, writes: cursor.ascending()?, dropped }
        }
        BEGIN => Event::Begin { op: cursor.op()?, text: cursor.text()?.to_owned() },
        ACK => Event::Ack { op: cursor.op()?, durable: cursor.flag()? },
        MARK => Event::Mark { text: cursor.text()?.to_owned() },
        SEND => {
            let (message, from, to) = (cursor.message()?, cursor.node()?, cursor.node()?);
            let label = cursor.label(labels)?;
            let len = cursor.bytes()?;
            Event::Send { message, from, to, data: payloads.content(len, cursor)?, label }
        }
        DELIVER => Event::Deliver { message: cursor.message()? },
        DOWN => Event::Down { node: cursor.node()? },
        UP => Event::Up { node: cursor.node()? },
        _ => return Err(Problem::Kind { kind }),
    })
}

/// The lengths of the pieces of a payload.
pub(super) fn piece_lens(len: usize) -> impl Iterator<Item = usize> {
    (0..len).step_by(PIECE).map(move |start| PIECE.min(len - start))
}

pub(super) fn malformed(what: &'static str) -> Problem {
    Problem::Malformed { what }
}
