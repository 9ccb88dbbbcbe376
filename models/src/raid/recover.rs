//! Assembling an array from what its members say, and making its rows consistent again before anything is served.

use super::array::Array;
use super::bugs::{Bug, Bugs};
use super::format::{BITMAP_AT, Policy, SECTOR, Superblock, UNIT, decode_bitmap};
use super::geometry::{Level, Role, Row};
use super::members::Members;
use super::parity;
use crashcheck::{Bytes, DeviceId, Disk, DiskError};
use std::collections::BTreeSet;
use thiserror::Error;

/// Why an array cannot be assembled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RaidError {
    /// A device failed in a way that is not the loss of it.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// No device has a superblock.
    #[error(
        "none of the {devices} devices holds a superblock of an array: they belong to none, or were overwritten"
    )]
    NoSuperblock {
        /// Devices that were looked at.
        devices: usize,
    },
    /// The superblock and the machine disagree.
    #[error(
        "the array has {wanted} devices of at least {len} bytes, but there are {found}: attach the others"
    )]
    Devices {
        /// How many it should have.
        wanted: u8,
        /// How long each must be.
        len: Bytes,
        /// How many there are that fit.
        found: usize,
    },
    /// A member says something else than the array.
    #[error("device {device} does not hold the superblock in force")]
    Disagrees {
        /// Which.
        device: u8,
    },
    /// The devices do not hold what the format says, or not what the array goes by.
    #[error("the array is not what its devices hold: {what}")]
    Unsound {
        /// What is wrong.
        what: String,
    },
    /// More members are lost than the level survives.
    #[error("members {lost} are lost, which this level does not survive: bring one of them back")]
    TooManyLost {
        /// Which, in words.
        lost: String,
    },
}

/// What a device says of itself when the array is assembled.
enum Found {
    Superblock(Superblock, u8),
    /// Its superblock cannot be read.
    Unreadable,
    /// It is lost, or holds no superblock.
    Nothing,
}

/// Assembles the array of all devices of a machine. See [`assemble`].
///
/// # Errors
/// If too much of it is missing.
pub fn open(disk: &Disk, bugs: Bugs) -> Result<Array, RaidError> {
    assemble((0..disk.devices()).map(|device| disk.device(DeviceId(device as u16))).collect(), bugs)
}

/// Assembles an array of these devices, and brings its rows into order.
///
/// # Errors
/// If too much of it is missing.
pub fn assemble(mut disks: Vec<Disk>, bugs: Bugs) -> Result<Array, RaidError> {
    let found = disks.iter().map(look).collect::<Result<Vec<_>, _>>()?;
    let newest = found.iter().filter_map(|found| match found {
        Found::Superblock(superblock, _) => Some(superblock),
        _ => None,
    });
    // Of those with the same number of events any will do: they say the same.
    let newest = newest.max_by_key(|superblock| superblock.events);
    let Some(mut superblock) = newest.cloned() else {
        return Err(RaidError::NoSuperblock { devices: found.len() });
    };
    let wanted = superblock.devices;
    let len = superblock.device_len();
    if found.len() < usize::from(wanted) {
        return Err(RaidError::Devices { wanted, len, found: found.len() });
    }
    let behind = admit(&mut superblock, &found, bugs);
    disks.truncate(usize::from(wanted));
    let members = Members::new(disks, superblock.data_at());
    for device in (0..wanted).filter(|device| superblock.failed >> device & 1 == 0) {
        match members.len(device) {
            Ok(found) if found < len => return Err(RaidError::Devices { wanted, len, found: 0 }),
            Err(DiskError::Lost { .. }) | Ok(_) => {}
            Err(other) => return Err(other.into()),
        }
    }
    let mut array = Array::new(members, superblock, bugs);
    array.refuse_if_too_many_are_lost()?;
    if behind {
        array.write_superblocks()?;
    }
    array.recover()?;
    array.refuse_if_too_many_are_lost()?;
    Ok(array)
}

fn look(disk: &Disk) -> Result<Found, DiskError> {
    let mut unit = Box::new([0; UNIT]);
    match disk.read(Bytes::ZERO, &mut unit[..SECTOR]) {
        Ok(()) => Ok(match Superblock::decode(&unit) {
            Some((superblock, device)) => Found::Superblock(superblock, device),
            None => Found::Nothing,
        }),
        Err(DiskError::Lost { .. } | DiskError::OutOfRange { .. }) => Ok(Found::Nothing),
        Err(DiskError::Unreadable { .. }) => Ok(Found::Unreadable),
        Err(other) => Err(other),
    }
}

/// Decides which devices take part. Whether a superblock has to be written again.
fn admit(superblock: &mut Superblock, found: &[Found], bugs: Bugs) -> bool {
    let authority = superblock.clone();
    let mut behind = false;
    for (device, found) in (0..superblock.devices).zip(found) {
        if superblock.failed >> device & 1 == 1 {
            behind |= readmit_if_trusted(superblock, device, found, bugs);
            continue;
        }
        let belongs = match found {
            Found::Superblock(own, number) => {
                behind |= own.events != authority.events;
                own.uuid == authority.uuid && *number == device
            }
            Found::Unreadable => {
                behind = true;
                true
            }
            Found::Nothing => false,
        };
        if !belongs {
            behind = true;
            superblock.failed |= 1 << device;
            superblock
                .roles
                .iter_mut()
                .filter(|filled| **filled == Some(device))
                .for_each(|filled| *filled = None);
            superblock.events = superblock.events.saturating_add(1);
        }
    }
    if superblock.rebuilding.is_some_and(|role| superblock.roles[role.index()].is_none()) {
        superblock.rebuilding = None;
        superblock.rebuilt = 0;
    }
    behind
}

/// A device that has failed stays out, whatever it says of itself; the bug believes it. Whether it does.
fn readmit_if_trusted(superblock: &mut Superblock, device: u8, found: &Found, bugs: Bugs) -> bool {
    let Found::Superblock(own, _) = found else { return false };
    let mine = own.roles.iter().position(|filled| *filled == Some(device));
    let Some(place) = mine.filter(|_| bugs.has(Bug::StaleMemberTrusted)) else { return false };
    superblock.roles[place] = Some(device);
    superblock.failed &= !(1 << device);
    superblock.rebuilding = superblock.rebuilding.filter(|role| role.index() != place);
    true
}

impl Array {
    fn refuse_if_too_many_are_lost(&self) -> Result<(), RaidError> {
        let lost = self.degraded();
        if lost.is_empty() || self.geometry().survives(&lost) {
            return Ok(());
        }
        let names: Vec<_> = lost.iter().map(|role| role.0.to_string()).collect();
        Err(RaidError::TooManyLost { lost: names.join(" and ") })
    }

    /// Makes the rows that a crash may have left half written consistent.
    fn recover(&mut self) -> Result<(), DiskError> {
        self.recovering = true;
        match self.superblock.policy {
            Policy::Nothing => {}
            Policy::Bitmap => self.resync()?,
            Policy::Journal => {
                self.recovered = match self.replay()? {
                    0 => "nothing to do",
                    _ => "stripes replayed",
                };
            }
        }
        self.recovering = false;
        if !self.degraded().is_empty() {
            self.recovered = "degraded";
        }
        Ok(())
    }

    /// Computes the checks of every marked stripe anew.
    fn resync(&mut self) -> Result<(), DiskError> {
        let (marked, damaged) = self.read_bitmaps()?;
        if self.bugs.has(Bug::NoResync) {
            return Ok(());
        }
        if self.bugs.has(Bug::BitmapClearedBeforeResync) && !marked.is_empty() {
            self.write_bitmap()?;
        }
        for bit in &marked {
            for row in self.rows_of_bit(*bit) {
                self.resync_row(row)?;
            }
        }
        if !marked.is_empty() {
            if !self.bugs.has(Bug::ResyncNotDurable) {
                self.flush_members()?;
            }
            self.recovered = "stripes resynchronised";
        }
        self.bitmap.on_disk = marked;
        if damaged { self.write_bitmap() } else { self.clear_bitmap() }
    }

    /// The marks of all members together, and whether one of them has to be written again.
    fn read_bitmaps(&mut self) -> Result<(BTreeSet<u64>, bool), DiskError> {
        let stripes = self.geometry().stripes();
        let (mut marked, mut damaged) = (BTreeSet::new(), false);
        for role in 0..self.geometry().members {
            let Some(device) = self.device(Role(role)) else { continue };
            let found = self.members.read_sector(device, BITMAP_AT);
            match self.or_missing(device, found)? {
                Some(unit) => marked.extend(decode_bitmap(&unit, stripes)),
                None => damaged = true,
            }
        }
        Ok((marked, damaged))
    }

    fn resync_row(&mut self, row: Row) -> Result<(), DiskError> {
        for equation in self.geometry().equations(row) {
            let mirrored = self.geometry().level == Level::Mirrored;
            let mut sum = vec![0; UNIT];
            let mut known = true;
            for role in &equation.data {
                match self.resync_source(*role, row, mirrored)? {
                    Some(unit) => parity::xor(&mut sum, &unit),
                    None => known = false,
                }
            }
            if !known {
                // Without the parity to trust, the missing unit is nowhere. If it is a mirror, the copy is.
                if !mirrored {
                    self.doubtful.insert(row);
                }
                continue;
            }
            if let Some(device) = self.device(equation.check).filter(|_| self.has(equation.check, row)) {
                self.write_unit(device, row, 0, &sum, (false, "resynchronised"))?;
            }
        }
        Ok(())
    }

    /// A unit of data from its own member, not by way of the checks that are to be computed from it.
    fn resync_source(&mut self, role: Role, row: Row, mirrored: bool) -> Result<Option<Vec<u8>>, DiskError> {
        if self.bugs.has(Bug::ResyncFromFailedMember) && self.device(role).is_none() {
            let mut unit = vec![0; UNIT];
            self.members.read(role.0, row, 0, &mut unit)?;
            return Ok(Some(unit));
        }
        if !self.has(role, row) {
            return Ok(None);
        }
        // Of a mirror the other copy is as good, and an unreadable one is written again.
        let others = if mirrored { Vec::new() } else { self.others(role, row) };
        self.solve(role, row, 0..UNIT, &others)
    }

    fn others(&self, role: Role, row: Row) -> Vec<Role> {
        let equations = self.geometry().equations(row);
        equations
            .iter()
            .flat_map(|equation| equation.roles().collect::<Vec<_>>())
            .filter(|r| *r != role)
            .collect()
    }
}
