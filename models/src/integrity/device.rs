//! The opened volume as a disk: any range of bytes, in blocks.

use super::format::BLOCK_SIZE;
use super::live::Live;
use crashcheck::{BlockDevice, Bytes, DiskError, Label};
use std::ops::Range;

/// The blocks that a range touches: each with the bytes within it, and where they are in the range.
fn blocks(at: Bytes, len: usize) -> impl Iterator<Item = (u64, Range<usize>, Range<usize>)> {
    let size = BLOCK_SIZE as u64;
    let end = at.0 + len as u64;
    (at.0 / size..end.div_ceil(size)).map(move |block| {
        let (from, upto) = (at.0.max(block * size), end.min((block + 1) * size));
        let within = (from - block * size) as usize..(upto - block * size) as usize;
        (block, within, (from - at.0) as usize..(upto - at.0) as usize)
    })
}

/// What a write of a block is called.
fn name(block: u64, label: Option<&Label>) -> String {
    match label {
        None => format!("data {block}"),
        Some(label) => format!("data {block} ({})", label.as_str()),
    }
}

impl BlockDevice for Live {
    fn len(&mut self) -> Result<Bytes, DiskError> {
        Ok(self.capacity())
    }

    fn read(&mut self, at: Bytes, buf: &mut [u8]) -> Result<(), DiskError> {
        for (block, within, part) in blocks(at, buf.len()) {
            buf[part].copy_from_slice(&self.read_block(block)?[within]);
        }
        Ok(())
    }

    fn write(&mut self, at: Bytes, data: &[u8], fua: bool, label: Option<&Label>) -> Result<(), DiskError> {
        for (block, within, part) in blocks(at, data.len()) {
            let mut page = match within.len() {
                BLOCK_SIZE => [0; BLOCK_SIZE],
                _ => self.read_block(block)?,
            };
            page[within].copy_from_slice(&data[part]);
            self.write_block(block, &page, &name(block, label))?;
        }
        match fua {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn write_zeroes(&mut self, at: Bytes, len: Bytes, label: Option<&Label>) -> Result<(), DiskError> {
        for (block, within, _) in blocks(at, len.index()) {
            if within.len() == BLOCK_SIZE {
                self.forget_block(block)?;
                continue;
            }
            let mut page = self.read_block(block)?;
            page[within].fill(0);
            self.write_block(block, &page, &name(block, label))?;
        }
        Ok(())
    }

    fn discard(&mut self, at: Bytes, len: Bytes) -> Result<(), DiskError> {
        for (block, within, _) in blocks(at, len.index()) {
            if within.len() == BLOCK_SIZE {
                self.forget_block(block)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        Ok(self.commit()?)
    }
}
