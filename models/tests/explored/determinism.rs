//! The same input gives the same data, whoever does the work and in whatever order.

use super::common::{at_most, case, explored, named, showing, under};
use crashcheck::outcome::{CensusRow, Coverage, Exploration, Timing};
use crashcheck::{Budget, Case, Options, StrategyKind, Subject};
use std::collections::BTreeSet;

/// Everything but how long it took.
fn data(exploration: Exploration) -> String {
    format!("{:#?}", Exploration { timing: Timing::default(), ..exploration })
}

fn assert_same_with_any_number_of_threads(subject: &dyn Subject, case: &Case, options: &Options) {
    let with = |jobs| data(explored(subject, case, &Options { jobs, ..options.clone() }));
    let one = with(1);
    for jobs in [2, 5] {
        assert!(with(jobs) == one, "{} {case:?} with {jobs} threads differs from {one}", subject.name());
    }
}

#[test]
fn any_number_of_threads_gives_the_same_data_of_a_correct_system() {
    for (system, workload) in
        [("vsfs", "rename"), ("journal", "full-journal"), ("journal-async", "burst"), ("lfs", "names")]
    {
        assert_same_with_any_number_of_threads(&*named(system), &case(workload), &under("reorder"));
        let budget = at_most(300, Options { lives: 2, ..under("reorder") });
        assert_same_with_any_number_of_threads(&*named(system), &case(workload), &budget);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_data_of_every_fault() {
    for subject in crashcheck_models::all() {
        for switch in subject.bugs() {
            let (case, options) = showing(switch);
            assert_same_with_any_number_of_threads(&*subject, &case, &options);
        }
    }
}

/// A walk that needs more recoveries than this is too long to be done twice.
const WHOLE: u64 = 3_000;

/// The faults whose walk is longer: they show under profiles, and in lives, of very many states.
const LONGER: [&str; 8] = [
    "raid5-journal replay-not-durable",
    "gms dirty-sent-as-clean",
    "gms stale-directory-trusted",
    "gms victim-not-awaited",
    "gms duplicate-accepted",
    "gms late-put-accepted",
    "gms refusal-forgotten",
    "gms degraded-not-flushed",
];

#[test]
fn every_complete_strategy_finds_the_same_promises_broken_in_as_many_states() {
    let mut longer = Vec::new();
    for subject in crashcheck_models::all() {
        for switch in subject.bugs() {
            let (case, mut options) = showing(switch);
            // To the end in every life: where a budget ends a walk, its order decides what has been met.
            options.budget = Budget { states: Some(WHOLE), later: Some(WHOLE), ..Budget::unlimited() };
            let explored = |strategy: StrategyKind| {
                explored(&*subject, &case, &Options { strategy: strategy.into(), ..options.clone() })
            };
            let deviations = explored(StrategyKind::Deviations);
            let Coverage { complete, later, .. } = &deviations.coverage;
            if *complete && later.iter().all(|life| life.complete) {
                let complete = explored(StrategyKind::Complete);
                assert_eq!(found(deviations), found(complete), "{} {}", subject.name(), switch.name);
            } else {
                longer.push(format!("{} {}", subject.name(), switch.name));
            }
        }
    }
    assert_eq!(longer, LONGER);
}

/// What must not depend on the order in which states are looked at.
fn found(exploration: Exploration) -> (BTreeSet<String>, u64, String, Vec<CensusRow>) {
    let Exploration { findings, coverage, census, .. } = exploration;
    let states = findings.iter().filter_map(|finding| finding.states.parse::<u64>().ok()).sum();
    let promises = findings.into_iter().map(|finding| finding.promise).collect();
    (promises, states, coverage.represented, census)
}
