//! The running array: what it knows, and how it reads, whole or degraded.

use super::bitmap::Bitmap;
use super::bugs::{Bug, Bugs};
use super::format::{Policy, Superblock, UNIT};
use super::geometry::{Geometry, Level, Role, Row};
use super::journal::Journal;
use super::members::{Members, Served};
use super::parity;
use super::row::Change;
use crashcheck::{BlockDevice, Bytes, DiskError, Label};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// An assembled array, ready to serve.
pub struct Array {
    pub(super) members: Members,
    pub(super) superblock: Superblock,
    pub(super) bitmap: Bitmap,
    pub(super) journal: Journal,
    /// Rows with a lost unit that nothing is left to compute from: a crash met them half written.
    pub(super) doubtful: BTreeSet<Row>,
    /// Where scrubbing goes on.
    pub(super) scrubbed: Row,
    /// What recovery had to do, in words.
    pub(super) recovered: &'static str,
    pub(super) bugs: Bugs,
    /// The row that is being written.
    pub(super) writing: Option<Row>,
    /// Whether the rows are not consistent yet.
    pub(super) recovering: bool,
    /// With [`Bug::StaleOldData`]: what units held when they were first read.
    pub(super) stale: BTreeMap<(Role, Row), Vec<u8>>,
}

impl Array {
    pub(super) fn new(members: Members, superblock: Superblock, bugs: Bugs) -> Array {
        Array {
            members,
            superblock,
            bitmap: Bitmap::default(),
            journal: Journal::default(),
            doubtful: BTreeSet::new(),
            scrubbed: Row(0),
            recovered: "nothing to do",
            writing: None,
            recovering: false,
            bugs,
            stale: BTreeMap::new(),
        }
    }

    /// Its shape.
    pub fn geometry(&self) -> Geometry {
        self.superblock.geometry
    }

    /// What each device was asked to do since the last [`reset_served`](Array::reset_served).
    pub fn served(&self) -> &[Served] {
        &self.members.served
    }

    /// Begins to count anew.
    pub fn reset_served(&mut self) {
        self.members.served.fill(Served::default());
    }

    /// What recovery had to do, in words.
    pub fn remark(&self) -> &'static str {
        self.recovered
    }

    /// How often the superblock has changed.
    pub fn events(&self) -> u64 {
        self.superblock.events
    }

    /// Roles that no device fills, or one that is not rebuilt yet.
    pub fn degraded(&self) -> Vec<Role> {
        let roles = (0..self.geometry().members).map(Role);
        roles.filter(|role| !self.has(*role, Row(self.geometry().rows.saturating_sub(1)))).collect()
    }

    /// The device of a role, whether rebuilt or not.
    pub(super) fn device(&self, role: Role) -> Option<u8> {
        self.superblock.roles[role.index()]
    }

    /// Whether a member holds its unit of a row.
    pub(super) fn has(&self, role: Role, row: Row) -> bool {
        let Superblock { rebuilding, rebuilt, .. } = self.superblock;
        self.device(role).is_some() && !(rebuilding == Some(role) && row.0 >= rebuilt)
    }

    /// Reads a part of a unit, from its member or from the others.
    pub(super) fn fetch(&mut self, role: Role, row: Row, range: Range<usize>) -> Result<Vec<u8>, DiskError> {
        match self.solve(role, row, range, &[])? {
            Some(bytes) => Ok(bytes),
            None => Err(self.cannot_read(role, row)),
        }
    }

    /// As [`fetch`](Array::fetch), without the members in `banned`; `None` if what is left does not suffice.
    pub(super) fn solve(
        &mut self,
        role: Role,
        row: Row,
        range: Range<usize>,
        banned: &[Role],
    ) -> Result<Option<Vec<u8>>, DiskError> {
        let mut unreadable = false;
        if let Some(device) = self.device(role).filter(|_| self.has(role, row) && !banned.contains(&role)) {
            let mut bytes = vec![0; range.len()];
            match self.members.read(device, row, range.start, &mut bytes) {
                Ok(()) => return Ok(Some(bytes)),
                Err(DiskError::Lost { .. }) => self.fail(device)?,
                Err(DiskError::Unreadable { .. }) => unreadable = true,
                Err(other) => return Err(other),
            }
        }
        // What can be read again when it is written is written whole.
        let wanted = if unreadable { 0..UNIT } else { range.clone() };
        let Some(unit) = self.reconstruct(role, row, &wanted, banned)? else { return Ok(None) };
        if !unreadable {
            return Ok(Some(unit));
        }
        if let Some(device) = self.device(role) {
            self.write_unit(device, row, 0, &unit, (false, "repaired unit"))?;
        }
        Ok(Some(unit[range].to_vec()))
    }

    /// Computes a part of a unit from the other members of one of its equations.
    fn reconstruct(
        &mut self,
        role: Role,
        row: Row,
        range: &Range<usize>,
        banned: &[Role],
    ) -> Result<Option<Vec<u8>>, DiskError> {
        let geometry = self.geometry();
        if self.doubtful.contains(&row) && geometry.column(row, role).is_some() {
            return Ok(None);
        }
        let banned = [banned, &[role]].concat();
        for equation in geometry.equations(row) {
            if !equation.roles().any(|other| other == role) {
                continue;
            }
            let mut sum = vec![0; range.len()];
            let mut solved = true;
            for other in equation.roles().filter(|other| *other != role) {
                // A unit that is not there itself has to come from an equation without this one.
                let unit = match banned.contains(&other) {
                    true => None,
                    false => self.solve(other, row, range.clone(), &banned)?,
                };
                match unit {
                    Some(unit) => parity::xor(&mut sum, &unit),
                    None => {
                        solved = false;
                        break;
                    }
                }
            }
            if solved {
                return Ok(Some(sum));
            }
        }
        Ok(None)
    }

    fn cannot_read(&self, role: Role, row: Row) -> DiskError {
        let geometry = self.geometry();
        let what = match geometry.column(row, role) {
            Some(column) => format!("block {}", geometry.blocks_of(row).nth(column).unwrap_or(row.0)),
            None => format!("the check of row {}", row.0),
        };
        let why = match self.doubtful.contains(&row) {
            true => "a crash met its stripe half written and a member is lost, so that its parity cannot be trusted"
                .to_owned(),
            false => {
                let lost: Vec<_> = self.degraded().iter().map(|role| role.0.to_string()).collect();
                format!("too many members are lost or unreadable (lost: {})", lost.join(", "))
            }
        };
        DiskError::Failed { what: format!("{what} cannot be read: {why}") }
    }

    /// Writes a part of a unit to a device. A device that is lost is marked as failed.
    pub(super) fn write_unit(
        &mut self,
        device: u8,
        row: Row,
        at: usize,
        bytes: &[u8],
        how: (bool, &str),
    ) -> Result<(), DiskError> {
        match self.members.write(device, row, at, bytes, how) {
            Err(DiskError::Lost { .. }) => self.fail(device),
            done => done,
        }
    }

    /// Reads a part of a block.
    fn read_block(&mut self, block: u64, range: Range<usize>, buf: &mut [u8]) -> Result<(), DiskError> {
        let geometry = self.geometry();
        let place = geometry.place(block);
        if geometry.level.spreads_blocks() {
            let whole = self.read_spread(block)?;
            buf.copy_from_slice(&whole[range]);
            return Ok(());
        }
        let mut role = geometry.role(place.row, place.column);
        if geometry.level == Level::Mirrored {
            // Both copies serve: the one that has served less is next.
            let served =
                |role: Role| self.device(role).map(|device| self.members.served[usize::from(device)].reads);
            let copy = Role(role.0 + 1);
            role = if served(copy) < served(role) { copy } else { role };
        }
        buf.copy_from_slice(&self.fetch(role, place.row, range)?);
        Ok(())
    }

    /// Reads a block that is spread over all members.
    pub(super) fn read_spread(&mut self, block: u64) -> Result<Vec<u8>, DiskError> {
        let geometry = self.geometry();
        let place = geometry.place(block);
        let roles = (0..geometry.columns()).map(|column| geometry.role(place.row, column));
        let parts: Result<Vec<_>, _> =
            roles.map(|role| self.fetch(role, place.row, place.range.clone())).collect();
        Ok(parity::gather(geometry.level, &parts?))
    }

    /// Makes everything durable that was written so far.
    pub(super) fn flush_members(&mut self) -> Result<(), DiskError> {
        for role in 0..self.geometry().members {
            let Some(device) = self.device(Role(role)) else { continue };
            if self.bugs.has(Bug::FlushFirstMember) && role > 0 {
                continue;
            }
            match self.members.flush(device) {
                Err(DiskError::Lost { .. }) => self.fail(device)?,
                done => done?,
            }
        }
        Ok(())
    }

    fn write_blocks(
        &mut self,
        at: Bytes,
        data: &[u8],
        fua: bool,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        let spreads = self.geometry().level.spreads_blocks();
        let mut rows: Vec<(Row, Vec<Change>)> = Vec::new();
        for (block, range, part) in parts(at, data.len()) {
            for (row, change) in self.changes(block, range, &data[part])? {
                // A block that is spread is a stripe of its own; others of a row are written together.
                let same = |(other, changes): &&mut (Row, Vec<Change>)| {
                    *other == row && (!spreads || changes[0].what == change.what)
                };
                match rows.iter_mut().find(same) {
                    Some((_, changes)) => changes.push(change),
                    None => rows.push((row, vec![change])),
                }
            }
        }
        for (row, changes) in rows {
            self.writing = Some(row);
            let written = self.write_row(row, &changes, fua, label);
            self.writing = None;
            written?;
        }
        Ok(())
    }

    /// What a write to a part of a block changes.
    fn changes(
        &mut self,
        block: u64,
        range: Range<usize>,
        data: &[u8],
    ) -> Result<Vec<(Row, Change)>, DiskError> {
        let geometry = self.geometry();
        let place = geometry.place(block);
        let what = format!("data {block}");
        if !geometry.level.spreads_blocks() {
            let role = geometry.role(place.row, place.column);
            return Ok(vec![(place.row, Change { role, at: range.start, bytes: data.to_vec(), what })]);
        }
        let whole = match range == (0..UNIT) {
            true => data.to_vec(),
            false => {
                let mut whole = self.read_spread(block)?;
                whole[range].copy_from_slice(data);
                whole
            }
        };
        let parts = parity::spread(geometry.level, &whole, geometry.columns()).into_iter().enumerate();
        let change = |(column, bytes)| {
            let role = geometry.role(place.row, column);
            (place.row, Change { role, at: place.range.start, bytes, what: what.clone() })
        };
        Ok(parts.map(change).collect())
    }
}

/// Cuts a range into parts of blocks: the block, the bytes of it, the bytes of the range.
fn parts(at: Bytes, len: usize) -> impl Iterator<Item = (u64, Range<usize>, Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let here = at.0 + done as u64;
        let start = (here % UNIT as u64) as usize;
        let take = (UNIT - start).min(len - done);
        let part = (here / UNIT as u64, start..start + take, done..done + take);
        done += take;
        (take > 0).then_some(part)
    })
}

impl BlockDevice for Array {
    fn len(&mut self) -> Result<Bytes, DiskError> {
        Ok(Bytes(self.geometry().blocks() * UNIT as u64))
    }

    fn read(&mut self, at: Bytes, buf: &mut [u8]) -> Result<(), DiskError> {
        for (block, range, part) in parts(at, buf.len()) {
            self.read_block(block, range, &mut buf[part])?;
        }
        Ok(())
    }

    fn write(&mut self, at: Bytes, data: &[u8], fua: bool, label: Option<&Label>) -> Result<(), DiskError> {
        self.write_blocks(at, data, fua, label)
    }

    /// A discarded range reads as zeros: what the members make of a discard would not agree with the parity.
    fn discard(&mut self, at: Bytes, len: Bytes) -> Result<(), DiskError> {
        self.write_blocks(at, &vec![0; len.index()], false, Some(&Label::from("discard")))
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        self.flush_members()?;
        match self.superblock.policy {
            Policy::Nothing => Ok(()),
            Policy::Bitmap => {
                self.bitmap.settle();
                self.clear_bitmap()
            }
            Policy::Journal => {
                self.journal.settle();
                Ok(())
            }
        }
    }
}
