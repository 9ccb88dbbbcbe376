//! Workloads that nobody thought of, guided by what recovery does: one whose crash states take a path of recovery that
//! was not taken before is kept and mutated, any other is thrown away.
//!
//! | file | holds |
//! |---|---|
//! | `recipe.rs` | how a workload is made, in its name |
//! | `mutate.rs` | workloads made of other ones |

mod mutate;
mod recipe;

pub use recipe::Recipe;

use self::mutate::Random;
use crate::explore::Paths;

/// One in so many workloads comes from a seed of its own, whatever is kept.
const FRESH: usize = 2;

/// One in so many of the others is spliced from two.
const SPLICED: usize = 4;

/// Which workload to explore next, by what recovery did in those before. It depends on nothing else but the seed.
#[derive(Debug)]
pub struct Guide {
    /// What comes from a seed comes from this one next.
    seed: u64,
    /// How many have been proposed.
    proposed: u64,
    seen: Paths,
    corpus: Vec<Recipe>,
}

impl Guide {
    /// Begins with what this seed gives, and goes on with the next ones, while there is nothing to mutate.
    pub fn new(seed: u64) -> Guide {
        Guide { seed, proposed: 0, seen: Paths::default(), corpus: Vec::new() }
    }

    /// The workload to explore next.
    pub fn propose(&mut self) -> Recipe {
        let mut random = Random::new(self.proposed);
        self.proposed += 1;
        let made = Some(self.corpus.len()).filter(|kept| *kept > 0 && random.below(FRESH) > 0);
        let made = made.and_then(|kept| {
            // What was kept last has been mutated least.
            let one = &self.corpus[random.below(kept).max(random.below(kept))];
            let by = self.proposed;
            match random.below(SPLICED) {
                0 => one.spliced(&self.corpus[random.below(kept)], by),
                _ => one.mutated(by),
            }
        });
        made.unwrap_or_else(|| {
            let seed = self.seed;
            self.seed = self.seed.wrapping_add(1);
            Recipe::seed(seed)
        })
    }

    /// Takes note of the paths that recovery took in a workload that is not to be mutated.
    pub fn know(&mut self, paths: &Paths) {
        self.seen.extend(paths);
    }

    /// Takes note of the paths that recovery took in a workload; keeps it if one of them is new.
    pub fn learn(&mut self, workload: Recipe, paths: &Paths) {
        if self.seen.extend(paths) > 0 {
            self.corpus.push(workload);
        }
    }
}
