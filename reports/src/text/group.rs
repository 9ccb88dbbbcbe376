//! The findings that have one cause, as a person reads them.

use super::finding::{Rows, body, finding};
use super::{Colour, escape};
use crate::entry::{Entry, Grouped};
use crashcheck_outcome::{Common, Report};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The findings of a report by cause: each cause told by its simplest finding, with the ways in which it shows; or else by
/// all of them.
pub fn causes(report: &Report, all: bool, colour: Colour) -> Vec<String> {
    let mut causes = Vec::new();
    for group in crate::entry::grouped(report) {
        match &group.entries[..] {
            [only] => causes.push(alone(&group, only, colour)),
            entries => causes.push(together(&group, entries, colour)),
        }
        let others = group.entries.iter().skip(1).filter(|_| all);
        causes.extend(others.map(|other| finding(other.exploration, other.finding, colour)));
    }
    causes
}

fn alone(group: &Grouped<'_>, only: &Entry<'_>, colour: Colour) -> String {
    let Entry { exploration, finding, .. } = only;
    let mut rows = Rows::default();
    body(&mut rows, finding, colour);
    for (name, line) in group.group.lines() {
        rows.put(name, &line);
    }
    let again = only.again.len();
    if again > 0 {
        let names = names(only.again.iter().map(|(exploration, _)| exploration.workload.as_str()));
        rows.put("again in", &names);
    }
    rows.end(finding);
    let profile = escape(&exploration.profile);
    format!("{} {} under {profile}\n{}", kind(group, colour), escape(&only.subject()), rows.text)
}

fn together(group: &Grouped<'_>, entries: &[Entry<'_>], colour: Colour) -> String {
    let first = &entries[0];
    let explorations =
        entries.iter().flat_map(Entry::explorations).map(|exploration| exploration.workload.as_str());
    let workloads = explorations.collect::<std::collections::BTreeSet<_>>().len();
    let bugs: String = group.group.bugs.iter().map(|bug| format!("+{bug}")).collect();
    let mut text = format!(
        "{} {} under {}: {} findings in {workloads} {} {}\n",
        kind(group, colour),
        escape(&format!("{}{bugs}", group.group.system)),
        escape(&group.group.profile),
        entries.len(),
        if workloads == 1 { "workload" } else { "workloads" },
        group.group.title(),
    );
    let mut rows = Rows::default();
    for (name, line) in group.group.lines() {
        rows.put(name, &line);
    }
    for (promise, entries) in by_promise(entries) {
        let such = &entries[0];
        let life = such.finding.lives.last().map(|life| format!(", life {}", life.life)).unwrap_or_default();
        let such = format!("{} ({}{life})", such.sentence(), such.exploration.workload);
        let line = match entries.len() {
            1 => format!("{promise}: {such}"),
            count => format!("{promise}, {count} findings: {such}"),
        };
        rows.put("shows as", &line);
    }
    rows.put("simplest", &first.subject());
    body(&mut rows, first.finding, colour);
    rows.end(first.finding);
    let _ = write!(text, "{}", rows.text);
    text
}

/// Findings by the promise that is broken, that of the first before the others.
fn by_promise<'e, 'a>(entries: &'e [Entry<'a>]) -> Vec<(&'e str, Vec<&'e Entry<'a>>)> {
    let mut promises: BTreeMap<&str, Vec<&Entry<'_>>> = BTreeMap::new();
    for entry in entries {
        promises.entry(&entry.finding.promise).or_default().push(entry);
    }
    let mut promises: Vec<_> = promises.into_iter().collect();
    promises.sort_by_key(|(_, entries)| std::cmp::Reverse(entries.len()));
    promises
}

fn kind(group: &Grouped<'_>, colour: Colour) -> String {
    match group.group.common {
        Common::DeviceLies => colour.doubtful("DEVICE LIES"),
        Common::Cured { .. } | Common::Missing { .. } | Common::NoOrder | Common::Unknown => {
            colour.bad("LOST")
        }
    }
}

/// So many names are listed.
const NAMES: usize = 6;

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let more = names.len().saturating_sub(NAMES);
    let listed = names.iter().take(NAMES).copied().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{listed} and {more} more") } else { listed }
}
