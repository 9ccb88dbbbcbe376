// Shared by the packages beside it: explores every workload of a system and prints what came of it.

use crashcheck::trace::outcome::Verdict;
use crashcheck::{Reference, explore, summary};
use std::process::ExitCode;

/// Ends with 0 if every workload survived and with 1 if one did not.
pub(crate) fn run<R: Reference + Clone>(system: &R) -> ExitCode {
    let mut lost = false;
    for workload in R::workloads() {
        let exploration = match explore(system.clone()).workload(workload.ops).after(workload.setup).run() {
            Ok(exploration) => exploration,
            Err(error) => {
                eprintln!("{}: {}: {error}", system.name(), workload.name);
                return ExitCode::from(5);
            }
        };
        println!("{}: {}, in {:.3} s", workload.name, summary(&exploration), exploration.timing.seconds);
        if let Some(seconds) = exploration.timing.first_finding_seconds {
            println!("the first finding after {seconds:.3} s");
        }
        for finding in &exploration.findings {
            println!("\n{finding}\n");
        }
        lost |= exploration.verdict != Verdict::Survived;
    }
    ExitCode::from(u8::from(lost))
}
