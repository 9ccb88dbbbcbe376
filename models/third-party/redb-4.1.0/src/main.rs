//! redb 4.1.0 under crashcheck. A write of the header that survives alone, after the file has grown and the growth is
//! lost, makes `open` panic.
//!
//! `cargo run --release` prints the finding, shrunk, with the recoveries and the time it took, writes a page of it to
//! `target/crashcheck/report.html`, and ends with 1.

use ::redb as engine;

// The adapter of `crashcheck-adapters`, compiled against this version of redb.
#[allow(dead_code)]
#[path = "../../../../harness/adapters/src/redb.rs"]
mod adapter;
#[path = "../../explore.rs"]
mod explore;
#[path = "../../../../harness/adapters/src/table.rs"]
mod table;

use adapter::Redb;
use std::process::ExitCode;

fn main() -> ExitCode {
    explore::run(&Redb::named("redb@4.1.0"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crashcheck::outcome::{Report};
    use crashcheck::{Reference, Shrink};

    /// The smallest that shows it: one transaction for which the file grows, and a header that survives although the growth
    /// is lost.
    #[test]
    fn a_header_that_outlives_the_growth_of_the_file_makes_open_panic() {
        let growth = Redb::workloads().into_iter().find(|workload| workload.name == "growth").unwrap();
        let redb = crashcheck::explore(Redb::named("redb@4.1.0")).shrink(Shrink::default());
        let exploration = redb.workload(growth.ops).run().unwrap();
        let [finding] = exploration.findings.as_slice() else { panic!("{:#?}", exploration.findings) };
        assert_eq!(finding.promise, "recovers");
        assert!(finding.detail.contains("raw_file_len"), "{finding}");
        assert!(finding.found_after <= 20, "{finding}");
        let shrunk = finding.shrunk.as_ref().expect("it was shrunk");
        assert_eq!((shrunk.operations, &shrunk.ended), (1, &None), "{finding}");
        // The header is the last write before the crash, and all that is lost is the length.
        assert!(
            finding.crash_point.contains(" header, 320 B at 0 B, during operation 1 (put 0 ("),
            "{finding}"
        );
        let [lost] = finding.writes.as_slice() else { panic!("{finding}") };
        assert!(lost.fate == "lost" && lost.what.starts_with("length = "), "{finding}");
        let cause = finding.cause.as_ref().expect("the cause was looked for");
        let [edge] = cause.missing.as_slice() else { panic!("{finding}") };
        assert_eq!((&edge.before.what, &*edge.after.what), (&lost.what, "header, 320 B at 0 B"));
        assert!(cause.fix.as_ref().is_some_and(|fix| fix.clean), "{finding}");
        let page = crashcheck_report::html::write(&Report::new("", 0, vec![exploration.clone()]));
        assert!(page.contains("header, 320 B at 0 B"), "the page does not name the header");
    }
}
