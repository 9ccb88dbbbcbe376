//! A correct system loses nothing: every workload, completely; and as far as a budget goes, crashes during recovery,
//! other devices, and operations nobody thought of.

use super::common::{at_most, case, explored, is_on_disks, survived, under, usual};
use crashcheck::outcome::Verdict;
use crashcheck::{Budget, Options, Subject};
use std::collections::BTreeMap;

/// What is judged of every system, each at least once.
const PROMISES: [&str; 6] = ["atomic", "durable", "idempotent", "recovers", "usable", "well-formed"];

#[test]
fn every_crash_state_of_every_workload_is_survived() {
    for subject in crashcheck_models::all() {
        let mut judged = BTreeMap::<String, u64>::new();
        let workloads = subject.workloads().into_iter();
        let runs = workloads
            .flat_map(|(workload, _)| subject.profiles().iter().map(move |profile| (workload, profile)));
        for (workload, profile) in runs {
            let exploration = survived(&*subject, &case(workload), &under(profile));
            assert_eq!(exploration.verdict, Verdict::Survived, "{workload} under {profile}");
            let coverage = &exploration.coverage;
            assert!(coverage.complete && coverage.exact, "{workload}: {:?}", coverage.left_out);
            assert_eq!(coverage.represented, coverage.total, "{workload}");
            for promise in exploration.judged {
                *judged.entry(promise.promise).or_default() += promise.times;
            }
        }
        println!("{}: judged {judged:?}", subject.name());
        assert!(PROMISES.iter().all(|promise| judged.contains_key(*promise)), "{}", subject.name());
        assert!(judged.values().all(|times| *times > 0), "{} is not measured: {judged:?}", subject.name());
    }
}

/// Explores every workload of every system that there are options for; returns how many states of later lives were
/// looked at.
fn survive(options: impl Fn(&dyn Subject) -> Option<Options>) -> u64 {
    let workloads = |subject: &dyn Subject| -> u64 {
        let Some(options) = options(subject) else { return 0 };
        let all = subject.workloads().into_iter();
        let later = |workload: &str| {
            let coverage = survived(subject, &case(workload), &options).coverage;
            coverage.later.iter().map(|life| life.recoveries + life.known).sum::<u64>()
        };
        all.map(|(workload, _)| later(workload)).sum()
    };
    crashcheck_models::all().iter().map(|subject| workloads(&**subject)).sum()
}

/// The same on everything that keeps its data on disks.
fn survive_on_disks(options: &Options) -> u64 {
    survive(|subject| is_on_disks(subject).then(|| options.clone()))
}

/// The redo of a journal, and the repairs of fsck (FK-11).
#[test]
fn a_second_life_is_survived_too() {
    let later = survive(|subject| {
        let options = at_most(1000, Options { lives: 2, ..usual(subject) });
        let budget = Budget { later: Some(150), ..options.budget };
        Some(Options { budget, ..options })
    });
    println!("{later} states of later lives");
    assert!(later > 1000, "only {later} states of later lives");
}

#[test]
fn torn_writes_are_survived() {
    survive_on_disks(&at_most(1000, under("torn")));
}

#[test]
fn a_device_that_keeps_the_order_is_survived() {
    survive_on_disks(&under("prefix"));
}

#[test]
fn generated_operations_are_survived() {
    for subject in crashcheck_models::all() {
        let generated = (0..8).map(|seed| case(&format!("generated-{seed}")));
        let verdicts: Vec<Verdict> = generated
            .map(|case| survived(&*subject, &case, &at_most(1000, usual(&*subject))).verdict)
            .collect();
        let measured = verdicts.iter().filter(|verdict| verdict.is_clean()).count();
        assert!(measured >= 4, "{}: only {measured} had something in flight", subject.name());
    }
}

/// Who promises nothing of it says so, and is not explored.
#[test]
fn a_flush_that_fails_is_survived_or_not_promised() {
    let options = at_most(300, under("flush-error"));
    for subject in crashcheck_models::all() {
        let promises = subject.name() == "vsfs" || subject.name().starts_with("journal");
        for (workload, _) in subject.workloads().into_iter().take(8) {
            if promises {
                let exploration = survived(&*subject, &case(workload), &options);
                let in_many_ways = |note: &String| note.contains("was recorded in");
                assert!(exploration.notes.iter().any(in_many_ways), "{}:{workload}", subject.name());
                continue;
            }
            let exploration = explored(&*subject, &case(workload), &options);
            assert_eq!(exploration.verdict, Verdict::NotMeasured, "{}:{workload}", subject.name());
            let reason = exploration.reason.expect("it says why");
            assert!(reason.contains("does not promise"), "{reason}");
        }
    }
}
