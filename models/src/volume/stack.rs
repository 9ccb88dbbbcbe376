//! A system on top of a block device: `journal@raid5`.
//!
//! The upper system is given the device as an ordinary disk and cannot tell the difference. The crash states are those
//! of the devices below; a finding's writes carry the labels of both.

use super::Layer;
use crashcheck::outcome::Difference;
use crashcheck::{
    Ack, BlockDevice, BugSwitch, Bytes, Device, Disk, Entry, History, Reference, Result, Subject, System,
    UnknownBug, Violation,
};
use std::sync::Arc;

/// A block device of whatever type, to be built upon.
pub trait Base: Send + Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// What it keeps its data on.
    fn medium(&self) -> &'static str;

    /// The device profiles it is explored under if nothing else is asked for.
    fn profiles(&self) -> &'static [&'static str];

    /// The faults it can be built with.
    fn bugs(&self) -> &'static [BugSwitch];

    /// The same with the named faults switched on.
    ///
    /// # Errors
    /// If it has no such fault.
    fn with_bugs(&self, bugs: &[String]) -> Result<Arc<dyn Base>, UnknownBug>;

    /// The devices that it needs to export at least that much.
    fn devices(&self, capacity: Bytes) -> Vec<Device>;

    /// See [`Layer::format`].
    ///
    /// # Errors
    /// As there.
    fn format(&self, disk: &Disk, capacity: Bytes) -> Result<()>;

    /// See [`Layer::open`].
    ///
    /// # Errors
    /// As there.
    fn open(&self, disk: Disk) -> Result<Box<dyn BlockDevice>>;
}

/// A block device to be built upon.
pub fn base<L: Layer>(layer: L) -> Arc<dyn Base> {
    Arc::new(Below(layer))
}

struct Below<L>(L);

impl<L: Layer> Base for Below<L> {
    fn name(&self) -> &'static str {
        L::NAME
    }

    fn medium(&self) -> &'static str {
        L::MEDIUM
    }

    fn profiles(&self) -> &'static [&'static str] {
        L::PROFILES_BELOW
    }

    fn bugs(&self) -> &'static [BugSwitch] {
        L::BUGS
    }

    fn with_bugs(&self, bugs: &[String]) -> Result<Arc<dyn Base>, UnknownBug> {
        L::with_bugs(bugs).map(base)
    }

    fn devices(&self, capacity: Bytes) -> Vec<Device> {
        self.0.devices(capacity)
    }

    fn format(&self, disk: &Disk, capacity: Bytes) -> Result<()> {
        self.0.format(disk, capacity)
    }

    fn open(&self, disk: Disk) -> Result<Box<dyn BlockDevice>> {
        Ok(Box::new(self.0.open(disk)?))
    }
}

/// A system on top of a block device.
pub struct Stack<U> {
    upper: U,
    lower: Arc<dyn Base>,
}

impl<U: System> Stack<U> {
    /// That system on that device.
    pub fn new(upper: U, lower: Arc<dyn Base>) -> Self {
        Stack { upper, lower }
    }

    /// How much the upper system needs.
    fn capacity(&self) -> Bytes {
        self.upper.devices().first().map_or(Bytes::ZERO, |device| device.base.len())
    }
}

impl<U: System> System for Stack<U> {
    type Op = U::Op;
    type Live = U::Live;
    type View = U::View;

    fn name(&self) -> String {
        format!("{}@{}", self.upper.name(), self.lower.name())
    }

    fn devices(&self) -> Vec<Device> {
        self.lower.devices(self.capacity())
    }

    fn format(&self, disk: &Disk) -> Result<()> {
        self.lower.format(disk, self.capacity())?;
        self.upper.format(&Disk::over(self.lower.open(disk.clone())?))
    }

    fn open(&self, disk: Disk) -> Result<U::Live> {
        self.upper.open(Disk::over(self.lower.open(disk)?))
    }

    fn apply(&self, live: &mut U::Live, op: &U::Op) -> Result<Ack> {
        self.upper.apply(live, op)
    }

    fn view(&self, live: &mut U::Live) -> Result<U::View> {
        self.upper.view(live)
    }

    fn model(&self, view: &mut U::View, op: &U::Op) {
        self.upper.model(view, op);
    }

    fn differences(&self, expected: &U::View, recovered: &U::View) -> Vec<Difference> {
        self.upper.differences(expected, recovered)
    }

    fn simpler(&self, op: &U::Op) -> Vec<U::Op> {
        self.upper.simpler(op)
    }

    fn check(&self, live: &mut U::Live) -> Result<()> {
        self.upper.check(live)
    }

    fn audit(&self, live: &mut U::Live) -> Result<()> {
        self.upper.audit(live)
    }

    fn probe(&self, view: &U::View) -> Vec<U::Op> {
        self.upper.probe(view)
    }

    fn go_on(&self, view: &U::View, rest: &[U::Op]) -> Vec<U::Op> {
        self.upper.go_on(view, rest)
    }

    fn is_stable(&self) -> bool {
        self.upper.is_stable()
    }

    fn judge(&self, view: &U::View, history: &History<'_, Self>) -> Result<(), Violation> {
        self.upper.judge(view, &history.of())
    }

    fn tell_apart(&self, before: &U::View, after: &U::View, states: &[U::View]) -> String {
        self.upper.tell_apart(before, after, states)
    }

    fn remark(&self, live: &U::Live) -> Option<String> {
        self.upper.remark(live)
    }
}

/// A reference system on top of a block device, as the command sees it. It has the bug switches of both; a name that
/// both have is that of the upper one.
pub fn stacked<U: Reference>(lower: &Arc<dyn Base>) -> Box<dyn Subject> {
    let (name, lower) = (format!("{}@{}", U::NAME, lower.name()), Arc::clone(lower));
    let is_upper = |bug: &str| U::BUGS.iter().any(|known| known.name == bug);
    let below = lower.bugs().iter().filter(|bug| !is_upper(bug.name));
    Box::new(Entry::<Stack<U>> {
        about: format!("{}; on {}", U::ABOUT, lower.name()),
        medium: lower.medium(),
        profiles: lower.profiles().to_vec(),
        flush_errors: false,
        bugs: U::BUGS.iter().chain(below).copied().collect(),
        checks: U::CHECKS,
        workloads: U::workloads,
        generated: U::generated,
        name,
        with_bugs: Box::new(move |bugs| {
            let (above, below): (Vec<String>, Vec<String>) =
                bugs.iter().cloned().partition(|bug| is_upper(bug));
            Ok(Stack::new(U::with_bugs(&above)?, lower.with_bugs(&below)?))
        }),
    })
}
