//! Recorded traces without a workload, made small.

use crashcheck::trace::outcome::{Exploration, Verdict};
use crashcheck::trace::{Event, Label, Trace, import};
use crashcheck::{
    Budget, Bytes, Commands, Device, DeviceId, OpId, Options, Shrink, explore_trace, replay_trace,
};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Operations of the recorded workload; each appends some entries and then says how many there are.
const OPS: u32 = 40;
const ENTRIES: u32 = 5;
/// The operation that forgets to make its entries durable before it counts them.
const FAULTY: u32 = 30;

fn write(at: u64, byte: u8, label: &str) -> Event {
    let (device, data) = (DeviceId(0), vec![byte].into());
    Event::Write { device, at: Bytes(at), data, fua: false, label: Some(Label::from(label)) }
}

/// A log of bytes from position 512 on, which are counted at position 0: 240 writes over 79 epochs.
fn recorded() -> Trace {
    let flush = || Event::Flush { device: DeviceId(0), except: Vec::new() };
    let mut events = Vec::new();
    for op in 0..OPS {
        events.push(Event::Begin { op: OpId(op), text: format!("append {ENTRIES} entries") });
        let entries = op * ENTRIES..(op + 1) * ENTRIES;
        events.extend(entries.clone().map(|entry| write(512 + u64::from(entry), 7, "entry")));
        if op != FAULTY {
            events.push(flush());
        }
        events.push(write(0, entries.end as u8, "count"));
        events.extend([flush(), Event::Ack { op: OpId(op), durable: true }]);
    }
    Trace { devices: vec![Device::zeroed("disk", Bytes(1), Bytes(1024))], events }
}

/// All that is counted must be there, and what is counted must be what the workload was promised.
fn commands() -> Commands {
    let check = "sh -c 'count=$(head -c 1 $0 | od -An -tu1); \
        [ $count -ge $((5 * CRASHCHECK_DURABLE_OPS)) ] && [ $count -le $((5 * CRASHCHECK_BEGUN_OPS)) ] || \
        { echo counted: $count; exit 1; }; \
        there=$(tail -c +513 $0 | head -c $count | tr -d \"\\0\" | wc -c); \
        [ $there -eq $count ] || { echo missing: only $there of $count; exit 1; }' {image}";
    Commands {
        recover: "true {image}".to_owned(),
        checks: vec![check.to_owned()],
        timeout: Duration::from_secs(30),
    }
}

fn explored(trace: &Trace, options: &Options) -> Exploration {
    let stop = AtomicBool::new(false);
    explore_trace(trace.clone(), "log.crash", &commands(), options, &stop, &mut |_| ()).expect("commands")
}

/// Ends with the first finding, and makes it small.
fn shrinking(time: Duration, folder: &Path) -> Options {
    Options {
        budget: Budget { fail_fast: true, ..Budget::default() },
        shrink: Some(Shrink { time, ..Shrink::default() }),
        regressions: Some(folder.to_owned()),
        ..Options::default()
    }
}

fn writes(trace: &Trace) -> Vec<&str> {
    trace.events.iter().filter_map(Event::label).map(Label::as_str).collect()
}

#[test]
fn of_240_writes_the_two_are_left_that_the_finding_is_about() {
    let (trace, folder) = (recorded(), tempfile::tempdir().expect("a folder"));
    assert_eq!(writes(&trace).len(), 240);
    let found = explored(&trace, &shrinking(Duration::from_secs(600), folder.path()));
    assert_eq!((found.verdict, found.findings.len()), (Verdict::Lost, 1));
    let finding = &found.findings[0];
    assert!(finding.detail.contains("missing: only 154 of 155"), "{finding}");
    let shrunk = finding.shrunk.as_ref().expect("it was shrunk");
    assert_eq!((shrunk.events_before, shrunk.events), (399, 4));
    assert_eq!(shrunk.ended, None);
    assert!(shrunk.found_as.starts_with("trace:log.crash/"), "{}", shrunk.found_as);
    let cause = finding.cause.as_ref().expect("the cause was looked for");
    let edges: Vec<String> = cause.missing.iter().map(ToString::to_string).collect();
    assert!(edges[0].starts_with("#2 (entry, ") && edges[0].contains("before #3 (count, "), "{edges:?}");
    assert!(edges.len() == 1 && cause.fix.as_ref().is_some_and(|fix| fix.clean), "{finding}");

    // What is left is a trace by itself, in which the finding is found, and by its id.
    let file = Path::new(shrunk.file.as_ref().expect("it is stored"));
    let name = file.file_name().expect("a name").to_string_lossy();
    let small = import::open(file).expect("a trace").trace;
    assert_eq!(writes(&small), ["entry", "count"], "{:?}", small.events);
    let (stop, options) = (AtomicBool::new(false), Options::default());
    let again = explore_trace(small.clone(), &name, &commands(), &options, &stop, &mut |_| ());
    let again = again.expect("commands");
    assert_eq!((again.findings.len(), &again.findings[0].id), (1, &finding.id));
    let id = finding.id.parse().expect("an id");
    let replayed = replay_trace(small, &name, &commands(), &options, &id).expect("commands");
    assert!(replayed.finding.is_some() && !replayed.diverged);
}

#[test]
fn shrinking_that_was_cut_off_goes_on_where_it_ended() {
    let (trace, folder) = (recorded(), tempfile::tempdir().expect("a folder"));
    let nowhere = shrinking(Duration::ZERO, folder.path());
    let logs = Some(folder.path().join("logs"));
    let cut = explored(&trace, &nowhere).findings.remove(0).shrunk.expect("it was tried");
    assert_eq!(cut.ended.as_deref(), Some("the time for shrinking was used up"));
    assert_eq!((cut.steps, cut.candidates), (0, 0));
    let how = Shrink { time: Duration::from_secs(600), logs, ..Shrink::default() };
    let whole = Options { shrink: Some(how.clone()), ..nowhere };
    let first = explored(&trace, &whole).findings.remove(0);
    // Everything is known by now: no time is needed.
    let known = Options { shrink: Some(Shrink { time: Duration::ZERO, ..how }), ..whole };
    assert_eq!(explored(&trace, &known).findings.remove(0), first);
}
