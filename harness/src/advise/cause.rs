//! The cause of a finding, proved by exploring mended traces.

use super::cover::fewest;
use super::failure::{Failure, Failures, Order, Shortfall};
use super::mend::{Flush, back, can_be_fua, with_flushes, with_fua};
use crate::explore::{Context, Instance, Key, Options, Walk};
use crate::profile::{Honesty, Order as Keeps};
use crashcheck_trace::outcome::Coverage;
use crashcheck_trace::{DeviceId, EventId, Trace};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// A fix is looked for with so many explorations of a mended trace at most.
const ATTEMPTS: usize = 12;

/// The explorations of mended traces may take so many recoveries, and so many times those of the exploration.
const RECOVERIES: (u64, u64) = (2_000, 10);

/// Of so many failing states of a finding the cause is derived at first. What others there are, a fix must prevent too,
/// which is seen when the mended trace is explored.
const STATES: usize = 256;

/// Why a finding happens, and what would prevent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cause {
    /// The fewest orders whose enforcement removes every failing state of the finding. Empty if no order of writes
    /// prevents some of them.
    pub(crate) missing: Vec<Order>,
    /// What mends it.
    pub(crate) fix: Option<Fix>,
    /// Why there is no order, or no fix, where there is something to say.
    pub(crate) why: Option<String>,
}

/// Flushes that remove a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fix {
    /// The device, and the event before which each belongs.
    pub(crate) flushes: Vec<(DeviceId, EventId)>,
    /// As few writes that do the same if they are durable in themselves.
    pub(crate) fua: Vec<EventId>,
    /// What was covered when the trace with the flushes was explored.
    pub(crate) coverage: Coverage,
    /// Whether nothing else is found in it either.
    pub(crate) clean: bool,
}

const LIES: &str = "the device ignores flushes, so that none helps";
const CLUSTER: &str = "a run of a cluster follows its recording, into which no flush can be put to try it";
const CLUSTER_NONE: &str = "none; no lost write of a disk explains it, so the fault is in what the nodes tell each other \
                            or keep in memory, or in recovery";
const RECOVERY: &str = "none in this trace; it takes a crash of recovery, in which the fault is";
const UNTRIED: &str = "none was found within the limits of the search";
const NO_FLUSH: &str = "no flushes prevent all of the failing states";

/// What is left for explorations of mended traces.
struct Effort<'a> {
    options: &'a Options,
    stop: &'a AtomicBool,
    recoveries: u64,
    until: Option<Instant>,
}

/// Looks for the cause of every finding of an exploration that took so many recoveries.
pub(crate) fn explain<I: Instance>(
    context: &Context<I>,
    options: &Options,
    stop: &AtomicBool,
    failures: &BTreeMap<Key, Failures>,
    recoveries: u64,
) -> BTreeMap<Key, Cause> {
    let (least, times) = RECOVERIES;
    let until = options.budget.time.and_then(|time| Instant::now().checked_add(time));
    let recoveries = recoveries.saturating_mul(times).saturating_add(least);
    let mut effort = Effort { options, stop, recoveries, until };
    let causes =
        failures.iter().map(|(key, failures)| (key.clone(), effort.cause(context, key, &failures.leaves)));
    causes.collect()
}

impl Effort<'_> {
    fn cause<I: Instance>(&mut self, context: &Context<I>, key: &Key, leaves: &[Failure]) -> Cause {
        let trace = &context.trace;
        let one_by_one = context.timeline.script.is_some();
        // Where it takes no crash of recovery, the others say nothing new.
        let nested = leaves.iter().all(Failure::is_nested);
        let plain = leaves.iter().filter(|failure| nested || !failure.is_nested());
        let states: Option<Vec<Shortfall>> = plain.map(|failure| failure.shortfall(trace)).collect();
        let Some(mut states) = states else {
            return Cause { why: why_none(leaves, one_by_one), ..Cause::default() };
        };
        states.truncate(STATES);
        let (fix, why) = match () {
            () if !context.timeline.profile.is_honest() => (None, Some(LIES.to_owned())),
            () if one_by_one => (None, Some(CLUSTER.to_owned())),
            () => match self.fix(context, key, &mut states) {
                Ok(fix) => (Some(fix), None),
                Err(why) => (None, Some(why)),
            },
        };
        let flushes = fix.as_ref().map_or(&[][..], |fix| &fix.flushes);
        let missing = missing(trace, &states, flushes);
        let why = why.filter(|_| !missing.is_empty()).or_else(|| why_none(leaves, one_by_one));
        Cause { missing, why: why.filter(|_| fix.is_none()), fix }
    }

    /// The fewest flushes after which the finding is gone, proved by exploring the mended trace. What fails there is one
    /// more state that they have to prevent.
    fn fix<I: Instance>(
        &mut self,
        context: &Context<I>,
        key: &Key,
        states: &mut Vec<Shortfall>,
    ) -> Result<Fix, String> {
        let trace = &context.trace;
        for _ in 0..ATTEMPTS {
            let chosen = flushes(trace, states).ok_or(NO_FLUSH)?;
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
                    states.push(learned);
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
    fn fua<I: Instance>(
        &mut self,
        context: &Context<I>,
        key: &Key,
        states: &[Shortfall],
        flushes: usize,
    ) -> Vec<EventId> {
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
    fn explored<I: Instance>(
        &mut self,
        context: &Context<I>,
        mended: Trace,
        key: &Key,
    ) -> Result<Explored, String> {
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
fn why_none(leaves: &[Failure], one_by_one: bool) -> Option<String> {
    if leaves.iter().all(Failure::is_nested) {
        let order = leaves.iter().find_map(Failure::order_of_recovery);
        let order = order.map(|(before, after)| {
            format!("{RECOVERY}: its write {before} must be durable before its write {after}")
        });
        return Some(order.unwrap_or_else(|| RECOVERY.to_owned()));
    }
    one_by_one.then(|| CLUSTER_NONE.to_owned())
}

/// The fewest flushes that prevent every state, in order, each as late as possible; `None` if some cannot be prevented.
fn flushes(trace: &Trace, states: &[Shortfall]) -> Option<Vec<Flush>> {
    let devices = || (0..trace.devices.len() as u16).map(DeviceId);
    let ranges = |state: &Shortfall| -> Vec<_> {
        devices().filter_map(|device| Some((device, state.flush_positions(trace, device)?))).collect()
    };
    let ranges: Vec<_> = states.iter().map(ranges).collect();
    let ends = ranges.iter().flatten().map(|(device, range)| (*range.end(), *device));
    let places: Vec<Flush> = ends.collect::<BTreeSet<Flush>>().into_iter().collect();
    let prevents = |ranges: &Vec<(DeviceId, std::ops::RangeInclusive<usize>)>| {
        let prevents = |(position, device): &Flush| {
            ranges.iter().any(|(of, range)| of == device && range.contains(position))
        };
        (0..places.len()).filter(|place| prevents(&places[*place])).collect::<BTreeSet<usize>>()
    };
    let demands: Vec<BTreeSet<usize>> = ranges.iter().map(prevents).collect();
    let mut chosen: Vec<Flush> = fewest(&demands)?.into_iter().map(|place| places[place]).collect();
    chosen.sort_unstable();
    Some(chosen)
}

/// The fewest orders that prevent every state; of those that the flushes enforce, if there are any.
fn missing(trace: &Trace, states: &[Shortfall], flushes: &[(DeviceId, EventId)]) -> Vec<Order> {
    let enforced = |order: &Order| {
        flushes.is_empty()
            || flushes.iter().any(|(device, before)| order.is_enforced_by(trace, *device, before.index()))
    };
    // The closest two events say most: the last write that should have waited for the first. Orders of the states of
    // which there are few come first, and often prevent the others.
    let mut all: BTreeSet<Order> = BTreeSet::new();
    let mut by_orders: Vec<&Shortfall> = states.iter().collect();
    by_orders.sort_by_key(|state| state.lost().len());
    for state in by_orders {
        if !all.iter().any(|order| state.is_prevented_by(order)) {
            all.extend(state.orders(trace).into_iter().filter(enforced));
        }
    }
    let mut all: Vec<Order> = all.into_iter().collect();
    all.sort_by_key(|order| std::cmp::Reverse(order.after.0 - order.before.0));
    let demand = |state: &Shortfall| {
        (0..all.len()).filter(|nth| state.is_prevented_by(&all[*nth])).collect::<BTreeSet<usize>>()
    };
    let demands: Vec<BTreeSet<usize>> = states.iter().map(demand).collect();
    let mut missing: Vec<Order> =
        fewest(&demands).unwrap_or_default().into_iter().map(|index| all[index]).collect();
    missing.sort_unstable();
    missing
}
