//! redb 4.1.0 under crashcheck. A write of the header that survives alone, after the file has grown and the growth is
//! lost, makes `open` panic.
//!
//! `cargo run --release` prints the finding, with the recoveries and the time it took, and ends with 1.

use ::redb as engine;

// The adapter of `crashcheck-adapters`, compiled against this version of redb.
#[allow(dead_code)]
#[path = "../../../../harness/adapters/src/redb.rs"]
mod adapter;
#[path = "../../explore.rs"]
mod explore;

use adapter::Redb;
use std::process::ExitCode;

fn main() -> ExitCode {
    explore::run(&Redb::named("redb@4.1.0"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crashcheck::Reference;

    #[test]
    fn a_header_that_outlives_the_growth_of_the_file_makes_open_panic() {
        let growth = Redb::workloads().into_iter().find(|workload| workload.name == "growth").unwrap();
        let exploration = crashcheck::explore(Redb::named("redb@4.1.0")).workload(growth.ops).run().unwrap();
        let [finding] = exploration.findings.as_slice() else { panic!("{:#?}", exploration.findings) };
        assert_eq!(finding.promise, "recovers");
        assert!(finding.detail.contains("raw_file_len"), "{finding}");
        assert!(finding.found_after <= 20, "{finding}");
    }
}
