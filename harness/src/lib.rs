//! What could have survived a crash, and does recovery cope?

mod catalogue;
pub mod choice;
mod disk;
pub mod judge;
mod media;
mod profile;
mod strategy;
mod record;
mod system;

pub use catalogue::{BugSwitch, Reference, UnknownBug, Workload};
pub use crashcheck_trace as trace;
pub use crashcheck_trace::{Bytes, Device, DeviceId, EventId, OpId};
pub use disk::{Disk, DiskError};
pub use judge::{History, Violation, Window};
pub use profile::{Atomic, Discard, Honesty, Order, Profile, ProfileError, Torn};
pub use record::{RecordError, Recording, record};
pub use strategy::{StrategyKind, UnknownStrategy};
pub use system::{Ack, Error, Result, System};
