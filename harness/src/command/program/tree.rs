//! The tree that is shown, and what is known of it beside what is on its machine: modes and owners, paths, open lists of names.

use super::ops::Ops;
use super::stack::Stacks;
use crate::disk::Disk;
use crate::files::{Files, Kind, Metadata};
use crashcheck_trace::files::Owner;
use crashcheck_trace::{Bytes, Device, DeviceId, Reach, Trace};
use rustc_hash::FxHashMap;
use rustix::fs::FallocateFlags;
use rustix::process::{getegid, geteuid};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// The modes and owners of inodes. They are what they were last: that a crash may undo a change of them is not looked at.
pub(super) type Owners = FxHashMap<DeviceId, Owner>;

/// The modes and owners that a recording knows.
pub(super) fn owners_of(trace: &Trace) -> Owners {
    let devices = (0..).map(DeviceId).zip(&trace.devices);
    devices.filter_map(|(inode, device)| Some((inode, device.owner?))).collect()
}

/// A tree that is shown.
pub(super) struct Tree {
    files: Files,
    /// What the calls and the output of a program say of its operations.
    pub(super) ops: Ops,
    /// What was printed.
    pub(super) printed: Vec<u8>,
    /// What a program asked for that there is not.
    pub(super) refused: BTreeSet<String>,
    /// Who asks, as the number of a thread.
    pub(super) caller: u32,
    /// Where in its source a program was that is recorded, call by call.
    pub(super) stacks: Stacks,
    recorded: Arc<Owners>,
    own: Owners,
    paths: FxHashMap<DeviceId, String>,
    lists: FxHashMap<u64, Vec<Listed>>,
    next_list: u64,
}

/// A name in a list, and what has it.
pub(super) type Listed = (String, DeviceId, Kind);

impl Tree {
    pub(super) fn new(disk: &Disk, recorded: Arc<Owners>, ops: Ops) -> io::Result<Tree> {
        Ok(Tree {
            files: Files::of(disk)?,
            ops,
            printed: Vec::new(),
            refused: BTreeSet::new(),
            caller: 0,
            stacks: Stacks::default(),
            recorded,
            own: Owners::default(),
            paths: FxHashMap::default(),
            lists: FxHashMap::default(),
            next_list: 0,
        })
    }

    /// Writes the modes and owners of what was made into its recording.
    pub(super) fn write_owners(&self, trace: &mut Trace) {
        for (inode, owner) in &self.own {
            if let Some(device) = trace.devices.get_mut(inode.index()) {
                device.owner = Some(*owner);
            }
        }
    }

    pub(super) fn inodes(&self) -> u64 {
        self.files.root().devices() as u64
    }

    pub(super) fn inode(&self, inode: DeviceId) -> Disk {
        self.files.root().device(inode)
    }

    pub(super) fn known(&self, inode: &Disk) -> io::Result<Metadata> {
        Files::known(inode)
    }

    pub(super) fn target(&self, link: &Disk) -> io::Result<String> {
        self.files.target(link)
    }

    pub(super) fn named(&mut self, directory: &Disk, name: &str) -> io::Result<Option<Disk>> {
        let found = self.files.named(directory, name)?;
        if let Some(inode) = &found {
            let path = self.path_in(directory, name);
            self.paths.insert(inode.id(), path);
        }
        Ok(found)
    }

    pub(super) fn is_empty(&self, directory: &Disk) -> io::Result<()> {
        self.files.is_empty(directory)
    }

    /// The path of a name in a directory, as the program last came to that.
    fn path_in(&self, directory: &Disk, name: &str) -> String {
        match self.paths.get(&directory.id()) {
            Some(above) => format!("{above}/{name}"),
            None => name.to_owned(),
        }
    }

    pub(super) fn path(&self, inode: &Disk) -> &str {
        self.paths.get(&inode.id()).map_or(".", String::as_str)
    }

    pub(super) fn owner(&self, inode: DeviceId, kind: Kind) -> Owner {
        let known = self.own.get(&inode).or_else(|| self.recorded.get(&inode));
        let mode = if kind == Kind::File { 0o644 } else { 0o755 };
        let unknown = || Owner { mode, uid: geteuid().as_raw(), gid: getegid().as_raw() };
        known.copied().unwrap_or_else(unknown)
    }

    pub(super) fn set_owner(
        &mut self,
        inode: &Disk,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
    ) -> io::Result<()> {
        let before = self.owner(inode.id(), Kind::of(inode)?);
        let mode = mode.map_or(before.mode, |mode| (mode & 0o7777) as u16);
        let after = Owner { mode, uid: uid.unwrap_or(before.uid), gid: gid.unwrap_or(before.gid) };
        self.own.insert(inode.id(), after);
        Ok(())
    }

    /// The program asked for something that there is not.
    pub(super) fn could_not(&mut self, what: String) {
        self.refused.insert(what);
    }

    /// Does what a call asks of a file.
    pub(super) fn call<T>(
        &mut self,
        call: &str,
        inode: &Disk,
        run: impl FnOnce(&Files) -> io::Result<T>,
    ) -> io::Result<T> {
        let path = self.path(inode).to_owned();
        self.called(&format!("{call} {path}"), run)
    }

    /// The same of what has this text.
    fn called<T>(&mut self, text: &str, run: impl FnOnce(&Files) -> io::Result<T>) -> io::Result<T> {
        let Tree { files, ops, stacks, caller, .. } = self;
        ops.during(text, || {
            let noted = || files.root().machine().noted();
            let before = noted();
            let done = run(files);
            stacks.note(*caller, before..noted());
            done
        })
    }

    /// Gives a file another length.
    pub(super) fn truncate(&mut self, inode: &Disk, len: u64) -> io::Result<()> {
        // Opened to be emptied, an empty file stays as it is.
        if self.known(inode)?.len == len {
            return Ok(());
        }
        self.call("truncate", inode, |_| Ok(inode.resize(Bytes(len))?))
    }

    /// Writes to a file; `through` says what of it is durable on return.
    pub(super) fn write(
        &mut self,
        inode: &Disk,
        at: u64,
        data: &[u8],
        through: Option<Reach>,
    ) -> io::Result<()> {
        self.call("write", inode, |_| Ok(inode.write_through(Bytes(at), data, through)?))
    }

    /// Makes everything durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.files.sync()
    }

    /// The names in a directory, each with what has it.
    pub(super) fn names(&self, directory: &Disk) -> io::Result<Vec<(String, Disk)>> {
        let names = self.files.names(directory)?.into_iter();
        Ok(names.map(|entry| (entry.name, self.inode(entry.inode))).collect())
    }

    /// What `fallocate` does: zeros, holes, or a greater length.
    pub(super) fn allocate(
        &mut self,
        inode: &Disk,
        flags: FallocateFlags,
        offset: u64,
        length: u64,
    ) -> io::Result<()> {
        let zeros = FallocateFlags::ZERO_RANGE | FallocateFlags::PUNCH_HOLE;
        if !(flags - zeros - FallocateFlags::KEEP_SIZE).is_empty() {
            self.could_not(format!("do fallocate with {flags:?}"));
            return Err(ErrorKind::Unsupported.into());
        }
        let (len, end) = (self.known(inode)?.len, offset.saturating_add(length));
        let keeps = flags.contains(FallocateFlags::KEEP_SIZE);
        self.call("fallocate", inode, |_| {
            let upto = if keeps { end.min(len) } else { end };
            if flags.intersects(zeros) && upto > offset {
                Ok(inode.write_zeroes(Bytes(offset), Bytes(upto - offset))?)
            } else if !keeps && end > len {
                Ok(inode.resize(Bytes(end))?)
            } else {
                Ok(())
            }
        })
    }

    /// What a program has printed.
    pub(super) fn print(&mut self, bytes: &[u8]) {
        self.printed.extend_from_slice(bytes);
        self.ops.printed(bytes);
    }

    pub(super) fn make_file(&mut self, directory: &Disk, name: String, by: Owner) -> io::Result<Disk> {
        self.make(directory, name, "create", by, Device::file)
    }

    /// A file that has no name yet.
    pub(super) fn make_nameless(&mut self, by: Owner) -> io::Result<Disk> {
        let inode = self.files.root().add_device(Device::file("(nameless)"))?;
        self.own.insert(inode.id(), by);
        Ok(inode)
    }

    pub(super) fn make_directory(&mut self, directory: &Disk, name: String, by: Owner) -> io::Result<Disk> {
        self.make(directory, name, "mkdir", by, Device::directory)
    }

    pub(super) fn make_link(
        &mut self,
        directory: &Disk,
        name: String,
        target: &str,
        by: Owner,
    ) -> io::Result<Disk> {
        self.make(directory, name, "symlink", by, |path| Device::link(path, target))
    }

    fn make(
        &mut self,
        directory: &Disk,
        name: String,
        call: &str,
        by: Owner,
        device: impl FnOnce(&str) -> Device,
    ) -> io::Result<Disk> {
        let path = self.path_in(directory, &name);
        let device = device(&path);
        let inode =
            self.called(&format!("{call} {path}"), |files| files.make_in(directory, name, call, device))?;
        self.own.insert(inode.id(), by);
        self.paths.insert(inode.id(), path);
        Ok(inode)
    }

    pub(super) fn remove(
        &mut self,
        directory: &Disk,
        name: &str,
        inode: &Disk,
        call: &str,
    ) -> io::Result<()> {
        let path = self.path_in(directory, name);
        self.paths.insert(inode.id(), path);
        self.call(call, inode, |files| files.change(call, [(directory, name.to_owned(), None)]))
    }

    pub(super) fn link(&mut self, directory: &Disk, name: &str, inode: &Disk) -> io::Result<()> {
        self.call("link", inode, |files| files.change("link", [(directory, name.to_owned(), Some(inode))]))
    }

    pub(super) fn rename(
        &mut self,
        (old, old_name, inode): (&Disk, &str, &Disk),
        (new, new_name): (&Disk, &str),
        replaced: Option<&Disk>,
    ) -> io::Result<()> {
        if let Some(replaced) = replaced {
            if replaced.id() == inode.id() {
                return Ok(());
            }
            self.files.may_replace(inode, replaced)?;
        }
        let (from, to) = ((old, old_name.to_owned(), inode), (new, new_name.to_owned()));
        self.call("rename", inode, |files| files.replace(from, to, replaced.is_some()))?;
        let path = self.path_in(new, new_name);
        self.paths.insert(inode.id(), path);
        Ok(())
    }

    pub(super) fn exchange(
        &mut self,
        (old, old_name, inode): (&Disk, &str, &Disk),
        (new, new_name, other): (&Disk, &str, &Disk),
    ) -> io::Result<()> {
        let changes = [(old, old_name.to_owned(), Some(other)), (new, new_name.to_owned(), Some(inode))];
        self.call("rename", inode, |files| files.change("exchange", changes))
    }

    /// Opens a list of the names in a directory, as they are now.
    pub(super) fn list(&mut self, directory: &Disk) -> io::Result<u64> {
        let entry = |name: &str, inode: &Disk| (name.to_owned(), inode.id(), Kind::Directory);
        // Where a directory is in the tree nobody wrote down, and no program goes up by the number in a list.
        let mut list = vec![entry(".", directory), entry("..", directory)];
        for found in self.files.names(directory)? {
            list.push((found.name, found.inode, Kind::of(&self.inode(found.inode))?));
        }
        self.next_list += 1;
        self.lists.insert(self.next_list, list);
        Ok(self.next_list)
    }

    pub(super) fn listed(&self, list: u64) -> Option<&[Listed]> {
        self.lists.get(&list).map(Vec::as_slice)
    }

    pub(super) fn unlist(&mut self, list: u64) {
        self.lists.remove(&list);
    }
}
