//! A device on which something can be tried: what is written is kept beside it, and never reaches it.

use super::format::FORMATTED;
use crashcheck::{BlockDevice, Bytes, Disk, DiskError, Label};
use std::collections::BTreeMap;

/// A member, in blocks of its own size.
struct Aside {
    below: Disk,
    written: BTreeMap<u64, Vec<u8>>,
}

/// That member, to be written to without consequences. It is read and written in whole blocks.
pub(super) fn aside(below: Disk) -> Disk {
    Disk::over(Box::new(Aside { below, written: BTreeMap::new() }))
}

impl BlockDevice for Aside {
    fn len(&mut self) -> Result<Bytes, DiskError> {
        self.below.len()
    }

    fn read(&mut self, at: Bytes, buf: &mut [u8]) -> Result<(), DiskError> {
        match self.written.get(&at.0) {
            Some(written) => {
                buf.copy_from_slice(written);
                Ok(())
            }
            None => self.below.read(at, buf),
        }
    }

    /// A member that has failed takes no writes.
    fn write(&mut self, at: Bytes, data: &[u8], _: bool, _: Option<&Label>) -> Result<(), DiskError> {
        debug_assert!(at.0.is_multiple_of(FORMATTED as u64) && data.len() == FORMATTED, "a whole block");
        if let Err(lost @ DiskError::Lost { .. }) = self.below.len() {
            return Err(lost);
        }
        self.written.insert(at.0, data.to_vec());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        self.below.len().map(drop)
    }
}
