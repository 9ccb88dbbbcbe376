//! The container file of a trace, ending in `.crash`.
//!
//! All numbers are little-endian. The file is a preamble and then chunks, each of which stands on its own: whatever
//! follows the last whole chunk may be missing.
//!
//! ```text
//! preamble    0  "crashtrc"
//!             8  u32  layout version: 1, 2 or 3
//!            12  u32  crc32 of bytes 0..12
//! chunk       0  tag: "DEVS", "NODE", "OWNR", "BASE", "DATA", "EVTS" or "DONE"
//!             4  u32  number of this chunk, from 0
//!             8  u32  raw length, once decompressed
//!            12  u32  stored length
//!            16  u32  crc32 of the stored bytes
//!            20  u32  crc32 of bytes 0..20
//!            24  stored bytes: one zstd frame
//!
//! DEVS  first, once:  count, then for each device  name, block, length, number of base pages
//!       and from layout 2 on  kind: 0 = block device, from layout 3 on 2 = file, 3 = directory, 4 = link, or 1 = flash chip, then
//!       page, spare, pages per block, blocks, endurance, pairing (0 = none, n = MLC at distance n),
//!       number of worn blocks, and for each  distance from the one before, erases
//! NODE  second, on a cluster only:  the node of each device
//! OWNR  next, if anything has an owner:  for each device  0, or the mode and 1, then user and group
//! DATA  pieces of at most 4096 bytes, end to end; a piece is named by (index of its DATA chunk, offset in it)
//! BASE  base pages, those of device 0 first:  distance from the page before, piece
//! EVTS  whole events, which refer only to DATA chunks before this one
//! DONE  last, once:  number of events
//!
//! event  kind, then
//!   0x10 Write         device, at, flags (1 = FUA), label, length, a piece for each 4096 bytes
//!   0x11 WriteZeroes   device, at, length, flags, label
//!   0x12 Discard       device, at, length
//!   0x13 Resize        device, length
//!   0x14 Flush         device, count of exceptions, the first, then the distance of each from the one before
//!   0x15 Begin         operation, text
//!   0x16 Ack           operation, flags (1 = durable)
//!   0x17 Mark          text
//!   0x18 FlushFailed   device, flags (1 = dropped), count of writes, the first, then the distance of each from the one before
//!   0x20 Program       device, at, label, length, a piece for each 4096 bytes
//!   0x21 Erase         device, at, length, label
//!   0x40 Names         label, count, and for each  directory, name, 0 or the number of the inode and 1
//!   0x41 Flush         of data alone: the same as 0x14
//!   0x42 Write         with FUA for data alone: device, at, label, length, a piece for each 4096 bytes
//!   0x43 WriteZeroes   with FUA for data alone: device, at, length, label
//!   0x30 Send          message, from, to, label, length, a piece for each 4096 bytes
//!   0x31 Deliver       message
//!   0x32 Down          node
//!   0x33 Up            node
//! label  0 = none; 1 = new, text follows; n + 2 = the n-th label that was new
//! text   length, UTF-8; of a label the words, and in lines below the calls that led to the event
//! ```
//!
//! Numbers in chunks are LEB128. The kind of an event is 16 times the number of its medium and some more, so that an older
//! reader that meets one can say that it is the medium which it does not know. The writer takes the oldest layout
//! that can hold the devices: traces of block devices alone stay readable for old readers.
//!
//! | kinds        | medium        | layout                     | first release |
//! |--------------|---------------|----------------------------|---------------|
//! | `0x10..0x19` | block devices | 1                          | 0.1           |
//! | `0x20..0x22` | flash chips   | 2                          | 0.1           |
//! | `0x30..0x34` | clusters      | 1, with a chunk `NODE`     | 0.1           |
//! | `0x40..0x44` | files         | 3; of `0x41` on, any       | 0.1           |
//!
//! Memory stays bounded whatever the file says. The writer holds one DATA and one EVTS chunk and remembers the
//! places of the last 65,536 pieces; the reader holds one EVTS chunk, 128 DATA chunks of 256 KiB and one event.

mod chunk;
mod codec;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::Reader;
pub use write::Writer;

use crate::{Bytes, Invalid, Trace};
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use thiserror::Error;

/// The newest layout that this crate writes and reads.
pub const VERSION: u32 = 3;

/// The layout without kinds of devices: all are block devices.
const BLOCK_LAYOUT: u32 = 1;

/// The layout with flash chips, and without files.
const CHIP_LAYOUT: u32 = 2;

/// The longest payload of one write.
pub const PAYLOAD_MAX: Bytes = Bytes(256 << 20);

/// The longest text: a device's name, a label, a mark, an operation.
pub const TEXT_MAX: Bytes = Bytes(1 << 20);

/// What every container file begins with.
pub(crate) const MAGIC: &[u8; 8] = b"crashtrc";

const PREAMBLE: usize = 16;
/// Payloads are shared in pieces of this size, counted from the start of the payload.
const PIECE: usize = 4096;
/// How many pieces the writer remembers, and so finds again: the last 256 MiB.
const PIECES_REMEMBERED: usize = 65_536;
/// How many DATA chunks the reader keeps decompressed: 32 MiB.
const CHUNKS_CACHED: usize = 128;
/// The most events that one flush names.
const EXCEPT_MAX: usize = 1 << 20;

/// How a trace file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The recorder finished.
    Complete,
    /// The recorder died, or the file was cut: everything before this byte was read, and nothing after it is whole.
    Cut {
        /// Where the first chunk that is not whole begins.
        at: Bytes,
    },
}

/// How much memory reading may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For base images, and for events where they are all kept.
    pub memory: Bytes,
}

impl Default for Limits {
    /// 4 GiB.
    fn default() -> Self {
        Limits { memory: Bytes(4 << 30) }
    }
}

/// What is wrong with a container file, and where.
#[derive(Debug, Error)]
#[error("{problem}, at byte {}", offset.0)]
pub struct ContainerError {
    /// The byte of the file at which the chunk or field begins that is wrong.
    pub offset: Bytes,
    /// What is wrong.
    #[source]
    pub problem: Problem,
}

impl ContainerError {
    fn new(offset: u64, problem: impl Into<Problem>) -> Self {
        ContainerError { offset: Bytes(offset), problem: problem.into() }
    }
}

/// What can be wrong with a container file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file could not be read or written.
    #[error("input or output failed: {0}")]
    Io(#[from] io::Error),
    /// The file begins with something else.
    #[error("this is not a crashcheck trace: it does not begin with `crashtrc`")]
    NotATrace,
    /// The file ends before its devices and base images do, so that no event can be understood.
    #[error("the file ends within its header or base images: no event was recorded")]
    HeaderCut,
    /// A newer layout.
    #[error("the file has layout version {found}, but this reader knows {VERSION}: use a newer crashcheck")]
    Version {
        /// The version of the file.
        found: u32,
    },
    /// An event of a medium that this reader does not know.
    #[error("event kind {kind:#x} is of a medium that this reader does not know: use a newer crashcheck")]
    Kind {
        /// The kind.
        kind: u64,
    },
    /// A chunk that this reader does not know.
    #[error("there is no chunk `{}`: the file is damaged or newer than this reader", .tag.escape_ascii())]
    Tag {
        /// Its tag.
        tag: [u8; 4],
    },
    /// Bytes have changed since they were written.
    #[error("the checksum of {what} is wrong: the file is damaged")]
    Checksum {
        /// Of what.
        what: &'static str,
    },
    /// A chunk is missing or stands twice.
    #[error("chunk {expected} should be here, but this is chunk {found}")]
    ChunkNumber {
        /// The number that should follow.
        expected: u32,
        /// The number that does.
        found: u32,
    },
    /// Something is longer than the format allows.
    #[error("{what} has {len} bytes, but the most is {max}")]
    TooLong {
        /// What.
        what: &'static str,
        /// How long it is.
        len: u64,
        /// How long it may be.
        max: u64,
    },
    /// The content of a chunk does not follow the format.
    #[error("the chunk is malformed: {what}")]
    Malformed {
        /// In which way.
        what: &'static str,
    },
    /// An event does not fit its device.
    #[error("the trace contradicts itself: {0}")]
    Invalid(#[from] Invalid),
    /// The trace takes more memory than it may.
    #[error("the trace needs more than {limit} of memory: raise the limit or read it event by event")]
    Memory {
        /// The limit.
        limit: Bytes,
    },
}

impl Trace {
    /// Reads a container file into memory, at most 4 GiB of it, and says how it ends: what a recorder that died has
    /// left is usable. [`Reader`] reads event by event.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or is too large.
    pub fn read_from(path: impl AsRef<Path>) -> Result<(Trace, Ending), ContainerError> {
        let file = File::open(path).map_err(|error| ContainerError::new(0, error))?;
        Reader::open(file)?.into_trace()
    }

    /// Writes a container file. A file that exists is replaced.
    ///
    /// # Errors
    /// If the file cannot be written, or the trace is not valid.
    pub fn write_to(&self, path: impl AsRef<Path>) -> Result<(), ContainerError> {
        let file = File::create(path).map_err(|error| ContainerError::new(0, error))?;
        let mut writer = Writer::new(BufWriter::new(file), &self.devices)?;
        for event in &self.events {
            writer.push(event)?;
        }
        writer.finish()?;
        Ok(())
    }
}
