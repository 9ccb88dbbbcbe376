//! A mirror of two members that turns silent faults into repairs or errors (OSTEP, chapter 45; ZFS: Bonwick and Moore
//! 2007).
//!
//! Nothing that a member returns is believed as such. Three things are compared, each of which sees what the others
//! cannot:
//!
//! | kept | sees |
//! |---|---|
//! | a checksum beside each block | content that rotted (DI-02) |
//! | the physical identity beside it: member and place | a write that landed elsewhere, at the victim (DI-06) |
//! | a checksum in the block that points there, up to the root | a write that was lost or landed elsewhere, at the place it was meant for (DI-07) |
//!
//! A copy that fails is written anew from the other member (DI-04); if both fail the read does, and never returns
//! anything wrong. Blocks are written to new places, and one write of a root makes all of a commit valid at once, so that
//! data and its checksum cannot come apart (DI-09).
//!
//! | file | holds |
//! |---|---|
//! | `format.rs`, `checksum.rs` | a member as bytes; kinds of checksums, and what they miss |
//! | `mirror.rs` | copies: compared, repaired, written to both members |
//! | `map.rs`, `space.rs` | where each block lies, and which places are free |
//! | `live.rs`, `device.rs` | the opened volume with its commits; as a disk |
//! | `recover.rs` | opening |
//! | `scrub.rs` | reading every copy of everything |
//! | `check.rs` | a reader of the format that shares nothing with these |
//! | `trial.rs`, `aside.rs` | what the volume would make of bad copies, tried on members that nothing happens to |
//! | `bugs.rs`, `checks.rs`, `workloads.rs` | the faults, what the codes of checks mean, and workloads that show them |

mod aside;
pub mod bugs;
mod check;
pub mod checks;
pub mod checksum;
mod device;
pub mod format;
mod live;
mod map;
mod mirror;
mod recover;
mod scrub;
mod space;
mod trial;
mod workloads;

pub use live::Live;
pub use mirror::{Fault, Met};
pub use recover::{format, open};
pub use scrub::Scrubbed;

use crate::volume::{Layer, VolumeOp};
use bugs::Bugs;
use checksum::Checksum;
use crashcheck::{BugSwitch, Bytes, Device, Disk, DiskError, Result, UnknownBug, Workload};
use format::{FORMATTED, Geometry, Member, Place};
use thiserror::Error;

/// The layer: how it adds up, and its faults.
#[derive(Clone, Copy, Debug, Default)]
pub struct Integrity {
    kind: Checksum,
    bugs: Bugs,
}

impl Integrity {
    /// The layer with another kind of checksums.
    #[must_use]
    pub fn with_checksum(self, kind: Checksum) -> Integrity {
        Integrity { kind, ..self }
    }
}

/// Why a volume fails.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IntegrityError {
    /// The devices refused for a reason that is none of a member's own.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Neither member has a root.
    #[error("no member has a root ({why}); was this volume ever formatted?")]
    NoRoot {
        /// What was found instead.
        why: String,
    },
    /// A block cannot be had.
    #[error("block {} has no good copy: {why}; restore it from a backup, or write it anew", place.0)]
    NoGoodCopy {
        /// The block.
        place: Place,
        /// What is wrong with each copy.
        why: String,
    },
    /// Both members have failed.
    #[error("both members have failed")]
    BothLost,
    /// The map, whole as it is, makes no sense.
    #[error("block {} {what}, but the map leads there", place.0)]
    BadMap {
        /// Where it leads.
        place: Place,
        /// What is wrong with that.
        what: &'static str,
    },
    /// The members do not hold what the format says, or not what the volume goes by.
    #[error("the volume is not what its members hold: {what}")]
    Unsound {
        /// What is wrong.
        what: String,
    },
    /// A bad copy was not mended by what has met it.
    #[error("block {} of member {} was left bad by {by}: {what}", place.0, member.0)]
    LeftBad {
        /// What should have mended it.
        by: &'static str,
        /// The member.
        member: Member,
        /// The block.
        place: Place,
        /// What is wrong with it.
        what: String,
    },
    /// No volume can be that large.
    #[error("a volume cannot have {capacity}")]
    TooLarge {
        /// How large.
        capacity: Bytes,
    },
    /// No place is free although a commit has just made room.
    #[error("no block of the members is free")]
    Full,
    /// A commit has failed before.
    #[error("an earlier commit failed; open the volume again")]
    Broken,
}

impl From<IntegrityError> for DiskError {
    fn from(error: IntegrityError) -> DiskError {
        match error {
            IntegrityError::Disk(error) => error,
            other => DiskError::Failed { what: other.to_string() },
        }
    }
}

impl Layer for Integrity {
    const NAME: &'static str = "integrity";
    const ABOUT: &'static str =
        "a mirror with checksums, physical identity and a tree of checksums up to two alternating roots";
    const MEDIUM: &'static str = "array";
    const PROFILES: &'static [&'static str] = &["any-fault", "torn"];
    const BUGS: &'static [BugSwitch] = &bugs::SWITCHES;
    const CAPACITY: Bytes = Bytes(16 * format::BLOCK_SIZE as u64);

    type Live = Live;

    fn with_bugs(bugs: &[String]) -> Result<Self, UnknownBug> {
        Ok(Integrity { bugs: Bugs::named(Self::NAME, Self::BUGS, bugs)?, ..Integrity::default() })
    }

    fn devices(&self, capacity: Bytes) -> Vec<Device> {
        let len = Geometry::for_capacity(capacity).map_or(Bytes::ZERO, |geometry| geometry.member_len());
        let member =
            |member: Member| Device::zeroed(&format!("member {}", member.0), Bytes::of(FORMATTED), len);
        Member::BOTH.map(member).into()
    }

    fn format(&self, disk: &Disk, capacity: Bytes) -> Result<()> {
        let geometry = Geometry::for_capacity(capacity).ok_or(IntegrityError::TooLarge { capacity })?;
        Ok(recover::format(disk, geometry, self.kind, self.bugs)?)
    }

    fn open(&self, disk: Disk) -> Result<Live> {
        Ok(recover::open(&disk, self.bugs)?)
    }

    fn check(&self, live: &mut Live) -> Result<()> {
        Ok(live.check()?)
    }

    fn remark(&self, live: &Live) -> Option<String> {
        Some(recover::remark(live))
    }

    /// A scrub.
    fn maintain(&self, live: &mut Live, _: u8) -> Result<()> {
        live.scrub()?;
        Ok(())
    }

    fn workloads() -> Vec<Workload<VolumeOp>> {
        workloads::all()
    }
}

#[cfg(test)]
mod tests;
