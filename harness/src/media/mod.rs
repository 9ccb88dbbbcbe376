//! What each medium leaves behind at a crash.

pub(crate) mod block;
