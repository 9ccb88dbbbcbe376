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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is proposed, where recovery does something new in those that `is_new` says, in this order.
    fn proposed(seed: u64, is_new: fn(usize) -> bool) -> Vec<String> {
        let mut guide = Guide::new(seed);
        let propose = |nth: usize| {
            let recipe = guide.propose();
            guide.learn(recipe.clone(), &Paths::of(if is_new(nth) { nth as u64 } else { 0 }));
            recipe.to_string()
        };
        (1..=40).map(propose).collect()
    }

    #[test]
    fn what_does_nothing_new_is_thrown_away() {
        // The first does, whatever it does.
        let names = proposed(5, |_| false);
        let others = |name: &&String| !name.starts_with("generated-5");
        assert!(names.iter().filter(others).all(|name| !name.contains('m')), "{names:?}");
        assert!(names.iter().filter(|name| name.starts_with("generated-5.m")).count() > 5, "{names:?}");
    }

    #[test]
    fn what_does_something_new_is_mutated_and_spliced() {
        let names = proposed(5, |nth| nth % 2 == 0);
        let with = |what: &str| names.iter().filter(|name| name.contains(what)).count();
        assert!(with(".m") > 10 && with(".s") > 2 && with(".") < 30, "{names:?}");
        assert!(
            names.iter().any(|name| !name.starts_with("generated-5.") && name.contains(".m")),
            "{names:?}"
        );
        let different: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(different.len(), names.len(), "{names:?}");
        assert_eq!(proposed(5, |nth| nth % 2 == 0), names);
    }

    #[test]
    fn what_is_known_is_not_new() {
        let mut guide = Guide::new(5);
        guide.know(&Paths::of(1));
        for _ in 0..20 {
            let recipe = guide.propose();
            guide.learn(recipe, &Paths::of(1));
        }
        assert_eq!(guide.propose(), Recipe::seed(25), "one seed after the other");
    }
}
