//! The failures that were shrunk and stored: they are explored first.

use super::target::{Run, Target};
use crate::args::RecordedArgs;
use crate::commands::recorded::Recorded;
use crate::config::{Named, Search, profile};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::select::Selected;
use crashcheck::{Case, Options, Regression, stored_traces};
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
        let is_wanted = |asked: &&Named| wanted.is_none_or(|wanted| asked.profile.name == wanted);
        let asked = search.profiles.iter().find(is_wanted).cloned();
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

/// The stored failure of this name.
///
/// # Errors
/// If there is none, or it cannot be read.
pub(in crate::commands) fn named(folder: &Path, name: &str) -> Result<Regression, Failure> {
    let found = load(folder)?.into_iter().find(|regression| regression.name() == name);
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
