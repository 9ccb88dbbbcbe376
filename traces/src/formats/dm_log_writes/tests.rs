//! What is read and written of dm-log-writes, and what is refused.

use super::*;
use crate::testing::any_disk_trace;
use crate::{Device, EventId, Image, NandGeometry, OpId, Pairing, Trace};
use proptest::prelude::*;

fn options(base: &Image) -> Options {
    Options { base: Some(base.clone()), ..Options::default() }
}

fn round_trip(trace: &Trace, sector: SectorSize) -> Trace {
    let mut log = Vec::new();
    export(trace, DEVICE, sector, &mut log).expect("an export");
    let imported = import(log.as_slice(), &options(&trace.devices[0].base)).expect("an import");
    assert_eq!(imported.warnings, Vec::<String>::new());
    imported.trace
}

/// What the format keeps of a trace whose flushes exclude nothing.
fn kept(trace: &Trace) -> Vec<Event> {
    let label = |label: &Option<Label>| label.clone().filter(|label| label.as_str() == LABEL);
    let keep = |event: &Event| match event {
        event if event.range().is_some_and(|(_, _, len)| len == Bytes::ZERO) => None,
        Event::Write { device, at, data, fua, label: of } => {
            let (device, at, data, fua) = (*device, *at, data.clone(), *fua);
            Some(Event::Write { device, at, data, fua, label: label(of) })
        }
        Event::WriteZeroes { device, at, len, fua, label: of } => {
            let data = Payload::from(vec![0; len.index()]);
            Some(Event::Write { device: *device, at: *at, data, fua: *fua, label: label(of) })
        }
        other => Some(other.clone()),
    };
    trace.events.iter().filter_map(keep).collect()
}

fn without_exceptions(mut trace: Trace) -> Trace {
    for event in &mut trace.events {
        if let Event::Flush { except, .. } = event {
            except.clear();
        }
    }
    trace
}

proptest! {
    #[test]
    fn what_the_format_can_say_comes_back(
        (sector, trace) in prop_oneof![Just(SectorSize::B512), Just(SectorSize::B4096)]
            .prop_flat_map(|sector| (Just(sector), any_disk_trace(sector.bytes().0)))
    ) {
        let trace = without_exceptions(trace);
        let back = round_trip(&trace, sector);
        prop_assert_eq!(&back.devices[0].base, &trace.devices[0].base);
        prop_assert_eq!(back.events, kept(&trace));
    }

    #[test]
    fn marks_come_back_whatever_they_say(text in "(mark |begin |ack |1 |durable|dm-log-writes-end|x){0,6}") {
        let event = Event::Mark { text };
        prop_assert_eq!(marks::parse(&marks::text(&event).expect("a mark")), Some(event));
    }

    #[test]
    fn a_damaged_log_never_panics(at in 0usize..8192, byte: u8, cut in 0usize..9000) {
        let mut log = sample();
        let at = at % log.len();
        log[at] = byte;
        log.truncate(cut);
        let _ = import(log.as_slice(), &Options::default());
    }

    #[test]
    fn arbitrary_entries_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        for (count, uncounted) in [(0, false), (3, false), (3, true)] {
            let log = [superblock(count, 512).as_slice(), &bytes].concat();
            let _ = import(log.as_slice(), &Options { uncounted, ..Options::default() });
        }
    }
}

fn superblock(count: u64, sector: u32) -> Vec<u8> {
    let mut block = vec![0; sector as usize];
    block[..8].copy_from_slice(b"rhswfsj\0");
    block[8] = 1;
    block[16..24].copy_from_slice(&count.to_le_bytes());
    block[24..28].copy_from_slice(&sector.to_le_bytes());
    block
}

fn entry(sector: u64, sectors: u64, flags: u64, inline: &[u8], payload: u8) -> Vec<u8> {
    let mut block = vec![0; 512];
    for (at, word) in [(0, sector), (8, sectors), (16, flags), (24, inline.len() as u64)] {
        block[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }
    block[32..32 + inline.len()].copy_from_slice(inline);
    if flags & (DISCARD | MARK) == 0 {
        block.resize(512 + 512 * sectors as usize, payload);
    }
    block
}

/// Six entries of 512-byte sectors.
fn sample() -> Vec<u8> {
    [
        superblock(6, 512),
        entry(0, 2, 0, b"", 1),
        entry(0, 0, FLUSH, b"", 0),
        entry(8, 1, FUA | METADATA, b"", 2),
        entry(4, 4, DISCARD, b"", 0),
        entry(0, 0, MARK, b"ack 3 durable", 0),
        entry(0, 0, MARK, b"dm-log-writes-end", 0),
    ]
    .concat()
}

fn write(at: u64, sectors: usize, fill: u8, fua: bool) -> Event {
    let data = Payload::from(vec![fill; 512 * sectors]);
    Event::Write {
        device: DEVICE,
        at: Bytes(512 * at),
        data,
        fua: fua.then_some(Reach::All),
        label: fua.then(|| LABEL.into()),
    }
}

fn flush() -> Event {
    Event::flush(DEVICE)
}

fn imported(log: &[u8]) -> Imported {
    import(log, &Options::default()).expect("an import")
}

fn refusal(log: &[u8]) -> (u64, String) {
    let error = import(log, &Options::default()).expect_err("a refusal");
    (error.offset.0, error.to_string())
}

#[test]
fn a_kernel_log_is_read() {
    let Imported { trace, warnings, .. } = imported(&sample());
    let discard = Event::Discard { device: DEVICE, at: Bytes(2048), len: Bytes(2048) };
    let ack = Event::Ack { op: OpId(3), durable: true };
    assert_eq!(trace.events, [write(0, 2, 1, false), flush(), write(8, 1, 2, true), discard, ack]);
    assert_eq!(trace.devices, [Device::zeroed("disk", Bytes(512), Bytes(8192))]);
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn a_flush_with_data_is_a_barrier_before_the_data() {
    let end = entry(0, 0, MARK, b"dm-log-writes-end", 0);
    let log =
        [superblock(3, 512), entry(0, 1, FLUSH, b"", 1), entry(1, 1, FLUSH | FUA, b"", 2), end].concat();
    let mut fua = write(1, 1, 2, true);
    if let Event::Write { label, .. } = &mut fua {
        *label = None;
    }
    assert_eq!(imported(&log).trace.events, [flush(), write(0, 1, 1, false), flush(), fua]);
}

/// The log of a recording of two entries over an older one of four: the count is right, and nothing marks the end.
fn reused() -> Vec<u8> {
    let older = [entry(0, 1, 0, b"", 7), entry(0, 0, FLUSH, b"", 0)].concat();
    [superblock(2, 512), entry(8, 1, 0, b"", 9), entry(0, 0, FLUSH, b"", 0), older.repeat(2)].concat()
}

#[test]
fn a_log_of_qemu_ends_where_its_count_says() {
    let Imported { trace, warnings, .. } = imported(&reused());
    assert_eq!(trace.events, [write(8, 1, 9, false), flush()]);
    assert_eq!(
        warnings,
        [
            "the log counts 2 entries, and 4 more follow that are not used: they are of an older recording, or the \
          recorder died before it counted them (--uncounted uses them)"
        ]
    );
}

#[test]
fn a_log_whose_count_is_right_needs_no_mark_at_its_end() {
    for rest in [vec![], vec![0; 4096], vec![0xaa; 4096]] {
        let log = [superblock(2, 512), entry(8, 1, FUA, b"", 9), entry(0, 0, FLUSH, b"", 0), rest].concat();
        let Imported { trace, warnings, .. } = imported(&log);
        assert_eq!((trace.events.len(), warnings), (2, Vec::<String>::new()));
    }
}

#[test]
fn entries_beyond_the_count_are_used_if_that_is_asked_for() {
    let uncounted = Options { uncounted: true, ..Options::default() };
    let Imported { trace, warnings, .. } = import(reused().as_slice(), &uncounted).expect("an import");
    assert_eq!(trace.events.len(), 6);
    assert_eq!(warnings, ["the log counts 2 entries, but 4 more follow and are used"]);
    let mut log = sample();
    log[16] = 1;
    let Imported { trace, warnings, .. } = import(log.as_slice(), &uncounted).expect("an import");
    assert_eq!(trace, imported(&sample()).trace);
    assert_eq!(warnings, ["the log counts 1 entries, but 4 more follow and are used"]);
}

#[test]
fn a_log_without_a_count_is_used_to_its_end() {
    let log =
        [superblock(0, 512), entry(0, 1, 0, b"", 1), entry(0, 0, FLUSH, b"", 0), vec![0; 4096]].concat();
    let Imported { trace, warnings, .. } = imported(&log);
    assert_eq!(trace.events, [write(0, 1, 1, false), flush()]);
    assert_eq!(
        warnings,
        [
            "the log counts no entries, so its recorder died before it counted: the 2 that follow are used, though \
          they may be of an older recording"
        ]
    );
}

#[test]
fn a_log_of_the_kernel_without_a_count_should_have_a_mark_at_its_end() {
    let log = [superblock(0, 512), entry(0, 1, FUA, b"", 1)].concat();
    let Imported { trace, warnings, .. } = imported(&log);
    assert_eq!(trace.events.len(), 1);
    assert!(warnings.iter().any(|warning| warning.contains("no `dm-log-writes-end` mark")), "{warnings:?}");
}

#[test]
fn what_is_no_entry_ends_the_scan_beyond_the_count() {
    let log = [superblock(0, 512), entry(0, 1, 0, b"", 1), vec![0xaa; 512]].concat();
    let Imported { trace, warnings, .. } = imported(&log);
    assert_eq!(trace.events.len(), 1);
    assert!(warnings[0].contains("at byte 1536"), "{warnings:?}");
    let log = [superblock(2, 512), entry(0, 1, 0, b"", 1), vec![0xaa; 512]].concat();
    assert_eq!(refusal(&log), (1536, "an entry has unknown flags 0xaaaaaaaaaaaaaaaa, at byte 1536".into()));
}

#[test]
fn old_data_that_looks_like_an_entry_is_not_used_beyond_the_count() {
    let mut old = entry(3, 1, 0, b"", 7);
    old[100] = 1;
    let log = [superblock(0, 512), entry(0, 1, 0, b"", 1), old].concat();
    let Imported { trace, warnings, .. } = imported(&log);
    assert_eq!(trace.events, [write(0, 1, 1, false)]);
    assert!(warnings[0].contains("not padded with zeros"), "{warnings:?}");
}

#[test]
fn a_log_cut_anywhere_gives_the_entries_before_the_cut() {
    let (log, whole) = (sample(), imported(&sample()).trace.events);
    for cut in 512..log.len() {
        let Imported { trace, warnings, .. } = imported(&log[..cut]);
        assert_eq!(trace.events, whole[..trace.events.len()], "cut at {cut}");
        assert!(!warnings.is_empty(), "cut at {cut}");
    }
    for cut in 0..512 {
        assert_eq!(refusal(&log[..cut]).0, cut as u64);
    }
}

#[test]
fn inline_data_of_dax_is_what_was_written() {
    let mut log = [superblock(1, 512), entry(0, 1, 0, b"", 9)].concat();
    log[512 + 24] = 64;
    let trace = imported(&log).trace;
    assert_eq!(trace.events[0].range(), Some((DEVICE, Bytes(0), Bytes(64))));
}

#[test]
fn hostile_numbers_are_refused() {
    let huge = u64::MAX;
    let with = |entry: Vec<u8>| [superblock(1, 512), entry].concat();
    let mut discard = entry(0, 0, DISCARD, b"", 0);
    discard[8..16].copy_from_slice(&huge.to_le_bytes());
    let mut long = entry(0, 0, 0, b"", 0);
    long[8..16].copy_from_slice(&(1u64 << 40).to_le_bytes());
    let mut mark = entry(0, 0, MARK, b"", 0);
    mark[24..32].copy_from_slice(&481u64.to_le_bytes());
    let cases = [
        (with(discard), 512, "beyond any device"),
        (with(long), 512, "of memory"),
        (with(mark), 512, "481 bytes of inline data, but room for 480"),
        (superblock(1, 513), 24, "sectors of 513"),
        (superblock(1, 1 << 20), 24, "sectors of 1048576"),
    ];
    for (log, offset, expected) in cases {
        let (at, text) = refusal(&log);
        assert!(at == offset && text.contains(expected), "{text}");
    }
}

#[test]
fn an_entry_beyond_the_given_device_names_its_byte() {
    let options = Options { device_len: Some(Bytes(4096)), ..Options::default() };
    let error = import(sample().as_slice(), &options).expect_err("sector 8 is beyond 4096 bytes");
    assert!(error.to_string().contains("ends at byte 4608"), "{error}");
    assert_eq!(error.offset, Bytes(512 + 1536 + 512));
}

fn trace(events: Vec<Event>) -> Trace {
    Trace { devices: vec![Device::zeroed("disk", Bytes(512), Bytes(8192))], events }
}

#[test]
fn a_write_that_a_flush_excludes_is_logged_behind_it() {
    let except = vec![EventId(0)];
    let partial = Event::Flush { device: DEVICE, except, reach: Reach::All };
    let events = vec![write(0, 1, 1, false), write(1, 1, 2, false), partial.clone(), partial, flush()];
    let back = round_trip(&trace(events), SectorSize::B512);
    let expected = [write(1, 1, 2, false), flush(), flush(), write(0, 1, 1, false), flush()];
    assert_eq!(back.events, expected);
}

#[test]
fn what_the_format_cannot_say_is_refused_with_the_event() {
    let partial = Event::Flush { device: DEVICE, except: vec![EventId(0)], reach: Reach::All };
    let cases = [
        (vec![Event::Resize { device: DEVICE, len: Bytes(512) }], 0, "a change of length"),
        (vec![flush(), Event::Discard { device: DEVICE, at: Bytes(1), len: Bytes(512) }], 1, "whole sectors"),
        (vec![write(0, 1, 1, false), write(0, 1, 2, false), partial], 1, "older one it overlaps"),
    ];
    for (events, index, expected) in cases {
        let error = export(&trace(events), DEVICE, SectorSize::B512, Vec::new()).expect_err("a refusal");
        assert!(error.event == Some(EventId(index)) && error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_flash_chip_is_refused() {
    let (page, spare, paired) = (Bytes(512), Bytes(16), Pairing::None);
    let geometry = NandGeometry { page, spare, pages_per_block: 2, blocks: 2, endurance: 9, paired };
    let trace = Trace { devices: vec![Device::nand("chip", geometry)], events: vec![flush()] };
    let error = export(&trace, DEVICE, SectorSize::B512, Vec::new()).expect_err("a refusal");
    assert_eq!(
        error.to_string(),
        "dm-log-writes cannot express a flash chip: it logs writes to block devices"
    );
}

#[test]
fn a_mark_that_is_too_long_is_shortened_with_a_warning() {
    let mut log = Vec::new();
    let long = trace(vec![Event::Mark { text: "\u{00fc}".repeat(300) }]);
    let warnings = export(&long, DEVICE, SectorSize::B512, &mut log).expect("an export");
    assert_eq!(warnings, ["a mark of 600 bytes was shortened to 478"]);
    assert_eq!(imported(&log).trace.events, [Event::Mark { text: "\u{00fc}".repeat(239) }]);
}
