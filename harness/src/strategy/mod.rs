//! How to walk a tree of choices. A strategy knows nothing of devices: it makes plans, and learns what each one met.

mod complete;
mod deviations;
mod prefix;
mod random;
mod two_point;

use crate::choice::{Path, Plan, Pole, Question, Rest};
use crashcheck_trace::EventId;
pub(crate) use deviations::Branches;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;
use thiserror::Error;

/// Walks one tree of choices: the crash states of one epoch. What is asked is in the order in which recovery asks; a plan
/// forces the first answers, and says how those after them are given.
pub trait Strategy: Send {
    /// How far from the beginning the next plan is; the walk takes the trees with the lowest level first. `None` when
    /// nothing is left to do.
    fn level(&self) -> Option<usize>;

    /// The next plans, at most `room`. They do not depend on each other.
    fn plans(&mut self, room: usize) -> Vec<Plan>;

    /// Learns what the plans met, in the order in which they were made. Says whether this leaf is met for the first
    /// time. Where the walk `ends`, no plans are made that only add to those deviations; at a pole it never does.
    fn learn(&mut self, path: &Path, ends: bool) -> bool;
}

/// What is known of a tree before it is walked.
pub struct Tree<'a> {
    /// A seed, another one for each tree.
    pub seed: u64,
    /// The number of deviations from either pole to stop after.
    pub deviations: Option<usize>,
    /// The pole at which something is to be seen first.
    pub(crate) first: Pole,
    events: &'a dyn Fn() -> Vec<EventId>,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(
        seed: u64,
        deviations: Option<usize>,
        first: Pole,
        events: &'a dyn Fn() -> Vec<EventId>,
    ) -> Tree<'a> {
        Tree { seed, deviations, first, events }
    }

    /// The writes that are in flight in this epoch, in the order of issue.
    pub fn events(&self) -> Vec<EventId> {
        (self.events)()
    }
}

/// How all trees are walked, each by a strategy of its own: one of those with a [name](StrategyKind), or yours.
///
/// ```
/// use crashcheck::choice::{Path, Plan, Pole};
/// use crashcheck::{Strategies, Strategy, Tree};
///
/// /// Everything in flight survived, and nothing else.
/// struct Kind;
///
/// struct Once(bool);
///
/// impl Strategies for Kind {
///     fn name(&self) -> String {
///         "kind".into()
///     }
///
///     fn start(&self, _: &Tree<'_>) -> Box<dyn Strategy> {
///         Box::new(Once(false))
///     }
/// }
///
/// impl Strategy for Once {
///     fn level(&self) -> Option<usize> {
///         (!self.0).then_some(0)
///     }
///
///     fn plans(&mut self, _: usize) -> Vec<Plan> {
///         self.0 = true;
///         vec![Plan::pole(Pole::Newest)]
///     }
///
///     fn learn(&mut self, _: &Path, _: bool) -> bool {
///         true
///     }
/// }
/// # fn main() -> std::result::Result<(), crashcheck::RecordError> {
/// # use crashcheck::{Ack, Disk, Result, System};
/// # struct Store;
/// # impl System for Store {
/// #     type Op = ();
/// #     type Live = Disk;
/// #     type View = ();
/// #     fn open(&self, disk: Disk) -> Result<Disk> { Ok(disk) }
/// #     fn apply(&self, disk: &mut Disk, (): &()) -> Result<Ack> { disk.write(crashcheck::Bytes(0), &[1; 512])?; Ok(Ack::Volatile) }
/// #     fn view(&self, disk: &mut Disk) -> Result<()> { Ok(disk.read(crashcheck::Bytes(0), &mut [0; 512])?) }
/// #     fn model(&self, (): &mut (), (): &()) {}
/// # }
/// let exploration = crashcheck::explore(Store).strategy(Kind).lives(1).workload([()]).run()?;
/// assert_eq!((exploration.strategy.as_str(), exploration.coverage.recoveries), ("kind", 1));
/// # Ok(())
/// # }
/// ```
pub trait Strategies: Send + Sync {
    /// What it is called in results.
    fn name(&self) -> String;

    /// Begins with a tree.
    fn start(&self, tree: &Tree<'_>) -> Box<dyn Strategy>;

    /// Whether it asks for every state in the end.
    fn is_complete(&self) -> bool {
        false
    }
}

/// How trees are walked, shared.
#[derive(Clone)]
pub struct Walking(Arc<dyn Strategies>);

impl<T: Strategies + 'static> From<T> for Walking {
    fn from(strategies: T) -> Walking {
        Walking(Arc::new(strategies))
    }
}

impl Default for Walking {
    fn default() -> Self {
        StrategyKind::default().into()
    }
}

impl Deref for Walking {
    type Target = dyn Strategies;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for Walking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
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
}

impl Strategies for StrategyKind {
    fn name(&self) -> String {
        self.to_string()
    }

    fn start(&self, tree: &Tree<'_>) -> Box<dyn Strategy> {
        match self {
            StrategyKind::Deviations => Box::new(deviations::Deviations::new(tree.deviations, tree.first)),
            StrategyKind::Complete => Box::new(complete::Complete::new()),
            StrategyKind::Prefix => Box::new(prefix::Prefixes::new(tree.events())),
            StrategyKind::TwoPoint => Box::new(two_point::TwoPoint::new(tree.events())),
            StrategyKind::Random => Box::new(random::Random::new(tree.seed)),
        }
    }

    fn is_complete(&self) -> bool {
        matches!(self, StrategyKind::Deviations | StrategyKind::Complete)
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
    Plan { forced: Vec::new(), rest: Rest::Rule(Arc::new(rule)) }
}

/// Leaves met before, for strategies whose plans can lead to the same one.
#[derive(Default)]
pub struct Met(rustc_hash::FxHashSet<Path>);

impl Met {
    /// Whether this leaf is met for the first time.
    pub fn first(&mut self, path: &Path) -> bool {
        self.0.insert(path.clone())
    }
}
