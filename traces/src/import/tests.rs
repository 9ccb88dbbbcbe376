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
