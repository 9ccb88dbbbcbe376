//! A failing state, as the orders that would have prevented it.

use crate::choice::{Path, Question};
use crashcheck_trace::{DeviceId, EventId, Trace};

/// A failing state, as far as its cause goes.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The number of events after which the power failed.
    pub(crate) point: usize,
    pub(crate) path: Path,
}

/// What a finding is made from.
#[derive(Clone, Debug)]
pub(crate) struct Failures {
    /// What is seen in the simplest of the states.
    pub(crate) detail: String,
    /// The failing states, some of them.
    pub(crate) leaves: Vec<Failure>,
}

/// A write that was lost should have been durable first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Order {
    pub(crate) device: DeviceId,
    /// The write that was lost.
    pub(crate) before: EventId,
    /// What was there without it.
    pub(crate) after: Until,
}

/// What should have waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Until {
    /// A write that survived.
    Write(EventId),
    /// The last event before the crash: mostly an acknowledgement.
    Point(EventId),
}

impl Until {
    pub(crate) fn event(self) -> EventId {
        match self {
            Until::Write(event) | Until::Point(event) => event,
        }
    }
}

impl Failure {
    /// The orders any of which would have prevented this state. Without any, no order of writes does.
    pub(crate) fn orders(&self, trace: &Trace) -> Vec<Order> {
        let (mut lost, mut survived) = (Vec::new(), Vec::new());
        for (question, answer) in self.path.questions.iter().zip(&self.path.answers) {
            match question {
                Question::Survived { event, .. } if *answer == 0 => survived.push(*event),
                Question::Survived { event, .. } => lost.push(*event),
                _ => {}
            }
        }
        let mut orders = Vec::new();
        for before in lost {
            let Some(device) = trace.events[before.index()].device() else { continue };
            let later = survived.iter().filter(|event| **event > before);
            orders.extend(later.map(|event| Order { device, before, after: Until::Write(*event) }));
            if let Some(last) = self.point.checked_sub(1).filter(|last| *last > before.index()) {
                orders.push(Order { device, before, after: Until::Point(EventId(last as u32)) });
            }
        }
        orders.sort_unstable();
        orders.dedup();
        orders
    }
}

impl Order {
    /// The order between other events; `None` if they are one and the same.
    pub(crate) fn mapped(self, to: &impl Fn(EventId) -> EventId) -> Option<Order> {
        let after = match self.after {
            Until::Write(event) => Until::Write(to(event)),
            Until::Point(event) => Until::Point(to(event)),
        };
        let order = Order { before: to(self.before), after, ..self };
        (order.before < order.after.event()).then_some(order)
    }

    /// Whether a flush of this device, put in before the event at this position, enforces the order.
    pub(crate) fn is_enforced_by(&self, device: DeviceId, position: usize) -> bool {
        self.device == device && self.before.index() < position && position <= self.after.event().index()
    }
}
