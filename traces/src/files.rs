//! Directories and files: what a directory holds, and what changes it.
//!
//! A tree of files is a machine of many devices, one for each inode: device 0 is the root directory, and every file, directory and
//! link that is made while it is recorded is one more. A file is a device whose length a write can change. A directory is a
//! device of slots, each of which holds an [`Entry`] or nothing: a name has its place in every directory, which follows from
//! the name alone, so that what became of one name is known without a look at the others.

use crate::trace::{DEVICE_LEN_MAX, Device, DeviceKind};
use crate::{Bytes, DeviceId, Image};

/// The length of a slot of a directory.
pub const SLOT: Bytes = Bytes(512);

/// The longest name, in bytes.
pub const NAME_MAX: usize = 255;

/// The bytes of a slot before the name: `1`, the inode in two bytes, and the length of the name.
const HEAD: usize = 4;

/// A name in a directory, and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// The name: not empty, at most [`NAME_MAX`] bytes, without `/` and NUL.
    pub name: String,
    /// What has this name.
    pub inode: DeviceId,
}

impl Entry {
    /// Where the slot of a name begins, in any directory.
    ///
    /// Two names share a place with a probability of 2<sup>-52</sup>; then [`parse`](Entry::parse) gives the other one.
    pub fn slot(name: &str) -> Bytes {
        // FNV-1a (Fowler, Noll, Vo), then a step of splitmix64, so that names that differ at their ends lie far apart.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        Bytes(((mixed ^ (mixed >> 27)) >> 12) * SLOT.0)
    }

    /// The bytes of the slot.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; SLOT.index()];
        let [low, high] = self.inode.0.to_le_bytes();
        bytes[..HEAD].copy_from_slice(&[1, low, high, self.name.len() as u8]);
        bytes[HEAD..HEAD + self.name.len()].copy_from_slice(self.name.as_bytes());
        bytes
    }

    /// What a slot holds; `None` if that is nothing, or no entry.
    pub fn parse(slot: &[u8]) -> Option<Entry> {
        let (head, rest) = slot.split_first_chunk::<HEAD>()?;
        let [1, low, high, len] = *head else { return None };
        let name = std::str::from_utf8(rest.get(..usize::from(len))?).ok()?.to_owned();
        Some(Entry { name, inode: DeviceId(u16::from_le_bytes([low, high])) })
    }

    /// Whether something can have this name.
    pub fn is_name(name: &str) -> bool {
        let plain = !name.contains(['/', '\0']);
        plain && !matches!(name, "" | "." | "..") && name.len() <= NAME_MAX
    }
}

/// One name that is given to something else, or taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameChange {
    /// In which directory.
    pub directory: DeviceId,
    /// Which name.
    pub name: String,
    /// What it stands for from then on; `None` for nothing.
    pub inode: Option<DeviceId>,
}

impl NameChange {
    /// The bytes that change: the slot of the name.
    pub fn range(&self) -> (DeviceId, Bytes, Bytes) {
        (self.directory, Entry::slot(&self.name), SLOT)
    }

    /// What the slot holds afterwards.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self.inode {
            Some(inode) => Entry { name: self.name.clone(), inode }.to_bytes(),
            None => vec![0; SLOT.index()],
        }
    }
}

/// What one call has made of names, with the places in the list of its changes: of what it changed more than once the last.
pub fn changed(changes: &[NameChange]) -> impl Iterator<Item = (usize, &NameChange)> {
    let is_last = |nth: usize| !changes[nth + 1..].iter().any(|later| later.range() == changes[nth].range());
    changes.iter().enumerate().filter(move |(nth, _)| is_last(*nth))
}

/// What a call has given the name of something else, which it took away first, as `rename` does.
pub fn replacing(changes: &[NameChange]) -> Option<DeviceId> {
    let (last, before) = changes.split_last()?;
    let is_taken = |change: &NameChange| change.inode.is_none() && change.range() == last.range();
    last.inode.filter(|_| before.iter().any(is_taken))
}

/// The mode and the owner of an inode, as they were at the end of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The lower twelve bits of the mode: who may do what.
    pub mode: u16,
    /// The number of the user.
    pub uid: u32,
    /// The number of the group.
    pub gid: u32,
}

impl Device {
    /// An empty file. A write that ends beyond its end makes it longer.
    pub fn file(name: &str) -> Self {
        Device { kind: DeviceKind::File, ..Device::zeroed(name, Bytes(1), Bytes::ZERO) }
    }

    /// An empty directory. A machine whose first device is one is a tree of files.
    pub fn directory(name: &str) -> Self {
        Device { kind: DeviceKind::Directory, ..Device::zeroed(name, SLOT, DEVICE_LEN_MAX) }
    }

    /// A symbolic link, whose content is what it points to.
    pub fn link(name: &str, target: &str) -> Self {
        let base = Image::from_bytes(target.as_bytes());
        Device { kind: DeviceKind::Link, ..Device::block(name, Bytes(1), base) }
    }

    /// Whether a write can make it longer.
    pub fn is_file(&self) -> bool {
        self.kind == DeviceKind::File
    }

    /// Whether it holds names.
    pub fn is_directory(&self) -> bool {
        self.kind == DeviceKind::Directory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_slot_lies_within_its_directory() {
        let directory = Device::directory(".");
        let end = Entry::slot("any name") + SLOT;
        assert!(end <= directory.base.len() && Entry::slot("any name").0.is_multiple_of(SLOT.0));
    }

    #[test]
    fn what_is_no_entry_reads_as_nothing() {
        assert_eq!(Entry::parse(&[0; 512]), None);
        assert_eq!(Entry::parse(&[1, 0, 0, 200, b'a']), None);
        assert_eq!(Entry::parse(&[]), None);
    }

    #[test]
    fn a_path_is_no_name() {
        assert!(Entry::is_name("wal") && Entry::is_name(&"x".repeat(NAME_MAX)));
        let long = "x".repeat(NAME_MAX + 1);
        assert!(["", ".", "..", "a/b", "a\0", &long].into_iter().all(|name| !Entry::is_name(name)));
    }

    proptest! {
        #[test]
        fn an_entry_reads_back(name in "[^/\0]{1,60}", inode: u16) {
            let entry = Entry { name, inode: DeviceId(inode) };
            prop_assert_eq!(Entry::parse(&entry.to_bytes()), Some(entry));
        }
    }
}
