//! What the tests of all reference systems have in common.

use crashcheck::trace::outcome::{Exploration, Verdict};
use crashcheck::{Budget, Case, Options, Profile, Subject};
use std::sync::atomic::AtomicBool;

/// A workload of a system.
pub fn case(workload: &str, bugs: &[&str]) -> Case {
    Case { workload: workload.to_owned(), bugs: bugs.iter().map(ToString::to_string).collect() }
}

/// The default options under another device profile.
pub fn under(profile: &str) -> Options {
    Options { profile: Profile::named(profile).expect("a built-in profile"), ..Options::default() }
}

/// The same options with at most so many recoveries.
pub fn at_most(recoveries: u64, options: Options) -> Options {
    Options { budget: Budget { states: Some(recoveries), ..options.budget }, ..options }
}

/// Explores one workload.
pub fn explored(subject: &dyn Subject, case: &Case, options: &Options) -> Exploration {
    subject
        .explore(case, options, &AtomicBool::new(false), &mut |_| ())
        .unwrap_or_else(|error| panic!("{}: {error}", subject.name()))
}

/// A reference system.
pub fn named(name: &str) -> Box<dyn Subject> {
    let found = crashcheck_models::all().into_iter().find(|subject| subject.name() == name);
    found.unwrap_or_else(|| panic!("there is no system '{name}'"))
}

/// Panics unless nothing was found and something was looked at.
pub fn assert_clean(exploration: &Exploration) {
    let findings: Vec<String> =
        exploration.findings.iter().map(|finding| format!("{finding}\n  id: {}", finding.id)).collect();
    let (reason, notes) = (&exploration.reason, &exploration.notes);
    println!("{}", crashcheck::summary(exploration));
    assert!(findings.is_empty(), "{}", findings.join("\n\n"));
    assert_eq!(exploration.verdict, Verdict::Survived, "{reason:?} {notes:?}");
    assert_eq!(notes, &Vec::<String>::new());
}
