//! Directories: records, "." and "..", names, and entries that lead to nothing.

use super::{Fsck, Repair};
use crate::vsfs::blocks::FsError;
use crate::vsfs::bugs::Bug;
use crate::vsfs::dir::{self, Item};
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, InodeNo, Page};
use crate::vsfs::inode::FileType;
use crate::vsfs::store::{BlockKind, Store};
use crashcheck::Bytes;
use std::collections::BTreeSet;

/// The name of the directory for what has lost its own.
pub(crate) const LOST_AND_FOUND: &str = "lost+found";

/// An entry that leads to an inode in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) dir: InodeNo,
    pub(super) child: InodeNo,
    pub(super) block: BlockNo,
    /// The first byte of its record.
    pub(super) at: usize,
}

/// What to do about an entry.
enum Verdict {
    Keep,
    Remove(Repair),
    Retype(FileType),
}

impl<S: Store> Fsck<'_, S> {
    /// Every directory can be read, and every entry leads to an inode in use (FK-07).
    pub(super) fn directories(&mut self) -> Result<(), FsError> {
        self.used(Some(FileType::Dir)).into_iter().try_for_each(|number| self.directory(number))
    }

    fn directory(&mut self, number: InodeNo) -> Result<(), FsError> {
        let inode = self.fs.inode(number)?;
        let mut names = BTreeSet::new();
        match self.fs.block_at(number, &inode, 0)? {
            Some(first) => self.dir_block(number, first, true, &mut names)?,
            None => self.make_first_block(number)?,
        }
        for index in 1..inode.blocks_long() {
            if let Some(block) = self.fs.block_at(number, &inode, index)? {
                self.dir_block(number, block, false, &mut names)?;
            }
        }
        Ok(())
    }

    fn make_first_block(&mut self, number: InodeNo) -> Result<(), FsError> {
        self.report.push(Repair::BrokenDirectory(number));
        self.dotdot[number.index()] = InodeNo::ROOT;
        if self.repair {
            let mut inode = self.fs.inode(number)?;
            self.fs.reserve(1, 0)?;
            let (block, _) = self.fs.block_for(number, &mut inode, 0)?;
            dir::init_first(self.fs.store.fresh(block, BlockKind::Directory)?, number, InodeNo::ROOT);
            inode.size = inode.size.max(Bytes::of(BLOCK_SIZE));
            self.fs.put_inode(number, &inode)?;
        }
        Ok(())
    }

    fn dir_block(
        &mut self,
        number: InodeNo,
        block: BlockNo,
        is_first: bool,
        names: &mut BTreeSet<Vec<u8>>,
    ) -> Result<(), FsError> {
        let before = *self.fs.store.read(block, BlockKind::Directory)?;
        let mut page = before;
        self.mend_records(number, &mut page);
        if is_first {
            self.mend_dots(number, &mut page);
        }
        let skip = if is_first { 2 } else { 0 };
        let sound = page;
        for record in dir::entries(&sound).skip(skip) {
            match self.verdict(number, &record, names) {
                Verdict::Keep => {}
                Verdict::Retype(kind) => {
                    self.report.push(Repair::EntryType(number));
                    dir::retarget(&mut page, record.at, record.inode, kind);
                }
                Verdict::Remove(repair) => {
                    self.report.push(repair);
                    dir::remove(&mut page, record.at);
                    continue;
                }
            }
            if self.kinds.get(record.inode.index()).copied().flatten().is_some() {
                self.note(Entry { dir: number, child: record.inode, block, at: record.at }, record.name);
            }
        }
        if self.repair && page != before {
            *self.fs.store.modify(block, BlockKind::Directory)? = page;
        }
        Ok(())
    }

    fn note(&mut self, entry: Entry, name: &[u8]) {
        if entry.dir == InodeNo::ROOT
            && name == LOST_AND_FOUND.as_bytes()
            && self.kinds[entry.child.index()] == Some(FileType::Dir)
        {
            self.lost_and_found = Some(entry.child);
        }
        self.entries.push(entry);
    }

    fn mend_records(&mut self, number: InodeNo, page: &mut Page) {
        let first_broken = |page: &Page| {
            dir::items(page).find_map(|item| match item {
                Item::Broken { at } => Some(at),
                Item::Record(_) => None,
            })
        };
        while let Some(at) = first_broken(page) {
            self.report.push(Repair::BrokenDirectory(number));
            dir::clear_chunk(page, at);
        }
    }

    /// "." and ".." come first and are directories; where ".." should lead is for the next phase to say.
    fn mend_dots(&mut self, number: InodeNo, page: &mut Page) {
        let typed = dir::entries(page).take(2).all(|record| record.kind == FileType::Dir as u8);
        if dir::this(page) != Some(number) || dir::parent(page).is_none() || !typed {
            self.report.push(Repair::Dots(number));
            let second = dir::entries(page).nth(1).map(|record| record.at);
            match (dir::this(page), dir::parent(page), second) {
                (Some(_), Some(parent), Some(second)) => {
                    dir::retarget(page, 0, number, FileType::Dir);
                    dir::retarget(page, second, parent, FileType::Dir);
                }
                _ => dir::put_dots(page, number, InodeNo::ROOT),
            }
        }
        self.dotdot[number.index()] = dir::parent(page).unwrap_or(InodeNo::ROOT);
    }

    fn verdict(&self, dir: InodeNo, record: &dir::Record<'_>, names: &mut BTreeSet<Vec<u8>>) -> Verdict {
        if !dir::is_name(record.name) {
            return Verdict::Remove(Repair::BadName(dir));
        }
        let Some(kind) = self.kinds.get(record.inode.index()).copied().flatten() else {
            let keep = self.options.bugs.has(Bug::FsckKeepsDangling);
            return if keep { Verdict::Keep } else { Verdict::Remove(Repair::EntryToFreeInode(dir)) };
        };
        if !names.insert(record.name.to_vec()) {
            return Verdict::Remove(Repair::BadName(dir));
        }
        if record.kind == kind as u8 { Verdict::Keep } else { Verdict::Retype(kind) }
    }
}
