//! Every seeded fault has a cause, and the fix of a flush that was left out is that flush.

use super::common::{case, explored, showing};
use crashcheck::outcome::{Cause, Finding};
use crashcheck::trace::{Bytes, Device, DeviceId, Event, Payload, Trace};
use std::collections::BTreeSet;

/// The faults that are flushes left out and nothing else, and what waits for the first of them in the correct system.
const LEFT_OUT: &[(&str, &str, &str)] = &[
    ("vsfs", "no-sync-flush", "acknowledgement"),
    ("journal", "commit-with-body", "journal commit"),
    ("journal", "early-superblock-advance", "journal superblock"),
    ("journal", "no-commit-flush", "acknowledgement"),
    ("journal", "checkpoint-before-commit", "checkpoint"),
    ("journal", "no-advance-flush", "journal descriptor"),
    ("journal-data", "commit-with-body", "journal commit"),
    ("journal-data", "early-superblock-advance", "journal superblock"),
    ("journal-data", "no-commit-flush", "acknowledgement"),
    ("journal-data", "checkpoint-before-commit", "checkpoint"),
    ("journal-writeback", "commit-with-body", "journal commit"),
    ("journal-writeback", "early-superblock-advance", "journal superblock"),
    ("journal-writeback", "no-commit-flush", "acknowledgement"),
    ("journal-async", "no-commit-flush", "acknowledgement"),
    ("lfs", "tail-without-barrier", "checkpoint tail"),
    ("lfs", "no-flush", "acknowledgement"),
    ("raid0", "flush-first-member", "acknowledgement"),
    ("raid1", "flush-first-member", "write-intent bitmap"),
    ("raid1-degraded", "rebuild-watermark-early", "superblock"),
    ("raid2", "journal-not-durable", "data"),
    ("raid5-degraded", "rebuild-watermark-early", "superblock"),
    ("raid5-journal", "journal-not-durable", "data"),
    ("raid5-journal", "journal-freed-early", "journal header"),
    ("raid5-journal-degraded", "rebuild-watermark-early", "superblock"),
    ("ftl-direct", "scratch-not-awaited", "erase"),
    ("ftl", "erase-before-copies", "erase"),
    ("ftl", "checkpoint-before-data", "checkpoint"),
    ("ftl-hybrid", "merge-not-awaited", "erase"),
    ("ftl-hybrid", "sources-not-awaited", "erase"),
    ("integrity", "root-with-map", "root"),
    ("gms", "stored-before-durable", "stored"),
];

/// Where another flush does the same. The header of the log lies on every member, and that of the first may already have been
/// written when the stripe is flushed; what the reader of the format finds of a scratch block is also prevented later.
const ELSEWHERE: [(&str, &str); 2] =
    [("raid5-journal", "journal-freed-early"), ("ftl-direct", "scratch-not-awaited")];

/// A flush that belongs before the event at this position.
type Flush = (DeviceId, usize);

/// The flushes that one trace has and another has not, by their places in the other. `None` if they differ in anything
/// else, or not at all.
fn left_out(correct: &Trace, faulty: &Trace) -> Option<Vec<Flush>> {
    let (mut missing, mut here) = (Vec::new(), 0);
    for event in &correct.events {
        match (event, faulty.events.get(here)) {
            (event, Some(same)) if event == same => here += 1,
            (Event::Flush { device, .. }, _) => missing.push((*device, here)),
            _ => return None,
        }
    }
    (here == faulty.events.len() && !missing.is_empty()).then_some(missing)
}

/// Whether two flushes are one and the same: between their places nothing happens to their device, and nothing is
/// promised to be durable.
fn is_same(trace: &Trace, one: Flush, other: Flush) -> bool {
    let between = &trace.events[one.1.min(other.1)..one.1.max(other.1)];
    let matters =
        |event: &Event| event.device() == Some(one.0) || matches!(event, Event::Ack { durable: true, .. });
    one.0 == other.0 && !between.iter().any(matters)
}

/// The flushes of a fix.
fn flushes(trace: &Trace, cause: &Cause) -> Vec<Flush> {
    let device = |name: &str| {
        let index =
            trace.devices.iter().position(|device| device.name == name).expect("a device of the trace");
        DeviceId(index as u16)
    };
    let fix = cause.fix.iter().flat_map(|fix| &fix.flushes);
    fix.map(|flush| (device(&flush.device), flush.before.event as usize)).collect()
}

fn cause(finding: &Finding) -> &Cause {
    finding.cause.as_ref().expect("it is looked for by default")
}

#[test]
fn another_flush_is_not_taken_for_the_one_that_was_left_out() {
    let write = |device| Event::Write {
        device: DeviceId(device),
        at: Bytes::ZERO,
        data: Payload::from(vec![1; 512]),
        fua: None,
        label: None,
    };
    let flush = |device| Event::flush(DeviceId(device));
    let devices = vec![Device::zeroed("disk", Bytes(512), Bytes(4096)); 2];
    let faulty = Trace { devices: devices.clone(), events: vec![write(0), write(1), write(0)] };
    let correct = Trace { devices, events: vec![write(0), write(1), flush(0), write(0), flush(1)] };
    let removed = left_out(&correct, &faulty).expect("two flushes");
    assert_eq!(removed, [(DeviceId(0), 2), (DeviceId(1), 3)]);
    assert_eq!((left_out(&faulty, &correct), left_out(&faulty, &faulty)), (None, None));
    let is_first = |flush| is_same(&faulty, flush, removed[0]);
    assert!(is_first((DeviceId(0), 1)), "the write to the other device makes no difference");
    assert!(!is_first((DeviceId(0), 3)) && !is_first((DeviceId(0), 0)) && !is_first((DeviceId(1), 2)));
}

#[test]
fn every_fault_has_a_cause_and_a_flush_that_was_left_out_is_the_fix() {
    let (mut known, mut wrong) = (BTreeSet::new(), Vec::new());
    for subject in crashcheck_models::all() {
        for switch in subject.bugs() {
            let whose = format!("{} {}", subject.name(), switch.name);
            let (case, (faulty, options)) = (case(switch.workload), showing(switch));
            let exploration = explored(&*subject, &faulty, &options);
            let trace = subject.record(&faulty).expect("it was explored");
            let removed = left_out(&subject.record(&case).expect("it works"), &trace);
            assert!(!exploration.findings.is_empty(), "{whose}");
            for finding in &exploration.findings {
                let cause = cause(finding);
                let lines = cause.lines();
                println!("{whose}: {}", finding.promise);
                lines.iter().for_each(|(name, line)| println!("    {name}: {line}"));
                // What there is no order for is told, and where there is one, a flush enforces it.
                let is_told = !cause.missing.is_empty() || lines[0].1.starts_with("none");
                let tried = subject.medium() != "cluster";
                let is_mended = cause.fix.is_some() == (!cause.missing.is_empty() && tried);
                if !is_told || !is_mended || (!tried && cause.why.is_none()) {
                    wrong.push(format!("{whose}: {lines:?}"));
                }
                for flush in flushes(&trace, cause) {
                    let is_it = |removed: &Vec<Flush>| removed.iter().any(|it| is_same(&trace, flush, *it));
                    let elsewhere = ELSEWHERE.contains(&(subject.name(), switch.name));
                    if !elsewhere && !removed.as_ref().is_none_or(is_it) {
                        wrong.push(format!("{whose}: {flush:?}, not {removed:?}"));
                    }
                }
            }
            let Some(removed) = removed else { continue };
            let waiting = trace.events[removed[0].1].clone();
            let what = match &waiting {
                Event::Ack { .. } => "acknowledgement",
                other => other.label().map_or("", |label| label.as_str()),
            };
            let here = (subject.name(), switch.name);
            let entry = LEFT_OUT.iter().find(|(system, name, _)| (*system, *name) == here);
            if !entry.is_some_and(|(.., waits)| what.contains(waits)) {
                wrong.push(format!("{whose} leaves out a flush before '{what}': {waiting:?}"));
            }
            known.insert((subject.name().to_owned(), switch.name));
            if exploration.findings.iter().all(|finding| cause(finding).missing.is_empty()) {
                wrong.push(format!("{whose}: no order is missing"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let all: BTreeSet<_> = LEFT_OUT.iter().map(|(system, name, _)| ((*system).to_owned(), *name)).collect();
    assert_eq!(known, all, "the faults that are flushes left out");
}
