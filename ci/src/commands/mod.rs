//! One file for each command.

mod advise;
mod explore;
mod list;
mod record;
mod recorded;
mod replay;
mod report;
mod trace;

use crate::args::{Args, Command};
use crate::child;
use crate::config::Config;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::screen::Screen;
use clap::CommandFactory;
use crashcheck::Bytes;
use std::path::Path;

/// What a replay may use.
const MEMORY: Bytes = Bytes(8 << 30);

/// Runs the command.
///
/// # Errors
/// If it cannot do what was asked.
pub(crate) fn run(args: Args, screen: &Screen) -> Result<ExitCode, Failure> {
    let config = Config::load(&args)?;
    match args.command {
        Command::Explore(args) if args.dry_run => explore::run(&args, &config, screen),
        Command::Explore(args) => {
            let memory = config.search(&args.search)?.memory;
            child::run(memory, || explore::run(&args, &config, screen))
        }
        Command::Advise(args) => {
            let memory = config.search(&args.search)?.memory;
            child::run(memory, || advise::run(&args, &config, screen))
        }
        Command::Record(args) => record::run(&args, screen),
        Command::Replay(args) => child::run(MEMORY, || replay::run(&args, &config, screen)),
        Command::Report(args) => report::run(&args, screen),
        Command::List(args) => list::run(&args, screen),
        Command::Trace(command) => trace::run(&command, screen),
        Command::Completions { shell } => Ok(completions(shell, screen)),
        Command::Man => man(screen),
    }
}

fn completions(shell: clap_complete::Shell, screen: &Screen) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "crashcheck", &mut script);
    screen.print_as_it_is(&String::from_utf8_lossy(&script));
    ExitCode::Clean
}

fn man(screen: &Screen) -> Result<ExitCode, Failure> {
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(Args::command()).render(&mut page);
    rendered.map_err(|error| Failure::internal(format!("cannot render the manual page: {error}")))?;
    screen.print_as_it_is(&String::from_utf8_lossy(&page));
    Ok(ExitCode::Clean)
}

/// Makes the directories that lead to a file.
///
/// # Errors
/// If they cannot be made, or the file is a directory.
fn prepare_file(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        return Err(Failure::file(path, "is a directory; name a file"));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or(Ok(()), std::fs::create_dir_all).map_err(|error| unwritable(path, &error))
}

/// Writes a file, and the directories that lead to it.
///
/// # Errors
/// If it cannot be written.
fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    prepare_file(path)?;
    std::fs::write(path, text).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::file(
        path,
        format!("cannot be written: {error}; name a file in a directory that you may write to"),
    )
}
