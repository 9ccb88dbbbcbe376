//! What the tests of all reference systems have in common.

use crashcheck::outcome::{Exploration, Verdict};
use crashcheck::{Budget, BugSwitch, Case, Options, Profile, Subject};
use std::sync::atomic::AtomicBool;

/// A workload of a system without faults.
pub(crate) fn case(workload: &str) -> Case {
    Case { workload: workload.to_owned(), bugs: Vec::new(), stored: None }
}

/// The workload that shows a fault, with the fault and how to look for it.
pub(crate) fn showing(switch: &BugSwitch) -> (Case, Options) {
    let case = Case { bugs: vec![switch.name.to_owned()], ..case(switch.workload) };
    (case, Options { lives: switch.lives, ..under(switch.profile) })
}

/// How a system is explored first if nothing else is asked for.
pub(crate) fn usual(subject: &dyn Subject) -> Options {
    under(subject.profiles()[0])
}

/// Whether a system keeps its data on devices that block profiles describe.
pub(crate) fn is_on_disks(subject: &dyn Subject) -> bool {
    matches!(subject.medium(), "block" | "array")
}

/// The default options under another device profile, for one life.
pub(crate) fn under(profile: &str) -> Options {
    Options { profile: Profile::named(profile).expect("a built-in profile"), lives: 1, ..Options::default() }
}

/// The same options with at most so many recoveries.
pub(crate) fn at_most(recoveries: u64, options: Options) -> Options {
    Options { budget: Budget { states: Some(recoveries), ..options.budget }, ..options }
}

/// A reference system.
pub(crate) fn named(name: &str) -> Box<dyn Subject> {
    let found = crashcheck_models::all().into_iter().find(|subject| subject.name() == name);
    found.unwrap_or_else(|| panic!("there is no system '{name}'"))
}

/// Explores one workload.
pub(crate) fn explored(subject: &dyn Subject, case: &Case, options: &Options) -> Exploration {
    subject
        .explore(case, options, &AtomicBool::new(false), &mut |_| ())
        .unwrap_or_else(|error| panic!("{}: {error}", subject.name()))
}

/// Explores one workload in which nothing may be found, and prints what was covered.
pub(crate) fn survived(subject: &dyn Subject, case: &Case, options: &Options) -> Exploration {
    let exploration = explored(subject, case, options);
    println!("{}", crashcheck::summary(&exploration));
    assert_clean(&exploration);
    exploration
}

/// Panics with the findings, or if a system failed or could not be followed. Nothing in flight is nothing lost.
pub(crate) fn assert_clean(exploration: &Exploration) {
    let Exploration { system, workload, verdict, reason, coverage, .. } = exploration;
    let findings: Vec<String> =
        exploration.findings.iter().map(|finding| format!("{finding}\n  id: {}", finding.id)).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n\n"));
    let nothing = *verdict == Verdict::NotMeasured && coverage.total == "1";
    assert!(verdict.is_clean() || nothing, "{system}:{workload}: {verdict:?}: {reason:?}");
    // The only remark that a deterministic recovery may cause is that states were not counted exactly; others are about the
    // profile.
    let about_device = |note: &&String| note.contains("none was torn") || note.contains("was recorded in");
    let about_recovery = exploration.notes.iter().filter(|note| !about_device(note));
    assert_eq!(about_recovery.count(), usize::from(!coverage.exact), "{:?}", exploration.notes);
}
