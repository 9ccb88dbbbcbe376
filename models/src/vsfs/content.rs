//! The content of files and of symbolic links.

use super::blocks::{FsError, position};
use super::files::Files;
use super::format::{BLOCK_SIZE, INLINE_TARGET, InodeNo};
use super::inode::Inode;
use crate::fs::{Content, Path};
use crashcheck::Bytes;

/// Reading and changing content, over any layer below.
pub(crate) trait Contents: Files {
    /// The whole content of a file; holes read as zeros.
    fn read_all(&mut self, number: InodeNo, inode: &Inode) -> Result<Content, FsError> {
        let blocks: Result<Vec<_>, FsError> =
            (0..inode.blocks_long()).map(|index| self.lend(number, inode, index)).collect();
        Ok(Content::of_blocks(&blocks?, inode.size))
    }

    /// Blocks that a write takes, before it changes anything.
    fn blocks_for_write(
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
    fn write_at(
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
            let (page, _) = self.block_mut(number, inode, index)?;
            page[within..within + part.len()].copy_from_slice(part);
            done += part.len();
        }
        inode.size = inode.size.max(end);
        Ok(())
    }

    /// Sets the length of a file, whose inode is then for the caller to write.
    fn set_len(&mut self, number: InodeNo, inode: &mut Inode, len: Bytes) -> Result<(), FsError> {
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
    fn clear_tail(&mut self, number: InodeNo, inode: &mut Inode) -> Result<(), FsError> {
        let (index, within) = position(inode.size.0);
        if within == 0 {
            return Ok(());
        }
        let Some(page) = self.block(number, inode, index)? else { return Ok(()) };
        if page[within..].iter().any(|byte| *byte != 0) {
            self.block_mut(number, inode, index)?.0[within..].fill(0);
        }
        Ok(())
    }

    /// Blocks that the target of a new symbolic link takes.
    fn blocks_for_target(target: &Path) -> u64 {
        u64::from(target.as_str().len() > INLINE_TARGET)
    }

    /// Sets the target of a new symbolic link, whose inode is then for the caller to write.
    fn set_target(&mut self, number: InodeNo, inode: &mut Inode, target: &Path) -> Result<(), FsError> {
        let bytes = target.as_str().as_bytes();
        inode.size = Bytes::of(bytes.len());
        if bytes.len() <= INLINE_TARGET {
            inode.inline[..bytes.len()].copy_from_slice(bytes);
        } else {
            self.block_mut(number, inode, 0)?.0[..bytes.len()].copy_from_slice(bytes);
        }
        Ok(())
    }

    /// What a symbolic link says.
    fn target(&mut self, number: InodeNo, inode: &Inode) -> Result<Path, FsError> {
        let bad = FsError::Corrupt { inode: number, what: "the symbolic link does not hold a path" };
        let len = inode.size.0 as usize;
        let bytes = if inode.size <= Bytes::of(INLINE_TARGET) {
            &inode.inline[..len]
        } else if inode.size <= Bytes::of(BLOCK_SIZE)
            && let Some(page) = self.block(number, inode, 0)?
        {
            &page[..len]
        } else {
            return Err(bad);
        };
        std::str::from_utf8(bytes).ok().and_then(|text| Path::parse(text).ok()).ok_or(bad)
    }
}

impl<F: Files> Contents for F {}
