//! The cause of a finding, proved by exploring mended traces.

use super::cover::fewest;
use super::failure::Shortfall;
use super::mend::{Flush, back, can_be_fua, with_flushes, with_fua};
use super::place::flushes;
use crate::disk::kind_of;
use crate::explore::{Cause, Context, Failure, Failures, Fix, Key, Options, Order, Teller, Walk};
use crate::profile::{Honesty, Order as Keeps};
use crashcheck_outcome::{Coverage, Rule};
use crashcheck_trace::{Event, EventId, Trace};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// A fix is looked for with so many explorations of a mended trace at most.
const ATTEMPTS: usize = 12;

/// The explorations of mended traces may take so many recoveries, and so many times those of the exploration.
const RECOVERIES: (u64, u64) = (2_000, 3);

/// Of so many failing states of a finding the cause is derived at first. What others there are, a fix must prevent too,
/// which is seen when the mended trace is explored.
const STATES: usize = 256;

const LIES: &str = "the device ignores flushes, so that none helps";
const CLUSTER: &str = "a run of a cluster follows its recording, into which no flush can be put to try it";
const CLUSTER_NONE: &str = "none; no lost write of a disk explains it, so the fault is in what the nodes tell each other \
                            or keep in memory, or in recovery";
const NOTHING_LOST: &str = "none; it fails where nothing was lost that had been issued, as after a clean stop at that moment: the \
                            fault is in recovery, or in what is written or in which order that is issued";
const LATER: &str = "none in this trace; it takes a crash of a later life, in which the fault is";
const FLUSH_FAILED: &str = "none; a flush has failed, and the fault is in what is done after that";
const UNTRIED: &str = "none was found within the limits of the search";
const NO_FLUSH: &str = "no flushes prevent all of the failing states";

/// What is left for explorations of mended traces.
struct Effort<'a> {
    options: &'a Options,
    stop: &'a AtomicBool,
    recoveries: u64,
    until: Option<Instant>,
    /// What is known to fail, of all findings: what mends one should be a part of what mends all.
    states: Vec<Shortfall>,
}

/// Looks for the cause of every finding of an exploration that took so many recoveries.
pub(crate) fn explain(
    context: &Context,
    options: &Options,
    stop: &AtomicBool,
    failures: &BTreeMap<Key, Failures>,
    recoveries: u64,
) -> BTreeMap<Key, Cause> {
    // What is mended is the trace, not the system that goes on after it.
    let options = &Options { lives: 1, ..options.clone() };
    let (least, times) = RECOVERIES;
    let until = options.budget.time.and_then(|time| Instant::now().checked_add(time));
    let recoveries = recoveries.saturating_mul(times).saturating_add(least);
    let mut effort = Effort { options, stop, recoveries, until, states: Vec::new() };
    let by_key =
        failures.iter().map(|(key, failures)| (key, failures, shortfalls(&context.trace, &failures.leaves)));
    let by_key: Vec<_> = by_key.collect();
    effort.states = by_key.iter().filter_map(|(.., states)| states.as_deref()).flatten().cloned().collect();
    effort.states.sort_unstable();
    effort.states.dedup();
    let causes = by_key
        .into_iter()
        .map(|(key, failures, states)| (key.clone(), effort.cause(context, key, failures, states)));
    causes.collect()
}

/// What the failing states of a finding lack, of some of them; `None` if no order prevents all of them.
fn shortfalls(trace: &Trace, leaves: &[Failure]) -> Option<Vec<Shortfall>> {
    // Where it takes no crash of a later life, the others say nothing new.
    let later = leaves.iter().all(Failure::is_later);
    let plain = leaves.iter().filter(|failure| later || !failure.is_later());
    let mut states = plain.map(|failure| failure.shortfall(trace)).collect::<Option<Vec<Shortfall>>>()?;
    states.truncate(STATES);
    Some(states)
}

impl Effort<'_> {
    fn cause(
        &mut self,
        context: &Context,
        key: &Key,
        failures: &Failures,
        states: Option<Vec<Shortfall>>,
    ) -> Cause {
        let trace = &context.trace;
        let one_by_one = context.timeline.script.is_some();
        if context.has_failed_flush() {
            return Cause { why: Some(FLUSH_FAILED.to_owned()), ..Cause::default() };
        }
        let Some(mut states) = states else {
            let later = failures.told.order_of_later_life();
            let rules = later.and_then(|(trace, _, there)| rule(trace, there)).into_iter().collect();
            return Cause { why: why_none(failures, one_by_one), rules, ..Cause::default() };
        };
        let (fix, why) = match () {
            () if !context.timeline.profile.is_honest() => (None, Some(LIES.to_owned())),
            () if one_by_one => (None, Some(CLUSTER.to_owned())),
            () => match self.fix(context, key, &mut states) {
                Ok(fix) => (Some(fix), None),
                Err(why) => (None, Some(why)),
            },
        };
        let flushes = fix.as_ref().map_or(&[][..], |fix| &fix.flushes);
        let flushes = flushes.iter().map(|(device, before)| (before.index(), *device));
        let missing = missing(trace, &states, &flushes.collect::<Vec<Flush>>());
        let why = why.filter(|_| !missing.is_empty()).or_else(|| why_none(failures, one_by_one));
        let rules = missing.iter().filter_map(|order| rule(trace, order.after));
        let rules: BTreeSet<Rule> = rules.collect();
        Cause { missing, why: why.filter(|_| fix.is_none()), fix, rules: rules.into_iter().collect() }
    }

    /// The fewest flushes after which the finding is gone, proved by exploring the mended trace. What fails there is one
    /// more state that they have to prevent.
    fn fix(&mut self, context: &Context, key: &Key, states: &mut Vec<Shortfall>) -> Result<Fix, String> {
        let trace = &context.trace;
        for _ in 0..ATTEMPTS {
            let chosen = flushes(trace, &self.states, states).ok_or(NO_FLUSH)?;
            let explored = self.explored(context, with_flushes(trace, &chosen), key)?;
            if explored.left.is_empty() {
                let left_out = explored.coverage.left_out.clone().unwrap_or_default();
                if !explored.coverage.complete {
                    return Err(format!("the mended trace was not explored to its end: {left_out}"));
                }
                let flushes = chosen.iter().map(|(position, device)| (*device, EventId(*position as u32)));
                let (flushes, fua) = (flushes.collect(), self.fua(context, key, states, chosen.len()));
                return Ok(Fix { flushes, fua, coverage: explored.coverage, clean: explored.clean });
            }
            let back = |event: EventId| EventId(back(event.index(), &chosen) as u32);
            let before = states.len();
            for failure in explored.left.iter().take(STATES) {
                let learned = failure.shortfall(&explored.trace).and_then(|state| state.mapped(&back));
                let learned = learned.ok_or(NO_FLUSH)?;
                if !states.contains(&learned) {
                    states.push(learned.clone());
                    self.states.push(learned);
                }
            }
            if states.len() == before {
                return Err(NO_FLUSH.to_owned());
            }
        }
        Err(UNTRIED.to_owned())
    }

    /// As few writes as there are flushes that do the same if they are marked to be durable in themselves; none if it
    /// takes more.
    fn fua(&mut self, context: &Context, key: &Key, states: &[Shortfall], flushes: usize) -> Vec<EventId> {
        let (trace, profile) = (&context.trace, &context.timeline.profile);
        // Where nothing overtakes, such a mark is a flush.
        if profile.fua != Honesty::Honest || profile.order != Keeps::Any {
            return Vec::new();
        }
        let number = |event: &EventId| can_be_fua(trace, *event).then_some(event.index());
        let demand = |state: &Shortfall| state.lost().iter().filter_map(number).collect::<BTreeSet<usize>>();
        let demands: Vec<BTreeSet<usize>> = states.iter().map(demand).collect();
        let chosen = fewest(&demands).filter(|chosen| chosen.len() <= flushes).unwrap_or_default();
        let chosen: BTreeSet<EventId> = chosen.into_iter().map(|event| EventId(event as u32)).collect();
        if chosen.is_empty() {
            return Vec::new();
        }
        match self.explored(context, with_fua(trace, &chosen), key) {
            Ok(explored) if explored.left.is_empty() && explored.coverage.complete => {
                chosen.into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Explores a mended trace.
    fn explored(&mut self, context: &Context, mended: Trace, key: &Key) -> Result<Explored, String> {
        let mut options = Options { explain: false, ..self.options.clone() };
        let room = options.budget.states.map_or(self.recoveries, |states| states.min(self.recoveries));
        (options.budget.states, options.budget.fail_fast) = (Some(room), false);
        options.budget.time = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        if room == 0 {
            return Err(UNTRIED.to_owned());
        }
        let trace = Arc::new(mended);
        let tally = Walk::new(context.on(Arc::clone(&trace), &options), &options, self.stop).run(|_| ());
        self.recoveries = self.recoveries.saturating_sub(tally.recoveries());
        let (coverage, mut failures) = (tally.coverage(), tally.failures());
        let left = failures.remove(key).map(|failures| failures.leaves).unwrap_or_default();
        Ok(Explored { trace, left, clean: failures.is_empty(), coverage })
    }
}

/// What came of exploring a mended trace.
struct Explored {
    trace: Arc<Trace>,
    /// The states in which the finding is still there.
    left: Vec<Failure>,
    /// Whether nothing else is found.
    clean: bool,
    coverage: Coverage,
}

/// What there is to say where no order of the trace prevents a finding; nothing where it is the usual.
fn why_none(failures: &Failures, one_by_one: bool) -> Option<String> {
    if failures.leaves.iter().all(Failure::is_later) {
        let order = failures.told.order_of_later_life();
        let order = order.map(|(trace, lost, there)| {
            let teller = Teller::new(trace);
            let (lost, there) = (teller.numbered(lost), teller.numbered(there));
            format!("{LATER}: there, {lost} was lost, and {there} was not")
        });
        return Some(order.unwrap_or_else(|| LATER.to_owned()));
    }
    if one_by_one {
        return Some(CLUSTER_NONE.to_owned());
    }
    failures.leaves.iter().any(Failure::lost_nothing).then(|| NOTHING_LOST.to_owned())
}

/// What should have waited, as a rule that a system could always keep.
fn rule(trace: &Trace, after: EventId) -> Option<Rule> {
    let after = &trace.events[after.index()];
    if matches!(after, Event::Ack { durable: true, .. }) {
        return Some(Rule::BeforeAck);
    }
    if matches!(after, Event::Send { .. }) {
        return Some(Rule::BeforeSend);
    }
    let is_write = after.device().is_some() && !matches!(after, Event::Flush { .. });
    is_write.then(|| Rule::BeforeWrite { kind: kind_of(after.label()) })
}

/// The fewest writes that should have been durable earlier, each with what came first of that which should have waited;
/// of those that the flushes save, if there are any.
fn missing(trace: &Trace, states: &[Shortfall], flushes: &[Flush]) -> Vec<Order> {
    let saved = |state: &Shortfall, write: &EventId| {
        flushes.is_empty() || flushes.iter().any(|flush| state.is_saved_by(trace, *write, *flush))
    };
    let demand = |state: &Shortfall| {
        let lost = state.lost().iter().filter(|write| saved(state, write));
        lost.map(|write| write.index()).collect::<BTreeSet<usize>>()
    };
    let demands: Vec<BTreeSet<usize>> = states.iter().map(demand).collect();
    let writes = fewest(&demands).unwrap_or_default().into_iter().map(|write| EventId(write as u32));
    let order = |before: EventId| {
        let waiting = states.iter().filter(|state| state.lost().contains(&before) && saved(state, &before));
        waiting.map(|state| state.after(trace, before)).min().map(|after| Order { before, after })
    };
    let mut missing: Vec<Order> = writes.filter_map(order).collect();
    missing.sort_unstable();
    missing
}
