//! Every pair of writes out of order: all that was issued before the first survives, and the second alone of the rest.
//!
//! A missing ordering edge between two writes shows here, unless it needs a third write to be lost or kept as well.

use super::{Met, Strategy, by_event};
use crate::choice::{Path, Plan};
use crashcheck_trace::EventId;

pub(crate) struct TwoPoint {
    events: Vec<EventId>,
    /// The next pair: the first is lost, the second survives.
    lost: usize,
    kept: usize,
    met: Met,
}

impl TwoPoint {
    pub(crate) fn new(events: Vec<EventId>) -> TwoPoint {
        TwoPoint { events, lost: 0, kept: 1, met: Met::default() }
    }
}

impl Strategy for TwoPoint {
    fn level(&self) -> Option<usize> {
        (self.kept < self.events.len()).then_some(self.kept - self.lost)
    }

    fn plans(&mut self, room: usize) -> Vec<Plan> {
        let mut plans = Vec::new();
        while plans.len() < room && self.kept < self.events.len() {
            let (lost, kept) = (self.events[self.lost], self.events[self.kept]);
            plans.push(by_event(move |event| event < lost || event == kept));
            (self.lost, self.kept) = (self.lost + 1, self.kept + 1);
            if self.kept == self.events.len() {
                (self.lost, self.kept) = (0, self.kept - self.lost + 1);
            }
        }
        plans
    }

    fn learn(&mut self, path: &Path, _: bool) -> bool {
        self.met.first(path)
    }
}
