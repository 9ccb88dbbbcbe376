//! What is done with paths.

use super::file::File;
use super::mount::find;
use crate::files::{self, Files, Kind};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// As [`std::fs::FileType`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileType(Option<Kind>);

impl FileType {
    /// As [`std::fs::FileType::is_file`].
    pub fn is_file(&self) -> bool {
        self.0 == Some(Kind::File)
    }

    /// As [`std::fs::FileType::is_dir`].
    pub fn is_dir(&self) -> bool {
        self.0 == Some(Kind::Directory)
    }

    /// As [`std::fs::FileType::is_symlink`].
    pub fn is_symlink(&self) -> bool {
        self.0 == Some(Kind::Link)
    }
}

impl From<fs::FileType> for FileType {
    fn from(real: fs::FileType) -> Self {
        FileType(match () {
            () if real.is_file() => Some(Kind::File),
            () if real.is_dir() => Some(Kind::Directory),
            () if real.is_symlink() => Some(Kind::Link),
            () => None,
        })
    }
}

/// As [`std::fs::Metadata`], without owner, permissions and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    kind: FileType,
    len: u64,
}

#[expect(clippy::len_without_is_empty, reason = "as there")]
impl Metadata {
    /// As [`std::fs::Metadata::len`].
    pub fn len(&self) -> u64 {
        self.len
    }

    /// As [`std::fs::Metadata::file_type`].
    pub fn file_type(&self) -> FileType {
        self.kind
    }

    /// As [`std::fs::Metadata::is_file`].
    pub fn is_file(&self) -> bool {
        self.kind.is_file()
    }

    /// As [`std::fs::Metadata::is_dir`].
    pub fn is_dir(&self) -> bool {
        self.kind.is_dir()
    }

    /// As [`std::fs::Metadata::is_symlink`].
    pub fn is_symlink(&self) -> bool {
        self.kind.is_symlink()
    }
}

impl From<files::Metadata> for Metadata {
    fn from(ours: files::Metadata) -> Self {
        Metadata { kind: FileType(Some(ours.kind)), len: ours.len }
    }
}

impl From<fs::Metadata> for Metadata {
    fn from(real: fs::Metadata) -> Self {
        Metadata { kind: real.file_type().into(), len: real.len() }
    }
}

/// As [`std::fs::DirEntry`].
#[derive(Clone, Debug)]
pub struct DirEntry {
    path: PathBuf,
    name: OsString,
    kind: FileType,
}

impl DirEntry {
    /// As [`std::fs::DirEntry::path`].
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// As [`std::fs::DirEntry::file_name`].
    pub fn file_name(&self) -> OsString {
        self.name.clone()
    }

    /// As [`std::fs::DirEntry::file_type`].
    ///
    /// # Errors
    /// None.
    pub fn file_type(&self) -> io::Result<FileType> {
        Ok(self.kind)
    }

    /// As [`std::fs::DirEntry::metadata`].
    ///
    /// # Errors
    /// As there.
    pub fn metadata(&self) -> io::Result<Metadata> {
        symlink_metadata(&self.path)
    }
}

/// As [`std::fs::ReadDir`].
#[derive(Debug)]
pub struct ReadDir(std::vec::IntoIter<io::Result<DirEntry>>);

impl Iterator for ReadDir {
    type Item = io::Result<DirEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

/// As [`std::fs::read_dir`], in an order that says nothing.
///
/// # Errors
/// As there.
pub fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = path.as_ref();
    let entries: Vec<io::Result<DirEntry>> = match find(path)? {
        Some((files, within)) => {
            let entry = |(name, kind): (String, Kind)| {
                Ok(DirEntry { path: path.join(&name), name: name.into(), kind: FileType(Some(kind)) })
            };
            files.read_dir(within)?.into_iter().map(entry).collect()
        }
        None => {
            let entry = |entry: io::Result<fs::DirEntry>| {
                let entry = entry?;
                let kind = entry.file_type()?.into();
                Ok(DirEntry { path: entry.path(), name: entry.file_name(), kind })
            };
            fs::read_dir(path)?.map(entry).collect()
        }
    };
    Ok(ReadDir(entries.into_iter()))
}

macro_rules! by_path {
    ($($name:ident)+) => {
        $(#[doc = concat!("As [`std::fs::", stringify!($name), "`].")]
        ///
        /// # Errors
        /// As there.
        pub fn $name(path: impl AsRef<Path>) -> io::Result<()> {
            match find(path.as_ref())? {
                Some((files, within)) => files.$name(within),
                None => fs::$name(path),
            }
        })+
    };
}

by_path!(create_dir remove_dir remove_file);

/// Does something with two paths, which are both in one tree of files, or both on this computer.
fn by_paths(
    (one, other): (&Path, &Path),
    ours: impl FnOnce(&Files, PathBuf, PathBuf) -> io::Result<()>,
    real: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let mount = |path: &Path| path.components().take(3).collect::<PathBuf>();
    match (find(one)?, find(other)?) {
        (Some((files, from)), Some((_, to))) if mount(one) == mount(other) => ours(&files, from, to),
        (None, None) => real(one, other),
        _ => Err(io::ErrorKind::CrossesDevices.into()),
    }
}

/// As [`std::fs::rename`].
///
/// # Errors
/// As there.
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    by_paths((from.as_ref(), to.as_ref()), Files::rename, |from, to| fs::rename(from, to))
}

/// As [`std::fs::hard_link`].
///
/// # Errors
/// As there.
pub fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let paths = (original.as_ref(), link.as_ref());
    by_paths(paths, Files::hard_link, |from, to| fs::hard_link(from, to))
}

/// As [`std::os::unix::fs::symlink`].
///
/// # Errors
/// As there.
pub fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    match find(link.as_ref())? {
        Some((files, within)) => files.symlink(original, within),
        None => std::os::unix::fs::symlink(original, link),
    }
}

/// As [`std::fs::read_link`].
///
/// # Errors
/// As there.
pub fn read_link(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    match find(path.as_ref())? {
        Some((files, within)) => files.read_link(within).map(PathBuf::from),
        None => fs::read_link(path),
    }
}

/// As [`std::fs::metadata`].
///
/// # Errors
/// As there.
pub fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    match find(path.as_ref())? {
        Some((files, within)) => Ok(files.metadata(within, true)?.into()),
        None => Ok(fs::metadata(path)?.into()),
    }
}

/// As [`std::fs::symlink_metadata`].
///
/// # Errors
/// As there.
pub fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    match find(path.as_ref())? {
        Some((files, within)) => Ok(files.metadata(within, false)?.into()),
        None => Ok(fs::symlink_metadata(path)?.into()),
    }
}

/// As [`std::fs::exists`].
///
/// # Errors
/// As there.
pub fn exists(path: impl AsRef<Path>) -> io::Result<bool> {
    match metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// As [`std::fs::create_dir_all`].
///
/// # Errors
/// As there.
pub fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    if find(path)?.is_none() {
        return fs::create_dir_all(path);
    }
    let is_directory = || metadata(path).is_ok_and(|found| found.is_dir());
    if is_directory() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        create_dir_all(above)?;
    }
    match create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_directory() => Ok(()),
        done => done,
    }
}

/// As [`std::fs::remove_dir_all`].
///
/// # Errors
/// As there.
pub fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    if find(path)?.is_none() {
        return fs::remove_dir_all(path);
    }
    for entry in read_dir(path)? {
        let entry = entry?;
        match entry.kind.is_dir() {
            true => remove_dir_all(entry.path)?,
            false => remove_file(entry.path)?,
        }
    }
    remove_dir(path)
}

/// As [`std::fs::read`].
///
/// # Errors
/// As there.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    match find(path.as_ref())? {
        Some((files, within)) => files.read(within),
        None => fs::read(path),
    }
}

/// As [`std::fs::read_to_string`].
///
/// # Errors
/// As there.
pub fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// As [`std::fs::write`].
///
/// # Errors
/// As there.
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    File::create(path)?.write_all(contents.as_ref())
}

/// As [`std::fs::copy`], without permissions.
///
/// # Errors
/// As there.
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    let bytes = read(from)?;
    write(to, &bytes)?;
    Ok(bytes.len() as u64)
}
