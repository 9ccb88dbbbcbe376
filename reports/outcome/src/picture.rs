//! A crash state as a drawing: what was issued when and where, and what each sector held when recovery came.

use serde::{Deserialize, Serialize};

/// The part of a trace that a finding is about, and the medium that the crash left.
///
/// ```text
///          time (events of the trace, in order; gaps are counted) ->        | crash
/// sector 3 |  write #17 survived        flush                               |   new
/// sector 9 |                                        write #21 lost          |   lost
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// The devices, in the order of the trace.
    pub devices: Vec<PictureDevice>,
    /// Events of the whole trace.
    pub events: u64,
    /// Epochs of the whole trace.
    pub epochs: u64,
    /// The epoch in which the power failed, from 0.
    pub epoch: u32,
    /// The power failed when so many events had been issued.
    pub crash: u32,
    /// The events, in order; long runs that do not matter are left out and counted.
    pub steps: Vec<Step>,
    /// What the sectors hold that had something in flight, by device and place.
    pub sectors: Vec<Sector>,
    /// So many more of them are not listed.
    pub more_sectors: u64,
    /// What went wrong that no write shows, in words: nodes that went down, devices that failed, another crash during
    /// recovery.
    pub faults: Vec<String>,
}

/// A device of a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureDevice {
    /// Its name.
    pub name: String,
    /// The bytes of one place on it: a logical block, or a page of a flash chip with its spare area.
    pub block_bytes: u64,
}

/// An event of a picture, or a run of events that were left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum Step {
    /// An event.
    Event(PictureEvent),
    /// Events that do not matter here.
    Gap(Gap),
}

/// Events that were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The first of them.
    pub from: u32,
    /// How many.
    pub events: u64,
    /// How many of them write, discard or erase.
    pub writes: u64,
    /// How many of them are flushes.
    pub flushes: u64,
}

/// An event of a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureEvent {
    /// Its position in the trace.
    pub event: u32,
    /// What kind of event it is.
    pub kind: EventKind,
    /// What it is and where, in words.
    pub what: String,
    /// Its device, as a position in [`Picture::devices`].
    pub device: Option<u16>,
    /// The first place on the device that it touches, in units of [`PictureDevice::block_bytes`].
    pub first: Option<u64>,
    /// How many places it touches.
    pub count: u64,
    /// The operation in progress, counted from 1.
    pub operation: Option<u32>,
    /// What became of it.
    pub fate: Fate,
}

/// What kind of event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A write, zeroes included.
    Write,
    /// A write that is durable as soon as it is done.
    WriteFua,
    /// A range that is no longer needed.
    Discard,
    /// Another length of a device.
    Resize,
    /// A page of a flash chip was programmed.
    Program,
    /// A block of a flash chip was erased.
    Erase,
    /// Names in directories were given or taken away.
    Names,
    /// What was written before is durable.
    Flush,
    /// A flush returned an error.
    FlushFailed,
    /// An operation begins.
    Begin,
    /// An operation is done.
    Ack,
    /// An operation is done, and promised to be durable.
    AckDurable,
    /// A message is sent.
    Send,
    /// A message arrives.
    Deliver,
    /// A node goes down.
    Down,
    /// A node comes up.
    Up,
    /// A note of whoever recorded the trace.
    Mark,
}

/// What became of an event at the crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It was durable before the epoch in which the power failed, or it is no write at all.
    Before,
    /// It was in flight, and reached the medium.
    Survived,
    /// It was in flight, and is lost.
    Lost,
    /// It was in flight; some units of it reached the medium, and others did not.
    Torn,
    /// It was in flight, and left garbage.
    Garbled,
    /// It was in flight, and recovery never looked at what became of it.
    Unread,
    /// The power had failed.
    NotIssued,
}

/// A run of neighbouring places on a device to which the same happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sector {
    /// The device, as a position in [`Picture::devices`].
    pub device: u16,
    /// The first place, in units of [`PictureDevice::block_bytes`].
    pub first: u64,
    /// How many places.
    pub count: u64,
    /// What they hold.
    pub holds: Holds,
    /// The event whose content they hold, if it is one of this epoch.
    pub written_by: Option<u32>,
    /// The events of this epoch whose content is not there.
    pub lost: Vec<u32>,
    /// What is there, in the words of the system.
    pub what: String,
}

/// What a place on a device holds after the crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holds {
    /// The newest content that was issued.
    New,
    /// Content that was issued in this epoch, but not the newest.
    Old,
    /// Some units of a write, and not the others.
    Torn,
    /// What was there before the epoch: everything written since is lost.
    Lost,
    /// Garbage.
    Garbled,
    /// Recovery never looked.
    Unread,
}
