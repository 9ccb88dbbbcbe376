//! A tree that is written to a folder, where no file system is mounted: what is not looked at is written as well, and what a program
//! has changed there is read when it has ended.

use super::content::Content;
use super::mount::MountError;
use super::ops::{How, Ops};
use super::plain::Plain;
use super::tree::{Owners, Tree};
use crate::command::lock;
use crate::command::words::Words;
use crate::disk::Disk;
use crate::supervise::{end_strays, is_alone};
use rustc_hash::FxHashMap;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// So many bytes of what commands have left are kept, for trees that come again.
const KEPT: usize = 256 << 20;

/// A folder, and what commands have made of the trees in it.
pub(super) struct Written {
    folder: Plain,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What is in the folder.
    there: Content,
    /// By the command and the tree.
    known: FxHashMap<(String, Content), Arc<Ran>>,
    kept: usize,
}

/// What came of a command.
struct Ran {
    ended: Result<(), String>,
    printed: Vec<u8>,
    /// What it left, if that is something else than it found.
    left: Option<Content>,
}

impl Written {
    pub(super) fn new(at: &Path) -> Result<Written, MountError> {
        Ok(Written { folder: Plain::new(at)?, state: Mutex::default() })
    }

    /// Runs a command on a tree. The inner error says how it failed. The same command is run once on equal trees.
    pub(super) fn run(
        &self,
        words: &Words,
        disk: &Disk,
        owners: Arc<Owners>,
        how: How,
        timeout: Duration,
    ) -> io::Result<(Result<(), String>, Tree)> {
        let mut tree = Tree::new(disk, owners, Ops::begin(disk, how))?;
        let found = Content::of_tree(&tree)?;
        let mut state = lock(&self.state);
        let key = (words.text().to_owned(), found);
        let ran = match state.known.get(&key) {
            Some(ran) => Arc::clone(ran),
            None => {
                let ran = Arc::new(self.run_anew(&mut state, words, &key.1, timeout)?);
                let size = key.1.size() + ran.left.as_ref().map_or(0, Content::size);
                if state.kept + size <= KEPT {
                    state.kept += size;
                    state.known.insert(key.clone(), Arc::clone(&ran));
                }
                ran
            }
        };
        tree.print(&ran.printed);
        if let Some(left) = &ran.left {
            left.give_to(&mut tree, &key.1)?;
        }
        if ran.ended.is_ok() {
            tree.ops.end();
        }
        Ok((ran.ended.clone(), tree))
    }

    fn run_anew(
        &self,
        state: &mut State,
        words: &Words,
        found: &Content,
        timeout: Duration,
    ) -> io::Result<Ran> {
        // Who has left a process behind that is not ended may still have files open: they are none of the next tree's.
        let there = std::mem::take(&mut state.there);
        found.write_over(&there, self.folder.at(), is_alone())?;
        let mut output = tempfile::tempfile()?;
        let ended = words.run_printing(output.try_clone()?, timeout);
        // What it has left behind must not meet the next tree.
        end_strays()?;
        state.there = Content::of_folder(self.folder.at())?;
        let mut printed = Vec::new();
        output.rewind()?;
        output.read_to_end(&mut printed)?;
        let left = (state.there != *found).then(|| state.there.clone());
        Ok(Ran { ended: ended?, printed, left })
    }
}
