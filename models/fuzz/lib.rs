//! What every fuzz target asks of a reference system: no workload that bytes can be made into shows a finding, or a failure
//! without any crash.

use crashcheck::{Budget, Reference, explore};
use crashcheck_models::fs::FsOp;

/// So many bytes are used: enough for about a dozen operations. What makes a longer input fail is found in a short one.
const BYTES: usize = 64;

/// So many crash states are looked at for one input. The states that most often fail are the first.
const STATES: u64 = 200;

/// Explores the workload that the bytes are enough for.
///
/// # Panics
/// With what is found, which is how a fuzzer is told.
pub fn check<S: Reference<Op = FsOp>>(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(BYTES)];
    let system = S::with_bugs(&[]).expect("a system without faults");
    let budget = Budget { states: Some(STATES), later: Some(STATES), ..Budget::default() };
    // Bytes that are too few for one operation are of no interest.
    let Ok(workload) = explore(system).budget(budget).jobs(1).bytes(bytes) else { return };
    let exploration = workload.run().unwrap_or_else(|error| panic!("without any crash: {error}"));
    if let Some(finding) = exploration.findings.first() {
        panic!("{finding}");
    }
}
