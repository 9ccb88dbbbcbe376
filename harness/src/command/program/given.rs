//! How a program is given the tree of a crash state: mounted, or written to a folder where that cannot be.

use super::mount::MountError;
use super::ops::How;
use super::record::run_on;
use super::serve::Served;
use super::tree::{Owners, Tree};
use super::written::Written;
use crate::command::Fuse;
use crate::command::words::Words;
use crate::disk::Disk;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The folder in which programs find a tree.
pub(super) enum Given {
    /// What they read there is what is decided.
    Mounted(Served),
    /// All of it is decided, and what they change is seen when they have ended.
    Written {
        folder: Box<Written>,
        /// Why it is not mounted, if it was to be.
        why: Option<String>,
    },
}

impl Given {
    /// # Errors
    /// If the folder cannot be used.
    pub(super) fn new(at: &Path, fuse: Fuse) -> Result<Given, MountError> {
        let written = |why| Ok(Given::Written { folder: Box::new(Written::new(at)?), why });
        if fuse == Fuse::Never {
            return written(None);
        }
        match Served::mount(at) {
            Err(why @ MountError::NoFuse { .. }) if fuse == Fuse::Auto => written(Some(why.to_string())),
            served => Ok(Given::Mounted(served?)),
        }
    }

    /// Runs a command on a tree. The inner error says how it failed.
    pub(super) fn run(
        &self,
        words: &Words,
        disk: &Disk,
        owners: Arc<Owners>,
        how: How,
        timeout: Duration,
    ) -> io::Result<(Result<(), String>, Tree)> {
        match self {
            Given::Mounted(served) => run_on(served, words, disk, owners, how, timeout),
            Given::Written { folder, .. } => folder.run(words, disk, owners, how, timeout),
        }
    }

    /// Whether the calls of a program are seen in their order.
    pub(super) fn sees_calls(&self) -> bool {
        match self {
            Given::Mounted(_) => true,
            Given::Written { .. } => false,
        }
    }

    /// What there is to know of it.
    pub(super) fn note(&self) -> Option<String> {
        let Given::Written { why, .. } = self else { return None };
        let what = "each crash state is decided as a whole and written to the folder, so that more recoveries cover as much, and what \
                    follows a recovery is not crashed";
        Some(why.as_ref().map_or(what.to_owned(), |why| format!("{why}; {what}")))
    }
}
