//! The lives after the first: what was done in them, and how much of them was covered.

use super::finding::{last_operations, writes};
use crashcheck_outcome::{Exploration, LaterLife, LifeCoverage};
use std::ops::RangeInclusive;

/// A later life in lines, each with its name: what recovery shows, what was done then, when the power failed, and what that
/// left. Not escaped yet.
pub fn life(life: &LaterLife) -> Vec<(String, String)> {
    let named = |name: &'static str| move |line: String| (name.to_owned(), line);
    let mut lines = vec![(format!("life {}", life.life), life.begins())];
    lines.extend(last_operations(&life.operations, 0).into_iter().map(named("operation")));
    lines.push(named("power fails")(life.crash_point.clone()));
    lines.push(named("crash state")(life.state.clone()));
    lines.extend(writes(&life.writes).into_iter().map(named("write")));
    lines
}

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
