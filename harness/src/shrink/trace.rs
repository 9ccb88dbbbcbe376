//! Makes the trace of a finding small: writes that do not matter never happened, or happened long before.
//!
//! The state that failed says what to try. What it lost is left out; what survived in it, or was durable, is folded into
//! what the devices held at the beginning. What must stay is that the same promise is broken in the same way, and that it
//! takes the crash to break it: where the trace begins and where it ends, everything persisted, nothing may fail that did
//! not fail before. What was durable is tried first, then what survived, then what was lost.
//!
//! Every candidate is a trace of its own under the same device profile, in which the failing state is looked at again.

use super::fold::{Fate, Smaller, changes, smaller};
use crate::choice::{Path, Plan, Pole, Question, Rest};
use crate::descent::{Bounds, List, descend};
use crate::explore::{Context, Failed, Key, Options, Progress, Shrinking, key_of, look};
use crashcheck_trace::{EventId, Trace};
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A crash state that breaks a promise.
pub(crate) struct Failing {
    pub(crate) key: Key,
    pub(crate) epoch: u32,
    /// The number of events after which the power failed.
    pub(crate) point: usize,
    pub(crate) path: Path,
}

/// The smallest trace found that fails for the same reason. `None` if the state does not fail when it is looked at again,
/// or is one that is not told by what became of writes: a crash of recovery itself, a fault of a device, a node that went
/// down.
pub(super) fn smallest(
    context: &Context,
    options: &Options,
    failing: &Failing,
    bounds: &mut Bounds<'_>,
    report: &mut dyn FnMut(Progress),
) -> Option<Smaller> {
    let of_writes =
        |question: &Question| matches!(question, Question::Survived { .. } | Question::Garbled { .. });
    let answered = failing.path.questions.iter().zip(&failing.path.answers);
    let told_by_writes = answered.clone().all(|(question, answer)| of_writes(question) || *answer == 0);
    if context.timeline.script.is_some() || !options.profile.faults.is_none() || !told_by_writes {
        return None;
    }
    let point = failing.point.min(context.trace.events.len());
    let mut shrinker = Shrinker {
        context,
        options: Options { lives: 1, jobs: 1, ..options.clone() },
        failing,
        answers: answered.map(|(question, answer)| (*question, *answer)).collect(),
        natural: natural(context, failing, point),
        demands: Demands::default(),
    };
    let open = shrinker.open();
    shrinker.begin(&open)?;
    let other =
        |event: &Open| event.other.then(Vec::new).unwrap_or_else(|| vec![Open { other: true, ..*event }]);
    let mut tree = List::new(open.clone(), other);
    let smallest = descend(&mut tree, bounds, |open: &Vec<Open>, bounds| {
        let left = open.iter().filter(|event| !event.other).count();
        let shrinking = Shrinking { left, candidates: bounds.candidates };
        report(Progress { covered: 1.0, findings: 1, shrinking: Some(shrinking), ..Progress::default() });
        Some(shrinker.holds(open))
    });
    shrinker.built(&smallest.unwrap_or(open))
}

/// An event that changes a device, and is not yet what it most likely can be.
#[derive(Clone, Copy, Debug, Serialize)]
struct Open {
    index: usize,
    /// Whether it is the other thing: left out if it would be folded, and folded if it would be left out.
    other: bool,
}

/// What is most likely to change nothing: what the state lost is left out, all else is folded.
fn natural(context: &Context, failing: &Failing, point: usize) -> Vec<Fate> {
    let timeline = &context.timeline;
    let mut natural = vec![Fate::Folded; point];
    let in_flight = timeline.events_in(failing.epoch);
    for event in in_flight.into_iter().filter(|event| event.index() < point) {
        natural[event.index()] = Fate::LeftOut;
    }
    for (question, answer) in failing.path.questions.iter().zip(&failing.path.answers) {
        if let (Question::Survived { event, .. }, 0) = (question, *answer)
            && let Some(fate) = natural.get_mut(event.index())
        {
            *fate = Fate::Folded;
        }
    }
    natural
}

/// What held at both ends of the trace before, and must hold in whatever is smaller.
#[derive(Clone, Copy, Debug, Default)]
struct Demands {
    beginning: bool,
    end: bool,
}

struct Shrinker<'a> {
    context: &'a Context,
    options: Options,
    failing: &'a Failing,
    /// What the failing state answers.
    answers: FxHashMap<Question, u8>,
    natural: Vec<Fate>,
    demands: Demands,
}

impl Shrinker<'_> {
    /// Looks at the trace up to the crash as it is.
    fn begin(&mut self, open: &[Open]) -> Option<()> {
        let whole = self.built(open)?;
        let context = self.on(whole.trace.clone());
        self.demands =
            Demands { beginning: self.passes_at_beginning(&whole), end: self.passes_at_end(&context) };
        self.fails(&context, &whole.kept).then_some(())
    }

    /// What changes a device: first what the state has lost, which matters most, then what survived in it, and at the end
    /// what was durable, which is tried first. Of those the oldest is the last: what comes before it cannot undo it.
    fn open(&self) -> Vec<Open> {
        let timeline = &self.context.timeline;
        let in_flight = timeline.events_in(self.failing.epoch).into_iter();
        let in_flight: BTreeSet<usize> = in_flight.map(EventId::index).collect();
        let events = &self.context.trace.events;
        let mut open: Vec<usize> = (0..self.natural.len()).filter(|index| changes(&events[*index])).collect();
        open.sort_by_key(|index| {
            (!in_flight.contains(index), self.natural[*index] != Fate::LeftOut, Reverse(*index))
        });
        open.into_iter().map(|index| Open { index, other: false }).collect()
    }

    /// The trace in which these events are open, and all others what they most likely can be.
    fn built(&self, open: &[Open]) -> Option<Smaller> {
        let mut fates = self.natural.clone();
        for Open { index, other } in open {
            fates[*index] = match (other, fates[*index]) {
                (false, _) => Fate::Kept,
                (true, Fate::LeftOut) => Fate::Folded,
                (true, _) => Fate::LeftOut,
            };
        }
        smaller(&self.context.trace, &fates, self.options.profile.discard)
    }

    fn on(&self, trace: Trace) -> Arc<Context> {
        self.context.on(Arc::new(trace), &self.options)
    }

    /// Whether a candidate fails for the same reason, and only because of the crash.
    fn holds(&self, open: &[Open]) -> bool {
        let Some(built) = self.built(open) else { return false };
        let context = self.on(built.trace.clone());
        self.fails(&context, &built.kept)
            && (!self.demands.beginning || self.passes_at_beginning(&built))
            && (!self.demands.end || self.passes_at_end(&context))
    }

    /// Whether the crash state in which the kept writes have the same fate fails for the same reason.
    fn fails(&self, context: &Arc<Context>, kept: &[EventId]) -> bool {
        let answers = self.answers_in(kept);
        let rule = move |question: &Question| {
            let otherwise = Pole::Oldest.answer(question);
            answers.get(question).copied().unwrap_or(otherwise)
        };
        let plan = Plan { forced: Vec::new(), rest: Rest::Rule(Arc::new(rule)) };
        let timeline = &context.timeline;
        let end = context.trace.events.len();
        // What ends with a write with FUA can end before that write is durable, and after it.
        let epochs = timeline.epochs.iter().enumerate().rev().take_while(|(_, epoch)| epoch.upto == end);
        let mut epochs = epochs.map(|(epoch, _)| epoch as u32);
        epochs.any(|epoch| {
            let verdict = look(context, epoch, plan.clone()).verdict;
            matches!(verdict, Err(Failed { violation, .. }) if key_of(&violation) == self.failing.key)
        })
    }

    /// The answers of the failing state, in the numbers of a smaller trace.
    fn answers_in(&self, kept: &[EventId]) -> FxHashMap<Question, u8> {
        let mut answers = FxHashMap::default();
        let number = |event: EventId| kept.binary_search(&event).ok().map(|place| EventId(place as u32));
        for (question, answer) in &self.answers {
            let there = match *question {
                Question::Survived { life, event, unit } => {
                    number(event).map(|event| Question::Survived { life, event, unit })
                }
                Question::Garbled { life, event, unit } => {
                    number(event).map(|event| Question::Garbled { life, event, unit })
                }
                other => Some(other),
            };
            answers.extend(there.map(|question| (question, *answer)));
        }
        answers
    }

    fn passes_at_beginning(&self, built: &Smaller) -> bool {
        let context = self.on(built.beginning());
        look(&context, 0, Plan::pole(Pole::Oldest)).verdict.is_ok()
    }

    fn passes_at_end(&self, context: &Arc<Context>) -> bool {
        let last = context.timeline.epochs.len() - 1;
        look(context, last as u32, Plan::pole(Pole::Newest)).verdict.is_ok()
    }
}
