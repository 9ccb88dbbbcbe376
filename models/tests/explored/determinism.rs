//! The same input gives the same data, whoever does the work and in whatever order.

use super::common::{at_most, case, explored, named, showing, under};
use crashcheck::outcome::{Exploration, Timing};
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

#[test]
fn every_complete_strategy_finds_the_same_promises_broken_in_as_many_states() {
    for subject in crashcheck_models::all() {
        for switch in subject.bugs() {
            let (case, mut options) = showing(switch);
            // To the end in every life: where a budget ends a walk, its order decides what has been met.
            options.budget = Budget::unlimited();
            let found = |strategy: StrategyKind| {
                let exploration =
                    explored(&*subject, &case, &Options { strategy: strategy.into(), ..options.clone() });
                let promises = exploration.findings.iter().map(|finding| finding.promise.clone());
                let states: u64 = exploration
                    .findings
                    .iter()
                    .filter_map(|finding| finding.states.parse::<u64>().ok())
                    .sum();
                (
                    promises.collect::<BTreeSet<_>>(),
                    states,
                    exploration.coverage.represented,
                    exploration.census,
                )
            };
            let (deviations, complete) = (found(StrategyKind::Deviations), found(StrategyKind::Complete));
            assert_eq!(deviations, complete, "{} {}", subject.name(), switch.name);
        }
    }
}
