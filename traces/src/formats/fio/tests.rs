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
    assert_eq!(trace.events[3], Event::Flush { device: a, except: vec![] });
    assert_eq!(trace.events[5], Event::Flush { device: b, except: vec![] });
    assert_eq!(trace.validate(), Ok(()));
}

#[test]
fn version_3_has_times_and_means_the_same() {
    let timed = |line: &str| format!("17 {line}\n");
    let lines = V2.lines().skip(1).filter(|line| !line.contains("wait")).map(timed);
    let v3 = format!("fio version 3 iolog\n{}", lines.collect::<String>());
    assert_eq!(imported(&v3).trace, imported(V2).trace);
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
        ("fio version 3 iolog\n9 /a wait 0 0\n", "there is no action `wait`", 2, 20),
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
    fn any_text_is_read_or_refused(text in "((/[ab]|[0-9]{1,4}|write|sync|trim|add|\\PC)[ \n]){0,60}", version in 1..5) {
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
