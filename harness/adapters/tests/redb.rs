//! redb, explored from end to end through its adapter.

use crashcheck::{Reference, explore};
use crashcheck_adapters::redb::Redb;

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
    let growths =
        trace.events.iter().filter(|event| matches!(event, crashcheck::trace::Event::Resize { .. }));
    assert!(growths.count() >= 3);
}
