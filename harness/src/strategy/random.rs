//! Seeded random subsets. The share of survivors differs from run to run, so that states near both poles are met too.

use super::{Met, Strategy};
use crate::choice::{Path, Plan, Question, Rest};
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;
use std::sync::Arc;

pub(crate) struct Random {
    seed: u64,
    /// How many runs have been planned.
    planned: u64,
    met: Met,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random { seed, planned: 0, met: Met::default() }
    }
}

impl Strategy for Random {
    fn level(&self) -> Option<usize> {
        Some(self.planned.ilog2_or_zero())
    }

    fn plans(&mut self, room: usize) -> Vec<Plan> {
        let plan = |nth: u64| {
            let (seed, survivors) = (self.seed, 1 + mix(&(self.seed, nth)) % 15);
            let rule = move |question: &Question| {
                let draw = mix(&(seed, nth, question));
                match question.outcomes() {
                    2 => u8::from(draw % 16 >= survivors),
                    outcomes => (draw % u64::from(outcomes)) as u8,
                }
            };
            Plan { forced: Vec::new(), rest: Rest::Rule(Arc::new(rule)) }
        };
        let plans = (self.planned..self.planned + room as u64).map(plan).collect();
        self.planned += room as u64;
        plans
    }

    fn learn(&mut self, path: &Path, _: bool) -> bool {
        self.met.first(path)
    }
}

trait Ilog2OrZero {
    fn ilog2_or_zero(self) -> usize;
}

impl Ilog2OrZero for u64 {
    fn ilog2_or_zero(self) -> usize {
        self.checked_ilog2().unwrap_or(0) as usize
    }
}

/// A well-mixed number that depends on the value alone.
fn mix(value: &impl std::hash::Hash) -> u64 {
    let mut hash = FxBuildHasher.hash_one(value);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    hash ^ hash >> 33
}
