//! The calls of a log, done once more on a tree that records them: what FUSE would have been asked for.

use super::call::Call;
use super::calls::Doing;
use super::log::Step;
use super::paths::Paths;
use super::process::{Birth, Here, Process};
use crate::command::program::tree::Tree;
use crashcheck_trace::DeviceId;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// A log that is done once more.
pub(super) struct Replay {
    pub(super) tree: Tree,
    pub(super) paths: Paths,
    /// By the line in which they are made.
    births: FxHashMap<usize, Birth>,
    processes: FxHashMap<u32, Process>,
    first: Option<Process>,
    /// The files that were mapped so that they can be written.
    pub(super) mapped: BTreeMap<DeviceId, String>,
    /// Ways to write whose calls say nothing of it.
    pub(super) ways: BTreeSet<&'static str>,
}

impl Replay {
    pub(super) fn new(tree: Tree, paths: Paths, births: FxHashMap<usize, Birth>, here: Here) -> Replay {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        Replay {
            tree,
            paths,
            births,
            processes: FxHashMap::default(),
            first: Some(Process::first(here, uid, gid)),
            mapped: BTreeMap::new(),
            ways: BTreeSet::new(),
        }
    }

    /// Does what a line says.
    pub(super) fn step(&mut self, line: usize, step: Step) -> Result<(), String> {
        match step {
            Step::Begun(process) => {
                if let (false, Some(first)) = (self.processes.contains_key(&process), self.first.take()) {
                    self.processes.insert(process, first);
                }
                let Some(parent) = self.processes.get(&process) else {
                    return Err(format!(
                        "process {process} comes from nowhere: strace must be given -f, and begin with the program"
                    ));
                };
                if let Some(birth) = self.births.get(&line) {
                    let child = parent.fork(*birth);
                    self.processes.insert(birth.child, child);
                }
                Ok(())
            }
            Step::Gone(process) => {
                self.processes.remove(&process);
                Ok(())
            }
            Step::Returned(process, call) => self.returned(process, &call).map_err(|error| {
                let why = match error.kind() {
                    io::ErrorKind::NotFound => {
                        "a name is used that nothing made: the folder must be empty at first".to_owned()
                    }
                    _ => error.to_string(),
                };
                format!("{}: {why}", call.name)
            }),
        }
    }

    fn returned(&mut self, process: u32, call: &Call) -> io::Result<()> {
        if let Some(way) = unseen_way(&call.name) {
            if call.is_injected {
                self.tree.could_not(format!("use {way}, which strace does not show"));
            } else if call.result.is_some_and(|result| result >= 0) {
                self.ways.insert(way);
            }
        }
        // What fails leaves nothing, and of what never returned nobody knows.
        let Some(result) = call.result.filter(|result| *result >= 0) else { return Ok(()) };
        let Some(caller) = self.processes.get_mut(&process) else { return Ok(()) };
        caller.is_now(call);
        let process = caller.clone();
        Doing { replay: self, process, call, result }.run()
    }
}

/// The way to write that a call begins with, if that is one whose calls say nothing of what is written.
fn unseen_way(call: &str) -> Option<&'static str> {
    match call {
        "io_uring_setup" => Some("io_uring"),
        "io_setup" => Some("the kernel's asynchronous I/O (io_submit)"),
        _ => None,
    }
}
