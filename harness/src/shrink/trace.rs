//! Makes the trace of a finding small: writes that do not matter never happened, or happened long before.
//!
//! The state that failed says what to try. What it lost is left out; what survived in it, or was durable, is folded into
//! what the devices held at the beginning. What must stay is that the same promise is broken in the same way, and that it
//! takes the crash to break it: where the trace begins and where it ends, everything persisted, nothing may fail that did
//! not fail before. Whole epochs are tried first, then halves, quarters, and single writes.
//!
//! Every candidate is a trace of its own under the same device profile, in which the failing state is looked at again.

use super::fold::{Fate, Smaller, changes, smaller};
use crate::choice::{Path, Plan, Pole, Question, Rest};
use crate::explore::{Context, Instance, Job, Key, Leaf, Options, Pool, key_of};
use crashcheck_trace::{EventId, Trace};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A crash state that breaks a promise.
pub(crate) struct Failing {
    pub(crate) key: Key,
    pub(crate) epoch: u32,
    /// The number of events after which the power failed.
    pub(crate) point: usize,
    pub(crate) path: Path,
}

/// How far shrinking a trace is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceProgress {
    /// Smaller traces that were tried.
    pub candidates: u64,
    /// Those that still fail for the same reason.
    pub steps: u64,
    /// Events that are left of those that change a device.
    pub writes: usize,
}

/// A trace that became small.
#[derive(Clone, Debug)]
pub(crate) struct Shrunken {
    pub(crate) trace: Trace,
    /// Which events of the larger trace are left, in order.
    pub(crate) kept: Vec<EventId>,
    pub(crate) progress: TraceProgress,
    /// Why it ended before nothing smaller fails, if it did.
    pub(crate) ended: Option<String>,
}

/// When to give up.
pub(crate) struct Patience<'a> {
    pub(crate) time: Duration,
    pub(crate) stop: &'a AtomicBool,
}

/// The smallest trace found that fails for the same reason. `None` if the state does not fail when it is looked at again,
/// or is one that is not told by what became of writes: a crash of recovery itself, a fault of a device, a node that went
/// down.
pub(crate) fn shrink_trace<I: Instance>(
    context: &Context<I>,
    options: &Options,
    failing: &Failing,
    patience: &Patience<'_>,
    report: &mut dyn FnMut(TraceProgress),
) -> Option<Shrunken> {
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
        options: Options { nested: 0, jobs: 1, ..options.clone() },
        failing,
        answers: answered.map(|(question, answer)| (*question, *answer)).collect(),
        natural: natural(context, failing, point),
        fates: vec![Fate::Kept; point],
        demands: Demands::default(),
        patience,
        started: Instant::now(),
        progress: TraceProgress::default(),
        ended: None,
        report,
    };
    shrinker.begin()?;
    shrinker.run();
    let Smaller { trace, kept } = shrinker.built(&shrinker.fates)?;
    Some(Shrunken { trace, kept, progress: shrinker.progress, ended: shrinker.ended })
}

/// What is most likely to change nothing: what the state lost is left out, all else is folded.
fn natural<I: Instance>(context: &Context<I>, failing: &Failing, point: usize) -> Vec<Fate> {
    let timeline = &context.timeline;
    let mut natural = vec![Fate::Folded; point];
    let in_flight = timeline.epochs[failing.epoch as usize].events(timeline);
    for event in in_flight.filter(|event| event.index() < point) {
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

struct Shrinker<'a, I: Instance> {
    context: &'a Context<I>,
    options: Options,
    failing: &'a Failing,
    /// What the failing state answers.
    answers: FxHashMap<Question, u8>,
    natural: Vec<Fate>,
    /// The smallest that fails, so far.
    fates: Vec<Fate>,
    demands: Demands,
    patience: &'a Patience<'a>,
    started: Instant,
    progress: TraceProgress,
    ended: Option<String>,
    report: &'a mut dyn FnMut(TraceProgress),
}

impl<I: Instance> Shrinker<'_, I> {
    /// Looks at the trace up to the crash as it is.
    fn begin(&mut self) -> Option<()> {
        let whole = self.built(&self.fates)?;
        let context = self.on(whole.trace.clone());
        self.demands =
            Demands { beginning: self.passes_at_beginning(&whole), end: self.passes_at_end(&context) };
        self.fails(&context, &whole.kept).then_some(())
    }

    /// Goes on until nothing can be made smaller.
    fn run(&mut self) {
        loop {
            let before = self.progress.steps;
            let timeline = &self.context.timeline;
            let atoms = &timeline.epochs[self.failing.epoch as usize];
            let in_flight: BTreeSet<usize> = atoms.events(timeline).map(EventId::index).collect();
            let is = |index: &usize, fate: Fate| self.natural[*index] == fate;
            let (open, durable): (Vec<usize>, Vec<usize>) =
                self.open().into_iter().partition(|index| in_flight.contains(index));
            let (lost, survived): (Vec<usize>, Vec<usize>) =
                open.into_iter().partition(|index| is(index, Fate::LeftOut));
            for list in [durable, survived, lost] {
                self.reduce(list);
            }
            for index in self.open() {
                for fate in [Fate::LeftOut, Fate::Folded] {
                    self.attempt(&[index], |_| fate);
                }
            }
            if self.progress.steps == before || self.ended.is_some() {
                return;
            }
        }
    }

    /// What is kept of what changes a device.
    fn open(&self) -> Vec<usize> {
        let events = &self.context.trace.events;
        let is_open = |index: &usize| self.fates[*index] == Fate::Kept && changes(&events[*index]);
        (0..self.fates.len()).filter(is_open).collect()
    }

    /// Takes away what does not matter: all of it, or one half, a quarter, a single one.
    fn reduce(&mut self, mut list: Vec<usize>) {
        let mut size = list.len();
        while size > 0 && self.ended.is_none() {
            let mut at = 0;
            while at < list.len() {
                let upto = list.len().min(at + size);
                let natural = self.natural.clone();
                match self.attempt(&list[at..upto], |index| natural[index]) {
                    true => drop(list.drain(at..upto)),
                    false => at = upto,
                }
            }
            size = size.min(list.len()) / 2;
        }
    }

    /// Gives these events another fate, if the trace still fails for the same reason then.
    fn attempt(&mut self, events: &[usize], fate: impl Fn(usize) -> Fate) -> bool {
        if self.ended.is_some() || events.iter().all(|index| self.fates[*index] != Fate::Kept) {
            return false;
        }
        self.ended = match () {
            () if self.patience.stop.load(Ordering::Relaxed) => Some("it was interrupted".to_owned()),
            () if self.started.elapsed() >= self.patience.time => {
                Some(format!("the time of {} s is used up", self.patience.time.as_secs_f64()))
            }
            () => None,
        };
        if self.ended.is_some() {
            return false;
        }
        let mut fates = self.fates.clone();
        events.iter().for_each(|index| fates[*index] = fate(*index));
        self.progress.candidates += 1;
        let holds = self.holds(&fates);
        if holds {
            self.fates = fates;
            self.progress.steps += 1;
        }
        self.progress.writes = self.open().len();
        (self.report)(self.progress);
        holds
    }

    fn built(&self, fates: &[Fate]) -> Option<Smaller> {
        smaller(&self.context.trace, fates, self.options.profile.discard)
    }

    fn on(&self, trace: Trace) -> Arc<Context<I>> {
        self.context.on(Arc::new(trace), &self.options)
    }

    /// Whether a candidate fails for the same reason, and only because of the crash.
    fn holds(&self, fates: &[Fate]) -> bool {
        let Some(built) = self.built(fates) else { return false };
        let context = self.on(built.trace.clone());
        self.fails(&context, &built.kept)
            && (!self.demands.beginning || self.passes_at_beginning(&built))
            && (!self.demands.end || self.passes_at_end(&context))
    }

    /// Whether the crash state in which the kept writes have the same fate fails for the same reason.
    fn fails(&self, context: &Arc<Context<I>>, kept: &[EventId]) -> bool {
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
            let leaf = look(context, epoch, plan.clone());
            let verdict = leaf.map(|leaf| leaf.verdict);
            matches!(verdict, Some(Err((_, violation))) if key_of(&violation) == self.failing.key)
        })
    }

    /// The answers of the failing state, in the numbers of a smaller trace.
    fn answers_in(&self, kept: &[EventId]) -> FxHashMap<Question, u8> {
        let mut answers = FxHashMap::default();
        let number = |event: EventId| kept.binary_search(&event).ok().map(|place| EventId(place as u32));
        for (question, answer) in &self.answers {
            let there = match *question {
                Question::Survived { event, unit } => {
                    number(event).map(|event| Question::Survived { event, unit })
                }
                Question::Garbled { event, unit } => {
                    number(event).map(|event| Question::Garbled { event, unit })
                }
                other => Some(other),
            };
            answers.extend(there.map(|question| (question, *answer)));
        }
        answers
    }

    fn passes_at_beginning(&self, built: &Smaller) -> bool {
        let context = self.on(built.beginning());
        look(&context, 0, Plan::pole(Pole::Oldest)).is_some_and(|leaf| leaf.verdict.is_ok())
    }

    fn passes_at_end(&self, context: &Arc<Context<I>>) -> bool {
        let last = context.timeline.epochs.len() - 1;
        look(context, last as u32, Plan::pole(Pole::Newest)).is_some_and(|leaf| leaf.verdict.is_ok())
    }
}

/// Looks at one state. `None` if recovery did not come back, and nothing is known of it.
pub(super) fn look<I: Instance>(context: &Arc<Context<I>>, epoch: u32, plan: Plan) -> Option<Leaf<I::Shown>> {
    let job = Job { epoch, plan, nested: 0, serial: 0 };
    Pool::new(Arc::clone(context), 1).run(vec![job], false).pop()
}
