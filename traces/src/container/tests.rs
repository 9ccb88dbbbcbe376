//! Containers written, read back, cut and damaged.

use super::chunk::{ChunkWriter, Tag};
use super::codec::{Labels, put_event, put_number, put_text};
use super::*;
use crate::testing::any_trace;
use crate::{BlockNo, Device, DeviceId, DeviceKind, Event, EventId, Image, Label, NandGeometry, Reach};
use crate::{OpId, Pairing, Payload};
use proptest::prelude::*;
use std::io::{Cursor, Read, Seek, SeekFrom, Write};

fn written(trace: &Trace) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &trace.devices).expect("a header");
    for event in &trace.events {
        writer.push(event).expect("an event");
    }
    writer.finish().expect("an end")
}

fn read(file: &[u8]) -> Result<(Trace, Ending), ContainerError> {
    Reader::open(Cursor::new(file))?.into_trace()
}

/// A small trace, in several chunks.
fn sample() -> (Trace, Vec<u8>) {
    let device = DeviceId(0);
    let mut base = Image::zeroed(Bytes(20_000));
    base.write(Bytes(4096), &[7; 5000]);
    let mut trace = Trace { devices: vec![Device::block("disk", Bytes(1), base)], events: vec![] };
    let mut writer = Writer::new(Vec::new(), &trace.devices).expect("a header");
    let write = |at, fill: u8| Event::Write {
        device,
        at: Bytes(at),
        data: Payload::from(vec![fill; 5000]),
        fua: None,
        label: Some("commit".into()),
    };
    let begin = Event::Begin { op: OpId(0), text: "put".into() };
    for event in [begin, write(0, 1), write(9000, 2), write(3, 7), Event::flush(device)] {
        writer.push(&event).expect("an event");
        writer.flush().expect("a chunk");
        trace.events.push(event);
    }
    (trace, writer.finish().expect("an end"))
}

/// The preamble and the given chunks.
fn crafted(chunks: &[(Tag, Vec<u8>)]) -> Vec<u8> {
    let mut out = ChunkWriter::new(Vec::new(), BLOCK_LAYOUT).expect("a preamble");
    for (tag, raw) in chunks {
        out.write(*tag, raw).expect("a chunk");
    }
    out.out
}

fn devices(len: u64, pages: u64) -> Vec<u8> {
    let mut table = vec![1];
    put_text(&mut table, "disk");
    for number in [512, len, pages] {
        put_number(&mut table, number);
    }
    table
}

fn numbers(numbers: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    numbers.iter().for_each(|number| put_number(&mut out, *number));
    out
}

fn problem(file: &[u8]) -> (u64, String) {
    let error = read(file).expect_err("a refusal");
    (error.offset.0, error.problem.to_string())
}

proptest! {
    #[test]
    fn what_is_read_is_what_was_written(trace in any_trace()) {
        let (back, ending) = read(&written(&trace)).expect("a readable file");
        prop_assert_eq!(back, trace);
        prop_assert_eq!(ending, Ending::Complete);
    }

    #[test]
    fn the_same_trace_gives_the_same_bytes(trace in any_trace()) {
        prop_assert_eq!(written(&trace), written(&trace));
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read(&bytes).is_err());
        let after_magic = [MAGIC.as_slice(), &bytes].concat();
        prop_assert!(read(&after_magic).is_err());
    }

    #[test]
    fn arbitrary_chunk_contents_never_panic(tag in 0..5usize, raw in prop::collection::vec(any::<u8>(), 0..200)) {
        let tag = [Tag::Devices, Tag::Data, Tag::Base, Tag::Events, Tag::Done][tag];
        let raw = raw[..raw.len().min(tag.raw_max())].to_vec();
        let _ = read(&crafted(&[(tag, raw.clone())]));
        let data = (Tag::Data, vec![1; 8192]);
        let _ = read(&crafted(&[(Tag::Devices, devices(1 << 20, 0)), data, (tag, raw)]));
    }
}

#[test]
fn a_file_cut_at_any_byte_gives_every_whole_chunk() {
    let (trace, file) = sample();
    let mut most = 0;
    for cut in 0..file.len() {
        match read(&file[..cut]) {
            Err(error) => {
                assert_eq!(most, 0, "a longer file reads worse");
                assert!(matches!(error.problem, Problem::HeaderCut), "cut at {cut}: {error}");
                assert!(error.offset.0 <= cut as u64);
            }
            Ok((part, ending)) => {
                assert_eq!(part.devices, trace.devices);
                assert_eq!(part.events, trace.events[..part.events.len()]);
                assert!(part.events.len() >= most, "a longer file reads worse");
                most = part.events.len();
                let Ending::Cut { at } = ending else { panic!("cut at {cut}, but called complete") };
                assert!(at.0 <= cut as u64);
            }
        }
    }
    assert_eq!(most, trace.events.len());
    assert_eq!(read(&file).expect("the whole file").1, Ending::Complete);
}

#[test]
fn a_flipped_bit_anywhere_is_noticed() {
    let (_, file) = sample();
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut damaged = file.clone();
            damaged[at] ^= 1 << bit;
            let error = read(&damaged).expect_err("damage must not pass");
            assert!(error.offset.0 <= at as u64, "bit {bit} of byte {at}: {error}");
            assert!(error.to_string().contains("at byte"));
        }
    }
}

#[test]
fn a_writer_that_dies_leaves_what_it_flushed() {
    let (trace, _) = sample();
    let mut writer = Writer::new(Vec::new(), &trace.devices).expect("a header");
    writer.push(&trace.events[0]).expect("an event");
    writer.flush().expect("a chunk");
    writer.push(&trace.events[1]).expect("an event");
    let file = std::mem::take(&mut writer.chunks_mut().out);
    let (part, ending) = read(&file).expect("a readable file");
    assert_eq!(part.events, trace.events[..1]);
    assert_eq!(ending, Ending::Cut { at: Bytes::of(file.len()) });
}

#[test]
fn an_event_of_a_later_medium_is_refused_by_its_kind() {
    let file = crafted(&[(Tag::Devices, devices(4096, 0)), (Tag::Events, numbers(&[0x53, 1, 2]))]);
    let (offset, text) = problem(&file);
    assert_eq!(text, "event kind 0x53 is of a medium that this reader does not know: use a newer crashcheck");
    assert!(offset > 16);
}

#[test]
fn what_is_durable_for_data_alone_has_kinds_of_its_own() {
    let numbers = numbers(&[0x14, 0, 0, 0x41, 0, 0, 0x11, 0, 8, 9, 1, 0, 0x43, 0, 8, 9, 0]);
    let (trace, _) =
        read(&crafted(&[(Tag::Devices, devices(4096, 0)), (Tag::Events, numbers)])).expect("a trace");
    let device = DeviceId(0);
    let zeroes = |reach| {
        let (at, len) = (Bytes(8), Bytes(9));
        Event::WriteZeroes { device, at, len, fua: Some(reach), label: None }
    };
    let data = Event::Flush { device, except: vec![], reach: Reach::Data };
    assert_eq!(trace.events, [Event::flush(device), data, zeroes(Reach::All), zeroes(Reach::Data)]);
    assert_eq!(read(&written(&trace)).expect("a trace").0, trace);
}

#[test]
fn a_later_layout_is_refused_by_its_version() {
    let (_, mut file) = sample();
    file[8] = VERSION as u8 + 1;
    let crc = crc32fast::hash(&file[..12]);
    file[12..16].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(problem(&file), (8, Problem::Version { found: VERSION + 1 }.to_string()));
}

#[test]
fn a_chunk_that_stands_twice_is_refused() {
    let one = crafted(&[(Tag::Devices, devices(4096, 0))]);
    let two = crafted(&[(Tag::Devices, devices(4096, 0)), (Tag::Events, numbers(&[0x16, 0, 0]))]);
    let twice = [two.as_slice(), &two[one.len()..]].concat();
    assert_eq!(problem(&twice), (two.len() as u64, "chunk 2 should be here, but this is chunk 1".into()));
}

#[test]
fn bytes_after_the_end_are_refused() {
    let (_, mut file) = sample();
    file.push(0);
    assert!(problem(&file).1.contains("goes on after its end"));
}

#[test]
fn huge_lengths_are_refused_before_memory_is_taken() {
    let huge = u64::MAX;
    let events = |numbers_of: &[u64]| {
        crafted(&[
            (Tag::Devices, devices(1 << 62, 0)),
            (Tag::Data, vec![0; 4096]),
            (Tag::Events, numbers(numbers_of)),
        ])
    };
    let cases = [
        (crafted(&[(Tag::Devices, devices(4096, huge))]), "memory"),
        (crafted(&[(Tag::Devices, devices(huge, 0))]), "a device has"),
        (crafted(&[(Tag::Devices, numbers(&[1, huge]))]), "text is longer"),
        (crafted(&[(Tag::Devices, numbers(&[huge]))]), "65,536"),
        (events(&[0x10, 0, 0, 0, 0, 1 << 61]), "256 MiB"),
        (events(&[0x10, 0, 0, 0, 0, 200 << 20]), "more pieces"),
        (events(&[0x10, 0, 2, 0, 0, huge]), "beyond its device"),
        (events(&[0x10, 0, 0, 0, 0, 4096, 0, 1]), "beyond its DATA chunk"),
        (events(&[0x10, 0, 0, 0, 0, 4096, 1, 0]), "no such DATA chunk"),
        (events(&[0x14, 0, huge]), "names more events"),
        (events(&[0x18, 0, 0, huge]), "names more events"),
        (events(&[0x17, huge]), "text is longer"),
        (events(&[0x12, 0, huge, huge]), "its device ends"),
        (events(&[0x13, 0, huge]), "its device ends"),
        (events(&[0x12, 70_000, 0, 0]), "no such device"),
        (events(&[0x16, huge, 0]), "no such operation"),
    ];
    for (file, expected) in cases {
        let (_, text) = problem(&file);
        let max = text.contains("the most is 268435456") && expected == "256 MiB";
        assert!(max || text.contains(expected), "{text}");
    }
}

#[test]
fn a_chunk_cannot_decompress_beyond_its_length() {
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 3).expect("a bomb");
    let mut file = crafted(&[]);
    let mut header = [b"DEVS".as_slice(), &[0; 16]].concat();
    header[8..12].copy_from_slice(&100u32.to_le_bytes());
    header[12..16].copy_from_slice(&(bomb.len() as u32).to_le_bytes());
    header[16..20].copy_from_slice(&crc32fast::hash(&bomb).to_le_bytes());
    file.extend_from_slice(&header);
    file.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
    file.extend_from_slice(&bomb);
    assert_eq!(problem(&file), (16, "the chunk is malformed: it does not decompress into its length".into()));
}

#[test]
fn a_trace_beyond_the_memory_limit_is_refused_but_can_be_read_event_by_event() {
    let (trace, file) = sample();
    let limits = Limits { memory: Bytes(16 << 10) };
    let open = || Reader::open_within(Cursor::new(&file), limits).expect("a small base");
    let error = open().into_trace().expect_err("15,000 bytes of payload and 9,000 of base");
    assert!(matches!(error.problem, Problem::Memory { .. }));
    assert_eq!(open().count(), trace.events.len());
}

#[test]
fn an_event_that_is_refused_leaves_the_writer_usable() {
    let (trace, _) = sample();
    let mut writer = Writer::new(Vec::new(), &trace.devices).expect("a header");
    let beyond = Event::Discard { device: DeviceId(0), at: Bytes(20_000), len: Bytes(1) };
    assert!(matches!(writer.push(&beyond).expect_err("beyond").problem, Problem::Invalid(_)));
    let long = Event::Mark { text: "x".repeat(TEXT_MAX.index() + 1) };
    assert!(matches!(writer.push(&long).expect_err("too long").problem, Problem::TooLong { .. }));
    for event in &trace.events {
        writer.push(event).expect("an event");
    }
    assert_eq!(read(&writer.finish().expect("an end")).expect("a readable file").0, trace);
}

#[test]
fn equal_contents_are_stored_once() {
    let content: Vec<u8> = (0..4096u32).map(|index| ((index * index) >> 3) as u8).collect();
    let mut base = Image::zeroed(Bytes(1 << 20));
    base.write(Bytes(0), &content);
    let device = Device::block("disk", Bytes(512), base);
    let size = |writes: u64| {
        let write = |index| Event::Write {
            device: DeviceId(0),
            at: Bytes(512 * index),
            data: Payload::from(content.as_slice()),
            fua: None,
            label: None,
        };
        let trace = Trace { devices: vec![device.clone()], events: (0..writes).map(write).collect() };
        written(&trace).len()
    };
    assert!(size(200) < size(0) + 1500, "200 copies of a base page took {} bytes", size(200) - size(0));
}

fn labelled(index: usize) -> Event {
    let label = Some(format!("the label that has the number {index}").as_str().into());
    Event::WriteZeroes { device: DeviceId(0), at: Bytes(0), len: Bytes(0), fua: None, label }
}

#[test]
fn a_label_is_spelt_once_and_then_numbered() {
    let mut labels = Labels::default();
    let mut len = |index| {
        let mut record = Vec::new();
        put_event(&mut record, &labelled(index), &[], &mut labels);
        record.len()
    };
    for index in 0..100 {
        assert!(len(index) > 30);
    }
    for index in 0..100 {
        assert!(len(index) < 10, "label {index} is spelt again");
    }
}

#[test]
fn more_labels_than_the_table_holds_come_back() {
    let devices = vec![Device::zeroed("disk", Bytes(1), Bytes(0))];
    let trace = Trace { devices, events: (0..5000).chain(0..5000).map(labelled).collect() };
    assert_eq!(read(&written(&trace)).expect("a readable file").0, trace);
}

/// Streams a file from the writer to the reader without ever holding it: a disk made of a temporary file.
#[test]
fn a_long_trace_is_written_and_read_in_bounded_memory() {
    const WRITE: usize = 128 << 10;
    const COUNT: u64 = 2560;
    let file = tempfile::tempfile().expect("a temporary file");
    let disk = Device::zeroed("disk", Bytes(512), Bytes(1 << 30));
    let mut writer = Writer::new(std::io::BufWriter::new(file), &[disk]).expect("a header");
    for index in 0..COUNT {
        writer.push(&numbered_write(index, WRITE)).expect("an event");
        let (held, remembered) = writer.footprint();
        assert!(held <= 2 << 20 && remembered <= PIECES_REMEMBERED, "{held} bytes, {remembered} pieces");
    }
    assert_eq!(writer.footprint().1, PIECES_REMEMBERED, "320 MiB of unique pieces fill the index");
    let mut file = writer.finish().expect("an end").into_inner().expect("a file");
    file.flush().expect("a flush");
    let mut reader = Reader::open(file).expect("a header");
    for index in 0..COUNT {
        assert_eq!(reader.next().expect("an event").expect("an event"), numbered_write(index, WRITE));
        assert!(reader.chunks_held() <= CHUNKS_CACHED);
    }
    assert!(reader.next().is_none());
    assert_eq!(reader.ending(), Some(Ending::Complete));
}

/// Each piece is unique, and cheap to compress.
fn numbered_write(index: u64, len: usize) -> Event {
    let mut data = vec![0; len];
    for (piece, bytes) in data.chunks_mut(PIECE).enumerate() {
        bytes[..8].copy_from_slice(&index.to_le_bytes());
        bytes[8] = piece as u8;
    }
    let at = Bytes(index * len as u64);
    Event::Write { device: DeviceId(0), at, data: Payload::from(data), fua: None, label: None }
}

/// Fails after so many bytes.
struct Failing(Cursor<Vec<u8>>, u64);

impl Read for Failing {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.0.position() >= self.1 { Err(io::Error::other("bad sector")) } else { self.0.read(buf) }
    }
}

impl Seek for Failing {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_read_error_is_reported_where_it_happened() {
    let (_, file) = sample();
    let end = file.len() as u64 - 30;
    let error =
        Reader::open(Failing(Cursor::new(file), end)).and_then(Reader::into_trace).expect_err("a failure");
    assert!(matches!(error.problem, Problem::Io(_)));
    assert!(error.to_string().contains("bad sector"), "{error}");
}

#[test]
fn traces_go_to_files_and_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("one.crash");
    let (trace, _) = sample();
    trace.write_to(&path).expect("a file");
    assert_eq!(Trace::read_from(&path).expect("a trace"), (trace, Ending::Complete));
    assert!(Trace::read_from(folder.path().join("none.crash")).is_err());
}

fn a_chip() -> Device {
    let (page, spare) = (Bytes(40), Bytes(8));
    let paired = Pairing::Mlc { distance: 2 };
    let geometry = NandGeometry { page, spare, pages_per_block: 4, blocks: 3, endurance: 10, paired };
    let mut device = Device::nand("chip", geometry).with_bad_blocks(&[BlockNo(2)]);
    if let DeviceKind::Nand(chip) = &mut device.kind {
        chip.erases.insert(BlockNo(0), 7);
    }
    device
}

#[test]
fn block_devices_alone_are_written_in_the_layout_that_old_readers_know() {
    let layout = |file: &[u8]| u32::from_le_bytes(file[8..12].try_into().expect("four bytes"));
    assert_eq!(layout(&sample().1), 1);
    let disk = Device::zeroed("disk", Bytes(512), Bytes(4096));
    let trace = Trace { devices: vec![disk, a_chip()], events: vec![] };
    assert_eq!(layout(&written(&trace)), 2);
}

#[test]
fn a_chip_comes_back_with_its_wear_and_its_events() {
    let (device, label) = (DeviceId(0), Some(Label::from("data")));
    let events = vec![
        Event::Erase { device, at: Bytes(192), len: Bytes(192), label: label.clone() },
        Event::Program { device, at: Bytes(240), data: Payload::from(vec![3; 48]), label },
        Event::flush(device),
    ];
    let trace = Trace { devices: vec![a_chip()], events };
    assert_eq!(read(&written(&trace)).expect("a trace"), (trace, Ending::Complete));
}

#[test]
fn what_does_not_fit_a_chip_is_refused() {
    let (chip, disk) = (DeviceId(0), DeviceId(1));
    let devices = vec![a_chip(), Device::zeroed("disk", Bytes(512), Bytes(4096))];
    let program = |device, at, len| Event::Program {
        device,
        at: Bytes(at),
        data: Payload::from(vec![1; len]),
        label: None,
    };
    let erase = |device, at, len| Event::Erase { device, at: Bytes(at), len: Bytes(len), label: None };
    let write =
        Event::Write { device: chip, at: Bytes(0), data: Payload::from(vec![1; 48]), fua: None, label: None };
    let cases = [
        (program(chip, 48, 47), "not one whole page"),
        (program(chip, 47, 48), "not one whole page"),
        (program(chip, 576, 48), "ends at byte 624"),
        (erase(chip, 48, 192), "not one whole erase block"),
        (erase(chip, 0, 48), "not one whole erase block"),
        (program(disk, 0, 48), "is for a flash chip, but device 1 is a block device"),
        (erase(disk, 0, 192), "is for a flash chip, but device 1 is a block device"),
        (write, "is for a block device, but device 0 is a flash chip"),
        (Event::Discard { device: chip, at: Bytes(0), len: Bytes(48) }, "is for a block device"),
        (Event::Resize { device: chip, len: Bytes(48) }, "is for a block device"),
        (Event::Flush { device: chip, except: vec![EventId(0)], reach: Reach::All }, "excludes events"),
    ];
    for (event, expected) in cases {
        let mark = Event::Mark { text: String::new() };
        let trace = Trace { devices: devices.clone(), events: vec![mark, event.clone()] };
        let error = trace.validate().expect_err("a refusal").to_string();
        assert!(error.contains(expected), "{error}");
        let mut writer = Writer::new(Vec::new(), &devices).expect("a header");
        writer.push(&trace.events[0]).expect("a mark");
        assert!(writer.push(&event).expect_err("a refusal").to_string().contains(expected));
    }
}

#[test]
fn a_chip_that_contradicts_its_geometry_is_refused() {
    let mut short = a_chip();
    short.base.resize(Bytes(100));
    let mut beyond = a_chip();
    let mut flat = a_chip();
    if let (DeviceKind::Nand(beyond), DeviceKind::Nand(flat)) = (&mut beyond.kind, &mut flat.kind) {
        beyond.erases.insert(BlockNo(3), 1);
        flat.geometry.blocks = 0;
    }
    let cases = [
        (short, "is a flash chip of 576 B, but its content has 100 B"),
        (beyond, "erase block 3 is beyond the chip"),
        (flat, "the number of blocks is 0"),
    ];
    for (device, expected) in cases {
        let trace = Trace { devices: vec![device], events: vec![] };
        let error = trace.validate().expect_err("a refusal").to_string();
        assert!(error.contains(expected), "{error}");
        let refused = Writer::new(Vec::new(), &trace.devices).err().expect("a refusal").to_string();
        assert!(refused.contains(expected), "{refused}");
    }
}
