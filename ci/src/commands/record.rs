//! `crashcheck record`: the trace of a workload, as a file.

use crate::args::RecordArgs;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::select;
use crashcheck::outcome::counted;

/// Records a workload.
///
/// # Errors
/// If there is no such workload, the system fails without any crash, or the file cannot be written.
pub(crate) fn run(args: &RecordArgs, screen: &Screen) -> Result<ExitCode, Failure> {
    let all = select::systems_and([&*args.target]);
    let selected = select::one(&all, &args.target, &args.bugs)?;
    let trace = selected.subject.record(&selected.case)?;
    trace.write_to(&args.output).map_err(|error| Failure::file(&args.output, error))?;
    let events = counted(trace.events.len() as u64, "event");
    screen.print(&format!("{}: {events}\n", args.output.display()));
    Ok(ExitCode::Clean)
}
