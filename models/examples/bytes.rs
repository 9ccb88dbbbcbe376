//! A journal under a workload that is made from the bytes of a fuzzer: its operations are `Arbitrary`. `models/fuzz` does
//! this for cargo-fuzz; here the bytes are those of a file, or some without a pattern. One of its faults is switched on, so
//! that there is something to find: the example ends with a panic that shows the smallest workload that fails.
//!
//! ```sh
//! BYTES=FILE cargo run --release -p crashcheck-models --features arbitrary --example bytes
//! ```

use crashcheck::{Budget, Reference, explore};
use crashcheck_models::journal::{Data, Journal};

pub(crate) fn main() {
    let file = std::env::var_os("BYTES").map(|path| std::fs::read(path).expect("a file that can be read"));
    check(&file.unwrap_or_else(|| without_a_pattern(256)));
}

/// Explores the workload that the bytes are enough for.
fn check(bytes: &[u8]) {
    let journal = Journal::<Data>::with_bugs(&["no-commit-flush".to_owned()]).expect("a fault that it has");
    let few = Budget { states: Some(500), ..Budget::default() };
    let workload = explore(journal).lives(1).budget(few).without_regressions().bytes(bytes);
    workload.expect("bytes for one operation at least").check();
}

/// The same bytes on every machine.
fn without_a_pattern(len: u32) -> Vec<u8> {
    (0..len).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}
