//! Recording a program.

use super::mount::MountError;
use super::ops::{How, Ops};
use super::plain::{Plain, compare};
use super::serve::Served;
use super::strace::{self, Began, LogError, Replayed};
use super::tree::{Owners, Tree};
use crate::command::words::Words;
use crate::command::{CommandError, Fuse};
use crate::disk::Disk;
use crate::scratch::Scratch;
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
    /// How it was recorded, where that has to be known, and what was not seen; in sentences.
    pub notes: Vec<String>,
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
    /// It can neither be mounted nor be followed.
    #[error(
        "{fuse}; nor can strace record: {strace} (Debian's package strace; in a container --cap-add SYS_PTRACE)"
    )]
    Neither {
        /// Why the folder cannot be served.
        fuse: MountError,
        /// Why strace cannot be used.
        strace: String,
    },
    /// strace cannot be used.
    #[error("strace cannot record: {0} (Debian's package strace; in a container --cap-add SYS_PTRACE)")]
    NoStrace(String),
    /// What strace says cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What strace says does not make what is there.
    #[error(
        "strace has not shown all that happened to the folder: {0}; does something else change it, or does the program use calls \
         that strace does not show?"
    )]
    Unseen(String),
    /// This computer does not do it.
    #[error("cannot run the program: {0}")]
    Io(#[from] io::Error),
}

/// Runs a command, in words as of a shell but without one, in a folder that is empty at first, and records what it does there: while
/// the folder is served to it, or else what strace sees. Each line of its output that matches `ack` acknowledges an operation as
/// durable; without one each call is an operation, and that the command ends well acknowledges all.
///
/// # Errors
/// If it cannot be run, or fails.
pub fn record_program(
    dir: &Path,
    run: &str,
    ack: Option<&str>,
    timeout: Duration,
    fuse: Fuse,
) -> Result<ProgramRecording, ProgramError> {
    let how = ack.map(acknowledging).transpose()?.map_or(How::Calls, How::Lines);
    let words = Words::new(run, 0)?;
    words.can_start()?;
    let disk = Disk::recording(&[Device::directory(".")]);
    let (ended, tree, notes) = match served(dir, fuse)? {
        Ok(served) => {
            let (ended, tree) = run_on(&served, &words, &disk, Arc::default(), how, timeout)?;
            (ended, tree, Vec::new())
        }
        Err(why) => {
            let (ended, tree, mut notes) = run_by_strace(dir, words, &disk, how, timeout)?;
            notes.splice(..0, why);
            (ended, tree, notes)
        }
    };
    // What it was refused may be why.
    let refused = || tree.refused.iter().cloned();
    let why = |said: String| [said].into_iter().chain(refused()).collect::<Vec<_>>().join("\nit could not ");
    ended.map_err(|said| ProgramError::Failed(why(said)))?;
    recording(&disk, tree, notes, (dir, run), ack)
}

/// What a program did to a folder that was empty, by a log that strace has written.
///
/// # Errors
/// If the log is none, or says nothing of the folder.
pub fn record_strace_log(
    dir: &Path,
    log: &Path,
    ack: Option<&str>,
) -> Result<ProgramRecording, ProgramError> {
    let how = ack.map(acknowledging).transpose()?.map_or(How::Calls, How::Lines);
    let disk = Disk::recording(&[Device::directory(".")]);
    let at = std::env::current_dir()?;
    // The folder may be gone by now; what it was in is not.
    let whole = std::path::absolute(dir)?;
    let above = whole.parent().map_or(Ok(whole.clone()), std::fs::canonicalize)?;
    let root =
        std::fs::canonicalize(dir).unwrap_or_else(|_| above.join(whole.file_name().unwrap_or_default()));
    let tree = Tree::new(&disk, Arc::default(), Ops::begin(&disk, how))?;
    let mut replayed = strace::replayed(log, tree, &Began { root: &root, at: &at, umask: umask() })?;
    replayed.tree.ops.end();
    let notes = unseen(&replayed);
    let program = log.to_string_lossy();
    recording(&disk, replayed.tree, notes, (dir, &program), ack)
}

/// The folder, served; or why it is not, if it need not be.
fn served(dir: &Path, fuse: Fuse) -> Result<Result<Served, Option<String>>, ProgramError> {
    if fuse == Fuse::Never {
        return strace::possible().map(|()| Err(None)).map_err(ProgramError::NoStrace);
    }
    match Served::mount(dir) {
        Err(why @ MountError::NoFuse { .. }) if fuse == Fuse::Auto => match strace::possible() {
            Ok(()) => {
                Ok(Err(Some(format!("{why}; strace records instead, which sees no stores to a mapping"))))
            }
            Err(strace) => Err(ProgramError::Neither { fuse: why, strace }),
        },
        served => Ok(Ok(served?)),
    }
}

/// How a command has ended that was followed, what it did, and what was not seen, in sentences.
type Followed = (Result<(), String>, Tree, Vec<String>);

/// Runs a command in a folder that is not served, and has strace say what it does.
fn run_by_strace(
    dir: &Path,
    words: Words,
    disk: &Disk,
    how: How,
    timeout: Duration,
) -> Result<Followed, ProgramError> {
    let (folder, scratch) = (Plain::new(dir)?, Scratch::new()?);
    let (log, at) = (scratch.path().join("log"), std::env::current_dir()?);
    let tree = Tree::new(disk, Arc::default(), Ops::begin(disk, how))?;
    let ended = words.run_by(strace::before(&log)).run_printing(tempfile::tempfile()?, timeout);
    // What it has left behind must not go on.
    end_strays()?;
    if let Err(said) = ended? {
        return Ok((Err(said), tree, Vec::new()));
    }
    let began = Began { root: folder.at(), at: &at, umask: umask() };
    let mut replayed = strace::replayed(&log, tree, &began)?;
    let is_mapped = |inode: &Option<_>| inode.is_some_and(|inode| replayed.mapped.contains_key(&inode));
    let unlike = compare(&replayed.tree, folder.at())?.into_iter().filter(|unlike| !is_mapped(&unlike.inode));
    let unlike: Vec<String> = unlike.map(|unlike| unlike.what).collect();
    if let [first, rest @ ..] = &unlike[..] {
        let more = if rest.is_empty() { String::new() } else { format!(", and {} more", rest.len()) };
        return Err(ProgramError::Unseen(format!("{first}{more}")));
    }
    replayed.tree.ops.end();
    let notes = unseen(&replayed);
    Ok((Ok(()), replayed.tree, notes))
}

/// What strace has not seen, in sentences.
fn unseen(replayed: &Replayed) -> Vec<String> {
    let mut notes = Vec::new();
    if !replayed.mapped.is_empty() {
        let files: Vec<&str> = replayed.mapped.values().map(String::as_str).collect();
        notes.push(format!(
            "written through a mapping, if the program did so, but not seen by strace: {}; the verdict says nothing of that",
            files.join(", ")
        ));
    }
    for way in &replayed.ways {
        notes.push(format!(
            "what a program writes by {way} is not seen by strace; the verdict says nothing of that"
        ));
    }
    notes
}

/// The rights that what this process makes does not get.
fn umask() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let umask = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    umask.and_then(|umask| u32::from_str_radix(umask.trim(), 8).ok()).unwrap_or(0o022)
}

/// What was recorded of a program in a folder.
fn recording(
    disk: &Disk,
    mut tree: Tree,
    notes: Vec<String>,
    (dir, program): (&Path, &str),
    ack: Option<&str>,
) -> Result<ProgramRecording, ProgramError> {
    let mut trace = disk.machine().power_off().unwrap_or_default();
    tree.write_owners(&mut trace);
    std::mem::take(&mut tree.stacks).write_calls(&mut trace);
    let command = program.to_owned();
    if trace.events.iter().all(|event| event.device().is_none()) {
        return Err(ProgramError::Nothing { command, dir: dir.to_owned() });
    }
    let acknowledged = tree.ops.acknowledged();
    if let (Some(ack), 0) = (ack, acknowledged) {
        let from = tree.printed.len().saturating_sub(200);
        let printed = String::from_utf8_lossy(&tree.printed[from..]).into_owned();
        return Err(ProgramError::NoAck { command, ack: ack.to_owned(), printed });
    }
    Ok(ProgramRecording { trace, acknowledged, refused: tree.refused.into_iter().collect(), notes })
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
