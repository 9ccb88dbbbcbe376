//! Whether an array that was just opened is what its devices hold, read by the drawing in `format.rs` and by nothing that
//! assembles, maps, computes, resynchronises or replays in the array itself. Nothing is written.
//!
//! | looked at | demanded |
//! |---|---|
//! | superblocks | every device that has not failed says the same, and what the array goes by; one that has failed says something older; roles and spares are different devices (RD-19) |
//! | bitmap | no mark is left once every member is there and all of the stripe can be read, nor on a mirror: recovery has made all rows whole (RD-22) |
//! | journal (`check/journal.rs`) | what a replay would put in place is in place, on both copies whole, and the next record has a higher number (RD-22) |
//! | rows | what is read from all members of an equation adds up to zero (RD-04, RD-05, RD-09); of what a user has read nothing is unreadable any more (RD-18) |
//!
//! A row is not claimed to be whole while a mark is on it, nor from a member that is lost, unreadable there, or not rebuilt
//! as far.

mod journal;

use super::RaidError;
use super::array::Array;
use super::format::{BITMAP_AT, JOURNAL_AT, MEMBERS_MAX, SECTOR, UNIT};
use crate::le::{u32_at, u64_at};
use crashcheck::{Bytes, Disk, DiskError, Lent};
use std::ops::Range;

/// In a table of roles, and as the role that is rebuilt: none.
const NOBODY: u8 = 255;
/// The numbers of levels and policies.
const STRIPED: u8 = 0;
const MIRRORED: u8 = 1;
const HAMMING: u8 = 2;
const ROTATED: u8 = 5;
const BITMAP: u8 = 1;
const JOURNAL: u8 = 2;

/// What a superblock says, beside which device it lies on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Head {
    level: u8,
    members: u8,
    devices: u8,
    uuid: [u8; 16],
    events: u64,
    chunk: u32,
    policy: u8,
    rebuilding: u8,
    rows: u64,
    rebuilt: u64,
    failed: u32,
    slots: u32,
    data_at: u64,
    roles: [u8; MEMBERS_MAX],
}

/// The devices of an array, and what the newest superblock says of them.
struct Reader<'a> {
    disks: &'a [Disk],
    head: Head,
    /// Devices that answer nothing.
    lost: u32,
}

impl Array {
    /// Whether the array is well-formed: what its devices hold is what the format says and what the array goes by.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self) -> Result<(), RaidError> {
        let reader = Reader::of(self.members.disks())?;
        reader.goes_by(self)?;
        let marked = if reader.head.policy == BITMAP { reader.marks()? } else { Vec::new() };
        let in_place = match reader.head.policy {
            JOURNAL => reader.journal(self.journal.next())?,
            _ => journal::Pieces::new(),
        };
        reader.rows(&marked, &in_place)
    }
}

impl<'a> Reader<'a> {
    /// Reads the superblocks: the newest counts, and all devices that have not failed must agree with it.
    fn of(disks: &'a [Disk]) -> Result<Self, RaidError> {
        let (mut found, mut lost) = (Vec::new(), 0);
        for (device, disk) in disks.iter().enumerate() {
            let read = read(disk, Bytes::ZERO, SECTOR)?;
            lost |= u32::from(read == Err(Fault::Lost)) << device;
            found.push(read.ok().as_deref().and_then(head_of));
        }
        let newest = found.iter().flatten().map(|(head, _)| head).max_by_key(|head| head.events);
        let Some(head) = newest.cloned() else {
            return Err(RaidError::NoSuperblock { devices: disks.len() });
        };
        let reader = Reader { disks, head, lost };
        reader.is_sane()?;
        for (device, own) in (0u8..).zip(&found).filter(|(device, _)| *device < reader.head.devices) {
            let events = own.as_ref().map(|(own, _)| own.events);
            if reader.has_failed(device) && events.is_some_and(|events| events >= reader.head.events) {
                let events = reader.head.events;
                return unsound(format!(
                    "device {device} has failed, but its superblock is as new as any: {events}"
                ));
            }
            let agrees = own.as_ref().is_some_and(|(own, number)| *own == reader.head && *number == device);
            if !agrees && !reader.has_failed(device) && reader.lost >> device & 1 == 0 {
                return Err(RaidError::Disagrees { device });
            }
        }
        Ok(reader)
    }

    /// Whether the superblock makes sense by itself.
    fn is_sane(&self) -> Result<(), RaidError> {
        let Head { members, devices, rebuilding, roles, .. } = &self.head;
        let record = (1 + u64::from(*members)) * UNIT as u64;
        let data_at = JOURNAL_AT.0 + u64::from(self.head.slots) * record;
        if self.head.data_at != data_at {
            return unsound(format!("the data begins at byte {}, not {data_at}", self.head.data_at));
        }
        let (filled, beyond) = roles.split_at(usize::from(*members));
        if beyond.iter().any(|device| *device != NOBODY) {
            return unsound(format!("a role beyond the {members} of the array is filled"));
        }
        for (role, device) in filled.iter().enumerate().filter(|(_, device)| **device != NOBODY) {
            if *device >= *devices || self.has_failed(*device) {
                return unsound(format!("device {device} has failed or is none, but fills role {role}"));
            }
            if filled[..role].contains(device) {
                return unsound(format!("device {device} fills role {role} and another"));
            }
        }
        if *rebuilding != NOBODY
            && filled.get(usize::from(*rebuilding)).is_none_or(|device| *device == NOBODY)
        {
            return unsound(format!("role {rebuilding} is being rebuilt, but no device fills it"));
        }
        if self.head.rebuilt > self.head.rows {
            return unsound(format!("{} of {} rows are rebuilt", self.head.rebuilt, self.head.rows));
        }
        Ok(())
    }

    /// Whether the array in memory is the one that the devices tell of.
    fn goes_by(&self, array: &Array) -> Result<(), RaidError> {
        let (known, head) = (&array.superblock, &self.head);
        if known.events != head.events {
            return unsound(format!(
                "the array is at event {}, its devices at {}",
                known.events, head.events
            ));
        }
        let roles = known.roles.iter().map(|device| device.unwrap_or(NOBODY));
        if !roles.eq(head.roles.iter().copied().take(known.roles.len())) || known.failed != head.failed {
            return unsound("the array goes by other members than its devices tell of".to_owned());
        }
        let rebuilding = known.rebuilding.map_or(NOBODY, |role| role.0);
        if rebuilding != head.rebuilding || rebuilding != NOBODY && known.rebuilt != head.rebuilt {
            return unsound(format!(
                "the array has rebuilt {} rows, its devices tell of {}",
                known.rebuilt, head.rebuilt
            ));
        }
        Ok(())
    }

    fn has_failed(&self, device: u8) -> bool {
        self.head.failed >> device & 1 == 1
    }

    /// The device of a role, if it answers.
    fn device(&self, role: usize) -> Option<u8> {
        let device = self.head.roles[role];
        (device != NOBODY && self.lost >> device & 1 == 0).then_some(device)
    }

    /// Whether every member is there, whole.
    fn is_complete(&self) -> bool {
        let members = usize::from(self.head.members);
        self.head.rebuilding == NOBODY && (0..members).all(|role| self.device(role).is_some())
    }

    /// Whether all that the members hold of some rows can be read.
    fn are_readable(&self, rows: Range<u64>) -> Result<bool, RaidError> {
        for (row, role) in
            rows.flat_map(|row| (0..usize::from(self.head.members)).map(move |role| (row, role)))
        {
            if self.device(role).is_some() && self.unit(role, row)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The rows, by number, that a mark is on.
    fn marks(&self) -> Result<Vec<bool>, RaidError> {
        let chunk = u64::from(self.head.chunk) / UNIT as u64;
        let stripes = self.head.rows / chunk.max(1);
        let each = stripes.div_ceil(3840).max(1);
        let bits = stripes.div_ceil(each);
        let mut marked = vec![false; self.head.rows as usize];
        for device in (0..usize::from(self.head.members)).filter_map(|role| self.device(role)) {
            let Ok(bitmap) = read(&self.disks[usize::from(device)], BITMAP_AT, SECTOR)? else { continue };
            let whole =
                bitmap[..8] == *b"raid-bm\x01" && u32_at(&bitmap, 496) == crc32fast::hash(&bitmap[..496]);
            if !whole || (u64::from(u32_at(&bitmap, 8)), u64::from(u32_at(&bitmap, 12))) != (each, bits) {
                return unsound(format!("the bitmap of device {device} is damaged"));
            }
            let is_set = |bit: &u64| bitmap[16 + *bit as usize / 8] >> (bit % 8) & 1 == 1;
            for bit in (0..bits).filter(is_set) {
                let rows = bit * each * chunk..((bit + 1) * each * chunk).min(self.head.rows);
                let whole = self.is_complete() && self.are_readable(rows.clone())?;
                if self.head.level == MIRRORED || whole {
                    let stripe = bit * each;
                    return unsound(format!(
                        "device {device} has a mark on stripe {stripe}, which recovery has left"
                    ));
                }
                marked[rows.start as usize..rows.end as usize].fill(true);
            }
        }
        Ok(marked)
    }

    /// Whether each row adds up to zero that is claimed to, and holds what the journal would put there.
    fn rows(&self, marked: &[bool], in_place: &journal::Pieces) -> Result<(), RaidError> {
        let members = usize::from(self.head.members);
        let equations = self.equations();
        let mut units: Vec<Option<Lent>> = Vec::with_capacity(members);
        for row in 0..self.head.rows {
            let pieces = in_place.get(&row);
            if pieces.is_none() && (equations.is_empty() || marked.get(row as usize) == Some(&true)) {
                continue;
            }
            units.clear();
            for role in 0..members {
                units.push(self.unit(role, row)?);
            }
            self.is_mended(row, &units)?;
            for equation in &equations {
                let known: Vec<&[u8]> = equation.iter().filter_map(|role| units[*role].as_deref()).collect();
                if let Some(at) = (known.len() == equation.len()).then(|| first_wrong(&known)).flatten() {
                    return unsound(format!(
                        "row {row} does not add up to zero over roles {}, from byte {at} on",
                        listed(equation)
                    ));
                }
            }
            pieces.map_or(Ok(()), |pieces| journal::are_in_place(row, pieces, &units))?;
        }
        Ok(())
    }

    /// Whether the data of a row can be read, which a user has read by now: a unit that could not be was computed from the
    /// others, and written again. Of a mirror nobody knows which copy that was.
    fn is_mended(&self, row: u64, units: &[Option<Lent>]) -> Result<(), RaidError> {
        let left = self.data_roles(row).find(|role| {
            let behind = usize::from(self.head.rebuilding) == *role && row >= self.head.rebuilt;
            units[*role].is_none() && self.device(*role).is_some() && !behind
        });
        left.map_or(Ok(()), |role| {
            unsound(format!("row {row} of role {role} was read by way of the others, but not written again"))
        })
    }

    /// The roles that hold the data of a row and nothing else does.
    fn data_roles(&self, row: u64) -> impl Iterator<Item = usize> {
        let members = usize::from(self.head.members);
        let stripe = row / (u64::from(self.head.chunk) / UNIT as u64).max(1);
        let (end, parity) = match self.head.level {
            STRIPED | MIRRORED => (0, None),
            HAMMING => {
                let checks = (1..=members).filter(|position| position.is_power_of_two()).count();
                (members - checks, None)
            }
            ROTATED => (members, Some(members - 1 - (stripe % members as u64) as usize)),
            _ => (members - 1, None),
        };
        (0..end).filter(move |role| Some(*role) != parity)
    }

    /// What a member holds of a row, if it is to be relied on.
    fn unit(&self, role: usize, row: u64) -> Result<Option<Lent>, RaidError> {
        let behind = usize::from(self.head.rebuilding) == role && row >= self.head.rebuilt;
        let Some(device) = self.device(role).filter(|_| !behind) else { return Ok(None) };
        let at = Bytes(self.head.data_at + row * UNIT as u64);
        Ok(read(&self.disks[usize::from(device)], at, UNIT)?.ok())
    }

    /// The roles whose units add up to zero, equation by equation; the same in every row, since it makes no difference
    /// which of them is the parity.
    fn equations(&self) -> Vec<Vec<usize>> {
        let members = usize::from(self.head.members);
        match self.head.level {
            STRIPED => Vec::new(),
            MIRRORED => (0..members / 2).map(|pair| vec![2 * pair, 2 * pair + 1]).collect(),
            HAMMING => {
                // Position 2^n of the code word is check n; the checks are the last members, the data the first.
                let checks = (1..members + 1).filter(|position| position.is_power_of_two()).count();
                let data = (1usize..).filter(|position| !position.is_power_of_two()).take(members - checks);
                let positions: Vec<usize> = data.chain((0..checks).map(|check| 1 << check)).collect();
                let of_check = |check: usize| {
                    (0..members).filter(|role| positions[*role] >> check & 1 == 1).collect::<Vec<_>>()
                };
                (0..checks).map(of_check).collect()
            }
            _ => vec![(0..members).collect()],
        }
    }
}

/// What keeps a device from being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Lost,
    Unreadable,
}

fn read(disk: &Disk, at: Bytes, len: usize) -> Result<Result<Lent, Fault>, RaidError> {
    match disk.lend(at, len) {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(DiskError::Lost { .. }) => Ok(Err(Fault::Lost)),
        Err(DiskError::Unreadable { .. }) => Ok(Err(Fault::Unreadable)),
        Err(error) => Err(error.into()),
    }
}

/// What the sector of a superblock says, and of which device.
fn head_of(sector: &[u8]) -> Option<(Head, u8)> {
    let whole = sector[..8] == *b"raid-cc\x01" && u32_at(sector, 8) == 1;
    if !whole || u32_at(sector, 112) != crc32fast::hash(&sector[..112]) {
        return None;
    }
    let head = Head {
        level: sector[12],
        members: sector[13],
        devices: sector[14],
        uuid: sector[16..32].try_into().ok()?,
        events: u64_at(sector, 32),
        chunk: u32_at(sector, 40),
        policy: sector[44],
        rebuilding: sector[45],
        rows: u64_at(sector, 48),
        rebuilt: u64_at(sector, 56),
        failed: u32_at(sector, 64),
        slots: u32_at(sector, 68),
        data_at: u64_at(sector, 72),
        roles: sector[80..112].try_into().ok()?,
    };
    (usize::from(head.members) <= MEMBERS_MAX).then_some((head, sector[15]))
}

/// The first byte at which units do not add up to zero.
fn first_wrong(units: &[&[u8]]) -> Option<usize> {
    if let [one, other] = units {
        return (one != other)
            .then(|| one.iter().zip(*other).position(|(one, other)| one != other))
            .flatten();
    }
    let mut sum = [0; UNIT];
    for unit in units {
        sum.iter_mut().zip(*unit).for_each(|(sum, byte)| *sum ^= byte);
    }
    sum.iter().position(|byte| *byte != 0)
}

fn listed(roles: &[usize]) -> String {
    let each: Vec<String> = roles.iter().map(ToString::to_string).collect();
    each.join(", ")
}

fn unsound<T>(what: String) -> Result<T, RaidError> {
    Err(RaidError::Unsound { what })
}
