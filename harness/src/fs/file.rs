//! Open files.

use super::mount::find;
use super::names::Metadata;
use crate::files;
use crashcheck_trace::Reach;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// As [`std::fs::OpenOptions`].
#[derive(Clone, Debug)]
pub struct OpenOptions {
    ours: files::OpenOptions,
    real: fs::OpenOptions,
}

macro_rules! options {
    ($($name:ident)+) => {
        $(#[doc = concat!("As [`std::fs::OpenOptions::", stringify!($name), "`].")]
        pub fn $name(&mut self, is: bool) -> &mut Self {
            self.ours.$name(is);
            self.real.$name(is);
            self
        })+
    };
}

impl OpenOptions {
    /// As [`std::fs::OpenOptions::new`].
    #[expect(clippy::new_without_default, reason = "as there")]
    pub fn new() -> Self {
        OpenOptions { ours: files::OpenOptions::new(), real: fs::OpenOptions::new() }
    }

    options!(read write append truncate create create_new);

    /// As [`std::os::unix::fs::OpenOptionsExt::custom_flags`]: of the flags, `O_SYNC` makes every write durable on return, and
    /// `O_DSYNC` its data and what is needed to read them.
    pub fn custom_flags(&mut self, flags: i32) -> &mut Self {
        match files::written_through(flags as u32) {
            Some(Reach::Data) => self.ours.data_sync(true),
            reach => self.ours.sync(reach.is_some()),
        };
        self.real.custom_flags(flags);
        self
    }

    /// As [`std::fs::OpenOptions::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        Ok(File(match find(path.as_ref())? {
            Some((files, within)) => {
                Inner::Ours { file: self.ours.open(&files, within)?, at: Arc::new(Mutex::new(0)) }
            }
            None => Inner::Real(self.real.open(path)?),
        }))
    }
}

/// As [`std::fs::File`].
#[derive(Debug)]
pub struct File(Inner);

#[derive(Debug)]
enum Inner {
    /// The position is shared with clones.
    Ours {
        file: files::File,
        at: Arc<Mutex<u64>>,
    },
    Real(fs::File),
}

impl File {
    /// As [`std::fs::File::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).open(path)
    }

    /// As [`std::fs::File::create`].
    ///
    /// # Errors
    /// As there.
    pub fn create(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    /// As [`std::fs::File::create_new`].
    ///
    /// # Errors
    /// As there.
    pub fn create_new(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    }

    /// As [`std::fs::File::options`].
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// As [`std::fs::File::sync_all`]: of a directory, the names in it.
    ///
    /// # Errors
    /// As there.
    pub fn sync_all(&self) -> io::Result<()> {
        match &self.0 {
            Inner::Ours { file, .. } => file.sync_all(),
            Inner::Real(file) => file.sync_all(),
        }
    }

    /// As [`std::fs::File::sync_data`].
    ///
    /// # Errors
    /// As there.
    pub fn sync_data(&self) -> io::Result<()> {
        match &self.0 {
            Inner::Ours { file, .. } => file.sync_data(),
            Inner::Real(file) => file.sync_data(),
        }
    }

    /// As [`std::fs::File::set_len`].
    ///
    /// # Errors
    /// As there.
    pub fn set_len(&self, len: u64) -> io::Result<()> {
        match &self.0 {
            Inner::Ours { file, .. } => file.set_len(len),
            Inner::Real(file) => file.set_len(len),
        }
    }

    /// As [`std::fs::File::metadata`].
    ///
    /// # Errors
    /// As there.
    pub fn metadata(&self) -> io::Result<Metadata> {
        match &self.0 {
            Inner::Ours { file, .. } => Ok(file.metadata()?.into()),
            Inner::Real(file) => Ok(file.metadata()?.into()),
        }
    }

    /// As [`std::fs::File::try_clone`].
    ///
    /// # Errors
    /// As there.
    pub fn try_clone(&self) -> io::Result<File> {
        Ok(File(match &self.0 {
            Inner::Ours { file, at } => Inner::Ours { file: file.clone(), at: Arc::clone(at) },
            Inner::Real(file) => Inner::Real(file.try_clone()?),
        }))
    }
}

/// As [`std::os::unix::fs::FileExt`].
pub trait FileExt {
    /// As [`std::os::unix::fs::FileExt::read_at`].
    ///
    /// # Errors
    /// As there.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// As [`std::os::unix::fs::FileExt::write_at`].
    ///
    /// # Errors
    /// As there.
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize>;

    /// As [`std::os::unix::fs::FileExt::read_exact_at`].
    ///
    /// # Errors
    /// As there.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while done < buf.len() {
            match self.read_at(&mut buf[done..], offset + done as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => done += read,
            }
        }
        Ok(())
    }

    /// As [`std::os::unix::fs::FileExt::write_all_at`].
    ///
    /// # Errors
    /// As there.
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while done < buf.len() {
            match self.write_at(&buf[done..], offset + done as u64)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => done += written,
            }
        }
        Ok(())
    }
}

impl FileExt for File {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        match &self.0 {
            Inner::Ours { file, .. } => file.read_at(buf, offset),
            Inner::Real(file) => file.read_at(buf, offset),
        }
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        match &self.0 {
            Inner::Ours { file, .. } => file.write_at(buf, offset).map(|_| buf.len()),
            Inner::Real(file) => file.write_at(buf, offset),
        }
    }
}

impl Read for &File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &self.0 {
            Inner::Ours { file, at } => {
                let mut at = at.lock().unwrap_or_else(PoisonError::into_inner);
                let read = file.read_at(buf, *at)?;
                *at += read as u64;
                Ok(read)
            }
            Inner::Real(file) => (&*file).read(buf),
        }
    }
}

impl Write for &File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Inner::Ours { file, at } => {
                let mut at = at.lock().unwrap_or_else(PoisonError::into_inner);
                *at = file.write_at(buf, *at)?;
                Ok(buf.len())
            }
            Inner::Real(file) => (&*file).write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for &File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &self.0 {
            Inner::Ours { file, at } => {
                let mut at = at.lock().unwrap_or_else(PoisonError::into_inner);
                let place = match to {
                    SeekFrom::Start(place) => Some(place),
                    SeekFrom::Current(by) => at.checked_add_signed(by),
                    SeekFrom::End(by) => file.len()?.checked_add_signed(by),
                };
                *at = place.ok_or(io::ErrorKind::InvalidInput)?;
                Ok(*at)
            }
            Inner::Real(file) => (&*file).seek(to),
        }
    }
}

impl Read for File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }
}

impl Write for File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        (&*self).seek(to)
    }
}
