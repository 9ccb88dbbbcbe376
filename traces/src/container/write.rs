//! Writing a container as the events happen.

use super::chunk::{ChunkWriter, Tag, at_most};
use super::codec::{Labels, Piece, check_lengths, put_event, put_number, put_piece, put_text};
use super::{
    BLOCK_LAYOUT, CHIP_LAYOUT, ContainerError, PIECE, PIECES_REMEMBERED, Problem, TEXT_MAX, VERSION,
};
use crate::cluster::Cluster;
use crate::files::Owner;
use crate::trace::{Extent, extents, validate_device, validate_event};
use crate::{Bytes, DEVICE_LEN_MAX, Device, DeviceKind, Event, EventId, NandGeometry, Pairing};
use lru::LruCache;
use std::io::Write;
use std::num::NonZeroUsize;

/// Records are collected up to this size before they become a chunk.
const RECORDS_TARGET: usize = 256 << 10;

/// Writes a container, event by event, in bounded memory.
///
/// Chunks are written as they fill; [`flush`](Writer::flush) closes them early. If the writer is dropped without
/// [`finish`](Writer::finish), the file can be read up to the last chunk written, as after a crash of the recorder.
///
/// ```
/// use crashcheck_trace::{Bytes, Device, DeviceId, Event, container::{Reader, Writer}};
/// # fn main() -> Result<(), crashcheck_trace::container::ContainerError> {
/// let disk = Device::zeroed("disk", Bytes(512), Bytes(1 << 20));
/// let mut writer = Writer::new(Vec::new(), &[disk])?;
/// writer.push(&Event::flush(DeviceId(0)))?;
/// let file = writer.finish()?;
/// let events: Vec<_> = Reader::open(std::io::Cursor::new(file))?.collect::<Result<_, _>>()?;
/// assert_eq!(events, [Event::flush(DeviceId(0))]);
/// # Ok(())
/// # }
/// ```
pub struct Writer<W: Write> {
    chunks: ChunkWriter<W>,
    store: Store,
    /// Whole base pages or events that are not yet written.
    records: Vec<u8>,
    /// What the records are.
    tag: Tag,
    labels: Labels,
    extents: Vec<Extent>,
    cluster: Cluster,
    events: u32,
}

/// The pieces: those that wait for their DATA chunk, and where the last ones went.
struct Store {
    pending: Vec<u8>,
    chunks: u32,
    places: LruCache<[u8; 16], Piece>,
}

impl<W: Write> Writer<W> {
    /// Begins a file with the devices and what they hold.
    ///
    /// # Errors
    /// If the output cannot be written, or there are more than 65,536 devices, or one has a block size of 0 or
    /// contradicts its geometry.
    pub fn new(out: W, devices: &[Device]) -> Result<Self, ContainerError> {
        let remembered = NonZeroUsize::new(PIECES_REMEMBERED).expect("a constant above zero");
        let store = Store { pending: Vec::new(), chunks: 0, places: LruCache::new(remembered) };
        let mut writer = Writer {
            chunks: ChunkWriter::new(out, layout(devices))?,
            store,
            records: Vec::new(),
            tag: Tag::Base,
            labels: Labels::default(),
            extents: extents(devices),
            cluster: Cluster::default(),
            events: 0,
        };
        let header = device_table(devices).map_err(|problem| writer.error(problem))?;
        writer.chunks.write(Tag::Devices, &header)?;
        writer.cluster = Cluster::of(devices).map_err(|invalid| writer.error(invalid.into()))?;
        if Device::nodes(devices) > 0 {
            writer.chunks.write(Tag::Nodes, &node_table(devices))?;
        }
        if devices.iter().any(|device| device.owner.is_some()) {
            writer.chunks.write(Tag::Owners, &owner_table(devices))?;
        }
        for device in devices {
            writer.push_base(device)?;
        }
        writer.close_chunks()?;
        writer.tag = Tag::Events;
        Ok(writer)
    }

    fn push_base(&mut self, device: &Device) -> Result<(), ContainerError> {
        let mut before = 0;
        for (at, page) in device.base.pages() {
            let number = at.0 / PIECE as u64;
            let piece = self.place(page)?;
            put_number(&mut self.records, number - before);
            put_piece(&mut self.records, piece);
            before = number;
            self.close_if_full()?;
        }
        Ok(())
    }

    /// Appends an event and returns its position in the trace.
    ///
    /// # Errors
    /// If the output cannot be written, or the event does not fit its device or the format's limits
    /// ([`PAYLOAD_MAX`](super::PAYLOAD_MAX), [`TEXT_MAX`](super::TEXT_MAX)). An event that is refused is not written,
    /// and the writer can go on.
    pub fn push(&mut self, event: &Event) -> Result<EventId, ContainerError> {
        let id = EventId(self.events);
        check_lengths(event).map_err(|problem| self.error(problem))?;
        let next = self.events.checked_add(1).ok_or_else(|| {
            self.error(Problem::TooLong { what: "the trace", len: 1 << 32, max: u64::from(u32::MAX) })
        })?;
        validate_event(id, event, &mut self.extents)
            .and_then(|()| self.cluster.follow(id, event))
            .map_err(|invalid| ContainerError::new(self.chunks.offset, invalid))?;
        let mut pieces = Vec::new();
        if let Some(data) = event.payload() {
            for piece in data.as_slice().chunks(PIECE) {
                pieces.push(self.place(piece)?);
            }
        }
        put_event(&mut self.records, event, &pieces, &mut self.labels);
        self.events = next;
        self.close_if_full()?;
        Ok(id)
    }

    /// Writes everything pushed so far, so that it can be read should the recorder die now.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn flush(&mut self) -> Result<(), ContainerError> {
        self.close_chunks()?;
        self.chunks.flush()
    }

    /// Marks the trace as complete and returns the output.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn finish(mut self) -> Result<W, ContainerError> {
        self.close_chunks()?;
        let mut done = Vec::new();
        put_number(&mut done, u64::from(self.events));
        self.chunks.write(Tag::Done, &done)?;
        self.chunks.flush()?;
        Ok(self.chunks.out)
    }

    /// Where these bytes are, or will be once their chunk is written.
    fn place(&mut self, piece: &[u8]) -> Result<Piece, ContainerError> {
        let mut key = [0; 16];
        key.copy_from_slice(&blake3::hash(piece).as_bytes()[..16]);
        if let Some(place) = self.store.places.get(&key) {
            return Ok(*place);
        }
        if self.store.pending.len() + piece.len() > Tag::Data.raw_max() {
            self.close_chunks()?;
        }
        let place = Piece { chunk: self.store.chunks, offset: self.store.pending.len() as u32 };
        self.store.pending.extend_from_slice(piece);
        self.store.places.put(key, place);
        Ok(place)
    }

    fn close_if_full(&mut self) -> Result<(), ContainerError> {
        if self.records.len() >= RECORDS_TARGET { self.close_chunks() } else { Ok(()) }
    }

    /// Data first: the records refer to it, and a reader must never meet a reference to what was not yet written.
    fn close_chunks(&mut self) -> Result<(), ContainerError> {
        if !self.store.pending.is_empty() {
            self.chunks.write(Tag::Data, &self.store.pending)?;
            self.store.pending.clear();
            self.store.chunks += 1;
        }
        if !self.records.is_empty() {
            self.chunks.write(self.tag, &self.records)?;
            self.records.clear();
        }
        Ok(())
    }

    fn error(&self, problem: Problem) -> ContainerError {
        ContainerError::new(self.chunks.offset, problem)
    }

    #[cfg(test)]
    pub(super) fn chunks_mut(&mut self) -> &mut ChunkWriter<W> {
        &mut self.chunks
    }

    /// The bytes that the writer holds back and the pieces that it remembers.
    #[cfg(test)]
    pub(super) fn footprint(&self) -> (usize, usize) {
        (self.store.pending.capacity() + self.records.capacity(), self.store.places.len())
    }
}

/// The oldest layout that can hold the devices.
fn layout(devices: &[Device]) -> u32 {
    let of = |device: &Device| match device.kind {
        DeviceKind::Block => BLOCK_LAYOUT,
        DeviceKind::Nand(_) => CHIP_LAYOUT,
        DeviceKind::File | DeviceKind::Directory | DeviceKind::Link => VERSION,
    };
    devices.iter().map(of).max().unwrap_or(BLOCK_LAYOUT)
}

fn device_table(devices: &[Device]) -> Result<Vec<u8>, Problem> {
    if devices.len() > usize::from(u16::MAX) + 1 {
        return Err(Problem::Malformed { what: "there are more than 65,536 devices" });
    }
    let mut table = Vec::new();
    put_number(&mut table, devices.len() as u64);
    let layout = layout(devices);
    for (index, device) in devices.iter().enumerate() {
        at_most("a device's name", device.name.len(), TEXT_MAX.index())?;
        if device.block == Bytes::ZERO {
            return Err(Problem::Malformed { what: "a device has a block size of 0" });
        }
        if device.base.len() > DEVICE_LEN_MAX {
            let (len, max) = (device.base.len().0, DEVICE_LEN_MAX.0);
            return Err(Problem::TooLong { what: "a device", len, max });
        }
        put_text(&mut table, &device.name);
        put_number(&mut table, device.block.0);
        put_number(&mut table, device.base.len().0);
        put_number(&mut table, device.base.pages().count() as u64);
        validate_device(index, device)?;
        if layout > BLOCK_LAYOUT {
            put_kind(&mut table, &device.kind);
        }
    }
    Ok(table)
}

fn put_kind(table: &mut Vec<u8>, kind: &DeviceKind) {
    let chip = match kind {
        DeviceKind::Nand(chip) => chip,
        DeviceKind::Block => return put_number(table, 0),
        DeviceKind::File => return put_number(table, 2),
        DeviceKind::Directory => return put_number(table, 3),
        DeviceKind::Link => return put_number(table, 4),
    };
    let NandGeometry { page, spare, pages_per_block, blocks, endurance, paired } = chip.geometry;
    let distance = match paired {
        Pairing::None => 0,
        Pairing::Mlc { distance } => distance,
    };
    let counts = [pages_per_block, blocks, endurance, distance, chip.erases.len() as u32].map(u64::from);
    for number in [1, page.0, spare.0].into_iter().chain(counts) {
        put_number(table, number);
    }
    let mut before = 0;
    for (block, erases) in &chip.erases {
        put_number(table, u64::from(block.0 - before));
        put_number(table, u64::from(*erases));
        before = block.0;
    }
}

/// The node of each device.
fn node_table(devices: &[Device]) -> Vec<u8> {
    let mut table = Vec::new();
    for node in devices.iter().filter_map(|device| device.node) {
        put_number(&mut table, u64::from(node.0));
    }
    table
}

/// The owner of each device, if it has one.
fn owner_table(devices: &[Device]) -> Vec<u8> {
    let mut table = Vec::new();
    for device in devices {
        match device.owner {
            None => put_number(&mut table, 0),
            Some(Owner { mode, uid, gid }) => {
                for number in [u64::from(mode) + 1, u64::from(uid), u64::from(gid)] {
                    put_number(&mut table, number);
                }
            }
        }
    }
    table
}
