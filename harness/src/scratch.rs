//! Temporary folders that do not outlive their process. One that is killed cannot remove its own: the next process does.
//!
//! Each folder holds a file that its process has locked as long as it lives, so that no number of a process that was given
//! out again is taken for the old one. The file gets its name when it is locked: a folder without it is left alone.

use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// What the names of the folders begin with.
const PREFIX: &str = "crashcheck-";

/// The file that is locked.
const LOCK: &str = "lock";

/// Where a file system in memory usually is.
const MEMORY: &str = "/dev/shm";

/// The folders of this process.
static MINE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A temporary folder, removed with all that is in it when it is dropped.
pub(crate) struct Scratch {
    directory: TempDir,
    /// Unlocked when it is closed, after the folder is gone.
    _lock: File,
}

impl Scratch {
    /// A folder where temporary files are kept.
    pub(crate) fn new() -> io::Result<Scratch> {
        Scratch::within(&std::env::temp_dir())
    }

    /// A folder in memory, or where temporary files are kept if there is no such place.
    pub(crate) fn in_memory() -> io::Result<Scratch> {
        Scratch::within(Path::new(MEMORY)).or_else(|_| Scratch::new())
    }

    fn within(folder: &Path) -> io::Result<Scratch> {
        sweep(folder);
        let directory = TempDir::with_prefix_in(PREFIX, folder)?;
        mine().insert(directory.path().to_owned());
        let unnamed = directory.path().join("unlocked");
        let lock = File::create(&unnamed)?;
        // Where files cannot be locked, nobody sweeps.
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            fs::rename(&unnamed, directory.path().join(LOCK))?;
        }
        Ok(Scratch { directory, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        mine().remove(self.path());
    }
}

/// Whether the process that has made a folder is no more.
pub(crate) fn is_left(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => flock(&lock, FlockOperation::NonBlockingLockShared).is_ok(),
        Err(_) => !folder.exists(),
    }
}

/// Removes the folders of this process, which is about to leave without dropping them.
pub(crate) fn remove_all() {
    for folder in std::mem::take(&mut *mine()) {
        // There is nobody left to tell if this fails, and the next process tries again.
        let _ = fs::remove_dir_all(folder);
    }
}

/// Removes the folders that processes of this user have left which are no more.
fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes())) {
        let path = entry.path();
        let is_ours = entry.metadata().is_ok_and(|it| it.is_dir() && it.uid() == geteuid().as_raw());
        let Some(lock) = is_ours.then(|| File::open(path.join(LOCK)).ok()).flatten() else { continue };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            // What cannot be removed harms nobody.
            let _ = fs::remove_dir_all(&path);
        }
    }
}

fn mine() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    MINE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_has_left_that_is_no_more_is_removed_and_nothing_else() {
        let place = TempDir::new().expect("a folder");
        let folder = |name: &str, lock: Option<&str>| {
            let path = place.path().join(name);
            fs::create_dir(&path).expect("a folder");
            lock.iter().for_each(|lock| fs::write(path.join(lock), "").expect("a file"));
            path
        };
        let (left, own) = (folder("crashcheck-left", Some(LOCK)), folder("crashcheck-own", None));
        let (young, other) = (folder("crashcheck-young", Some("unlocked")), folder("other", Some(LOCK)));
        let living = Scratch::within(place.path()).expect("a folder");
        assert!(!left.exists() && own.exists() && young.exists() && other.exists());
        let second = Scratch::within(place.path()).expect("a folder");
        assert!(living.path().exists() && second.path().exists());
        let path = living.path().to_owned();
        drop(living);
        assert!(!path.exists() && second.path().exists());
    }
}
