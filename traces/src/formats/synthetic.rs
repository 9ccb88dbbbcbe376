//! Contents for writes whose recorder kept none.

use crate::{Bytes, Payload};

/// No two writes of a trace have a 16-byte unit in common: each holds the number of the write, from 1, and its own
/// position, both little-endian. Contents shorter than that are as distinct as their length allows.
pub(super) fn content(write: u64, at: Bytes, len: Bytes) -> Payload {
    let mut data = Vec::with_capacity(len.index());
    let mut position = at.0;
    while data.len() < len.index() {
        data.extend_from_slice(&write.to_le_bytes());
        data.extend_from_slice(&position.to_le_bytes());
        position = position.wrapping_add(16);
    }
    data.truncate(len.index());
    Payload::from(data)
}

/// The longest write that is given contents: a recorder's record of a few bytes must not claim more.
pub(super) const LEN_MAX: Bytes = Bytes(64 << 20);
