//! The walk: batches of plans from the trees of all epochs, the lowest level first.

use super::describe::Teller;
use super::finding::Groups;
use super::instance::Instance;
use super::pool::Pool;
use super::run::{Context, How, Job, Leaf, Limits};
use super::tally::Tally;
use crate::advise::{explain, needs};
use crate::choice::Plan;
use crate::explorer::Replayed;
use crate::profile::Profile;
use crate::shrink::{Shrink, Shrinking};
use crate::strategy::{Strategy, StrategyKind};
use crate::supervise::supervised;
use crashcheck_trace::ReplayId;
use crashcheck_trace::outcome::{Advice, AdvisedFlush, Exploration, Finding};
use num_bigint::BigUint;
use num_traits::Zero;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The largest batch; between batches what was found is remembered, counted and reported. What recovery showed is held
/// until then.
const BATCH: usize = 256;

/// How to explore.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the device may leave behind.
    pub profile: Profile,
    /// How to walk.
    pub strategy: StrategyKind,
    /// How much to do.
    pub budget: Budget,
    /// How often recovery itself may crash.
    pub nested: u8,
    /// Worker threads.
    pub jobs: usize,
    /// The seed of everything random.
    pub seed: u64,
    /// What one recovery may use.
    pub limits: Limits,
    /// Whether to look for the cause of what is found, which takes some more explorations.
    pub explain: bool,
    /// Whether and how to shrink what is found.
    pub shrink: Option<Shrink>,
    /// Where shrunk failures are stored, to be explored first on every run.
    pub regressions: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            profile: Profile::default(),
            strategy: StrategyKind::default(),
            budget: Budget::default(),
            nested: 0,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            seed: 0,
            limits: Limits::default(),
            explain: true,
            shrink: None,
            regressions: None,
        }
    }
}

/// How much to do before giving up on completeness.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    /// Wall-clock time.
    pub time: Option<Duration>,
    /// Recoveries.
    pub states: Option<u64>,
    /// Deviations from either pole.
    pub deviations: Option<usize>,
    /// Whether to stop at the first finding.
    pub fail_fast: bool,
}

/// How far the walk is; reported after every batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// The share of the crash states that is covered, from 0 to 1.
    pub covered: f64,
    /// Recoveries run so far.
    pub recoveries: u64,
    /// Different findings so far.
    pub findings: usize,
    /// How far a finding is shrunk, once that has begun.
    pub shrinking: Option<Shrinking>,
}

/// A walk over all epochs of a trace.
pub(crate) struct Walk<'a, I: Instance> {
    context: Arc<Context<I>>,
    options: &'a Options,
    trees: Vec<Tree>,
    /// The trees with something to do, by level and epoch.
    queue: BTreeSet<(usize, u32)>,
    tally: Tally<I>,
    /// How many states were planned.
    planned: u64,
    started: Instant,
    /// The walk ends when a finding with this fingerprint is met.
    until: Option<&'a str>,
    stop: &'a AtomicBool,
}

/// The tree of choices of one epoch.
struct Tree {
    strategy: Box<dyn Strategy>,
    /// What is not covered yet, once something is.
    left: Option<BigUint>,
    recoveries: u64,
}

impl<'a, I: Instance> Walk<'a, I> {
    /// A walk that ends early when `stop` becomes true.
    pub(crate) fn new(context: Arc<Context<I>>, options: &'a Options, stop: &'a AtomicBool) -> Self {
        let tally = Tally::new(Arc::clone(&context), options.nested);
        let mut walk = Walk {
            context,
            options,
            trees: Vec::new(),
            queue: BTreeSet::new(),
            tally,
            planned: 0,
            started: Instant::now(),
            until: None,
            stop,
        };
        walk.plant();
        walk
    }

    /// Ends the walk when a finding with this fingerprint is met.
    pub(crate) fn until(mut self, fingerprint: &'a str) -> Self {
        self.until = Some(fingerprint);
        self
    }

    /// Begins the tree of every epoch.
    fn plant(&mut self) {
        let timeline = &self.context.timeline;
        let tree = |epoch: u32| {
            let seed = self.options.seed.wrapping_add(u64::from(epoch));
            let events = || timeline.events_in(epoch);
            let strategy = self.options.strategy.start(events, seed, self.options.budget.deviations);
            Tree { strategy, left: None, recoveries: 0 }
        };
        self.trees = (0..timeline.epochs.len() as u32).map(tree).collect();
        self.queue = (0..self.trees.len() as u32).map(|epoch| (0, epoch)).collect();
    }

    /// Walks until everything is covered or the budget is used up.
    pub(crate) fn run(mut self, mut report: impl FnMut(Progress)) -> Tally<I> {
        // A trail has room for one state.
        let jobs = if supervised().is_some() { 1 } else { self.options.jobs };
        let mut pool = Pool::new(Arc::clone(&self.context), jobs);
        let mut size = 16;
        while let Some(jobs) = self.plan(size) {
            let epochs: Vec<u32> = jobs.iter().map(|job| job.epoch).collect();
            let eager = self.context.eager.load(Ordering::Relaxed) && !self.context.instance.eager();
            let leaves = pool.run(jobs, self.context.nested == 0 && !eager);
            if !eager && self.remember(&pool, &leaves).is_err() {
                self.begin_again(&pool);
                continue;
            }
            for (index, (epoch, leaf)) in epochs.iter().zip(&leaves).enumerate() {
                self.learn(*epoch, leaf);
                if epochs.get(index + 1) != Some(epoch) {
                    self.queue_again(*epoch);
                }
            }
            report(self.tally.progress());
            size = (size * 2).min(BATCH);
        }
        if let Some(deviations) = self.options.budget.deviations {
            self.tally.leave_out(format!("the walk ends {deviations} deviations from either pole"));
        }
        self.tally.finish(self.started.elapsed());
        self.tally
    }

    /// The next batch; `None` when the walk is over.
    fn plan(&mut self, size: usize) -> Option<Vec<Job>> {
        let budget = &self.options.budget;
        if self.queue.is_empty() {
            return None;
        }
        let room = budget.states.map_or(u64::MAX, |states| states.saturating_sub(self.tally.recoveries()));
        let why = match () {
            () if self.stop.load(Ordering::Relaxed) => Some("it was interrupted".to_owned()),
            () if budget.fail_fast && self.tally.has_findings() => {
                Some("it stops at the first finding".to_owned())
            }
            () if self.until.is_some_and(|fingerprint| self.tally.has_found(fingerprint)) => {
                Some("it stops at this finding".to_owned())
            }
            () if room == 0 => {
                budget.states.map(|states| format!("the budget of {states} recoveries is used up"))
            }
            () => budget
                .time
                .filter(|time| self.started.elapsed() >= *time)
                .map(|time| format!("the budget of {} s is used up", time.as_secs_f64())),
        };
        if let Some(why) = why {
            self.tally.leave_out(why);
            return None;
        }
        let size = size.min(usize::try_from(room).unwrap_or(usize::MAX));
        let mut jobs = Vec::new();
        while jobs.len() < size {
            let Some((_, epoch)) = self.queue.pop_first() else { break };
            let plans = self.trees[epoch as usize].strategy.plans(size - jobs.len());
            for plan in plans {
                jobs.push(Job { epoch, plan, nested: self.context.nested, serial: self.planned });
                self.planned += 1;
            }
        }
        Some(jobs)
    }

    /// Remembers the paths of a batch.
    fn remember(
        &self,
        pool: &Pool<I>,
        leaves: &[Leaf<I::Shown>],
    ) -> Result<(), super::memo::NotDeterministic> {
        if self.context.nested > 0 {
            return Ok(());
        }
        let mut memo = pool.memo();
        let ran = leaves.iter().filter(|leaf| leaf.how == How::Ran);
        let mut with_hash = ran.filter_map(|leaf| leaf.outcome.map(|hash| (leaf, hash)));
        with_hash.try_for_each(|(leaf, hash)| memo.insert(&leaf.reads, &leaf.recovered, hash))
    }

    /// Recovery cannot be followed: starts over with whole images.
    fn begin_again(&mut self, pool: &Pool<I>) {
        self.context.eager.store(true, Ordering::Relaxed);
        *pool.memo() = super::memo::Memo::new();
        self.tally = Tally::new(Arc::clone(&self.context), self.options.nested);
        self.tally.note(
            "recovery is not deterministic (it read something else after it had found the same): every image was \
             made up whole, and nothing was pruned",
        );
        self.plant();
    }

    fn learn(&mut self, epoch: u32, leaf: &Leaf<I::Shown>) {
        let tree = &mut self.trees[epoch as usize];
        let first = tree.strategy.learn(&leaf.path);
        tree.recoveries += u64::from(leaf.how != How::Known);
        if !first {
            return self.tally.add_repeated(leaf);
        }
        if leaf.depth == 0 {
            let left = tree.left.get_or_insert_with(|| self.context.timeline.total(epoch));
            *left -= &leaf.represented.all;
        }
        self.tally.add(epoch, tree.recoveries, leaf);
    }

    /// A tree whose plans have all been learned from is queued with its next level, if something is left to do.
    fn queue_again(&mut self, epoch: u32) {
        let tree = &self.trees[epoch as usize];
        let covered = tree.left.as_ref().is_some_and(BigUint::is_zero) && self.context.nested == 0;
        let level = tree.strategy.level().filter(|_| !covered);
        self.queue.extend(level.map(|level| (level, epoch)));
    }
}

/// Explores, looks for the causes of what is found, and says what came of it.
pub(crate) fn explored<I: Instance>(
    context: &Arc<Context<I>>,
    options: &Options,
    stop: &AtomicBool,
    report: impl FnMut(Progress),
) -> Exploration {
    let mut tally = Walk::new(Arc::clone(context), options, stop).run(report);
    tally.simplify();
    let causes = match options.explain {
        true => explain(context, options, stop, &tally.failures(), tally.recoveries()),
        false => BTreeMap::new(),
    };
    tally.into_exploration(options.strategy, options.jobs, &causes)
}

/// Explores, and tells the finding with this fingerprint alone, with its cause. Who is told to stop only looks for the
/// finding, which is known to be there.
pub(crate) fn told<I: Instance>(
    context: &Arc<Context<I>>,
    options: &Options,
    stop: &AtomicBool,
    fingerprint: &str,
) -> Option<Finding> {
    let (stopped, never) = (stop.load(Ordering::Relaxed), AtomicBool::new(false));
    let walk = match stopped {
        true => Walk::new(Arc::clone(context), options, &never).until(fingerprint),
        false => Walk::new(Arc::clone(context), options, stop),
    };
    let mut tally = walk.run(|_| ());
    tally.simplify();
    let mut failures = tally.failures();
    failures.retain(|key, _| options.explain && !stopped && context.naming.fingerprint(key) == fingerprint);
    let causes = explain(context, options, stop, &failures, tally.recoveries());
    let mut findings = tally.into_exploration(options.strategy, options.jobs, &causes).findings.into_iter();
    findings.find(|finding| finding.fingerprint == fingerprint)
}

/// Explores, and then once more without each of the flushes.
pub(crate) fn advised<I: Instance>(
    context: &Arc<Context<I>>,
    options: &Options,
    stop: &AtomicBool,
    report: impl FnMut(Progress),
) -> Advice {
    let tally = Walk::new(Arc::clone(context), options, stop).run(report);
    let failures = tally.failures();
    let known = failures.keys().cloned().collect();
    let flushes = needs(context, options, stop, &known).into_iter();
    let teller = Teller::new(&context.trace);
    let flushes = flushes.map(|(flush, device, need)| AdvisedFlush {
        flush: teller.place(flush),
        device: teller.device(device).to_owned(),
        need,
    });
    let flushes = flushes.collect();
    let causes = explain(context, options, stop, &failures, tally.recoveries());
    let exploration = tally.into_exploration(options.strategy, options.jobs, &causes);
    Advice { exploration, flushes }
}

/// As many answers are read from an id; no recovery asks more questions.
const ANSWERS: usize = 1 << 24;

/// A replay looks for so many crashes during recovery.
const NESTED: u8 = 4;

/// Looks at one state again. How often recovery crashes is told by the answers.
pub(crate) fn replay<I: Instance>(context: &Arc<Context<I>>, state: &ReplayId) -> Replayed {
    let nowhere = |shows: &str| Replayed { finding: None, shows: shows.to_owned(), diverged: true };
    if state.epoch as usize >= context.timeline.epochs.len() {
        return nowhere("the trace has no such epoch");
    }
    // An answer beyond 8 bits fits no question, so that the replay diverges.
    let answers = state.answers.iter().take(ANSWERS).map(|answer| u8::try_from(answer).unwrap_or(u8::MAX));
    let answers: Vec<u8> = answers.collect();
    let mut pool = Pool::new(Arc::clone(context), 1);
    let mut attempt = |nested| {
        let job = Job { epoch: state.epoch, plan: Plan::replay(answers.clone()), nested, serial: 0 };
        pool.run(vec![job], false).pop()
    };
    // Answers that nobody asks for belong to crashes during recovery.
    let fits = |leaf: &Option<Leaf<I::Shown>>| leaf.as_ref().is_some_and(|leaf| !leaf.diverged);
    let deeper = (0..=NESTED).map(&mut attempt).find(fits);
    let Some(leaf) = deeper.flatten().or_else(|| attempt(0)) else {
        return nowhere("recovery did not come back");
    };
    let mut groups = Groups::default();
    groups.add(state.epoch, 1, &leaf);
    Replayed {
        finding: groups.into_findings(context, &BTreeMap::new()).pop(),
        shows: leaf.recovered.kind.shows.clone(),
        diverged: leaf.diverged || !context.is_of(state),
    }
}
