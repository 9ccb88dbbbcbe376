//! The arguments of `crashcheck record`, and whether folders are mounted.

use crate::complete;
use clap::{ValueEnum, ValueHint};
use clap_complete::ArgValueCompleter;
use crashcheck::Fuse;
use std::path::PathBuf;

/// Whether a folder is mounted with FUSE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mounts {
    /// Where that can be
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl From<Mounts> for Fuse {
    fn from(mounts: Mounts) -> Fuse {
        match mounts {
            Mounts::Auto => Fuse::Auto,
            Mounts::Always => Fuse::Always,
            Mounts::Never => Fuse::Never,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct RecordArgs {
    /// The workload to record
    #[arg(value_name = "SYSTEM[+BUG]:WORKLOAD", required_unless_present = "files", conflicts_with = "files")]
    #[arg(add = ArgValueCompleter::new(complete::targets))]
    pub(crate) target: Option<String>,
    /// Record a program instead, while it works in this folder: an empty one, or none
    #[arg(long, value_name = "DIR", requires = "what_it_did", value_hint = ValueHint::DirPath)]
    pub(crate) files: Option<PathBuf>,
    /// A line that the program prints and that matches says that everything so far is durable [default: its end does]
    #[arg(long, value_name = "REGEX", requires = "files")]
    pub(crate) ack: Option<String>,
    /// Whether to mount that folder with FUSE, or have strace record [default: auto]
    #[arg(
        long,
        value_name = "WHEN",
        requires = "command",
        default_value = "auto",
        hide_default_value = true
    )]
    pub(crate) fuse: Mounts,
    /// Take what the program did from a log of strace
    ///
    /// Written by: strace -f -y -xx -s 67108864 -o FILE COMMAND, in the folder where this is run. The folder must have been empty.
    #[arg(long, value_name = "FILE", requires = "files", value_hint = ValueHint::FilePath, group = "what_it_did")]
    pub(crate) strace_log: Option<PathBuf>,
    /// The program, and what it is given
    #[arg(last = true, value_name = "COMMAND", requires = "files", group = "what_it_did")]
    pub(crate) command: Vec<String>,
    /// Where the trace goes
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Switch a seeded fault of the system on
    #[arg(long = "bug", value_name = "NAME", conflicts_with = "files")]
    #[arg(add = ArgValueCompleter::new(complete::bugs))]
    pub(crate) bugs: Vec<String>,
}
