//! What `crashcheck replay` leaves of one crash state: its devices, its operations, its trace, its page.

mod common;

use common::{Place, read};
use std::path::Path;

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a file")
}

/// The line that replays the first finding of an exploration.
fn found(place: &Place, args: &[&str]) -> String {
    let ran = place.run(&[&["explore", "--no-regressions", "--max-shrink-time", "0s"], args].concat());
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    let mut lines = ran.out.lines().filter_map(|line| line.trim().strip_prefix("Reproduce with: "));
    lines.next().expect("a line").to_owned()
}

#[test]
fn the_state_of_a_recorded_trace_is_written_as_its_commands_find_it_and_leave_it() {
    let place = Place::new();
    // Without a flush there is one epoch, in which everything may survive.
    let recorded = place.run(&["record", "vsfs:append", "--bug", "no-sync-flush", "-o", "trace.crash"]);
    assert_eq!(recorded.code, Some(0), "{}", recorded.err);
    // Keeps what it is given, and leaves something else.
    place.write("recover", "cp \"$1\" found\nprintf X | dd of=\"$1\" conv=notrunc 2>/dev/null\n");
    place.write("check", "[ $CRASHCHECK_DURABLE_OPS = 0 ] || cmp -s \"$1\" whole\n");
    let args = ["--trace", "trace.crash", "--recover", "sh recover {image}", "--check", "sh check {image}"];
    // All three writes have survived.
    let id = "trace:trace.crash/reorder/e0/p7/00000000/0x3";
    let whole = place.run(&[&["replay", id], &args[..], &["--recovered", "whole"]].concat());
    assert_eq!(whole.code, Some(6), "the id has no fingerprint: {}{}", whole.out, whole.err);
    let line = found(&place, &args);
    let ran = place.shell(&format!("{line} --image before --recovered after --save-trace up.crash"));
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    assert_eq!(bytes(&place.path("before")), bytes(&place.path("found")));
    let mut recovered = bytes(&place.path("before"));
    recovered[0] = b'X';
    assert!(recovered == bytes(&place.path("after")));
    let shown = place.run(&["trace", "show", "up.crash"]);
    assert!(shown.out.trim_end().ends_with("mark  the power fails"), "{}", shown.out);
}

#[test]
fn a_finding_is_written_as_image_trace_and_page_and_its_operations_are_printed() {
    let place = Place::new();
    let line = found(&place, &["journal:append", "--bug", "no-commit-flush", "--lives", "1"]);
    let ran = place.shell(&format!("{line} --image a/before --recovered a/after --html page.html --ops"));
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("\noperations\n  ") && ran.out.contains(": acknowledged as durable\n"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("difference: "), "{}", ran.out);
    let (before, after) = (bytes(&place.path("a/before")), bytes(&place.path("a/after")));
    assert!(before.len() == after.len() && before.iter().any(|byte| *byte != 0));
    let page = read(&place.path("page.html"));
    assert!(page.contains("id=\"finding-1\"") && page.contains("crashcheck replay "), "{page}");
    // What a device held is never written over anything.
    for option in ["--image", "--recovered"] {
        let again = place.shell(&format!("{line} {option} a/before"));
        assert_eq!(again.code, Some(2), "{}", again.out);
        assert!(
            again.err.contains("a/before: is there already") && again.err.contains("name another"),
            "{}",
            again.err
        );
    }
    assert!(before == bytes(&place.path("a/before")));
    let fixed = place.shell(&format!("{line} --fixed --ops --html fixed.html"));
    assert_eq!(fixed.code, Some(0), "{}{}", fixed.out, fixed.err);
    assert!(fixed.out.contains("the power fails after #"), "{}", fixed.out);
}

#[test]
fn each_of_several_devices_has_a_file_of_its_name() {
    let place = Place::new();
    let line = found(&place, &["raid5", "--bug", "no-resync"]);
    let one = place.shell(&format!("{line} --image disk"));
    assert_eq!(one.code, Some(2), "{}", one.out);
    assert!(one.err.contains("name a directory with --dir"), "{}", one.err);
    let ran = place.shell(&format!("{line} --dir before --recovered after"));
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    let names = |folder: &str| {
        let entries = std::fs::read_dir(place.path(folder)).expect("a folder");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
        names.sort();
        names
    };
    assert!(names("before").len() > 2 && names("before") == names("after"), "{:?}", names("before"));
}
