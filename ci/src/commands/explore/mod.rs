//! `crashcheck explore`: the crash states of reference systems, or of a recorded trace.

mod made;
mod outputs;
pub(super) mod stored;
pub(super) mod target;
mod verdict;

use self::made::Guides;
use self::outputs::Outputs;
use self::target::{Run, Target};
use super::recorded::Recorded;
use crate::args::ExploreArgs;
use crate::config::{Config, REGRESSIONS, Search};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::progress::Meter;
use crate::screen::Screen;
use crate::select::{Selected, Subjects};
use crate::{interrupt, select};
use crashcheck::outcome::{Exploration, Report, Verdict};
use crashcheck::{Options, Shrink, census_of_each};
use crashcheck_report::text::{self, Align, escape, short, table};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Explores, prints, and writes the reports.
///
/// # Errors
/// If something does not exist or cannot be used.
pub(crate) fn run(args: &ExploreArgs, config: &Config, screen: &Screen) -> Result<ExitCode, Failure> {
    let search = config.search(&args.search)?;
    let all = select::systems_and(args.targets.iter().map(String::as_str));
    let regressions = (!args.no_regressions).then(|| config.regressions(&args.stored));
    let (mut first, mut made) = (Vec::new(), Vec::new());
    let targets = match Recorded::load(&args.recorded, screen)? {
        Some(recorded) => {
            if let Some(folder) = &regressions {
                first = stored::traces(folder, &recorded.name, &args.recorded, screen)?;
            }
            vec![Target::Recorded(recorded, args.recorded.clone())]
        }
        None => {
            let (selected, systems) = selected(args, &all, search.require_complete)?;
            if let Some(folder) = &regressions {
                first = stored::targets(folder, &selected)?;
            }
            made = systems.into_iter().map(Target::Reference).collect();
            let named = if args.generate.is_some() { Vec::new() } else { selected };
            named.into_iter().map(Target::Reference).collect()
        }
    };
    let (mut runs, notes) = stored::runs(&first, &search);
    runs.extend(target::runs(&targets, &search)?);
    runs.extend(made::runs(&made, &search, args.generate)?);
    // A stored trace that is named is small as well.
    let folder = args.recorded.trace.as_deref().and_then(Path::parent);
    let named = regressions.is_some() && folder == regressions.as_deref();
    runs.iter_mut().for_each(|run| run.stored |= named);
    if runs.is_empty() {
        return Err(Failure { exit: ExitCode::NothingSelected, message: "nothing is selected".to_owned() });
    }
    if args.dry_run {
        return dry_run(&runs, &search, screen);
    }
    let outputs = Outputs::new(&args.output, config);
    let screen = &screen.beside_report(outputs.takes_stdout());
    let stop = interrupt::flag()?;
    outputs.prepare()?;
    let meter = Meter::new(args.output.progress.unwrap_or(config.progress()), runs.len());
    let shrinking = Shrinking {
        time: config.shrink_time(args.max_shrink_time),
        logs: outputs.directory().join("shrink"),
        regressions: regressions.clone(),
        known: BTreeSet::new(),
    };
    let guides = Guides::new(search.seed);
    let explorer = Explorer { search: &search, shrinking, guides, stop: &stop, meter };
    let explorations = explorer.run(&runs)?;
    for note in notes {
        screen.print(&format!("{note}\n"));
    }
    let interrupted = stop.load(Ordering::Relaxed);
    let left = Left { interrupted, unexplored: runs.len() - explorations.len() };
    let mut report = Report::new(env!("CARGO_PKG_VERSION"), search.seed, explorations);
    report.interrupted = interrupted.then_some(left.unexplored as u64);
    if let Some(folder) = &regressions {
        stored::keep_one_a_cause(&mut report, &runs, folder)?;
    }
    outputs.write(&report, screen)?;
    conclude(&report, &outputs, &left, args.output.verbose, screen);
    Ok(verdict::exit_code(&report, &search, interrupted))
}

/// The workloads of the reference systems that are named, and the systems for which others are made.
///
/// # Errors
/// If something does not exist, or a workload is named although others are to be made.
fn selected<'a>(
    args: &ExploreArgs,
    all: &'a Subjects,
    require_complete: bool,
) -> Result<(Vec<Selected<'a>>, Vec<Selected<'a>>), Failure> {
    let selected = select::cases(all, &args.targets, &args.bugs)?;
    let named = args.targets.iter().find(|target| target.contains(':'));
    if let Some(named) = named.filter(|_| args.generate.is_some()) {
        let why = format!("--generate makes workloads, and {named} names one: name the system alone");
        return Err(Failure::usage(why));
    }
    // A sample is not covered completely.
    let whole = named.is_none() && args.bugs.is_empty() && !require_complete;
    let systems = if args.generate.is_some() || whole { select::systems_of(&selected) } else { Vec::new() };
    Ok((selected, systems))
}

/// How findings are shrunk, and where they are stored.
struct Shrinking {
    time: Duration,
    logs: PathBuf,
    regressions: Option<PathBuf>,
    /// The fingerprints of what was found so far: one fault is one finding, however many workloads show it.
    known: BTreeSet<String>,
}

impl Shrinking {
    /// What it means for a run. A stored failure is small.
    fn options(&self, run: &Run<'_>, options: Options) -> Options {
        if self.time.is_zero() || run.stored {
            return options;
        }
        let shrink = Shrink { time: self.time, logs: Some(self.logs.clone()), known: self.known.clone() };
        Options { shrink: Some(shrink), regressions: self.regressions.clone(), ..options }
    }
}

/// What was not done.
struct Left {
    interrupted: bool,
    /// So many runs were not begun.
    unexplored: usize,
}

/// Explores one run after the other.
struct Explorer<'a> {
    search: &'a Search,
    shrinking: Shrinking,
    guides: Guides,
    stop: &'a AtomicBool,
    meter: Meter,
}

impl Explorer<'_> {
    fn run(mut self, runs: &[Run<'_>]) -> Result<Vec<Exploration>, Failure> {
        let started = Instant::now();
        let mut explorations = Vec::new();
        for (index, planned) in runs.iter().enumerate() {
            let target = self.guides.made(planned);
            let run = Run { target: target.as_ref().unwrap_or(planned.target), ..planned.clone() };
            let options = run.options(self.search, started, runs.len() - index);
            let options = self.shrinking.options(&run, options);
            self.meter.begin(&run.name());
            let meter = &mut self.meter;
            let (mut exploration, paths) =
                run.target.explore(&options, self.stop, &mut |progress| meter.update(progress))?;
            self.guides.learn(&run, &paths);
            let regressions = self.shrinking.regressions.as_deref();
            run.complete(&mut exploration, regressions.unwrap_or(Path::new(REGRESSIONS)));
            let failed = !exploration.findings.is_empty();
            let fingerprints = exploration.findings.iter().map(|finding| finding.fingerprint.clone());
            self.shrinking.known.extend(fingerprints);
            explorations.push(exploration);
            if self.stop.load(Ordering::Relaxed) || (failed && self.search.fail_fast) {
                break;
            }
        }
        self.meter.finish();
        Ok(explorations)
    }
}

/// The lines of a screen: a run without a terminal prints no more if all is well.
const SCREEN: usize = 24;

/// So many of them are around the rows of the table: its heading, what was left out, the summary.
const AROUND: usize = 12;

/// So many workloads of a run that did not survive have a line of their own.
const FAILED: usize = 8;

/// The tables, what was not covered, and, last, what was found.
fn conclude(report: &Report, outputs: &Outputs, left: &Left, verbose: bool, screen: &Screen) {
    let (colour, paper) = (screen.colour, screen.paper());
    let explorations: Vec<&Exploration> = report.explorations.iter().collect();
    let mut text = String::new();
    if let [only] = &explorations[..] {
        text.push_str(&format!("{}\n", text::overview(&explorations, paper)));
        if !only.census.is_empty() {
            text.push_str(&format!("{}\n", text::census(only, paper)));
        }
        if !only.judged.is_empty() {
            text.push_str(&text::judged(only));
        }
    } else if verbose {
        text.push_str(&format!("{}\n", text::overview(&explorations, paper)));
    } else {
        let rows_max = if screen.is_terminal { usize::MAX } else { SCREEN - AROUND };
        text.push_str(&format!("{}\n", text::systems(report, rows_max, paper)));
        text.push_str(&failed(&explorations, screen));
    }
    text.push_str(&text::remarks(report));
    for cause in text::causes(report, verbose, colour) {
        text.push_str(&format!("\n{cause}"));
    }
    if !report.causes.is_empty() {
        text.push('\n');
    }
    if left.interrupted {
        text.push_str("interrupted\n");
    }
    if left.unexplored > 0 {
        text.push_str(&format!("not explored: {} more\n", left.unexplored));
    }
    text.push_str(&text::summary(report, colour));
    text.push_str(&format!("report: {}\n", escape(&outputs.report_path())));
    screen.print(&text);
}

/// A line for each workload that did not survive, the first of them.
fn failed(explorations: &[&Exploration], screen: &Screen) -> String {
    let bad = |exploration: &&&Exploration| matches!(exploration.verdict, Verdict::Lost | Verdict::Broken);
    let failed: Vec<&Exploration> = explorations.iter().filter(bad).copied().collect();
    if failed.is_empty() {
        return String::new();
    }
    let more = match failed.len().saturating_sub(FAILED) {
        0 => String::new(),
        more => format!("and {more} more (--verbose lists them)\n"),
    };
    format!("{}{more}\n", text::overview(&failed[..failed.len().min(FAILED)], screen.paper()))
}

/// How much there would be to do.
fn dry_run(runs: &[Run<'_>], search: &Search, screen: &Screen) -> Result<ExitCode, Failure> {
    let mut rows = Vec::new();
    let mut guides = Guides::new(search.seed);
    for run in runs {
        let made = guides.made(run);
        let run = Run { target: made.as_ref().unwrap_or(run.target), ..run.clone() };
        let trace = run.target.trace()?;
        let mut epochs = 0;
        let crash_states = census_of_each(&trace, &run.profile.profile, |_| epochs += 1);
        let bound = if crash_states.exact { "" } else { "<= " };
        rows.push(vec![
            run.name(),
            run.profile.profile.name.clone(),
            trace.events.len().to_string(),
            epochs.to_string(),
            format!("{bound}{}", short(&crash_states.value.to_string())),
        ]);
    }
    let heading = [("system:workload", Align::Left), ("profile", Align::Left), ("events", Align::Right)];
    let heading = [&heading[..], &[("epochs", Align::Right), ("crash states", Align::Right)]].concat();
    screen.print(&table(&heading, &rows, screen.paper()));
    screen.print(&format!("seed {}\n", search.seed));
    Ok(ExitCode::Clean)
}
