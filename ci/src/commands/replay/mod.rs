//! `crashcheck replay`: one crash state again, as text and as files.

mod files;

use self::files::Files;
use super::explore::stored;
use super::explore::target::{Run, Target};
use super::recorded::Recorded;
use crate::args::ReplayArgs;
use crate::config::{self, Config, Named};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::select::{self, Selected, Subjects};
use crashcheck::outcome::{Finding, operations_told};
use crashcheck::{Case, Options, Profile, Regression, ReplayId, Replayed};
use crashcheck_report::text::{self, escape};
use std::path::Path;

/// Replays a state, prints its verdict, and writes the files that were asked for.
///
/// # Errors
/// If the id is none, what it names does not exist, or a file cannot be written.
pub(crate) fn run(args: &ReplayArgs, config: &Config, screen: &Screen) -> Result<ExitCode, Failure> {
    let id: ReplayId = args.id.parse().map_err(|error| no_id(&args.id, &error))?;
    if args.fixed && id.bugs.is_empty() {
        let why =
            "--fixed looks at the system without its bug switches, and this id names none: leave --fixed out";
        return Err(Failure::usage(why));
    }
    let profile = profile(args, &id)?;
    let is_changed = profile.profile.name_in_ids() != id.profile;
    let all = select::systems_and([&*id.system]);
    let regressions = config.regressions(&args.stored);
    let target = match Recorded::load(&args.recorded, screen)? {
        Some(recorded) => Target::Recorded(recorded, args.recorded.clone()),
        None => Target::Reference(reference(&all, args.fixed, &regressions, (&id, &profile.profile))?),
    };
    let files = Files::of(&args.files);
    files.prepare()?;
    let screen = &screen.beside_report(files.takes_stdout());
    let options = Options { profile: profile.profile.clone(), jobs: 1, ..Options::default() };
    let mut replayed = target.replay(&options, &id)?;
    if args.fixed {
        // What names no state of the system with its fault says nothing of the one without.
        let faulty = reference(&all, false, &regressions, (&id, &profile.profile))?;
        let faulty = Target::Reference(faulty).replay(&options, &id)?;
        replayed = if faulty.missing { faulty } else { replayed };
    }
    if let Some(crash) = &mut replayed.crash {
        let run = Run { target: &target, profile, lives: crash.exploration.lives, stored: false, made: None };
        run.complete(&mut crash.exploration, &regressions);
    }
    screen.print(&told(&id, &replayed, is_changed, args, screen));
    if let Some(crash) = &replayed.crash {
        files.write(crash, screen)?;
    }
    Ok(match (&replayed.finding, replayed.missing || (replayed.diverged && !args.fixed)) {
        (_, true) => ExitCode::Diverged,
        (Some(_), _) => ExitCode::Findings,
        (None, _) => ExitCode::Clean,
    })
}

/// The text is no id; if it is how tables name a workload, says what finds one.
fn no_id(text: &str, error: &impl std::fmt::Display) -> Failure {
    let all = select::systems_and([text]);
    let names_a_workload = select::cases(&all, &[text.to_owned()], &[]).is_ok();
    Failure::usage(match names_a_workload {
        true => format!(
            "'{text}' names no crash state: `crashcheck explore {text}` prints the id of each that fails"
        ),
        false => format!("not a replay id: {error}"),
    })
}

fn profile(args: &ReplayArgs, id: &ReplayId) -> Result<Named, Failure> {
    let profile =
        config::profile(args.profile.as_deref().unwrap_or(id.profile_name())).map_err(|failure| {
            let hint = "a profile of your own is given as --profile FILE.toml";
            Failure::usage(format!("{}\n{hint}", failure.message))
        })?;
    if profile.profile.name != id.profile_name() {
        let (given, wanted) = (&profile.profile.name, id.profile_name());
        return Err(Failure::usage(format!(
            "the profile is '{given}', but the id was found under '{wanted}'"
        )));
    }
    Ok(profile)
}

/// The workload of a reference system that an id names.
fn reference<'a>(
    all: &'a Subjects,
    fixed: bool,
    regressions: &Path,
    (id, profile): (&ReplayId, &Profile),
) -> Result<Selected<'a>, Failure> {
    if id.system == "trace" {
        return Err(Failure::usage(
            "the id is of a recorded trace: give --trace FILE and --recover COMMAND as well",
        ));
    }
    let subject = select::subject(all, &id.system)?;
    let bugs = if fixed { Vec::new() } else { id.bugs.clone() };
    // A failure that was shrunk has a workload of its own.
    let stored = match Regression::is_name(&id.workload) {
        true => Some(stored::named(regressions, &id.workload, profile)?),
        false => None,
    };
    if let Some(why) = stored.as_ref().and_then(|stored| stored.is_foreign_to(profile)) {
        return Err(Failure::usage(format!("{}: {why}", id.workload)));
    }
    Ok(Selected { subject, case: Case { workload: id.workload.clone(), bugs, stored } })
}

fn told(id: &ReplayId, replayed: &Replayed, is_changed: bool, args: &ReplayArgs, screen: &Screen) -> String {
    let (colour, fixed) = (screen.colour, args.fixed);
    let subject = match fixed {
        true => format!("{}:{} with its bug switches off", id.system, id.workload),
        false => format!("{id}"),
    };
    let mut text = match (&replayed.finding, replayed.diverged, fixed) {
        _ if replayed.missing => format!("{} {subject}\n", colour.doubtful("DIVERGED")),
        (_, true, false) => format!("{} {subject}\n", colour.doubtful("DIVERGED")),
        (Some(_), ..) => format!("{} {subject}\n", colour.bad("FAILS")),
        (None, ..) => format!("{} {subject}\n", colour.good("PASSES")),
    };
    let Some(crash) = &replayed.crash else {
        text.push_str(&format!("  nothing was looked at: {}\n", escape(&replayed.shows)));
        return text;
    };
    if is_changed {
        let name = id.profile_name();
        text.push_str(&format!("  the device profile '{name}' is not as it was when the id was printed\n"));
    }
    if replayed.diverged {
        text.push_str(match fixed {
            true => "  note: the repaired system asks other questions; the answers were applied as far as they fit\n",
            false => "  the trace or the recovery is not the one that the id belongs to\n",
        });
    }
    match &replayed.finding {
        None => text.push_str(&format!("  a user then sees: {}\n", escape(&replayed.shows))),
        Some(finding) => text.push_str(&text::details(finding, colour)),
    }
    if args.ops {
        text.push_str(&operations(&crash.state));
    }
    text
}

/// All operations of all lives, each with what the user had been told of it.
fn operations(state: &Finding) -> String {
    let before = state.setup.iter().map(|operation| format!("{}: run before, durable", escape(operation)));
    let mut lines: Vec<String> = before.collect();
    lines
        .extend(operations_told(&state.operations, state.operations_skipped).iter().map(|line| escape(line)));
    lines.push(format!("the power fails {}", escape(&state.crash_point)));
    for life in &state.lives {
        lines.push(format!("life {}: {}", life.life, escape(&life.begins())));
        lines.extend(operations_told(&life.operations, 0).iter().map(|line| escape(line)));
        lines.push(format!("the power fails {}", escape(&life.crash_point)));
    }
    lines.iter().fold("operations\n".to_owned(), |text, line| format!("{text}  {line}\n"))
}
