//! The failing states of a finding, and why they are: what [`advise`](crate::advise) is given, and what it says.

use super::memo::Story;
use crate::choice::Path;
use crashcheck_outcome::{Coverage, Rule};
use crashcheck_trace::{DeviceId, EventId};
use std::sync::Arc;

/// A failing state, as far as its cause goes.
#[derive(Clone)]
pub(crate) struct Failure {
    /// The number of events after which the power failed.
    pub(crate) point: usize,
    pub(crate) path: Path,
    /// The lives after the recorded workload that ended in a crash, too.
    pub(crate) stories: Vec<Arc<Story>>,
}

/// What a finding is made from.
#[derive(Clone)]
pub(crate) struct Failures {
    /// What is seen in the simplest of the states.
    pub(crate) detail: String,
    /// The simplest of the states.
    pub(crate) told: Failure,
    /// The failing states, some of them.
    pub(crate) leaves: Vec<Failure>,
}

/// One event should have been durable before another, and so before all that came later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Order {
    /// The write that was lost.
    pub(crate) before: EventId,
    /// What was there without it: a write that survived, a message that was sent, an acknowledgement.
    pub(crate) after: EventId,
}

/// Why a finding happens, and what would prevent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cause {
    /// The fewest orders whose enforcement removes every failing state of the finding. Empty if no order of writes
    /// prevents some of them.
    pub(crate) missing: Vec<Order>,
    /// What mends it.
    pub(crate) fix: Option<Fix>,
    /// Why there is no order, or no fix, where there is something to say.
    pub(crate) why: Option<String>,
    /// The orders as rules, whatever the workload and the life; of a crash of a later life what is suspected.
    pub(crate) rules: Vec<Rule>,
}

/// Flushes that remove a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fix {
    /// The device, and the event before which each belongs.
    pub(crate) flushes: Vec<(DeviceId, EventId)>,
    /// As few writes that do the same if they are durable in themselves.
    pub(crate) fua: Vec<EventId>,
    /// What was covered when the trace with the flushes was explored.
    pub(crate) coverage: Coverage,
    /// Whether nothing else is found in it either.
    pub(crate) clean: bool,
}
