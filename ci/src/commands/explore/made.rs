//! Workloads that are made when their turn comes, by what recovery did in those before.

use super::target::{self, DEFAULT_STATES_MAX, Run, Target};
use crate::config::Search;
use crate::failure::Failure;
use crate::select::Selected;
use crashcheck::{Case, Guide, Paths, Recipe};
use std::collections::BTreeMap;

/// So many workloads of each system are made beside those with a name, where whole systems are explored that have no faults.
const SHARE: u16 = 5;

/// Each of them gets so many recoveries if no budget is given, so that all of them take a small part of the run.
const SHARE_STATES_MAX: u64 = 120;

/// So many runs of each system whose workloads are made when their turn comes; a few, if nobody has asked for a number.
///
/// # Errors
/// If there is no such profile.
pub(super) fn runs<'a>(
    systems: &'a [Target<'a>],
    search: &Search,
    asked: Option<u16>,
) -> Result<Vec<Run<'a>>, Failure> {
    let (workloads, states) = match asked {
        Some(workloads) => (workloads, DEFAULT_STATES_MAX),
        None => (SHARE, SHARE_STATES_MAX),
    };
    let of_system = |run: Run<'a>| std::iter::repeat_n(Run { made: Some(states), ..run }, workloads.into());
    Ok(target::runs(systems, search)?.into_iter().flat_map(of_system).collect())
}

/// What is known of the recoveries of each system, with its bug switches and under its profile.
pub(super) struct Guides {
    seed: u64,
    guides: BTreeMap<(String, Vec<String>, String), Guide>,
}

impl Guides {
    /// Nothing is known; the first workload of each system is what this seed gives.
    pub(super) fn new(seed: u64) -> Guides {
        Guides { seed, guides: BTreeMap::new() }
    }

    /// What a run explores that has no workload yet.
    pub(super) fn made<'a>(&mut self, run: &Run<'a>) -> Option<Target<'a>> {
        let Target::Reference(Selected { subject, case }) = run.target else { return None };
        let recipe = self.guide(run).filter(|_| run.made.is_some())?.propose();
        let case = Case { workload: recipe.to_string(), ..case.clone() };
        Some(Target::Reference(Selected { subject: *subject, case }))
    }

    /// Takes note of the paths that recovery took in a run. What somebody wrote is not mutated: its operations may fail
    /// in another order.
    pub(super) fn learn(&mut self, run: &Run<'_>, paths: &Paths) {
        let Target::Reference(Selected { case, .. }) = run.target else { return };
        let recipe = Recipe::named(&case.workload);
        if let Some(guide) = self.guide(run) {
            match recipe {
                Some(recipe) => guide.learn(recipe, paths),
                None => guide.know(paths),
            }
        }
    }

    fn guide(&mut self, run: &Run<'_>) -> Option<&mut Guide> {
        let Target::Reference(Selected { subject, case }) = run.target else { return None };
        let of = (subject.name().to_owned(), case.bugs.clone(), run.profile.profile.name.clone());
        Some(self.guides.entry(of).or_insert_with(|| Guide::new(self.seed)))
    }
}
