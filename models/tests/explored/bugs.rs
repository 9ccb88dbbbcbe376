//! Every seeded fault is found, by a promise that it says it breaks, in a state that can be looked at again.

use super::common::{assert_clean, case, explored, named, showing};
use crashcheck::outcome::Verdict;
use crashcheck::{Options, ReplayId};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn every_fault_is_found_by_the_promises_it_breaks() {
    let mut broken = BTreeMap::<&str, BTreeSet<String>>::new();
    let mut breaks = BTreeMap::<&str, BTreeSet<String>>::new();
    let mut unsaid = Vec::new();
    for subject in crashcheck_models::all() {
        for switch in subject.bugs() {
            let (case, options) = showing(switch);
            let exploration = explored(&*subject, &case, &options);
            let whose = format!("{} {}", subject.name(), switch.name);
            if exploration.verdict != Verdict::Lost {
                unsaid.push(format!("{whose} is not found"));
            }
            assert!(!switch.checks.is_empty(), "{whose}");
            for finding in exploration.findings {
                println!("{whose}: {} after {} recoveries", finding.promise, finding.found_after);
                if !switch.breaks.contains(&&*finding.promise) {
                    unsaid.push(format!("{whose} does not say: {finding}"));
                }
                let codes: Vec<&str> = finding.checks.iter().map(|check| &*check.code).collect();
                assert_eq!(codes, switch.checks, "{whose}");
                assert!(finding.checks.iter().all(|check| check.says.is_some()), "{whose}: {finding}");
                broken.entry(switch.name).or_default().insert(finding.promise);
            }
            breaks
                .entry(switch.name)
                .or_default()
                .extend(switch.breaks.iter().map(|promise| (*promise).to_owned()));
        }
    }
    assert!(unsaid.is_empty(), "{}", unsaid.join("\n\n"));
    assert_eq!(broken, breaks, "what the findings name, and what the switches say");
}

#[test]
fn every_finding_is_seen_again_and_not_without_the_fault() {
    for subject in crashcheck_models::all() {
        for switch in subject.bugs() {
            let (faulty, options) = showing(switch);
            for finding in explored(&*subject, &faulty, &options).findings {
                let id: ReplayId = finding.id.parse().expect("the id of a finding is a replay id");
                assert_eq!((&*id.system, &*id.bugs), (subject.name(), &*faulty.bugs));
                let again = subject.replay(&faulty, &options, &id).expect("runs");
                assert!(!again.diverged, "{id}");
                let promise = again.finding.map(|finding| finding.promise);
                assert_eq!(promise, Some(finding.promise), "{id} shows {}", again.shows);
                // The trace of the repaired system may be another one, so that this state is another one too.
                let repaired = subject.replay(&case(switch.workload), &options, &id).expect("runs");
                assert_eq!(repaired.finding, None, "{id} shows {}", repaired.shows);
            }
        }
    }
}

/// What the first crash has left behind, and another meets: with one crash less the fault does not show, and without the fault
/// as many crashes show nothing.
#[test]
fn a_fault_of_a_later_life_is_not_found_in_an_earlier_one() {
    let faults = [
        ("gms", "degraded-not-flushed"),
        ("integrity", "generation-skipped"),
        ("journal", "reset-before-replay-durable"),
        ("raid5-journal", "replay-not-durable"),
    ];
    for (system, name) in faults {
        let subject = named(system);
        let switch = subject.bugs().iter().find(|switch| switch.name == name).expect("a fault of it");
        let (faulty, options) = showing(switch);
        assert_eq!(explored(&*subject, &faulty, &options).verdict, Verdict::Lost, "{system} {name}");
        let fewer = Options { lives: switch.lives - 1, ..options.clone() };
        assert_clean(&explored(&*subject, &faulty, &fewer));
        assert_clean(&explored(&*subject, &case(switch.workload), &options));
    }
}

#[test]
fn the_faults_that_the_textbooks_warn_of_are_all_seeded() {
    let systems = crashcheck_models::all();
    let switches = systems.iter().flat_map(|subject| subject.bugs());
    let checks: BTreeSet<&str> = switches.flat_map(|switch| switch.checks).copied().collect();
    let mistakes = (1..=18).chain([21, 22, 28, 30]).map(|number| format!("M{number}"));
    for mistake in mistakes {
        assert!(checks.contains(&*mistake), "{mistake} is missing: {checks:?}");
    }
}
