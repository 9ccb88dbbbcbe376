//! What the command does with a failure: it shrinks it, stores it, explores it first from then on, and replays it.

mod common;

use common::{Place, read};
use std::path::Path;

/// The arguments that lead to a finding.
/// One life shows one finding; a second one adds another to it.
const FAILING: [&str; 6] = ["explore", "journal:append", "--bug", "no-commit-flush", "--lives", "1"];

fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn with(more: &[&'static str]) -> Vec<&'static str> {
    [&FAILING[..], more].concat()
}

#[test]
fn a_failure_is_stored_small_and_explored_first_from_then_on() {
    let place = Place::new();
    let first = place.run(&FAILING);
    assert_eq!(first.code, Some(1), "{}", first.err);
    let stored = files(&place.path("regressions"));
    let [file] = &stored[..] else { panic!("{stored:?}") };
    let text = read(&place.path("regressions").join(file));
    assert!(text.starts_with("# journal+no-commit-flush under reorder: durable: "), "{text}");
    assert!(text.contains("\noperations = [\n") && text.lines().count() < 25, "{text}");
    let report = place.json("target/crashcheck/report.json");
    let shrunk = &report["explorations"][0]["findings"][0]["shrunk"];
    assert!(shrunk["operations"].as_u64() <= shrunk["operations_before"].as_u64(), "{shrunk}");
    // The same fault, as another workload of the same system shows it.
    let second = place.run(&["explore", "journal:create", "--bug", "no-commit-flush", "--lives", "1"]);
    assert!(second.out.contains("\nLOST journal+no-commit-flush:shrunk-"), "{}", second.out);
    assert_eq!(second.line("again in:"), "create", "{}", second.out);
    assert_eq!(files(&place.path("regressions")), stored);
    // It is not explored for the system without the fault, and would survive there.
    let clean = place.run(&["explore", "journal:append"]);
    assert_eq!(clean.code, Some(0), "{}", clean.out);
    std::fs::write(
        place.path("regressions").join(file),
        text.replace("bugs = [\"no-commit-flush\"]", "bugs = []"),
    )
    .expect("written");
    let clean = place.run(&["explore", "journal:append", "--verbose"]);
    assert_eq!(clean.code, Some(0), "{}", clean.out);
    assert!(clean.out.contains(" shrunk-"), "{}", clean.out);
}

#[test]
fn the_id_of_a_shrunk_failure_is_replayed_from_its_file() {
    let place = Place::new();
    let ran = place.run(&with(&["--regressions", "kept/here"]));
    let line = ran.line("Reproduce with:").to_owned();
    assert!(line.contains(":shrunk-") && line.ends_with(" --regressions kept/here"), "{line}");
    let again = place.shell(&line);
    assert_eq!(again.code, Some(1), "{}{}", again.out, again.err);
    assert!(again.out.starts_with("FAILS") && again.out.contains("durable"), "{}", again.out);
    assert_eq!(place.shell(&format!("{line} --fixed")).code, Some(0));
    let lost = place.shell(line.split(" --regressions").next().expect("the command"));
    assert_eq!(lost.code, Some(2));
    assert!(lost.err.contains("in regressions") && lost.err.contains("--regressions DIR"), "{}", lost.err);
}

#[test]
fn nothing_is_stored_or_shrunk_if_it_is_not_wanted() {
    let place = Place::new();
    let ran = place.run(&with(&["--no-regressions"]));
    assert!(ran.line("id:").contains(":append/"), "{}", ran.out);
    assert_eq!(place.shell(ran.line("Reproduce with:")).code, Some(1));
    assert_eq!(files(&place.path("regressions")), [""; 0]);
    let ran = place.run(&with(&["--max-shrink-time", "0"]));
    assert!(ran.line("id:").contains(":append/") && ran.out.contains("missing edge:"), "{}", ran.out);
    let report = place.json("target/crashcheck/report.json");
    assert!(report["explorations"][0]["findings"][0]["shrunk"].is_null());
    assert_eq!(files(&place.path("regressions")), [""; 0]);
}

#[test]
fn the_configuration_says_where_and_how_long() {
    let place = Place::new();
    place.write(
        "crashcheck.toml",
        "[explore]\nregressions = \"traces/regressions\"\nmax-shrink-time = \"30s\"\n",
    );
    let ran = place.run(&FAILING);
    assert_eq!(files(&place.path("traces/regressions")).len(), 1, "{}", ran.out);
    assert_eq!(place.shell(ran.line("Reproduce with:")).code, Some(1));
}

#[test]
fn a_stored_file_that_is_none_is_named() {
    let place = Place::new();
    std::fs::create_dir(place.path("regressions")).expect("a folder");
    place.write("regressions/broken.toml", "version = 1\nsystem = \"journal\"\n");
    let ran = place.run(&["explore", "journal:append"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("broken.toml") && ran.err.contains("delete it"), "{}", ran.err);
    assert_eq!(place.run(&["explore", "journal:append", "--no-regressions"]).code, Some(0));
}

#[test]
fn a_stored_failure_whose_profile_is_gone_is_named_and_left_out() {
    let place = Place::new();
    let profile = "name = \"mine\"\nabout = \"a device\"\n";
    place.write("mine.toml", profile);
    let found = place.run(&with(&["--profile", "mine.toml"]));
    assert!(found.line("Reproduce with:").contains("--profile mine.toml"), "{}", found.out);
    assert_eq!(place.shell(found.line("Reproduce with:")).code, Some(1));
    // Another one of that name stores beside it, and either is replayed under its own.
    let other = "name = \"mine\"\nabout = \"another device\"\natomic = 4096\n";
    std::fs::create_dir(place.path("other")).expect("a folder");
    place.write("other/mine.toml", other);
    let beside = place.run(&with(&["--profile", "other/mine.toml"]));
    assert!(beside.out.contains("found under another device profile 'mine'"), "{}", beside.out);
    assert_eq!(files(&place.path("regressions")).len(), 2);
    for ran in [&found, &beside] {
        assert_eq!(place.shell(ran.line("Reproduce with:")).code, Some(1), "{}", ran.out);
    }
    let both = place.run(&with(&["--profile", "other/mine.toml", "--profile", "mine.toml"]));
    assert!(!both.out.contains("not explored: the stored failure"), "{}", both.out);
    let without = place.run(&["explore", "journal:create", "--bug", "no-commit-flush", "--lives", "1"]);
    assert!(without.out.contains("needs the device profile 'mine'"), "{}", without.out);
}

#[test]
fn the_finding_of_a_recorded_trace_is_stored_as_a_small_trace() {
    let place = Place::new();
    let recording = ["record", "journal:full-journal", "--bug", "no-commit-flush", "-o", "long.crash"];
    assert_eq!(place.run(&recording).code, Some(0));
    // The commit block of the third transaction must be there from its acknowledgement on, until the log is reused.
    let check = "sh -c 'test $CRASHCHECK_DURABLE_OPS -lt 6 || test $CRASHCHECK_BEGUN_OPS -gt 8 || \
        test -n \"$(tail -c +1126401 $0 | head -c 512 | tr -d \"\\0\")\"' {image}";
    let explore = ["explore", "--trace", "long.crash", "--recover", "true {image}", "--check", check];
    let first = place.run(&[&explore[..], &["--max-states", "400"]].concat());
    assert_eq!(first.code, Some(1), "{}{}", first.out, first.err);
    let stored = files(&place.path("regressions"));
    let [file] = &stored[..] else { panic!("{stored:?}") };
    assert!(file.starts_with("long-") && file.ends_with(".crash"), "{file}");
    let line = first.line("Reproduce with:").to_owned();
    assert!(line.contains(&format!("--trace regressions/{file}")), "{line}");
    let again = place.shell(&line);
    assert_eq!(again.code, Some(1), "{}{}", again.out, again.err);
    assert!(again.out.starts_with("FAILS"), "{}", again.out);
    let report = place.json("target/crashcheck/report.json");
    let shrunk = &report["explorations"][0]["findings"][0]["shrunk"];
    assert!(shrunk["events"].as_u64() < shrunk["events_before"].as_u64(), "{shrunk}");
    // It is explored first, and by itself it is not shrunk once more.
    let second = place.run(&[&explore[..], &["--max-states", "400"]].concat());
    assert!(second.out.contains(&format!("\nLOST trace:{file}")), "{}", second.out);
    let alone = format!("regressions/{file}");
    let alone = place.run(&["explore", "--trace", &alone, "--recover", "true {image}", "--check", check]);
    assert_eq!((alone.code, files(&place.path("regressions"))), (Some(1), stored), "{}", alone.out);
}

#[test]
fn a_report_is_made_a_page_again_from_its_data() {
    let place = Place::new();
    place.run(&with(&["--html", "direct.html"]));
    let ran =
        place.run(&["report", "target/crashcheck/report.json", "--html", "again.html", "--markdown", "a.md"]);
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 2), "{}{}", ran.out, ran.err);
    assert_eq!(read(&place.path("again.html")), read(&place.path("direct.html")));
    assert!(read(&place.path("a.md")).contains("journal"));
    let ran = place.run(&["report", "target/crashcheck/report.json"]);
    assert_eq!(ran.line("report:"), "target/crashcheck/report.html");
    place.write("none.json", "{}");
    let ran = place.run(&["report", "none.json"]);
    assert!(
        ran.code == Some(2) && ran.err.contains("none.json") && ran.err.contains("version"),
        "{}",
        ran.err
    );
    place.write("later.json", "{\"version\": 99}");
    let ran = place.run(&["report", "later.json"]);
    assert!(ran.code == Some(2) && ran.err.contains("version 99"), "{}", ran.err);
}
