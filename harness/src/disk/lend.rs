//! Reading without a copy.

use super::{Backing, Disk, Machine};
use crate::error::DiskError;
use crate::lent::Lent;
use crashcheck_trace::{Bytes, DeviceId};

impl Disk {
    /// Reads `len` bytes from `at` on, without a copy where the device has them stored in one piece.
    ///
    /// # Errors
    /// As [`read`](Disk::read).
    pub fn lend(&self, at: Bytes, len: usize) -> Result<Lent, DiskError> {
        self.awake()?.lend(self.device, at, len)
    }
}

impl Machine {
    fn lend(&mut self, device: DeviceId, at: Bytes, len: usize) -> Result<Lent, DiskError> {
        self.range(device, at, Bytes::of(len))?;
        if let Backing::Crashed(image) = &mut self.backing {
            return image.lend(device, at, len).map_err(|at| DiskError::Unreadable { device, at });
        }
        let mut bytes = vec![0; len];
        self.read(device, at, &mut bytes)?;
        Ok(bytes.into())
    }
}
