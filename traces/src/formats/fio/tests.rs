//! What is read of the I/O logs of fio, and what is refused.

use super::*;
use crate::Event;
use proptest::prelude::*;

const V2: &str = "fio version 2 iolog\n\
    /a add\n/a open\n/b add\n\
    /a write 0 4096\n/a write 4096 100\n/b write 10 1\n/a sync 0 0\n/a read 0 4096\n/a wait 5 0\n\
    /a trim 0 4096\n/b datasync 0 0\n/a close\n";

fn imported(log: &str) -> Imported {
    import(log.as_bytes(), &Options::default()).expect("an import")
}

#[test]
fn each_file_is_a_device() {
    let trace = imported(V2).trace;
    let devices: Vec<_> =
        trace.devices.iter().map(|device| (device.name.as_str(), device.base.len())).collect();
    assert_eq!(devices, [("/a", Bytes(4196)), ("/b", Bytes(11))]);
    let ranges: Vec<_> = trace.events.iter().filter_map(Event::range).collect();
    let (a, b) = (DeviceId(0), DeviceId(1));
    let expected = [(a, 0, 4096), (a, 4096, 100), (b, 10, 1), (a, 0, 4096)]
        .map(|(d, at, len)| (d, Bytes(at), Bytes(len)));
    assert_eq!(ranges, expected);
    assert_eq!(trace.events[3], Event::flush(a));
    assert_eq!(trace.events[5], Event::Flush { device: b, except: vec![], reach: Reach::Data });
    assert_eq!(trace.validate(), Ok(()));
}

#[test]
fn version_3_has_times_and_means_the_same() {
    let timed = |line: &str| format!("17 {line}\n");
    let lines = V2.lines().skip(1).filter(|line| !line.contains("wait")).map(timed);
    let v3 = format!("fio version 3 iolog\n{}", lines.collect::<String>());
    assert_eq!(imported(&v3).trace, imported(V2).trace);
}

/// The events as a person would note them: the file, and what happened to it.
fn notes(imported: &Imported) -> Vec<String> {
    let trace = &imported.trace;
    let note = |event: &Event| match event {
        Event::Write { device, at, .. } => format!("{} write {}", trace.devices[device.index()].name, at.0),
        Event::Flush { device, .. } => format!("{} flush", trace.devices[device.index()].name),
        other => format!("{other:?}"),
    };
    trace.events.iter().map(note).collect()
}

#[test]
fn a_header_in_the_middle_begins_another_recording() {
    let job =
        "fio version 3 iolog\n39 h.dat add\n297 h.dat write 0 4096\n348 h.dat sync 0 0\n402 h.dat close\n";
    let log = imported(&format!("{job}{job}fio version 2 iolog\nh.dat write 4096 1\n"));
    let once = ["h.dat write 0", "h.dat flush"];
    assert_eq!(notes(&log), [&once[..], &once, &["h.dat write 4096"]].concat());
    let told = "the log holds 3 recordings, the second from line 6: each is read as if it came after the one before, \
                but the log does not say whether their jobs ran at the same time";
    assert_eq!(log.warnings, [told]);
}

#[test]
fn what_makes_nothing_durable_leaves_no_event() {
    let log = imported(
        "fio version 3 iolog\n1 c add\n2 c write 0 9\n3 c sync_file_range 0 0\n4 c wait 0 0\n5 c wait\n\
         6 c sync_file_range 0 0\n7 c sync 0 0\n",
    );
    assert_eq!(notes(&log), ["c write 0", "c flush"]);
    let told = [
        "`sync_file_range` in 2 lines, first in line 4: it makes nothing durable, so it leaves no event",
        "`wait` in 2 lines, first in line 5: it makes nothing durable, so it leaves no event",
    ];
    assert_eq!(log.warnings, told);
    assert_eq!(imported("fio version 2 iolog\nc wait 100 0\n").warnings, Vec::<String>::new());
}

#[test]
fn syncfs_flushes_its_file() {
    let alone = imported("fio version 3 iolog\n1 c write 0 9\n2 c syncfs 0 0\n");
    assert_eq!((notes(&alone), alone.warnings.len()), (vec!["c write 0".into(), "c flush".into()], 0));
    let two = imported("fio version 3 iolog\n1 c write 0 9\n1 d write 0 9\n2 c syncfs 0 0\n");
    assert_eq!(notes(&two), ["c write 0", "d write 0", "c flush"]);
    let told = "`syncfs` in line 4: it counts as a flush of the file that it names and of \
                no other, since the log does not say which are on the same file system";
    assert_eq!(two.warnings, [told]);
}

#[test]
fn a_file_name_may_hold_spaces_and_words_of_the_log() {
    let log = "data  a add\ndata  a write 0 4096\n\
               sync write 5 write 5 1\ndata  a sync 4096 0\nsync write 5 add\ndata  a close\n";
    let names = |imported: &Imported| -> Vec<String> {
        imported.trace.devices.iter().map(|device| device.name.clone()).collect()
    };
    let v2 = imported(&format!("fio version 2 iolog\n{log}"));
    assert_eq!(names(&v2), ["data  a", "sync write 5"]);
    assert_eq!(notes(&v2), ["data  a write 0", "sync write 5 write 5", "data  a flush"]);
    let timed: String = log.lines().map(|line| format!("28 {line}\n")).collect();
    let v3 = imported(&format!("fio version 3 iolog\n{timed}"));
    assert_eq!((names(&v3), v3.trace.events), (names(&v2), v2.trace.events));
}

#[test]
fn mistakes_are_named_with_line_and_byte() {
    let long = format!("fio version 2 iolog\n{}", "x".repeat(9000));
    let cases = [
        ("fio version 4 iolog\n", "the first line is `fio version 4 iolog`", 1, 0),
        ("", "the log is empty", 1, 0),
        ("fio version 2 iolog\n/a add\n/a write 0\n", "a length is missing", 3, 27),
        ("fio version 2 iolog\n/a write -1 5\n", "an offset is `-1`, not a number", 2, 20),
        ("fio version 2 iolog\n/a fly 0 0\n", "there is no action `fly`", 2, 20),
        ("fio version 2 iolog\ndata a fly 0 0\n", "there is no action `fly`", 2, 20),
        ("fio version 3 iolog\n9 data a fly\n", "there is no action `fly`", 2, 20),
        (
            "fio version 3 iolog\n9 /a fly 0\n",
            "if it neither writes nor makes anything durable, take the line out",
            2,
            20,
        ),
        ("fio version 2 iolog\ndata a write 0\n", "a length is missing", 2, 20),
        ("fio version 2 iolog\ndata a sync\n", "an offset is missing", 2, 20),
        ("fio version 2 iolog\nwrite 0 0\n", "no file and action", 2, 20),
        ("fio version 2 iolog\nfio version 9 iolog\n", "only 2 and 3 are known", 2, 20),
        ("fio version 3 iolog\n/a write 0 0\n", "a time is `/a`", 2, 20),
        ("fio version 2 iolog\n/a\n", "no file and action", 2, 20),
        ("fio version 2 iolog\n/a write 0 99999999999\n", "longer than 64 MiB", 2, 20),
        ("fio version 2 iolog\n/a trim 18446744073709551615 9\n", "beyond any device", 2, 20),
        (long.as_str(), "longer than 8192 bytes", 2, 20),
    ];
    for (log, expected, line, offset) in cases {
        let error = import(log.as_bytes(), &Options::default()).expect_err(expected);
        assert_eq!((error.line, error.offset), (Some(line), Bytes(offset)), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "((/[ab]|[0-9]{1,4}|write|sync|syncfs|wait|trim|add|fio version 3 iolog|\\PC)[ \n]){0,60}", version in 1..5) {
        let log = format!("fio version {version} iolog\n{text}");
        if let Ok(imported) = import(log.as_bytes(), &Options::default()) {
            prop_assert_eq!(imported.trace.validate(), Ok(()));
        }
    }

    #[test]
    fn a_damaged_log_never_panics(at in 0..V2.len(), byte: u8) {
        let mut log = V2.as_bytes().to_vec();
        log[at] = byte;
        let _ = import(log.as_slice(), &Options::default());
    }
}
