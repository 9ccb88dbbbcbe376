//! Shared by the packages beside it: explores every workload of a system, prints what came of it, and writes a page.

use crashcheck::outcome::{About, Exploration, Report};
use crashcheck::{Options, Profile, Reference, Shrink, explore, summary};
use std::path::Path;
use std::process::ExitCode;

/// Where the page goes, from where the program is started.
const PAGE: &str = "target/crashcheck/report.html";

/// Ends with 0 if every workload survived, with 1 if one did not, and with 5 if one cannot be explored.
pub(crate) fn run<R: Reference + Clone>(system: &R) -> ExitCode {
    let mut explorations = Vec::new();
    for workload in R::workloads() {
        let explorer = explore(system.clone()).shrink(Shrink::default());
        let mut exploration = match explorer.workload(workload.ops).after(workload.setup).run() {
            Ok(exploration) => exploration,
            Err(error) => {
                eprintln!("{}: {}: {error}", system.name(), workload.name);
                return ExitCode::from(5);
            }
        };
        exploration.workload = workload.name.to_owned();
        exploration.about = Some(About {
            system: R::ABOUT.to_owned(),
            workload: workload.about.to_owned(),
            profile: Profile::of(&system.devices()).about,
            bugs: Vec::new(),
        });
        tell(&exploration);
        explorations.push(exploration);
    }
    let lost = explorations.iter().any(|exploration| !exploration.verdict.is_clean());
    match write_page(explorations) {
        Ok(()) => println!("page: {PAGE}"),
        Err(error) => eprintln!("{PAGE}: {error}"),
    }
    ExitCode::from(u8::from(lost))
}

fn tell(exploration: &Exploration) {
    let timing = &exploration.timing;
    println!("{}: {}, in {:.3} s", exploration.workload, summary(exploration), timing.seconds);
    if let Some(seconds) = timing.first_finding_seconds {
        println!("the first finding after {seconds:.3} s");
    }
    for finding in &exploration.findings {
        println!("\n{finding}\n");
        if let (Some(shrunk), Some(seconds)) = (&finding.shrunk, timing.shrink_seconds) {
            println!(
                "shrunk and explained in {seconds:.3} s: {} steps, {} tried",
                shrunk.steps, shrunk.candidates
            );
        }
    }
}

fn write_page(explorations: Vec<Exploration>) -> std::io::Result<()> {
    let report = Report::new(env!("CARGO_PKG_VERSION"), Options::default().seed, explorations);
    let page = Path::new(PAGE);
    page.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    std::fs::write(page, crashcheck_report::html::write(&report))
}
