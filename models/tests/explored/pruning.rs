//! What recovery does not read is never decided.

use super::common::{case, named, survived, under};

/// Every subset of the blocks of a transaction is a crash state. Recovery looks for the commit block first, and reads
/// none of the others where it is missing.
#[test]
fn a_transaction_of_24_blocks_is_covered_by_a_handful_of_recoveries() {
    let exploration = survived(&*named("journal-data"), &case("many-blocks"), &under("reorder"));
    let coverage = exploration.coverage;
    let total: u64 = coverage.total.parse().expect("fewer than 64 bits");
    println!("{total} crash states, {} recoveries", coverage.recoveries);
    assert!(coverage.complete && coverage.exact, "{coverage:?}");
    assert_eq!(coverage.represented, coverage.total);
    assert!(total > 50_000_000, "{coverage:?}");
    assert!(coverage.recoveries <= 20, "{coverage:?}");
}

/// In one shot every block of the body decides on its own, but only until the first that is missing.
#[test]
fn a_commit_in_one_shot_takes_about_one_recovery_for_each_block() {
    let exploration = survived(&*named("journal-async"), &case("many-blocks"), &under("reorder"));
    let coverage = exploration.coverage;
    assert!(coverage.complete && coverage.exact, "{coverage:?}");
    assert!((24..=48).contains(&coverage.recoveries), "{coverage:?}");
}
