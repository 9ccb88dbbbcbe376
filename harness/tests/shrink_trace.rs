//! Recorded traces without a workload, made small.

use crashcheck::trace::outcome::{Exploration, Verdict};
use crashcheck::trace::{Event, Label, Trace};
use crashcheck::{
    Budget, Bytes, Commands, Device, DeviceId, OpId, Options, SmallTrace, explore_trace, replay_trace,
    shrink_trace,
};
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
    explore_trace(trace.clone(), "log", &commands(), options, &stop, &mut |_| ()).expect("commands that run")
}

fn shrunk(trace: &Trace, options: &Options, found: &Exploration, time: Duration) -> SmallTrace {
    let (finding, stop) = (&found.findings[0], AtomicBool::new(false));
    let mut candidates = 0;
    let report = &mut |progress: crashcheck::TraceProgress| candidates = progress.candidates;
    let patience = (time, &stop);
    let small = shrink_trace((trace.clone(), "log"), &commands(), options, finding, patience, report)
        .expect("commands that run")
        .expect("it fails again");
    assert_eq!(small.finding.shrunk.as_ref().map(|shrunk| shrunk.candidates), Some(candidates));
    small
}

fn writes(trace: &Trace) -> Vec<&str> {
    trace.events.iter().filter_map(Event::label).map(Label::as_str).collect()
}

#[test]
fn of_240_writes_the_two_are_left_that_the_finding_is_about() {
    let trace = recorded();
    assert_eq!(writes(&trace).len(), 240);
    let budget = Budget { fail_fast: true, ..Budget::default() };
    let options = Options { budget, explain: false, ..Options::default() };
    let found = explored(&trace, &options);
    assert_eq!(found.verdict, Verdict::Lost);
    let options = Options::default();
    let small = shrunk(&trace, &options, &found, Duration::from_secs(600));
    assert_eq!(writes(&small.trace), ["entry", "count"], "{:?}", small.trace.events);
    let finding = &small.finding;
    assert_eq!(finding.fingerprint, found.findings[0].fingerprint);
    assert!(finding.detail.contains("missing: only 154 of 155"), "{finding}");
    assert_eq!(finding.states, found.findings[0].states);
    let shrunk_by = finding.shrunk.as_ref().expect("it was shrunk");
    assert_eq!((shrunk_by.events_before, shrunk_by.events), (399, 4));
    assert_eq!(shrunk_by.ended, None);
    assert_eq!(shrunk_by.found_as, found.findings[0].id);
    let cause = finding.cause.as_ref().expect("the cause was looked for");
    let edges: Vec<String> = cause.missing.iter().map(ToString::to_string).collect();
    assert_eq!(edges.len(), 1, "{edges:?}");
    assert!(edges[0].starts_with("#2 (entry, ") && edges[0].contains("before #3 (count, "), "{edges:?}");
    assert!(cause.fix.as_ref().is_some_and(|fix| fix.clean), "{finding}");
    // What is left is a trace by itself, in which the finding is found, and by its id.
    let again = explored(&small.trace, &options);
    assert_eq!((again.findings.len(), &again.findings[0].id), (1, &finding.id));
    let id = finding.id.parse().expect("an id");
    let replayed = replay_trace(small.trace.clone(), "log", &commands(), &options, &id).expect("commands");
    assert!(replayed.finding.is_some() && !replayed.diverged);
    // Nothing about it depends on anything else.
    let twice = shrunk(&trace, &options, &found, Duration::from_secs(600));
    assert_eq!((&twice.trace, &twice.finding), (&small.trace, &small.finding));
}

#[test]
fn time_that_is_used_up_leaves_what_was_reached() {
    let trace = recorded();
    let budget = Budget { fail_fast: true, ..Budget::default() };
    let options = Options { budget, explain: false, ..Options::default() };
    let found = explored(&trace, &options);
    let small = shrunk(&trace, &options, &found, Duration::ZERO);
    let shrunk_by = small.finding.shrunk.expect("it was tried");
    assert_eq!(shrunk_by.ended.as_deref(), Some("the time of 0 s is used up"));
    assert_eq!(shrunk_by.steps, 0);
}
