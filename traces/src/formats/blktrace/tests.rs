//! What is read of traces of blktrace, and what is refused.

use super::*;
use crate::{EventId, Trace};
use proptest::prelude::*;

const SYNCED_FUA: u64 = WRITE | FUA;

/// One record, by default of device 8:0 and without an error.
#[derive(Clone, Copy, Debug)]
struct Line {
    action: u64,
    category: u64,
    sector: u64,
    bytes: u32,
    device: u32,
    error: u16,
}

fn line(action: u64, category: u64, sector: u64, bytes: u32) -> Line {
    Line { action, category, sector, bytes, device: 8 << 20, error: 0 }
}

fn encode(layout: Layout, lines: &[Line]) -> Vec<u8> {
    let mut out = Vec::new();
    for (time, line) in (1u64..).zip(lines) {
        let mut record = vec![0; layout.len() as usize];
        let mut put = |at: usize, len: usize, value: u64| {
            let bytes = value.to_le_bytes();
            record[at..at + len].copy_from_slice(&bytes[..len]);
            if layout.big {
                record[at..at + len].reverse();
            }
        };
        put(0, 4, u64::from(MAGIC) | if layout.v8 { 8 } else { 7 });
        put(8, 8, time);
        put(16, 8, line.sector);
        put(24, 4, u64::from(line.bytes));
        let action = line.action | line.category;
        let (at, len, device, error, more) =
            if layout.v8 { (32, 8, 40, 48, 50) } else { (28, 4, 36, 44, 46) };
        put(at, len, action);
        put(device, 4, u64::from(line.device));
        put(error, 2, u64::from(line.error));
        put(more, 2, 3);
        out.extend_from_slice(&record);
        out.extend_from_slice(b"pdu");
    }
    out
}

const V7: Layout = Layout { v8: false, big: false };

fn imported(lines: &[Line]) -> Trace {
    let imported = import(encode(V7, lines).as_slice(), &Options::default()).expect("an import");
    imported.trace.validate().expect("a valid trace");
    imported.trace
}

fn warnings(lines: &[Line]) -> Vec<String> {
    import(encode(V7, lines).as_slice(), &Options::default()).expect("an import").warnings
}

/// The events as a person would note them.
fn notes(trace: &Trace) -> Vec<String> {
    let note = |event: &Event| match event {
        Event::Write { at, fua, .. } => {
            format!("{} {}", if fua.is_some() { "fua" } else { "write" }, at.0 / SECTOR)
        }
        Event::Discard { at, .. } => format!("discard {}", at.0 / SECTOR),
        Event::Flush { except, .. } => {
            format!("flush but {:?}", except.iter().map(|id| id.0).collect::<Vec<_>>())
        }
        other => format!("{other:?}"),
    };
    trace.events.iter().map(note).collect()
}

fn workload() -> Vec<Line> {
    vec![
        line(1, NOTIFY | WRITE, 0, 0),
        line(ISSUE, WRITE, 8, 4096),
        line(ISSUE | CGROUP, WRITE | META, 16, 4096),
        line(COMPLETE, WRITE, 8, 4096),
        line(ISSUE, 1 << 16, 99, 4096),
        line(ISSUE, FLUSH, 0, 0),
        line(ISSUE, WRITE | DISCARD, 32, 4096),
        line(COMPLETE, FLUSH, 0, 0),
        line(ISSUE, SYNCED_FUA, 24, 512),
        line(ISSUE, WRITE, 40, 512),
        line(COMPLETE, SYNCED_FUA, 24, 512),
    ]
}

const EXPECTED: [&str; 6] = ["write 8", "write 16", "discard 32", "flush but [1, 2]", "write 40", "fua 24"];

#[test]
fn a_flush_excludes_what_had_not_completed_when_it_was_issued() {
    let trace = imported(&workload());
    assert_eq!(notes(&trace), EXPECTED);
    assert_eq!(trace.events[1].label().map(Label::as_str), Some("metadata"));
    assert_eq!(trace.devices[0].name, "8:0");
    assert_eq!(trace.devices[0].base.len(), Bytes(20_480 + 4096));
}

#[test]
fn both_versions_and_byte_orders_read_the_same() {
    let expected = imported(&workload());
    for (v8, big) in [(false, false), (false, true), (true, false), (true, true)] {
        let file = encode(Layout { v8, big }, &workload());
        assert!(begins(&file));
        assert_eq!(import(file.as_slice(), &Options::default()).expect("an import").trace, expected);
    }
}

#[test]
fn a_flush_with_data_covers_what_came_before_but_not_its_data() {
    let lines = [
        line(ISSUE, WRITE, 0, 512),
        line(COMPLETE, WRITE, 0, 512),
        line(ISSUE, WRITE | FLUSH, 8, 512),
        line(COMPLETE, WRITE | FLUSH, 8, 512),
        line(ISSUE, SYNCED_FUA | FLUSH, 16, 512),
        line(COMPLETE, SYNCED_FUA | FLUSH, 16, 512),
    ];
    let expected = ["write 0", "write 8", "flush but [1]", "flush but []", "fua 16"];
    assert_eq!(notes(&imported(&lines)), expected);
}

#[test]
fn a_write_that_was_put_back_is_issued_once() {
    let lines = [line(ISSUE, WRITE, 0, 512), line(REQUEUE, WRITE, 0, 512), line(ISSUE, WRITE, 0, 512)];
    assert_eq!(notes(&imported(&lines)), ["write 0"]);
}

/// blk-flush completes the request for the device, then those that asked for it, and a write a second time without bytes.
#[test]
fn a_second_completion_without_bytes_completes_no_flush() {
    let (asks, data) = (WRITE | FLUSH, WRITE | FUA);
    for second in [line(COMPLETE, data, 9, 0), line(COMPLETE, asks, 0, 0), line(COMPLETE, WRITE, 0, 0)] {
        let lines = [
            line(ISSUE, data, 8, 512),
            line(ISSUE, FLUSH, 0, 0),
            line(COMPLETE, data, 8, 512),
            second,
            line(ISSUE, WRITE, 16, 512),
            line(COMPLETE, FLUSH, 0, 0),
        ];
        assert_eq!(notes(&imported(&lines)), ["fua 8", "write 16", "flush but [1]"], "{second:?}");
    }
}

#[test]
fn a_write_has_completed_when_its_last_part_has() {
    let flush = [line(ISSUE, FLUSH, 0, 0), line(COMPLETE, FLUSH, 0, 0)];
    let part = [line(ISSUE, WRITE, 0, 1024), line(COMPLETE, WRITE, 0, 512)];
    let rest = [line(COMPLETE, WRITE, 1, 512)];
    let lines = [part.as_slice(), &flush, &rest, &flush].concat();
    assert_eq!(notes(&imported(&lines)), ["write 0", "flush but [0]", "flush but []"]);
}

#[test]
fn a_write_that_failed_is_never_covered() {
    let failed = Line { error: 5, ..line(COMPLETE, WRITE, 0, 512) };
    let lines = [line(ISSUE, WRITE, 0, 512), failed, line(ISSUE, FLUSH, 0, 0), line(COMPLETE, FLUSH, 0, 0)];
    assert_eq!(notes(&imported(&lines)), ["write 0", "flush but [0]"]);
}

#[test]
fn a_write_that_is_tried_again_after_a_failure_completes() {
    let failed = Line { error: 5, ..line(COMPLETE, WRITE, 0, 512) };
    let again = [line(ISSUE, WRITE, 0, 512), line(COMPLETE, WRITE, 0, 512)];
    let flush = [line(ISSUE, FLUSH, 0, 0), line(COMPLETE, FLUSH, 0, 0)];
    let lines = [&[line(ISSUE, WRITE, 0, 512), failed], again.as_slice(), &flush].concat();
    assert_eq!(notes(&imported(&lines)), ["write 0", "write 0", "flush but [0]"]);
}

#[test]
fn a_flush_that_was_put_back_is_issued_once() {
    let flush = line(ISSUE, FLUSH, 0, 0);
    let back = line(REQUEUE, FLUSH, 0, 0);
    let done = line(COMPLETE, FLUSH, 0, 0);
    assert_eq!(notes(&imported(&[flush, back, flush, done, done])), ["flush but []"]);
}

#[test]
fn an_fua_write_that_never_completed_is_an_ordinary_write() {
    assert_eq!(notes(&imported(&[line(ISSUE, SYNCED_FUA, 3, 512)])), ["write 3"]);
}

#[test]
fn a_trace_without_flush_and_fua_may_be_of_a_device_without_a_cache() {
    let write = [line(ISSUE, WRITE, 0, 512), line(COMPLETE, WRITE, 0, 512)];
    let told = "no flush and no FUA: either nobody asked for durability, or the device has no volatile cache; for such \
                a device explore with --profile write-through";
    assert_eq!(warnings(&write), [told]);
    let flush = [line(ISSUE, FLUSH, 0, 0), line(COMPLETE, FLUSH, 0, 0)];
    let fua = [line(ISSUE, SYNCED_FUA, 8, 512), line(COMPLETE, SYNCED_FUA, 8, 512)];
    for durable in [flush, fua] {
        assert_eq!(warnings(&[write, durable].concat()), Vec::<String>::new());
    }
}

#[test]
fn flushes_and_fua_writes_that_never_completed_are_told_of() {
    let done = |issue: Line| [issue, Line { action: COMPLETE, ..issue }];
    let whole = [done(line(ISSUE, FLUSH, 0, 0)), done(line(ISSUE, SYNCED_FUA, 8, 512))].concat();
    assert_eq!(warnings(&whole), Vec::<String>::new());
    let other = Line { device: 8 << 20 | 16, ..line(ISSUE, FLUSH, 0, 0) };
    let open = [
        line(ISSUE, FLUSH, 0, 0),
        line(ISSUE, WRITE | FLUSH, 24, 512),
        line(ISSUE, SYNCED_FUA, 16, 512),
        other,
    ];
    let told = "flushes and FUA writes issued but never seen to complete: 4; they make nothing durable. blktrace writes \
                a file for each processor: put all files of one recording into one folder";
    assert_eq!(warnings(&[whole.as_slice(), &open].concat()), [told]);
    let half = [line(ISSUE, WRITE, 0, 512), line(COMPLETE, WRITE, 0, 512), line(COMPLETE, FLUSH, 0, 0)];
    let told = "flushes or FUA writes completed, but none was seen to be issued: they are left out. blktrace writes a \
                file for each processor: put all files of one recording into one folder";
    assert_eq!(warnings(&half), [told]);
}

#[test]
fn every_device_has_its_own_flushes() {
    let other = |line: Line| Line { device: 8 << 20 | 16, ..line };
    let lines = [
        line(ISSUE, WRITE, 0, 512),
        other(line(ISSUE, WRITE, 0, 512)),
        other(line(ISSUE, FLUSH, 0, 0)),
        other(line(COMPLETE, FLUSH, 0, 0)),
    ];
    let trace = imported(&lines);
    assert_eq!(trace.devices.iter().map(|device| device.name.as_str()).collect::<Vec<_>>(), ["8:0", "8:16"]);
    assert_eq!(
        trace.events[2],
        Event::Flush { device: DeviceId(1), except: vec![EventId(1)], reach: Reach::All }
    );
}

#[test]
fn no_two_writes_have_equal_contents() {
    let lines: Vec<Line> = (0..50).map(|_| line(ISSUE, WRITE, 0, 512)).collect();
    let trace = imported(&lines);
    let mut contents: Vec<_> = trace
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Write { data, .. } => Some(data.as_slice().to_vec()),
            _ => None,
        })
        .collect();
    contents.sort();
    contents.dedup();
    assert_eq!(contents.len(), 50);
}

#[test]
fn a_trace_cut_anywhere_gives_the_records_before_the_cut() {
    let file = encode(V7, &workload());
    for cut in 0..file.len() {
        let imported = import(&file[..cut], &Options::default()).expect("an import");
        assert_eq!(
            imported.warnings.iter().any(|text| text.contains("ends within")),
            cut % 51 != 0,
            "cut at {cut}"
        );
    }
}

#[test]
fn hostile_records_are_refused_with_their_byte() {
    let second = |bad: Line| encode(V7, &[line(ISSUE, WRITE, 0, 512), bad]);
    let mut magic = second(line(ISSUE, WRITE, 0, 512));
    magic[51] = 9;
    let cases = [
        (second(line(ISSUE, WRITE, 0, u32::MAX)), "longer than 64 MiB"),
        (second(line(ISSUE, WRITE, u64::MAX, 512)), "beyond any device"),
        (second(line(ISSUE, WRITE, 1 << 54, 512)), "beyond any device"),
        (magic, "version 9"),
    ];
    for (file, expected) in cases {
        let error = import(file.as_slice(), &Options::default()).expect_err("a refusal");
        assert!(error.offset == Bytes(51) && error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn synthesised_contents_stay_within_the_limit() {
    let lines: Vec<Line> = (0..100).map(|_| line(ISSUE, WRITE, 0, 1 << 20)).collect();
    let limits = crate::container::Limits { memory: Bytes(10 << 20) };
    let options = Options { limits, ..Options::default() };
    let error = import(encode(V7, &lines).as_slice(), &options).expect_err("100 MiB");
    assert!(error.to_string().contains("needs more than 10 MiB of memory"), "{error}");
}

prop_compose! {
    fn any_line()(
        action in prop_oneof![Just(REQUEUE), Just(ISSUE), Just(COMPLETE)], category in 0u64..1 << 16,
        sector in 0u64..4, sectors in 0u32..3, device in 0u32..2, error in 0u16..2,
    ) -> Line {
        Line { action, category: (category & 0xe4ff) << 16, sector, bytes: sectors * 512, device, error }
    }
}

proptest! {
    #[test]
    fn any_records_give_a_valid_trace(lines in prop::collection::vec(any_line(), 0..60)) {
        imported(&lines);
    }

    #[test]
    fn a_damaged_trace_never_panics(at in 0usize..560, byte: u8, bytes in prop::collection::vec(any::<u8>(), 0..99)) {
        let mut file = encode(V7, &workload());
        file[at] = byte;
        let limits = crate::container::Limits { memory: Bytes(1 << 20) };
        let options = Options { limits, ..Options::default() };
        let _ = import(file.as_slice(), &options);
        let _ = import([&file[..51], &bytes].concat().as_slice(), &options);
    }
}
