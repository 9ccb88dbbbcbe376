//! Recording a program.

use super::mount::MountError;
use super::ops::{How, Ops};
use super::serve::Served;
use super::tree::{Owners, Tree};
use crate::command::CommandError;
use crate::command::words::Words;
use crate::disk::Disk;
use crate::supervise::end_strays;
use crashcheck_trace::{Device, Trace};
use regex_lite::Regex;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// A program that was recorded.
#[derive(Debug)]
pub struct ProgramRecording {
    /// What it did to its folder. Its operations are marked.
    pub trace: Trace,
    /// How many of its operations it has acknowledged as durable.
    pub acknowledged: u32,
    /// What it asked for that a recording does not have, in words.
    pub refused: Vec<String>,
}

/// Why a program cannot be recorded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// What is to be run cannot be.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The folder cannot be served.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// It ended in failure, although nothing crashed.
    #[error("the program fails without any crash: {0}")]
    Failed(String),
    /// It did nothing to the folder.
    #[error("`{command}` has changed nothing in {}: does it work there?", dir.display())]
    Nothing {
        /// The command.
        command: String,
        /// The folder.
        dir: PathBuf,
    },
    /// No line was what acknowledges an operation.
    #[error("no line that `{command}` prints matches {ack}; it printed: {printed:?}")]
    NoAck {
        /// The command.
        command: String,
        /// What was looked for.
        ack: String,
        /// The end of what it printed.
        printed: String,
    },
    /// This computer does not do it.
    #[error("cannot run the program: {0}")]
    Io(#[from] io::Error),
}

/// Runs a command, in words as of a shell but without one, while a folder is served to it that is empty at first, and records what
/// it does there. Each line of its output that matches `ack` acknowledges an operation as durable; without one each call is an
/// operation, and that the command ends well acknowledges all.
///
/// # Errors
/// If it cannot be run, or fails.
pub fn record_program(
    dir: &Path,
    run: &str,
    ack: Option<&str>,
    timeout: Duration,
) -> Result<ProgramRecording, ProgramError> {
    let regex = ack.map(acknowledging).transpose()?;
    let words = Words::new(run, 0)?;
    words.can_start()?;
    let served = Served::mount(dir)?;
    let how = regex.map_or(How::Calls, How::Lines);
    let disk = Disk::recording(&[Device::directory(".")]);
    let (result, mut tree) = run_on(&served, &words, &disk, Arc::default(), how, timeout)?;
    drop(served);
    let refused: Vec<String> = tree.refused.iter().cloned().collect();
    // What it was refused may be why.
    let why = |said: String| [vec![said], refused.clone()].concat().join("\nit could not ");
    result.map_err(|said| ProgramError::Failed(why(said)))?;
    let mut trace = disk.machine().power_off().unwrap_or_default();
    tree.write_owners(&mut trace);
    std::mem::take(&mut tree.stacks).write_calls(&mut trace);
    if trace.events.iter().all(|event| event.device().is_none()) {
        return Err(ProgramError::Nothing { command: run.to_owned(), dir: dir.to_owned() });
    }
    let acknowledged = tree.ops.acknowledged();
    if let (Some(ack), 0) = (ack, acknowledged) {
        let (command, ack) = (run.to_owned(), ack.to_owned());
        let from = tree.printed.len().saturating_sub(200);
        let printed = String::from_utf8_lossy(&tree.printed[from..]).into_owned();
        return Err(ProgramError::NoAck { command, ack, printed });
    }
    Ok(ProgramRecording { trace, acknowledged, refused })
}

/// Runs a command on a tree. The inner error says how it failed.
pub(super) fn run_on(
    served: &Served,
    words: &Words,
    disk: &Disk,
    owners: Arc<Owners>,
    how: How,
    timeout: Duration,
) -> io::Result<(Result<(), String>, Tree)> {
    served.show(Tree::new(disk, owners, Ops::begin(disk, how))?);
    let ended = served.output().and_then(|output| words.run_printing(output, timeout));
    // What it has left behind must not meet the next tree.
    end_strays()?;
    let mut tree = served.hide().expect("what was shown");
    let ended = ended?;
    if ended.is_ok() {
        tree.ops.end();
    }
    Ok((ended, tree))
}

/// What a line says that acknowledges an operation.
pub(super) fn acknowledging(ack: &str) -> Result<Regex, CommandError> {
    Regex::new(ack).map_err(|why| CommandError::Ack { ack: ack.to_owned(), why: why.to_string() })
}
