//! The operations, each checked for refusal before it changes anything.

use super::blocks::{FileSystem, FsError};
use super::bugs::Bug;
use super::dir;
use super::files::Files;
use super::format::{BLOCK_SIZE, InodeNo};
use super::inode::{FileType, Inode};
use super::names::{Entry, Names};
use super::store::Store;
use crate::fs::posix::FILE_SIZE_MAX;
use crate::fs::{Errno, Fill, FsOp, Path};
use crashcheck::{Ack, Bytes};

impl<S: Store> FileSystem<S> {
    /// Performs an operation.
    ///
    /// # Errors
    /// If the store fails, or the disk holds nonsense; a refusal is an [`Ack`].
    pub fn apply(&mut self, op: &FsOp) -> Result<Ack, FsError> {
        if self.is_read_only() {
            return Ok(Ack::Refused);
        }
        let outcome = self.begin_and_perform(op);
        self.after(outcome)
    }

    fn begin_and_perform(&mut self, op: &FsOp) -> Result<Ack, FsError> {
        self.store.begin()?;
        self.clock += 1;
        let mut outcome = self.perform(op);
        if outcome == Err(FsError::Refused(Errno::ENOSPC)) && self.store.sync_frees() {
            self.store.sync()?;
            outcome = self.perform(op);
        }
        match outcome {
            Ok(ack) => {
                self.store.end()?;
                Ok(ack)
            }
            Err(FsError::Refused(_)) => Ok(Ack::Refused),
            Err(error) => Err(error),
        }
    }
}

/// The operations, over any layer below.
pub(crate) trait Operations: Names {
    /// Performs an operation.
    ///
    /// # Errors
    /// Also if it is refused, which is before it changed anything.
    fn perform(&mut self, op: &FsOp) -> Result<Ack, FsError> {
        match op {
            FsOp::Create(path) => self.create(path, FileType::File, None)?,
            FsOp::Symlink { target, at } => self.create(at, FileType::Symlink, Some(target))?,
            FsOp::Mkdir(path) => self.mkdir(path)?,
            FsOp::Rmdir(path) => self.rmdir(path)?,
            FsOp::Unlink(path) => self.unlink(path)?,
            FsOp::Link { from, to } => self.link(from, to)?,
            FsOp::Rename { from, to } => self.rename(from, to)?,
            FsOp::Write { path, at, len, fill } => self.write(path, Some(*at), *len, *fill)?,
            FsOp::Append { path, len, fill } => self.write(path, None, *len, *fill)?,
            FsOp::Truncate { path, len } => self.truncate(path, *len)?,
            FsOp::Fsync(path) => {
                let (number, _) = self.resolve(path)?;
                self.fsync(number)?;
                return Ok(Ack::Durable);
            }
            FsOp::Sync => {
                self.sync()?;
                return Ok(Ack::Durable);
            }
        }
        Ok(Ack::Volatile)
    }

    fn create(&mut self, path: &Path, kind: FileType, target: Option<&Path>) -> Result<(), FsError> {
        let (dir, name) = self.free_name(path)?;
        let own = target.map_or(0, Self::blocks_for_target);
        let growth = self.blocks_for_name(dir, name)?;
        self.reserve(own + growth, 1)?;
        let (number, mut inode) = self.new_inode(kind, dir)?;
        inode.nlink = 1;
        if let Some(target) = target {
            self.set_target(number, &mut inode, target)?;
        }
        self.put_inode(number, &inode)?;
        self.add_name(dir, name, number, kind)
    }

    fn mkdir(&mut self, path: &Path) -> Result<(), FsError> {
        let (dir, name) = self.free_name(path)?;
        let growth = self.blocks_for_name(dir, name)?;
        self.reserve(1 + growth, 1)?;
        let (number, mut inode) = self.new_inode(FileType::Dir, dir)?;
        dir::init_first(self.block_mut(number, &mut inode, 0)?.0, number, dir);
        (inode.nlink, inode.size) = (2, Bytes::of(BLOCK_SIZE));
        self.put_inode(number, &inode)?;
        self.add_name(dir, name, number, FileType::Dir)?;
        self.change_links(dir, 1)
    }

    fn rmdir(&mut self, path: &Path) -> Result<(), FsError> {
        let (entry, inode) = self.existing(path, Errno::EBUSY)?;
        if inode.kind != FileType::Dir {
            return Err(Errno::ENOTDIR.into());
        }
        if !self.is_empty(entry.inode, &inode)? {
            return Err(Errno::ENOTEMPTY.into());
        }
        self.remove_name(entry)?;
        self.change_links(entry.dir, -1)?;
        self.release_inode(entry.inode, inode)
    }

    fn unlink(&mut self, path: &Path) -> Result<(), FsError> {
        let (entry, inode) = self.existing(path, Errno::EISDIR)?;
        if inode.kind == FileType::Dir {
            return Err(Errno::EISDIR.into());
        }
        self.remove_name(entry)?;
        self.drop_link(entry.inode)
    }

    fn link(&mut self, from: &Path, to: &Path) -> Result<(), FsError> {
        let (entry, inode) = self.existing(from, Errno::EPERM)?;
        if inode.kind != FileType::File {
            return Err(Errno::EPERM.into());
        }
        let (dir, name) = self.free_name(to)?;
        let growth = self.blocks_for_name(dir, name)?;
        self.reserve(growth, 0)?;
        self.change_links(entry.inode, 1)?;
        self.add_name(dir, name, entry.inode, inode.kind)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<(), FsError> {
        let (old, moving) = self.existing(from, Errno::EBUSY)?;
        let (dir, name) = self.place(to)?.ok_or(Errno::EBUSY)?;
        let parent = self.inode(dir)?;
        let replaced = self.lookup(dir, &parent, name)?;
        if replaced.is_some_and(|replaced| (replaced.dir, replaced.name) == (old.dir, old.name)) {
            return Ok(());
        }
        if moving.kind == FileType::Dir && self.is_within(dir, old.inode)? {
            return Err(Errno::EINVAL.into());
        }
        match replaced {
            Some(replaced) if replaced.inode == old.inode => Ok(()),
            Some(replaced) => self.rename_over(old, &moving, replaced),
            None => self.rename_to(old, &moving, dir, name),
        }
    }

    /// Whether a directory is another one or lies below it.
    fn is_within(&mut self, dir: InodeNo, above: InodeNo) -> Result<bool, FsError> {
        let mut here = dir;
        for _ in 0..self.inodes() {
            if here == above {
                return Ok(true);
            }
            if here == InodeNo::ROOT {
                return Ok(false);
            }
            here = self.parent(here)?;
        }
        Err(FsError::Corrupt { inode: dir, what: "its '..' never leads to the root" })
    }

    /// The new name first: a crash may show both, and fsck counts links, but a file without a name and without a link
    /// would be gone (OP-03 rule 3).
    fn rename_to(&mut self, old: Entry<'_>, moving: &Inode, dir: InodeNo, name: &str) -> Result<(), FsError> {
        let growth = self.blocks_for_name(dir, name)?;
        self.reserve(growth, 0)?;
        if self.faults().has(Bug::RenameDeletesFirst) && moving.kind == FileType::File {
            self.remove_name(old)?;
            self.change_links(old.inode, -1)?;
            self.sync()?;
            self.change_links(old.inode, 1)?;
            return self.add_name(dir, name, old.inode, moving.kind);
        }
        self.add_name(dir, name, old.inode, moving.kind)?;
        self.remove_name(old)?;
        self.moved(old, moving, dir)
    }

    fn rename_over(&mut self, old: Entry<'_>, moving: &Inode, replaced: Entry<'_>) -> Result<(), FsError> {
        let victim = self.inode(replaced.inode)?;
        match (moving.kind, victim.kind) {
            (FileType::Dir, FileType::Dir) if !self.is_empty(replaced.inode, &victim)? => {
                return Err(Errno::ENOTEMPTY.into());
            }
            (FileType::Dir, FileType::Dir) => {}
            (FileType::Dir, _) => return Err(Errno::ENOTDIR.into()),
            (_, FileType::Dir) => return Err(Errno::EISDIR.into()),
            _ => {}
        }
        self.retarget(replaced, old.inode, moving.kind)?;
        self.remove_name(old)?;
        if victim.kind == FileType::Dir {
            self.change_links(replaced.dir, -1)?;
            self.release_inode(replaced.inode, victim)?;
        } else {
            self.drop_link(replaced.inode)?;
        }
        self.moved(old, moving, replaced.dir)
    }

    /// A directory that has moved has another "..", and the two parents have other link counts.
    fn moved(&mut self, old: Entry<'_>, moving: &Inode, dir: InodeNo) -> Result<(), FsError> {
        if moving.kind != FileType::Dir || old.dir == dir {
            return Ok(());
        }
        self.set_parent(old.inode, dir)?;
        self.change_links(old.dir, -1)?;
        self.change_links(dir, 1)
    }

    fn write(&mut self, path: &Path, at: Option<Bytes>, len: Bytes, fill: Fill) -> Result<(), FsError> {
        let (number, mut inode) = self.file(path)?;
        let at = at.unwrap_or(inode.size);
        if at.checked_add(len).is_none_or(|end| end > FILE_SIZE_MAX) {
            return Err(Errno::EFBIG.into());
        }
        if len == Bytes::ZERO {
            return Ok(());
        }
        let blocks = self.blocks_for_write(number, &inode, at, len)?;
        self.reserve(blocks, 0)?;
        self.write_at(number, &mut inode, at, &fill.bytes(at, len))?;
        self.touch(number, inode)
    }

    fn truncate(&mut self, path: &Path, len: Bytes) -> Result<(), FsError> {
        let (number, mut inode) = self.file(path)?;
        if len > FILE_SIZE_MAX {
            return Err(Errno::EFBIG.into());
        }
        self.set_len(number, &mut inode, len)?;
        self.touch(number, inode)
    }

    fn file(&mut self, path: &Path) -> Result<(InodeNo, Inode), FsError> {
        let (number, inode) = self.resolve(path)?;
        if inode.kind == FileType::File { Ok((number, inode)) } else { Err(Errno::EISDIR.into()) }
    }

    fn change_links(&mut self, number: InodeNo, by: i32) -> Result<(), FsError> {
        let mut inode = self.inode(number)?;
        inode.nlink = inode.nlink.saturating_add_signed(by);
        inode.ctime = self.now();
        self.put_inode(number, &inode)
    }

    /// One name less; the file goes with its last one (FS-13).
    fn drop_link(&mut self, number: InodeNo) -> Result<(), FsError> {
        let inode = self.inode(number)?;
        if inode.nlink <= 1 { self.release_inode(number, inode) } else { self.change_links(number, -1) }
    }
}

impl<F: Files> Operations for F {}
