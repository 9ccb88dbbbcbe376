//! What each flush of a trace is good for.

use super::{Exploration, Place};
use serde::{Deserialize, Serialize};

/// Which flushes of a trace are needed. It holds for this trace alone: another workload may need what this one does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// What is found with all flushes.
    pub exploration: Exploration,
    /// Every flush, in order.
    pub flushes: Vec<AdvisedFlush>,
}

/// A flush, and what it is good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvisedFlush {
    /// The flush.
    pub flush: Place,
    /// Of which device.
    pub device: String,
    /// What came of exploring the trace without it.
    pub need: Need,
}

/// What came of exploring a trace without one of its flushes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "need")]
pub enum Need {
    /// Something is found that is not found with it.
    Needed {
        /// The promise that is broken without it.
        promise: String,
        /// What is seen then.
        detail: String,
    },
    /// Everything was covered, and nothing new is found.
    Redundant {
        /// The crash states without it.
        crash_states: String,
    },
    /// Nothing new is found, but not everything was covered.
    Unknown {
        /// Why not.
        left_out: String,
    },
}
