//! What happened before a crash.
//!
//! A [`Trace`] is the recorded life of one or more devices: every [`Event`] in the order it was issued, over the
//! [`Image`] the devices held when the recording began. The devices may belong to the nodes of a cluster; then it holds
//! the messages between them, too. It is plain data: nothing here knows what a crash may leave
//! behind (the `crashcheck` crate does) or how to show it (`crashcheck-report` does).

mod cluster;
pub mod container;
mod event;
pub mod files;
mod fingerprint;
mod flash;
pub mod formats;
mod image;
pub mod import;
mod replay_id;
#[cfg(test)]
mod testing;
mod trace;
mod unit;

pub use container::Ending;
pub use event::{Event, Label, Payload, Reach};
pub use flash::{GeometryError, NandChip, NandGeometry, Pairing};
pub use image::Image;
pub use replay_id::{Answers, ReplayId, ReplayIdError};
pub use trace::{DEVICE_LEN_MAX, Device, DeviceKind, Invalid, Trace};
pub use unit::{BlockNo, Bytes, DeviceId, EventId, MessageId, NodeId, OpId, PageNo};
