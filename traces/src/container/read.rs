//! Reading a container, event by event.

use super::chunk::{HEADER, Header, Tag, read_preamble};
use super::codec::{Cursor, Labels, Payloads, Piece, event, malformed, piece_lens};
use super::{
    BLOCK_LAYOUT, CHUNKS_CACHED, ContainerError, Ending, Limits, PAYLOAD_MAX, PIECE, PREAMBLE, Problem,
};
use crate::cluster::Cluster;
use crate::files::{NameChange, Owner};
use crate::trace::{Extent, extents, validate_device, validate_event};
use crate::{BlockNo, Bytes, DEVICE_LEN_MAX, Device, DeviceId, DeviceKind, Event, EventId, Image};
use crate::{NandChip, NandGeometry, NodeId, Pairing, Payload, Trace};
use lru::LruCache;
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Reads a container: an iterator of its events, in bounded memory.
///
/// After the last event, or after an error, [`ending`](Reader::ending) says how the file ends.
pub struct Reader<R> {
    store: Store<R>,
    limits: Limits,
    devices: Vec<Device>,
    cluster: Cluster,
    labels: Labels,
    /// The EVTS chunk that is being read.
    records: Vec<u8>,
    done: usize,
    records_at: u64,
    next: u32,
    ending: Option<Ending>,
    failed: bool,
}

/// The file, as chunks, and the pieces in its DATA chunks.
struct Store<R> {
    input: R,
    size: u64,
    at: u64,
    number: u32,
    data_at: Vec<u64>,
    cache: LruCache<u32, Arc<[u8]>>,
    extents: Vec<Extent>,
    /// The layout of the file.
    layout: u32,
    limit: Bytes,
}

/// A whole chunk, or the place where the file was cut.
enum Step {
    Chunk { tag: Tag, at: u64, raw: Vec<u8> },
    Cut { at: u64 },
}

impl<R: Read + Seek> Reader<R> {
    /// Reads the devices and their base images, at most 4 GiB of them.
    ///
    /// # Errors
    /// If the file cannot be read, is not a container, or is damaged or cut before its first event could begin.
    pub fn open(input: R) -> Result<Self, ContainerError> {
        Reader::open_within(input, Limits::default())
    }

    /// As [`open`](Reader::open), with another limit for the memory.
    ///
    /// # Errors
    /// As [`open`](Reader::open).
    pub fn open_within(input: R, limits: Limits) -> Result<Self, ContainerError> {
        let mut store = Store::new(input, limits.memory)?;
        let (table_at, table) = match store.step()? {
            Step::Chunk { tag: Tag::Devices, at, raw } => (at, raw),
            Step::Chunk { at, .. } => {
                return Err(ContainerError::new(at, malformed("the devices do not come first")));
            }
            Step::Cut { at } => return Err(ContainerError::new(at, Problem::HeaderCut)),
        };
        let (mut devices, pages) = device_table(&table, store.layout, limits)
            .map_err(|problem| ContainerError::new(table_at, problem))?;
        if let Some((at, nodes)) = store.take(Tag::Nodes)? {
            node_table(&nodes, &mut devices).map_err(|problem| ContainerError::new(at, problem))?;
        }
        if let Some((at, owners)) = store.take(Tag::Owners)? {
            owner_table(&owners, &mut devices).map_err(|problem| ContainerError::new(at, problem))?;
        }
        let cluster = Cluster::of(&devices).map_err(|invalid| ContainerError::new(table_at, invalid))?;
        load_base(&mut store, &mut devices, &pages)?;
        store.extents = extents(&devices);
        Ok(Reader {
            store,
            limits,
            devices,
            cluster,
            labels: Labels::default(),
            records: Vec::new(),
            done: 0,
            records_at: 0,
            next: 0,
            ending: None,
            failed: false,
        })
    }

    /// The devices, as they were when the recording began.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// How the file ends, once the iterator has returned `None`. After an error there is no telling.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Reads the rest into memory, within the limit.
    ///
    /// # Errors
    /// If the file is damaged or the events need more memory than they may.
    pub fn into_trace(mut self) -> Result<(Trace, Ending), ContainerError> {
        let mut used: u64 = self.devices.iter().map(|device| resident(&device.base)).sum();
        let mut events = Vec::new();
        while let Some(event) = self.next() {
            let event = event?;
            used += event_size(&event);
            if used > self.limits.memory.0 {
                let problem = Problem::Memory { limit: self.limits.memory };
                return Err(ContainerError::new(self.records_at, problem));
            }
            events.push(event);
        }
        let ending = self.ending.unwrap_or(Ending::Cut { at: Bytes(self.store.at) });
        Ok((Trace { devices: self.devices, events }, ending))
    }

    fn step(&mut self) -> Result<Option<Event>, ContainerError> {
        while self.done == self.records.len() {
            match self.store.step()? {
                Step::Cut { at } => {
                    self.ending = Some(Ending::Cut { at: Bytes(at) });
                    return Ok(None);
                }
                Step::Chunk { tag: Tag::Events, at, raw } => {
                    (self.records, self.records_at, self.done) = (raw, at, 0);
                }
                Step::Chunk { tag: Tag::Done, at, raw } => {
                    self.finish(&raw).map_err(|problem| ContainerError::new(at, problem))?;
                    self.ending = Some(Ending::Complete);
                    return Ok(None);
                }
                Step::Chunk { at, .. } => {
                    return Err(ContainerError::new(at, malformed("it does not belong among the events")));
                }
            }
        }
        self.decode().map(Some).map_err(|problem| ContainerError::new(self.records_at, problem))
    }

    fn decode(&mut self) -> Result<Event, Problem> {
        let mut cursor = Cursor::new(&self.records[self.done..]);
        let event = event(&mut cursor, &mut self.labels, &mut self.store)?;
        validate_event(EventId(self.next), &event, &mut self.store.extents)?;
        self.cluster.follow(EventId(self.next), &event)?;
        self.next = self.next.checked_add(1).ok_or(malformed("there are more than 2^32 events"))?;
        self.done = self.records.len() - cursor.left();
        Ok(event)
    }

    fn finish(&mut self, raw: &[u8]) -> Result<(), Problem> {
        if Cursor::new(raw).number()? != u64::from(self.next) {
            return Err(malformed("the number of events is not what the recorder counted"));
        }
        if self.store.at != self.store.size {
            return Err(malformed("the file goes on after its end"));
        }
        Ok(())
    }

    /// The DATA chunks that are held decompressed.
    #[cfg(test)]
    pub(super) fn chunks_held(&self) -> usize {
        self.store.cache.len()
    }
}

impl<R: Read + Seek> Iterator for Reader<R> {
    type Item = Result<Event, ContainerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.ending.is_some() {
            return None;
        }
        let step = self.step();
        self.failed = step.is_err();
        step.transpose()
    }
}

impl<R: Read + Seek> Store<R> {
    fn new(mut input: R, limit: Bytes) -> Result<Self, ContainerError> {
        let fail = |error| ContainerError::new(0, Problem::Io(error));
        let size = input.seek(SeekFrom::End(0)).map_err(fail)?;
        input.seek(SeekFrom::Start(0)).map_err(fail)?;
        let layout = read_preamble(&mut input)?;
        let cache = LruCache::new(NonZeroUsize::new(CHUNKS_CACHED).expect("a constant above zero"));
        let at = PREAMBLE as u64;
        Ok(Store {
            input,
            size,
            at,
            number: 0,
            data_at: Vec::new(),
            cache,
            extents: Vec::new(),
            layout,
            limit,
        })
    }

    /// Goes on to the next chunk that is not DATA; DATA chunks are checked and noted on the way.
    fn step(&mut self) -> Result<Step, ContainerError> {
        loop {
            let at = self.at;
            let Some((header, raw)) = self.read(at)? else { return Ok(Step::Cut { at }) };
            if header.number != self.number {
                let problem = Problem::ChunkNumber { expected: self.number, found: header.number };
                return Err(ContainerError::new(at, problem));
            }
            self.number += 1;
            self.at += (HEADER as u64) + u64::from(header.stored);
            if header.tag != Tag::Data {
                return Ok(Step::Chunk { tag: header.tag, at, raw });
            }
            self.cache.put(self.data_at.len() as u32, raw.into());
            self.data_at.push(at);
        }
    }

    /// The next chunk, if it is one of this kind. What is wrong with it is for the next step to say.
    fn take(&mut self, tag: Tag) -> Result<Option<(u64, Vec<u8>)>, ContainerError> {
        match self.read(self.at) {
            Ok(Some((header, _))) if header.tag == tag => match self.step()? {
                Step::Chunk { at, raw, .. } => Ok(Some((at, raw))),
                Step::Cut { .. } => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// Reads the chunk at an offset, or `None` if the file ends before the chunk does.
    fn read(&mut self, at: u64) -> Result<Option<(Header, Vec<u8>)>, ContainerError> {
        let fail = |problem: Problem| ContainerError::new(at, problem);
        let left = self.size - at;
        if left < HEADER as u64 {
            return Ok(None);
        }
        self.input.seek(SeekFrom::Start(at)).map_err(|error| fail(error.into()))?;
        let mut header = [0; HEADER];
        self.input.read_exact(&mut header).map_err(|error| fail(error.into()))?;
        let header = Header::parse(&header).map_err(fail)?;
        if left - (HEADER as u64) < u64::from(header.stored) {
            return Ok(None);
        }
        let mut stored = vec![0; header.stored as usize];
        self.input.read_exact(&mut stored).map_err(|error| fail(error.into()))?;
        let raw = header.unpack(&stored).map_err(fail)?;
        Ok(Some((header, raw)))
    }

    fn data(&mut self, chunk: u32) -> Result<Arc<[u8]>, Problem> {
        if let Some(data) = self.cache.get(&chunk) {
            return Ok(Arc::clone(data));
        }
        let at = *self.data_at.get(chunk as usize).ok_or(malformed("there is no such DATA chunk"))?;
        let raw = self.read(at).map_err(|error| error.problem)?;
        let (_, raw) = raw.ok_or(malformed("a DATA chunk has gone while the file was read"))?;
        let data: Arc<[u8]> = raw.into();
        self.cache.put(chunk, Arc::clone(&data));
        Ok(data)
    }

    fn append(&mut self, piece: Piece, len: usize, out: &mut Vec<u8>) -> Result<(), Problem> {
        let data = self.data(piece.chunk)?;
        let start = piece.offset as usize;
        let bytes = data.get(start..start + len).ok_or(malformed("a piece lies beyond its DATA chunk"))?;
        out.extend_from_slice(bytes);
        Ok(())
    }
}

impl<R: Read + Seek> Payloads for Store<R> {
    fn fetch(
        &mut self,
        device: DeviceId,
        at: Bytes,
        len: Bytes,
        cursor: &mut Cursor<'_>,
    ) -> Result<Payload, Problem> {
        let extent = self.extents.get(device.index()).ok_or(malformed("there is no such device"))?;
        if at.checked_add(len).is_none_or(|end| end > extent.reach()) {
            return Err(malformed("a write ends beyond its device"));
        }
        self.content(len, cursor)
    }

    fn content(&mut self, len: Bytes, cursor: &mut Cursor<'_>) -> Result<Payload, Problem> {
        if len > PAYLOAD_MAX {
            return Err(Problem::TooLong { what: "a payload", len: len.0, max: PAYLOAD_MAX.0 });
        }
        if len > self.limit {
            return Err(Problem::Memory { limit: self.limit });
        }
        // A piece takes at least two bytes in the record: an event cannot claim more than it names.
        if len.index().div_ceil(PIECE) > cursor.left() / 2 {
            return Err(malformed("an event has more pieces than its chunk has bytes"));
        }
        let mut data = Vec::with_capacity(len.index());
        for piece_len in piece_lens(len.index()) {
            let piece = cursor.piece()?;
            self.append(piece, piece_len, &mut data)?;
        }
        Ok(Payload::from(data))
    }
}

/// The devices, still without content, and how many base pages each has.
fn device_table(raw: &[u8], layout: u32, limits: Limits) -> Result<(Vec<Device>, Vec<u64>), Problem> {
    let mut cursor = Cursor::new(raw);
    let count = cursor.number()?;
    if count > u64::from(u16::MAX) + 1 {
        return Err(malformed("there are more than 65,536 devices"));
    }
    let (mut devices, mut pages, mut total) = (Vec::new(), Vec::new(), 0u64);
    for _ in 0..count {
        let name = cursor.text()?.to_owned();
        let (block, len, present) = (cursor.bytes()?, cursor.bytes()?, cursor.number()?);
        if block == Bytes::ZERO {
            return Err(malformed("a device has a block size of 0"));
        }
        if len > DEVICE_LEN_MAX {
            return Err(Problem::TooLong { what: "a device", len: len.0, max: DEVICE_LEN_MAX.0 });
        }
        total = total.saturating_add(present.saturating_mul(PIECE as u64));
        if total > limits.memory.0 {
            return Err(Problem::Memory { limit: limits.memory });
        }
        let kind = if layout == BLOCK_LAYOUT { DeviceKind::Block } else { device_kind(&mut cursor)? };
        let device = Device { name, block, base: Image::zeroed(len), kind, node: None, owner: None };
        validate_device(devices.len(), &device)?;
        devices.push(device);
        pages.push(present);
    }
    if cursor.left() == 0 { Ok((devices, pages)) } else { Err(malformed("it goes on after the last device")) }
}

fn device_kind(cursor: &mut Cursor<'_>) -> Result<DeviceKind, Problem> {
    match cursor.number()? {
        0 => Ok(DeviceKind::Block),
        1 => chip(cursor).map(DeviceKind::Nand),
        2 => Ok(DeviceKind::File),
        3 => Ok(DeviceKind::Directory),
        4 => Ok(DeviceKind::Link),
        _ => Err(malformed("there is no such kind of device")),
    }
}

fn chip(cursor: &mut Cursor<'_>) -> Result<NandChip, Problem> {
    let (page, spare) = (cursor.bytes()?, cursor.bytes()?);
    let mut number = || cursor.number_as::<u32>("a number of a flash chip exceeds 32 bits");
    let (pages_per_block, blocks, endurance) = (number()?, number()?, number()?);
    let paired = match number()? {
        0 => Pairing::None,
        distance => Pairing::Mlc { distance },
    };
    let geometry = NandGeometry { page, spare, pages_per_block, blocks, endurance, paired };
    let (mut erases, mut block) = (BTreeMap::new(), 0u32);
    for _ in 0..number()? {
        block = block.checked_add(number()?).ok_or(malformed("there is no such erase block"))?;
        erases.insert(BlockNo(block), number()?);
    }
    Ok(NandChip { geometry, erases })
}

/// Gives every device its node.
fn node_table(raw: &[u8], devices: &mut [Device]) -> Result<(), Problem> {
    let mut cursor = Cursor::new(raw);
    for device in devices {
        let node = u16::try_from(cursor.number()?).map_err(|_| malformed("there is no such node"))?;
        device.node = Some(NodeId(node));
    }
    if cursor.left() == 0 { Ok(()) } else { Err(malformed("it goes on after the last device")) }
}

fn owner_table(raw: &[u8], devices: &mut [Device]) -> Result<(), Problem> {
    let mut cursor = Cursor::new(raw);
    let too_large = || malformed("there is no such owner");
    for device in devices {
        let Some(mode) = cursor.number()?.checked_sub(1) else { continue };
        let mode = u16::try_from(mode).map_err(|_| too_large())?;
        let uid = u32::try_from(cursor.number()?).map_err(|_| too_large())?;
        let gid = u32::try_from(cursor.number()?).map_err(|_| too_large())?;
        device.owner = Some(Owner { mode, uid, gid });
    }
    if cursor.left() == 0 { Ok(()) } else { Err(malformed("it goes on after the last device")) }
}

fn load_base<R: Read + Seek>(
    store: &mut Store<R>,
    devices: &mut [Device],
    pages: &[u64],
) -> Result<(), ContainerError> {
    let (mut at, mut raw, mut done) = (store.at, Vec::new(), 0);
    for (device, pages) in devices.iter_mut().zip(pages) {
        let mut page = 0;
        for _ in 0..*pages {
            while done == raw.len() {
                (at, raw, done) = base_chunk(store)?;
            }
            let mut cursor = Cursor::new(&raw[done..]);
            base_page(store, &mut cursor, &mut page, &mut device.base)
                .map_err(|problem| ContainerError::new(at, problem))?;
            done = raw.len() - cursor.left();
        }
    }
    if done == raw.len() {
        return Ok(());
    }
    Err(ContainerError::new(at, malformed("it goes on after the last base page")))
}

fn base_chunk<R: Read + Seek>(store: &mut Store<R>) -> Result<(u64, Vec<u8>, usize), ContainerError> {
    match store.step()? {
        Step::Chunk { tag: Tag::Base, at, raw } => Ok((at, raw, 0)),
        Step::Chunk { at, .. } => Err(ContainerError::new(at, malformed("base pages are missing before it"))),
        Step::Cut { at } => Err(ContainerError::new(at, Problem::HeaderCut)),
    }
}

fn base_page<R: Read + Seek>(
    store: &mut Store<R>,
    cursor: &mut Cursor<'_>,
    page: &mut u64,
    base: &mut Image,
) -> Result<(), Problem> {
    let beyond = || malformed("a base page lies beyond its device");
    *page = page.checked_add(cursor.number()?).ok_or_else(beyond)?;
    let at = page.checked_mul(PIECE as u64).filter(|at| *at < base.len().0).ok_or_else(beyond)?;
    let piece = cursor.piece()?;
    let mut data = Vec::new();
    store.append(piece, (base.len().0 - at).min(PIECE as u64) as usize, &mut data)?;
    base.write(Bytes(at), &data);
    Ok(())
}

fn resident(image: &Image) -> u64 {
    image.pages().map(|(_, page)| page.len() as u64).sum()
}

/// About what an event takes in memory.
fn event_size(event: &Event) -> u64 {
    let content = match event {
        Event::Write { data, .. } | Event::Program { data, .. } | Event::Send { data, .. } => {
            data.len().index()
        }
        Event::Flush { except: events, .. } | Event::FlushFailed { writes: events, .. } => {
            std::mem::size_of_val(events.as_slice())
        }
        Event::Names { changes, .. } => {
            let name = |change: &NameChange| size_of::<NameChange>() + change.name.len();
            changes.iter().map(name).sum()
        }
        Event::Begin { text, .. } | Event::Mark { text } => text.len(),
        Event::WriteZeroes { .. }
        | Event::Discard { .. }
        | Event::Resize { .. }
        | Event::Erase { .. }
        | Event::Ack { .. }
        | Event::Deliver { .. }
        | Event::Down { .. }
        | Event::Up { .. } => 0,
    };
    let content = content + event.label().map_or(0, |label| label.text().len());
    (content + size_of::<Event>()) as u64
}
