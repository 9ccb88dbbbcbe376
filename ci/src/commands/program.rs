//! `crashcheck program`: a program that nobody changed, recorded and recovered from every crash state.

use super::explore;
use super::prepare_file;
use crate::args::{ExploreArgs, ProgramArgs, RecordedArgs, StoredArgs};
use crate::config::Config;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::screen::Screen;
use crashcheck::outcome::counted;
use crashcheck::trace::Trace;
use crashcheck::{ProgramRecording, record_program};
use std::path::PathBuf;
use std::time::Duration;

/// Records, explores, prints, and writes the trace and the reports.
///
/// # Errors
/// If the program cannot be recorded, or as `explore`.
pub(crate) fn run(args: &ProgramArgs, config: &Config, screen: &Screen) -> Result<ExitCode, Failure> {
    let file = args.trace_file(config.out());
    prepare_file(&file)?;
    let ack = args.ack.as_deref();
    let recording = record_program(&args.dir, &args.run, ack, args.timeout, args.fuse.into())?;
    let trace = told(recording, ack, screen);
    trace.write_to(&file).map_err(|error| Failure::file(&file, error))?;
    explore::run(&explore_args(args, file), config, screen)
}

/// The trace of a recording, after what there is to say of that.
pub(super) fn told(recording: ProgramRecording, ack: Option<&str>, screen: &Screen) -> Trace {
    for note in &recording.notes {
        screen.warn(note);
    }
    for refused in &recording.refused {
        screen.warn(&format!("the program could not {refused}"));
    }
    let events = recording.trace.events.iter().filter(|event| event.device().is_some()).count();
    let acknowledged = match ack {
        Some(_) => format!("{} acknowledged", counted(u64::from(recording.acknowledged), "operation")),
        None => "each call an operation, and the end acknowledges all (--ack tells them apart)".to_owned(),
    };
    screen.print(&format!("recorded: {}; {acknowledged}\n", counted(events as u64, "call")));
    recording.trace
}

/// The command line that explores the trace.
fn explore_args(args: &ProgramArgs, file: PathBuf) -> ExploreArgs {
    let go_on = args.go_on.clone().unwrap_or_else(|| args.run.clone());
    ExploreArgs {
        targets: Vec::new(),
        bugs: Vec::new(),
        generate: None,
        search: args.search.clone(),
        recorded: RecordedArgs {
            trace: Some(file),
            recover: Some(args.recover.clone()),
            checks: args.checks.clone(),
            folder: Some(args.dir.clone()),
            go_on: (go_on != "none").then_some(go_on),
            ack: args.ack.clone(),
            fuse: args.fuse,
            timeout: args.timeout,
            ..RecordedArgs::default()
        },
        stored: StoredArgs::default(),
        no_regressions: true,
        max_shrink_time: Some(Duration::ZERO),
        output: args.output.clone(),
        dry_run: false,
    }
}
