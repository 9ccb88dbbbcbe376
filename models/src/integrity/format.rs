//! A volume on its members. All numbers are little-endian.
//!
//! ```text
//! a member, in blocks of 4104 bytes, as drives with 8 bytes of protection information have them
//!
//!   place 0           place 1           place 2 ...
//!   root of even      root of odd       map blocks and data blocks, wherever there was room; the same on both members
//!   generations       generations
//!
//! a block                                         a root, the content of place 0 and 1
//!   0     4096  content                             0   8  magic, "CCINTEG\n"
//!   4096  4     physical identity: the member       8   4  version, 1
//!               in bit 31, the place in 0 to 30     12  1  kind of the checksums
//!   4100  4     checksum of the 4100 bytes before   13  1  height of the map, 2 to 4
//!                                                   14  2  0
//! a map block: 512 pointers                         16  8  generation
//!                                                   24  8  blocks of the volume
//! a pointer                                         32  4  places of a member
//!   0     4     place; 0 for none                   36  8  pointer to the top of the map
//!   4     4     checksum of the content there       44     0 to the end
//! ```
//!
//! A pointer at height 1 leads to the data of one block of the volume, one at height n to a map block of height n - 1. None
//! stands for zeros.

use super::checksum::{Checksum, Sum};
use crashcheck::Bytes;

/// Bytes of a block of the volume.
pub const BLOCK_SIZE: usize = 4096;
/// Bytes of a block of a member: content, identity, checksum.
pub const FORMATTED: usize = BLOCK_SIZE + TAG_SIZE;
/// Bytes that a block of a member has beside its content (DI-10).
pub const TAG_SIZE: usize = 8;
/// Pointers of a map block.
pub const FANOUT: usize = BLOCK_SIZE / POINTER_SIZE;
/// Bytes of a pointer.
pub const POINTER_SIZE: usize = 8;

/// The least height of a map: what a change of one level does to the next is at work in the smallest volume, too.
const HEIGHT_MIN: u8 = 2;
/// The greatest height of a map.
const HEIGHT_MAX: u8 = 4;
/// Places have 31 bits.
const PLACES_MAX: u64 = 1 << 31;
/// The places of the roots.
pub(super) const ROOTS: u32 = 2;

const MAGIC: [u8; 8] = *b"CCINTEG\n";
const VERSION: u32 = 1;

/// The content of a block.
pub type Page = [u8; BLOCK_SIZE];

/// A block of a member, its tag included.
pub(super) type Raw = [u8; FORMATTED];

/// One of the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member(pub u8);

impl Member {
    /// Both members of a mirror.
    pub const BOTH: [Member; 2] = [Member(0), Member(1)];

    /// The one that is not this one.
    #[must_use]
    pub fn other(self) -> Member {
        Member(1 - self.0)
    }
}

/// A block of a member; the same on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub u32);

impl Place {
    /// Where it begins.
    pub fn at(self) -> Bytes {
        Bytes(u64::from(self.0) * FORMATTED as u64)
    }
}

/// Counts the commits of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

impl Generation {
    /// Where the root of this generation lies: never where that of the one before does.
    pub fn place(self) -> Place {
        Place((self.0 % u64::from(ROOTS)) as u32)
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Generation {
        Generation(self.0 + 1)
    }
}

/// Where a block lies, and the checksum of its content: the checksum that is kept elsewhere (DI-07).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// Where.
    pub place: Place,
    /// What its content adds up to.
    pub sum: Sum,
}

impl Pointer {
    /// Leads nowhere: zeros.
    pub const NONE: Pointer = Pointer { place: Place(0), sum: Sum(0) };

    /// Whether it leads nowhere.
    pub fn is_none(self) -> bool {
        self.place.0 == 0
    }

    fn decode(bytes: &[u8], at: usize) -> Pointer {
        Pointer { place: Place(get_u32(bytes, at)), sum: Sum(get_u32(bytes, at + 4)) }
    }

    fn encode(self, bytes: &mut [u8], at: usize) {
        put(bytes, at, &self.place.0.to_le_bytes());
        put(bytes, at + 4, &self.sum.0.to_le_bytes());
    }
}

/// Which block of which member this is, as it says itself (DI-06).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The member.
    pub member: Member,
    /// The place on it.
    pub place: Place,
}

impl Identity {
    fn word(self) -> u32 {
        u32::from(self.member.0) << 31 | self.place.0
    }

    fn from_word(word: u32) -> Identity {
        Identity { member: Member((word >> 31) as u8), place: Place(word & (PLACES_MAX - 1) as u32) }
    }
}

/// A block of a member with its tag; without identity, that of nothing.
pub(super) fn seal(content: &Page, identity: Option<Identity>, kind: Checksum) -> Raw {
    let mut raw = [0; FORMATTED];
    raw[..BLOCK_SIZE].copy_from_slice(content);
    put(&mut raw, BLOCK_SIZE, &identity.map_or(0, Identity::word).to_le_bytes());
    let sum = kind.of(&raw[..BLOCK_SIZE + 4]);
    put(&mut raw, BLOCK_SIZE + 4, &sum.0.to_le_bytes());
    raw
}

/// The content of a block of a member.
pub(super) fn content(raw: &Raw) -> Page {
    let mut page = [0; BLOCK_SIZE];
    page.copy_from_slice(&raw[..BLOCK_SIZE]);
    page
}

/// Whether the checksum that the block keeps of itself is right.
pub(super) fn is_whole(raw: &Raw, kind: Checksum) -> bool {
    kind.of(&raw[..BLOCK_SIZE + 4]) == Sum(get_u32(raw, BLOCK_SIZE + 4))
}

/// Which block it says it is.
pub(super) fn identity(raw: &Raw) -> Identity {
    Identity::from_word(get_u32(raw, BLOCK_SIZE))
}

/// The beginning of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// How checksums are computed.
    pub kind: Checksum,
    /// Which commit.
    pub generation: Generation,
    /// How large everything is.
    pub geometry: Geometry,
    /// The top of the map.
    pub top: Pointer,
}

impl Root {
    /// The root that a block holds, if it is one of version 1 and makes sense.
    pub fn decode(page: &Page) -> Option<Root> {
        if page[..8] != MAGIC || get_u32(page, 8) != VERSION {
            return None;
        }
        let geometry = Geometry { blocks: get_u64(page, 24), places: get_u32(page, 32), height: page[13] };
        let kind = Checksum::from_code(page[12])?;
        let root = Root {
            kind,
            generation: Generation(get_u64(page, 16)),
            geometry,
            top: Pointer::decode(page, 36),
        };
        let fits = Geometry::of(geometry.blocks).is_some_and(|known| known == geometry);
        fits.then_some(root)
    }

    /// The block that holds it.
    pub fn encode(&self) -> Page {
        let mut page = [0; BLOCK_SIZE];
        put(&mut page, 0, &MAGIC);
        put(&mut page, 8, &VERSION.to_le_bytes());
        page[12] = self.kind.code();
        page[13] = self.geometry.height;
        put(&mut page, 16, &self.generation.0.to_le_bytes());
        put(&mut page, 24, &self.geometry.blocks.to_le_bytes());
        put(&mut page, 32, &self.geometry.places.to_le_bytes());
        self.top.encode(&mut page, 36);
        page
    }
}

/// The pointers of a map block.
pub(super) type Pointers = [Pointer; FANOUT];

/// The pointers that a map block holds.
pub(super) fn decode_pointers(page: &Page) -> Box<Pointers> {
    let mut pointers = Box::new([Pointer::NONE; FANOUT]);
    for (nth, pointer) in pointers.iter_mut().enumerate() {
        *pointer = Pointer::decode(page, nth * POINTER_SIZE);
    }
    pointers
}

/// The map block that holds these pointers.
pub(super) fn encode_pointers(pointers: &Pointers) -> Page {
    let mut page = [0; BLOCK_SIZE];
    for (nth, pointer) in pointers.iter().enumerate() {
        pointer.encode(&mut page, nth * POINTER_SIZE);
    }
    page
}

/// How large everything is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Blocks of the volume.
    pub blocks: u64,
    /// Blocks of a member.
    pub places: u32,
    /// Levels of the map.
    pub height: u8,
}

impl Geometry {
    /// That of a volume of so many blocks; `None` if there are none or too many. Beside the roots, the map and every
    /// block there is room for one in 32 and 16 more, as what is overwritten is kept until the next commit.
    pub fn of(blocks: u64) -> Option<Geometry> {
        if blocks == 0 || blocks > PLACES_MAX {
            return None;
        }
        let height =
            (HEIGHT_MIN..=HEIGHT_MAX).find(|height| blocks <= (FANOUT as u64).pow(u32::from(*height)))?;
        let mut places = u64::from(ROOTS) + blocks + blocks / 32 + 16;
        for level in 1..=u32::from(height) {
            places += blocks.div_ceil((FANOUT as u64).pow(level));
        }
        (places <= PLACES_MAX).then_some(Geometry { blocks, places: places as u32, height })
    }

    /// That of a volume with room for so many bytes.
    pub fn for_capacity(capacity: Bytes) -> Option<Geometry> {
        Geometry::of(capacity.0.div_ceil(BLOCK_SIZE as u64).max(1))
    }

    /// The length of the volume.
    pub fn capacity(&self) -> Bytes {
        Bytes(self.blocks * BLOCK_SIZE as u64)
    }

    /// The length of a member.
    pub fn member_len(&self) -> Bytes {
        Bytes(u64::from(self.places) * FORMATTED as u64)
    }
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn get_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn get_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
