//! The reference systems: real formats, real recovery, and seeded bugs, to know that crashcheck finds what it should.

pub mod checks;
pub mod fs;
pub mod ftl;
pub mod gms;
pub mod integrity;
pub mod journal;
mod le;
pub mod lfs;
pub mod raid;
pub mod switches;
pub mod volume;
pub mod vsfs;

use crashcheck::{Reference, Subject, subject};
use ftl::direct::Direct;
use ftl::hybrid::Hybrid;
use ftl::paged::{Mlc, Paged, Slc};
use integrity::Integrity;
use journal::{Async, Data, Journal, Ordered, Writeback};
use raid::Raid;
use std::sync::Arc;
use volume::{Base, Volume, base, stacked};

/// Puts a system on top of a block device.
type OnTop = fn(&Arc<dyn Base>) -> Box<dyn Subject>;

/// Every system that can run on a block device instead of a disk.
const UPPER: [(&str, OnTop); 6] = [
    (vsfs::Vsfs::NAME, stacked::<vsfs::Vsfs>),
    (Journal::<Ordered>::NAME, stacked::<Journal<Ordered>>),
    (Journal::<Data>::NAME, stacked::<Journal<Data>>),
    (Journal::<Writeback>::NAME, stacked::<Journal<Writeback>>),
    (Journal::<Async>::NAME, stacked::<Journal<Async>>),
    (lfs::Lfs::NAME, stacked::<lfs::Lfs>),
];

/// The names of all systems that can run on a block device.
pub fn uppers() -> Vec<&'static str> {
    UPPER.iter().map(|(name, _)| *name).collect()
}

/// Every block device that a system can run on.
pub fn bases() -> Vec<Arc<dyn Base>> {
    vec![
        base(Raid::<raid::Raid0>::default()),
        base(Raid::<raid::Raid1>::default()),
        base(Raid::<raid::Raid2>::default()),
        base(Raid::<raid::Raid3>::default()),
        base(Raid::<raid::Raid4>::default()),
        base(Raid::<raid::Raid5>::default()),
        base(Raid::<raid::Raid5Journal>::default()),
        base(Direct::default()),
        base(Paged::<Slc>::default()),
        base(Paged::<Mlc>::default()),
        base(Hybrid::default()),
        base(Integrity::default()),
    ]
}

/// A system on top of a block device, by a name such as `journal@raid5`; `None` if either does not exist.
pub fn stack(name: &str) -> Option<Box<dyn Subject>> {
    let (upper, lower) = name.split_once('@')?;
    let (_, on_top) = UPPER.iter().find(|(known, _)| *known == upper)?;
    bases().iter().find(|base| base.name() == lower).map(on_top)
}

/// Every reference system.
pub fn all() -> Vec<Box<dyn Subject>> {
    vec![
        subject::<vsfs::Vsfs>(),
        subject::<Journal<Ordered>>(),
        subject::<Journal<Data>>(),
        subject::<Journal<Writeback>>(),
        subject::<Journal<Async>>(),
        subject::<lfs::Lfs>(),
        subject::<Volume<Raid<raid::Raid0>>>(),
        subject::<Volume<Raid<raid::Raid1>>>(),
        subject::<Volume<Raid<raid::Raid1Degraded>>>(),
        subject::<Volume<Raid<raid::Raid2>>>(),
        subject::<Volume<Raid<raid::Raid3>>>(),
        subject::<Volume<Raid<raid::Raid4>>>(),
        subject::<Volume<Raid<raid::Raid5>>>(),
        subject::<Volume<Raid<raid::Raid5Degraded>>>(),
        subject::<Volume<Raid<raid::Raid5Journal>>>(),
        subject::<Volume<Raid<raid::Raid5JournalDegraded>>>(),
        subject::<Volume<Direct>>(),
        subject::<Volume<Paged<Slc>>>(),
        subject::<Volume<Paged<Mlc>>>(),
        subject::<Volume<Hybrid>>(),
        subject::<Volume<Integrity>>(),
        subject::<gms::Gms>(),
    ]
}
