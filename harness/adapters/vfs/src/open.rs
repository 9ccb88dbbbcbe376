//! Files that are open.

use crate::locks::Locks;
use crashcheck::fs::{self, File, FileExt};
use std::io;
use std::path::{Path, PathBuf};

/// How a file is to be opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub(crate) write: bool,
    pub(crate) create: bool,
    pub(crate) create_new: bool,
    /// It is removed when it is closed.
    pub(crate) temporary: bool,
    /// It is a journal or a write-ahead log: one whose name must survive as well.
    pub(crate) is_log: bool,
}

/// An open file.
pub(crate) struct Open {
    content: Content,
    /// Where it is; a file without a name is memory.
    path: PathBuf,
    /// Whether its name may not be durable yet.
    is_new: bool,
    is_temporary: bool,
    pub(crate) locks: Locks,
}

enum Content {
    File(File),
    Memory(Vec<u8>),
}

impl Open {
    /// Opens a file, or makes one without a name.
    pub(crate) fn new(path: Option<&Path>, how: How) -> io::Result<Open> {
        let content = match path {
            None => Content::Memory(Vec::new()),
            Some(path) => Content::File(
                fs::OpenOptions::new()
                    .read(true)
                    .write(how.write)
                    .create(how.create)
                    .create_new(how.create_new)
                    .open(path)?,
            ),
        };
        let path = path.unwrap_or(Path::new("")).to_owned();
        let locks = Locks::of(&path);
        Ok(Open { content, path, is_new: how.is_log && how.create, is_temporary: how.temporary, locks })
    }

    /// Reads from `at` on, as much as there is, and says how much.
    pub(crate) fn read(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        match &self.content {
            Content::File(file) => {
                let mut done = 0;
                while done < bytes.len() {
                    match file.read_at(&mut bytes[done..], at + done as u64)? {
                        0 => break,
                        read => done += read,
                    }
                }
                Ok(done)
            }
            Content::Memory(content) => {
                let begin = usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
                let len = bytes.len().min(content.len() - begin);
                bytes[..len].copy_from_slice(&content[begin..begin + len]);
                Ok(len)
            }
        }
    }

    /// Writes all of it.
    pub(crate) fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        match &mut self.content {
            Content::File(file) => file.write_all_at(bytes, at),
            Content::Memory(content) => {
                let begin = usize::try_from(at).map_err(io::Error::other)?;
                content.resize(content.len().max(begin + bytes.len()), 0);
                content[begin..begin + bytes.len()].copy_from_slice(bytes);
                Ok(())
            }
        }
    }

    pub(crate) fn set_len(&mut self, len: u64) -> io::Result<()> {
        match &mut self.content {
            Content::File(file) => file.set_len(len),
            Content::Memory(content) => {
                content.resize(usize::try_from(len).map_err(io::Error::other)?, 0);
                Ok(())
            }
        }
    }

    pub(crate) fn len(&self) -> io::Result<u64> {
        match &self.content {
            Content::File(file) => Ok(file.metadata()?.len()),
            Content::Memory(content) => Ok(content.len() as u64),
        }
    }

    /// Makes it durable; of a new log the name, too.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if let Content::File(file) = &self.content {
            file.sync_data()?;
            if std::mem::take(&mut self.is_new) {
                sync_directory_of(&self.path)?;
            }
        }
        Ok(())
    }

    /// Removes it if it was temporary.
    pub(crate) fn close(self) -> io::Result<()> {
        match self.content {
            Content::File(_) if self.is_temporary => fs::remove_file(&self.path),
            Content::File(_) | Content::Memory(_) => Ok(()),
        }
    }
}

/// Makes the names durable that are beside this one, and it itself.
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}
