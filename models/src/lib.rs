//! The reference systems: real formats, real recovery, and seeded bugs, to know that crashcheck finds what it should.

pub mod fs;
pub mod gms;
pub mod journal;
pub mod switches;
pub mod vsfs;

use crashcheck::{Subject, subject};
use journal::{Async, Data, Journal, Ordered, Writeback};

/// Every reference system.
pub fn all() -> Vec<Box<dyn Subject>> {
    vec![
        subject::<vsfs::Vsfs>(),
        subject::<Journal<Ordered>>(),
        subject::<Journal<Data>>(),
        subject::<Journal<Writeback>>(),
        subject::<Journal<Async>>(),
        subject::<gms::Gms>(),
    ]
}
