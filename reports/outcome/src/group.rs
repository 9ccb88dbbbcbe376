//! Findings by what causes them: one missing order shows in many ways, and in many workloads.

use super::{Cause, Cure, Exploration, Finding, Rule};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Findings of one system that have one cause, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The system.
    pub system: String,
    /// The bug switches that were on.
    pub bugs: Vec<String>,
    /// The device profile.
    pub profile: String,
    /// What they have in common.
    pub common: Common,
    /// The fingerprints of the findings, that of the one by which they are told first.
    pub findings: Vec<String>,
}

/// What the findings of a group have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "common")]
pub enum Common {
    /// These rules, kept in all lives, leave none of them.
    Cured {
        /// The rules, kept together.
        rules: Vec<Rule>,
        /// Of so many of them the workload was clean then: nothing else was found either.
        clean: usize,
        /// Of so many of them everything was covered that could have shown it.
        complete: usize,
    },
    /// These orders are missing; whether keeping them always would leave none was not tried, or is not so.
    Missing {
        /// The orders, as rules.
        rules: Vec<Rule>,
    },
    /// No order of writes prevents them: the fault is in what is written, or in recovery.
    NoOrder,
    /// Their cause was not looked for, or not found.
    Unknown,
    /// The device does not keep its promises.
    DeviceLies,
}

impl Group {
    /// What the findings are, in words, beside how many they are: `have one cause`.
    pub fn title(&self) -> &'static str {
        match self.common {
            Common::Cured { .. } => "have one cause",
            Common::Missing { .. } => "that lack the same order",
            Common::NoOrder => "that no rule prevents which was tried",
            Common::Unknown => "whose cause is not known",
            Common::DeviceLies => "that an honest device prevents",
        }
    }

    /// The cause in lines, each with its name; nothing where one finding says it all.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let findings = self.findings.len();
        let joined = |rules: &[Rule]| rules.iter().map(Rule::to_string).collect::<Vec<_>>().join(", and ");
        match &self.common {
            Common::Cured { rules, clean, complete } => {
                let left = match (findings, clean) {
                    (1, 1) => "nothing is found any more".to_owned(),
                    (1, _) => "this finding is gone, and others are found".to_owned(),
                    (all, clean) if all == *clean => format!("nothing is found any more for any of {all} findings"),
                    (all, clean) => format!("{all} findings are gone, of {clean} nothing else is found either"),
                };
                let covered = match (findings, complete) {
                    (all, complete) if all == *complete => "covered completely".to_owned(),
                    (1, _) => "not covered completely".to_owned(),
                    (all, complete) => format!("covered completely for {complete} of {all}"),
                };
                let kept = format!("kept in every life, {left} ({covered})");
                vec![("missing", joined(rules)), ("tried", kept)]
            }
            Common::Missing { rules } if findings > 1 => {
                vec![("missing", format!("{}, as it seems", joined(rules)))]
            }
            Common::NoOrder if findings > 1 => vec![(
                "cause",
                "no rule that was tried prevents these: the fault is likely in what is written or in recovery, and may be more than one"
                    .to_owned(),
            )],
            Common::Missing { .. } | Common::NoOrder | Common::Unknown | Common::DeviceLies => Vec::new(),
        }
    }
}

/// A finding with all explorations that show it.
struct Fault<'a> {
    /// That which says most of it.
    finding: &'a Finding,
    nth: usize,
}

/// The findings of some explorations by cause, in the order in which the causes were met. A rule that cures most of the
/// findings of a system is taken for the cause of all of them, then one that cures most of the rest.
pub fn by_cause(explorations: &[Exploration]) -> Vec<Group> {
    let mut subjects: Vec<(&Exploration, BTreeMap<&str, Fault<'_>>)> = Vec::new();
    for exploration in explorations {
        let is_it = |(other, _): &(&Exploration, _)| {
            (&other.system, &other.bugs, &other.profile)
                == (&exploration.system, &exploration.bugs, &exploration.profile)
        };
        let index = subjects.iter().position(is_it).unwrap_or_else(|| {
            subjects.push((exploration, BTreeMap::new()));
            subjects.len() - 1
        });
        let faults = &mut subjects[index].1;
        for finding in &exploration.findings {
            let nth = faults.len();
            let fault = faults.entry(&finding.fingerprint).or_insert(Fault { finding, nth });
            if fault.finding.cause.is_none() && finding.cause.is_some() {
                fault.finding = finding;
            }
        }
    }
    let groups = subjects.into_iter().flat_map(|(exploration, faults)| {
        let groups = of_faults(faults.into_values().collect()).into_iter();
        groups.map(|(common, faults)| Group {
            system: exploration.system.clone(),
            bugs: exploration.bugs.clone(),
            profile: exploration.profile.clone(),
            common,
            findings: faults.iter().map(|fault| fault.finding.fingerprint.clone()).collect(),
        })
    });
    groups.collect()
}

/// Faults by what they have in common.
fn of_faults(faults: Vec<Fault<'_>>) -> Vec<(Common, Vec<Fault<'_>>)> {
    let (lies, mut left): (Vec<_>, Vec<_>) = faults.into_iter().partition(|fault| fault.finding.device_lies);
    let mut groups = vec![(Common::DeviceLies, lies)];
    while let Some(rules) = best(&left) {
        let (cured, others): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|fault| cure(fault, &rules).is_some());
        let count =
            |is: fn(&Cure) -> bool| cured.iter().filter(|fault| cure(fault, &rules).is_some_and(is)).count();
        let (clean, complete) = (count(|cure| cure.clean), count(|cure| cure.complete));
        groups.push((Common::Cured { rules, clean, complete }, cured));
        left = others;
    }
    let mut others: BTreeMap<Common, Vec<Fault<'_>>> = BTreeMap::new();
    for fault in left {
        others.entry(uncured(fault.finding.cause.as_ref())).or_default().push(fault);
    }
    groups.extend(others);
    groups.retain(|(_, faults)| !faults.is_empty());
    for (_, faults) in &mut groups {
        faults.sort_by_key(|fault| simplicity(fault));
    }
    groups.sort_by_key(|(_, faults)| faults.iter().map(|fault| fault.nth).min());
    groups
}

/// The rules that cure most of some faults.
fn best(faults: &[Fault<'_>]) -> Option<Vec<Rule>> {
    let cures = |fault: &Fault<'_>| {
        fault.finding.cause.iter().flat_map(|cause| cause.cures.clone()).collect::<Vec<_>>()
    };
    let all: BTreeSet<Vec<Rule>> = faults.iter().flat_map(cures).map(|cure| cure.rules).collect();
    let worth = |rules: &Vec<Rule>| {
        let cures = || faults.iter().filter_map(|fault| cure(fault, rules));
        (cures().count(), cures().filter(|cure| cure.clean).count(), Reverse(rules.len()))
    };
    // Of equals, the first.
    all.into_iter().rev().max_by_key(worth)
}

fn cure<'a>(fault: &Fault<'a>, rules: &[Rule]) -> Option<&'a Cure> {
    fault.finding.cause.as_ref()?.cures.iter().find(|cure| cure.rules == rules)
}

/// What is known of the cause of a finding that no rule cures.
fn uncured(cause: Option<&Cause>) -> Common {
    match cause {
        None => Common::Unknown,
        // What is only suspected of a later life was tried in vain.
        Some(Cause { missing, .. }) if missing.is_empty() => Common::NoOrder,
        // Orders that no rule says have nothing in common that is known.
        Some(Cause { rules, .. }) if rules.is_empty() => Common::Unknown,
        Some(Cause { rules, .. }) => Common::Missing { rules: rules.clone() },
    }
}

/// The simplest of some faults is told, and what a user sees before what only a reader of the format does.
fn simplicity(fault: &Fault<'_>) -> (usize, bool, u8, usize, usize) {
    let Finding { lives, operations, cause, promise, .. } = fault.finding;
    let operations = operations.len() + lives.iter().map(|life| life.operations.len()).sum::<usize>();
    let fix = cause.as_ref().and_then(|cause| cause.fix.as_ref()).map(|fix| fix.clean);
    // A fix that leaves nothing before one that leaves something else, and that before none.
    (lives.len(), promise == "well-formed", fix.map_or(2, |clean| u8::from(!clean)), operations, fault.nth)
}
