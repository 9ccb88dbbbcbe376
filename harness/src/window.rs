//! What a crash at one point allows, in operations.

use serde::{Deserialize, Serialize};

/// What a crash at one point allows: the number of operations that must have survived and that can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Window {
    /// So many operations, from the first, were acknowledged as durable before the crash.
    pub durable: usize,
    /// So many operations had begun before the crash.
    pub begun: usize,
}
