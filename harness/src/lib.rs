//! What could have survived a crash, and does recovery cope?

mod catalogue;
mod disk;
pub mod judge;
mod record;
mod system;

pub use catalogue::{BugSwitch, Reference, UnknownBug, Workload};
pub use crashcheck_trace as trace;
pub use crashcheck_trace::{Bytes, Device, DeviceId, EventId, OpId};
pub use disk::{Disk, DiskError};
pub use judge::{History, Violation, Window};
pub use record::{RecordError, Recording, record};
pub use system::{Ack, Error, Result, System};
