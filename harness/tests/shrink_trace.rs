//! Recorded traces without a workload, made small.

use crashcheck::outcome::{Exploration, Finding, Verdict};
use crashcheck::trace::{Event, Label, Trace};
use crashcheck::{
    Budget, Bytes, Commands, Device, DeviceId, OpId, Options, ReplayId, Shrink, explore_trace, replay_trace,
    stored_traces,
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
    Event::Write { device, at: Bytes(at), data, fua: None, label: Some(Label::from(label)) }
}

/// A log of bytes from position 512 on, which are counted at position 0: 240 writes over 79 epochs.
fn recorded() -> Trace {
    let flush = || Event::flush(DeviceId(0));
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
        from: 0,
        folder: None,
    }
}

fn explored(trace: &Trace, options: &Options) -> Exploration {
    let stop = AtomicBool::new(false);
    explore_trace(trace.clone(), "log.crash", &commands(), options, &stop, &mut |_| ())
        .expect("commands that run")
}

/// What is found, shrunk; and the small trace that is stored.
fn shrunk(trace: &Trace, options: &Options, time: Duration) -> (Finding, Trace) {
    let folder = tempfile::tempdir().expect("a folder");
    let shrink = Some(Shrink { time, ..Shrink::default() });
    let regressions = Some(folder.path().to_owned());
    let found = explored(trace, &Options { shrink, regressions, ..options.clone() });
    let mut finding = found.findings.into_iter().next().expect("a finding");
    let file = finding.shrunk.as_mut().and_then(|shrunk| shrunk.file.take()).expect("it was stored");
    let stored = stored_traces(folder.path(), "log.crash").expect("readable");
    assert_eq!(stored, [Path::new(&file)]);
    (finding, Trace::read_from(file).expect("a trace").0)
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
    let (finding, small) =
        shrunk(&trace, &Options { explain: true, ..options.clone() }, Duration::from_secs(600));
    let options = Options::default();
    assert_eq!(writes(&small), ["entry", "count"], "{:?}", small.events);
    assert_eq!(finding.fingerprint, found.findings[0].fingerprint);
    assert!(finding.detail.contains("missing: only 154 of 155"), "{finding}");
    assert_eq!(finding.states, found.findings[0].states);
    let shrunk_by = finding.shrunk.as_ref().expect("it was shrunk");
    assert_eq!((shrunk_by.events_before, shrunk_by.events), (399, 4));
    assert_eq!(shrunk_by.ended, None);
    assert_eq!(shrunk_by.found_as, found.findings[0].id);
    let cause = finding.cause.as_ref().expect("the cause was looked for");
    let [edge] = &cause.missing[..] else { panic!("{:?}", cause.missing) };
    // They are told by their numbers in the trace that was given.
    let label = |event: u32| trace.events[event as usize].label().map(Label::as_str);
    assert_eq!((label(edge.before.event), label(edge.after.event)), (Some("entry"), Some("count")), "{edge}");
    assert!(edge.before.event < edge.after.event && edge.before.event > 3, "{edge}");
    assert!(cause.fix.as_ref().is_some_and(|fix| fix.clean), "{finding}");
    // What is left is a trace by itself, in which the finding is found, and by its id.
    let again = explored(&small, &options);
    assert_eq!((again.findings.len(), &again.findings[0].fingerprint), (1, &finding.fingerprint));
    let id: ReplayId = finding.id.parse().expect("an id");
    assert!(id.workload.starts_with("log-") && id.workload.ends_with(".crash"), "{id}");
    let replayed = replay_trace(small.clone(), &id.workload, &commands(), &options, &id).expect("commands");
    assert!(replayed.finding.is_some() && !replayed.diverged);
    // Nothing about it depends on anything else.
    let budget = Budget { fail_fast: true, ..Budget::default() };
    let twice = shrunk(&trace, &Options { budget, ..Options::default() }, Duration::from_secs(600));
    assert_eq!(twice, (finding, small));
}

#[test]
fn time_that_is_used_up_leaves_what_was_reached() {
    let trace = recorded();
    let budget = Budget { fail_fast: true, ..Budget::default() };
    let options = Options { budget, explain: false, ..Options::default() };
    let found = explored(&trace, &options);
    let (finding, small) = shrunk(&trace, &options, Duration::ZERO);
    let shrunk_by = finding.shrunk.expect("it was tried");
    assert!(shrunk_by.ended.is_some_and(|why| why.contains("time")));
    assert_eq!(
        (shrunk_by.steps, writes(&small).len() < 240),
        (0, true),
        "what comes after the crash is left out"
    );
    assert_eq!(finding.fingerprint, found.findings[0].fingerprint);
}
