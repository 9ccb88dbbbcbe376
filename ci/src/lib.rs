//! The `crashcheck` command: explores the reference systems and recorded traces, and looks at traces.
//!
//! The command line, the exit codes, the machine-readable output and `crashcheck.toml` are API. Text for people is not.

mod args;
mod child;
mod clash;
mod colour;
mod commands;
mod complete;
mod config;
mod examples;
mod exit_code;
mod failure;
mod interrupt;
mod keys;
mod manual;
mod progress;
mod screen;
mod select;
mod suggest;
mod trace_file;
mod unreadable;
mod usage;

pub use exit_code::ExitCode;

use args::Args;
use clap::{CommandFactory, FromArgMatches};
use clap_complete::CompleteEnv;
use crashcheck::supervise::finished;
use failure::Failure;
use screen::Screen;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the command with the arguments of the process.
pub fn main() -> std::process::ExitCode {
    // A shell that completes a line asks for it by a variable.
    CompleteEnv::with_factory(Args::command).complete();
    let matches = usage::fitted(Args::command(), screen::columns()).get_matches();
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let screen = Screen::new(colour::choose(args.color));
    let result = catch_unwind(AssertUnwindSafe(|| commands::run(args, &screen)));
    let bug = || Failure::internal("a panic of crashcheck itself; its message is above. Please report it");
    interrupt::stay_unless_leaving();
    let exit = result.unwrap_or_else(|_| Err(bug())).unwrap_or_else(|failure| {
        screen.error(&failure.message);
        failure.exit
    });
    finished();
    exit.into()
}
