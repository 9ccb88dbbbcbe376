//! What an array looks like on its members. Version 1, little-endian, units of 4 KiB.
//!
//! ```text
//! a member     unit 0        superblock                         every device, spares included
//!              unit 1        write-intent bitmap                zeros if the array keeps none
//!              unit 2 …      stripe journal                     slots × (1 + members) units; none without a journal
//!              unit d …      data: one unit for each row        d: data offset / 4096
//!
//! superblock   0       8         12      13        14        15       16     32       40      44       45
//!  (one sector)| magic | version | level | members | devices | device | uuid | events | chunk | policy | rebuilding |
//!              46     48     56            64       68      72            80             112
//!              | zero | rows | rows rebuilt | failed | slots | data offset | role table   | crc32 of 0..112 |
//!
//!              devices:     members and spares; device: which of them this is
//!              events:      grows with every change of the superblock. The highest one on any device is believed; what
//!                           it says has failed is not trusted, whatever that device says of itself
//!              chunk:       in bytes;  policy: 0 nothing, 1 bitmap, 2 journal
//!              rebuilding:  the role that is being rebuilt onto a spare, or 255; rows below `rows rebuilt` are done
//!              failed:      bit i: device i has failed
//!              role table:  32 bytes: the device that fills each role, or 255
//!
//! bitmap       0       8              12     16            496
//!  (one sector)| magic | stripes a bit | bits | bit i of byte i/8 … | crc32 of 0..496 |
//!              a set bit: a write to one of these stripes may be half done, and their checks cannot be trusted
//!
//! journal      a circle of slots; record n lies in slot n mod slots, the same on the members of roles 0 and 1
//!  header      0       8          16     24    32       36     40
//!  (one sector)| magic | sequence | tail | row | pieces | zero | piece … | crc32 of all before it |
//!              piece: | role | zero | offset in the unit u16 | length u16 | zero | crc32 of its bytes |   12 bytes
//!              tail: the oldest record that was not known to be in place on every member when this one was written
//!  body        one unit for each piece, padded with zeros; all of them are one write
//! ```
//!
//! Superblock, bitmap and the header of a record fit one sector of 512 bytes, which a device writes whole or not at all;
//! the rest of their unit is always zeros. The unit is written whole, so that one that could not be read can be again.
//! A bitmap that is damaged counts as full.

use super::geometry::{Geometry, Level, Role, Row};
use crate::vsfs::format::{get_u32, get_u64, put_u32, put_u64};
use crashcheck::Bytes;

/// What a row has of each member, and the logical block of the array, in bytes.
pub const UNIT: usize = 4096;
/// The atomic unit of a device.
pub const SECTOR: usize = 512;
/// The most members and spares that an array can have.
pub const MEMBERS_MAX: usize = 32;
/// The version of this format.
pub const VERSION: u32 = 1;
/// Where the bitmap lies.
pub const BITMAP_AT: Bytes = Bytes(UNIT as u64);
/// Where the journal begins.
pub const JOURNAL_AT: Bytes = Bytes(2 * UNIT as u64);
/// The most bits of a bitmap.
pub const BITS_MAX: u64 = 3840;

const SUPERBLOCK_MAGIC: u64 = u64::from_le_bytes(*b"raid-cc\x01");
const BITMAP_MAGIC: u64 = u64::from_le_bytes(*b"raid-bm\x01");
const RECORD_MAGIC: u64 = u64::from_le_bytes(*b"raid-sj\x01");
const NOBODY: u8 = 0xff;
const ROLES_AT: usize = 80;
const SUPERBLOCK_CRC: usize = 112;
const BITS_AT: usize = 16;
const BITMAP_CRC: usize = 496;
const PIECES_AT: usize = 40;
const PIECE_SIZE: usize = 12;

/// One unit.
pub type Unit = [u8; UNIT];

/// How the array keeps half-done writes from being trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Not at all: there is no redundancy to keep consistent.
    Nothing,
    /// A write-intent bitmap: after a crash the checks of marked stripes are computed anew.
    Bitmap,
    /// A stripe journal: what goes into a row is written there first.
    Journal,
}

impl Policy {
    fn of(number: u8) -> Option<Policy> {
        [Policy::Nothing, Policy::Bitmap, Policy::Journal].get(usize::from(number)).copied()
    }
}

/// What every member knows of the array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// Which array.
    pub uuid: [u8; 16],
    /// Its shape.
    pub geometry: Geometry,
    /// What it does against half-done writes.
    pub policy: Policy,
    /// Members and spares.
    pub devices: u8,
    /// How often this has changed.
    pub events: u64,
    /// The device of each role.
    pub roles: Vec<Option<u8>>,
    /// Devices that have failed, one bit each.
    pub failed: u32,
    /// The role that is being rebuilt.
    pub rebuilding: Option<Role>,
    /// Rows that were rebuilt.
    pub rebuilt: u64,
    /// Slots of the journal.
    pub slots: u32,
}

impl Superblock {
    /// Where the data begins on every member.
    pub fn data_at(&self) -> Bytes {
        let record = 1 + u64::from(self.geometry.members);
        JOURNAL_AT + Bytes(u64::from(self.slots) * record * UNIT as u64)
    }

    /// The length that every device must have.
    pub fn device_len(&self) -> Bytes {
        self.data_at() + Bytes(self.geometry.rows * UNIT as u64)
    }

    /// The unit that says this on a device.
    pub fn encode(&self, device: u8) -> Unit {
        let mut unit = [0; UNIT];
        put_u64(&mut unit, 0, SUPERBLOCK_MAGIC);
        put_u32(&mut unit, 8, VERSION);
        let Geometry { level, members, chunk, rows } = self.geometry;
        unit[12..16].copy_from_slice(&[level.number(), members, self.devices, device]);
        unit[16..32].copy_from_slice(&self.uuid);
        put_u64(&mut unit, 32, self.events);
        put_u32(&mut unit, 40, chunk * UNIT as u32);
        unit[44] = self.policy as u8;
        unit[45] = self.rebuilding.map_or(NOBODY, |role| role.0);
        put_u64(&mut unit, 48, rows);
        put_u64(&mut unit, 56, self.rebuilt);
        put_u32(&mut unit, 64, self.failed);
        put_u32(&mut unit, 68, self.slots);
        put_u64(&mut unit, 72, self.data_at().0);
        unit[ROLES_AT..ROLES_AT + MEMBERS_MAX].fill(NOBODY);
        for (role, device) in self.roles.iter().enumerate() {
            unit[ROLES_AT + role] = device.unwrap_or(NOBODY);
        }
        let crc = crc32fast::hash(&unit[..SUPERBLOCK_CRC]);
        put_u32(&mut unit, SUPERBLOCK_CRC, crc);
        unit
    }

    /// What a unit says, and of which device; `None` if it is no superblock of this version that makes sense.
    pub fn decode(unit: &Unit) -> Option<(Superblock, u8)> {
        let genuine = get_u32(unit, SUPERBLOCK_CRC) == crc32fast::hash(&unit[..SUPERBLOCK_CRC]);
        if !genuine || get_u64(unit, 0) != SUPERBLOCK_MAGIC || get_u32(unit, 8) != VERSION {
            return None;
        }
        let (members, devices, device) = (unit[13], unit[14], unit[15]);
        let chunk = get_u32(unit, 40) / UNIT as u32;
        let geometry = Geometry { level: Level::of(unit[12])?, members, chunk, rows: get_u64(unit, 48) };
        let counts = members <= devices && usize::from(devices) <= MEMBERS_MAX && device < devices;
        if !counts || !geometry.is_sane() {
            return None;
        }
        let failed = get_u32(unit, 64);
        let in_use = |device: &u8| *device < devices && failed >> device & 1 == 0;
        let filled = |at: usize| Some(unit[at]).filter(in_use);
        let found = Superblock {
            uuid: unit[16..32].try_into().ok()?,
            geometry,
            policy: Policy::of(unit[44])?,
            devices,
            events: get_u64(unit, 32),
            roles: (0..usize::from(members)).map(|role| filled(ROLES_AT + role)).collect(),
            failed,
            rebuilding: Some(Role(unit[45])).filter(|role| role.0 < members),
            rebuilt: get_u64(unit, 56).min(geometry.rows),
            slots: get_u32(unit, 68).min(1 << 16),
        };
        let journal =
            (found.policy == Policy::Journal) == (found.slots > 0) && (found.slots == 0 || members >= 2);
        (journal && get_u64(unit, 72) == found.data_at().0).then_some((found, device))
    }
}

/// The stripes that one bit of the bitmap stands for.
pub fn stripes_per_bit(stripes: u64) -> u64 {
    stripes.div_ceil(BITS_MAX).max(1)
}

/// The unit of a bitmap with these bits set.
pub fn encode_bitmap(stripes: u64, set: impl IntoIterator<Item = u64>) -> Unit {
    let mut unit = [0; UNIT];
    let each = stripes_per_bit(stripes);
    put_u64(&mut unit, 0, BITMAP_MAGIC);
    put_u32(&mut unit, 8, each as u32);
    put_u32(&mut unit, 12, stripes.div_ceil(each) as u32);
    for bit in set {
        unit[BITS_AT + bit as usize / 8] |= 1 << (bit % 8);
    }
    let crc = crc32fast::hash(&unit[..BITMAP_CRC]);
    put_u32(&mut unit, BITMAP_CRC, crc);
    unit
}

/// The bits that are set; all of them if it is no bitmap for so many stripes.
pub fn decode_bitmap(unit: &Unit, stripes: u64) -> Vec<u64> {
    let each = stripes_per_bit(stripes);
    let bits = stripes.div_ceil(each);
    let genuine = get_u32(unit, BITMAP_CRC) == crc32fast::hash(&unit[..BITMAP_CRC]);
    let known = get_u64(unit, 0) == BITMAP_MAGIC && u64::from(get_u32(unit, 12)) == bits;
    let is_set = |bit: &u64| unit[BITS_AT + *bit as usize / 8] >> (bit % 8) & 1 == 1;
    (0..bits).filter(|bit| !(genuine && known) || is_set(bit)).collect()
}

/// What a record of the journal says of one unit of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PieceHead {
    /// The member it goes to.
    pub role: Role,
    /// Where in the unit.
    pub at: u16,
    /// How many bytes.
    pub len: u16,
    /// Their checksum.
    pub crc: u32,
}

/// The header of a record of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordHead {
    /// Its number.
    pub sequence: u64,
    /// The oldest record that may not be in place.
    pub tail: u64,
    /// The row.
    pub row: Row,
    /// What is written into it.
    pub pieces: Vec<PieceHead>,
}

impl RecordHead {
    /// The unit that says this.
    pub fn encode(&self) -> Unit {
        let mut unit = [0; UNIT];
        put_u64(&mut unit, 0, RECORD_MAGIC);
        put_u64(&mut unit, 8, self.sequence);
        put_u64(&mut unit, 16, self.tail);
        put_u64(&mut unit, 24, self.row.0);
        put_u32(&mut unit, 32, self.pieces.len() as u32);
        let mut at = PIECES_AT;
        for piece in &self.pieces {
            unit[at] = piece.role.0;
            unit[at + 2..at + 4].copy_from_slice(&piece.at.to_le_bytes());
            unit[at + 4..at + 6].copy_from_slice(&piece.len.to_le_bytes());
            put_u32(&mut unit, at + 8, piece.crc);
            at += PIECE_SIZE;
        }
        let crc = crc32fast::hash(&unit[..at]);
        put_u32(&mut unit, at, crc);
        unit
    }

    /// What a unit says, or `None` if it is no header of a record of this array.
    pub fn decode(unit: &Unit, geometry: &Geometry) -> Option<RecordHead> {
        let count = get_u32(unit, 32) as usize;
        if get_u64(unit, 0) != RECORD_MAGIC || count > usize::from(geometry.members) {
            return None;
        }
        let end = PIECES_AT + count * PIECE_SIZE;
        let short = |at: usize| u16::from_le_bytes([unit[at], unit[at + 1]]);
        let piece = |at: usize| PieceHead {
            role: Role(unit[at]),
            at: short(at + 2),
            len: short(at + 4),
            crc: get_u32(unit, at + 8),
        };
        let head = RecordHead {
            sequence: get_u64(unit, 8),
            tail: get_u64(unit, 16),
            row: Row(get_u64(unit, 24)),
            pieces: (PIECES_AT..end).step_by(PIECE_SIZE).map(piece).collect(),
        };
        let fits = |piece: &PieceHead| {
            piece.role.0 < geometry.members && usize::from(piece.at) + usize::from(piece.len) <= UNIT
        };
        let genuine = get_u32(unit, end) == crc32fast::hash(&unit[..end]);
        (genuine && head.row.0 < geometry.rows && head.pieces.iter().all(fits)).then_some(head)
    }
}
