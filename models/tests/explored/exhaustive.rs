//! Every workload of so many operations out of a small set, tried: for faults of which no small workload is known.
//!
//! It can show that something smaller is enough, and not that nothing is: there are other operations, and not every crash
//! state of every workload is looked at.

use super::common::{at_most, explored, named, showing};
use crashcheck::{Budget, BugSwitch, Case, Options, Regression, Subject};
use std::collections::BTreeSet;

/// A workload is left after so many recoveries; the crash states that differ least from an ordinary one come first.
const RECOVERIES: u64 = 300;

/// What a volume can be asked for: two versions of a block, its neighbour, several blocks, and what it does when it is left
/// alone.
const OF_VOLUMES: [&str; 8] = [
    r#"{"write":{"block":0,"count":1,"fill":1}}"#,
    r#"{"write":{"block":0,"count":1,"fill":2}}"#,
    r#"{"write":{"block":1,"count":1,"fill":1}}"#,
    r#"{"write":{"block":0,"count":4,"fill":1}}"#,
    r#"{"discard":{"block":0,"count":1}}"#,
    r#""flush""#,
    r#"{"maintain":0}"#,
    r#"{"maintain":128}"#,
];

/// What a file system can be asked for.
const OF_FILES: [&str; 7] = [
    r#"{"create":"/a"}"#,
    r#"{"mkdir":"/d"}"#,
    r#"{"write":{"path":"/a","at":0,"len":9216,"fill":1}}"#,
    r#"{"rename":{"from":"/a","to":"/b"}}"#,
    r#"{"unlink":"/a"}"#,
    r#"{"fsync":"/a"}"#,
    r#""sync""#,
];

/// The first workload of up to so many operations that shows a fault, out of those that a stored failure of it has and
/// those that systems of its kind usually have.
pub(crate) fn fewest(
    subject: &dyn Subject,
    switch: &BugSwitch,
    stored: &Regression,
    most: u64,
) -> Option<Vec<String>> {
    let own = || stored.setup.iter().chain(&stored.operations).map(String::as_str);
    let usual = match own().any(|op| op.contains("\"block\"")) {
        true => &OF_VOLUMES[..],
        false if subject.medium() == "cluster" => &[],
        false => &OF_FILES,
    };
    let alphabet: Vec<&str> =
        own().chain(usual.iter().copied()).collect::<BTreeSet<_>>().into_iter().collect();
    (1..=most).find_map(|length| {
        words(&alphabet, length as usize).find(|operations| shows(subject, switch, stored, operations))
    })
}

/// All words of a length, in the order of the alphabet.
fn words(alphabet: &[&str], length: usize) -> impl Iterator<Item = Vec<String>> {
    let letter =
        move |nth: usize, place: usize| alphabet[nth / alphabet.len().pow(place as u32) % alphabet.len()];
    (0..alphabet.len().pow(length as u32))
        .map(move |nth| (0..length).rev().map(|place| letter(nth, place).to_owned()).collect())
}

fn shows(subject: &dyn Subject, switch: &BugSwitch, stored: &Regression, operations: &[String]) -> bool {
    let (case, options) = showing(switch);
    let budget = Budget { fail_fast: true, ..options.budget };
    let options = at_most(RECOVERIES, Options { explain: false, budget, ..options });
    let mut stored = stored.clone();
    (stored.setup, stored.operations) = (Vec::new(), operations.to_vec());
    let case = Case { stored: Some(stored), ..case };
    // What cannot be run without a crash shows nothing.
    let findings = explored(subject, &case, &options).findings;
    findings.iter().any(|finding| switch.breaks.contains(&&*finding.promise))
}

#[test]
fn a_workload_that_shows_a_fault_is_among_those_tried() {
    let stored = |system: &str, switch: &str| -> Regression {
        let value = serde_json::json!({
            "version": 2, "system": system, "bugs": [switch], "workload": "none", "profile": "", "lives": 1,
            "fingerprint": "", "promise": "", "detail": "", "setup": [], "operations": [],
        });
        serde_json::from_value(value).expect("what a stored failure holds")
    };
    for (system, name, fewest_known) in [("journal", "no-commit-flush", 2), ("vsfs", "no-sync-flush", 2)] {
        let subject = named(system);
        let switch = subject.bugs().iter().find(|switch| switch.name == name).expect("a fault of it");
        let found = |most| fewest(&*subject, switch, &stored(system, name), most);
        assert_eq!(found(fewest_known - 1), None, "{system} {name}");
        assert_eq!(found(4).map(|found| found.len() as u64), Some(fewest_known), "{system} {name}");
    }
    let words: Vec<Vec<String>> = words(&["a", "b", "c"], 2).collect();
    assert_eq!((words.len(), words[0].join(""), words[5].join("")), (9, "aa".into(), "bc".into()));
}
