//! Every seeded fault is shrunk to a workload that is as small as one made by hand, or nearly so, and fails by that fault
//! alone. Where none is known, some that would be too small are tried: see `exhaustive.rs`.

use super::common::{explored, showing};
use super::{by_hand, exhaustive};
use crashcheck::outcome::{Finding, Verdict};
use crashcheck::{BugSwitch, Case, Options, Regression, ReplayId, Shrink, Subject};
use std::collections::BTreeSet;
use std::time::Duration;

/// How many operations more than the smallest workload made by hand may be left.
const MORE: u64 = 3;

/// What systems keep their data on: a test for each, so that they run side by side.
const MEDIA: [&str; 4] = ["block", "array", "flash", "cluster"];

#[test]
fn faults_on_disks_shrink_to_what_a_person_would_write() {
    shrink_faults_on(MEDIA[0]);
}

#[test]
fn faults_of_arrays_shrink_to_what_a_person_would_write() {
    shrink_faults_on(MEDIA[1]);
}

#[test]
fn faults_on_flash_shrink_to_what_a_person_would_write() {
    shrink_faults_on(MEDIA[2]);
}

#[test]
fn faults_of_clusters_shrink_to_what_a_person_would_write() {
    shrink_faults_on(MEDIA[3]);
}

#[test]
fn no_system_is_on_another_medium() {
    let media: BTreeSet<&str> = crashcheck_models::all().iter().map(|subject| subject.medium()).collect();
    assert_eq!(media, MEDIA.into());
}

fn shrink_faults_on(medium: &str) {
    let mut too_many = Vec::new();
    for subject in crashcheck_models::all().iter().filter(|subject| subject.medium() == medium) {
        for switch in subject.bugs() {
            let smallest = shrunk(&**subject, switch);
            let left = operations(&smallest);
            let by_hand = by_hand::operations(subject.name(), switch.name);
            let told = format!("{} {}: {left} operations, by hand {by_hand:?}", subject.name(), switch.name);
            println!("{told}");
            // What is smaller by more than may be left.
            let most = left.saturating_sub(MORE + 1);
            match by_hand {
                Some(by_hand) if by_hand <= most => too_many.push(told),
                Some(_) => {}
                None => {
                    let fewer = exhaustive::fewest(&**subject, switch, &smallest, most);
                    too_many.extend(fewer.map(|fewer| format!("{told}, but {fewer:?} show it")));
                }
            }
        }
    }
    assert!(too_many.is_empty(), "{}", too_many.join("\n"));
}

fn operations(stored: &Regression) -> u64 {
    (stored.setup.len() + stored.operations.len()) as u64
}

/// Shrinks what a fault shows, and returns the smallest.
fn shrunk(subject: &dyn Subject, switch: &BugSwitch) -> Regression {
    let (case, options) = showing(switch);
    let folder = tempfile::tempdir().expect("a folder");
    let shrink = Shrink { time: Duration::from_secs(3600), ..Shrink::default() };
    let shrinking = Options {
        explain: false,
        shrink: Some(shrink),
        regressions: Some(folder.path().to_owned()),
        ..options.clone()
    };
    let exploration = explored(subject, &case, &shrinking);
    let left = exploration.findings.iter().map(|finding| {
        let shrunk = finding.shrunk.as_ref().expect("every finding is shrunk");
        assert_eq!(shrunk.ended, None, "{finding}");
        let file = shrunk.file.as_ref().expect("it is stored");
        let stored = Regression::load(file.as_ref()).expect("it reads back");
        assert_eq!(shrunk.operations, operations(&stored));
        shows_the_fault_alone(subject, &case.bugs, &options, finding, stored.clone());
        stored
    });
    left.min_by_key(operations).expect("a finding")
}

/// What was stored shows the same finding again, in the state that it names, and nothing without the fault.
fn shows_the_fault_alone(
    subject: &dyn Subject,
    bugs: &[String],
    options: &Options,
    finding: &Finding,
    stored: Regression,
) {
    let workload = stored.name();
    let faulty = Case { workload, bugs: bugs.to_vec(), stored: Some(stored) };
    let again = explored(subject, &faulty, options);
    let found = again.findings.iter().any(|again| again.fingerprint == finding.fingerprint);
    assert!(found, "{finding} is not shown by {:?}, but {:?}", faulty.stored, again.findings);
    let id: ReplayId = finding.id.parse().expect("the id of a finding is a replay id");
    let replayed = subject.replay(&faulty, options, &id).expect("runs");
    assert!(!replayed.diverged, "{id}");
    let shown = replayed.finding.map(|finding| finding.fingerprint);
    assert_eq!(shown.as_deref(), Some(&*finding.fingerprint), "{id} shows {}", replayed.shows);
    let repaired = Case { bugs: Vec::new(), ..faulty };
    // Without the fault there may be nothing in flight at all.
    let clean = explored(subject, &repaired, options);
    assert!(clean.verdict.is_clean() || clean.verdict == Verdict::NotMeasured, "{finding}: {clean:?}");
}
