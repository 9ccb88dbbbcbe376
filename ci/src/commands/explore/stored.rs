//! The failures that were shrunk and stored: they are explored first.

use super::target::{Run, Target};
use crate::config::{Search, profile};
use crate::failure::Failure;
use crate::select::Selected;
use crashcheck::{Case, Regression};
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

/// The stored failures as runs, each under the profile that showed it, and a note for each whose profile is not at hand.
pub(in crate::commands) fn runs<'a>(
    targets: &'a [Target<'a>],
    search: &Search,
) -> (Vec<Run<'a>>, Vec<String>) {
    let (mut runs, mut notes) = (Vec::new(), Vec::new());
    for target in targets {
        let Target::Reference(Selected { case: Case { stored: Some(stored), .. }, .. }) = target else {
            continue;
        };
        let asked = search.profiles.iter().find(|asked| asked.profile.name == stored.profile).cloned();
        match asked.map_or_else(|| profile(&stored.profile), Ok) {
            Ok(profile) => {
                let nested = stored.nested.max(search.nested.unwrap_or(0));
                runs.push(Run { target, profile, nested });
            }
            Err(_) => notes.push(format!(
                "not explored: the stored failure {} needs the device profile '{}': give it as --profile FILE.toml",
                stored.name(),
                stored.profile
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
