//! What could have survived a crash, and does recovery cope?
//!
//! You bring a [`System`]: how to open your storage software on a [`Disk`], how to use it, what a user sees, and what a
//! user should see. crashcheck records a workload, and then lets the power fail at every point of it in every way that
//! the device allows. It runs **your own recovery** on each crash state and judges what that shows.
//!
//! Everything uncertain at a crash is a choice, asked of one source ([`choice::Choices`]) at the moment somebody looks.
//! What recovery does not read is never decided, so that one recovery stands for all crash states that look alike to
//! it; the [coverage](outcome::Coverage) is counted exactly.
//!
//! ```
//! use crashcheck::{Ack, Bytes, Disk, Result, System, explore};
//!
//! /// A log of numbers. A record is a block: the number, and a checksum over it and all before it.
//! struct Log;
//!
//! struct Open { disk: Disk, entries: Vec<u8> }
//!
//! fn record(entries: &[u8]) -> [u8; 512] {
//!     let sum = entries.iter().fold(7u8, |sum, entry| sum.wrapping_mul(31).wrapping_add(*entry));
//!     let mut block = [0; 512];
//!     block[..3].copy_from_slice(&[b'R', entries[entries.len() - 1], sum]);
//!     block
//! }
//!
//! impl System for Log {
//!     type Op = u8;
//!     type Live = Open;
//!     type View = Vec<u8>;
//!
//!     fn open(&self, disk: Disk) -> Result<Open> {
//!         let (mut entries, mut block) = (Vec::new(), [0; 512]);
//!         loop {
//!             disk.read(Bytes(512 * entries.len() as u64), &mut block)?;
//!             entries.push(block[1]);
//!             if block != record(&entries) {
//!                 entries.pop();
//!                 return Ok(Open { disk, entries });
//!             }
//!         }
//!     }
//!
//!     fn apply(&self, log: &mut Open, number: &u8) -> Result<Ack> {
//!         log.entries.push(*number);
//!         log.disk.write(Bytes(512 * (log.entries.len() - 1) as u64), &record(&log.entries))?;
//!         if *number % 3 != 0 {
//!             return Ok(Ack::Volatile);
//!         }
//!         log.disk.flush()?;
//!         Ok(Ack::Durable)
//!     }
//!
//!     fn view(&self, log: &mut Open) -> Result<Vec<u8>> {
//!         Ok(log.entries.clone())
//!     }
//!
//!     fn model(&self, view: &mut Vec<u8>, number: &u8) {
//!         view.push(*number);
//!     }
//! }
//!
//! explore(Log).lives(1).workload([1, 2, 3, 4, 5, 6]).check();
//! ```
//!
//! Without `lives(1)` the log is used again after each recovery, and crashed again. It does not survive that: record 2 that
//! outlived record 1 comes back when another record 1 is written, because it does not say which life it belongs to.
//!
//! What it does not prove: that workloads which were not run are safe, that the device keeps to its
//! [`Profile`], or anything about a system whose recovery depends on more than the devices it is given.

mod advise;
mod catalogue;
mod check;
mod checks;
pub mod choice;
mod command;
mod cures;
mod descent;
mod disk;
mod erased;
mod error;
mod explore;
mod explorer;
pub mod files;
pub mod fs;
mod generated;
pub mod judge;
mod lent;
mod media;
mod network;
mod prepared;
mod profile;
mod record;
mod recordings;
mod regression;
mod replay;
mod runs;
mod scratch;
mod shrink;
mod sites;
mod strategy;
pub mod supervise;
mod system;
mod tasks;
mod whole;
mod window;
mod wire;
mod workload;

pub use catalogue::{
    BugSwitch, Build, Case, CaseError, Entry, Reference, Subject, UnknownBug, Workload, subject,
};
pub use check::summary;
pub use checks::{Check, Checks};
pub use command::{CommandError, Commands, Folder, Fuse, advise_trace, explore_trace, replay_trace};
#[cfg(feature = "program")]
pub use command::{LogError, MountError, ProgramError, ProgramRecording, record_program, record_strace_log};
pub use crashcheck_outcome as outcome;
pub use crashcheck_trace as trace;
pub use crashcheck_trace::{BlockNo, Bytes, Device, DeviceId, EventId, Label, MessageId, NandGeometry};
pub use crashcheck_trace::{NodeId, OpId, PageNo, Pairing, ReplayId};
pub use disk::{BlockDevice, Disk, Nand};
pub use error::DiskError;
pub use explore::{Budget, CrashImage, Limits, Options, Paths, Progress, Shrink, Shrinking};
pub use explorer::{Explorer, WithWorkload, explore};
pub use generated::{Guide, Recipe};
pub use judge::{History, Violation, Window};
pub use lent::Lent;
pub use media::{Census, Count, EpochCensus, census, census_of_each};
pub use network::Network;
pub use profile::{
    Atomic, Cache, Cluster, Discard, Fate, Fates, Faults, Fdatasync, FileSystem, Fsync, Honesty, Order,
    Profile, ProfileError, Torn, When,
};
pub use record::{RecordError, Recording, record, record_after};
pub use regression::{Regression, RegressionError, stored_traces};
pub use replay::{Crash, Replayed};
pub use strategy::{Met, Strategies, Strategy, StrategyKind, Tree, UnknownStrategy, Walking};
pub use system::{Ack, Error, Result, System};
pub use wire::{Envelope, Step};
pub use workload::WithStrategy;

/// The examples of the README, to be compiled and run with those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
