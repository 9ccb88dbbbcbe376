//! The files that a command line names, and those that a run leaves: none is written over another, and nothing stays behind.

mod common;

use common::{Place, json, read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A place with a trace under several names, and other files.
fn place() -> Place {
    let place = Place::new();
    place.record("vsfs:append", "a.crash");
    place.write("base.img", [0; 4096]);
    place.write("mine.toml", "name = \"mine\"\nabout = \"a disk\"\n");
    place.write("crashcheck.toml", "[explore]\nseed = 7\n");
    std::os::unix::fs::symlink("a.crash", place.path("link")).expect("a link");
    std::os::unix::fs::symlink("new.html", place.path("dangling")).expect("a link");
    std::fs::hard_link(place.path("a.crash"), place.path("hard")).expect("a link");
    std::fs::create_dir(place.path("sub")).expect("a folder");
    place
}

const EXPLORE: [&str; 3] = ["explore", "vsfs:append", "--no-regressions"];

const REPLAY: [&str; 8] = [
    "replay",
    "trace:a.crash/reorder/e0/p1/00000000/-",
    "--trace",
    "a.crash",
    "--recover",
    "true {image}",
    "--base",
    "base.img",
];

#[test]
fn what_is_written_goes_to_a_file_of_its_own_and_over_none_that_is_read() {
    let place = place();
    let replay = |args: &[&'static str]| [&REPLAY[..], args].concat();
    let explore = |args: &[&'static str]| [&EXPLORE[..], args].concat();
    let before = std::fs::read(place.path("a.crash")).expect("a trace");
    for (args, one, other) in [
        (vec!["trace", "import", "a.crash", "-o", "./a.crash"], "--output ./a.crash", "the trace a.crash"),
        (vec!["trace", "export", "a.crash", "-o", "link"], "--output link", "the trace a.crash"),
        (vec!["trace", "import", "a.crash", "-o", "hard"], "--output hard", "the trace a.crash"),
        (
            vec!["trace", "export", "a.crash", "--base", "base.img", "-o", "sub/../base.img"],
            "--output sub/../base.img",
            "--base base.img",
        ),
        (vec!["record", "vsfs:append", "-o", "crashcheck.toml"], "--output crashcheck.toml", "--config "),
        (vec!["report", "a.crash", "--html", "sub/../link"], "--html sub/../link", "the data a.crash"),
        (replay(&["--save-trace", "link"]), "--save-trace link", "--trace a.crash"),
        (replay(&["--html", "base.img"]), "--html base.img", "--base base.img"),
        (replay(&["--html", "x", "--save-trace", "./x"]), "--html x", "--save-trace ./x"),
        (replay(&["--image", "new.html", "--html", "dangling"]), "--image new.html", "--html dangling"),
        (replay(&["--dir", "d", "--recovered", "./d/"]), "--dir d", "--recovered ./d/"),
        (replay(&["--dir", "d", "--save-trace", "d/disk.img"]), "--dir d", "--save-trace d/disk.img"),
        (explore(&["--json", "r", "--junit", "sub/../r"]), "--json r", "--junit sub/../r"),
        (explore(&["--html", "target/crashcheck/report.html"]), "--out target/", "--html target/"),
        (explore(&["--profile", "mine.toml", "--json", "mine.toml"]), "--profile mine", "--json mine"),
        (explore(&["--json", "-", "--markdown", "-"]), "--json", "--markdown both go to the standard output"),
    ] {
        let ran = place.run(&args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(one) && ran.err.contains(other), "{args:?}: {}", ran.err);
        assert_eq!(ran.out, "", "{args:?}");
    }
    assert!(before == std::fs::read(place.path("a.crash")).expect("a trace"));
    for made in ["x", "r", "d", "new.html", "target"] {
        assert!(!place.path(made).exists(), "{made} was made");
    }
    // What nobody keeps may be named twice.
    let nowhere = place.run(&explore(&["--html", "/dev/null", "--markdown", "/dev/null"]));
    assert_eq!(nowhere.code, Some(0), "{}", nowhere.err);
}

#[test]
fn the_files_of_all_processors_are_read_and_none_is_written() {
    let place = Place::new();
    place.write("sd.blktrace.0", "");
    place.write("sd.blktrace.1", "");
    let ran = place.run(&["trace", "import", "sd.blktrace.0", "-o", "sd.blktrace.1"]);
    assert_eq!(ran.code, Some(2), "{}", ran.out);
    assert!(ran.err.contains("would be written over the trace ") && ran.err.contains(".1"), "{}", ran.err);
}

#[test]
fn a_report_on_the_standard_output_stands_there_alone() {
    let place = place();
    let ran = place.run(&[&EXPLORE[..], &["--json", "-"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(json(&ran.out), place.json("target/crashcheck/report.json"));
    assert!(ran.err.contains("1 survived") && ran.err.contains("report: "), "{}", ran.err);
    let ran = place.run(&["report", "target/crashcheck/report.json", "--markdown", "-"]);
    assert!(ran.code == Some(0) && ran.out.contains("vsfs") && !ran.out.contains("report: "), "{}", ran.out);
    assert!(!place.path("-").exists());
}

#[test]
fn a_trace_is_exported_as_every_other_command_reads_it() {
    let place = place();
    assert_eq!(place.run(&["trace", "export", "a.crash", "-o", "a.log"]).code, Some(0));
    let longer = ["trace", "export", "a.log", "--device-len", "8388608", "--format", "dm-log-writes"];
    let ran = place.run(&[&longer[..], &["-o", "b.log"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(read_bytes(&place, "a.log") == read_bytes(&place, "b.log"));
    let wrong = place.run(&["trace", "export", "a.log", "--format", "fio", "-o", "c.log"]);
    assert!(wrong.code == Some(2) && !place.path("c.log").exists(), "{}", wrong.err);
}

fn read_bytes(place: &Place, name: &str) -> Vec<u8> {
    std::fs::read(place.path(name)).expect("a file")
}

#[test]
fn a_configuration_that_cannot_be_read_stops_only_what_it_is_for() {
    let place = Place::new();
    place.write("crashcheck.toml", "[explore]\nsede = 7\n");
    let told = "crashcheck.toml, line 2: there is no key 'sede'; did you mean 'seed'?";
    for args in [&["list"][..], &["man"], &["completions", "bash"], &["list", "config"]] {
        let ran = place.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.err);
        assert!(ran.err.starts_with(&format!("warning: {told}")) && ran.out.len() > 50, "{}", ran.err);
    }
    assert_eq!(place.run(&["help"]).code, Some(0));
    let ran = place.run(&EXPLORE);
    assert!(ran.code == Some(2) && ran.err.starts_with(&format!("error: {told}")), "{}", ran.err);
}

#[test]
fn a_profile_says_what_it_allows_and_what_of_that_cannot_happen() {
    let place = Place::new();
    place.write("none.toml", "name = \"none\"\nabout = \"no faults\"\n[faults]\nmost = 0\n");
    let ran = place.run(&[&EXPLORE[..], &["--profile", "none.toml"]].concat());
    assert!(ran.code == Some(2) && ran.err.contains("most = 0 allows no fault at all"), "{}", ran.err);
    place.write("odd.toml", "name = \"odd\"\nabout = \"odd\"\n[faults]\nlost-writes = true\n");
    let ran = place.run(&[&EXPLORE[..], &["--profile", "odd.toml"]].concat());
    let told = "odd.toml, line 4: there is no key 'lost-writes'; did you mean 'lost-write'?";
    assert!(ran.code == Some(2) && ran.err.contains(told), "{}", ran.err);
    let idle = "cannot happen here, and was not looked at: it takes";
    for (system, profile, note) in [
        (
            "vsfs:append",
            "member-loss",
            Some(format!("'device-lost' of the profile {idle} more than one device")),
        ),
        ("vsfs:append", "misdirected-member", Some(format!("'misdirected-device' of the profile {idle} "))),
        ("vsfs:append", "read-disturb", Some(format!("'flips' of the profile {idle} a flash chip"))),
        ("vsfs:append", "sector-error", None),
        ("raid5:write", "member-loss", None),
    ] {
        let ran =
            place.run(&["explore", system, "--no-regressions", "--max-states", "50", "--profile", profile]);
        let said = note.as_ref().is_none_or(|note| ran.out.contains(note));
        assert!(said && (note.is_some() || !ran.out.contains(idle)), "{system} {profile}: {}", ran.out);
    }
}

/// The temporary folders in a folder.
fn left(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// A run whose recovery takes some seconds, when that has begun, and where its images are.
fn running(place: &Place, tmp: &Path) -> (std::process::Child, std::path::PathBuf) {
    place.write("recover", "echo $1 >where.new; mv where.new where; sleep 3\n");
    let recover = ["--recover", "sh recover {image}", "--progress", "none"];
    let mut command = place.command(&[&["explore", "--trace", "a.crash"], &recover[..]].concat());
    let mut child = command.env("TMPDIR", tmp).stdout(Stdio::null()).spawn().expect("the binary runs");
    while !place.path("where").exists() {
        assert!(child.try_wait().expect("a child").is_none(), "the run has ended by itself");
        std::thread::sleep(Duration::from_millis(5));
    }
    let image = read(&place.path("where")).trim().to_owned();
    (child, Path::new(&image).parent().expect("a folder").to_owned())
}

#[test]
fn a_run_that_was_killed_leaves_nothing_that_the_next_one_does_not_remove() {
    let place = place();
    let tmp = place.path("tmp");
    std::fs::create_dir(&tmp).expect("a folder");
    let (mut child, _) = running(&place, &tmp);
    child.kill().expect("a child");
    child.wait().expect("a child");
    assert!(!left(&tmp).is_empty(), "there is nothing to be removed");
    let next = place.command(&EXPLORE).env("TMPDIR", &tmp).output().expect("the binary runs");
    assert!(next.status.success());
    assert_eq!(left(&tmp), [""; 0]);
}

#[test]
fn who_is_told_to_stop_twice_leaves_nothing() {
    let place = place();
    let tmp = place.path("tmp");
    std::fs::create_dir(&tmp).expect("a folder");
    let (mut child, images) = running(&place, &tmp);
    assert!(images.exists());
    for _ in 0..2 {
        let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(told.expect("kill runs").success());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(child.wait().expect("a child").code(), Some(130));
    assert!(!images.exists() && left(&tmp).is_empty(), "{images:?} {:?}", left(&tmp));
}
