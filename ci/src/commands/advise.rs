//! `crashcheck advise`: what each flush is good for, and which order of writes is missing.

use super::explore::target::{self, Run, Target};
use super::recorded::Recorded;
use crate::args::AdviseArgs;
use crate::config::{Config, REGRESSIONS};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::interrupt;
use crate::screen::Screen;
use crate::select;
use crashcheck::outcome::Advice;
use crashcheck_report::text;
use std::path::Path;
use std::time::Instant;

/// Takes every flush out by itself, explores the trace without it, and prints what came of that.
///
/// # Errors
/// If something does not exist or cannot be used.
pub(crate) fn run(args: &AdviseArgs, config: &Config, screen: &Screen) -> Result<ExitCode, Failure> {
    let search = config.search(&args.search)?;
    let all = select::systems_and(args.targets.iter().map(String::as_str));
    let targets = match Recorded::load(&args.recorded, screen)? {
        Some(recorded) => vec![Target::Recorded(recorded, args.recorded.clone())],
        None => {
            let selected = select::cases(&all, &args.targets, &args.bugs)?;
            selected.into_iter().map(Target::Reference).collect()
        }
    };
    let runs = target::runs(&targets, &search)?;
    if let Some(run) = runs.iter().find(|run| !run.profile.profile.is_honest()) {
        let profile = &run.profile.profile.name;
        let why = format!("under '{profile}' the device ignores flushes, so that none is good for anything");
        return Err(Failure::usage(format!("{why}: choose another --profile")));
    }
    let crashes_nodes = |run: &&Run<'_>| run.profile.profile.cluster.is_some();
    if let Some(run) = runs.iter().find(crashes_nodes) {
        let profile = &run.profile.profile.name;
        let why = format!(
            "under '{profile}' the nodes of a cluster crash one by one, and a flush cannot be taken out of a run"
        );
        return Err(Failure::usage(format!("{why}: choose another --profile, such as reorder")));
    }
    let stop = interrupt::flag()?;
    let started = Instant::now();
    let mut advices = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let options = run.options(&search, started, runs.len() - index);
        let mut advice = run.target.advise(&options, &stop, &mut |_| ())?;
        run.complete(&mut advice.exploration, Path::new(REGRESSIONS));
        if !args.json {
            tell(&advice, screen);
        }
        advices.push(advice);
    }
    if args.json {
        let mut text = serde_json::to_string_pretty(&advices).expect("plain data with text for its keys");
        text.push('\n');
        screen.print_as_it_is(&text);
    }
    let lost = advices.iter().any(|advice| !advice.exploration.findings.is_empty());
    Ok(if lost { ExitCode::Findings } else { ExitCode::Clean })
}

fn tell(advice: &Advice, screen: &Screen) {
    for finding in &advice.exploration.findings {
        let text = text::finding(&advice.exploration, finding, screen.colour);
        screen.print(&format!("{text}\n"));
    }
    screen.print(&text::advice(advice, screen.paper()));
}
