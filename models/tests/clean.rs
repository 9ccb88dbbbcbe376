//! No correct system may lose anything: every workload, completely; and as far as a budget goes, crashes during
//! recovery, other devices, and operations nobody thought of.

mod common;

use common::{assert_clean, at_most, case, explored, under};
use crashcheck::Options;
use std::collections::BTreeMap;

#[test]
fn every_crash_state_of_every_workload_is_survived() {
    for subject in crashcheck_models::all() {
        let mut judged = BTreeMap::<String, u64>::new();
        for (workload, _) in subject.workloads() {
            let start = std::time::Instant::now();
            let exploration = explored(&*subject, &case(workload, &[]), &Options::default());
            assert_clean(&exploration);
            println!("T {:?}", start.elapsed());
            let coverage = &exploration.coverage;
            assert!(coverage.complete, "{:?}", coverage.left_out);
            assert_eq!(coverage.represented, coverage.total);
            for promise in exploration.judged {
                *judged.entry(promise.promise).or_default() += promise.times;
            }
        }
        println!("{} was judged: {judged:?}", subject.name());
        assert!(judged.len() >= 6 && judged.values().all(|times| *times > 0), "{judged:?}");
    }
}

/// Explores every workload of every system, and generated ones.
fn survive(options: &Options) {
    for subject in crashcheck_models::all() {
        for (workload, _) in subject.workloads() {
            assert_clean(&explored(&*subject, &case(workload, &[]), options));
        }
    }
}

#[test]
fn a_crash_during_recovery_is_survived_too() {
    let start = std::time::Instant::now();
    survive(&at_most(200, Options { nested: 1, ..Options::default() }));
            println!("T {:?}", start.elapsed());
}

#[test]
fn torn_writes_are_survived() {
    let start = std::time::Instant::now();
    survive(&at_most(200, under("torn")));
            println!("T {:?}", start.elapsed());
}

#[test]
fn a_device_that_keeps_the_order_is_survived() {
    let start = std::time::Instant::now();
    survive(&under("prefix"));
            println!("T {:?}", start.elapsed());
}

#[test]
fn generated_operations_are_survived() {
    let start = std::time::Instant::now();
    for subject in crashcheck_models::all() {
        for seed in 0..8 {
            assert_clean(&explored(
                &*subject,
                &case(&format!("generated-{seed}"), &[]),
                &at_most(300, Options::default()),
            ));
        }
    }
            println!("T {:?}", start.elapsed());
}
