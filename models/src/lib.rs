//! The reference systems: real formats, real recovery, and seeded bugs, to know that crashcheck finds what it should.

pub mod fs;
pub mod journal;
pub mod switches;
pub mod volume;
pub mod vsfs;

use crashcheck::{Subject, subject};
use journal::{Async, Data, Journal, Ordered, Writeback};
use std::sync::Arc;
use volume::{Base, stacked};

/// Every block device that another system can run on.
pub fn bases() -> Vec<Arc<dyn Base>> {
    Vec::new()
}

/// The reference system of this name: one of [`all`], or one on top of a block device, as `journal@raid5`.
pub fn named(name: &str) -> Option<Box<dyn Subject>> {
    let Some((upper, lower)) = name.split_once('@') else {
        return all().into_iter().find(|subject| subject.name() == name);
    };
    let lower = bases().into_iter().find(|base| base.name() == lower)?;
    match upper {
        "vsfs" => Some(stacked::<vsfs::Vsfs>(&lower)),
        "journal" => Some(stacked::<Journal<Ordered>>(&lower)),
        "journal-data" => Some(stacked::<Journal<Data>>(&lower)),
        "journal-writeback" => Some(stacked::<Journal<Writeback>>(&lower)),
        "journal-async" => Some(stacked::<Journal<Async>>(&lower)),
        _ => None,
    }
}

/// Every reference system.
pub fn all() -> Vec<Box<dyn Subject>> {
    vec![
        subject::<vsfs::Vsfs>(),
        subject::<Journal<Ordered>>(),
        subject::<Journal<Data>>(),
        subject::<Journal<Writeback>>(),
        subject::<Journal<Async>>(),
    ]
}
