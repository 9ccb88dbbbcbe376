//! A program as strace sees it: its calls are taken from a log, and done once more on the tree that is recorded.
//!
//! | file | |
//! |---|---|
//! | `call` | a line of the log |
//! | `log` | line by line |
//! | `paths` | from a path to what it is of |
//! | `process` | descriptors, folders and owners of processes |
//! | `calls`, `replay` | what is done once more |

mod call;
mod calls;
mod log;
mod paths;
mod process;
mod replay;

pub use log::LogError;

use super::tree::Tree;
use calls::{CALLS, SHOWN};
use crashcheck_trace::DeviceId;
use log::{Step, read};
use paths::{Paths, Spot};
use process::{Birth, Here};
use replay::Replay;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

/// What is recorded, and where that began.
pub(super) struct Began<'a> {
    /// The folder whose tree it is, without symbolic links.
    pub(super) root: &'a Path,
    /// The current folder of the program.
    pub(super) at: &'a Path,
    /// Which rights what it makes does not get.
    pub(super) umask: u32,
}

/// What a log comes to.
pub(super) struct Replayed {
    pub(super) tree: Tree,
    /// The files that can be written through a mapping.
    pub(super) mapped: BTreeMap<DeviceId, String>,
    /// Ways to write that were used and whose calls say nothing of it.
    pub(super) ways: BTreeSet<&'static str>,
}

/// What is written before the words of a command, so that strace writes a log of it.
pub(super) fn before(log: &Path) -> Vec<String> {
    let (calls, shown, log) =
        (format!("trace={CALLS}"), SHOWN.to_string(), log.to_string_lossy().into_owned());
    // What is read is on the disk anyway. What copies without showing what is refused, as by a kernel that does not have it: programs
    // read and write then.
    let refused = [
        "inject=?copy_file_range,?io_uring_setup,?io_setup:error=ENOSYS",
        "inject=?sendfile,?sendfile64:error=EINVAL",
    ];
    let mut words =
        vec!["strace", "-f", "-qq", "-y", "-xx", "--seccomp-bpf", "-s", &shown, "-o", &log, "-e", &calls];
    words.extend(["-e", "raw=?read,?readv,?preadv2"]);
    words.extend(refused.iter().flat_map(|refused| ["-e", refused]));
    words.push("--");
    words.into_iter().map(str::to_owned).collect()
}

/// Why strace cannot be used here, if it cannot.
pub(super) fn possible() -> Result<(), String> {
    let words = before(Path::new("/dev/null"));
    let tried = Command::new(&words[0])
        .args(&words[1..])
        .arg("true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")),
        Err(error) => Err(format!("cannot run strace: {error}")),
    }
}

/// Does the calls of a log once more on a tree.
pub(super) fn replayed(log: &Path, tree: Tree, began: &Began<'_>) -> Result<Replayed, LogError> {
    let mut births: FxHashMap<usize, Birth> = FxHashMap::default();
    let mut begun: FxHashMap<u32, usize> = FxHashMap::default();
    let makes = |name: &str| ["fork", "vfork", "clone", "clone3"].contains(&name);
    read(log, makes, |line, step| {
        match step {
            Step::Begun(process) => _ = begun.insert(process, line),
            Step::Returned(process, call) => {
                births.extend(Birth::of(&call).and_then(|birth| Some((*begun.get(&process)?, birth))));
            }
            Step::Gone(_) => {}
        }
        Ok(())
    })?;
    let here = Here { folder: Spot::Outside(began.at.to_owned()), umask: began.umask };
    let mut replay = Replay::new(tree, Paths::new(began.root.to_owned()), births, here);
    read(log, is_followed, |line, step| replay.step(line, step))?;
    let Replay { tree, mapped, ways, .. } = replay;
    Ok(Replayed { tree, mapped, ways })
}

/// Whether something is done for a call.
fn is_followed(name: &str) -> bool {
    CALLS.split(',').any(|call| call::name(call.trim_start_matches('?')) == name)
}
