//! Members that fail, spares that take over, rebuilding (RD-19).

use super::array::Array;
use super::bugs::Bug;
use super::format::{Policy, UNIT};
use super::geometry::{Level, Role, Row};
use crashcheck::{Bytes, DeviceId, DiskError};

/// Rows that one step of background work rebuilds or scrubs.
pub(super) const STEP: u64 = 2;

impl Array {
    /// Takes a member out of service, as an administrator does with one that is about to fail.
    ///
    /// # Errors
    /// If the other members fail, or the array has no redundancy.
    pub fn fail_member(&mut self, role: Role) -> Result<(), DiskError> {
        match self.superblock.roles.get(role.index()).copied().flatten() {
            Some(device) => self.fail(device),
            None => Ok(()),
        }
    }

    /// One step of background work: of rebuilding if a member is missing and a spare is there, or else of scrubbing.
    ///
    /// # Errors
    /// If what is to be rebuilt cannot be computed.
    pub fn work(&mut self) -> Result<(), DiskError> {
        if self.superblock.rebuilding.is_some() || self.begin_rebuild()? {
            return self.rebuild_step();
        }
        self.scrub_step().map(|_| ())
    }

    /// Stops using a device. The others know of it, durably, before anything relies on it: should it come back, it is
    /// not trusted.
    pub(super) fn fail(&mut self, device: u8) -> Result<(), DiskError> {
        if self.geometry().level == Level::Striped {
            return Err(DiskError::Lost { device: DeviceId(u16::from(device)) });
        }
        let superblock = &mut self.superblock;
        superblock.failed |= 1 << device;
        if let Some(place) = superblock.roles.iter().position(|filled| *filled == Some(device)) {
            superblock.roles[place] = None;
            if superblock.rebuilding == Some(Role(place as u8)) {
                superblock.rebuilding = None;
                superblock.rebuilt = 0;
            }
        }
        superblock.events = superblock.events.saturating_add(1);
        self.flush_members()?;
        if self.superblock.policy == Policy::Bitmap && !self.recovering {
            // A mark that is left on a whole stripe would make a degraded array doubt it after a crash.
            let current = self.writing.map(|row| self.bit(row));
            self.bitmap.settle_but(current);
            self.clear_bitmap()?;
        }
        self.write_superblocks()
    }

    /// Writes the superblock to every device that has not failed, durably.
    pub(super) fn write_superblocks(&mut self) -> Result<(), DiskError> {
        for device in 0..self.superblock.devices {
            if self.superblock.failed >> device & 1 == 1 {
                continue;
            }
            let unit = self.superblock.encode(device);
            match self.members.write_metadata(device, Bytes::ZERO, &unit, (true, "superblock")) {
                // The round that tells of this one as well is made within.
                Err(DiskError::Lost { .. }) => self.fail(device)?,
                done => done?,
            }
        }
        Ok(())
    }

    /// A device that has not failed and has no role.
    pub(super) fn spare(&self) -> Option<u8> {
        let superblock = &self.superblock;
        let idle =
            |device: &u8| superblock.failed >> device & 1 == 0 && !superblock.roles.contains(&Some(*device));
        (0..superblock.devices).find(idle)
    }

    /// Puts a spare in the place of a missing member. Whether there is one.
    fn begin_rebuild(&mut self) -> Result<bool, DiskError> {
        let place = self.superblock.roles.iter().position(Option::is_none);
        let (Some(spare), Some(place)) = (self.spare(), place) else { return Ok(false) };
        // What the journal still has to put into place would not reach the spare.
        self.flush_members()?;
        self.journal.settle();
        self.superblock.roles[place] = Some(spare);
        self.superblock.rebuilding = Some(Role(place as u8));
        self.superblock.rebuilt = 0;
        self.superblock.events = self.superblock.events.saturating_add(1);
        if self.superblock.policy == Policy::Bitmap {
            self.write_bitmap()?;
        }
        self.write_superblocks()?;
        Ok(self.superblock.rebuilding.is_some())
    }

    /// Rebuilds some rows. They are durable on the spare before the superblock says that they are there, so that a crash
    /// at any moment lets the rebuild go on from a place it has really reached.
    fn rebuild_step(&mut self) -> Result<(), DiskError> {
        let (Some(role), from) = (self.superblock.rebuilding, self.superblock.rebuilt) else { return Ok(()) };
        let rows = self.geometry().rows;
        let upto = (from + STEP).min(rows);
        for row in (from..upto).map(Row) {
            let unit = match self.solve(role, row, 0..UNIT, &[role])? {
                Some(unit) => unit,
                None => return Err(self.cannot_rebuild(role, row)),
            };
            let Some(device) = self.device(role) else { return Ok(()) };
            self.write_unit(device, row, 0, &unit, (false, "rebuilt"))?;
        }
        let Some(device) = self.device(role) else { return Ok(()) };
        if !self.bugs.has(Bug::RebuildWatermarkEarly) {
            match self.members.flush(device) {
                Err(DiskError::Lost { .. }) => return self.fail(device),
                done => done?,
            }
        }
        self.superblock.rebuilt = upto;
        if upto == rows {
            self.superblock.rebuilding = None;
        }
        self.superblock.events = self.superblock.events.saturating_add(1);
        self.write_superblocks()
    }

    fn cannot_rebuild(&self, role: Role, row: Row) -> DiskError {
        let what = format!(
            "member {} cannot be rebuilt: what is left of row {} does not suffice, or cannot be trusted",
            role.0, row.0
        );
        DiskError::Failed { what }
    }

    /// Before a write to a row with a missing member: if there is a spare, the rebuild comes first. With a bitmap alone a
    /// crash in the middle of a write to a degraded stripe would lose what its missing unit held.
    pub(super) fn catch_up(&mut self, row: Row) -> Result<(), DiskError> {
        if !matches!(self.geometry().level, Level::FixedParity | Level::RotatedParity) {
            return Ok(());
        }
        let missing = |array: &Array| (0..array.geometry().members).any(|role| !array.has(Role(role), row));
        while missing(self) {
            if self.superblock.rebuilding.is_none() && !self.begin_rebuild()? {
                return Ok(());
            }
            self.rebuild_step()?;
        }
        Ok(())
    }
}
