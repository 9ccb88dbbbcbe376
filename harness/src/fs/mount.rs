//! Which paths are those of a tree of files.

use crate::disk::Disk;
use crate::files::Files;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is mounted, by number.
static MOUNTED: Mutex<BTreeMap<u32, Files>> = Mutex::new(BTreeMap::new());

/// Where everything is mounted. No computer has such a directory.
const ABOVE: &str = "/crashcheck-mounts";

/// A tree of files as a directory of [`crashcheck::fs`](crate::fs), as long as it lives.
#[derive(Debug)]
pub struct Mount {
    number: u32,
    path: PathBuf,
}

/// Mounts the tree of files of a machine.
///
/// The path is that of the lowest number that is free. A store that writes its own path into its files should not: two
/// crash states that are explored at the same time are mounted at two paths.
///
/// # Errors
/// If the machine is no tree of files; its first device must be [`Device::directory`](crate::Device::directory).
pub fn mount(disk: &Disk) -> io::Result<Mount> {
    let files = Files::of(disk)?;
    let mut mounted = mounted();
    let number = (0..).find(|number| !mounted.contains_key(number)).unwrap_or(u32::MAX);
    mounted.insert(number, files);
    Ok(Mount { number, path: Path::new(ABOVE).join(number.to_string()) })
}

fn mounted() -> MutexGuard<'static, BTreeMap<u32, Files>> {
    MOUNTED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mount {
    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        mounted().remove(&self.number);
    }
}

/// The tree of files in which a path is, and the path from its root; `None` for a path of this computer.
pub(super) fn find(path: &Path) -> io::Result<Option<(Files, PathBuf)>> {
    let Ok(within) = path.strip_prefix(ABOVE) else { return Ok(None) };
    let mut parts = within.components();
    let number = parts.next().and_then(|part| part.as_os_str().to_str()?.parse().ok());
    let files = number.and_then(|number: u32| mounted().get(&number).cloned());
    match files {
        Some(files) => Ok(Some((files, parts.as_path().to_owned()))),
        None => {
            Err(io::Error::new(io::ErrorKind::NotFound, format!("nothing is mounted at {}", path.display())))
        }
    }
}
