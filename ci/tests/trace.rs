//! `crashcheck record` and `crashcheck trace`, as a user runs them.

mod common;

use common::{Place, json};

#[test]
fn the_statistics_are_as_agreed() {
    let place = Place::new();
    place.record("vsfs:create", "a.crash");
    let ran = place.run(&["trace", "stats", "a.crash", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.out, include_str!("golden/stats.json"));
    let text = place.run(&["trace", "stats", "a.crash"]).out;
    assert_eq!(text, include_str!("golden/stats.txt"));
}

#[test]
fn the_events_are_as_agreed() {
    let place = Place::new();
    place.record("vsfs:create", "a.crash");
    assert_eq!(place.run(&["trace", "show", "a.crash"]).out, include_str!("golden/show.txt"));
    let part = place.run(&["trace", "show", "a.crash", "--from", "5", "--limit", "2"]).out;
    let events: Vec<&str> = part.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(events.len(), 2);
    assert!(events[0].starts_with("#5 "), "{part}");
}

#[test]
fn numbers_beyond_64_bits_are_exact() {
    let place = Place::new();
    let mut log = "fio version 2 iolog\n/dev/x add\n/dev/x open\n".to_owned();
    (0..100).for_each(|block| log.push_str(&format!("/dev/x write {} 4096\n", block * 4096)));
    place.write("wide.fio", &log);
    let stats = json(&place.run(&["trace", "stats", "wide.fio", "--json"]).out);
    let states = (1u128 << 100).to_string();
    assert_eq!((&stats["crash_states"], &stats["exact"]), (&states.clone().into(), &true.into()), "{stats}");
    let epochs = stats["epochs"].as_array().expect("epochs");
    assert!(
        epochs.iter().any(|epoch| epoch["crash_states"] == *states && epoch["in_flight"] == 100),
        "{stats}"
    );
    assert!(place.run(&["trace", "stats", "wide.fio"]).out.contains("1.3e30 different crash states"));
}

#[test]
fn a_trace_survives_the_way_to_another_format_and_back() {
    let place = Place::new();
    place.record("journal:rename", "a.crash");
    let ran = place.run(&["trace", "export", "a.crash", "-o", "a.log", "--to", "dm-log-writes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("labels"), "what the format cannot say is told: {}", ran.err);
    assert_eq!(place.run(&["trace", "import", "a.log", "-o", "b.crash"]).code, Some(0));
    let stats = |file: &str| json(&place.run(&["trace", "stats", file, "--json"]).out);
    let (before, log, after) = (stats("a.crash"), stats("a.log"), stats("b.crash"));
    assert_eq!((&log["format"], &after["format"]), (&"dm-log-writes".into(), &"crash".into()));
    for field in ["writes", "flushes", "written_bytes"] {
        assert_eq!(before[field], after[field], "{field}");
        assert_eq!(log[field], after[field], "{field}");
    }
}

#[test]
fn every_verb_names_the_byte_at_which_a_trace_is_damaged() {
    let place = Place::new();
    place.record("vsfs:append", "a.crash");
    let mut bytes = std::fs::read(place.path("a.crash")).expect("a trace");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    place.write("bad.crash", &bytes);
    place.write("nonsense", "this is not a trace at all");
    let verbs: [&[&str]; 5] = [
        &["trace", "show"],
        &["trace", "stats"],
        &["trace", "import", "-o", "x"],
        &["trace", "export", "-o", "x"],
        &["explore", "--recover", "true {image}", "--trace"],
    ];
    for file in ["bad.crash", "nonsense"] {
        for verb in verbs {
            let ran = place.run(&[verb, &[file]].concat());
            assert_eq!(ran.code, Some(2), "{verb:?} {file}: {}", ran.out);
            assert!(ran.err.contains("at byte ") && ran.err.contains(file), "{verb:?} {file}: {}", ran.err);
        }
    }
}

#[test]
fn a_trace_that_was_cut_is_used_with_a_warning() {
    let place = Place::new();
    place.record("vsfs:append", "a.crash");
    let bytes = std::fs::read(place.path("a.crash")).expect("a trace");
    place.write("cut.crash", &bytes[..bytes.len() - 1]);
    let ran = place.run(&["trace", "stats", "cut.crash"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("warning: cut.crash: the trace was cut at byte"), "{}", ran.err);
}

#[test]
fn entries_that_a_log_does_not_count_are_used_if_that_is_asked_for() {
    let place = Place::new();
    place.record("vsfs:append", "a.crash");
    assert_eq!(place.run(&["trace", "export", "a.crash", "-o", "a.log"]).code, Some(0));
    let mut log = std::fs::read(place.path("a.log")).expect("a log");
    log[16..24].copy_from_slice(&1u64.to_le_bytes());
    place.write("stale.log", &log);
    let stats = |args: &[&str]| {
        let ran = place.run(&[&["trace", "stats", "--json"], args].concat());
        (json(&ran.out)["events"].clone(), ran.err)
    };
    let (whole, _) = stats(&["a.log"]);
    let (counted, told) = stats(&["stale.log"]);
    assert!(counted == 1 && told.contains("more follow that are not used"), "{counted}: {told}");
    let (all, told) = stats(&["stale.log", "--uncounted"]);
    assert!(all == whole && told.contains("more follow and are used"), "{all}: {told}");
}

#[test]
fn text_from_a_trace_cannot_steer_the_terminal() {
    use crashcheck::trace::{Bytes, Device, DeviceId, Event, OpId, Trace};
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J\n#99 flush";
    let trace = Trace {
        devices: vec![Device::zeroed(hostile, Bytes(512), Bytes(4096))],
        events: vec![
            Event::Begin { op: OpId(0), text: hostile.to_owned() },
            Event::Write {
                device: DeviceId(0),
                at: Bytes(0),
                data: vec![1; 512].into(),
                fua: None,
                label: Some(hostile.into()),
            },
            Event::Mark { text: hostile.to_owned() },
        ],
    };
    let place = Place::new();
    trace.write_to(place.path("t.crash")).expect("a trace file");
    let check = "sh -c 'test $CRASHCHECK_BEGUN_OPS = 0 || test -n \"$(tr -d \"\\0\" < $0)\"' {image}";
    let verbs: [&[&str]; 3] = [
        &["trace", "show"],
        &["trace", "stats"],
        &["explore", "--max-shrink-time", "0", "--recover", "true {image}", "--check", check, "--trace"],
    ];
    for verb in verbs {
        let ran = place.run(&[verb, &["t.crash"]].concat());
        assert!(ran.out.contains("\\u{1b}"), "{verb:?}: {}", ran.out);
        assert!(ran.out.chars().all(|c| !c.is_control() || c == '\n'), "{verb:?}: {}", ran.out);
        assert!(!ran.out.contains("\n#99 flush"), "{verb:?}: {}", ran.out);
    }
}

#[test]
fn what_is_asked_for_must_be_there() {
    let place = Place::new();
    place.record("vsfs:append", "a.crash");
    let cases: [(&[&str], &str); 4] = [
        (&["trace", "show", "missing.crash"], "missing.crash"),
        (&["trace", "export", "a.crash", "-o", "x", "--device", "3"], "there is no device 3"),
        (&["trace", "stats", "a.crash", "--profile", "tron"], "there is no device profile 'tron'"),
        (&["record", "vsfs:append", "-o", "no/such/directory/x"], "no/such/directory/x"),
    ];
    for (args, expected) in cases {
        let ran = place.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert!(ran.err.contains(expected), "{args:?}: {}", ran.err);
    }
}

#[test]
fn a_trace_of_a_flash_chip_is_shown_and_counted_but_is_no_log_of_writes() {
    use crashcheck::trace::{Bytes, Device, DeviceId, Event, Label, NandGeometry, Pairing, Payload, Trace};
    let place = Place::new();
    let (page, spare, paired) = (Bytes(2048), Bytes(64), Pairing::None);
    let geometry = NandGeometry { page, spare, pages_per_block: 4, blocks: 8, endurance: 100, paired };
    let (device, label) = (DeviceId(0), Some(Label::from("data")));
    let events = vec![
        Event::Erase { device, at: Bytes(8448), len: Bytes(8448), label: None },
        Event::Program { device, at: Bytes(8448), data: Payload::from(vec![3; 2112]), label },
        Event::flush(device),
    ];
    let trace = Trace { devices: vec![Device::nand("chip", geometry)], events };
    trace.write_to(place.path("chip.crash")).expect("a trace");
    let shown = place.run(&["trace", "show", "chip.crash"]).out;
    let expected = [
        "device 0: chip, 66 KiB, 8 erase blocks of 4 pages of 2048 + 64 bytes",
        "#0      erase  device 0 at 8448 + 8448",
        "#1      program  device 0 at 8448 + 2112  data",
        "#2      flush  device 0",
    ];
    assert!(expected.iter().all(|line| shown.contains(line)), "{shown}");
    let stats = place.run(&["trace", "stats", "chip.crash", "--json", "--profile", "flash"]).out;
    let stats = json(&stats);
    // All was erased before: a complete erase leaves the same image as none.
    assert_eq!((&stats["writes"], &stats["erases"], &stats["flushes"]), (&1.into(), &1.into(), &1.into()));
    assert_eq!((&stats["crash_states"], &stats["written_bytes"]), (&"4".into(), &2112.into()), "{stats}");
    assert_eq!(place.run(&["trace", "import", "chip.crash", "-o", "copy.crash"]).code, Some(0));
    assert_eq!(Trace::read_from(place.path("copy.crash")).expect("a trace").0, trace);
    let ran = place.run(&["trace", "export", "chip.crash", "-o", "chip.log", "--to", "dm-log-writes"]);
    assert_eq!(ran.code, Some(2), "{}", ran.out);
    assert!(ran.err.contains("cannot express a flash chip"), "{}", ran.err);
}

#[test]
fn a_cluster_is_shown_and_counted_and_no_other_format_takes_its_messages() {
    use crashcheck::trace::{Bytes, Device, DeviceId, Event, MessageId, NodeId, Trace};
    let (from, to, message) = (NodeId(0), NodeId(1), MessageId(0));
    let data = || vec![7; 512].into();
    let write = Event::Write { device: DeviceId(0), at: Bytes(0), data: data(), fua: None, label: None };
    let send = Event::Send { message, from, to, data: data(), label: Some("hello".into()) };
    let disk = |node| Device::zeroed("disk", Bytes(512), Bytes(4096)).of(node);
    let events =
        vec![write, send, Event::Deliver { message }, Event::Down { node: to }, Event::Up { node: to }];
    let place = Place::new();
    Trace { devices: vec![disk(from), disk(to)], events }
        .write_to(place.path("c.crash"))
        .expect("a trace file");
    let shown = place.run(&["trace", "show", "c.crash"]).out;
    for line in [
        "device 1: disk, 4 KiB, blocks of 512 B, of node 1",
        "#1      send  message 0 of 512 B from node 0 to node 1  hello",
        "#2      deliver  message 0",
        "#3      down  node 1",
        "#4      up  node 1",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    let stats =
        |profile| json(&place.run(&["trace", "stats", "c.crash", "--json", "--profile", profile]).out);
    // Written or not, whoever goes down: before the message is sent, before it is delivered with four fates, before node 1
    // is turned off, before it is turned on (node 0 may still go down), and at the end.
    let (cluster, reorder) = (stats("cluster"), stats("reorder"));
    assert_eq!((&cluster["messages"], &cluster["devices"][1]["node"]), (&1.into(), &1.into()));
    assert_eq!(cluster["crash_states"], (2 * (4 + 4 * 4 + 4 + 2 + 4)).to_string());
    assert_eq!(reorder["crash_states"], "2");
    let export = place.run(&["trace", "export", "c.crash", "-o", "c.log"]);
    assert_eq!(export.code, Some(2));
    assert!(export.err.contains("cannot express a message between nodes, event #1"), "{}", export.err);
    let explore =
        place.run(&["explore", "--trace", "c.crash", "--recover", "true {image}", "--profile", "cluster"]);
    assert_eq!(explore.code, Some(2));
    assert!(explore.err.contains("choose a profile without [cluster]"), "{}", explore.err);
}
