//! One file for each command.

mod advise;
mod explore;
mod list;
mod program;
mod record;
mod recorded;
mod replay;
mod report;
mod trace;

use crate::args::{Args, Command, ManArgs};
use crate::child;
use crate::clash::{self, STDOUT};
use crate::config::Config;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::manual;
use crate::screen::Screen;
use crate::suggest;
use clap_complete::env::Shells;
use crashcheck::Bytes;
use crashcheck::outcome::counted;
use std::path::Path;

/// What a replay may use.
const MEMORY: Bytes = Bytes(8 << 30);

/// Runs the command.
///
/// # Errors
/// If it cannot do what was asked.
pub(crate) fn run(args: Args, screen: &Screen) -> Result<ExitCode, Failure> {
    let loaded = Config::load(&args);
    let config = match (&args.command, loaded) {
        (Command::Explore(_) | Command::Program(_) | Command::Advise(_) | Command::Replay(_), loaded) => {
            loaded?
        }
        (_, Ok(config)) => config,
        // Who looks up how it is written must not need a right one for that.
        (_, Err(failure)) => {
            screen.warn(&failure.message);
            Config::default()
        }
    };
    clash::check(&args.command, args.config.as_deref(), &config)?;
    match args.command {
        Command::Explore(args) if args.dry_run => explore::run(&args, &config, screen),
        Command::Explore(args) => {
            let memory = config.search(&args.search)?.memory;
            child::run(memory, args.recorded.folder.is_some(), screen, || {
                explore::run(&args, &config, screen)
            })
        }
        Command::Program(args) => {
            let memory = config.search(&args.search)?.memory;
            child::run(memory, true, screen, || program::run(&args, &config, screen))
        }
        Command::Advise(args) => {
            let memory = config.search(&args.search)?.memory;
            child::run(memory, args.recorded.folder.is_some(), screen, || advise::run(&args, &config, screen))
        }
        Command::Record(args) if args.files.is_some() => {
            child::run(MEMORY, true, screen, || record::run(&args, screen))
        }
        Command::Record(args) => record::run(&args, screen),
        Command::Replay(args) => {
            child::run(MEMORY, args.recorded.folder.is_some(), screen, || replay::run(&args, &config, screen))
        }
        Command::Report(args) => report::run(&args, screen),
        Command::List(args) => list::run(&args, screen),
        Command::Trace(command) => trace::run(&command, screen),
        Command::Completions { shell } => completions(shell, screen),
        Command::Man(args) => man(&args, screen),
    }
}

/// Bash takes a colon and an at sign for the end of a word, and then a workload and a layer for words of their own.
const BREAKS: &str = "COMP_WORDBREAKS=${COMP_WORDBREAKS//[:@]}\n";

/// What a shell has to run to complete our lines: it asks this command then.
fn completions(shell: clap_complete::Shell, screen: &Screen) -> Result<ExitCode, Failure> {
    let shells = Shells::builtins();
    let name = shell.to_string();
    let completer = shells.completer(&name);
    let completer = completer.ok_or_else(|| Failure::internal(format!("no completions for {name}")))?;
    let mut script = Vec::new();
    let written =
        completer.write_registration("COMPLETE", "crashcheck", "crashcheck", "crashcheck", &mut script);
    written.map_err(|error| Failure::internal(format!("cannot write the completions: {error}")))?;
    if shell == clap_complete::Shell::Bash {
        screen.print_as_it_is(BREAKS);
    }
    screen.print_as_it_is(&String::from_utf8_lossy(&script));
    Ok(ExitCode::Clean)
}

fn man(args: &ManArgs, screen: &Screen) -> Result<ExitCode, Failure> {
    let pages = manual::pages();
    let pages = pages.map_err(|error| Failure::internal(format!("cannot render the manual: {error}")))?;
    if let Some(directory) = &args.dir {
        for manual::Page { file, roff, .. } in &pages {
            write_file(&directory.join(file), &String::from_utf8_lossy(roff), screen)?;
        }
        let count = counted(pages.len() as u64, "page");
        screen.print(&format!("{count} in {}\n", directory.display()));
        return Ok(ExitCode::Clean);
    }
    match manual::named(&pages, &args.command) {
        Some(page) => screen.print_as_it_is(&String::from_utf8_lossy(&page.roff)),
        None => {
            let known = pages.iter().map(|page| page.name.as_str()).filter(|name| !name.is_empty());
            return Err(suggest::unknown("page of the manual", &args.command.join(" "), known));
        }
    }
    Ok(ExitCode::Clean)
}

/// Makes the directories that lead to a file.
///
/// # Errors
/// If they cannot be made, or the file is a directory.
fn prepare_file(path: &Path) -> Result<(), Failure> {
    if path == Path::new(STDOUT) {
        return Ok(());
    }
    if path.is_dir() {
        return Err(Failure::file(path, "is a directory; name a file"));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or(Ok(()), std::fs::create_dir_all).map_err(|error| unwritable(path, &error))
}

/// Writes a report to a file, and the directories that lead to it, or to the standard output.
///
/// # Errors
/// If it cannot be written.
fn write_file(path: &Path, text: &str, screen: &Screen) -> Result<(), Failure> {
    if path == Path::new(STDOUT) {
        screen.print_as_it_is(text);
        return Ok(());
    }
    prepare_file(path)?;
    std::fs::write(path, text).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::file(
        path,
        format!("cannot be written: {error}; name a file in a directory that you may write to"),
    )
}
