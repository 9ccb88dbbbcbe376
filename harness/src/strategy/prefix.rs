//! Every prefix of what was issued: what a device leaves that keeps the order.

use super::{Met, Strategy, by_event};
use crate::choice::{Path, Plan};
use crashcheck_trace::EventId;

pub(crate) struct Prefixes {
    events: Vec<EventId>,
    /// How many prefixes have been planned; the longest is planned first.
    planned: usize,
    met: Met,
}

impl Prefixes {
    pub(crate) fn new(events: Vec<EventId>) -> Prefixes {
        Prefixes { events, planned: 0, met: Met::default() }
    }
}

impl Strategy for Prefixes {
    fn level(&self) -> Option<usize> {
        (self.planned <= self.events.len()).then_some(0)
    }

    fn plans(&mut self, room: usize) -> Vec<Plan> {
        let last = self.events.len() + 1;
        let upto = last.min(self.planned + room);
        let plan = |nth: usize| match self.events.len() - nth {
            0 => by_event(|_| false),
            len => {
                let newest = self.events[len - 1];
                by_event(move |event| event <= newest)
            }
        };
        let plans = (self.planned..upto).map(plan).collect();
        self.planned = upto;
        plans
    }

    fn learn(&mut self, path: &Path, _: bool) -> bool {
        self.met.first(path)
    }
}
