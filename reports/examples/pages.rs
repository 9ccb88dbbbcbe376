//! Writes reports that no run gives, for the tests in a browser: one with hostile text and one of everything, one with a
//! thousand findings, one without any.
//!
//! ```sh
//! cargo run -p crashcheck-report --example pages -- DIRECTORY
//! ```

#[path = "../tests/common/mod.rs"]
mod common;

use crashcheck_outcome::{Exploration, Report, Verdict};
use crashcheck_report::{html, json};
use std::path::Path;

/// So many findings a page must bear.
const FINDINGS: u64 = 1000;

fn main() -> std::io::Result<()> {
    let directory = std::env::args().nth(1).expect("the directory to write to");
    let directory = Path::new(&directory);
    std::fs::create_dir_all(directory)?;
    let write = |name: &str, report: &Report| {
        std::fs::write(directory.join(format!("{name}.html")), html::write(report))?;
        std::fs::write(directory.join(format!("{name}.json")), json::write(report))
    };
    let everything = common::report();
    write("everything", &everything)?;
    write("thousand", &Report::new("0.1.0", 7, (0..FINDINGS).map(one_of_many).collect()))?;
    let survived = |exploration: &Exploration| exploration.verdict == Verdict::Survived;
    let clean = everything.explorations.iter().filter(|exploration| survived(exploration)).cloned().collect();
    write("clean", &Report::new("0.1.0", 7, clean))
}

/// An exploration with a fault of its own.
fn one_of_many(nth: u64) -> Exploration {
    let mut lost = common::lost();
    lost.system = ["journal", "lfs", "raid5", "ftl"][(nth % 4) as usize].to_owned();
    lost.workload = format!("workload-{nth}");
    let finding = &mut lost.findings[0];
    finding.fingerprint = format!("{nth:016x}");
    finding.promise = ["durable", "atomic", "recovers"][(nth % 3) as usize].to_owned();
    finding.detail = format!("finding {nth} of many: {}", finding.detail);
    finding.device_lies = nth % 10 == 9;
    lost
}
