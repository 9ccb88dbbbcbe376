//! `crashcheck explore`: the crash states of reference systems, or of a recorded trace.

mod outputs;
pub(super) mod target;
mod verdict;

use self::outputs::Outputs;
use self::target::{Run, Target};
use super::recorded::Recorded;
use crate::args::ExploreArgs;
use crate::config::{Config, Search};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::progress::Meter;
use crate::screen::Screen;
use crate::{interrupt, select};
use crashcheck::census;
use crashcheck::trace::outcome::{Exploration, REPORT_VERSION, Report};
use crashcheck_report::text::{self, Align, Pointers, escape, short, table};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Explores, prints, and writes the reports.
///
/// # Errors
/// If something does not exist or cannot be used.
pub(crate) fn run(args: &ExploreArgs, config: &Config, screen: &Screen) -> Result<ExitCode, Failure> {
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
    if runs.is_empty() {
        return Err(Failure { exit: ExitCode::NothingSelected, message: "nothing is selected".to_owned() });
    }
    if args.dry_run {
        return dry_run(&runs, &search, screen);
    }
    let outputs = Outputs::new(args, config);
    let stop = interrupt::flag()?;
    outputs.prepare()?;
    let meter = Meter::new(args.progress.unwrap_or(config.progress()), runs.len());
    let explorations =
        Explorer { search: &search, stop: &stop, outputs: &outputs, screen, meter }.run(&runs)?;
    let interrupted = stop.load(Ordering::Relaxed);
    let unexplored = runs.len() - explorations.len();
    let report = Report {
        version: REPORT_VERSION,
        crashcheck: env!("CARGO_PKG_VERSION").to_owned(),
        seed: search.seed,
        explorations,
    };
    outputs.write(&report)?;
    conclude(&report, &outputs, unexplored, interrupted, screen);
    Ok(verdict::exit_code(&report, &search, interrupted))
}

/// Explores one run after the other.
struct Explorer<'a> {
    search: &'a Search,
    stop: &'a AtomicBool,
    outputs: &'a Outputs,
    screen: &'a Screen,
    meter: Meter,
}

impl Explorer<'_> {
    fn run(mut self, runs: &[Run<'_>]) -> Result<Vec<Exploration>, Failure> {
        let started = Instant::now();
        let mut explorations = Vec::new();
        for (index, run) in runs.iter().enumerate() {
            let options = run.options(self.search, started, runs.len() - index);
            self.meter.begin(&run.name());
            let meter = &mut self.meter;
            let exploration =
                run.target.explore(&options, self.stop, &mut |progress| meter.update(progress))?;
            self.tell(run, &exploration);
            let failed = !exploration.findings.is_empty();
            explorations.push(exploration);
            if self.stop.load(Ordering::Relaxed) || (failed && self.search.fail_fast) {
                break;
            }
        }
        self.meter.finish();
        Ok(explorations)
    }

    /// Prints the findings as soon as there are any.
    fn tell(&self, run: &Run<'_>, exploration: &Exploration) {
        let report = self.outputs.report_path();
        for finding in &exploration.findings {
            let replay = run.replay_line(&finding.id);
            let to = Pointers { replay: &replay, report: Some(&report) };
            let text = text::finding(exploration, finding, to, self.screen.colour);
            self.meter.suspend(|| self.screen.print(&format!("{text}\n")));
        }
    }
}

/// The table, and what the run as a whole came to.
fn conclude(report: &Report, outputs: &Outputs, unexplored: usize, interrupted: bool, screen: &Screen) {
    let mut text = text::overview(report, screen.colour);
    text.push('\n');
    if let [only] = &report.explorations[..] {
        if !only.census.is_empty() {
            text.push_str(&format!("{}\n", text::census(only, screen.colour)));
        }
        if !only.judged.is_empty() {
            text.push_str(&text::judged(only));
        }
    }
    if interrupted {
        text.push_str("interrupted\n");
    }
    if unexplored > 0 {
        text.push_str(&format!("not explored: {unexplored} more\n"));
    }
    text.push_str(&text::summary(report, screen.colour));
    text.push_str(&format!("report: {}\n", escape(&outputs.report_path())));
    screen.print(&text);
}

/// How much there would be to do.
fn dry_run(runs: &[Run<'_>], search: &Search, screen: &Screen) -> Result<ExitCode, Failure> {
    let mut rows = Vec::new();
    for run in runs {
        let trace = run.target.trace()?;
        let counted = census(&trace, &run.profile.profile);
        let bound = if counted.crash_states.exact { "" } else { "<= " };
        rows.push(vec![
            run.name(),
            run.profile.profile.name.clone(),
            trace.events.len().to_string(),
            counted.epochs.len().to_string(),
            format!("{bound}{}", short(&counted.crash_states.value.to_string())),
        ]);
    }
    let heading = [("system:workload", Align::Left), ("profile", Align::Left), ("events", Align::Right)];
    let heading = [&heading[..], &[("epochs", Align::Right), ("crash states", Align::Right)]].concat();
    screen.print(&table(&heading, &rows, screen.colour));
    screen.print(&format!("seed {}\n", search.seed));
    Ok(ExitCode::Clean)
}
