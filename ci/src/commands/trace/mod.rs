//! `crashcheck trace`: traces of every format.

mod show;
mod stats;

use crate::args::{Export, InputArgs, Sector, TraceCommand};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::trace_file;
use crashcheck::DeviceId;
use crashcheck::outcome::counted;
use crashcheck::trace::Trace;
use crashcheck::trace::formats::dm_log_writes::{self, SectorSize};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Looks at a trace, or brings it from one format to another.
///
/// # Errors
/// If a file cannot be used.
pub(crate) fn run(command: &TraceCommand, screen: &Screen) -> Result<ExitCode, Failure> {
    match command {
        TraceCommand::Show { file, from, limit, input } => {
            let trace = trace_file::open(file, input, screen)?.trace;
            show::run(&trace, *from, *limit, screen);
        }
        TraceCommand::Stats { file, json, profile, input } => {
            stats::run(&trace_file::open(file, input, screen)?, file, profile, *json, screen)?;
        }
        TraceCommand::Import { file, output, input } => import(file, output, input, screen)?,
        TraceCommand::Export { file, output, to: Export::DmLogWrites, device, sector, input } => {
            let trace = trace_file::open(file, input, screen)?.trace;
            export(&trace, DeviceId(*device), *sector, output, screen)?;
        }
    }
    Ok(ExitCode::Clean)
}

fn import(file: &Path, output: &Path, input: &InputArgs, screen: &Screen) -> Result<(), Failure> {
    let imported = trace_file::open(file, input, screen)?;
    imported.trace.write_to(output).map_err(|error| Failure::file(output, error))?;
    let (events, format) = (counted(imported.trace.events.len() as u64, "event"), imported.format);
    screen.print(&format!("{}: {events}, from {format}\n", output.display()));
    Ok(())
}

fn export(
    trace: &Trace,
    device: DeviceId,
    sector: Sector,
    output: &Path,
    screen: &Screen,
) -> Result<(), Failure> {
    if device.index() >= trace.devices.len() {
        let (asked, count) = (device.0, trace.devices.len());
        return Err(Failure::usage(format!(
            "there is no device {asked}: the trace has {count}, counted from 0"
        )));
    }
    let sector = match sector {
        Sector::B512 => SectorSize::B512,
        Sector::B4096 => SectorSize::B4096,
    };
    let wrong = |error: &dyn std::fmt::Display| Failure::file(output, error);
    let mut out = BufWriter::new(File::create(output).map_err(|error| wrong(&error))?);
    let lost = dm_log_writes::export(trace, device, sector, &mut out).map_err(|error| wrong(&error))?;
    out.flush().map_err(|error| wrong(&error))?;
    for warning in lost {
        screen.warn(&warning);
    }
    screen.print(&format!("{}: written as dm-log-writes\n", output.display()));
    Ok(())
}
