//! The append of one block, the textbook's example, through the engine: eight crash states, four of them inconsistent
//! before recovery; after it, four with the old file, two with the new one, two with garbage (CS-0 to CS-8).

use super::common::{case, named, survived, under};
use crashcheck::outcome::{CensusRow, Exploration};

/// The census, row by row: what fsck found, what the file system shows, in how many crash states.
fn census(exploration: &Exploration) -> Vec<(&str, &str, u64)> {
    let states = |row: &CensusRow| row.states.parse().expect("fewer than 64 bits");
    let rows = exploration.census.iter();
    rows.map(|row| (row.found.as_deref().unwrap_or_default(), &*row.shows, states(row))).collect()
}

const OLD: &str = "the state after 0 of 2 operations";
const NEW: &str = "the state after 1 of 2 operations";
const GARBAGE: &str = "none of the model's states as a whole";

#[test]
fn the_append_alone_has_the_eight_crash_states_of_the_book() {
    let exploration = survived(&*named("vsfs"), &case("append"), &under("reorder"));
    assert_eq!((&*exploration.coverage.total, exploration.coverage.complete), ("8", true));
    let census = census(&exploration);
    assert_eq!(
        census,
        [
            ("block used but marked free", GARBAGE, 1),
            ("block used but marked free", NEW, 1),
            ("consistent", GARBAGE, 1),
            ("consistent", OLD, 2),
            ("consistent", NEW, 1),
            ("space leak", OLD, 2),
        ]
    );
    let states = |wanted: &dyn Fn(&str, &str) -> bool| -> u64 {
        census.iter().filter(|(found, shows, _)| wanted(found, shows)).map(|(.., states)| states).sum()
    };
    assert_eq!(states(&|found, _| found != "consistent"), 4, "inconsistent before recovery (CS-8)");
    let after = [OLD, NEW, GARBAGE].map(|kind| states(&|_, shows| shows == kind));
    assert_eq!(after, [4, 2, 2], "old, new and garbage after recovery (CS-8)");
}
