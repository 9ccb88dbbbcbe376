//! `crashcheck replay`: one crash state again.

use super::explore::stored;
use super::recorded::Recorded;
use crate::args::ReplayArgs;
use crate::config::{self, Config};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::select;
use crashcheck::{Case, Options, Regression, ReplayId, Replayed, replay_trace};
use crashcheck_report::text::{escape, escape_lines, life};

/// Replays a state and prints its verdict.
///
/// # Errors
/// If the id is none, or what it names does not exist.
pub(crate) fn run(args: &ReplayArgs, config: &Config, screen: &Screen) -> Result<ExitCode, Failure> {
    let id: ReplayId = args.id.parse().map_err(|error| no_id(&args.id, &error))?;
    let options = options(args, &id)?;
    let replayed = match Recorded::load(&args.recorded, screen)? {
        Some(Recorded { trace, name, commands }) => replay_trace(trace, &name, &commands, &options, &id)?,
        None => replay_reference(args, config, &id, &options)?,
    };
    screen.print(&told(&id, &replayed, args.fixed, screen));
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

fn options(args: &ReplayArgs, id: &ReplayId) -> Result<Options, Failure> {
    let profile = config::profile(args.profile.as_deref().unwrap_or(&id.profile)).map_err(|failure| {
        let hint = "a profile of your own is given as --profile FILE.toml";
        Failure::usage(format!("{}\n{hint}", failure.message))
    })?;
    if profile.profile.name != id.profile {
        let (given, wanted) = (&profile.profile.name, &id.profile);
        return Err(Failure::usage(format!(
            "the profile is '{given}', but the id was found under '{wanted}'"
        )));
    }
    Ok(Options { profile: profile.profile, jobs: 1, ..Options::default() })
}

fn replay_reference(
    args: &ReplayArgs,
    config: &Config,
    id: &ReplayId,
    options: &Options,
) -> Result<Replayed, Failure> {
    if id.system == "trace" {
        return Err(Failure::usage(
            "the id is of a recorded trace: give --trace FILE and --recover COMMAND as well",
        ));
    }
    let all = select::systems_and([&*id.system]);
    let subject = select::subject(&all, &id.system)?;
    let bugs = if args.fixed { Vec::new() } else { id.bugs.clone() };
    // A failure that was shrunk has a workload of its own.
    let stored = match Regression::is_name(&id.workload) {
        true => Some(stored::named(&config.regressions(&args.stored), &id.workload)?),
        false => None,
    };
    let case = Case { workload: id.workload.clone(), bugs, stored };
    Ok(subject.replay(&case, options, id)?)
}

fn told(id: &ReplayId, replayed: &Replayed, fixed: bool, screen: &Screen) -> String {
    let colour = screen.colour;
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
    if replayed.missing {
        text.push_str(&format!("  nothing was looked at: {}\n", escape(&replayed.shows)));
        return text;
    }
    if replayed.diverged {
        text.push_str(match fixed {
            true => "  note: the repaired system asks other questions; the answers were applied as far as they fit\n",
            false => "  the trace or the recovery is not the one that the id belongs to\n",
        });
    }
    match &replayed.finding {
        None => text.push_str(&format!("  a user then sees: {}\n", escape(&replayed.shows))),
        Some(finding) => {
            text.push_str(&format!("  {}: {}\n", escape(&finding.promise), escape_lines(&finding.detail, 4)));
            text.push_str(&format!("  power fails:  {}\n", escape(&finding.crash_point)));
            text.push_str(&format!("  crash state:  {}\n", escape(&finding.state)));
            for (name, line) in finding.lives.iter().flat_map(life) {
                text.push_str(&format!("  {:<14}{}\n", format!("{name}:"), escape(&line)));
            }
        }
    }
    text
}
