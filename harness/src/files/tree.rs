//! What is done with names: look them up, give them, take them away.

use super::open::{File, OpenOptions};
use super::path::{Place, look_up};
use crate::disk::Disk;
use crashcheck_trace::files::{Entry, NameChange, SLOT};
use crashcheck_trace::{Bytes, Device, DeviceId, DeviceKind};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

/// The tree of files of a machine. Paths begin at its root, with or without a `/`.
///
/// ```
/// use crashcheck::files::Files;
/// use crashcheck::{Device, Disk};
///
/// let files = Files::of(&Disk::plain(&[Device::directory(".")]))?;
/// files.create_dir("store")?;
/// let file = files.create("store/new")?;
/// file.write_at(b"one", 0)?;
/// file.sync_all()?;
/// files.rename("store/new", "store/current")?;
/// files.sync_dir("store")?;
/// assert_eq!(files.read("store/current")?, b"one");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Files {
    root: Disk,
}

/// What an inode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
}

impl Kind {
    /// What a device of a tree is.
    pub(crate) fn of(device: &Disk) -> io::Result<Kind> {
        match device.kind()? {
            DeviceKind::File | DeviceKind::Block => Ok(Kind::File),
            DeviceKind::Directory => Ok(Kind::Directory),
            DeviceKind::Link => Ok(Kind::Link),
            DeviceKind::Nand(_) => Err(io::Error::other("a flash chip is no file")),
        }
    }
}

/// What is known of an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// The length of a file or of what a link points to; 0 for a directory.
    pub len: u64,
    /// The number of its device.
    pub inode: DeviceId,
}

/// The names in a directory, each with the kind of what has it, in an order of the directory's own.
pub type Entries = Vec<(String, Kind)>;

impl Files {
    /// The tree of a machine.
    ///
    /// # Errors
    /// If the first device of the machine is no directory.
    pub fn of(disk: &Disk) -> io::Result<Files> {
        let root = disk.device(DeviceId(0));
        match root.kind()? {
            DeviceKind::Directory => Ok(Files { root }),
            _ => Err(io::Error::other(
                "the machine is no tree of files: its first device must be Device::directory(\".\")",
            )),
        }
    }

    pub(crate) fn root(&self) -> Disk {
        self.root.clone()
    }

    /// What has a name in a directory.
    pub(crate) fn named(&self, directory: &Disk, name: &str) -> io::Result<Option<Disk>> {
        if !Entry::is_name(name) {
            return Err(io::Error::new(ErrorKind::InvalidInput, format!("{name:?} is no name")));
        }
        let slot = directory.lend(Entry::slot(name), SLOT.index())?;
        match Entry::parse(&slot) {
            Some(entry) if entry.name != name => {
                Err(io::Error::other(format!("{name:?} and {:?} have one slot", entry.name)))
            }
            found => Ok(found.map(|entry| self.root.device(entry.inode))),
        }
    }

    /// What a symbolic link points to.
    pub(crate) fn target(&self, link: &Disk) -> io::Result<String> {
        let target = link.lend(Bytes::ZERO, link.len()?.index())?;
        String::from_utf8(target.to_vec()).map_err(io::Error::other)
    }

    fn look_up(&self, path: impl AsRef<Path>, follow: bool) -> io::Result<Place> {
        look_up(self, path.as_ref(), follow)
    }

    /// A name that can be given: its directory and itself.
    fn free(&self, path: impl AsRef<Path>) -> io::Result<(Disk, String)> {
        match self.look_up(path, false)? {
            Place { directory, name: Some(name), inode: None } => Ok((directory, name)),
            _ => Err(ErrorKind::AlreadyExists.into()),
        }
    }

    /// A name that is given: its directory, itself, and what has it.
    fn given(&self, path: impl AsRef<Path>) -> io::Result<(Disk, String, Disk)> {
        let Place { directory, name, inode } = self.look_up(path, false)?;
        let inode = inode.ok_or(ErrorKind::NotFound)?;
        Ok((directory, name.ok_or(ErrorKind::InvalidInput)?, inode))
    }

    /// Makes something with a new name.
    fn make(
        &self,
        path: impl AsRef<Path>,
        call: &str,
        device: impl FnOnce(&str) -> Device,
    ) -> io::Result<Disk> {
        let (directory, name) = self.free(&path)?;
        let told: PathBuf =
            path.as_ref().components().skip_while(|part| *part == Component::RootDir).collect();
        self.make_in(&directory, name, call, device(&told.display().to_string()))
    }

    /// The same in a directory in which the name is free.
    pub(crate) fn make_in(
        &self,
        directory: &Disk,
        name: String,
        call: &str,
        device: Device,
    ) -> io::Result<Disk> {
        let inode = self.root.add_device(device)?;
        self.change(call, [(directory, name, Some(&inode))])?;
        Ok(inode)
    }

    /// Gives names to inodes or takes them away, as one call.
    pub(crate) fn change<'a>(
        &self,
        call: &str,
        changes: impl IntoIterator<Item = (&'a Disk, String, Option<&'a Disk>)>,
    ) -> io::Result<()> {
        let change = |(directory, name, inode): (&Disk, String, Option<&Disk>)| NameChange {
            directory: directory.id(),
            name,
            inode: inode.map(Disk::id),
        };
        let changes: Vec<NameChange> = changes.into_iter().map(change).collect();
        Ok(self.root.labelled(call).change_names(&changes)?)
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// As [`std::fs::File::open`].
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).open(self, path)
    }

    /// Opens a file for reading and writing that is empty then, and is made if it is not there.
    ///
    /// # Errors
    /// As [`std::fs::File::create`].
    pub fn create(&self, path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(self, path)
    }

    /// The file at a path, made if it is not there and may be.
    pub(super) fn inode(&self, path: &Path, create: bool, new: bool) -> io::Result<Disk> {
        let place = self.look_up(path, !new)?;
        match place.inode {
            Some(_) if new => Err(ErrorKind::AlreadyExists.into()),
            Some(inode) => Ok(inode),
            None if create || new => self.make(path, "create", Device::file),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    /// All bytes of a file.
    ///
    /// # Errors
    /// As [`std::fs::read`].
    pub fn read(&self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let file = self.open(path)?;
        let mut bytes = vec![0; file.len()? as usize];
        let read = file.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Replaces the content of a file, which is made if it is not there.
    ///
    /// # Errors
    /// As [`std::fs::write`].
    pub fn write(&self, path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
        self.create(path)?.write_at(bytes, 0).map(|_| ())
    }

    /// Renames a file or a directory; what had the new name before is replaced.
    ///
    /// # Errors
    /// As [`std::fs::rename`].
    pub fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
        let (old, old_name, inode) = self.given(from)?;
        let Place { directory: new, name, inode: replaced } = self.look_up(&to, false)?;
        let new_name = name.ok_or(ErrorKind::InvalidInput)?;
        if let Some(replaced) = &replaced {
            if replaced.id() == inode.id() {
                return Ok(());
            }
            self.may_replace(&inode, replaced)?;
        }
        if self.is_within(&inode, to.as_ref())? {
            return Err(ErrorKind::InvalidInput.into());
        }
        self.replace((&old, old_name, &inode), (&new, new_name), replaced.is_some())
    }

    /// Gives an inode another name, which is taken away from what has it.
    pub(crate) fn replace(
        &self,
        (old, old_name, inode): (&Disk, String, &Disk),
        (new, new_name): (&Disk, String),
        replaces: bool,
    ) -> io::Result<()> {
        let taken = (new, new_name.clone(), None);
        let moved = [(old, old_name, None), (new, new_name, Some(inode))];
        match replaces {
            true => self.change("rename", std::iter::once(taken).chain(moved)),
            false => self.change("rename", moved),
        }
    }

    /// Whether something can take the place of something else.
    pub(crate) fn may_replace(&self, inode: &Disk, replaced: &Disk) -> io::Result<()> {
        match (Kind::of(inode)?, Kind::of(replaced)?) {
            (Kind::Directory, Kind::Directory) => self.is_empty(replaced),
            (Kind::Directory, _) => Err(ErrorKind::NotADirectory.into()),
            (_, Kind::Directory) => Err(ErrorKind::IsADirectory.into()),
            _ => Ok(()),
        }
    }

    /// Makes sure that something is a directory without names.
    pub(crate) fn is_empty(&self, directory: &Disk) -> io::Result<()> {
        if self.names(directory)?.is_empty() { Ok(()) } else { Err(ErrorKind::DirectoryNotEmpty.into()) }
    }

    /// Whether the directory of a path is a directory or lies in it.
    fn is_within(&self, directory: &Disk, path: &Path) -> io::Result<bool> {
        let mut above = path.ancestors().skip(1);
        above.try_fold(false, |is, part| Ok(is || self.look_up(part, true)?.found()?.id() == directory.id()))
    }

    /// Gives a file another name.
    ///
    /// # Errors
    /// As [`std::fs::hard_link`].
    pub fn hard_link(&self, original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
        let (_, _, inode) = self.given(original)?;
        if Kind::of(&inode)? == Kind::Directory {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let (directory, name) = self.free(link)?;
        self.change("link", [(&directory, name, Some(&inode))])
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// As [`std::os::unix::fs::symlink`]; if the target is not UTF-8.
    pub fn symlink(&self, target: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
        let target = target.as_ref().to_str().ok_or(ErrorKind::InvalidInput)?;
        self.make(link, "symlink", |name| Device::link(name, target)).map(|_| ())
    }

    /// What a symbolic link points to.
    ///
    /// # Errors
    /// As [`std::fs::read_link`].
    pub fn read_link(&self, path: impl AsRef<Path>) -> io::Result<String> {
        let (_, _, inode) = self.given(path)?;
        match Kind::of(&inode)? {
            Kind::Link => self.target(&inode),
            Kind::File | Kind::Directory => Err(ErrorKind::InvalidInput.into()),
        }
    }

    /// Takes the name of a file away.
    ///
    /// # Errors
    /// As [`std::fs::remove_file`].
    pub fn remove_file(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let (directory, name, inode) = self.given(path)?;
        match Kind::of(&inode)? {
            Kind::Directory => Err(ErrorKind::IsADirectory.into()),
            Kind::File | Kind::Link => self.change("unlink", [(&directory, name, None)]),
        }
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// As [`std::fs::create_dir`].
    pub fn create_dir(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.make(path, "mkdir", Device::directory).map(|_| ())
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// As [`std::fs::remove_dir`].
    pub fn remove_dir(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let (directory, name, inode) = self.given(path)?;
        if Kind::of(&inode)? != Kind::Directory {
            return Err(ErrorKind::NotADirectory.into());
        }
        self.is_empty(&inode)?;
        self.change("rmdir", [(&directory, name, None)])
    }

    /// The names in a directory.
    ///
    /// # Errors
    /// As [`std::fs::read_dir`].
    pub fn read_dir(&self, path: impl AsRef<Path>) -> io::Result<Entries> {
        let inode = self.look_up(path, true)?.found()?;
        let entries = self.names(&inode)?.into_iter();
        entries.map(|entry| Ok((entry.name, Kind::of(&self.root.device(entry.inode))?))).collect()
    }

    /// The names in a directory, each with its inode.
    pub(crate) fn names(&self, directory: &Disk) -> io::Result<Vec<Entry>> {
        if Kind::of(directory)? != Kind::Directory {
            return Err(ErrorKind::NotADirectory.into());
        }
        Ok(directory.slots()?.iter().filter_map(|slot| Entry::parse(slot)).collect())
    }

    /// What is known of a file, a directory or, if links are not followed, of a link.
    ///
    /// # Errors
    /// As [`std::fs::metadata`].
    pub fn metadata(&self, path: impl AsRef<Path>, follow: bool) -> io::Result<Metadata> {
        Files::known(&self.look_up(path, follow)?.found()?)
    }

    pub(crate) fn known(inode: &Disk) -> io::Result<Metadata> {
        let kind = Kind::of(inode)?;
        let len = if kind == Kind::Directory { 0 } else { inode.len()?.0 };
        Ok(Metadata { kind, len, inode: inode.id() })
    }

    /// Makes the names in a directory durable, as `fsync` of an open directory does.
    ///
    /// # Errors
    /// If there is no such directory, or as [`std::fs::File::sync_all`].
    pub fn sync_dir(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let inode = self.look_up(path, true)?.found()?;
        match Kind::of(&inode)? {
            Kind::Directory => Ok(inode.flush()?),
            Kind::File | Kind::Link => Err(ErrorKind::NotADirectory.into()),
        }
    }

    /// Makes everything durable, as `sync` does.
    ///
    /// # Errors
    /// As [`std::fs::File::sync_all`].
    pub fn sync(&self) -> io::Result<()> {
        self.root.each_device()?.try_for_each(|inode| Ok(inode.flush()?))
    }
}
