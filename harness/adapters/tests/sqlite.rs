//! SQLite, explored from end to end through its VFS.

use crashcheck::outcome::Finding;
use crashcheck::{BugSwitch, Reference, explore};
use crashcheck_adapters::sqlite::{Delete, JournalMode, Sqlite, Wal};
use crashcheck_adapters::table::Step;
use std::collections::BTreeSet;

fn survives<J: JournalMode>(name: &str, steps: Vec<Step>) {
    let exploration = explore(Sqlite::<J>::default()).workload(steps).run().unwrap();
    assert!(exploration.findings.is_empty(), "{name}: {}", exploration.findings[0]);
    assert_eq!(exploration.coverage.represented, exploration.coverage.total, "{name}");
}

fn every_workload_survives<J: JournalMode>() {
    for workload in Sqlite::<J>::workloads() {
        survives::<J>(workload.name, workload.ops);
    }
    for seed in [2, 4] {
        survives::<J>(&format!("seed {seed}"), Sqlite::<J>::generated(seed));
    }
}

#[test]
fn every_crash_state_survives_with_a_rollback_journal() {
    every_workload_survives::<Delete>();
}

#[test]
fn every_crash_state_survives_with_a_write_ahead_log() {
    every_workload_survives::<Wal>();
}

/// The findings of each switch, in its workload.
fn found<J: JournalMode>() -> Vec<Vec<Finding>> {
    let of_switch = |bug: &BugSwitch| {
        let sqlite = Sqlite::<J>::with_bugs(&[bug.name.to_owned()]).unwrap();
        let workload = Sqlite::<J>::workloads().into_iter().find(|workload| workload.name == bug.workload);
        let findings =
            explore(sqlite).lives(bug.lives).workload(workload.unwrap().ops).run().unwrap().findings;
        let promises: BTreeSet<&str> = findings.iter().map(|finding| finding.promise.as_str()).collect();
        assert_eq!(promises, bug.breaks.iter().copied().collect(), "{}", bug.name);
        findings
    };
    J::LESS.iter().map(of_switch).collect()
}

#[test]
fn what_is_lost_without_extra_is_told_as_a_directory_that_is_not_synced() {
    let full = &found::<Delete>()[0][0].to_string();
    assert!(full.contains("an fsync of the directory ."), "{full}");
    assert!(full.contains("unlink db-journal"), "{full}");
}

#[test]
fn what_is_lost_without_full_is_told_as_a_log_that_is_not_synced() {
    let normal = &found::<Wal>()[0][0].to_string();
    assert!(normal.contains("an fsync of the file db-wal before #21 (durable acknowledgement"), "{normal}");
}
