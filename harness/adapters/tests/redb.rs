//! redb, explored from end to end through its adapter.

use crashcheck::trace::Event;
use crashcheck::{Reference, System, explore};
use crashcheck_adapters::redb::Redb;
use crashcheck_adapters::table::{Change, Step};
use std::collections::BTreeMap;

#[test]
fn every_crash_state_of_generated_workloads_survives() {
    for seed in 0..20 {
        let exploration = explore(Redb::default()).workload(Redb::generated(seed)).run().unwrap();
        assert!(exploration.findings.is_empty(), "seed {seed}: {}", exploration.findings[0]);
        assert_eq!(exploration.coverage.represented, exploration.coverage.total, "seed {seed}");
    }
}

#[test]
fn the_growth_workload_makes_the_file_grow() {
    let growth = Redb::workloads().into_iter().find(|workload| workload.name == "growth").unwrap();
    let trace = crashcheck::record(&Redb::default(), growth.ops).unwrap().trace;
    let growths = trace.events.iter().filter(|event| matches!(event, Event::Resize { .. }));
    assert!(growths.count() >= 3);
}

#[test]
fn a_write_of_the_header_is_called_one_and_every_other_is_one_of_a_page() {
    let trace = crashcheck::record(&Redb::default(), Redb::generated(1)).unwrap().trace;
    let mut seen: BTreeMap<(bool, &str), u32> = BTreeMap::new();
    for event in &trace.events {
        if let (Some((_, at, _)), Some(label)) = (event.range(), event.label()) {
            *seen.entry((at.0 == 0, label.as_str())).or_default() += 1;
        }
    }
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), [(false, "page"), (true, "header")], "{seen:?}");
}

#[test]
fn what_is_simpler_does_less_and_says_so_key_by_key() {
    let size = |step: &Step| {
        let (Step::Commit(changes) | Step::Later(changes)) = step else { return (0, 0) };
        let change = |change: &Change| match change {
            Change::Put { key, value } => 1 + u64::from(*key) + u64::from(value.len) + u64::from(value.seed),
            Change::Delete { key } => 1 + u64::from(*key),
        };
        (changes.len(), changes.iter().map(change).sum::<u64>())
    };
    let redb = Redb::default();
    for step in (0..20).flat_map(Redb::generated) {
        for simpler in redb.simpler(&step) {
            assert!(size(&simpler) < size(&step), "{simpler:?} is no simpler than {step:?}");
        }
    }
    let after = |ops: &[Step]| {
        let mut view = BTreeMap::new();
        ops.iter().for_each(|op| redb.model(&mut view, op));
        view
    };
    let growth = Redb::workloads().remove(0).ops;
    let differences = redb.differences(&after(&growth[..1]), &after(&growth[..2]));
    let words: Vec<&str> = differences.iter().map(|difference| difference.what.as_str()).collect();
    assert_eq!(words[..2], ["key 10", "key 11"]);
    assert!(differences[0].expected.is_none());
    assert!(differences[0].recovered.as_ref().is_some_and(|seen| seen.starts_with("20000 bytes")));
}
