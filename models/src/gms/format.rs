//! The disk of a node, and the head of every message. All numbers are little-endian.
//!
//! ```text
//! disk of a node, in sectors of 512 B
//!   0            superblock
//!   1 ..         slots of the pages of the file, then slots of the anonymous pages
//!
//! superblock                                 slot
//!    0   8  magic "GMSSUPER"                    0   4  magic "PAGE"
//!    8   4  version 1                           4   4  crc32 of the sector with this field zero
//!   12   2  number of the node                  8  14  UID: ip, partition, inode, offset
//!   14   2  nodes of the cluster               22   2  0
//!   16   4  pages of the file                  24   8  version: how often it was written back
//!   20   4  anonymous pages                    32  32  0
//!   24   4  incarnation: how often booted      64 448  the page
//!   28   4  crc32 of what is before            A slot of zeros is a page of zeros that was never written back.
//!
//! message
//!    0   4  magic "GMSm"                       24   8  number on its link; 0: not on a link
//!    4   2  version 1                          32   8  last number that came in on the link
//!    6   2  kind                               40   4  length of the body
//!    8   2  sender                             44   4  crc32 of the message with this field zero
//!   10   2  receiver                           48      body, see message.rs
//!   12   4  incarnation of the sender
//!   16   8  configuration: counter (6), master (2)
//! ```

use super::page::{Incarnation, PAGE, Page, Partition, Uid, Version};
use crashcheck::{Bytes, Disk, DiskError, NodeId};
use thiserror::Error;

/// Bytes that the disk writes whole or not at all.
pub const SECTOR: usize = 512;

/// Bytes of the head of a message.
pub const HEAD: usize = 48;

const SUPER_MAGIC: &[u8; 8] = b"GMSSUPER";
const SLOT_MAGIC: &[u8; 4] = b"PAGE";
const MESSAGE_MAGIC: &[u8; 4] = b"GMSm";
const VERSION: u32 = 1;
const SLOT_HEAD: usize = SECTOR - PAGE;

type Sector = [u8; SECTOR];

/// Why a node cannot use its disk.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The device refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// There is no superblock.
    #[error("the disk of node {} holds no superblock of version 1; was it formatted?", .0.0)]
    NoSuperblock(NodeId),
    /// It belongs to another node.
    #[error("this is the disk of node {}, not of node {}", found.0, expected.0)]
    Foreign {
        /// Whose disk it is.
        found: NodeId,
        /// Who uses it.
        expected: NodeId,
    },
    /// A page does not have the checksum or the name that it should have.
    #[error("the slot of {0} is damaged")]
    Damaged(Uid),
    /// The disk has no such page.
    #[error("{0} lies beyond the end of its file")]
    NoSuchPage(Uid),
}

/// The first sector of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// Whose disk it is.
    pub node: NodeId,
    /// Nodes of the cluster.
    pub nodes: u16,
    /// Pages of the file.
    pub file_pages: u32,
    /// Anonymous pages.
    pub swap_pages: u32,
    /// How often the node was booted.
    pub incarnation: Incarnation,
}

impl Superblock {
    /// As bytes.
    pub fn encode(&self) -> Sector {
        let mut sector = [0; SECTOR];
        sector[..8].copy_from_slice(SUPER_MAGIC);
        sector[8..12].copy_from_slice(&VERSION.to_le_bytes());
        sector[12..14].copy_from_slice(&self.node.0.to_le_bytes());
        sector[14..16].copy_from_slice(&self.nodes.to_le_bytes());
        sector[16..20].copy_from_slice(&self.file_pages.to_le_bytes());
        sector[20..24].copy_from_slice(&self.swap_pages.to_le_bytes());
        sector[24..28].copy_from_slice(&self.incarnation.0.to_le_bytes());
        let crc = crc32fast::hash(&sector[..28]);
        sector[28..32].copy_from_slice(&crc.to_le_bytes());
        sector
    }

    /// From bytes; `None` if they are no superblock of this version.
    pub fn decode(sector: &Sector) -> Option<Superblock> {
        let right = sector[..8] == *SUPER_MAGIC
            && get_u32(sector, 8) == VERSION
            && get_u32(sector, 28) == crc32fast::hash(&sector[..28]);
        right.then(|| Superblock {
            node: NodeId(get_u16(sector, 12)),
            nodes: get_u16(sector, 14),
            file_pages: get_u32(sector, 16),
            swap_pages: get_u32(sector, 20),
            incarnation: Incarnation(get_u32(sector, 24)),
        })
    }

    /// Reads the superblock of a node's disk.
    ///
    /// # Errors
    /// If there is none, or it is that of another node.
    pub fn read(disk: &Disk, node: NodeId) -> Result<Superblock, FormatError> {
        let mut sector = [0; SECTOR];
        disk.read(Bytes(0), &mut sector)?;
        let found = Superblock::decode(&sector).ok_or(FormatError::NoSuperblock(node))?;
        let foreign = FormatError::Foreign { found: found.node, expected: node };
        if found.node == node { Ok(found) } else { Err(foreign) }
    }

    /// Writes it; durable on return.
    ///
    /// # Errors
    /// Those of the device.
    pub fn write(&self, disk: &Disk) -> Result<(), DiskError> {
        disk.labelled("superblock").write(Bytes(0), &self.encode())?;
        disk.flush()
    }

    /// Bytes that the disk needs.
    pub fn device_len(&self) -> Bytes {
        Bytes((1 + u64::from(self.file_pages) + u64::from(self.swap_pages)) * SECTOR as u64)
    }

    /// Where the page lies; `None` if this disk does not have it.
    pub fn slot(&self, uid: Uid) -> Option<Bytes> {
        let (first, pages) = match uid.partition {
            Partition::Files => (1, self.file_pages),
            Partition::Swap => (1 + u64::from(self.file_pages), self.swap_pages),
        };
        let here = uid.home() == self.node && uid.inode == 1 && uid.offset < pages;
        here.then(|| Bytes((first + u64::from(uid.offset)) * SECTOR as u64))
    }
}

/// Reads a page from the disk of its home.
///
/// # Errors
/// If the disk does not have it, or it is damaged.
pub fn read_page(disk: &Disk, superblock: &Superblock, uid: Uid) -> Result<(Version, Page), FormatError> {
    let at = superblock.slot(uid).ok_or(FormatError::NoSuchPage(uid))?;
    let mut sector = [0; SECTOR];
    disk.read(at, &mut sector)?;
    let mut page = [0; PAGE];
    if sector == [0; SECTOR] {
        return Ok((Version(0), page));
    }
    let crc = get_u32(&sector, 4);
    sector[4..8].fill(0);
    let right =
        sector[..4] == *SLOT_MAGIC && sector[8..22] == uid.encode() && crc32fast::hash(&sector) == crc;
    if !right {
        return Err(FormatError::Damaged(uid));
    }
    page.copy_from_slice(&sector[SLOT_HEAD..]);
    Ok((Version(get_u64(&sector, 24)), page))
}

/// Writes a page to the disk of its home; not durable before the next flush.
///
/// # Errors
/// If the disk does not have it.
pub fn write_page(
    disk: &Disk,
    superblock: &Superblock,
    uid: Uid,
    version: Version,
    page: &Page,
) -> Result<(), FormatError> {
    let at = superblock.slot(uid).ok_or(FormatError::NoSuchPage(uid))?;
    let mut sector = [0; SECTOR];
    sector[..4].copy_from_slice(SLOT_MAGIC);
    sector[8..22].copy_from_slice(&uid.encode());
    sector[24..32].copy_from_slice(&version.0.to_le_bytes());
    sector[SLOT_HEAD..].copy_from_slice(page);
    let crc = crc32fast::hash(&sector);
    sector[4..8].copy_from_slice(&crc.to_le_bytes());
    Ok(disk.labelled(&format!("page {uid}")).write(at, &sector)?)
}

/// A configuration: which nodes take part. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigId {
    /// Counts the configurations; 48 bits in messages.
    pub counter: u64,
    /// Who made it.
    pub master: NodeId,
}

/// What every message begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What the body is.
    pub kind: u16,
    /// Who sent it.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// Which life of the sender it belongs to.
    pub life: Incarnation,
    /// The configuration that it belongs to, or speaks of.
    pub config: ConfigId,
    /// Its number on the link; 0 if it is not on a link.
    pub sequence: u64,
    /// The last number that came in on the link.
    pub acknowledged: u64,
}

impl Head {
    /// The whole message.
    pub fn encode(&self, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + body.len());
        bytes.resize(HEAD, 0);
        bytes[..4].copy_from_slice(MESSAGE_MAGIC);
        bytes[4..6].copy_from_slice(&(VERSION as u16).to_le_bytes());
        bytes[6..8].copy_from_slice(&self.kind.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.from.0.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.to.0.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.life.0.to_le_bytes());
        bytes[16..22].copy_from_slice(&self.config.counter.to_le_bytes()[..6]);
        bytes[22..24].copy_from_slice(&self.config.master.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.acknowledged.to_le_bytes());
        bytes[40..44].copy_from_slice(&(body.len() as u32).to_le_bytes());
        bytes.extend_from_slice(body);
        let crc = crc32fast::hash(&bytes);
        bytes[44..48].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The head and the body of a message; `None` if it is none of this version, or damaged.
    pub fn decode(bytes: &[u8]) -> Option<(Head, &[u8])> {
        let (head, body) = bytes.split_at_checked(HEAD)?;
        let mut without = crc32fast::Hasher::new();
        without.update(&head[..44]);
        without.update(&[0; 4]);
        without.update(body);
        let right = head[..4] == *MESSAGE_MAGIC
            && u32::from(get_u16(head, 4)) == VERSION
            && get_u32(head, 40) as usize == body.len()
            && get_u32(head, 44) == without.finalize();
        let config =
            ConfigId { counter: get_u64(head, 16) & 0xffff_ffff_ffff, master: NodeId(get_u16(head, 22)) };
        let decoded = Head {
            kind: get_u16(head, 6),
            from: NodeId(get_u16(head, 8)),
            to: NodeId(get_u16(head, 10)),
            life: Incarnation(get_u32(head, 12)),
            config,
            sequence: get_u64(head, 24),
            acknowledged: get_u64(head, 32),
        };
        right.then_some((decoded, body))
    }
}

fn get_u16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn get_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn get_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from(get_u32(bytes, at)) | u64::from(get_u32(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crashcheck::Device;

    #[test]
    fn a_page_comes_back_as_it_was_and_a_damaged_one_does_not() {
        let node = NodeId(1);
        let superblock =
            Superblock { node, nodes: 3, file_pages: 2, swap_pages: 1, incarnation: Incarnation(7) };
        let disk = Disk::plain(&[Device::zeroed("disk", Bytes(512), superblock.device_len())]);
        superblock.write(&disk).expect("room");
        assert_eq!(Superblock::read(&disk, node), Ok(superblock));
        let foreign = Superblock::read(&disk, NodeId(2)).expect_err("another node's disk");
        assert_eq!(foreign.to_string(), "this is the disk of node 1, not of node 2");
        let (uid, page) = (Uid::swap(node, 0), [7; PAGE]);
        assert_eq!(read_page(&disk, &superblock, uid), Ok((Version(0), [0; PAGE])));
        write_page(&disk, &superblock, uid, Version(3), &page).expect("a page of this disk");
        assert_eq!(read_page(&disk, &superblock, uid), Ok((Version(3), page)));
        disk.write(superblock.slot(uid).expect("a slot") + Bytes(100), &[8]).expect("in range");
        assert_eq!(read_page(&disk, &superblock, uid), Err(FormatError::Damaged(uid)));
        let beyond = Uid::file(node, 2);
        assert_eq!(read_page(&disk, &superblock, beyond), Err(FormatError::NoSuchPage(beyond)));
    }

    #[test]
    fn a_message_with_any_bit_flipped_or_cut_is_none() {
        let head = Head {
            kind: 3,
            from: NodeId(1),
            to: NodeId(2),
            life: Incarnation(5),
            config: ConfigId { counter: 77, master: NodeId(1) },
            sequence: 9,
            acknowledged: 8,
        };
        let bytes = head.encode(b"body");
        assert_eq!(Head::decode(&bytes), Some((head, &b"body"[..])));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Head::decode(&flipped), None, "bit {bit}");
        }
        assert!((0..bytes.len()).all(|len| Head::decode(&bytes[..len]).is_none()));
    }
}
