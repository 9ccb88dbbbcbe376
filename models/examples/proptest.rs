//! A file system under workloads that a proptest strategy makes. One of its faults is switched on, so that there is something to
//! find: the example ends with a panic, as a test would, which shows the smallest workload that fails, and why.
//!
//! ```sh
//! cargo run --release -p crashcheck-models --example proptest
//! ```

use crashcheck::{Budget, Reference, explore};
use crashcheck_models::fs::generate::any_op;
use crashcheck_models::vsfs::Vsfs;
use proptest::collection::vec;

pub(crate) fn main() {
    let vsfs = Vsfs::with_bugs(&["no-sync-flush".to_owned()]).expect("a fault that it has");
    let few = Budget { states: Some(500), ..Budget::default() };
    explore(vsfs).lives(1).budget(few).without_regressions().generate(vec(any_op(), 12..=16)).check();
}
