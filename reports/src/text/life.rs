//! The lives after the first: how much of them was covered.

use crashcheck_outcome::{Exploration, LifeCoverage};
use std::ops::RangeInclusive;

/// The numbers of the lives after the first in which some of these explorations crashed.
pub(crate) fn later_lives<'a>(explorations: impl IntoIterator<Item = &'a Exploration>) -> RangeInclusive<u8> {
    let later = explorations.into_iter().flat_map(|exploration| &exploration.coverage.later);
    let numbers = later.map(|life| life.life);
    2..=numbers.max().unwrap_or(1)
}

/// What was covered of a later life.
pub(crate) fn of_life(exploration: &Exploration, number: u8) -> Option<&LifeCoverage> {
    exploration.coverage.later.iter().find(|life| life.life == number)
}

/// Why a later life was not covered, if it was not.
pub(crate) fn left_out_of_life(exploration: &Exploration, number: u8) -> Vec<String> {
    of_life(exploration, number).and_then(|life| life.left_out.clone()).into_iter().collect()
}
