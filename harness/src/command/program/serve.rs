//! A tree of files, mounted: a program works in it as in any other folder, and what it reads is what is asked.
//!
//! One file system is mounted for a whole exploration, and shows one tree after the other. Nothing is cached between a program
//! and the tree: every look-up and every read comes here. Inodes of one tree are never numbers of the next, so that a file that a
//! stray program still has open is gone with its tree.

use super::mount::{Mount, MountError};
use super::tree::Tree;
use crate::disk::Disk;
use crate::error::DiskError;
use crate::explore::guarded;
use crate::files::{Kind, written_through};
use crashcheck_trace::files::{Entry, Owner};
use crashcheck_trace::{Bytes, DeviceId, Reach};
use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    InitFlags, KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow,
    WriteFlags,
};
use rustix::fs::{FallocateFlags, FileType as Node};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A mounted file system. It is unmounted when it is dropped.
pub(super) struct Served {
    shared: Arc<Mutex<State>>,
    /// What commands print goes through the file system as well, so that it has its place among their calls. Closed before the
    /// file system is unmounted.
    output: File,
    _mount: Mount,
}

/// What is shown, if anything is.
#[derive(Default)]
struct State {
    /// How many trees were shown.
    generation: u64,
    tree: Option<Tree>,
    /// Whether the file that commands print to can be opened.
    opening: bool,
}

impl Served {
    /// Mounts a file system on an empty folder.
    pub(super) fn mount(at: &Path) -> Result<Served, MountError> {
        let shared = Arc::new(Mutex::new(State { opening: true, ..State::default() }));
        let mount = Mount::new(Server(Arc::clone(&shared)), at)?;
        let output = File::options().append(true).open(at.join(OUTPUT));
        lock(&shared).opening = false;
        let output = output.map_err(|source| MountError::Unusable { at: at.to_owned(), source })?;
        Ok(Served { shared, output, _mount: mount })
    }

    /// Shows a tree.
    pub(super) fn show(&self, tree: Tree) {
        let mut state = lock(&self.shared);
        state.generation += 1;
        state.tree = Some(tree);
    }

    /// Shows nothing any more. `None` if nothing was shown.
    pub(super) fn hide(&self) -> Option<Tree> {
        lock(&self.shared).tree.take()
    }

    /// Where commands print to.
    pub(super) fn output(&self) -> io::Result<File> {
        self.output.try_clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name of the file that commands print to. It is in no list of names, and nobody finds it later.
const OUTPUT: &str = ".crashcheck-output";

/// Its number.
const OUTPUT_INODE: INodeNo = INodeNo(u64::MAX >> 1);

/// Inodes of a tree have numbers of so many bits; above them is the number of the tree.
const INODE_BITS: u32 = 17;

/// Nothing that is said of a file holds for any time.
const NO_TIME: Duration = Duration::ZERO;

/// The time of everything: results must not differ from one run to the next.
const TIME: SystemTime = UNIX_EPOCH;

/// What answers the kernel.
struct Server(Arc<Mutex<State>>);

impl Server {
    /// The same for who asks.
    fn by(&self, request: &Request) -> &Server {
        lock(&self.0).tree.iter_mut().for_each(|tree| tree.caller = request.pid());
        self
    }

    /// Does something with an inode of the tree that is shown.
    fn with<T>(
        &self,
        number: INodeNo,
        run: impl FnOnce(&mut Looked<'_>, Disk) -> Result<T, Refused>,
    ) -> Result<T, Errno> {
        let mut state = lock(&self.0);
        let State { generation, tree, .. } = &mut *state;
        let tree = tree.as_mut().ok_or(Errno::ESTALE)?;
        let mut looked = Looked { generation: *generation, tree };
        let inode = looked.inode(number).ok_or(Errno::ESTALE)?;
        // A recovery that is to be stopped gets errors from now on.
        guarded(|| run(&mut looked, inode)).map_err(|_| Errno::EIO)?.map_err(|Refused(errno)| errno)
    }
}

/// Why a call fails.
struct Refused(Errno);

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Refused {
        Refused(errno)
    }
}

impl From<DiskError> for Refused {
    fn from(_: DiskError) -> Refused {
        Refused(Errno::EIO)
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Refused {
        Refused(match error.kind() {
            ErrorKind::NotFound => Errno::ENOENT,
            ErrorKind::AlreadyExists => Errno::EEXIST,
            ErrorKind::NotADirectory => Errno::ENOTDIR,
            ErrorKind::IsADirectory => Errno::EISDIR,
            ErrorKind::DirectoryNotEmpty => Errno::ENOTEMPTY,
            ErrorKind::PermissionDenied => Errno::EPERM,
            ErrorKind::InvalidInput => Errno::EINVAL,
            ErrorKind::Unsupported => Errno::EOPNOTSUPP,
            _ => Errno::EIO,
        })
    }
}

/// The tree that is shown, while one request is answered.
struct Looked<'a> {
    generation: u64,
    tree: &'a mut Tree,
}

impl Looked<'_> {
    fn inode(&self, number: INodeNo) -> Option<Disk> {
        let (generation, device) = (number.0 >> INODE_BITS, number.0 & ((1 << INODE_BITS) - 1));
        let device = device.checked_sub(1)?;
        // The root has one number in all trees.
        let is_of_this = generation == self.generation || (generation, device) == (0, 0);
        (is_of_this && device < self.tree.inodes()).then(|| self.tree.inode(DeviceId(device as u16)))
    }

    fn number(&self, inode: DeviceId) -> INodeNo {
        match inode.index() {
            0 => INodeNo::ROOT,
            index => INodeNo(self.generation << INODE_BITS | (index as u64 + 1)),
        }
    }

    fn attr(&self, inode: &Disk) -> Result<FileAttr, Refused> {
        let known = self.tree.known(inode)?;
        let Owner { mode, uid, gid } = self.tree.owner(inode.id(), known.kind);
        Ok(FileAttr {
            size: known.len,
            perm: mode,
            uid,
            gid,
            ..attr(self.number(inode.id()), file_type(known.kind))
        })
    }

    fn named(&mut self, directory: &Disk, name: &OsStr) -> Result<Option<Disk>, Refused> {
        Ok(self.tree.named(directory, text(name)?)?)
    }

    fn found(&mut self, directory: &Disk, name: &OsStr) -> Result<Disk, Refused> {
        Ok(self.named(directory, name)?.ok_or(Errno::ENOENT)?)
    }

    fn free(&mut self, directory: &Disk, name: &OsStr) -> Result<String, Refused> {
        match self.named(directory, name)? {
            Some(_) => Err(Errno::EEXIST.into()),
            None => Ok(text(name)?.to_owned()),
        }
    }
}

fn text(name: &OsStr) -> Result<&str, Refused> {
    let text = std::str::from_utf8(name.as_bytes()).map_err(|_| Errno::EILSEQ)?;
    if Entry::is_name(text) { Ok(text) } else { Err(Errno::ENAMETOOLONG.into()) }
}

fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::File => FileType::RegularFile,
        Kind::Directory => FileType::Directory,
        Kind::Link => FileType::Symlink,
    }
}

fn attr(ino: INodeNo, kind: FileType) -> FileAttr {
    FileAttr {
        ino,
        size: 0,
        blocks: 0,
        atime: TIME,
        mtime: TIME,
        ctime: TIME,
        crtime: TIME,
        kind,
        perm: 0o600,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

/// Who makes something, and with which rights.
fn made_by(request: &Request, mode: u32, umask: u32) -> Owner {
    Owner { mode: (mode & !umask & 0o7777) as u16, uid: request.uid(), gid: request.gid() }
}

/// What an fsync is for.
fn reach(datasync: bool) -> Reach {
    if datasync { Reach::Data } else { Reach::All }
}

/// Without a cache between the program and us; a file can be mapped all the same.
const DIRECT: FopenFlags = FopenFlags::FOPEN_DIRECT_IO;

macro_rules! answer {
    ($reply:ident, $result:expr, $value:pat => $then:expr) => {
        match $result {
            Ok($value) => $then,
            Err(errno) => $reply.error(errno),
        }
    };
}

impl Filesystem for Server {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // Kernels before 6.6 map no files that are opened without a cache.
        let _ = config.add_capabilities(InitFlags::FUSE_DIRECT_IO_ALLOW_MMAP);
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name == OUTPUT && parent == INodeNo::ROOT && lock(&self.0).opening {
            return reply.entry(&NO_TIME, &attr(OUTPUT_INODE, FileType::RegularFile), Generation(0));
        }
        let found = self.with(parent, |looked, directory| {
            let inode = looked.found(&directory, name)?;
            looked.attr(&inode)
        });
        answer!(reply, found, attr => reply.entry(&NO_TIME, &attr, Generation(0)));
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        if ino == OUTPUT_INODE {
            return reply.attr(&NO_TIME, &attr(OUTPUT_INODE, FileType::RegularFile));
        }
        if ino == INodeNo::ROOT && lock(&self.0).tree.is_none() {
            return reply.attr(&NO_TIME, &FileAttr { perm: 0o755, ..attr(ino, FileType::Directory) });
        }
        answer!(reply, self.with(ino, |looked, inode| looked.attr(&inode)), attr => reply.attr(&NO_TIME, &attr));
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        if ino == OUTPUT_INODE {
            return reply.attr(&NO_TIME, &attr(OUTPUT_INODE, FileType::RegularFile));
        }
        let changed = self.by(request).with(ino, |looked, inode| {
            size.map_or(Ok(()), |size| looked.tree.truncate(&inode, size))?;
            looked.tree.set_owner(&inode, mode, uid, gid)?;
            looked.attr(&inode)
        });
        answer!(reply, changed, attr => reply.attr(&NO_TIME, &attr));
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        let target = self.with(ino, |looked, inode| Ok(looked.tree.target(&inode)?));
        answer!(reply, target, target => reply.data(target.as_bytes()));
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _: u32,
        reply: ReplyEntry,
    ) {
        let by = made_by(request, mode, umask);
        let made = self.by(request).with(parent, |looked, directory| {
            let name = looked.free(&directory, name)?;
            let node = Node::from_raw_mode(mode);
            if node != Node::RegularFile {
                looked.tree.could_not(format!("make {name}, which is no file, directory or symbolic link"));
                return Err(Errno::EPERM.into());
            }
            let inode = looked.tree.make_file(&directory, name, by)?;
            looked.attr(&inode)
        });
        answer!(reply, made, attr => reply.entry(&NO_TIME, &attr, Generation(0)));
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        let by = made_by(request, mode, umask);
        let made = self.by(request).with(parent, |looked, directory| {
            let name = looked.free(&directory, name)?;
            let inode = looked.tree.make_directory(&directory, name, by)?;
            looked.attr(&inode)
        });
        answer!(reply, made, attr => reply.entry(&NO_TIME, &attr, Generation(0)));
    }

    fn unlink(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let gone = self.by(request).with(parent, |looked, directory| {
            let inode = looked.found(&directory, name)?;
            if Kind::of(&inode)? == Kind::Directory {
                return Err(Errno::EISDIR.into());
            }
            Ok(looked.tree.remove(&directory, text(name)?, &inode, "unlink")?)
        });
        answer!(reply, gone, () => reply.ok());
    }

    fn rmdir(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let gone = self.by(request).with(parent, |looked, directory| {
            let inode = looked.found(&directory, name)?;
            looked.tree.is_empty(&inode)?;
            Ok(looked.tree.remove(&directory, text(name)?, &inode, "rmdir")?)
        });
        answer!(reply, gone, () => reply.ok());
    }

    fn symlink(&self, request: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        let by = made_by(request, 0o777, 0);
        let made = self.by(request).with(parent, |looked, directory| {
            let name = looked.free(&directory, name)?;
            let target = target.to_str().ok_or(Errno::EILSEQ)?;
            let inode = looked.tree.make_link(&directory, name, target, by)?;
            looked.attr(&inode)
        });
        answer!(reply, made, attr => reply.entry(&NO_TIME, &attr, Generation(0)));
    }

    fn rename(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let renamed = self.by(request).with(parent, |looked, old| {
            let new = looked.inode(newparent).ok_or(Errno::ESTALE)?;
            let (inode, replaced) = (looked.found(&old, name)?, looked.named(&new, newname)?);
            let (name, new_name) = (text(name)?, text(newname)?);
            match replaced {
                Some(_) if flags.contains(RenameFlags::RENAME_NOREPLACE) => Err(Errno::EEXIST.into()),
                None if flags.contains(RenameFlags::RENAME_EXCHANGE) => Err(Errno::ENOENT.into()),
                Some(other) if flags.contains(RenameFlags::RENAME_EXCHANGE) => {
                    Ok(looked.tree.exchange((&old, name, &inode), (&new, new_name, &other))?)
                }
                _ if !(flags - RenameFlags::RENAME_NOREPLACE).is_empty() => Err(Errno::EINVAL.into()),
                replaced => {
                    Ok(looked.tree.rename((&old, name, &inode), (&new, new_name), replaced.as_ref())?)
                }
            }
        });
        answer!(reply, renamed, () => reply.ok());
    }

    fn link(&self, request: &Request, ino: INodeNo, newparent: INodeNo, newname: &OsStr, reply: ReplyEntry) {
        let linked = self.by(request).with(newparent, |looked, directory| {
            let inode = looked.inode(ino).ok_or(Errno::ESTALE)?;
            let name = looked.free(&directory, newname)?;
            looked.tree.link(&directory, &name, &inode)?;
            looked.attr(&inode)
        });
        answer!(reply, linked, attr => reply.entry(&NO_TIME, &attr, Generation(0)));
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let by = made_by(request, mode, umask);
        let made = self.by(request).with(parent, |looked, directory| {
            let name = looked.free(&directory, name)?;
            let inode = looked.tree.make_file(&directory, name, by)?;
            looked.attr(&inode)
        });
        answer!(reply, made, attr => reply.created(&NO_TIME, &attr, Generation(0), FileHandle(0), DIRECT));
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // Whoever is killed closes it when nobody answers any more, and must not wait.
        if ino == OUTPUT_INODE {
            return reply.opened(FileHandle(0), DIRECT | FopenFlags::FOPEN_NOFLUSH);
        }
        answer!(reply, self.with(ino, |_, _| Ok(())), () => reply.opened(FileHandle(0), DIRECT));
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = self.with(ino, |looked, inode| {
            // Behind the end there is nothing, however far.
            let left = looked.tree.known(&inode)?.len.saturating_sub(offset).min(u64::from(size));
            (left > 0).then(|| inode.lend(Bytes(offset), left as usize)).transpose().map_err(Refused::from)
        });
        answer!(reply, read, bytes => reply.data(bytes.as_deref().unwrap_or_default()));
    }

    fn write(
        &self,
        request: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        flags: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        if ino == OUTPUT_INODE {
            if let Some(tree) = &mut lock(&self.0).tree {
                tree.print(data);
            }
            return reply.written(data.len() as u32);
        }
        let written = self.by(request).with(ino, |looked, inode| {
            looked.tree.write(&inode, offset, data, written_through(flags.0 as u32))?;
            Ok(data.len() as u32)
        });
        answer!(reply, written, len => reply.written(len));
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, datasync: bool, reply: ReplyEmpty) {
        if ino == OUTPUT_INODE {
            return reply.ok();
        }
        answer!(reply, self.with(ino, |_, inode| Ok(inode.sync(reach(datasync))?)), () => reply.ok());
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        answer!(reply, self.with(ino, |_, inode| Ok(inode.flush()?)), () => reply.ok());
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let opened = self.with(ino, |looked, directory| Ok(looked.tree.list(&directory)?));
        answer!(reply, opened, list => reply.opened(FileHandle(list), FopenFlags::empty()));
    }

    fn readdir(&self, _: &Request, ino: INodeNo, fh: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listed = self.with(ino, |looked, _| {
            let entries = looked.tree.listed(fh.0).ok_or(Errno::EBADF)?;
            for (nth, (name, inode, kind)) in entries.iter().enumerate().skip(offset as usize) {
                if reply.add(looked.number(*inode), nth as u64 + 1, file_type(*kind), name) {
                    break;
                }
            }
            Ok(())
        });
        answer!(reply, listed, () => reply.ok());
    }

    fn releasedir(&self, _: &Request, ino: INodeNo, fh: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        // A list of a tree that is gone is gone with it.
        let _ = self.with(ino, |looked, _| {
            looked.tree.unlist(fh.0);
            Ok(())
        });
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        const PLENTY: u64 = 1 << 28;
        reply.statfs(PLENTY, PLENTY, PLENTY, PLENTY, PLENTY, 4096, 255, 4096);
    }

    fn fallocate(
        &self,
        request: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        let flags = FallocateFlags::from_bits_retain(mode as u32);
        let done = self
            .by(request)
            .with(ino, |looked, inode| Ok(looked.tree.allocate(&inode, flags, offset, length)?));
        answer!(reply, done, () => reply.ok());
    }
}
