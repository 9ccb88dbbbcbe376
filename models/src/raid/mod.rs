//! RAID: one block device over several, some of which may fail (Patterson, Gibson and Katz 1988; OSTEP, chapter 38).
//!
//! Every member has its own epochs, so that a crash leaves each of them at a place of its own. A write to a stripe of a
//! parity array is at least two writes, to data and parity; if a crash lets only one of them through, the stripe looks
//! well until another member is lost, and then a block that nobody wrote comes back wrong: the *write hole*. It is closed
//! here in two ways. Levels 1, 4 and 5 keep a write-intent bitmap and compute the checks of marked stripes anew before
//! they serve. Levels 2 and 3, which spread every block over all members, and `raid5-journal` write to a stripe journal
//! first, so that even the loss of a member at the moment of the crash costs nothing.
//!
//! | system | layout | against half-written stripes | survives, with a crash before it |
//! |---|---|---|---|
//! | `raid0` | chunks round robin | nothing to keep consistent | no loss: what was there reads as an error |
//! | `raid1` | chunks round robin over pairs | bitmap, the first copy wins | one member of each pair, at any time |
//! | `raid2` | bits, Hamming code | stripe journal | two members, at any time |
//! | `raid3` | bytes, parity | stripe journal | one member, at any time |
//! | `raid4` | chunks, parity on the last member | bitmap | one member, once recovery is done; before that, but for the stripes that were being written |
//! | `raid5` | chunks, parity in turn | bitmap | the same |
//! | `raid5-journal` | as `raid5` | stripe journal | one member, at any time |
//! | `…-degraded` | the same, of which a member fails in service | the same | no further loss until it is rebuilt |
//!
//! What a bitmap cannot give: a stripe that a crash met half written, of an array that misses a member, or a block of it that
//! cannot be read, has nothing left to compute the missing unit from. It reads as an error, never as garbage. While a spare is there it does not come to
//! that, because writes wait for the rebuild of their row.
//!
//! | file | holds |
//! |---|---|
//! | `geometry.rs` | where blocks lie, and which units check each other |
//! | `format.rs` | superblock, bitmap and journal on the members |
//! | `parity.rs` | XOR, bit and byte striping |
//! | `members.rs` | the devices, and what each of them was asked |
//! | `array.rs`, `row.rs` | reading, whole or degraded; writing into a row |
//! | `bitmap.rs`, `journal.rs` | the two ways to close the write hole |
//! | `recover.rs` | assembling, resynchronising |
//! | `maintain.rs`, `scrub.rs` | failures, spares, rebuilding, scrubbing |
//! | `check.rs`, `check/` | a reader of the format that shares nothing with these |
//! | `cost.rs` | how fast an array is, from the requests its members served |
//! | `explain.rs` | the write hole in words |
//! | `bugs.rs`, `checks.rs`, `workloads.rs` | the faults, what the codes of checks mean, and workloads that show them |

mod array;
mod bitmap;
pub mod bugs;
mod check;
pub mod checks;
pub mod cost;
mod explain;
pub mod format;
pub mod geometry;
mod journal;
mod maintain;
mod members;
pub mod parity;
mod recover;
mod row;
mod scrub;
mod workloads;

pub use array::Array;
pub use members::Served;
pub use recover::{RaidError, assemble, open};
pub use row::{Method, cheaper};
pub use scrub::Scrubbed;
pub use workloads::fail;

use crate::volume::{Layer, View, VolumeOp};
use bugs::Bugs;
use crashcheck::{BugSwitch, Bytes, Device, DeviceId, Disk, DiskError, Result, UnknownBug, Workload};
use format::{BITMAP_AT, Policy, Superblock, UNIT, encode_bitmap};
use geometry::{Geometry, Level, Role};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::Range;

/// Slots of a stripe journal: so few that a handful of writes go round.
const SLOTS: u32 = 4;

/// One of the systems of this module.
pub trait Variant: Copy + Debug + Default + Send + Sync + 'static {
    /// Its name on the command line.
    const NAME: &'static str;
    /// What it is, in a sentence.
    const ABOUT: &'static str;
    /// The device profiles that it promises to survive.
    const PROFILES: &'static [&'static str];
    /// How it lays out data.
    const LEVEL: Level;
    /// What it does against half-written stripes.
    const POLICY: Policy;
    /// Members that hold data or checks.
    const MEMBERS: u8;
    /// Spares.
    const SPARES: u8;
    /// Whether a member fails in its workloads. Another one may not then.
    const FAILS: bool;
    /// The faults it can be built with.
    const BUGS: &'static [BugSwitch];
}

macro_rules! variants {
    ($($type:ident: $name:literal, $about:literal, $profiles:expr, $level:ident, $policy:ident,
       $members:literal + $spares:literal, $fails:literal, $bugs:ident;)*) => {$(
        #[doc = concat!("`", $name, "`: ", $about, ".")]
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $type;

        impl Variant for $type {
            const NAME: &'static str = $name;
            const ABOUT: &'static str = $about;
            const PROFILES: &'static [&'static str] = &$profiles;
            const LEVEL: Level = Level::$level;
            const POLICY: Policy = Policy::$policy;
            const MEMBERS: u8 = $members;
            const SPARES: u8 = $spares;
            const FAILS: bool = $fails;
            const BUGS: &'static [BugSwitch] = bugs::$bugs;
        }
    )*};
}

variants! {
    Raid0: "raid0", "striping over four members, without redundancy",
        ["reorder"], Striped, Nothing, 4 + 0, false, RAID0;
    Raid1: "raid1", "striping over two mirrored pairs, with a write-intent bitmap",
        ["member-loss", "member-loss-at-crash"], Mirrored, Bitmap, 4 + 1, false, RAID1;
    Raid1Degraded: "raid1-degraded", "raid1 of which a member fails and is rebuilt onto a spare",
        ["reorder"], Mirrored, Bitmap, 4 + 2, true, RAID1_DEGRADED;
    Raid2: "raid2", "bit striping over four members, a Hamming code on three more, and a stripe journal",
        ["member-loss-at-crash"], Hamming, Journal, 7 + 0, false, RAID2;
    Raid3: "raid3", "byte striping over four members, parity on a fifth, and a stripe journal",
        ["member-loss-at-crash"], Bytes, Journal, 5 + 0, false, RAID3;
    Raid4: "raid4", "striping over three members, parity on a fourth, and a write-intent bitmap",
        ["member-loss", "member-loss-at-crash"], FixedParity, Bitmap, 4 + 1, false, RAID4;
    Raid5: "raid5", "striping with rotating parity over four members, and a write-intent bitmap",
        ["member-loss", "member-loss-at-crash", "sector-error"], RotatedParity, Bitmap, 4 + 1, false, RAID5;
    Raid5Degraded: "raid5-degraded", "raid5 of which a member fails and is rebuilt onto a spare",
        ["reorder"], RotatedParity, Bitmap, 4 + 2, true, RAID5_DEGRADED;
    Raid5Journal: "raid5-journal", "striping with rotating parity over four members, and a stripe journal",
        ["member-loss-at-crash", "sector-error"], RotatedParity, Journal, 4 + 1, false, RAID5_JOURNAL;
    Raid5JournalDegraded: "raid5-journal-degraded",
        "raid5-journal of which a member fails and is rebuilt onto a spare",
        ["reorder"], RotatedParity, Journal, 4 + 2, true, RAID5_JOURNAL_DEGRADED;
}

/// A RAID.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raid<V> {
    bugs: Bugs,
    variant: PhantomData<V>,
}

impl<V: Variant> Raid<V> {
    fn superblock(capacity: Bytes) -> Superblock {
        let shape = Geometry { level: V::LEVEL, members: V::MEMBERS, chunk: 1, rows: 0 };
        let geometry = shape.with_room_for(capacity.0.div_ceil(UNIT as u64));
        superblock(V::NAME, geometry, V::POLICY, V::SPARES)
    }
}

/// The superblock of a new array.
fn superblock(name: &str, geometry: Geometry, policy: Policy, spares: u8) -> Superblock {
    let mut uuid = [0; 16];
    uuid.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
    uuid[12..].copy_from_slice(&crc32fast::hash(name.as_bytes()).to_le_bytes());
    Superblock {
        uuid,
        geometry,
        policy,
        devices: geometry.members + spares,
        events: 1,
        roles: (0..geometry.members).map(Some).collect(),
        failed: 0,
        rebuilding: None,
        rebuilt: 0,
        slots: if policy == Policy::Journal { SLOTS } else { 0 },
    }
}

/// The devices of an array with this superblock, empty.
fn devices(superblock: &Superblock) -> Vec<Device> {
    let name = |device: u8| match device < superblock.geometry.members {
        true => format!("member {device}"),
        false => format!("spare {device}"),
    };
    let len = superblock.device_len();
    (0..superblock.devices).map(|device| Device::zeroed(&name(device), Bytes::of(UNIT), len)).collect()
}

/// Writes the superblock and an empty bitmap to every device. Units of zeros add up to zero already.
fn format(disk: &Disk, superblock: &Superblock) -> Result<(), DiskError> {
    let bitmap = encode_bitmap(superblock.geometry.stripes(), []);
    for device in 0..superblock.devices {
        let disk = disk.device(DeviceId(u16::from(device)));
        disk.write(Bytes::ZERO, &superblock.encode(device))?;
        disk.write(BITMAP_AT, &bitmap)?;
        disk.flush()?;
    }
    Ok(())
}

impl<V: Variant> Layer for Raid<V> {
    const NAME: &'static str = V::NAME;
    const ABOUT: &'static str = V::ABOUT;
    const MEDIUM: &'static str = "array";
    const PROFILES: &'static [&'static str] = V::PROFILES;
    const PROFILES_BELOW: &'static [&'static str] = match (V::POLICY, V::LEVEL) {
        (Policy::Bitmap, Level::FixedParity | Level::RotatedParity) => V::PROFILES.split_at(1).0,
        _ => V::PROFILES,
    };
    const BUGS: &'static [BugSwitch] = V::BUGS;
    const CAPACITY: Bytes = Bytes(12 * UNIT as u64);
    const DISCARDS_WHOLE_BLOCKS: bool = false;

    type Live = Array;

    fn with_bugs(bugs: &[String]) -> Result<Self, UnknownBug> {
        Ok(Raid { bugs: Bugs::named(V::NAME, V::BUGS, bugs)?, variant: PhantomData })
    }

    fn devices(&self, capacity: Bytes) -> Vec<Device> {
        devices(&Self::superblock(capacity))
    }

    fn format(&self, disk: &Disk, capacity: Bytes) -> Result<()> {
        Ok(format(disk, &Self::superblock(capacity))?)
    }

    fn open(&self, disk: Disk) -> Result<Array> {
        Ok(open(&disk, self.bugs)?)
    }

    fn check(&self, live: &mut Array) -> Result<()> {
        Ok(live.check()?)
    }

    fn remark(&self, live: &Array) -> Option<String> {
        Some(live.remark().to_owned())
    }

    /// Steps below 128 rebuild or scrub; above, an administrator takes the member of that role out of service, unless
    /// another one is missing or no spare can take over: a bitmap closes the write hole of whole stripes only.
    fn maintain(&self, live: &mut Array, step: u8) -> Result<()> {
        match step.checked_sub(workloads::FAIL) {
            Some(role) if live.degraded().is_empty() && live.spare().is_some() => {
                live.fail_member(Role(role))?;
            }
            Some(_) => {}
            None => live.work()?,
        }
        Ok(())
    }

    fn explain(&self, before: &View, after: &View, states: &[View]) -> Option<String> {
        explain::write_hole(&Self::superblock(Self::CAPACITY).geometry, before, after, states)
    }

    /// With a bitmap, a row that a crash met half written has nothing left to compute a unit from that is lost as well.
    fn lost_with(&self, block: u64) -> Range<u64> {
        let geometry = Self::superblock(Self::CAPACITY).geometry;
        match (V::POLICY, V::LEVEL) {
            (Policy::Bitmap, Level::FixedParity | Level::RotatedParity) => {
                let mut blocks = geometry.blocks_of(geometry.place(block).row);
                let first = blocks.next().unwrap_or(block);
                first..blocks.last().unwrap_or(first) + 1
            }
            _ => block..block,
        }
    }

    fn workloads() -> Vec<Workload<VolumeOp>> {
        if V::FAILS { workloads::degraded() } else { workloads::of(V::LEVEL, V::POLICY) }
    }
}

#[cfg(test)]
mod tests;
