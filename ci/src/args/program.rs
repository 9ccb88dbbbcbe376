//! The arguments of `crashcheck program`.

use super::{Mounts, OutputArgs, PROGRAM, SearchArgs};
use clap::ValueHint;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(crate) struct ProgramArgs {
    /// The folder of its files: empty, or not there yet
    ///
    /// It is mounted with the files of each crash state.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    #[arg(help_heading = PROGRAM)]
    pub(crate) dir: PathBuf,
    /// The program; it is recorded while it works in the folder
    #[arg(long, value_name = "COMMAND")]
    #[arg(help_heading = PROGRAM)]
    pub(crate) run: String,
    /// Recovers, and prints what a user sees then
    ///
    /// That is compared with what it prints without a crash.
    #[arg(long, value_name = "COMMAND")]
    #[arg(help_heading = PROGRAM)]
    pub(crate) recover: String,
    /// Must succeed after recovery; may be repeated
    #[arg(long = "check", value_name = "COMMAND")]
    #[arg(help_heading = PROGRAM)]
    pub(crate) checks: Vec<String>,
    /// A line of output that matches says that all so far is durable
    ///
    /// Without it each call is an operation, and the end of the program says so of all.
    #[arg(long, value_name = "REGEX")]
    #[arg(help_heading = PROGRAM)]
    pub(crate) ack: Option<String>,
    /// Goes on after recovery, until the next crash [default: the program once more]; none: nothing does
    #[arg(long, value_name = "COMMAND|none")]
    #[arg(help_heading = PROGRAM, hide_short_help = true)]
    pub(crate) go_on: Option<String>,
    /// Whether to mount the folder with FUSE [default: where that can be]
    ///
    /// Otherwise strace records what the program does there, and each crash state is written there as files.
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    #[arg(help_heading = PROGRAM, hide_short_help = true)]
    pub(crate) fuse: Mounts,
    /// How long one command may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = crate::config::duration)]
    #[arg(help_heading = PROGRAM, hide_short_help = true)]
    pub(crate) timeout: Duration,
    /// Where the trace goes [default: DIR.crash, with the reports]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(help_heading = PROGRAM, hide_short_help = true)]
    pub(crate) trace: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) search: SearchArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl ProgramArgs {
    /// Where the trace goes, with this folder for reports if no other is named.
    pub(crate) fn trace_file(&self, out: PathBuf) -> PathBuf {
        let beside = || {
            let name = self.dir.file_name().map_or_else(|| "program".into(), |name| name.to_string_lossy());
            self.output.out.clone().unwrap_or(out).join(format!("{name}.crash"))
        };
        self.trace.clone().unwrap_or_else(beside)
    }
}
