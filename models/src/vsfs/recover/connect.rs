//! Connectivity: one tree of directories, a name for every file, and link counts that agree.

use super::dirs::{Entry, LOST_AND_FOUND};
use super::{Fsck, Orphans, Repair};
use crate::fs::Path;
use crate::vsfs::blocks::FsError;
use crate::vsfs::bugs::Bug;
use crate::vsfs::dir;
use crate::vsfs::format::InodeNo;
use crate::vsfs::inode::FileType;
use crate::vsfs::names::Names;
use crate::vsfs::ops::Operations;
use crate::vsfs::store::{BlockKind, Store};

/// The directories that hang together, and the entry that each hangs by.
struct Tree {
    reached: Vec<bool>,
    /// The position of the entry among all of them.
    by: Vec<Option<usize>>,
}

impl<S: Store> Fsck<'_, S> {
    /// Every directory but the root has exactly one name, and the names lead up to the root (FK-07, FS-09).
    pub(super) fn connectivity(&mut self) -> Result<(), FsError> {
        let dirs = self.used(Some(FileType::Dir));
        let mut tree = self.preferred_names();
        tree.reached[InodeNo::ROOT.index()] = true;
        loop {
            self.grow(&dirs, &mut tree);
            let is_waiting = |dir: &InodeNo| !tree.reached[dir.index()] && self.kinds[dir.index()].is_some();
            let waiting: Vec<InodeNo> = dirs.iter().copied().filter(is_waiting).collect();
            let Some(first) = waiting.first() else { break };
            let nameless = waiting.iter().find(|dir| tree.by[dir.index()].is_none());
            match (nameless, self.way_out(&waiting, &tree)) {
                (Some(lost), _) => self.orphan_directory(*lost, &mut tree)?,
                (None, Some((dir, name))) => tree.by[dir.index()] = Some(name),
                (None, None) => self.orphan_directory(*first, &mut tree)?,
            }
        }
        self.remove_second_names(&tree)?;
        dirs.into_iter().try_for_each(|dir| self.mend_parent(dir, &tree))
    }

    /// The name that agrees with ".." is the right one; if none does, the first is.
    fn preferred_names(&self) -> Tree {
        let inodes = self.kinds.len();
        let mut tree = Tree { reached: vec![false; inodes], by: vec![None; inodes] };
        let is_dir = |entry: &&Entry| self.kinds[entry.child.index()] == Some(FileType::Dir);
        for (index, entry) in self.entries.iter().enumerate().filter(|(_, entry)| is_dir(entry)) {
            let by = &mut tree.by[entry.child.index()];
            let agrees = |entry: &Entry| self.dotdot[entry.child.index()] == entry.dir;
            if by.is_none_or(|chosen| agrees(entry) && !agrees(&self.entries[chosen])) {
                *by = Some(index);
            }
        }
        tree
    }

    /// Follows preferred names from what is reached.
    fn grow(&self, dirs: &[InodeNo], tree: &mut Tree) {
        let mut grows = true;
        while grows {
            grows = false;
            for dir in dirs.iter().filter(|dir| self.kinds[dir.index()].is_some()) {
                let by = tree.by[dir.index()].map(|index| self.entries[index].dir);
                if !tree.reached[dir.index()] && by.is_some_and(|parent| tree.reached[parent.index()]) {
                    tree.reached[dir.index()] = true;
                    grows = true;
                }
            }
        }
    }

    /// Directories that were moved may have left a cycle of preferred names; another name of one of them opens it. Only
    /// once nothing nameless is left, so that an interrupted repair is not continued in another way.
    fn way_out(&self, waiting: &[InodeNo], tree: &Tree) -> Option<(InodeNo, usize)> {
        waiting.iter().find_map(|dir| {
            let leads_here = |entry: &Entry| entry.child == *dir && tree.reached[entry.dir.index()];
            self.entries.iter().position(leads_here).map(|index| (*dir, index))
        })
    }

    fn orphan_directory(&mut self, dir: InodeNo, tree: &mut Tree) -> Result<(), FsError> {
        if self.options.orphans == Orphans::Delete {
            return self.delete_directory(dir, tree);
        }
        tree.by[dir.index()] = None;
        tree.reached[dir.index()] = true;
        self.report.push(Repair::Reattached(dir));
        if !self.repair {
            return Ok(());
        }
        let parent = self.lost_and_found()?;
        if !tree.reached[parent.index()] {
            tree.reached[parent.index()] = true;
            tree.by[parent.index()] = self.entries.iter().position(|entry| entry.child == parent);
        }
        let entry = self.reattach(dir, FileType::Dir, parent)?;
        tree.by[dir.index()] = Some(self.entries.len());
        self.entries.push(entry);
        self.fs.change_links(parent, 1)
    }

    fn delete_directory(&mut self, dir: InodeNo, tree: &mut Tree) -> Result<(), FsError> {
        self.report.push(Repair::Deleted(dir));
        self.kinds[dir.index()] = None;
        // What it held has lost a name. Positions of entries stay as they are, for the tree refers to them.
        for index in 0..self.entries.len() {
            let Entry { dir: from, child, .. } = self.entries[index];
            if from == dir {
                self.entries[index].child = InodeNo::NONE;
                if tree.by[child.index()] == Some(index) {
                    tree.by[child.index()] = self.entries.iter().position(|entry| entry.child == child);
                }
            }
        }
        if self.repair {
            let inode = self.fs.inode(dir)?;
            self.fs.release_inode(dir, inode)?;
        }
        Ok(())
    }

    fn remove_second_names(&mut self, tree: &Tree) -> Result<(), FsError> {
        for index in 0..self.entries.len() {
            let Entry { child, block, at, .. } = self.entries[index];
            let is_dir = self.kinds[child.index()] == Some(FileType::Dir);
            let right = tree.by[child.index()] == Some(index);
            if !is_dir
                || (right && child != InodeNo::ROOT)
                || self.options.bugs.has(Bug::FsckKeepsSecondParent)
            {
                continue;
            }
            self.report.push(Repair::SecondParent(child));
            self.entries[index].child = InodeNo::NONE;
            if self.repair {
                dir::remove(self.fs.store.modify(block, BlockKind::Directory)?, at);
            }
        }
        Ok(())
    }

    fn mend_parent(&mut self, dir: InodeNo, tree: &Tree) -> Result<(), FsError> {
        let parent = match tree.by[dir.index()] {
            _ if dir == InodeNo::ROOT => InodeNo::ROOT,
            Some(index) => self.entries[index].dir,
            None => return Ok(()),
        };
        if self.kinds[dir.index()].is_none() || self.dotdot[dir.index()] == parent {
            return Ok(());
        }
        self.report.push(Repair::Dots(dir));
        if self.repair {
            self.fs.set_parent(dir, parent)?;
        }
        Ok(())
    }

    /// Every file has a name, and every link count says how many (FK-04).
    pub(super) fn link_counts(&mut self) -> Result<(), FsError> {
        let mut names = vec![0; self.kinds.len()];
        for entry in self.entries.iter().filter(|entry| entry.child != InodeNo::NONE) {
            names[entry.child.index()] += 1;
        }
        for number in self.used(None) {
            if names[number.index()] == 0 && self.kinds[number.index()] != Some(FileType::Dir) {
                names[number.index()] = self.orphan_file(number)?;
            }
        }
        for number in self.used(Some(FileType::Dir)) {
            names[number.index()] = 2 + self.subdirectories(number);
        }
        self.used(None).into_iter().try_for_each(|number| self.mend_links(number, names[number.index()]))
    }

    fn subdirectories(&self, dir: InodeNo) -> u32 {
        let is_dir =
            |entry: &&Entry| entry.dir == dir && self.kinds[entry.child.index()] == Some(FileType::Dir);
        self.entries.iter().filter(is_dir).count() as u32
    }

    /// Gives a file without a name one, or deletes it; how many names it has then.
    fn orphan_file(&mut self, number: InodeNo) -> Result<u32, FsError> {
        let inode = self.fs.inode(number)?;
        let unlinked = inode.nlink == 0;
        let delete = self.options.orphans == Orphans::Delete || self.options.bugs.has(Bug::FsckDropsOrphans);
        if unlinked || delete {
            self.report.push(if unlinked { Repair::Unlinked(number) } else { Repair::Deleted(number) });
            self.kinds[number.index()] = None;
            if self.repair {
                self.fs.release_inode(number, inode)?;
            }
            return Ok(0);
        }
        self.report.push(Repair::Reattached(number));
        if self.repair {
            let parent = self.lost_and_found()?;
            self.reattach(number, inode.kind, parent)?;
        }
        Ok(1)
    }

    fn mend_links(&mut self, number: InodeNo, names: u32) -> Result<(), FsError> {
        let mut inode = self.fs.inode(number)?;
        if inode.nlink == names {
            return Ok(());
        }
        if inode.nlink < names {
            if self.options.bugs.has(Bug::FsckKeepsUndercount) {
                return Ok(());
            }
            self.report.push(Repair::LinksTooLow(number));
        } else {
            self.report.push(Repair::LinksTooHigh(number));
        }
        inode.nlink = names;
        if self.repair { self.fs.put_inode(number, &inode) } else { Ok(()) }
    }

    /// The directory for what has no name; made if it is missing.
    fn lost_and_found(&mut self) -> Result<InodeNo, FsError> {
        if let Some(dir) = self.lost_and_found.filter(|dir| self.kinds[dir.index()].is_some()) {
            return Ok(dir);
        }
        let root = self.fs.inode(InodeNo::ROOT)?;
        if self.fs.lookup(InodeNo::ROOT, &root, LOST_AND_FOUND)?.is_some() {
            return Ok(InodeNo::ROOT);
        }
        self.fs.mkdir(&Path::root().join(LOST_AND_FOUND))?;
        let made = self.entry(InodeNo::ROOT, LOST_AND_FOUND)?;
        self.report.push(Repair::MadeDirectory(made.child));
        self.kinds[made.child.index()] = Some(FileType::Dir);
        self.entries.push(made);
        self.dotdot[made.child.index()] = InodeNo::ROOT;
        self.lost_and_found = Some(made.child);
        Ok(made.child)
    }

    /// Adds a name made from the inode number.
    fn reattach(&mut self, number: InodeNo, kind: FileType, parent: InodeNo) -> Result<Entry, FsError> {
        let mut name = format!("#{}", number.0);
        loop {
            let inode = self.fs.inode(parent)?;
            if self.fs.lookup(parent, &inode, &name)?.is_none() {
                break;
            }
            name.push('+');
        }
        let growth = self.fs.blocks_for_name(parent, &name)?;
        self.fs.reserve(growth, 0)?;
        self.fs.add_name(parent, &name, number, kind)?;
        self.entry(parent, &name)
    }

    /// The entry that was just made, and where it stands.
    fn entry(&mut self, dir: InodeNo, name: &str) -> Result<Entry, FsError> {
        let missing = FsError::Corrupt { inode: dir, what: "it did not take a new name" };
        let inode = self.fs.inode(dir)?;
        let entry = self.fs.lookup(dir, &inode, name)?.ok_or_else(|| missing.clone())?;
        let block = self.fs.block_at(dir, &inode, entry.index)?.ok_or(missing)?;
        Ok(Entry { dir, child: entry.inode, block, at: entry.at })
    }
}
