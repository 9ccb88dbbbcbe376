//! Rules that leave nothing of a finding: the system is made to keep one, whatever it does and in all its lives, and explored
//! again. So one missing flush is known again in every way in which it shows.

use crate::explore::{Budget, Options, Walk, guarded};
use crate::prepared::Prepared;
use crashcheck_outcome::{Cause, Cure, Exploration, Finding, Rule};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The explorations for findings that are not made small may take so many recoveries, and so many times those of the walk.
const RECOVERIES: (u64, u64) = (2_000, 3);

/// What it may take to look for rules.
pub(crate) struct Effort<'a> {
    pub(crate) options: Options,
    pub(crate) stop: &'a AtomicBool,
    /// So many recoveries.
    pub(crate) recoveries: u64,
    /// What has prevented other findings.
    pub(crate) known: Vec<Vec<Rule>>,
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
    let mut effort = Effort { options, stop, recoveries, known: Vec::new() };
    for finding in exploration.findings.iter_mut().filter(|finding| !finding.device_lies) {
        let workload = workload.clone().with_lives(1 + finding.lives.len() as u8);
        let Some(Cause { rules, .. }) = &finding.cause else { continue };
        let cures = effort.cures(&workload, finding, rules);
        finding.cause.iter_mut().for_each(|cause| cause.cures.clone_from(&cures));
    }
}

impl Effort<'_> {
    /// The rules, or sets of rules, that leave nothing of a finding, up to the first after which nothing at all is found. What
    /// has prevented other findings is tried before what is suspected of this one.
    pub(crate) fn cures(&mut self, workload: &Prepared, finding: &Finding, suspected: &[Rule]) -> Vec<Cure> {
        let mut candidates = vec![vec![Rule::BeforeAck]];
        candidates.extend(self.known.iter().cloned());
        candidates.extend(suspected.iter().map(|rule| vec![rule.clone()]));
        if !finding.lives.is_empty() {
            candidates.push(vec![Rule::AfterRecovery]);
        }
        if workload.system.devices().iter().any(|device| device.node.is_some()) {
            candidates.push(vec![Rule::BeforeSend]);
        }
        candidates.push(suspected.to_vec());
        candidates.push([suspected, &[Rule::BeforeAck]].concat());
        let (mut cures, mut tried) = (Vec::<Cure>::new(), BTreeSet::new());
        for mut rules in candidates {
            rules.sort_unstable();
            rules.dedup();
            let holds_one = cures.iter().any(|cure| cure.rules.iter().all(|rule| rules.contains(rule)));
            if rules.is_empty() || holds_one || !tried.insert(rules.clone()) {
                continue;
            }
            cures.extend(self.cure(workload, &finding.fingerprint, rules));
            if cures.last().is_some_and(|cure| cure.clean) {
                break;
            }
        }
        let new = cures.iter().map(|cure| cure.rules.clone()).filter(|rules| !self.known.contains(rules));
        let new: Vec<Vec<Rule>> = new.collect();
        self.known.extend(new);
        cures
    }

    fn cure(&mut self, workload: &Prepared, fingerprint: &str, rules: Vec<Rule>) -> Option<Cure> {
        if self.recoveries == 0 {
            return None;
        }
        let mut options = Options { lives: workload.options.lives, explain: false, ..self.options.clone() };
        options.budget.fail_fast = false;
        // How far a walk has come that ends early depends on the number of threads, and what is left for others on that.
        options.jobs = 1;
        let most = options.budget.states;
        let mut cure = Cure { rules, clean: true, complete: true, recoveries: 0 };
        for recording in guarded(|| workload.keeping(&cure.rules).recordings()).ok()?.ok()? {
            let context = guarded(|| recording.context()).ok()?.ok()?;
            options.budget.states = Some(most.map_or(self.recoveries, |most| most.min(self.recoveries)));
            let tally = Walk::new(context, &options, self.stop).until(fingerprint).run(|_| ());
            let coverage = tally.coverage();
            let recoveries = coverage.recoveries_in_all();
            self.recoveries = self.recoveries.saturating_sub(recoveries);
            // Who is told to stop has not seen that nothing is left.
            if tally.has_found(fingerprint) || self.stop.load(Ordering::Relaxed) {
                return None;
            }
            cure.clean &= tally.failures().is_empty();
            cure.complete &= coverage.complete_in_all();
            cure.recoveries += recoveries;
        }
        (cure.recoveries > 0).then_some(cure)
    }
}
