//! Open files.

use super::tree::{Files, Kind, Metadata};
use crate::disk::Disk;
use crashcheck_trace::{Bytes, Reach};
use rustix::fs::OFlags;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;

/// What of a write is durable on return through a descriptor with these flags. `O_SYNC` is `O_DSYNC` and one more bit.
pub(crate) fn written_through(flags: u32) -> Option<Reach> {
    let flags = OFlags::from_bits_retain(flags);
    let reach = if flags.contains(OFlags::SYNC) { Reach::All } else { Reach::Data };
    flags.intersects(OFlags::SYNC).then_some(reach)
}

/// How a file is opened: as [`std::fs::OpenOptions`].
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenOptions {
    read: bool,
    write: bool,
    append: bool,
    truncate: bool,
    create: bool,
    create_new: bool,
    sync: Option<Reach>,
}

macro_rules! options {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {
        $($(#[doc = $doc])+
        pub fn $name(&mut self, is: bool) -> &mut Self {
            self.$name = is;
            self
        })+
    };
}

impl OpenOptions {
    /// None of them.
    pub fn new() -> Self {
        OpenOptions::default()
    }

    options! {
        /// It can be read.
        read;
        /// It can be written.
        write;
        /// It can be written, at its end.
        append;
        /// It is empty then.
        truncate;
        /// It is made if it is not there.
        create;
        /// It is made, and must not be there.
        create_new;
    }

    /// Every write is durable on return, as with `O_SYNC`.
    pub fn sync(&mut self, is: bool) -> &mut Self {
        self.sync = is.then_some(Reach::All);
        self
    }

    /// Of every write the data are durable on return, and what is needed to read them, as with `O_DSYNC`.
    pub fn data_sync(&mut self, is: bool) -> &mut Self {
        self.sync = is.then_some(Reach::Data);
        self
    }

    /// Opens a file.
    ///
    /// # Errors
    /// As [`std::fs::OpenOptions::open`].
    pub fn open(&self, files: &Files, path: impl AsRef<Path>) -> io::Result<File> {
        let writes = self.write || self.append;
        let makes = self.create || self.create_new;
        if (makes || self.truncate) && !writes || self.truncate && self.append || !(writes || self.read) {
            return Err(ErrorKind::InvalidInput.into());
        }
        let inode = files.inode(path.as_ref(), self.create, self.create_new)?;
        if writes && Kind::of(&inode)? == Kind::Directory {
            return Err(ErrorKind::IsADirectory.into());
        }
        if self.truncate && inode.len()? > Bytes::ZERO {
            inode.resize(Bytes::ZERO)?;
        }
        Ok(File { inode, options: *self })
    }
}

/// An open file, or a directory that was opened to be made durable. It goes on working when its name is gone.
#[derive(Clone)]
pub struct File {
    inode: Disk,
    options: OpenOptions,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File(inode {}, {:?})", self.inode.id().0, self.options)
    }
}

impl File {
    /// How long it is.
    ///
    /// # Errors
    /// If the machine fails.
    #[expect(clippy::len_without_is_empty, reason = "as that of a device")]
    pub fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len)
    }

    /// What is known of it.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn metadata(&self) -> io::Result<Metadata> {
        Files::known(&self.inode)
    }

    /// Whether writes go to its end.
    pub fn appends(&self) -> bool {
        self.options.append
    }

    /// Reads from `at` on, as much as there is, and says how much.
    ///
    /// # Errors
    /// If it was not opened for reading, or the machine fails.
    pub fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        if !self.options.read {
            return Err(ErrorKind::PermissionDenied.into());
        }
        if Kind::of(&self.inode)? == Kind::Directory {
            return Err(ErrorKind::IsADirectory.into());
        }
        let left = usize::try_from(self.len()?.saturating_sub(at)).unwrap_or(usize::MAX);
        let part = bytes.len().min(left);
        // Behind the end there is nothing, however far.
        if part == 0 {
            return Ok(0);
        }
        self.inode.read(Bytes(at), &mut bytes[..part])?;
        Ok(part)
    }

    /// Writes all of it from `at` on, or at the end if it was opened so, as one call; says where that ends.
    ///
    /// # Errors
    /// If it was not opened for writing, or the machine fails.
    pub fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<u64> {
        self.writes()?;
        let at = if self.appends() { self.len()? } else { at };
        self.inode.write_through(Bytes(at), bytes, self.options.sync)?;
        Ok(at + bytes.len() as u64)
    }

    /// Makes it shorter, or longer by zeros. If that is how long it is, nothing changes.
    ///
    /// # Errors
    /// If it was not opened for writing, or the machine fails.
    pub fn set_len(&self, len: u64) -> io::Result<()> {
        self.writes()?;
        if self.inode.len()? != Bytes(len) {
            self.inode.resize(Bytes(len))?;
        }
        Ok(())
    }

    fn writes(&self) -> io::Result<()> {
        match self.options.write || self.options.append {
            true => Ok(()),
            false => Err(ErrorKind::PermissionDenied.into()),
        }
    }

    /// Makes its data and its length durable, not its name; of a directory, the names in it.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn sync_all(&self) -> io::Result<()> {
        Ok(self.inode.flush()?)
    }

    /// Makes its data durable, and its length where that is needed to read it.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn sync_data(&self) -> io::Result<()> {
        Ok(self.inode.flush_data()?)
    }
}
