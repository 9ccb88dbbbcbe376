//! `crashcheck record`: the trace of a workload or of a program, as a file.

use super::program;
use crate::args::RecordArgs;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::select;
use crashcheck::outcome::counted;
use crashcheck::trace::Trace;
use crashcheck::{record_program, record_strace_log};
use std::path::Path;
use std::time::Duration;

/// A program that is recorded may take as long as it likes.
const NO_LIMIT: Duration = Duration::MAX;

/// Records a workload, or a program.
///
/// # Errors
/// If there is no such workload, what is recorded fails without any crash, or the file cannot be written.
pub(crate) fn run(args: &RecordArgs, screen: &Screen) -> Result<ExitCode, Failure> {
    let trace = match &args.files {
        Some(folder) => of_program(args, folder, screen)?,
        None => {
            let target = args.target.as_deref().unwrap_or_default();
            let all = select::systems_and([target]);
            let selected = select::one(&all, target, &args.bugs)?;
            selected.subject.record(&selected.case)?
        }
    };
    trace.write_to(&args.output).map_err(|error| Failure::file(&args.output, error))?;
    let events = counted(trace.events.len() as u64, "event");
    screen.print(&format!("{}: {events}\n", args.output.display()));
    Ok(ExitCode::Clean)
}

fn of_program(args: &RecordArgs, folder: &Path, screen: &Screen) -> Result<Trace, Failure> {
    let ack = args.ack.as_deref();
    let recording = match &args.strace_log {
        Some(log) => record_strace_log(folder, log, ack)?,
        None => {
            let words = args.command.iter().map(String::as_str);
            let command = shlex::try_join(words).map_err(|error| Failure::usage(error.to_string()))?;
            record_program(folder, &command, ack, NO_LIMIT, args.fuse.into())?
        }
    };
    Ok(program::told(recording, ack, screen))
}
