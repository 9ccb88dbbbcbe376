//! A journal under workloads that quickcheck makes: its operations are `Arbitrary`. One of its faults is switched on, so that
//! there is something to find: the example ends with a panic, as a test would, which shows the smallest workload that fails.
//!
//! ```sh
//! cargo run --release -p crashcheck-models --features quickcheck --example quickcheck
//! ```

use crashcheck::{Budget, Reference, explore};
use crashcheck_models::journal::{Journal, Ordered};

pub(crate) fn main() {
    let journal =
        Journal::<Ordered>::with_bugs(&["no-commit-flush".to_owned()]).expect("a fault that it has");
    let few = Budget { states: Some(500), ..Budget::default() };
    explore(journal).lives(1).budget(few).without_regressions().quickcheck();
}
