//! The findings of a report, each fault once.

use crashcheck_outcome::{Exploration, Finding, Report};
use std::collections::BTreeMap;

/// A finding, and where it belongs.
#[derive(Clone)]
pub(crate) struct Entry<'a> {
    /// Counted from 1 over the whole report.
    pub(crate) number: usize,
    pub(crate) exploration: &'a Exploration,
    pub(crate) finding: &'a Finding,
    /// The same fault in later explorations.
    pub(crate) again: Vec<(&'a Exploration, &'a Finding)>,
}

impl Entry<'_> {
    /// `journal+no-revoke:block-reuse`.
    pub(crate) fn subject(&self) -> String {
        subject(self.exploration)
    }

    /// What was seen, in a line.
    pub(crate) fn sentence(&self) -> &str {
        self.finding.detail.lines().next().unwrap_or_default()
    }
}

/// What was explored, as on the command line; not escaped yet.
pub(crate) fn subject(exploration: &Exploration) -> String {
    let bugs: String = exploration.bugs.iter().map(|bug| format!("+{bug}")).collect();
    format!("{}{bugs}:{}", exploration.system, exploration.workload)
}

/// The findings of all explorations, in order, those that are one fault together.
pub(crate) fn entries(report: &Report) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut known: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    for exploration in &report.explorations {
        for finding in &exploration.findings {
            let key = (finding.fingerprint.as_str(), finding.device_lies);
            if let Some(index) = known.get(&key) {
                entries[*index].again.push((exploration, finding));
                continue;
            }
            known.insert(key, entries.len());
            entries.push(Entry { number: entries.len() + 1, exploration, finding, again: Vec::new() });
        }
    }
    entries
}
