//! A run in a line for each system.

use super::table::Table;
use super::{Align, Paper, escape, later_lives, system, verdict};
use crashcheck_outcome::{Exploration, Report, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// A row for each system under a profile: its workloads, how many of them were covered completely, and what came of them. If
/// those are more rows than that and nothing failed, systems under one profile share a row.
pub fn systems(report: &Report, rows_max: usize, paper: Paper) -> String {
    use Align::{Left, Right};
    let explorations = &report.explorations;
    let mut systems: Vec<Vec<&Exploration>> = Vec::new();
    for exploration in explorations {
        let is_it = |others: &&mut Vec<&Exploration>| {
            let Exploration { system, bugs, profile, .. } = others[0];
            (system, bugs, profile) == (&exploration.system, &exploration.bugs, &exploration.profile)
        };
        match systems.iter_mut().find(is_it) {
            Some(others) => others.push(exploration),
            None => systems.push(vec![exploration]),
        }
    }
    let later = !later_lives(explorations).is_empty();
    let mut heading = vec![("system", Left), ("profile", Left), ("workloads", Right), ("recoveries", Right)];
    heading.push(("covered", Right));
    heading.extend(later.then_some(("in all lives", Right)));
    heading.extend([("states/s", Right), ("findings", Right), ("verdict", Left)]);
    let mut rows: Vec<Vec<String>> = systems.iter().map(|of_system| row(of_system, later)).collect();
    if rows.len() > rows_max && explorations.iter().all(is_well) {
        systems = by_profile(systems);
        heading.remove(0);
        heading.push(("systems", Left));
        rows = systems.iter().map(|of_systems| shared(of_systems, later)).collect();
    }
    Table { heading, rows, spare: &["states/s", "recoveries", "in all lives"] }.on(paper)
}

fn is_well(exploration: &Exploration) -> bool {
    !matches!(exploration.verdict, Verdict::Lost | Verdict::Broken | Verdict::DeviceLies)
}

/// The systems under one profile together.
fn by_profile(systems: Vec<Vec<&Exploration>>) -> Vec<Vec<&Exploration>> {
    let mut profiles: Vec<Vec<&Exploration>> = Vec::new();
    for of_system in systems {
        match profiles.iter_mut().find(|others| others[0].profile == of_system[0].profile) {
            Some(others) => others.extend(of_system),
            None => profiles.push(of_system),
        }
    }
    profiles
}

/// A row for several systems, which are named in its last cell.
fn shared(explorations: &[&Exploration], later: bool) -> Vec<String> {
    let mut cells = row(explorations, later);
    cells.remove(0);
    let mut names: Vec<String> = explorations.iter().map(|exploration| system(exploration)).collect();
    names.dedup();
    cells.push(names.join(", "));
    cells
}

fn row(explorations: &[&Exploration], later: bool) -> Vec<String> {
    let all = explorations.len();
    let count = |is: fn(&Exploration) -> bool| {
        let complete = explorations.iter().filter(|exploration| is(exploration)).count();
        if complete == all { "all".to_owned() } else { format!("{complete} of {all}") }
    };
    let sum =
        |of: fn(&Exploration) -> u64| explorations.iter().map(|exploration| of(exploration)).sum::<u64>();
    let seconds: f64 = explorations.iter().map(|exploration| exploration.timing.seconds).sum();
    let recoveries = sum(|exploration| exploration.coverage.recoveries_in_all());
    let looked_at = recoveries + sum(|exploration| exploration.coverage.known_in_all());
    let speed = if seconds > 0.0 { format!("{:.0}", looked_at as f64 / seconds) } else { "-".to_owned() };
    let mut cells = vec![
        system(explorations[0]),
        escape(&explorations[0].profile),
        workloads(explorations),
        recoveries.to_string(),
        count(|exploration| exploration.coverage.complete),
    ];
    cells.extend(later.then(|| count(|exploration| exploration.coverage.complete_in_all())));
    let findings = explorations.iter().flat_map(|exploration| &exploration.findings);
    let findings: BTreeSet<&str> = findings.map(|finding| finding.fingerprint.as_str()).collect();
    cells.extend([speed, findings.len().to_string(), verdicts(explorations)]);
    cells
}

/// How many workloads there are: `24`, or `24 + 8 generated`.
fn workloads(explorations: &[&Exploration]) -> String {
    let generated = explorations.iter().filter(|exploration| exploration.is_generated()).count();
    match (explorations.len() - generated, generated) {
        (named, 0) => named.to_string(),
        (0, generated) => format!("{generated} generated"),
        (named, generated) => format!("{named} + {generated} generated"),
    }
}

/// `survived`, or `1 lost, 23 survived`: the worst first.
fn verdicts(explorations: &[&Exploration]) -> String {
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for exploration in explorations {
        *counts.entry(exploration.verdict).or_default() += 1;
    }
    match counts.iter().next() {
        Some((only, _)) if counts.len() == 1 => verdict(*only).to_owned(),
        _ => {
            let parts = counts.iter().rev().map(|(kind, count)| format!("{count} {}", verdict(*kind)));
            parts.collect::<Vec<_>>().join(", ")
        }
    }
}
