//! The failures that were shrunk and stored: they are explored first.

use super::target::{Run, Target};
use crate::args::RecordedArgs;
use crate::commands::recorded::Recorded;
use crate::config::{Named, Search, profile};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::select::Selected;
use crashcheck::outcome::{Common, Exploration, Finding, Report};
use crashcheck::{Case, Options, Profile, Regression, stored_traces};
use std::path::Path;

/// The stored failures of the systems that were selected, with the bug switches that are on, each once.
///
/// # Errors
/// If one cannot be read.
pub(in crate::commands) fn targets<'a>(
    folder: &Path,
    selected: &[Selected<'a>],
) -> Result<Vec<Target<'a>>, Failure> {
    let stored = load(folder)?;
    let mut targets = Vec::new();
    for regression in stored {
        let is_of = |it: &&Selected<'a>| regression.is_of(it.subject.name(), &it.case.bugs);
        if let Some(Selected { subject, case }) = selected.iter().find(is_of) {
            let case =
                Case { workload: regression.name(), bugs: case.bugs.clone(), stored: Some(regression) };
            targets.push(Target::Reference(Selected { subject: *subject, case }));
        }
    }
    Ok(targets)
}

/// The small traces that are stored for findings of a recorded trace, to be recovered as that is.
///
/// # Errors
/// If one cannot be read.
pub(in crate::commands) fn traces<'a>(
    folder: &Path,
    name: &str,
    args: &RecordedArgs,
    screen: &Screen,
) -> Result<Vec<Target<'a>>, Failure> {
    let stored = stored_traces(folder, name).map_err(|error| Failure::usage(error.to_string()))?;
    let mut targets = Vec::new();
    for path in stored {
        let args = args.with_trace(path);
        let recorded = Recorded::load(&args, screen)?;
        targets.extend(recorded.map(|recorded| Target::Recorded(recorded, args)));
    }
    Ok(targets)
}

/// The stored failures as runs, each under the profile that showed it, and a note for each whose profile is not at hand.
pub(in crate::commands) fn runs<'a>(
    targets: &'a [Target<'a>],
    search: &Search,
) -> (Vec<Run<'a>>, Vec<String>) {
    let (mut runs, mut notes) = (Vec::new(), Vec::new());
    for target in targets {
        let (name, stored) = match target {
            Target::Reference(Selected { case: Case { stored: Some(stored), .. }, .. }) => {
                (stored.name(), Some(stored))
            }
            Target::Reference(Selected { case, .. }) => (case.workload.clone(), None),
            Target::Recorded(recorded, _) => (recorded.name.clone(), None),
        };
        let (wanted, lives) = stored.map_or((None, 1), |stored| (Some(&*stored.profile), stored.lives));
        let lives = lives.max(search.lives.unwrap_or(Options::default().lives));
        // Of two profiles of that name the one that it was found under.
        let is_wanted = |asked: &&Named| wanted.is_none_or(|wanted| asked.profile.name == wanted);
        let is_its =
            |asked: &&Named| stored.is_none_or(|stored| stored.is_foreign_to(&asked.profile).is_none());
        let asked = || search.profiles.iter().filter(is_wanted);
        let asked = asked().find(is_its).or_else(|| asked().next()).cloned();
        match asked.map_or_else(|| profile(wanted.unwrap_or("reorder")), Ok) {
            Ok(profile) => match stored.and_then(|stored| stored.is_foreign_to(&profile.profile)) {
                None => runs.push(Run { target, profile, lives, stored: true, made: None }),
                Some(why) => notes.push(format!("not explored: the stored failure {name}: {why}")),
            },
            Err(_) => notes.push(format!(
                "not explored: the stored failure {name} needs the device profile '{}': give it as --profile FILE.toml",
                wanted.unwrap_or_default()
            )),
        }
    }
    (runs, notes)
}

/// Keeps one stored failure of each cause that a rule was found for: one is enough to see it come back. What this run has stored
/// of others with that cause goes, and they are replayed as they were found.
///
/// # Errors
/// If a file cannot be removed.
pub(super) fn keep_one_a_cause(
    report: &mut Report,
    runs: &[Run<'_>],
    regressions: &Path,
) -> Result<(), Failure> {
    let Report { explorations, causes, .. } = report;
    for group in causes.iter().filter(|group| matches!(group.common, Common::Cured { .. })) {
        let is_of = |exploration: &Exploration| {
            (&exploration.system, &exploration.bugs, &exploration.profile)
                == (&group.system, &group.bugs, &group.profile)
        };
        let is_in = |finding: &Finding| group.findings.contains(&finding.fingerprint);
        let again =
            |exploration: &&Exploration| is_of(exploration) && Regression::is_name(&exploration.workload);
        let was_stored = explorations.iter().filter(again).flat_map(|of| &of.findings).any(is_in);
        let has_file = |fingerprint: &&String| {
            let findings = explorations.iter().filter(|of| is_of(of)).flat_map(|of| &of.findings);
            let file = |it: &Finding| it.shrunk.as_ref().is_some_and(|shrunk| shrunk.file.is_some());
            findings.filter(|it| it.fingerprint == **fingerprint).any(file)
        };
        let head = group.findings.iter().find(has_file).filter(|_| !was_stored);
        for (exploration, run) in explorations.iter_mut().zip(runs) {
            let findings = if is_of(exploration) { &mut exploration.findings[..] } else { &mut [] };
            for finding in findings.iter_mut().filter(|it| is_in(it) && head != Some(&it.fingerprint)) {
                let Some(shrunk) = &mut finding.shrunk else { continue };
                let Some(file) = shrunk.file.take() else { continue };
                std::fs::remove_file(&file).map_err(|error| Failure::file(Path::new(&file), error))?;
                finding.id.clone_from(&shrunk.found_as);
                finding.replay = Some(run.replay_line(&finding.id, regressions, None));
            }
        }
    }
    Ok(())
}

/// The stored failure of this name; where there are two, that which was found under this profile.
///
/// # Errors
/// If there is none, or it cannot be read.
pub(in crate::commands) fn named(
    folder: &Path,
    name: &str,
    profile: &Profile,
) -> Result<Regression, Failure> {
    let all = load(folder)?;
    let found = Regression::named(&all, name, profile).cloned();
    found.ok_or_else(|| {
        Failure::usage(format!(
            "there is no stored failure '{name}' in {}\nname the folder that has it with --regressions DIR",
            folder.display()
        ))
    })
}

fn load(folder: &Path) -> Result<Vec<Regression>, Failure> {
    Regression::load_all(folder).map_err(|error| Failure::usage(error.to_string()))
}
