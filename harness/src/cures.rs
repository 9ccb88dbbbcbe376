//! Rules that leave nothing of a finding: the system is made to keep one, whatever it does and in all its lives, and explored
//! again. So one missing flush is known again in every way in which it shows.

use crate::explore::{Budget, Options, Walk, guarded};
use crate::prepared::Prepared;
use crashcheck_outcome::{Cure, Exploration, Rule};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What most systems should keep.
const ALWAYS: [Rule; 3] = [Rule::BeforeAck, Rule::AfterRecovery, Rule::BeforeSend];

/// The explorations for findings that are not made small may take so many recoveries, and so many times those of the walk.
const RECOVERIES: (u64, u64) = (2_000, 3);

/// What it may take to look for rules.
pub(crate) struct Effort<'a> {
    pub(crate) options: Options,
    pub(crate) stop: &'a AtomicBool,
    /// So many recoveries.
    pub(crate) recoveries: u64,
}

/// Looks for the rules that prevent the findings of an exploration of a workload.
pub(crate) fn cure_all(
    workload: &Prepared,
    exploration: &mut Exploration,
    stop: &AtomicBool,
    time: Option<Duration>,
) {
    let (least, times) = RECOVERIES;
    let recoveries = least + times * exploration.coverage.recoveries_in_all();
    let options = &workload.options;
    let options = Options { budget: Budget { time, ..options.budget.clone() }, ..options.clone() };
    let mut effort = Effort { options, stop, recoveries };
    for finding in exploration.findings.iter_mut().filter(|finding| !finding.device_lies) {
        let workload = workload.clone().with_lives(1 + finding.lives.len() as u8);
        if let Some(cause) = &mut finding.cause {
            cause.cures = effort.cures(&workload, &finding.fingerprint, &cause.rules);
        }
    }
}

impl Effort<'_> {
    /// The rules, or sets of rules, that leave nothing of a finding; none that holds another.
    pub(crate) fn cures(&mut self, workload: &Prepared, fingerprint: &str, suspected: &[Rule]) -> Vec<Cure> {
        let suspected: BTreeSet<Rule> = suspected.iter().cloned().collect();
        let mut candidates: Vec<BTreeSet<Rule>> =
            suspected.iter().chain(&ALWAYS).map(|rule| BTreeSet::from([rule.clone()])).collect();
        candidates.push(suspected.clone());
        candidates.push(suspected.into_iter().chain([Rule::BeforeAck]).collect());
        let (mut cures, mut tried) = (Vec::<Cure>::new(), BTreeSet::new());
        for rules in candidates {
            let holds_one = cures.iter().any(|cure| cure.rules.iter().all(|rule| rules.contains(rule)));
            if !rules.is_empty() && !holds_one && tried.insert(rules.clone()) {
                cures.extend(self.cure(workload, fingerprint, rules.into_iter().collect()));
            }
        }
        cures
    }

    fn cure(&mut self, workload: &Prepared, fingerprint: &str, rules: Vec<Rule>) -> Option<Cure> {
        if self.recoveries == 0 {
            return None;
        }
        let context = guarded(|| workload.keeping(&rules).context()).ok()?.ok()?;
        let mut options = Options { lives: workload.options.lives, explain: false, ..self.options.clone() };
        let states = options.budget.states.map_or(self.recoveries, |states| states.min(self.recoveries));
        (options.budget.states, options.budget.fail_fast) = (Some(states), false);
        let tally = Walk::new(context, &options, self.stop).until(fingerprint).run(|_| ());
        let coverage = tally.coverage();
        let recoveries = coverage.recoveries_in_all();
        self.recoveries = self.recoveries.saturating_sub(recoveries);
        // Who is told to stop has not seen that nothing is left.
        let is_left = tally.has_found(fingerprint) || self.stop.load(Ordering::Relaxed);
        let (clean, complete) = (tally.failures().is_empty(), coverage.complete_in_all());
        (!is_left && recoveries > 0).then_some(Cure { rules, clean, complete, recoveries })
    }
}
