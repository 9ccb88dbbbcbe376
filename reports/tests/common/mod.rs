//! A report that has one of everything, with names that try to escape.

// Each test binary uses a part of it.
#![allow(dead_code)]

use crashcheck_trace::outcome::{
    Cause, CensusRow, Coverage, Exploration, Finding, Fix, FixingFlush, Judged, MissingOrder, Place,
    REPORT_VERSION, Report, Timing, Verdict, WriteFate,
};

/// Clears a terminal, and closes elements and strings.
pub(crate) const HOSTILE: &str = "</failure>]]>&\"\u{1b}[2J\u{202e}";

pub(crate) fn report() -> Report {
    let explorations = vec![survived(), lost(), not_measured(), broken()];
    Report { version: REPORT_VERSION, crashcheck: "0.1.0".into(), seed: 7, explorations }
}

pub(crate) fn survived() -> Exploration {
    Exploration {
        system: "vsfs".into(),
        bugs: vec![],
        workload: "append".into(),
        profile: "reorder".into(),
        strategy: "deviations".into(),
        nested: 0,
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
            nested_recoveries: 0,
            nested_represented: "0".into(),
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
        ..survived().coverage
    };
    Exploration {
        system: "journal".into(),
        bugs: vec!["no-revoke".into()],
        workload: "reuse".into(),
        verdict: Verdict::Lost,
        coverage,
        findings: vec![finding()],
        notes: vec![format!("a note {HOSTILE}")],
        ..survived()
    }
}

pub(crate) fn finding() -> Finding {
    Finding {
        also: Vec::new(),
        id: "journal+no-revoke:reuse/reorder/e12/p57/3fa9c10b/0x14.1.0x3".into(),
        fingerprint: "0123456789abcdef".into(),
        promise: "no-foreign-data".into(),
        detail: format!("/b shows a block of /a {HOSTILE}\nwhich is gone"),
        checks: vec!["JN-24".into()],
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
        device_lies: false,
        cause: Some(Cause {
            missing: vec![MissingOrder { before: place(4), after: place(7) }],
            fix: Some(Fix {
                flushes: vec![FixingFlush { device: "disk".to_owned(), before: place(7) }],
                crash_states: "17".to_owned(),
                recoveries: 9,
                clean: true,
            }),
        }),
        operations: Vec::new(),
        shrunk: None,
        differences: Vec::new(),
        compared_with: None,
        picture: None,
    }
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
    Place { event, what: "inode table, 4 KiB at 32 KiB".into(), operation: None }
}

fn judged(promise: &str, times: u64) -> Judged {
    Judged { promise: promise.into(), times }
}
