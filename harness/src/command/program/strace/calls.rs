//! What each call does.

use super::call::{Call, NoText};
use super::paths::{Found, Spot};
use super::process::{Opened, Process, Shared, What};
use super::replay::Replay;
use crate::disk::Disk;
use crate::files::Kind;
use crashcheck_trace::files::Owner;
use crashcheck_trace::{Bytes, Reach};
use rustix::fs::FallocateFlags;
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// So much of a write is shown: strace keeps five times as much in memory.
pub(super) const SHOWN: u32 = 64 << 20;

/// The calls that are followed, as strace names them; not every system has all.
pub(super) const CALLS: &str = "?open,?openat,?openat2,?creat,?close,?close_range,?dup,?dup2,?dup3,?fcntl,?fcntl64,?ioctl,?read,?readv,\
    ?preadv2,?write,?writev,?pwrite64,?pwritev,?pwritev2,?lseek,?ftruncate,?ftruncate64,?truncate,?truncate64,?fallocate,?rename,\
    ?renameat,?renameat2,?link,?linkat,?unlink,?unlinkat,?mkdir,?mkdirat,?rmdir,?symlink,?symlinkat,?mknod,?mknodat,?fsync,?fdatasync,\
    ?sync,?syncfs,?copy_file_range,?sendfile,?sendfile64,?splice,?mmap,?mmap2,?msync,?chdir,?fchdir,?chroot,?umask,?chmod,?fchmod,\
    ?fchmodat,?fchmodat2,?chown,?lchown,?fchown,?fchownat,?setuid,?setgid,?setreuid,?setregid,?setresuid,?setresgid,?clone,?clone3,\
    ?fork,?vfork,?execve,?execveat,?io_uring_setup,?io_setup";

/// A call that has succeeded.
pub(super) struct Doing<'a> {
    pub(super) replay: &'a mut Replay,
    pub(super) process: Process,
    pub(super) call: &'a Call,
    pub(super) result: i64,
}

/// How something is opened.
struct Flags {
    creates: bool,
    truncates: bool,
    follows: bool,
    /// It gets no name.
    is_nameless: bool,
    mode: u32,
}

/// Where a call begins that says nothing of it: in the current folder.
const HERE: Option<usize> = None;

impl Doing<'_> {
    /// Does it once more.
    pub(super) fn run(&mut self) -> io::Result<()> {
        if self.descriptors()? || self.contents()? || self.names()? {
            return Ok(());
        }
        self.others()
    }

    /// What makes and changes descriptors. Whether it is that.
    fn descriptors(&mut self) -> io::Result<bool> {
        let (call, result) = (self.call, self.result);
        let number = |nth| call.number(nth).unwrap_or_default();
        match call.name.as_str() {
            "open" => self.open(HERE, 0, Some(1), number(2))?,
            "openat" => self.open(Some(0), 1, Some(2), number(3))?,
            "openat2" => self.open(Some(0), 1, Some(2), call.field(2, "mode").unwrap_or_default())?,
            "creat" => self.open(HERE, 0, None, number(1))?,
            "close" => self.process.close(number(0) as i32),
            "close_range" if call.has(2, "CLOSE_RANGE_CLOEXEC") => {
                self.process.set_closes(number(0), number(1), true);
            }
            "close_range" => self.process.close_range(number(0), number(1)),
            "dup" | "dup2" => self.process.duplicate(number(0) as i32, result as i32, false),
            "dup3" => self.process.duplicate(number(0) as i32, result as i32, call.has(2, "O_CLOEXEC")),
            "fcntl" if call.has(1, "F_DUPFD") => {
                self.process.duplicate(number(0) as i32, result as i32, false);
            }
            "fcntl" if call.has(1, "F_DUPFD_CLOEXEC") => {
                self.process.duplicate(number(0) as i32, result as i32, true);
            }
            "fcntl" if call.has(1, "F_SETFD") => {
                self.process.set_closes(number(0), number(0), call.has(2, "FD_CLOEXEC"));
            }
            "fcntl" if call.has(1, "F_SETFL") => {
                if let Some(opened) = self.opened(0)? {
                    opened.borrow_mut().appends = call.has(2, "O_APPEND");
                }
            }
            "ioctl" if call.has(1, "FIOCLEX") => self.process.set_closes(number(0), number(0), true),
            "ioctl" if call.has(1, "FIONCLEX") => self.process.set_closes(number(0), number(0), false),
            "fcntl" | "ioctl" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What reads and writes, and makes that durable.
    fn contents(&mut self) -> io::Result<bool> {
        let call = self.call;
        let number = |nth| call.number(nth).unwrap_or_default();
        // -1 is where the last one ended.
        let at = |nth| call.number(nth).and_then(|at| u64::try_from(at).ok());
        match call.name.as_str() {
            "read" | "readv" => self.advance(0)?,
            "preadv2" if at(3).is_none() => self.advance(0)?,
            "preadv2" => {}
            "lseek" => {
                if let Some(opened) = self.opened(0)? {
                    opened.borrow_mut().position = self.result as u64;
                }
            }
            "write" => self.write(false, None)?,
            "writev" => self.write(true, None)?,
            "pwrite" => self.write(false, at(3))?,
            "pwritev" | "pwritev2" => self.write(true, at(3))?,
            "copy_file_range" => self.copy((0, 1), (2, Some(3)))?,
            "splice" => self.copy((0, 1), (2, Some(3)))?,
            "sendfile" => self.copy((1, 2), (0, None))?,
            "ftruncate" => {
                if let Some(inode) = self.inode(0)? {
                    self.replay.tree.truncate(&inode, number(1) as u64)?;
                }
            }
            "truncate" => {
                if let Some(inode) = self.at(HERE, 0, true)? {
                    self.replay.tree.truncate(&inode, number(1) as u64)?;
                }
            }
            "fallocate" => self.allocate()?,
            "fsync" => {
                if let Some(inode) = self.inode(0)? {
                    inode.flush()?;
                }
            }
            "fdatasync" => {
                if let Some(inode) = self.inode(0)? {
                    inode.flush_data()?;
                }
            }
            "sync" => self.replay.tree.sync()?,
            "syncfs" => self.inode(0)?.map_or(Ok(()), |_| self.replay.tree.sync())?,
            "mmap" | "mmap2" => self.map()?,
            "msync" if call.has(2, "MS_SYNC") => {
                if let Some(inode) = self.process.mapped(number(0) as u64) {
                    inode.flush_data()?;
                }
            }
            "msync" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What gives names and takes them away.
    fn names(&mut self) -> io::Result<bool> {
        let call = self.call;
        let number = |nth| call.number(nth).unwrap_or_default() as u32;
        match call.name.as_str() {
            "rename" => self.rename((HERE, 0), (HERE, 1), false)?,
            "renameat" => self.rename((Some(0), 1), (Some(2), 3), false)?,
            "renameat2" => self.rename((Some(0), 1), (Some(2), 3), call.has(4, "RENAME_EXCHANGE"))?,
            "link" => self.link((HERE, 0), (HERE, 1), false)?,
            "linkat" => self.link((Some(0), 1), (Some(2), 3), call.has(4, "AT_SYMLINK_FOLLOW"))?,
            "unlink" => self.remove(HERE, 0, "unlink")?,
            "rmdir" => self.remove(HERE, 0, "rmdir")?,
            "unlinkat" if call.has(2, "AT_REMOVEDIR") => self.remove(Some(0), 1, "rmdir")?,
            "unlinkat" => self.remove(Some(0), 1, "unlink")?,
            "mkdir" => self.make_directory(HERE, 0, number(1))?,
            "mkdirat" => self.make_directory(Some(0), 1, number(2))?,
            "symlink" => self.make_link(0, HERE, 1)?,
            "symlinkat" => self.make_link(0, Some(1), 2)?,
            "mknod" => self.make_node(HERE, 0, 1)?,
            "mknodat" => self.make_node(Some(0), 1, 2)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The rest: where a process is, and rights.
    fn others(&mut self) -> io::Result<()> {
        let call = self.call;
        let number = |nth| call.number(nth).unwrap_or_default() as u32;
        // -1 leaves it as it is.
        let owner = |nth| call.number(nth).and_then(|number| u32::try_from(number).ok());
        let is_link = call.has(4, "AT_SYMLINK_NOFOLLOW");
        let (inode, mode, uid, gid) = match call.name.as_str() {
            "chdir" => return self.go(HERE, 0),
            "fchdir" => {
                let spot = self.spot(Some(0));
                self.process.here.borrow_mut().folder = spot;
                return Ok(());
            }
            "umask" => {
                self.process.here.borrow_mut().umask = number(0);
                return Ok(());
            }
            "chroot" => {
                return Err(io::Error::other(
                    "its paths cannot be followed: have the program run without it",
                ));
            }
            "chmod" => (self.at(HERE, 0, true)?, Some(number(1)), None, None),
            "fchmod" => (self.inode(0)?, Some(number(1)), None, None),
            "fchmodat" | "fchmodat2" => (self.at(Some(0), 1, true)?, Some(number(2)), None, None),
            "chown" => (self.at(HERE, 0, true)?, None, owner(1), owner(2)),
            "lchown" => (self.at(HERE, 0, false)?, None, owner(1), owner(2)),
            "fchown" => (self.inode(0)?, None, owner(1), owner(2)),
            "fchownat" => (self.at(Some(0), 1, !is_link)?, None, owner(2), owner(3)),
            _ => return Ok(()),
        };
        inode.map_or(Ok(()), |inode| self.replay.tree.set_owner(&inode, mode, uid, gid))
    }
}

impl Doing<'_> {
    /// Where a path begins: in the folder that a descriptor is of, or in the current one.
    fn spot(&self, folder: Option<usize>) -> Spot {
        let here = || self.process.here.borrow().folder.clone();
        let Some(number) = folder.and_then(|nth| self.call.descriptor(nth)) else { return here() };
        let told = || self.call.file(folder.unwrap_or_default()).unwrap_or_else(|| "/".into());
        match self.process.opened(number).map(|opened| opened.borrow().what.clone()) {
            Some(What::Inode(inode)) => Spot::Inside(inode),
            Some(What::Elsewhere(path)) => Spot::Outside(path),
            Some(What::Output) | None => Spot::Outside(told()),
        }
    }

    fn look_up(&mut self, folder: Option<usize>, path: usize, follows: bool) -> io::Result<Found> {
        let text = self.call.bytes(path).map_err(|why| not_shown(&why))?;
        let path = PathBuf::from(OsStr::from_bytes(&text));
        // Without a path it is the descriptor itself.
        if let (true, Some(number)) = (text.is_empty(), folder.and_then(|nth| self.call.descriptor(nth))) {
            return Ok(Found::Descriptor(number));
        }
        let (from, Replay { tree, paths, .. }) = (self.spot(folder), &mut *self.replay);
        paths.look_up(tree, &from, &path, follows)
    }

    /// What a path is of, if it is in the folder.
    fn at(&mut self, folder: Option<usize>, path: usize, follows: bool) -> io::Result<Option<Disk>> {
        match self.look_up(folder, path, follows)? {
            Found::Inside { inode, .. } => Ok(Some(inode.ok_or(ErrorKind::NotFound)?)),
            Found::Descriptor(number) => Ok(self.process.opened(number).and_then(|opened| inode_of(&opened))),
            Found::Outside(_) => Ok(None),
        }
    }

    /// What a descriptor is of, if that is in the folder or what the program prints to.
    fn opened(&self, nth: usize) -> io::Result<Option<Shared<Opened>>> {
        let Some(number) = self.call.descriptor(nth) else { return Ok(None) };
        let (opened, told) = (self.process.opened(number), self.call.file(nth));
        let is_here = told.as_ref().map(|told| self.replay.paths.hold(told));
        let what = opened.as_ref().map(|opened| opened.borrow().what.clone());
        match (what, is_here) {
            // The number is that of a pipe or the like by now.
            (Some(What::Inode(_)), Some(false)) => Ok(None),
            (Some(What::Elsewhere(_)) | None, Some(true)) => Err(io::Error::other(format!(
                "descriptor {number} is one of {} that no call has made",
                told.unwrap_or_default().display()
            ))),
            (Some(What::Elsewhere(_)) | None, _) => Ok(None),
            (Some(What::Inode(_) | What::Output), _) => Ok(opened),
        }
    }

    /// The same of the folder alone.
    fn inode(&self, nth: usize) -> io::Result<Option<Disk>> {
        Ok(self.opened(nth)?.and_then(|opened| inode_of(&opened)))
    }

    fn open(
        &mut self,
        folder: Option<usize>,
        path: usize,
        flags: Option<usize>,
        mode: i64,
    ) -> io::Result<()> {
        let call = self.call;
        let has =
            |flag: &str| flags.map_or(["O_CREAT", "O_TRUNC"].contains(&flag), |nth| call.has(nth, flag));
        let flags = Flags {
            creates: has("O_CREAT"),
            truncates: has("O_TRUNC"),
            follows: !(has("O_NOFOLLOW") || has("O_CREAT") && has("O_EXCL")),
            is_nameless: has("O_TMPFILE") || has("__O_TMPFILE"),
            mode: mode as u32,
        };
        let (number, closes) = (self.result as i32, has("O_CLOEXEC"));
        let Some(what) = self.what_is_opened(folder, path, &flags)? else {
            self.process.close(number);
            return Ok(());
        };
        if let (true, What::Inode(inode)) = (flags.truncates, &what) {
            self.replay.tree.truncate(inode, 0)?;
        }
        let through = through(has("O_SYNC") || has("__O_SYNC"), has("O_DSYNC"));
        let opened = Opened { what, position: 0, appends: has("O_APPEND"), through };
        self.process.open(number, opened, closes);
        Ok(())
    }

    fn what_is_opened(
        &mut self,
        folder: Option<usize>,
        path: usize,
        flags: &Flags,
    ) -> io::Result<Option<What>> {
        Ok(Some(match self.look_up(folder, path, flags.follows)? {
            Found::Outside(path) => What::Elsewhere(path),
            Found::Descriptor(number) => {
                let opened = self.process.opened(number);
                return Ok(opened.map(|opened| opened.borrow().what.clone()));
            }
            Found::Inside { .. } if flags.is_nameless => {
                let by = self.owner(flags.mode);
                What::Inode(self.replay.tree.make_nameless(by)?)
            }
            Found::Inside { inode: Some(inode), .. } => What::Inode(inode),
            Found::Inside { directory, name: Some(name), inode: None } if flags.creates => {
                let by = self.owner(flags.mode);
                What::Inode(self.replay.tree.make_file(&directory, name, by)?)
            }
            Found::Inside { .. } => return Err(ErrorKind::NotFound.into()),
        }))
    }

    /// Who makes something, and with which rights.
    fn owner(&self, mode: u32) -> Owner {
        let mode = mode & !self.process.here.borrow().umask & 0o7777;
        Owner { mode: mode as u16, uid: self.process.uid, gid: self.process.gid }
    }

    /// Something was read where the last read or write had ended.
    fn advance(&self, nth: usize) -> io::Result<()> {
        if let Some(opened) = self.opened(nth)? {
            opened.borrow_mut().position += self.result as u64;
        }
        Ok(())
    }

    fn write(&mut self, is_list: bool, at: Option<u64>) -> io::Result<()> {
        let Some(opened) = self.opened(0)? else { return Ok(()) };
        let bytes = if is_list { self.call.buffers(1) } else { self.call.bytes(1) };
        let mut bytes = bytes.map_err(|why| not_shown(&why))?;
        bytes.truncate(self.result as usize);
        if bytes.len() < self.result as usize {
            return Err(not_shown(&NoText::Cut));
        }
        self.put(&opened, &bytes, at)
    }

    /// Something is written at a place, or where the last read or write had ended.
    fn put(&mut self, opened: &Shared<Opened>, bytes: &[u8], at: Option<u64>) -> io::Result<()> {
        let Opened { what, position, appends, through: opened_through } = opened.borrow().clone();
        let tree = &mut self.replay.tree;
        let inode = match what {
            What::Inode(inode) if !bytes.is_empty() => inode,
            What::Output => {
                tree.print(bytes);
                return Ok(());
            }
            What::Inode(_) | What::Elsewhere(_) => return Ok(()),
        };
        let appends = appends || self.call.has(4, "RWF_APPEND");
        let through =
            opened_through.max(through(self.call.has(4, "RWF_SYNC"), self.call.has(4, "RWF_DSYNC")));
        let begin = if appends { tree.known(&inode)?.len } else { at.unwrap_or(position) };
        tree.write(&inode, begin, bytes, through)?;
        if at.is_none() {
            opened.borrow_mut().position = begin + bytes.len() as u64;
        }
        Ok(())
    }

    /// Something is copied from one descriptor to another, each with an address of a place or none.
    fn copy(&mut self, input: (usize, usize), output: (usize, Option<usize>)) -> io::Result<()> {
        let from = self.opened(input.0)?;
        let place = |nth: usize| self.call.pointed(nth).map(|at| at as u64);
        let at = place(input.1);
        let begin = at.unwrap_or_else(|| from.as_ref().map_or(0, |from| from.borrow().position));
        let to = output.1.and_then(place);
        if at.is_none() {
            self.advance(input.0)?;
        }
        let Some(into) = self.opened(output.0)? else { return Ok(()) };
        let inode = from.and_then(|from| inode_of(&from)).ok_or_else(|| {
            io::Error::other(
                "what comes from elsewhere without passing through the program is not shown: have it read and written",
            )
        })?;
        let bytes = inode.lend(Bytes(begin), self.result as usize)?;
        self.put(&into, &bytes, to)
    }

    fn allocate(&mut self) -> io::Result<()> {
        let Some(inode) = self.inode(0)? else { return Ok(()) };
        let number = |nth| self.call.number(nth).unwrap_or_default() as u64;
        let flag = |(name, flag): (&str, FallocateFlags)| self.call.has(1, name).then_some(flag);
        let flags = [
            ("FALLOC_FL_KEEP_SIZE", FallocateFlags::KEEP_SIZE),
            ("FALLOC_FL_ZERO_RANGE", FallocateFlags::ZERO_RANGE),
            ("FALLOC_FL_PUNCH_HOLE", FallocateFlags::PUNCH_HOLE),
            ("FALLOC_FL_COLLAPSE_RANGE", FallocateFlags::COLLAPSE_RANGE),
            ("FALLOC_FL_INSERT_RANGE", FallocateFlags::INSERT_RANGE),
        ];
        let flags = flags.into_iter().filter_map(flag).collect();
        self.replay.tree.allocate(&inode, flags, number(2), number(3))
    }

    fn map(&mut self) -> io::Result<()> {
        let call = self.call;
        if !(call.has(3, "MAP_SHARED") || call.has(3, "MAP_SHARED_VALIDATE")) {
            return Ok(());
        }
        let Some(inode) = self.inode(4)? else { return Ok(()) };
        if call.has(2, "PROT_WRITE") {
            let path = self.replay.tree.path(&inode).to_owned();
            self.replay.mapped.insert(inode.id(), path);
        }
        self.process.map(self.result as u64, call.number(1).unwrap_or_default() as u64, inode);
        Ok(())
    }

    fn go(&mut self, folder: Option<usize>, path: usize) -> io::Result<()> {
        let spot = match self.look_up(folder, path, true)? {
            Found::Outside(path) => Spot::Outside(path),
            Found::Inside { inode, .. } => Spot::Inside(inode.ok_or(ErrorKind::NotFound)?),
            Found::Descriptor(_) => return Ok(()),
        };
        self.process.here.borrow_mut().folder = spot;
        Ok(())
    }

    fn rename(
        &mut self,
        from: (Option<usize>, usize),
        to: (Option<usize>, usize),
        exchanges: bool,
    ) -> io::Result<()> {
        let (old, new) = (self.look_up(from.0, from.1, false)?, self.look_up(to.0, to.1, false)?);
        let Replay { tree, paths, .. } = &mut *self.replay;
        let ((old, old_name, inode), (new, new_name, replaced)) = match (old, new) {
            (
                Found::Inside { directory, name: Some(name), inode: Some(inode) },
                Found::Inside { directory: new, name: Some(new_name), inode: replaced },
            ) => ((directory, name, inode), (new, new_name, replaced)),
            // What leaves the folder is gone.
            (Found::Inside { directory, name: Some(name), inode: Some(inode) }, Found::Outside(_)) => {
                let call = if Kind::of(&inode)? == Kind::Directory { "rmdir" } else { "unlink" };
                return tree.remove(&directory, &name, &inode, call);
            }
            (Found::Outside(from), Found::Inside { .. }) => {
                return Err(comes_from_elsewhere(&from));
            }
            (Found::Inside { .. }, Found::Inside { .. }) => return Err(ErrorKind::NotFound.into()),
            _ => return Ok(()),
        };
        paths.put(&inode, &new);
        match replaced {
            Some(other) if exchanges => {
                paths.put(&other, &old);
                tree.exchange((&old, &old_name, &inode), (&new, &new_name, &other))
            }
            replaced => tree.rename((&old, &old_name, &inode), (&new, &new_name), replaced.as_ref()),
        }
    }

    fn link(
        &mut self,
        from: (Option<usize>, usize),
        to: (Option<usize>, usize),
        follows: bool,
    ) -> io::Result<()> {
        let old = self.look_up(from.0, from.1, follows)?;
        let Found::Inside { directory, name: Some(name), .. } = self.look_up(to.0, to.1, false)? else {
            return Ok(());
        };
        let inode = match old {
            Found::Inside { inode, .. } => inode,
            Found::Descriptor(number) => self.process.opened(number).and_then(|opened| inode_of(&opened)),
            Found::Outside(from) => return Err(comes_from_elsewhere(&from)),
        };
        self.replay.tree.link(&directory, &name, &inode.ok_or(ErrorKind::NotFound)?)
    }

    fn remove(&mut self, folder: Option<usize>, path: usize, call: &str) -> io::Result<()> {
        match self.look_up(folder, path, false)? {
            Found::Inside { directory, name: Some(name), inode: Some(inode) } => {
                self.replay.tree.remove(&directory, &name, &inode, call)
            }
            Found::Inside { .. } => Err(ErrorKind::NotFound.into()),
            Found::Outside(_) | Found::Descriptor(_) => Ok(()),
        }
    }

    /// A name in the folder that something gets, if it is there.
    fn free(&mut self, folder: Option<usize>, path: usize) -> io::Result<Option<(Disk, String)>> {
        match self.look_up(folder, path, false)? {
            Found::Inside { directory, name: Some(name), inode: None } => Ok(Some((directory, name))),
            Found::Inside { name, .. } => {
                Err(io::Error::other(format!("{} was there already", name.unwrap_or_default())))
            }
            Found::Outside(_) | Found::Descriptor(_) => Ok(None),
        }
    }

    fn make_directory(&mut self, folder: Option<usize>, path: usize, mode: u32) -> io::Result<()> {
        let Some((directory, name)) = self.free(folder, path)? else { return Ok(()) };
        let by = self.owner(mode);
        let inode = self.replay.tree.make_directory(&directory, name, by)?;
        self.replay.paths.put(&inode, &directory);
        Ok(())
    }

    fn make_link(&mut self, target: usize, folder: Option<usize>, path: usize) -> io::Result<()> {
        let Some((directory, name)) = self.free(folder, path)? else { return Ok(()) };
        let target = self.call.bytes(target).map_err(|why| not_shown(&why))?;
        let target = String::from_utf8(target).map_err(|_| io::Error::other("the target is not UTF-8"))?;
        let by = Owner { mode: 0o777, ..self.owner(0) };
        self.replay.tree.make_link(&directory, name, &target, by).map(|_| ())
    }

    fn make_node(&mut self, folder: Option<usize>, path: usize, mode: usize) -> io::Result<()> {
        let Some((directory, name)) = self.free(folder, path)? else { return Ok(()) };
        if ["S_IFIFO", "S_IFSOCK", "S_IFCHR", "S_IFBLK"].iter().any(|kind| self.call.has(mode, kind)) {
            self.replay
                .tree
                .could_not(format!("have {name} recorded, which is no file, directory or symbolic link"));
            return Ok(());
        }
        let octal = |word: &str| u32::from_str_radix(word.trim(), 8).ok();
        let rights = self.call.words(mode).find_map(octal).unwrap_or(0o600);
        let by = self.owner(rights);
        self.replay.tree.make_file(&directory, name, by).map(|_| ())
    }
}

fn inode_of(opened: &Shared<Opened>) -> Option<Disk> {
    match &opened.borrow().what {
        What::Inode(inode) => Some(inode.clone()),
        What::Elsewhere(_) | What::Output => None,
    }
}

fn not_shown(why: &NoText) -> io::Error {
    io::Error::other(match why {
        NoText::Cut => {
            format!("its contents are cut: strace must be given -s {SHOWN}, and shows no more of one call")
        }
        NoText::None => "its contents are not shown".to_owned(),
    })
}

fn comes_from_elsewhere(path: &std::path::Path) -> io::Error {
    let path = path.display();
    io::Error::other(format!(
        "{path} comes into the folder from elsewhere, and its contents are not shown: have the program write it in the folder"
    ))
}

/// What of a write is durable on return, where all of it is asked for, or the data.
fn through(all: bool, data: bool) -> Option<Reach> {
    match (all, data) {
        (true, _) => Some(Reach::All),
        (false, true) => Some(Reach::Data),
        (false, false) => None,
    }
}
