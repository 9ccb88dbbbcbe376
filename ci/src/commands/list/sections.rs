//! What there is as a person reads it: everything in short, or one kind of thing in full.

use super::{BugEntry, CheckEntry, Entry, Everything, KeyEntry, SystemEntry};
use crate::args::What;
use crate::keys::{ABOUT, EXAMPLE, Key, PROFILE, PROFILE_ABOUT, PROFILE_EXAMPLE};
use crashcheck_report::text::{Align, Paper, table};
use std::collections::BTreeMap;

/// One kind of thing in full, or everything in short.
pub(super) fn told(everything: &Everything, what: Option<What>, paper: Paper) -> String {
    match what {
        Some(What::Systems) => systems(everything, paper),
        Some(What::Workloads) => in_full(everything, paper, workloads),
        Some(What::Bugs) => in_full(everything, paper, bugs),
        Some(What::Profiles) => format!("{}\n{}", profiles(everything, paper), profile_keys(paper)),
        Some(What::Strategies) => strategies(everything, paper),
        Some(What::Formats) => formats(everything, paper),
        Some(What::Checks) => checks(&everything.checks, paper),
        Some(What::Config) => config(&everything.config, paper),
        None => in_short(everything, paper),
    }
}

/// A section for each kind of thing: a heading that says what it is for, and what there is.
fn in_short(everything: &Everything, paper: Paper) -> String {
    let names = |of: fn(&SystemEntry) -> Vec<&str>| {
        let lines = alike(&everything.systems, |system| of(system).join(", "));
        lines.iter().map(|(systems, names)| format!("  {systems}: {names}\n")).collect::<String>()
    };
    let workloads = names(|system| system.workloads.iter().map(|entry| entry.name).collect());
    let bugs = names(|system| system.bugs.iter().map(|entry| entry.name).collect());
    let sections = [
        ("Systems", "crashcheck explore SYSTEM", systems(everything, paper)),
        (
            "Workloads",
            "explore SYSTEM:WORKLOAD; `crashcheck list workloads SYSTEM` says what they do",
            workloads,
        ),
        ("Bug switches", "explore SYSTEM+BUG; `crashcheck list bugs SYSTEM` says what they are", bugs),
        ("Device profiles", "--profile NAME", profiles(everything, paper)),
        ("Strategies", "--strategy NAME", strategies(everything, paper)),
        ("Formats of traces", "--format NAME", formats(everything, paper)),
        ("Keys of crashcheck.toml", "`crashcheck list config` explains them", keys(&everything.config)),
        ("Checks", "`crashcheck list checks FAMILY` says what they demand", families(&everything.checks)),
    ];
    let section =
        |(name, how, text): (&str, &str, String)| format!("{}  ({how})\n{text}", paper.colour.strong(name));
    sections.map(section).join("\n")
}

fn systems(everything: &Everything, paper: Paper) -> String {
    let row = |system: &SystemEntry| {
        row(&[&system.name, system.medium, &system.profiles.join(", "), &system.about])
    };
    let rows: Vec<Vec<String>> = everything.systems.iter().map(row).collect();
    table(&left(["system", "medium", "profiles", "about"]), &rows, paper)
}

/// Systems of which a text says the same, and that text; in the order of the systems.
fn alike(systems: &[SystemEntry], of: impl Fn(&SystemEntry) -> String) -> Vec<(String, String)> {
    let mut groups: Vec<(String, String)> = Vec::new();
    for system in systems {
        let text = of(system);
        match groups.iter_mut().find(|(_, known)| *known == text) {
            Some((names, _)) => names.push_str(&format!(", {}", system.name)),
            None => groups.push((system.name.clone(), text)),
        }
    }
    groups.retain(|(_, text)| !text.is_empty());
    groups
}

/// A part for each system, those that have the same together.
fn in_full(everything: &Everything, paper: Paper, of: fn(&SystemEntry, Paper) -> String) -> String {
    let parts = alike(&everything.systems, |system| of(system, paper));
    let part = |(systems, text): &(String, String)| format!("{}\n{text}", paper.colour.strong(systems));
    parts.iter().map(part).collect::<Vec<_>>().join("\n")
}

fn workloads(system: &SystemEntry, paper: Paper) -> String {
    named("workload", &system.workloads, paper)
}

fn bugs(system: &SystemEntry, paper: Paper) -> String {
    let cells = |bug: &BugEntry| row(&[bug.name, bug.workload, &bug.breaks.join(", "), bug.about]);
    let rows: Vec<Vec<String>> = system.bugs.iter().map(cells).collect();
    if rows.is_empty() {
        String::new()
    } else {
        table(&left(["bug", "shown by", "breaks", "about"]), &rows, paper)
    }
}

fn profiles(everything: &Everything, paper: Paper) -> String {
    let profiles = everything.profiles.iter().map(|entry| &entry.profile);
    let rows: Vec<Vec<String>> = profiles.map(|profile| row(&[&profile.name, &profile.about])).collect();
    table(&left(["profile", "about"]), &rows, paper)
}

/// The reference of profiles of one's own.
fn profile_keys(paper: Paper) -> String {
    let cells = |key: &Key| {
        let name =
            if key.table.is_empty() { key.name.to_owned() } else { format!("[{}] {}", key.table, key.name) };
        row(&[&format!("{name} = {}", key.example), key.about, key.default])
    };
    let rows: Vec<Vec<String>> = PROFILE.iter().map(cells).collect();
    let heading = left(["key, and a value", "what it means", "without it"]);
    format!("{PROFILE_ABOUT}\n\n{}\n{PROFILE_EXAMPLE}", table(&heading, &rows, paper))
}

fn strategies(everything: &Everything, paper: Paper) -> String {
    named("strategy", &everything.strategies, paper)
}

fn formats(everything: &Everything, paper: Paper) -> String {
    let yes = |yes: bool| if yes { "yes" } else { "no" };
    let formats = everything.formats.iter();
    let rows: Vec<Vec<String>> =
        formats.map(|format| row(&[format.name, yes(format.import), yes(format.export)])).collect();
    table(&left(["format", "import", "export"]), &rows, paper)
}

fn checks(checks: &[CheckEntry], paper: Paper) -> String {
    let cells = |check: &CheckEntry| row(&[check.code, check.system, check.source, check.says]);
    let rows: Vec<Vec<String>> = checks.iter().map(cells).collect();
    table(&left(["code", "system", "source", "says"]), &rows, paper)
}

/// The reference of crashcheck.toml.
fn config(keys: &[KeyEntry], paper: Paper) -> String {
    let cells = |key: &KeyEntry| row(&[&format!("{} = {}", key.name, key.example), key.about, key.default]);
    let rows: Vec<Vec<String>> = keys.iter().map(cells).collect();
    let heading = left(["key, and a value", "what it means", "without it"]);
    format!("{ABOUT}\n\n{}\n{EXAMPLE}", table(&heading, &rows, paper))
}

fn keys(keys: &[KeyEntry]) -> String {
    let names = keys.iter().map(|key| key.name).collect::<Vec<_>>();
    format!("  {}\n", names.join(", "))
}

/// The families of checks, and how many there are in each.
fn families(checks: &[CheckEntry]) -> String {
    let mut families: BTreeMap<&str, usize> = BTreeMap::new();
    for check in checks {
        *families.entry(check.family).or_default() += 1;
    }
    let families = families.iter().map(|(family, count)| format!("{family} ({count})"));
    format!("  {}\n", families.collect::<Vec<_>>().join(", "))
}

fn named(what: &str, entries: &[Entry], paper: Paper) -> String {
    let rows: Vec<Vec<String>> = entries.iter().map(|entry| row(&[entry.name, entry.about])).collect();
    table(&left([what, "about"]), &rows, paper)
}

fn left<const N: usize>(names: [&str; N]) -> [(&str, Align); N] {
    names.map(|name| (name, Align::Left))
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(ToString::to_string).collect()
}
