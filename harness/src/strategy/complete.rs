//! Depth first: every leaf once, in memory for one path.

use super::Strategy;
use super::deviations::Branches;
use crate::choice::{Path, Plan, Pole};

pub(crate) struct Complete {
    /// What is left to do, the deepest last.
    open: Vec<Branches>,
    /// The plans that have not been learned from, the next one last: what they force.
    waiting: Vec<usize>,
    started: bool,
}

impl Complete {
    pub(crate) fn new() -> Complete {
        Complete { open: Vec::new(), waiting: Vec::new(), started: false }
    }
}

impl Strategy for Complete {
    fn level(&self) -> Option<usize> {
        (!self.started || !self.open.is_empty()).then_some(0)
    }

    fn plans(&mut self, room: usize) -> Vec<Plan> {
        if !self.started {
            self.started = true;
            self.waiting = vec![0];
            return vec![Plan::pole(Pole::Newest)];
        }
        let mut plans = Vec::new();
        while plans.len() < room {
            let Some(branches) = self.open.last_mut() else { break };
            match branches.next() {
                Some(plan) => plans.push(plan),
                None => drop(self.open.pop()),
            }
        }
        while self.open.last().is_some_and(Branches::is_empty) {
            self.open.pop();
        }
        self.waiting = plans.iter().rev().map(|plan| plan.forced.len()).collect();
        plans
    }

    fn learn(&mut self, path: &Path, ends: bool) -> bool {
        let forced = self.waiting.pop().expect("a plan was made for every path");
        let branches = Branches::new(Pole::Newest, path, forced);
        let goes_on = !ends || forced == 0;
        if goes_on && !branches.is_empty() {
            self.open.push(branches);
        }
        true
    }
}
