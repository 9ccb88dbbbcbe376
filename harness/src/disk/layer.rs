//! What looks like a disk: RAID, a flash translation layer, a layer of checksums.

use super::backing::Backing;
use crate::error::DiskError;
use crashcheck_trace::{Bytes, DeviceId, Label, Reach};

/// A layer over other devices that looks like a disk to what runs on it. [`Disk::over`](crate::Disk::over) makes it one.
///
/// The ranges lie within the device: whoever calls has asked for its length first. A write is acknowledged when it
/// returns, and durable when a later [`flush`](BlockDevice::flush) has returned, or with `fua` at once.
#[expect(clippy::len_without_is_empty, reason = "a device has bytes")]
pub trait BlockDevice: Send {
    /// Its length.
    ///
    /// # Errors
    /// If the devices below fail.
    fn len(&mut self) -> Result<Bytes, DiskError>;

    /// Fills `buf` from the device, beginning at `at`.
    ///
    /// # Errors
    /// If the devices below fail, and the layer cannot make up for it.
    fn read(&mut self, at: Bytes, buf: &mut [u8]) -> Result<(), DiskError>;

    /// Writes `data` at `at`. The label says what it is, in the words of whoever writes; a layer keeps it in the labels
    /// of its own writes.
    ///
    /// # Errors
    /// As [`read`](BlockDevice::read).
    fn write(&mut self, at: Bytes, data: &[u8], fua: bool, label: Option<&Label>) -> Result<(), DiskError>;

    /// Sets a range to zeros.
    ///
    /// # Errors
    /// As [`write`](BlockDevice::write).
    fn write_zeroes(&mut self, at: Bytes, len: Bytes, label: Option<&Label>) -> Result<(), DiskError> {
        self.write(at, &vec![0; len.index()], false, label)
    }

    /// Says that a range is no longer needed. By default it keeps its content.
    ///
    /// # Errors
    /// As [`write`](BlockDevice::write).
    fn discard(&mut self, at: Bytes, len: Bytes) -> Result<(), DiskError> {
        let _ = (at, len);
        Ok(())
    }

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// As [`write`](BlockDevice::write).
    fn flush(&mut self) -> Result<(), DiskError>;
}

/// A layer is the one device of its machine.
pub(super) struct Layer(pub(super) Box<dyn BlockDevice>);

impl Backing for Layer {
    fn devices(&self) -> usize {
        1
    }

    fn len(&mut self, _: DeviceId) -> Result<Bytes, DiskError> {
        self.0.len()
    }

    fn read(&mut self, _: DeviceId, at: Bytes, buf: &mut [u8]) -> Result<(), DiskError> {
        self.0.read(at, buf)
    }

    fn write(
        &mut self,
        _: DeviceId,
        at: Bytes,
        data: &[u8],
        fua: Option<Reach>,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        self.0.write(at, data, fua.is_some(), label)
    }

    fn zero(&mut self, _: DeviceId, at: Bytes, len: Bytes, label: Option<&Label>) -> Result<(), DiskError> {
        self.0.write_zeroes(at, len, label)
    }

    fn discard(&mut self, _: DeviceId, at: Bytes, len: Bytes) -> Result<(), DiskError> {
        self.0.discard(at, len)
    }

    fn resize(&mut self, _: DeviceId, _: Bytes) -> Result<(), DiskError> {
        let what = "the length of a layer is that of the devices below it".to_owned();
        Err(DiskError::Failed { what })
    }

    fn flush(&mut self, _: DeviceId, _: Reach) -> Result<(), DiskError> {
        self.0.flush()
    }
}
