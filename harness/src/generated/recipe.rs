//! How a workload is made, in a name: from seeds, by mutations, step by step.
//!
//! ```text
//! generated-7            what seed 7 gives
//! generated-7.m3         that, mutated by the number 3
//! generated-7.m3.9.s4    that, spliced with what seed 9 gives, by the number 4
//! ```
//!
//! A step works on what the steps before it have left, the last of them first. So a name is all that it takes to make a
//! workload again, whatever has led to it, and fits into the id of a finding.

use super::mutate::{Random, mutated, spliced};
use crashcheck_outcome::GENERATED;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;

/// No workload is made in more steps.
const STEPS: usize = 64;

/// How a generated workload is made; printed as its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Begins with what a seed gives.
    Seed(u64),
    /// Mutates the last.
    Mutate(u64),
    /// Makes one of the last two.
    Splice(u64),
}

impl Recipe {
    /// What a seed gives.
    pub fn seed(seed: u64) -> Recipe {
        Recipe { steps: vec![Step::Seed(seed)] }
    }

    /// The recipe of this name; `None` if it is not the name of a generated workload.
    pub fn named(name: &str) -> Option<Recipe> {
        let steps = name.strip_prefix(GENERATED)?.split('.').map(Step::parsed).collect::<Option<Vec<_>>>()?;
        let mut height = 0usize;
        for step in &steps {
            height = match step {
                Step::Seed(_) => height + 1,
                Step::Mutate(_) => Some(height).filter(|height| *height > 0)?,
                Step::Splice(_) => height.checked_sub(1).filter(|height| *height > 0)?,
            };
        }
        (height == 1 && steps.len() <= STEPS).then_some(Recipe { steps })
    }

    /// What this gives, mutated by a number; `None` if that takes too many steps.
    pub(super) fn mutated(&self, by: u64) -> Option<Recipe> {
        Recipe::of([&self.steps[..], &[Step::Mutate(by)]].concat())
    }

    /// What this gives, spliced with what another one gives; `None` if that takes too many steps.
    pub(super) fn spliced(&self, other: &Recipe, by: u64) -> Option<Recipe> {
        Recipe::of([&self.steps[..], &other.steps, &[Step::Splice(by)]].concat())
    }

    fn of(steps: Vec<Step>) -> Option<Recipe> {
        (steps.len() <= STEPS).then_some(Recipe { steps })
    }

    /// Makes the operations, the same ones on every machine; `generated` says what a seed gives.
    pub(crate) fn make<T>(&self, generated: &dyn Fn(u64) -> Vec<T>) -> Vec<T>
    where
        T: Clone + Serialize + DeserializeOwned,
    {
        let mut made: Vec<Vec<T>> = Vec::new();
        for step in &self.steps {
            let mut take = || made.pop().unwrap_or_default();
            let next = match *step {
                Step::Seed(seed) => generated(seed),
                Step::Mutate(by) => mutated(take(), &mut Random::new(by), generated),
                Step::Splice(by) => {
                    let second = take();
                    spliced(&take(), &second, &mut Random::new(by))
                }
            };
            made.push(next);
        }
        made.pop().unwrap_or_default()
    }
}

impl Step {
    fn parsed(text: &str) -> Option<Step> {
        let (step, digits): (fn(u64) -> Step, &str) = match text.as_bytes().first()? {
            b'm' => (Step::Mutate, &text[1..]),
            b's' => (Step::Splice, &text[1..]),
            _ => (Step::Seed, text),
        };
        // One name for each workload: no sign, no zeros in front.
        digits.parse().ok().filter(|number: &u64| number.to_string() == digits).map(step)
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(GENERATED)?;
        for (nth, step) in self.steps.iter().enumerate() {
            f.write_str(if nth == 0 { "" } else { "." })?;
            match step {
                Step::Seed(seed) => write!(f, "{seed}")?,
                Step::Mutate(by) => write!(f, "m{by}")?,
                Step::Splice(by) => write!(f, "s{by}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Op = (String, u64);

    fn ops(seed: u64) -> Vec<Op> {
        (0..8).map(|nth| (format!("/{}", seed % 3), seed ^ nth)).collect()
    }

    #[test]
    fn a_name_is_all_that_it_takes() {
        let recipe =
            Recipe::seed(7).mutated(3).and_then(|one| one.spliced(&Recipe::seed(9), 4)).expect("three steps");
        assert_eq!(recipe.to_string(), "generated-7.m3.9.s4");
        assert_eq!(Recipe::named("generated-7.m3.9.s4"), Some(recipe.clone()));
        assert_eq!(recipe.make(&ops), recipe.make(&ops));
        assert_eq!(Recipe::seed(7).make(&ops), ops(7));
    }

    #[test]
    fn what_makes_no_workload_is_no_name() {
        let names = ["", "m1", "7.s1", "7.9", "+7", "07", "7.m01", "7.", "rename", "rename.m7"];
        for name in names.map(|name| format!("generated-{name}")).into_iter().chain(["rename".to_owned()]) {
            assert_eq!(Recipe::named(&name), None, "{name}");
        }
        let long = (0..STEPS as u64).try_fold(Recipe::seed(1), |recipe, by| recipe.mutated(by));
        assert_eq!(long, None);
        assert_eq!(Recipe::named(&format!("generated-1{}", ".m1".repeat(STEPS))), None);
    }

    proptest! {
        #[test]
        fn every_name_reads_back(seeds in prop::collection::vec((any::<u64>(), 0..4u64), 1..6)) {
            let recipes = seeds.iter().map(|(seed, by)| Recipe::seed(*seed).mutated(*by));
            let recipe = recipes.flatten().reduce(|one, other| one.spliced(&other, 1).unwrap_or(one));
            let recipe = recipe.expect("one at least");
            prop_assert_eq!(Recipe::named(&recipe.to_string()), Some(recipe));
        }

        #[test]
        fn a_text_that_nobody_wrote_never_panics(name in "(generated-)?[0-9ms.+-]{0,20}") {
            let _ = Recipe::named(&name).map(|recipe| recipe.make(&ops));
        }
    }
}
