//! What a crash may show: less than a prefix of the operations, for nothing is atomic without a journal.
//!
//! What vsfs promises, given the state D that the last durable acknowledgement covers and the operations begun since:
//!
//! - **durable**: what D holds and no operation since has touched is there, under its name, with its content and its
//!   links. A file or directory that was renamed or relinked is found under one of its names or in lost+found. Within a
//!   file, bytes that no write or truncate has touched are as they were, and the length is one it has had since D.
//! - **no-foreign-data**: no name shows anything that never had that name, and no file bytes of another; outside of
//!   what writes and truncates in flight have touched, which may be old, new, or what the blocks held before.
//! - **well-formed**: every link count is the number of names.
//!
//! `past.rs` follows what the operations touch; `explain.rs` compares it with what recovery shows.

mod explain;
mod past;
#[cfg(test)]
mod tests;

use crate::fs::{FsOp, View};
use crashcheck::{Violation, Window};

/// Judges what recovery shows.
///
/// # Errors
/// The broken promise.
pub fn judge(view: &View, ops: &[FsOp], states: &[View], window: Window) -> Result<(), Violation> {
    if states[window.durable..=window.begun].contains(view) {
        return Ok(());
    }
    let past = past::Past::new(ops, states, window);
    explain::Shown::new(view).explain(&past)
}
