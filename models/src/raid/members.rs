//! The devices of an array, and what each of them was asked to do.

use super::format::{SECTOR, UNIT, Unit};
use super::geometry::Row;
use crashcheck::{Bytes, Disk, DiskError};

/// What one device was asked to do in its data area, and beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Reads of data and checks.
    pub reads: u64,
    /// Writes of data and checks.
    pub writes: u64,
    /// Writes of superblock, bitmap and journal.
    pub metadata: u64,
    /// The first and the last row that was read or written.
    pub span: Option<(Row, Row)>,
}

impl Served {
    /// Reads and writes of data and checks together.
    pub fn ios(&self) -> u64 {
        self.reads + self.writes
    }

    fn at(&mut self, row: Row) {
        let (first, last) = self.span.unwrap_or((row, row));
        self.span = Some((first.min(row), last.max(row)));
    }
}

/// The devices by number.
pub(super) struct Members {
    disks: Vec<Disk>,
    data_at: Bytes,
    pub(super) served: Vec<Served>,
}

impl Members {
    pub(super) fn new(disks: Vec<Disk>, data_at: Bytes) -> Members {
        Members { served: vec![Served::default(); disks.len()], disks, data_at }
    }

    /// The devices.
    pub(super) fn disks(&self) -> &[Disk] {
        &self.disks
    }

    fn position(&self, row: Row, at: usize) -> Bytes {
        self.data_at + Bytes(row.0 * UNIT as u64) + Bytes::of(at)
    }

    /// Reads a part of the unit of a row.
    pub(super) fn read(&mut self, device: u8, row: Row, at: usize, buf: &mut [u8]) -> Result<(), DiskError> {
        let served = &mut self.served[usize::from(device)];
        served.reads += 1;
        served.at(row);
        self.disks[usize::from(device)].read(self.position(row, at), buf)
    }

    /// Writes a part of the unit of a row.
    pub(super) fn write(
        &mut self,
        device: u8,
        row: Row,
        at: usize,
        data: &[u8],
        (fua, label): (bool, &str),
    ) -> Result<(), DiskError> {
        let served = &mut self.served[usize::from(device)];
        served.writes += 1;
        served.at(row);
        let disk = self.disks[usize::from(device)].labelled(label);
        let position = self.position(row, at);
        if fua { disk.write_fua(position, data) } else { disk.write(position, data) }
    }

    /// Reads outside the data.
    pub(super) fn read_metadata(&mut self, device: u8, at: Bytes, len: usize) -> Result<Vec<u8>, DiskError> {
        let mut bytes = vec![0; len];
        self.disks[usize::from(device)].read(at, &mut bytes)?;
        Ok(bytes)
    }

    /// Writes units outside the data.
    pub(super) fn write_metadata(
        &mut self,
        device: u8,
        at: Bytes,
        units: &[u8],
        (fua, label): (bool, &str),
    ) -> Result<(), DiskError> {
        self.served[usize::from(device)].metadata += 1;
        let disk = self.disks[usize::from(device)].labelled(label);
        if fua { disk.write_fua(at, units) } else { disk.write(at, units) }
    }

    /// A unit of metadata that says everything in its first sector. The rest is not read.
    pub(super) fn read_sector(&mut self, device: u8, at: Bytes) -> Result<Box<Unit>, DiskError> {
        let mut unit = Box::new([0; UNIT]);
        self.disks[usize::from(device)].read(at, &mut unit[..SECTOR])?;
        Ok(unit)
    }

    pub(super) fn len(&self, device: u8) -> Result<Bytes, DiskError> {
        self.disks[usize::from(device)].len()
    }

    pub(super) fn flush(&mut self, device: u8) -> Result<(), DiskError> {
        self.disks[usize::from(device)].flush()
    }
}
