//! The write-intent bitmap: which stripes may be half written (RD-22).
//!
//! A bit is durable on every member before the first write to its stripes is issued, and it is dropped by the flush that
//! makes the stripes whole. So only stripes that are being written when the power fails are ever in doubt.

use super::array::Array;
use super::bugs::Bug;
use super::format::{BITMAP_AT, encode_bitmap, stripes_per_bit};
use super::geometry::{Role, Row, Stripe};
use crashcheck::DiskError;
use std::collections::BTreeSet;

/// The bits in memory.
#[derive(Default)]
pub(super) struct Bitmap {
    /// What the members hold.
    pub(super) on_disk: BTreeSet<u64>,
    /// Stripes that were written since the last flush.
    dirty: BTreeSet<u64>,
}

impl Bitmap {
    /// All that was written is durable.
    pub(super) fn settle(&mut self) {
        self.dirty.clear();
    }

    /// As [`settle`](Bitmap::settle), but one mark stays.
    pub(super) fn settle_but(&mut self, current: Option<u64>) {
        self.dirty.retain(|bit| Some(*bit) == current);
    }
}

impl Array {
    /// The bit of a row.
    pub(super) fn bit(&self, row: Row) -> u64 {
        self.geometry().stripe(row).0 / stripes_per_bit(self.geometry().stripes())
    }

    /// The rows that a bit stands for.
    pub(super) fn rows_of_bit(&self, bit: u64) -> Vec<Row> {
        let geometry = self.geometry();
        let each = stripes_per_bit(geometry.stripes());
        let stripes = (bit * each..((bit + 1) * each).min(geometry.stripes())).map(Stripe);
        stripes.flat_map(|stripe| geometry.rows_of(stripe)).collect()
    }

    /// Marks the stripe of a row that is about to be written.
    pub(super) fn mark(&mut self, row: Row) -> Result<(), DiskError> {
        let bit = self.bit(row);
        self.bitmap.dirty.insert(bit);
        if self.bitmap.on_disk.contains(&bit) {
            return Ok(());
        }
        self.write_bitmap()
    }

    /// Drops the marks of all stripes that are whole.
    pub(super) fn clear_bitmap(&mut self) -> Result<(), DiskError> {
        let doubtful: Vec<Row> = self.doubtful.iter().copied().collect();
        for row in doubtful {
            let bit = self.bit(row);
            self.bitmap.dirty.insert(bit);
        }
        if self.bitmap.on_disk == self.bitmap.dirty { Ok(()) } else { self.write_bitmap() }
    }

    /// Writes the marks to every member, durably.
    pub(super) fn write_bitmap(&mut self) -> Result<(), DiskError> {
        self.bitmap.on_disk = self.bitmap.dirty.clone();
        let unit = encode_bitmap(self.geometry().stripes(), self.bitmap.dirty.iter().copied());
        let durably = !self.bugs.has(Bug::BitmapNotDurable);
        for role in 0..self.geometry().members {
            let Some(device) = self.device(Role(role)) else { continue };
            match self.members.write_metadata(device, BITMAP_AT, &unit, (durably, "write-intent bitmap")) {
                Err(DiskError::Lost { .. }) => self.fail(device)?,
                done => done?,
            }
        }
        Ok(())
    }
}
