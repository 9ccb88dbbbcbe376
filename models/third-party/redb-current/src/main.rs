//! The current redb under crashcheck.
//!
//! `cargo run --release` prints what was covered, and ends with 0.

#[path = "../../explore.rs"]
mod explore;

use crashcheck_adapters::redb::Redb;
use std::process::ExitCode;

fn main() -> ExitCode {
    explore::run(&Redb::named("redb@current"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crashcheck::Reference;
    use crashcheck::outcome::Verdict;

    #[test]
    fn every_crash_state_of_every_workload_survives() {
        for workload in Redb::workloads() {
            let exploration = crashcheck::explore(Redb::default()).workload(workload.ops).run().unwrap();
            assert!(exploration.findings.is_empty(), "{}: {}", workload.name, exploration.findings[0]);
            assert_eq!(exploration.verdict, Verdict::Survived);
            assert_eq!(exploration.coverage.represented, exploration.coverage.total);
        }
    }
}
