//! What happened before a crash.
//!
//! A [`Trace`] is the recorded life of one or more devices: every [`Event`] in the order it was issued, over the
//! [`Image`] the devices held when the recording began. It is plain data: nothing here knows what a crash may leave
//! behind (the `crashcheck` crate does) or how to show it (`crashcheck-report` does).

mod event;
mod image;
pub mod outcome;
mod replay_id;
mod trace;
mod unit;

pub use event::{Event, Label, Payload};
pub use image::Image;
pub use replay_id::ReplayId;
pub use trace::{Device, Invalid, Trace};
pub use unit::{Bytes, DeviceId, EventId, OpId};
