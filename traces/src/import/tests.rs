//! Which format a file has, and what is said of those that have none.

use super::*;
use crate::formats::dm_log_writes::{SectorSize, export};
use crate::testing::{any_disk_trace, any_trace};
use crate::{DeviceId, Event, Payload};
use proptest::prelude::*;
use std::io::Cursor;

fn small() -> Options {
    Options { limits: Limits { memory: Bytes(1 << 20) }, ..Options::default() }
}

proptest! {
    #[test]
    fn a_container_is_recognised(trace in any_trace()) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.crash");
        trace.write_to(&path).expect("a file");
        let imported = open(&path).expect("an import");
        prop_assert_eq!((imported.trace, imported.format), (trace, Format::Container));
    }

    #[test]
    fn a_log_is_recognised(trace in any_disk_trace(512)) {
        let mut log = Vec::new();
        if export(&trace, DeviceId(0), SectorSize::B512, &mut log).is_ok() {
            let options = Options { base: Some(trace.devices[0].base.clone()), ..Options::default() };
            let imported = read(Cursor::new(log), &options).expect("an import");
            prop_assert_eq!(imported.format, Format::DmLogWrites);
            prop_assert_eq!(imported.trace.validate(), Ok(()));
        }
    }

    #[test]
    fn any_bytes_are_taken_or_refused_by_every_importer(
        bytes in prop::collection::vec(any::<u8>(), 0..600), start in 0..5usize, format in 0..5usize,
    ) {
        let starts: [&[u8]; 5] =
            [b"", b"crashtrc", b"rhswfsj\0\x01\0\0\0\0\0\0\0", b"\x07\x74\x61\x65", b"fio version 2 iolog\n"];
        let file = [starts[start], &bytes].concat();
        let options = Options { format: Format::ALL.get(format).copied(), ..small() };
        if let Ok(imported) = read(Cursor::new(&file), &options) {
            prop_assert_eq!(imported.trace.validate(), Ok(()));
        }
    }
}

#[test]
fn every_format_is_known_by_its_name() {
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(format));
    }
    let error = "btrace".parse::<Format>().expect_err("no such format");
    assert_eq!(error, "there is no format `btrace`: the formats are crash, dm-log-writes, blktrace, fio");
}

#[test]
fn an_unknown_file_is_refused() {
    let error = read(Cursor::new(b"PK\x03\x04"), &Options::default()).expect_err("a refusal");
    assert!(matches!(error.problem, ImportProblem::UnknownFormat));
    assert!(error.to_string().contains("at byte 0"), "{error}");
}

#[test]
fn a_cut_container_gives_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.crash");
    Trace::default().write_to(&path).expect("a file");
    let file = std::fs::read(&path).expect("a file");
    let imported = read(Cursor::new(&file[..file.len() - 1]), &Options::default()).expect("an import");
    assert!(imported.warnings[0].starts_with("the trace was cut at byte"), "{:?}", imported.warnings);
}

const LOG: &[u8] = b"fio version 2 iolog\n/a write 100 50\n";

#[test]
fn a_base_image_gives_content_and_length() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("base");
    let content = [vec![0; 8192], vec![5; 300]].concat();
    std::fs::write(&path, &content).expect("a file");
    let base = read_base(&path, Limits::default()).expect("an image");
    assert_eq!(base, Image::from_bytes(&content));
    let options = Options { base: Some(base.clone()), ..Options::default() };
    assert_eq!(read(Cursor::new(LOG), &options).expect("an import").trace.devices[0].base, base);
    let error = read_base(&path, Limits { memory: Bytes(100) }).expect_err("300 bytes");
    assert_eq!(error.offset, Bytes(8192));
}

#[test]
fn a_base_image_that_is_too_short_is_refused() {
    let options = Options { base: Some(Image::zeroed(Bytes(149))), ..Options::default() };
    let error = read(Cursor::new(LOG), &options).expect_err("150 bytes are written");
    assert!(error.to_string().contains("ends at byte 150 of a device of 149"), "{error}");
}

#[test]
fn a_base_image_for_two_devices_is_refused() {
    let log = [LOG, b"/b write 0 1\n"].concat();
    let options = Options { base: Some(Image::zeroed(Bytes(4096))), ..Options::default() };
    let error = read(Cursor::new(log), &options).expect_err("which of the two?");
    assert!(error.to_string().contains("serves one device, but the trace has 2"), "{error}");
}

#[test]
fn contents_are_the_same_on_every_import() {
    let content = || match &read(Cursor::new(LOG), &Options::default()).expect("an import").trace.events[..] {
        [Event::Write { data, .. }] => data.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(content(), content());
    let mut unit = 1u64.to_le_bytes().to_vec();
    unit.extend_from_slice(&100u64.to_le_bytes());
    assert_eq!(Payload::from(&content().as_slice()[..16]), Payload::from(unit));
}

/// A record of blktrace, version 7: of a write if it has bytes, otherwise of a flush.
fn record(time: u64, complete: bool, sector: u64, bytes: u32) -> Vec<u8> {
    let mut record = 0x6561_7407_u32.to_le_bytes().to_vec();
    record.extend_from_slice(&[0; 4]);
    record.extend_from_slice(&time.to_le_bytes());
    record.extend_from_slice(&sector.to_le_bytes());
    record.extend_from_slice(&bytes.to_le_bytes());
    let action = if complete { 8 } else { 7 } | if bytes > 0 { 1 << 17 } else { 1 << 18 };
    record.extend_from_slice(&u32::to_le_bytes(action));
    record.extend_from_slice(&[0; 16]);
    record
}

/// A write, a flush and a write; the completion of the flush is in the file of another processor.
fn two_processors() -> [Vec<u8>; 2] {
    let of_0 = [(100, false, 0, 4096), (200, true, 0, 4096), (300, false, 0, 0)];
    let of_0 = [&of_0[..], &[(500, false, 8, 4096), (600, true, 8, 4096)]].concat();
    let of_0 =
        of_0.into_iter().flat_map(|(time, complete, sector, bytes)| record(time, complete, sector, bytes));
    [of_0.collect(), record(400, true, 0, 0)]
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).expect("a file");
    }
    folder
}

#[test]
fn the_files_of_all_processors_are_read_together() {
    let [of_0, of_1] = two_processors();
    let older = record(350, true, 0, 0);
    let files = [
        ("sd.blktrace.0", &of_0[..]),
        ("sd.blktrace.10", &of_1),
        ("sd.blktrace.2", b""),
        ("sdb.blktrace.1", &older),
        ("sd.blktrace.1.old", &older),
        ("sd.blktrace.01", &older),
    ];
    let folder = folder(&files);
    let whole =
        read(Cursor::new([of_0.clone(), of_1.clone()].concat()), &Options::default()).expect("an import");
    assert_eq!(whole.trace.events.len(), 3);
    for (name, others) in [
        ("sd.blktrace.0", "sd.blktrace.2 and sd.blktrace.10"),
        ("sd.blktrace.2", "sd.blktrace.0 and sd.blktrace.10"),
        ("sd.blktrace.10", "sd.blktrace.0 and sd.blktrace.2"),
    ] {
        let imported = open(folder.path().join(name)).expect("an import");
        assert_eq!((imported.trace, imported.format), (whole.trace.clone(), Format::Blktrace), "{name}");
        let told = format!("the file holds what one processor did: {others} beside it are read as well");
        assert_eq!(imported.warnings, [told]);
    }
}

#[test]
fn one_file_beside_it_is_named_and_many_are_counted() {
    let [of_0, of_1] = two_processors();
    let two = folder(&[("a.blktrace.0", &of_0), ("a.blktrace.1", &of_1)]);
    let warnings = open(two.path().join("a.blktrace.0")).expect("an import").warnings;
    assert_eq!(warnings, ["the file holds what one processor did: a.blktrace.1 beside it is read as well"]);
    for processor in 2..64 {
        std::fs::write(two.path().join(format!("a.blktrace.{processor}")), b"").expect("a file");
    }
    let warnings = open(two.path().join("a.blktrace.7")).expect("an import").warnings;
    let told = "the file holds what one processor did: the 63 files a.blktrace.0 to a.blktrace.63 beside it are read \
                as well";
    assert_eq!(warnings, [told]);
}

#[test]
fn a_damaged_file_of_another_processor_is_named() {
    let [of_0, mut of_1] = two_processors();
    of_1.extend_from_slice(b"nonsense");
    let folder = folder(&[("sd.blktrace.0", &of_0), ("sd.blktrace.1", &of_1)]);
    let error = open(folder.path().join("sd.blktrace.0")).expect_err("nonsense");
    assert_eq!(error.to_string(), "this is not a blktrace record, at byte 48 of sd.blktrace.1");
    let cut = &of_1[..50];
    std::fs::write(folder.path().join("sd.blktrace.1"), cut).expect("a file");
    let error = open(folder.path().join("sd.blktrace.0"));
    assert!(error.is_ok_and(|imported| {
        imported
            .warnings
            .iter()
            .any(|warning| warning.contains("sd.blktrace.1: the trace ends within the record at byte 48"))
    }));
}

#[test]
fn files_beside_a_trace_of_another_format_are_not_read() {
    let folder = folder(&[("sd.blktrace.0", LOG), ("sd.blktrace.1", b"nonsense")]);
    let imported = open(folder.path().join("sd.blktrace.0")).expect("an import");
    assert_eq!((imported.format, imported.warnings), (Format::FioIolog, vec![]));
}
