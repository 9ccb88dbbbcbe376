//! What a user sees: the whole tree.

use super::blocks::{FileSystem, FsError};
use super::content::Contents;
use super::dir;
use super::files::Files;
use super::format::InodeNo;
use super::inode::{FileType, Inode};
use super::store::{self, Store};
use crate::fs::{Content, Path, View, ViewBuilder};
use std::collections::BTreeMap;

impl<S: Store> FileSystem<S> {
    /// Reads everything a user can see.
    ///
    /// # Errors
    /// If the store fails, or the disk holds nonsense.
    pub fn view(&mut self) -> Result<View, FsError> {
        self.show_all()
    }
}

/// Reading everything, over any layer below.
pub(crate) trait Show: Contents {
    /// Reads everything a user can see.
    ///
    /// # Errors
    /// If the layer below fails, or holds nonsense.
    fn show_all(&mut self) -> Result<View, FsError> {
        let mut walk =
            Walk { view: ViewBuilder::new(), contents: BTreeMap::new(), steps_left: self.inodes() };
        let root = self.inode(InodeNo::ROOT)?;
        self.show_dir(&mut walk, InodeNo::ROOT, &root, &Path::root())?;
        Ok(walk.view.build())
    }

    fn show_dir(
        &mut self,
        walk: &mut Walk,
        number: InodeNo,
        inode: &Inode,
        path: &Path,
    ) -> Result<(), FsError> {
        walk.steps_left = walk
            .steps_left
            .checked_sub(1)
            .ok_or(FsError::Corrupt { inode: number, what: "there are more directories than inodes" })?;
        for index in 0..inode.blocks_long() {
            let Some(page) = self.lend(number, inode, index)? else { continue };
            for record in
                dir::entries(store::page(&page)).filter(|record| !matches!(record.name, b"." | b".."))
            {
                let name = std::str::from_utf8(record.name).ok().filter(|_| dir::is_name(record.name));
                let name =
                    name.ok_or(FsError::Corrupt { inode: number, what: "an entry has an impossible name" })?;
                self.show(walk, record.inode, path.join(name))?;
            }
        }
        Ok(())
    }

    fn show(&mut self, walk: &mut Walk, number: InodeNo, path: Path) -> Result<(), FsError> {
        let inode = self.inode(number)?;
        match inode.kind {
            FileType::Dir => {
                walk.view.dir(path.clone());
                self.show_dir(walk, number, &inode, &path)?;
            }
            FileType::Symlink => walk.view.symlink(path, self.target(number, &inode)?),
            FileType::File => {
                let content = match walk.contents.get(&number) {
                    Some(content) => Content::clone(content),
                    None => self.read_all(number, &inode)?,
                };
                if inode.nlink > 1 {
                    walk.contents.insert(number, content.clone());
                }
                walk.view.file(path, number.0, inode.nlink, content);
            }
        }
        Ok(())
    }
}

impl<F: Files> Show for F {}

/// What was shown so far.
pub(crate) struct Walk {
    view: ViewBuilder,
    /// Of files with several names.
    contents: BTreeMap<InodeNo, Content>,
    /// A directory that lies within itself would never end.
    steps_left: u32,
}
