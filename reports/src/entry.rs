//! The findings of a report, each fault once.

use crashcheck_outcome::{Exploration, Finding, Group, Report, by_cause};
use std::collections::{BTreeMap, BTreeSet};

/// A finding, and where it belongs.
#[derive(Clone)]
pub(crate) struct Entry<'a> {
    /// Counted from 1 over the whole report.
    pub(crate) number: usize,
    pub(crate) exploration: &'a Exploration,
    pub(crate) finding: &'a Finding,
    /// The same fault in later explorations.
    pub(crate) again: Vec<(&'a Exploration, &'a Finding)>,
    /// Whether its fingerprint names it alone in this report, so that a link to that stays right in the next one.
    pub(crate) has_anchor: bool,
}

impl<'a> Entry<'a> {
    /// `journal+no-revoke:block-reuse`.
    pub(crate) fn subject(&self) -> String {
        subject(self.exploration)
    }

    /// Where it was seen.
    pub(crate) fn explorations(&self) -> impl Iterator<Item = &'a Exploration> {
        std::iter::once(self.exploration).chain(self.again.iter().map(|(exploration, _)| *exploration))
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

/// Findings that have one cause.
pub(crate) struct Grouped<'a> {
    pub(crate) group: Group,
    /// That by which they are told first.
    pub(crate) entries: Vec<Entry<'a>>,
}

/// Whether a text is what a fingerprint looks like, and none of the numbers of findings.
fn is_fingerprint(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// The findings of all explorations by cause, numbered in this order.
pub(crate) fn grouped(report: &Report) -> Vec<Grouped<'_>> {
    let mut shown: BTreeMap<_, Vec<(&Exploration, &Finding)>> = BTreeMap::new();
    for exploration in &report.explorations {
        let Exploration { system, bugs, profile, findings, .. } = exploration;
        for finding in findings {
            let key = (system, bugs, profile, &finding.fingerprint);
            shown.entry(key).or_default().push((exploration, finding));
        }
    }
    let (mut number, mut anchors) = (0, BTreeSet::new());
    let mut groups = Vec::new();
    for group in by_cause(&report.explorations) {
        let mut entries = Vec::new();
        let Group { system, bugs, profile, .. } = &group;
        for fingerprint in &group.findings {
            let key = (system, bugs, profile, fingerprint);
            let Some([(exploration, finding), again @ ..]) = shown.get(&key).map(Vec::as_slice) else {
                continue;
            };
            number += 1;
            let has_anchor = is_fingerprint(fingerprint) && anchors.insert(fingerprint.clone());
            entries.push(Entry { number, exploration, finding, again: again.to_vec(), has_anchor });
        }
        if !entries.is_empty() {
            groups.push(Grouped { group, entries });
        }
    }
    groups
}
