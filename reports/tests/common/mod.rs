//! A report that has one of everything, with names that try to escape.

// Each test binary uses a part of it.
#![allow(dead_code)]

use crashcheck_outcome::{
    About, Cause, CensusRow, Check, Coverage, Cure, Difference, EventKind, Exploration, Fate, Finding, Fix,
    FixingFlush, Gap, Holds, Judged, LaterLife, LifeCoverage, MissingOrder, Operation, Origin, Picture,
    PictureDevice, PictureEvent, Place, Promised, Provenance, Reading, Recovery, Report, Rule, Sector,
    Shrunk, Site, Step, Timing, Verdict, WriteFate, Writing, WrongPlace,
};

/// Clears a terminal, turns text around, closes elements, strings and cells, runs a script, calls people.
pub(crate) const HOSTILE: &str = "</failure>]]>&\"'<img src=x onerror=alert(1)></code></pre>`|**@all #1 www.x.y https://x.y\u{1b}[2J\u{202e}";

pub(crate) fn report() -> Report {
    let explorations = vec![survived(), lost(), not_measured(), broken()];
    Report::new("0.1.0", 7, explorations)
}

/// Three findings in two workloads that one rule prevents, and one that no order prevents.
pub(crate) fn one_cause() -> Report {
    let mut first = lost();
    let finding = first.findings.pop().expect("one finding");
    let another = |nth: u64, promise: &str, cures: Vec<Cure>| {
        let cause =
            Cause { missing: Vec::new(), fix: None, why: None, rules: Vec::new(), cures, hides: None };
        Finding {
            fingerprint: format!("{nth:016x}"),
            promise: promise.to_owned(),
            detail: format!("finding {nth}"),
            cause: Some(cause),
            ..finding.clone()
        }
    };
    let flush = |clean| Cure { rules: vec![Rule::BeforeAck], clean, complete: true, recoveries: 9 };
    let other = Cure { rules: vec![Rule::AfterRecovery], clean: true, complete: true, recoveries: 8 };
    first.findings.push(another(1, "durable", vec![other, flush(true)]));
    first.findings.push(another(2, "atomic", vec![flush(false)]));
    let mut second = Exploration { workload: "second".into(), ..first.clone() };
    second.findings = vec![another(3, "durable", vec![flush(true)]), another(4, "recovers", Vec::new())];
    // The same fault as one of the first, not looked at again.
    second.findings.push(Finding { cause: None, ..first.findings[1].clone() });
    Report::new("0.1.0", 7, vec![first, second])
}

pub(crate) fn survived() -> Exploration {
    Exploration {
        system: "vsfs".into(),
        bugs: vec![],
        about: None,
        workload: "append".into(),
        profile: "reorder".into(),
        strategy: "deviations".into(),
        lives: 1,
        verdict: Verdict::Survived,
        reason: None,
        events: 12,
        operations: 3,
        coverage: Coverage {
            total: "1000000001".into(),
            exact: true,
            represented: "1000000001".into(),
            complete: true,
            left_out: None,
            epochs: 4,
            recoveries: 140,
            known: 60,
            outcomes: 9,
            later: Vec::new(),
        },
        judged: vec![judged("recovers", 200), judged("durable", 1), judged("atomic", 0)],
        census: vec![CensusRow {
            found: Some("clean".into()),
            shows: "after 3 of 3 operations".into(),
            states: "8".into(),
        }],
        findings: vec![],
        notes: vec![],
        timing: Timing { seconds: 0.5, first_finding_seconds: None, shrink_seconds: None, jobs: 2 },
    }
}

pub(crate) fn lost() -> Exploration {
    let coverage = Coverage {
        represented: "371".into(),
        total: "1000".into(),
        complete: false,
        left_out: Some("the budget of 12 recoveries is used up".into()),
        recoveries: 12,
        known: 0,
        later: vec![life_coverage(2), LifeCoverage { lives: 7, begun: 7, ..life_coverage(3) }],
        ..survived().coverage
    };
    Exploration {
        system: "journal".into(),
        bugs: vec!["no-revoke".into()],
        about: Some(About {
            system: "A file system with a journal.".into(),
            workload: format!("A block is used again. {HOSTILE}"),
            profile: "Any subset of the writes in flight.".into(),
            bugs: vec![format!("Freed blocks are not revoked. {HOSTILE}")],
        }),
        workload: "reuse".into(),
        lives: 3,
        verdict: Verdict::Lost,
        coverage,
        findings: vec![finding()],
        notes: vec![format!("a note {HOSTILE}")],
        ..survived()
    }
}

fn life_coverage(life: u8) -> LifeCoverage {
    LifeCoverage {
        life,
        lives: 90,
        begun: 12,
        total: "400".into(),
        represented: "100".into(),
        complete: false,
        left_out: Some(format!("the budget of life {life} is used up {HOSTILE}")),
        recoveries: 20,
        known: 5,
    }
}

pub(crate) fn finding() -> Finding {
    Finding {
        also: vec![format!("/c shows a block of /a {HOSTILE}")],
        id: "journal+no-revoke:reuse/reorder/e12/p57/3fa9c10b/0x14.1.0x3".into(),
        fingerprint: "0123456789abcdef".into(),
        promise: "no-foreign-data".into(),
        detail: format!("/b shows a block of /a {HOSTILE}\nwhich is gone"),
        checks: vec![
            Check {
                code: "JN-24".into(),
                says: Some(format!("Old copies are not replayed. {HOSTILE}")),
                source: Some(format!("OSTEP, chapter 42 {HOSTILE}")),
            },
            Check { code: format!("X-1 {HOSTILE}"), says: None, source: None },
        ],
        crash_point: "after #57 flush, during operation 4 (fsync /a)".into(),
        state: "everything issued persisted, except: #44 (revoke, 512 B at 4 KiB) lost".into(),
        writes: vec![WriteFate {
            event: 44,
            what: format!("revoke {HOSTILE}"),
            fate: "lost".into(),
            operation: Some("operation 4 (fsync /a)".into()),
        }],
        leaves: 3,
        states: "322".into(),
        found_after: 10,
        everywhere: true,
        device_lies: false,
        cause: Some(cause()),
        operations: vec![
            Operation { text: "create /a".into(), promised: Promised::Durable, durable_by: None },
            Operation { text: format!("write /a {HOSTILE}"), promised: Promised::Done, durable_by: None },
            Operation { text: "fsync /a".into(), promised: Promised::Begun, durable_by: None },
            Operation { text: "remove /a".into(), promised: Promised::NotBegun, durable_by: None },
        ],
        sites: vec![Site { event: 44, calls: vec!["src/log.rs:120".into(), format!("src/{HOSTILE}.rs:9")] }],
        setup: vec![format!("create /a {HOSTILE}"), "sync".into()],
        operations_skipped: 0,
        shrunk: Some(Shrunk {
            found_as: format!("journal+no-revoke:reuse/{HOSTILE}"),
            operations_before: 13,
            operations: 4,
            events_before: 57,
            events: 19,
            candidates: 42,
            steps: 7,
            ended: Some(format!("the time was up {HOSTILE}")),
            file: Some(format!("regressions/{HOSTILE}.toml")),
        }),
        differences: differences(),
        compared_with: Some(format!("the model after 3 of 4 operations {HOSTILE}")),
        picture: Some(picture()),
        lives: lives(),
        recoveries: vec![recovery()],
        provenance: Some(provenance()),
        replay: Some(format!("crashcheck replay 'journal+no-revoke:reuse/x {HOSTILE}'")),
    }
}

fn differences() -> Vec<Difference> {
    vec![
        Difference {
            what: format!("/b {HOSTILE}"),
            expected: Some("4096 bytes of 'b'".into()),
            recovered: Some(format!("4096 bytes of 'a' {HOSTILE}")),
        },
        Difference { what: "/c".into(), expected: None, recovered: Some("empty".into()) },
        Difference { what: "/d".into(), expected: Some("empty".into()), recovered: None },
    ]
}

fn origin(event: u32, what: &str) -> Origin {
    Origin { life: 1, event: Some(event), what: format!("{what} {HOSTILE}") }
}

fn recovery() -> Recovery {
    let zeros = Origin { life: 1, event: None, what: "zeros, as when the recording began".into() };
    Recovery {
        life: 2,
        again: false,
        cut: true,
        reads: vec![
            Reading {
                place: format!("4 KiB at 32 KiB {HOSTILE}"),
                open: true,
                holds: vec![origin(41, "inode table")],
                lost: vec![origin(44, "revoke")],
            },
            Reading { place: "512 B at 0 B".into(), open: false, holds: vec![zeros], lost: vec![] },
        ],
        writes: vec![Writing {
            what: format!("directory, 4 KiB at 56 KiB {HOSTILE}"),
            over: vec![origin(36, "data")],
            same_as: Some(origin(22, "journal block")),
            changes: Some(true),
        }],
        more: 3,
    }
}

fn provenance() -> Provenance {
    let wrong = WrongPlace {
        place: format!("4 KiB at 56 KiB {HOSTILE}"),
        holds: Origin { life: 2, event: Some(1), what: format!("directory {HOSTILE}") },
        same_as: Some(origin(22, "journal block")),
        instead: origin(36, "data"),
        from: 0,
        bytes: 57,
        is: format!("2f 61 |/a| {HOSTILE}"),
        should_be: "62 62 |bb|".into(),
    };
    Provenance { beside: format!("a state that passes {HOSTILE}"), places: vec![wrong], more: 1 }
}

/// One that went on after recovery, and one that did not get so far.
fn lives() -> Vec<LaterLife> {
    let second = LaterLife {
        life: 2,
        showed: Some(format!("the state after 3 of 4 operations {HOSTILE}")),
        operations: vec![
            Operation {
                text: format!("create /probe {HOSTILE}"),
                promised: Promised::Durable,
                durable_by: None,
            },
            Operation { text: "write /probe".into(), promised: Promised::Begun, durable_by: None },
        ],
        crash_point: format!("after #9 write, during operation 2 (write /probe {HOSTILE})"),
        state: format!("nothing in flight persisted, except: #8 (bitmap {HOSTILE}) survived"),
        writes: vec![WriteFate {
            event: 8,
            what: format!("bitmap {HOSTILE}"),
            fate: "survived".into(),
            operation: None,
        }],
        picture: Some(picture()),
    };
    let third = LaterLife {
        life: 3,
        showed: None,
        operations: vec![],
        crash_point: "before recovery had written anything".into(),
        state: "everything issued persisted".into(),
        writes: vec![],
        picture: None,
    };
    vec![second, third]
}

/// Two devices, every kind of event and every fate.
pub(crate) fn picture() -> Picture {
    let kinds = [
        (EventKind::Begin, Fate::Before),
        (EventKind::Write, Fate::Before),
        (EventKind::Flush, Fate::Before),
        (EventKind::AckDurable, Fate::Before),
        (EventKind::Write, Fate::Survived),
        (EventKind::WriteFua, Fate::Lost),
        (EventKind::Discard, Fate::Torn),
        (EventKind::Program, Fate::Garbled),
        (EventKind::Erase, Fate::Unread),
        (EventKind::Resize, Fate::Unread),
        (EventKind::Ack, Fate::Before),
        (EventKind::Send, Fate::Before),
        (EventKind::Deliver, Fate::Before),
        (EventKind::Down, Fate::Before),
        (EventKind::Up, Fate::Before),
        (EventKind::Mark, Fate::Before),
        (EventKind::Write, Fate::NotIssued),
        (EventKind::Flush, Fate::NotIssued),
    ];
    let event = |(index, (kind, fate)): (usize, (EventKind, Fate))| {
        let places =
            !matches!(kind, EventKind::Begin | EventKind::Ack | EventKind::AckDurable | EventKind::Flush);
        Step::Event(PictureEvent {
            event: 40 + index as u32,
            kind,
            what: format!("inode table, 4 KiB at 32 KiB {HOSTILE}"),
            device: Some((index % 2) as u16),
            first: places.then_some(64 + 8 * (index as u64 % 4)),
            count: 8,
            operation: Some(1 + index as u32 / 5),
            fate,
        })
    };
    let gap = Step::Gap(Gap { from: 0, events: 40, writes: 30, flushes: 3 });
    let holds = [Holds::New, Holds::Old, Holds::Torn, Holds::Lost, Holds::Garbled, Holds::Unread];
    let sector = |(index, holds): (usize, Holds)| Sector {
        device: (index % 2) as u16,
        first: 64 + 8 * index as u64,
        count: 8 << index,
        holds,
        written_by: Some(44),
        lost: vec![45, 46],
        what: format!("inode table {HOSTILE}"),
    };
    Picture {
        devices: vec![
            PictureDevice { name: format!("disk {HOSTILE}"), block_bytes: 512 },
            PictureDevice { name: "chip".into(), block_bytes: 2112 },
        ],
        events: 1_000_000,
        epochs: 9,
        epoch: 3,
        crash: 56,
        steps: [gap].into_iter().chain(kinds.into_iter().enumerate().map(event)).collect(),
        sectors: holds.into_iter().enumerate().map(sector).collect(),
        more_sectors: 12,
        faults: vec![format!("chip failed {HOSTILE}")],
    }
}

fn cause() -> Cause {
    Cause {
        missing: vec![MissingOrder { before: place(44), after: place(51) }],
        fix: Some(Fix {
            flushes: vec![FixingFlush {
                device: format!("disk {HOSTILE}"),
                is_fsync: false,
                fdatasync: None,
                before: place(51),
            }],
            fua: vec![],
            crash_states: "17".to_owned(),
            recoveries: 9,
            clean: true,
        }),
        why: None,
        rules: vec![before_write()],
        cures: vec![Cure { rules: vec![before_write()], clean: false, complete: true, recoveries: 31 }],
        hides: Some(format!("such an order would hide it {HOSTILE}")),
    }
}

fn before_write() -> Rule {
    Rule::BeforeWrite { kind: format!("journal commit {HOSTILE}") }
}

pub(crate) fn not_measured() -> Exploration {
    let reason = "no write was in flight at any crash point, or nothing was judged";
    Exploration {
        workload: "nothing".into(),
        verdict: Verdict::NotMeasured,
        reason: Some(reason.into()),
        ..survived()
    }
}

pub(crate) fn broken() -> Exploration {
    Exploration {
        workload: "rename".into(),
        verdict: Verdict::Broken,
        reason: Some("operation 2 failed: no space".into()),
        coverage: Coverage::default(),
        timing: Timing::default(),
        ..survived()
    }
}

fn place(event: u32) -> Place {
    Place { event, what: format!("inode table, 4 KiB at 32 KiB {HOSTILE}"), operation: None }
}

fn judged(promise: &str, times: u64) -> Judged {
    Judged { promise: promise.into(), times }
}
