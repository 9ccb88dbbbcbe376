//! A failing state, as the orders that would have prevented it.

use super::mend::Flush;
use crate::choice::{Pole, Question};
use crate::explore::Failure;
use crashcheck_trace::{DeviceId, Event, EventId, Trace};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// What a failing state lacks. If any of it had been durable before what came last, the state could not have been.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shortfall {
    /// What was lost, and had been issued before the last event before the crash. Ordered, and not empty.
    lost: Vec<EventId>,
    /// The last event before the first crash point at which a promise is broken: mostly the newest write that survived,
    /// or an acknowledgement.
    last: EventId,
}

impl Failure {
    /// What is missing. `None` if no order of writes prevents this state: a crash at a
    /// moment at which everything was durable that had been issued leaves it, too.
    pub(crate) fn shortfall(&self, trace: &Trace) -> Option<Shortfall> {
        let last = EventId(self.point.checked_sub(1)? as u32);
        // What a later life left undone is not in the trace.
        if self.is_later() {
            return None;
        }
        let mut lost = BTreeSet::new();
        for (question, answer) in self.path.questions.iter().zip(&self.path.answers) {
            match question {
                Question::Survived { event, .. } if *answer > 0 => drop(lost.insert(*event)),
                // What was cut off is not complete.
                Question::Garbled { event, .. } if *answer == 0 => drop(lost.insert(*event)),
                _ => {}
            }
        }
        let is_lost = |event: &EventId| *event < last && trace.events[event.index()].device().is_some();
        let lost: Vec<EventId> = lost.into_iter().filter(is_lost).collect();
        (!lost.is_empty()).then_some(Shortfall { lost, last })
    }

    /// Whether all that had been issued is there, as it was written, and nothing else has happened than that the power failed.
    pub(crate) fn lost_nothing(&self) -> bool {
        let answered = self.path.questions.iter().zip(&self.path.answers);
        let mut issued =
            answered.filter(|(question, _)| question.event().is_none_or(|event| event.index() < self.point));
        !self.is_later() && issued.all(|(question, answer)| Pole::Newest.answer(question) == *answer)
    }

    /// Whether a later life ended in a crash, too.
    pub(crate) fn is_later(&self) -> bool {
        !self.stories.is_empty()
    }

    /// The closest two writes of the last life that ended in a crash, of which the earlier was lost and the later was not: their
    /// positions in what it did.
    pub(crate) fn order_of_later_life(&self) -> Option<(&Trace, EventId, EventId)> {
        let (life, story) = (self.stories.len() as u8 + 1, self.stories.last()?);
        let path = self.path.of_life(life);
        let answered = path.questions.iter().zip(&path.answers);
        let writes = answered.filter_map(|(question, answer)| match question {
            Question::Survived { event, .. } => Some((*event, *answer)),
            _ => None,
        });
        let writes: BTreeSet<(EventId, u8)> = writes.collect();
        let lost = writes.iter().filter(|(_, answer)| *answer > 0);
        let pairs = lost.flat_map(|(lost, _)| {
            let there = writes.iter().filter(move |(write, answer)| *answer == 0 && write > lost);
            there.map(move |(write, _)| (*lost, *write))
        });
        let (lost, there) = pairs.min_by_key(|(lost, there)| there.0 - lost.0)?;
        Some((&story.life.trace, lost, there))
    }
}

impl Shortfall {
    /// The positions that a flush of a device can be put in before: between what was lost first and what came last.
    pub(crate) fn flush_positions(&self, trace: &Trace, device: DeviceId) -> Option<RangeInclusive<usize>> {
        let mut lost = self.lost.iter().filter(|event| trace.events[event.index()].device() == Some(device));
        lost.next().map(|first| first.index() + 1..=self.last.index())
    }

    /// The writes that were lost.
    pub(crate) fn lost(&self) -> &[EventId] {
        &self.lost
    }

    /// Whether a flush of this device, put in before the event at this position, would have saved a lost write in time.
    pub(crate) fn is_saved_by(&self, trace: &Trace, write: EventId, (position, device): Flush) -> bool {
        trace.events[write.index()].device() == Some(device)
            && write.index() < position
            && position <= self.last.index()
    }

    /// What a lost write should have been durable before. On a cluster that is the first message that its node sent after
    /// it, if it sent one: nobody else knows of the write.
    pub(crate) fn after(&self, trace: &Trace, write: EventId) -> EventId {
        let node = trace.events[write.index()].device().and_then(|device| trace.devices[device.index()].node);
        let Some(node) = node else { return self.last };
        let is_sent =
            |event: &EventId| matches!(trace.events[event.index()], Event::Send { from, .. } if from == node);
        (write.0..=self.last.0).map(EventId).find(is_sent).unwrap_or(self.last)
    }

    /// The same between other events.
    pub(crate) fn mapped(self, to: &impl Fn(EventId) -> EventId) -> Option<Shortfall> {
        let last = to(self.last);
        let lost: BTreeSet<EventId> = self.lost.into_iter().map(to).filter(|event| *event < last).collect();
        (!lost.is_empty()).then(|| Shortfall { lost: lost.into_iter().collect(), last })
    }
}
