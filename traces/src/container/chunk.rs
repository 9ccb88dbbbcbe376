//! Chunks: the unit that is checksummed, compressed, and whole or not there.

use super::{BLOCK_LAYOUT, ContainerError, MAGIC, PREAMBLE, Problem, VERSION};
use std::io::{Read, Write};

pub(super) const HEADER: usize = 24;
const LEVEL: i32 = 3;

/// What a chunk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    Devices,
    Nodes,
    Owners,
    Data,
    Base,
    Events,
    Done,
}

impl Tag {
    const ALL: [Tag; 7] =
        [Tag::Devices, Tag::Nodes, Tag::Owners, Tag::Data, Tag::Base, Tag::Events, Tag::Done];

    fn bytes(self) -> [u8; 4] {
        *match self {
            Tag::Devices => b"DEVS",
            Tag::Nodes => b"NODE",
            Tag::Owners => b"OWNR",
            Tag::Data => b"DATA",
            Tag::Base => b"BASE",
            Tag::Events => b"EVTS",
            Tag::Done => b"DONE",
        }
    }

    fn parse(tag: [u8; 4]) -> Result<Tag, Problem> {
        Tag::ALL.into_iter().find(|known| known.bytes() == tag).ok_or(Problem::Tag { tag })
    }

    /// The most raw bytes: what a reader must be ready to decompress into.
    pub(super) fn raw_max(self) -> usize {
        match self {
            Tag::Data => 256 << 10,
            Tag::Devices | Tag::Base | Tag::Events => 16 << 20,
            Tag::Nodes | Tag::Owners => 1 << 20,
            Tag::Done => 16,
        }
    }
}

/// The header of a chunk, its lengths within what its tag allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) tag: Tag,
    pub(super) number: u32,
    raw: u32,
    pub(super) stored: u32,
    crc: u32,
}

impl Header {
    pub(super) fn parse(bytes: &[u8; HEADER]) -> Result<Header, Problem> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if crc32fast::hash(&bytes[..20]) != word(20) {
            return Err(Problem::Checksum { what: "a chunk header" });
        }
        let tag = Tag::parse([bytes[0], bytes[1], bytes[2], bytes[3]])?;
        let header = Header { tag, number: word(4), raw: word(8), stored: word(12), crc: word(16) };
        at_most("a chunk", header.raw as usize, tag.raw_max())?;
        at_most("a stored chunk", header.stored as usize, zstd::zstd_safe::compress_bound(tag.raw_max()))?;
        Ok(header)
    }

    fn bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(&self.tag.bytes());
        for (at, word) in [(4, self.number), (8, self.raw), (12, self.stored), (16, self.crc)] {
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[..20]);
        bytes[20..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Checks and decompresses what follows the header. The raw length was checked, and nothing beyond it is produced.
    pub(super) fn unpack(&self, stored: &[u8]) -> Result<Vec<u8>, Problem> {
        if crc32fast::hash(stored) != self.crc {
            return Err(Problem::Checksum { what: "a chunk" });
        }
        let raw = zstd::bulk::decompress(stored, self.raw as usize)
            .map_err(|_| Problem::Malformed { what: "it does not decompress into its length" })?;
        if raw.len() != self.raw as usize {
            return Err(Problem::Malformed { what: "it decompresses into less than its length" });
        }
        Ok(raw)
    }
}

/// Writes chunks and counts them, and the bytes.
pub(super) struct ChunkWriter<W> {
    pub(super) out: W,
    pub(super) offset: u64,
    number: u32,
}

impl<W: Write> ChunkWriter<W> {
    pub(super) fn new(out: W, layout: u32) -> Result<Self, ContainerError> {
        let mut chunks = ChunkWriter { out, offset: 0, number: 0 };
        chunks.put(&preamble(layout))?;
        Ok(chunks)
    }

    pub(super) fn write(&mut self, tag: Tag, raw: &[u8]) -> Result<(), ContainerError> {
        let fail = |problem: Problem| ContainerError::new(self.offset, problem);
        at_most("a chunk", raw.len(), tag.raw_max()).map_err(fail)?;
        let stored = zstd::bulk::compress(raw, LEVEL).map_err(|error| fail(error.into()))?;
        let (raw, crc) = (raw.len() as u32, crc32fast::hash(&stored));
        let header = Header { tag, number: self.number, raw, stored: stored.len() as u32, crc };
        self.put(&header.bytes())?;
        self.put(&stored)?;
        self.number += 1;
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), ContainerError> {
        self.out.flush().map_err(|error| ContainerError::new(self.offset, error))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), ContainerError> {
        self.out.write_all(bytes).map_err(|error| ContainerError::new(self.offset, error))?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}

fn preamble(layout: u32) -> [u8; PREAMBLE] {
    let mut bytes = [0; PREAMBLE];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&layout.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..12]);
    bytes[12..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Reads and checks the first bytes of a file, and returns its layout.
pub(super) fn read_preamble(input: &mut impl Read) -> Result<u32, ContainerError> {
    let mut bytes = Vec::with_capacity(PREAMBLE);
    let read = input.take(PREAMBLE as u64).read_to_end(&mut bytes);
    read.map_err(|error| ContainerError::new(0, error))?;
    let common = bytes.len().min(MAGIC.len());
    if bytes[..common] != MAGIC[..common] {
        return Err(ContainerError::new(0, Problem::NotATrace));
    }
    let Ok(bytes) = <[u8; PREAMBLE]>::try_from(bytes.as_slice()) else {
        return Err(ContainerError::new(bytes.len() as u64, Problem::HeaderCut));
    };
    let found = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
    if crc32fast::hash(&bytes[..12]) != u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]) {
        return Err(ContainerError::new(8, Problem::Checksum { what: "the file header" }));
    }
    if !(BLOCK_LAYOUT..=VERSION).contains(&found) {
        return Err(ContainerError::new(8, Problem::Version { found }));
    }
    Ok(found)
}

pub(super) fn at_most(what: &'static str, len: usize, max: usize) -> Result<(), Problem> {
    if len <= max { Ok(()) } else { Err(Problem::TooLong { what, len: len as u64, max: max as u64 }) }
}
