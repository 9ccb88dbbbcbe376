//! A failing state, as the orders that would have prevented it.

use crate::choice::{Path, Question};
use crashcheck_trace::{Device, DeviceId, Event, EventId, NodeId, Trace};
use std::collections::BTreeSet;

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

/// One event should have been durable before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Order {
    /// The write that was lost.
    pub(crate) before: EventId,
    /// What was there without it: a write that survived, a message that was sent, or the last event before the crash,
    /// mostly an acknowledgement.
    pub(crate) after: EventId,
}

/// What a failing state lacks, and what is there without it. Any order between the two would have prevented it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shortfall {
    /// What was lost, and had been issued before the last event before the crash. Ordered, and not empty.
    lost: Vec<EventId>,
    /// What survived of that which came later, ordered.
    there: Vec<EventId>,
    /// The last event before the crash.
    last: EventId,
}

/// Of one state so many orders are thought of.
const ORDERS: usize = 4096;

impl Failure {
    /// What is missing, and what is there without it. `None` if no order of writes prevents this state: a crash at a
    /// moment at which everything was durable that had been issued leaves it, too.
    pub(crate) fn shortfall(&self, trace: &Trace) -> Option<Shortfall> {
        let last = EventId(self.point.checked_sub(1)? as u32);
        // What recovery itself left undone is not in the trace.
        if self.is_nested() {
            return None;
        }
        let (mut lost, mut there) = (BTreeSet::new(), BTreeSet::new());
        for (question, answer) in self.path.questions.iter().zip(&self.path.answers) {
            match question {
                Question::Survived { event, .. } if *answer == 0 => drop(there.insert(*event)),
                Question::Survived { event, .. } => drop(lost.insert(*event)),
                // What was cut off is not complete, and yet what was there before is gone.
                Question::Garbled { event, .. } if *answer == 0 => {
                    lost.insert(*event);
                    there.insert(*event);
                }
                _ => {}
            }
        }
        lost.retain(|event| *event < last && trace.events[event.index()].device().is_some());
        let first = *lost.first()?;
        there.extend(sends(trace, first, last));
        there.retain(|event| *event > first && *event <= last);
        Some(Shortfall { lost: lost.into_iter().collect(), there: there.into_iter().collect(), last })
    }

    /// Whether recovery crashed, too.
    pub(crate) fn is_nested(&self) -> bool {
        let answered = self.path.questions.iter().zip(&self.path.answers);
        let mut crashed =
            answered.filter(|(question, _)| matches!(question, Question::RecoveryCrashed { .. }));
        crashed.any(|(_, answer)| *answer > 0)
    }

    /// The closest two writes of a recovery that crashed, counted from 1, of which the earlier was lost and the later was
    /// not.
    pub(crate) fn order_of_recovery(&self) -> Option<(u32, u32)> {
        let answered = self.path.questions.iter().zip(&self.path.answers);
        let writes = answered.filter_map(|(question, answer)| match question {
            Question::RecoveryWrite { depth, write, .. } => Some((*depth, *write, *answer)),
            _ => None,
        });
        let writes: BTreeSet<(u8, u32, u8)> = writes.collect();
        let lost = writes.iter().filter(|(.., answer)| *answer > 0);
        let pairs = lost.flat_map(|(depth, lost, _)| {
            let there =
                writes.iter().filter(move |(of, write, answer)| (of, answer) == (depth, &0) && write > lost);
            there.map(move |(_, write, _)| (lost + 1, write + 1))
        });
        pairs.min_by_key(|(lost, there)| there - lost)
    }
}

/// The messages that were sent between two events, if this is a cluster.
fn sends(trace: &Trace, after: EventId, upto: EventId) -> Vec<EventId> {
    if Device::nodes(&trace.devices) == 0 {
        return Vec::new();
    }
    let between = (after.0..=upto.0).map(EventId);
    between.filter(|event| matches!(trace.events[event.index()], Event::Send { .. })).collect()
}

impl Shortfall {
    /// The positions that a flush of a device can be put in before, with the last of them the best: between what was lost
    /// first and what came last.
    pub(crate) fn flush_positions(
        &self,
        trace: &Trace,
        device: DeviceId,
    ) -> Option<std::ops::RangeInclusive<usize>> {
        let mut lost = self.lost.iter().filter(|event| trace.events[event.index()].device() == Some(device));
        lost.next().map(|first| first.index() + 1..=self.last.index())
    }

    /// The writes that were lost.
    pub(crate) fn lost(&self) -> &[EventId] {
        &self.lost
    }

    /// Orders that would have prevented the state, those between the closest events first.
    pub(crate) fn orders(&self, trace: &Trace) -> Vec<Order> {
        let mut orders = Vec::new();
        let afters: BTreeSet<EventId> = self.there.iter().copied().chain([self.last]).collect();
        'all: for before in self.lost.iter().rev() {
            for after in afters.range(EventId(before.0 + 1)..) {
                let order = Order { before: *before, after: *after };
                if order.is_possible(trace) {
                    orders.push(order);
                }
                if orders.len() >= ORDERS {
                    break 'all;
                }
            }
        }
        orders.sort_unstable_by_key(|order| (order.after.0 - order.before.0, *order));
        orders
    }

    /// Whether an order would have prevented it.
    pub(crate) fn is_prevented_by(&self, order: &Order) -> bool {
        self.lost.binary_search(&order.before).is_ok()
            && (order.after == self.last || self.there.binary_search(&order.after).is_ok())
    }

    /// The same between other events.
    pub(crate) fn mapped(self, to: &impl Fn(EventId) -> EventId) -> Option<Shortfall> {
        let last = to(self.last);
        let moved = |events: Vec<EventId>| -> BTreeSet<EventId> { events.into_iter().map(to).collect() };
        let lost: Vec<EventId> = moved(self.lost).into_iter().filter(|event| *event < last).collect();
        let there = moved(self.there).into_iter().filter(|event| *event <= last).collect();
        (!lost.is_empty()).then_some(Shortfall { lost, there, last })
    }
}

impl Order {
    /// Whether the later of two events can wait for the earlier: on a cluster a node waits for its own disk only.
    fn is_possible(&self, trace: &Trace) -> bool {
        let owner = |event: EventId| -> Option<NodeId> {
            let event = &trace.events[event.index()];
            match event {
                Event::Send { from, .. } => Some(*from),
                _ => trace.devices[event.device()?.index()].node,
            }
        };
        owner(self.after).is_none_or(|node| owner(self.before) == Some(node))
    }

    /// Whether a flush of this device, put in before the event at this position, enforces the order.
    pub(crate) fn is_enforced_by(&self, trace: &Trace, device: DeviceId, position: usize) -> bool {
        trace.events[self.before.index()].device() == Some(device)
            && self.before.index() < position
            && position <= self.after.index()
    }
}
