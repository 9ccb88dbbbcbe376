//! The content of files and of symbolic links.

use super::blocks::{FileSystem, FsError, position};
use super::format::{BLOCK_SIZE, INLINE_TARGET, InodeNo};
use super::inode::Inode;
use super::store::{BlockKind, Store};
use crate::fs::Path;
use crashcheck::Bytes;

impl<S: Store> FileSystem<S> {
    /// The whole content of a file; holes read as zeros.
    pub(crate) fn read_all(&mut self, number: InodeNo, inode: &Inode) -> Result<Vec<u8>, FsError> {
        let mut content = vec![0; inode.size.index()];
        for (index, part) in content.chunks_mut(BLOCK_SIZE).enumerate() {
            if let Some(block) = self.block_at(number, inode, index as u64)? {
                part.copy_from_slice(&self.store.read(block, BlockKind::Data)?[..part.len()]);
            }
        }
        Ok(content)
    }

    /// Blocks that a write takes, before it changes anything.
    pub(crate) fn blocks_for_write(
        &mut self,
        number: InodeNo,
        inode: &Inode,
        at: Bytes,
        len: Bytes,
    ) -> Result<u64, FsError> {
        let (first, last) = (position(at.0).0, position(at.0 + len.0 - 1).0);
        self.blocks_missing(number, inode, first, last)
    }

    /// Writes into a file, whose inode is then for the caller to write.
    pub(crate) fn write_at(
        &mut self,
        number: InodeNo,
        inode: &mut Inode,
        at: Bytes,
        bytes: &[u8],
    ) -> Result<(), FsError> {
        let end = at + Bytes::of(bytes.len());
        if at > inode.size {
            self.clear_tail(number, inode)?;
        }
        let mut done = 0;
        while done < bytes.len() {
            let (index, within) = position(at.0 + done as u64);
            let part = &bytes[done..bytes.len().min(done + BLOCK_SIZE - within)];
            let (block, new) = self.block_for(number, inode, index)?;
            let page = match new {
                true => self.store.fresh(block, BlockKind::Data)?,
                false => self.store.modify(block, BlockKind::Data)?,
            };
            page[within..within + part.len()].copy_from_slice(part);
            done += part.len();
        }
        inode.size = inode.size.max(end);
        Ok(())
    }

    /// Sets the length of a file, whose inode is then for the caller to write.
    pub(crate) fn set_len(&mut self, number: InodeNo, inode: &mut Inode, len: Bytes) -> Result<(), FsError> {
        if len > inode.size {
            self.clear_tail(number, inode)?;
        } else {
            self.keep_blocks(number, inode, len.0.div_ceil(BLOCK_SIZE as u64))?;
        }
        inode.size = len;
        Ok(())
    }

    /// What lies behind the end of a file in its last block is about to belong to the file, and must read as zeros: a
    /// crash may have left more there than the inode knows of.
    fn clear_tail(&mut self, number: InodeNo, inode: &Inode) -> Result<(), FsError> {
        let (index, within) = position(inode.size.0);
        if within == 0 {
            return Ok(());
        }
        let Some(block) = self.block_at(number, inode, index)? else { return Ok(()) };
        if self.store.read(block, BlockKind::Data)?[within..].iter().any(|byte| *byte != 0) {
            self.store.modify(block, BlockKind::Data)?[within..].fill(0);
        }
        Ok(())
    }

    /// Blocks that the target of a new symbolic link takes.
    pub(crate) fn blocks_for_target(target: &Path) -> u64 {
        u64::from(target.as_str().len() > INLINE_TARGET)
    }

    /// Sets the target of a new symbolic link, whose inode is then for the caller to write.
    pub(crate) fn set_target(
        &mut self,
        number: InodeNo,
        inode: &mut Inode,
        target: &Path,
    ) -> Result<(), FsError> {
        let bytes = target.as_str().as_bytes();
        inode.size = Bytes::of(bytes.len());
        if bytes.len() <= INLINE_TARGET {
            inode.inline[..bytes.len()].copy_from_slice(bytes);
        } else {
            let (block, _) = self.block_for(number, inode, 0)?;
            self.store.fresh(block, BlockKind::Symlink)?[..bytes.len()].copy_from_slice(bytes);
        }
        Ok(())
    }

    /// What a symbolic link says.
    pub(crate) fn target(&mut self, number: InodeNo, inode: &Inode) -> Result<Path, FsError> {
        let bad = FsError::Corrupt { inode: number, what: "the symbolic link does not hold a path" };
        let len = inode.size.0 as usize;
        let bytes = if inode.size <= Bytes::of(INLINE_TARGET) {
            &inode.inline[..len]
        } else if inode.size <= Bytes::of(BLOCK_SIZE)
            && let Some(block) = self.block_at(number, inode, 0)?
        {
            &self.store.read(block, BlockKind::Symlink)?[..len]
        } else {
            return Err(bad);
        };
        std::str::from_utf8(bytes).ok().and_then(|text| Path::parse(text).ok()).ok_or(bad)
    }
}
