//! What a shell completes: names of systems with their bug switches and workloads, of profiles, and of checks.

use crate::manual;
use crate::select::{self, Name};
use clap_complete::CompletionCandidate;
use clap_complete::engine::{PathCompleter, ValueCompleter};
use crashcheck::{Profile, Subject};
use crashcheck_models::checks;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;

/// `SYSTEM[+BUG][:WORKLOAD]`, part by part: systems first, its bug switches behind a `+`, its workloads behind a `:`.
pub(crate) fn targets(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return Vec::new() };
    let all = select::systems_and([current]);
    let Name { system, .. } = Name::parse(current);
    let subject = all.iter().find(|subject| subject.name() == system);
    let (before, last) = current.split_at(current.rfind([':', '+', '@']).map_or(0, |at| at + 1));
    let bases = crashcheck_models::bases();
    let upper = before.strip_suffix('@').filter(|upper| crashcheck_models::uppers().contains(upper));
    let names: Vec<(String, &str)> = match (before.chars().last(), subject) {
        (Some(':'), Some(subject)) => named(before, subject.workloads()),
        (Some('+'), Some(subject)) => named(before, bugs_of(subject.as_ref())),
        (Some('@'), _) if upper.is_some() => {
            bases.iter().map(|base| (format!("{before}{}", base.name()), "")).collect()
        }
        (None, _) => all.iter().map(|subject| (subject.name().to_owned(), subject.about())).collect(),
        _ => Vec::new(),
    };
    let is_meant = |(name, _): &(String, &str)| name[before.len()..].starts_with(last);
    names.into_iter().filter(is_meant).map(|(name, about)| candidate(&name, about)).collect()
}

/// What `list` can be asked for: the names of systems, and, in capitals, the codes of checks and their families.
pub(crate) fn listed(current: &OsStr) -> Vec<CompletionCandidate> {
    let is_code = current.to_string_lossy().starts_with(|c: char| c.is_ascii_uppercase());
    if !is_code {
        return targets(current);
    }
    let families = checks::all().map(|(of, check)| (check.family(), of.about));
    let families: BTreeMap<&str, &str> = families.collect();
    let mut all = starting(current, families);
    let dashed = current.to_string_lossy().contains(|c: char| !c.is_ascii_uppercase());
    all.extend(starting(
        current,
        checks::all().map(|(_, check)| (check.code, check.says)).filter(|_| dashed),
    ));
    all
}

/// The words of the names of pages of the manual.
pub(crate) fn pages(current: &OsStr) -> Vec<CompletionCandidate> {
    let pages = manual::pages().unwrap_or_default();
    let words: BTreeSet<&str> = pages.iter().flat_map(|page| page.name.split_whitespace()).collect();
    starting(current, words.into_iter().map(|word| (word, "")))
}

fn named<'a>(before: &str, names: Vec<(&'static str, &'a str)>) -> Vec<(String, &'a str)> {
    names.into_iter().map(|(name, about)| (format!("{before}{name}"), about)).collect()
}

fn bugs_of(subject: &dyn Subject) -> Vec<(&'static str, &'static str)> {
    subject.bugs().iter().map(|bug| (bug.name, bug.about)).collect()
}

/// The bug switches of all systems.
pub(crate) fn bugs(current: &OsStr) -> Vec<CompletionCandidate> {
    let systems = select::systems();
    let bugs: BTreeMap<&str, &str> = systems.iter().flat_map(|subject| bugs_of(subject.as_ref())).collect();
    starting(current, bugs)
}

/// The device profiles that come with crashcheck, and files.
pub(crate) fn profiles(current: &OsStr) -> Vec<CompletionCandidate> {
    let built_in = Profile::built_in();
    let names = built_in.iter().map(|profile| (profile.name.as_str(), profile.about.as_str()));
    let mut candidates = starting(current, names);
    let is_profile = |path: &std::path::Path| path.extension().is_some_and(|ending| ending == "toml");
    candidates.extend(PathCompleter::file().filter(is_profile).complete(current));
    candidates
}

fn starting<'a>(
    current: &OsStr,
    names: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let meant = names.into_iter().filter(|(name, _)| name.starts_with(&*current));
    meant.map(|(name, about)| candidate(name, about)).collect()
}

fn candidate(name: &str, about: &str) -> CompletionCandidate {
    CompletionCandidate::new(name).help(Some(about.to_owned().into()))
}
