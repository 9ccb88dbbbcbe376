//! Whether what is found of files under POSIX alone is there on file systems that promise more.

use super::{CommandError, Commands, RecordedTrace};
use crate::explore::{Budget, Options, Progress};
use crate::profile::Profile;
use crate::tasks::explored;
use crashcheck_outcome::{Exploration, Finding, counted};
use crashcheck_trace::Trace;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The profiles of file systems that promise more than `posix`.
const FILE_SYSTEMS: [&str; 3] = ["ext4", "xfs", "btrfs"];

/// At least so many recoveries for each of them; more, if as many were run before.
const RECOVERIES: u64 = 200;

/// What is found of a trace under the profiles of file systems, in a sentence, if something was found of it under `posix`.
///
/// # Errors
/// As exploring it.
pub(super) fn elsewhere(
    (trace, name): (&Trace, &str),
    commands: &Commands,
    options: &Options,
    found: &Exploration,
    stop: &AtomicBool,
    report: &mut dyn FnMut(Progress),
) -> Result<Option<String>, CommandError> {
    let asked = commands.folder.is_some() && options.profile.name == "posix" && !found.findings.is_empty();
    // File systems of which the same is said stand together.
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    let mut say = |file_system, what: String| match said.iter_mut().find(|(known, _)| *known == what) {
        Some((_, file_systems)) => file_systems.push(file_system),
        None => said.push((what, vec![file_system])),
    };
    for file_system in FILE_SYSTEMS.into_iter().filter(|_| asked) {
        let gone = Duration::from_secs_f64(found.timing.seconds);
        let states = Some(found.coverage.recoveries.max(RECOVERIES));
        // What is left of the time is shared.
        let time = options.budget.time.map(|time| time.saturating_sub(gone) / FILE_SYSTEMS.len() as u32);
        if stop.load(Ordering::Relaxed) || time.is_some_and(|time| time.is_zero()) {
            say(file_system, "nothing was looked at, for want of time".to_owned());
            continue;
        }
        let options = Options {
            profile: Profile::named(file_system).expect("a built-in profile"),
            explain: false,
            shrink: None,
            budget: Budget { states, time, ..options.budget.clone() },
            ..options.clone()
        };
        let recorded = RecordedTrace::new(trace.clone(), name, commands, &options)?;
        let exploration = explored(&recorded.context, &options, stop, &mut *report);
        let exploration = recorded.unless_in_trouble(exploration)?;
        say(file_system, compared(&found.findings, &exploration));
    }
    let told =
        |(what, file_systems): &(String, Vec<&str>)| format!("under {} {what}", file_systems.join(", "));
    Ok((!said.is_empty()).then(|| said.iter().map(told).collect::<Vec<_>>().join("; ")))
}

/// Which of the findings are there on a file system as well.
fn compared(found: &[Finding], exploration: &Exploration) -> String {
    let there: BTreeSet<&str> =
        exploration.findings.iter().map(|finding| finding.fingerprint.as_str()).collect();
    let same: Vec<&Finding> =
        found.iter().filter(|finding| there.contains(finding.fingerprint.as_str())).collect();
    let coverage = &exploration.coverage;
    let looked_at = match coverage.complete {
        true => format!("all {} crash states", coverage.total),
        false => {
            format!("{} of {} crash states, in which the budget ended", coverage.represented, coverage.total)
        }
    };
    match (same.len(), found.len()) {
        (0, _) if there.is_empty() => format!("nothing is found in {looked_at}"),
        (0, _) => format!("something else is found in {looked_at}: {}", exploration.findings[0].detail),
        (1, 1) => "it is found as well".to_owned(),
        (some, all) if some == all => "all of it is found as well".to_owned(),
        (some, all) => {
            let promises: BTreeSet<&str> = same.iter().map(|finding| finding.promise.as_str()).collect();
            let promises = promises.into_iter().collect::<Vec<_>>().join(", ");
            let are = if some == 1 { "is" } else { "are" };
            format!("{some} of {} {are} there as well: {promises}", counted(all as u64, "finding"))
        }
    }
}
