//! How to walk a tree of choices. A strategy knows nothing of devices: it makes plans, and learns what each one met.

mod complete;
mod deviations;
mod prefix;
mod random;
mod two_point;

use crate::choice::{Path, Plan, Question};
use crashcheck_trace::EventId;
pub(crate) use deviations::Branches;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Walks one tree of choices: one epoch.
pub(crate) trait Strategy: Send {
    /// How far from the beginning the next plan is; the walk takes the trees with the lowest level first. `None` when
    /// nothing is left to do.
    fn level(&self) -> Option<usize>;

    /// The next plans, at most `room`. They do not depend on each other.
    fn plans(&mut self, room: usize) -> Vec<Plan>;

    /// Learns what the plans met, in the order in which they were made. Says whether this leaf is met for the first
    /// time. Where the walk `ends`, no plans are made that only add to those deviations; at a pole it never does.
    fn learn(&mut self, path: &Path, ends: bool) -> bool;
}

/// The strategies by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StrategyKind {
    /// From both ends of the tree, few deviations first; complete if the budget allows.
    #[default]
    Deviations,
    /// Depth first; complete, in little memory.
    Complete,
    /// Every prefix of what was issued.
    Prefix,
    /// Every pair of writes out of order: all before the first, and the second.
    TwoPoint,
    /// Every write survives with a probability that differs from run to run.
    Random,
}

impl StrategyKind {
    /// All of them, with a line of help each.
    pub const TABLE: [(StrategyKind, &'static str, &'static str); 5] = [
        (
            StrategyKind::Deviations,
            "deviations",
            "from both poles, few deviations first; complete with enough budget",
        ),
        (StrategyKind::Complete, "complete", "depth first; complete, in little memory"),
        (StrategyKind::Prefix, "prefix", "every prefix of the writes in flight, as if nothing overtook"),
        (
            StrategyKind::TwoPoint,
            "two-point",
            "for every pair of writes: all before the first, and the second alone",
        ),
        (StrategyKind::Random, "random", "seeded random subsets, from few survivors to many"),
    ];

    /// Whether it asks for every state in the end.
    pub(crate) fn is_complete(self) -> bool {
        matches!(self, StrategyKind::Deviations | StrategyKind::Complete)
    }

    /// A walk of one tree. `seed` is used by `random`, `limit` is the number of deviations to stop after.
    pub(crate) fn start(
        self,
        events: impl FnOnce() -> Vec<EventId>,
        seed: u64,
        limit: Option<usize>,
    ) -> Box<dyn Strategy> {
        match self {
            StrategyKind::Deviations => Box::new(deviations::Deviations::new(limit)),
            StrategyKind::Complete => Box::new(complete::Complete::new()),
            StrategyKind::Prefix => Box::new(prefix::Prefixes::new(events())),
            StrategyKind::TwoPoint => Box::new(two_point::TwoPoint::new(events())),
            StrategyKind::Random => Box::new(random::Random::new(seed)),
        }
    }
}

impl fmt::Display for StrategyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = StrategyKind::TABLE.iter().find(|(kind, ..)| kind == self);
        f.write_str(row.map_or("", |(_, name, _)| name))
    }
}

/// There is no strategy of this name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no strategy '{name}'; there are: {known}")]
pub struct UnknownStrategy {
    name: String,
    known: String,
}

impl FromStr for StrategyKind {
    type Err = UnknownStrategy;
    fn from_str(name: &str) -> Result<Self, UnknownStrategy> {
        let row = StrategyKind::TABLE.iter().find(|(_, known, _)| *known == name);
        let known = StrategyKind::TABLE.map(|(_, name, _)| name).join(", ");
        row.map(|(kind, ..)| *kind).ok_or(UnknownStrategy { name: name.to_owned(), known })
    }
}

/// Answers by the position of the write that is asked about; what is asked besides is answered with its newest outcome.
pub(crate) fn by_event(survives: impl Fn(EventId) -> bool + Send + Sync + 'static) -> Plan {
    let rule = move |question: &Question| match question {
        Question::Survived { event, .. } => u8::from(!survives(*event)),
        Question::Garbled { .. } => 1,
        _ => 0,
    };
    Plan { forced: Vec::new(), rest: crate::choice::Rest::Rule(std::sync::Arc::new(rule)) }
}

/// Leaves met before, for strategies whose plans can lead to the same one.
#[derive(Default)]
pub(crate) struct Met(rustc_hash::FxHashSet<Path>);

impl Met {
    /// Whether this leaf is met for the first time.
    pub(crate) fn first(&mut self, path: &Path) -> bool {
        self.0.insert(path.clone())
    }
}
