//! Mounting and unmounting.

use fuser::{BackgroundSession, Config, Filesystem, MountOption, SessionACL};
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::geteuid;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a folder cannot be served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MountError {
    /// It is not empty.
    #[error("{} is not empty: what is in it would be hidden; name an empty folder, or one that is not there", at.display())]
    NotEmpty {
        /// The folder.
        at: PathBuf,
    },
    /// It is no folder, or cannot be made.
    #[error("{} cannot be used: {source}", at.display())]
    Unusable {
        /// The folder.
        at: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// FUSE cannot be used.
    #[error(
        "cannot mount a file system on {}: {source}; this needs /dev/fuse, and root, or else the program fusermount3 (Debian's \
         package fuse3); in a container --device /dev/fuse --cap-add SYS_ADMIN", at.display()
    )]
    NoFuse {
        /// The folder.
        at: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A folder in which there is nothing.
pub(super) struct Place {
    /// Where it is, whatever the current folder is by then.
    pub(super) at: PathBuf,
    /// Whether it was made.
    pub(super) made: bool,
}

impl Place {
    /// Makes the folder if it is not there.
    pub(super) fn empty(at: &Path) -> Result<Place, MountError> {
        let unusable = |source| MountError::Unusable { at: at.to_owned(), source };
        let made = match fs::create_dir(at) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            made => made.map(|()| true).map_err(unusable)?,
        };
        if fs::read_dir(at).map_err(unusable)?.next().is_some() {
            return Err(MountError::NotEmpty { at: at.to_owned() });
        }
        Ok(Place { at: fs::canonicalize(at).map_err(unusable)?, made })
    }
}

/// A mounted file system, unmounted when it is dropped, whoever still uses it.
pub(super) struct Mount {
    /// Where it is, whatever the current folder is by then.
    at: PathBuf,
    /// Whether the folder was made for it.
    made: bool,
    session: Option<BackgroundSession>,
}

impl Mount {
    /// Mounts a file system on a folder, which is made if it is not there.
    pub(super) fn new(file_system: impl Filesystem, at: &Path) -> Result<Mount, MountError> {
        let Place { at: whole, made } = Place::empty(at)?;
        let mut mount = Mount { at: whole, made, session: None };
        let mut config = Config::default();
        // The kernel looks at modes and owners as it does elsewhere.
        config.mount_options =
            vec![MountOption::FSName("crashcheck".to_owned()), MountOption::DefaultPermissions];
        // A server that refuses to run as root runs as somebody else.
        config.acl = if geteuid().is_root() { SessionACL::All } else { SessionACL::Owner };
        let session = fuser::spawn_mount(file_system, at, &config);
        mount.session = Some(session.map_err(|source| MountError::NoFuse { at: at.to_owned(), source })?);
        Ok(mount)
    }

    /// Ends the connection, so that whatever still waits for an answer gets an error.
    fn abort(&self) {
        if let Ok(metadata) = fs::metadata(&self.at) {
            let minor = rustix::fs::minor(metadata.dev());
            // Where that is not allowed, programs that are still there keep the connection until they end.
            let _ = fs::write(format!("/sys/fs/fuse/connections/{minor}/abort"), "1");
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            // Only what still uses it keeps it from ending well.
            if unmount(&self.at, UnmountFlags::empty()).is_err() {
                self.abort();
                let _ = unmount(&self.at, UnmountFlags::DETACH);
            }
            drop(session);
        }
        if self.made {
            let _ = fs::remove_dir(&self.at);
        }
    }
}
