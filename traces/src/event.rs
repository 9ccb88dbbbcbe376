//! What a recorder sees, in the order in which it was issued.

use crate::files::NameChange;
use crate::{Bytes, DeviceId, EventId, MessageId, NodeId, OpId};
use std::fmt;
use std::sync::Arc;

/// The bytes of a write; cloning shares them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Arc<[u8]>);

impl Payload {
    /// The bytes themselves.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes there are.
    pub fn len(&self) -> Bytes {
        Bytes::of(self.0.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Payload(Arc::from(bytes))
    }
}

impl From<Arc<[u8]>> for Payload {
    fn from(bytes: Arc<[u8]>) -> Self {
        Payload(bytes)
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Payload(Arc::from(bytes))
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({})", self.len())
    }
}

/// What a write is, in the words of the system that issued it: "inode table", "journal commit"; and, if the recorder knew, the calls
/// that led to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(Arc<str>);

impl Label {
    /// With the calls that led to it, from the device outwards: `src/log.rs:120`.
    pub fn with_calls(&self, calls: &[String]) -> Label {
        let lines = std::iter::once(self.as_str()).chain(calls.iter().map(String::as_str));
        Label(lines.collect::<Vec<_>>().join("\n").into())
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        self.0.lines().next().unwrap_or_default()
    }

    /// The calls that led to it, from the device outwards; none if nobody knew.
    pub fn calls(&self) -> impl Iterator<Item = &str> {
        self.0.lines().skip(1)
    }

    /// All of it: the words in the first line, and each call in another.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Label {
    fn from(text: &str) -> Self {
        Label(Arc::from(text))
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much of a file is made durable. Of what is no file there is no difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Its data, and what is needed to read it: `fdatasync`, `O_DSYNC`.
    Data,
    /// That and whatever else is known of it: `fsync`, `O_SYNC`.
    #[default]
    All,
}

/// One event of a trace.
///
/// More media add more variants. Whoever tells events apart names them all, so that a new one does not compile where it is
/// not handled; a file that holds one its reader does not know is refused by its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Data was written. It is in flight until a flush covers it; with `fua` it is durable once completed, which is
    /// before the next event.
    Write {
        /// Where.
        device: DeviceId,
        /// First byte.
        at: Bytes,
        /// The new content.
        data: Payload,
        /// Force unit access, and how much of a file it is for.
        fua: Option<Reach>,
        /// What it is.
        label: Option<Label>,
    },
    /// A range was set to zeros without sending them.
    WriteZeroes {
        /// Where.
        device: DeviceId,
        /// First byte.
        at: Bytes,
        /// How many bytes.
        len: Bytes,
        /// Force unit access, and how much of a file it is for.
        fua: Option<Reach>,
        /// What it is.
        label: Option<Label>,
    },
    /// A range is no longer needed. What it reads as afterwards is for the device profile to say.
    Discard {
        /// Where.
        device: DeviceId,
        /// First byte.
        at: Bytes,
        /// How many bytes.
        len: Bytes,
    },
    /// The length of a file-like device changed. Bytes beyond a shorter length are lost, new ones read as zeros.
    Resize {
        /// Which.
        device: DeviceId,
        /// The new length.
        len: Bytes,
    },
    /// A page of a flash chip, data and spare area, was programmed. It is in flight until a flush of the chip.
    Program {
        /// Which chip.
        device: DeviceId,
        /// Where the page begins: its number times its length, spare area included.
        at: Bytes,
        /// The whole page.
        data: Payload,
        /// What it is.
        label: Option<Label>,
    },
    /// A block of a flash chip was erased: all its bits are 1 afterwards. It is in flight until a flush of the chip.
    Erase {
        /// Which chip.
        device: DeviceId,
        /// Where the block begins: its number times its length, spare areas included.
        at: Bytes,
        /// The length of the block, spare areas included.
        len: Bytes,
        /// What it is for.
        label: Option<Label>,
    },
    /// Names were given or taken away, all of them or none: a file was made, linked, renamed or removed. In flight until a flush
    /// of one of the directories.
    Names {
        /// What changed, in this order; not empty. Of a rename the last one is the new name.
        changes: Vec<NameChange>,
        /// Which call it was: `rename`.
        label: Option<Label>,
    },
    /// Everything that had completed on this device when the flush was issued is durable.
    Flush {
        /// Which.
        device: DeviceId,
        /// Earlier events that had not completed when the flush was issued, and so are not covered by it. Ascending.
        except: Vec<EventId>,
        /// How much of a file it is for.
        reach: Reach,
    },
    /// A flush of this device returned an error, or the write before it did, which had asked to be durable. What these writes left in
    /// flight is not made durable by any later flush.
    FlushFailed {
        /// Which.
        device: DeviceId,
        /// The earlier events that it was to make durable. Ascending.
        writes: Vec<EventId>,
        /// Whether the device has dropped what they wrote, for good: it holds what it held without them. Otherwise each of
        /// them may be on the medium or not until something else is written there.
        dropped: bool,
    },
    /// An operation of the workload begins.
    Begin {
        /// Which.
        op: OpId,
        /// How a person would write it: `rename /a /b`.
        text: String,
    },
    /// The system told its user that an operation is done.
    Ack {
        /// Which.
        op: OpId,
        /// Whether it promised that this operation, and all before it, survive a crash.
        durable: bool,
    },
    /// A note of the recorder.
    Mark {
        /// The note.
        text: String,
    },
    /// A node sent a message. It is in flight until it is delivered, or the node that it is for goes down.
    Send {
        /// Which: the number of messages that were sent before it.
        message: MessageId,
        /// The sender.
        from: NodeId,
        /// The receiver.
        to: NodeId,
        /// What it says.
        data: Payload,
        /// What it is.
        label: Option<Label>,
    },
    /// A message reached its receiver.
    Deliver {
        /// Which.
        message: MessageId,
    },
    /// A node was turned off in good order: its disks hold all that it wrote, its memory is gone, and messages to it
    /// are lost.
    Down {
        /// Which.
        node: NodeId,
    },
    /// A node was turned on.
    Up {
        /// Which.
        node: NodeId,
    },
}

impl Event {
    /// A flush of all that was written to a device.
    pub fn flush(device: DeviceId) -> Event {
        Event::Flush { device, except: Vec::new(), reach: Reach::All }
    }

    /// The device this event changes, if it changes one; of several directories the last.
    pub fn device(&self) -> Option<DeviceId> {
        match self {
            Event::Names { changes, .. } => changes.last().map(|change| change.directory),
            Event::Write { device, .. }
            | Event::WriteZeroes { device, .. }
            | Event::Discard { device, .. }
            | Event::Resize { device, .. }
            | Event::Program { device, .. }
            | Event::Erase { device, .. }
            | Event::Flush { device, .. }
            | Event::FlushFailed { device, .. } => Some(*device),
            Event::Begin { .. }
            | Event::Ack { .. }
            | Event::Mark { .. }
            | Event::Send { .. }
            | Event::Deliver { .. }
            | Event::Down { .. }
            | Event::Up { .. } => None,
        }
    }

    /// The same event in a trace in which events have other numbers; one without a number is not named any more.
    #[must_use]
    pub fn renumbered(&self, number: impl Fn(EventId) -> Option<EventId>) -> Event {
        let all = |events: &[EventId]| events.iter().filter_map(|event| number(*event)).collect();
        match self {
            Event::Flush { device, except, reach } => {
                Event::Flush { device: *device, except: all(except), reach: *reach }
            }
            Event::FlushFailed { device, writes, dropped } => {
                Event::FlushFailed { device: *device, writes: all(writes), dropped: *dropped }
            }
            Event::Write { .. }
            | Event::WriteZeroes { .. }
            | Event::Discard { .. }
            | Event::Resize { .. }
            | Event::Program { .. }
            | Event::Erase { .. }
            | Event::Names { .. }
            | Event::Begin { .. }
            | Event::Ack { .. }
            | Event::Mark { .. }
            | Event::Send { .. }
            | Event::Deliver { .. }
            | Event::Down { .. }
            | Event::Up { .. } => self.clone(),
        }
    }

    /// The bytes this event changes, if it changes one range of them.
    pub fn range(&self) -> Option<(DeviceId, Bytes, Bytes)> {
        match self {
            Event::Write { device, at, data, .. } | Event::Program { device, at, data, .. } => {
                Some((*device, *at, data.len()))
            }
            Event::WriteZeroes { device, at, len, .. }
            | Event::Discard { device, at, len }
            | Event::Erase { device, at, len, .. } => Some((*device, *at, *len)),
            Event::Resize { .. }
            | Event::Names { .. }
            | Event::Flush { .. }
            | Event::FlushFailed { .. }
            | Event::Begin { .. }
            | Event::Ack { .. }
            | Event::Mark { .. }
            | Event::Send { .. }
            | Event::Deliver { .. }
            | Event::Down { .. }
            | Event::Up { .. } => None,
        }
    }

    /// The bytes this event changes: one range of them, or the slots of names.
    pub fn ranges(&self) -> impl Iterator<Item = (DeviceId, Bytes, Bytes)> {
        let names = match self {
            Event::Names { changes, .. } => changes.as_slice(),
            _ => &[],
        };
        self.range().into_iter().chain(names.iter().map(NameChange::range))
    }

    /// The content that came with this event, if any did.
    pub fn payload(&self) -> Option<&Payload> {
        match self {
            Event::Write { data, .. } | Event::Program { data, .. } | Event::Send { data, .. } => Some(data),
            Event::WriteZeroes { .. }
            | Event::Discard { .. }
            | Event::Resize { .. }
            | Event::Erase { .. }
            | Event::Names { .. }
            | Event::Flush { .. }
            | Event::FlushFailed { .. }
            | Event::Begin { .. }
            | Event::Ack { .. }
            | Event::Mark { .. }
            | Event::Deliver { .. }
            | Event::Down { .. }
            | Event::Up { .. } => None,
        }
    }

    /// The place of its label, if it can have one.
    pub fn label_mut(&mut self) -> Option<&mut Option<Label>> {
        match self {
            Event::Write { label, .. }
            | Event::WriteZeroes { label, .. }
            | Event::Program { label, .. }
            | Event::Erase { label, .. }
            | Event::Names { label, .. }
            | Event::Send { label, .. } => Some(label),
            Event::Discard { .. }
            | Event::Resize { .. }
            | Event::Flush { .. }
            | Event::FlushFailed { .. }
            | Event::Begin { .. }
            | Event::Ack { .. }
            | Event::Mark { .. }
            | Event::Deliver { .. }
            | Event::Down { .. }
            | Event::Up { .. } => None,
        }
    }

    /// What the system called it.
    pub fn label(&self) -> Option<&Label> {
        match self {
            Event::Write { label, .. }
            | Event::WriteZeroes { label, .. }
            | Event::Program { label, .. }
            | Event::Erase { label, .. }
            | Event::Names { label, .. }
            | Event::Send { label, .. } => label.as_ref(),
            Event::Discard { .. }
            | Event::Resize { .. }
            | Event::Flush { .. }
            | Event::FlushFailed { .. }
            | Event::Begin { .. }
            | Event::Ack { .. }
            | Event::Mark { .. }
            | Event::Deliver { .. }
            | Event::Down { .. }
            | Event::Up { .. } => None,
        }
    }
}
