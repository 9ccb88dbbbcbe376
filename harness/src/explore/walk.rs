//! The walk: batches of plans from the trees of all epochs, the lowest level first.

use super::leaf::{How, Job, Leaf, Root};
use super::naming::{Key, key_of};
use super::options::{Budget, Options, Progress};
use super::pool::Pool;
use super::run::Context;
use super::tally::Tally;
use crate::choice::{EPOCHS, Pole};
use crate::media::Timeline;
use crate::strategy::{self, Strategy};
use crate::supervise::supervised;
use crashcheck_outcome::counted;
use num_bigint::BigUint;
use num_traits::Zero;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Of a life so many epochs are walked: as many as an id can name.
const MOST_EPOCHS: u32 = (u8::MAX as u32 - 1) * EPOCHS as u32;

/// The share of the time after which the walk ends that has found something.
const WALKED: f64 = 0.6;

/// Why a walk ends that has been given a time.
pub(crate) const TIME_IS_OVER: &str = "the time that it was given is used up";

/// The largest batch; between batches what was found is remembered, counted and reported. What recovery showed is held
/// until then.
const BATCH: usize = 256;

/// A walk over all epochs of a trace, and of the lives that follow.
pub(crate) struct Walk<'a> {
    context: Arc<Context>,
    options: &'a Options,
    /// What there is to walk, by its number; `None` where it is done.
    places: Vec<Option<Place>>,
    /// The places with something to do, by level; of one level the latest life first.
    queue: BTreeSet<(usize, Reverse<u8>, u32)>,
    tally: Tally,
    /// So many states of each finding at most only add to failing ones.
    beyond: BTreeMap<Key, u64>,
    /// How many states were planned.
    planned: u64,
    started: Instant,
    /// The walk ends when a finding with this fingerprint is met.
    until: Option<&'a str>,
    stop: &'a AtomicBool,
}

/// Something to walk. There is one for every epoch of a trace from the beginning, so that it is small.
enum Place {
    /// An epoch, counted within its life, whose tree is not planted yet.
    Epoch(Option<Arc<Root>>, u32),
    /// The tree of choices of one epoch.
    Tree(Box<Tree>),
    /// A life whose trees are not planted yet.
    Life(Arc<Root>),
}

/// The tree of choices of one epoch.
struct Tree {
    /// The life that the epoch belongs to, if it is not the recorded workload.
    root: Option<Arc<Root>>,
    epoch: u32,
    /// The levels before its own, those of the lives before.
    level: usize,
    strategy: Box<dyn Strategy>,
    /// What is not covered yet, once something is.
    left: Option<BigUint>,
    recoveries: u64,
}

impl Tree {
    /// Which life it is, from 1.
    fn life(&self) -> u8 {
        self.root.as_ref().map_or(1, |root| root.life())
    }
}

impl<'a> Walk<'a> {
    /// A walk that ends early when `stop` becomes true.
    pub(crate) fn new(context: Arc<Context>, options: &'a Options, stop: &'a AtomicBool) -> Self {
        let tally = Tally::new(Arc::clone(&context), options.lives);
        let mut walk = Walk {
            context,
            options,
            places: Vec::new(),
            queue: BTreeSet::new(),
            tally,
            beyond: BTreeMap::new(),
            planned: 0,
            started: Instant::now(),
            until: None,
            stop,
        };
        walk.begin();
        walk
    }

    /// Ends the walk when a finding with this fingerprint is met.
    pub(crate) fn until(mut self, fingerprint: &'a str) -> Self {
        self.until = Some(fingerprint);
        self
    }

    /// Begins with the recorded workload.
    fn begin(&mut self) {
        self.places.clear();
        self.queue.clear();
        self.beyond.clear();
        let timeline = Arc::clone(&self.context.timeline);
        self.queue_epochs(&timeline, None, 0);
    }

    /// Queues every epoch of a life.
    fn queue_epochs(&mut self, timeline: &Timeline, root: Option<&Arc<Root>>, level: usize) {
        let life = Reverse(root.map_or(1, |root| root.life()));
        for epoch in (0..timeline.epochs.len() as u32).take(MOST_EPOCHS as usize) {
            self.queue.insert((level, life, self.places.len() as u32));
            self.places.push(Some(Place::Epoch(root.cloned(), epoch)));
        }
    }

    /// Begins the tree of an epoch of a life.
    fn plant(&self, root: Option<Arc<Root>>, epoch: u32, level: usize) -> Box<Tree> {
        let laid_out = root.as_ref().map(|root| root.laid_out(&self.context.timeline.profile));
        let timeline = laid_out.as_ref().unwrap_or(&self.context.timeline);
        let seed = self.options.seed.wrapping_add(u64::from(epoch));
        let events = || timeline.events_in(epoch);
        // Where no node of a cluster goes down no life ends: that end of all these trees is one and the same run.
        let is_run_again = root.is_some() && timeline.script.is_some();
        let first = if is_run_again { Pole::Oldest } else { Pole::Newest };
        let known = strategy::Tree::new(seed, self.options.budget.deviations, first, &events);
        let strategy = self.options.strategy.start(&known);
        Box::new(Tree { root, epoch, level, strategy, left: None, recoveries: 0 })
    }

    /// Walks until everything is covered or the budget is used up.
    pub(crate) fn run(mut self, mut report: impl FnMut(Progress)) -> Tally {
        // A trail has room for one state.
        let trail = supervised().is_some();
        let jobs = if trail { 1 } else { self.options.jobs };
        let mut pool = Pool::new(Arc::clone(&self.context), jobs);
        // Where one finding is enough, no other state of its batch need take a process down.
        let most = if trail && self.options.budget.fail_fast { 1 } else { BATCH };
        let mut size = most.min(16);
        while let Some(planned) = self.plan(size) {
            let (places, jobs): (Vec<u32>, Vec<Job>) = planned.into_iter().unzip();
            let eager = self.context.eager.load(Ordering::Relaxed) && !self.context.instance.eager();
            let is_over = || self.stop.load(Ordering::Relaxed) || self.is_out_of_time();
            let leaves = pool.run_until(jobs, !eager, &is_over);
            if !eager && self.remember(&pool, &leaves).is_err() {
                self.begin_again(&pool);
                continue;
            }
            let is_cut = leaves.len() < places.len();
            for (index, (place, leaf)) in places.iter().zip(leaves).enumerate() {
                self.learn(*place, leaf);
                if places.get(index + 1) != Some(place) {
                    self.queue_again(*place);
                }
            }
            report(self.tally.progress());
            if is_cut {
                // What else was planned is not looked at any more.
                self.reason_to_stop().into_iter().for_each(|why| self.tally.leave_out(why));
                break;
            }
            size = (size * 2).min(most);
        }
        if let Some(deviations) = self.options.budget.deviations {
            self.tally.leave_out(format!("the walk ends {deviations} deviations from either pole"));
        }
        self.tally.finish(self.started.elapsed());
        self.tally
    }

    /// The next batch, each job with its place; `None` when the walk is over.
    fn plan(&mut self, size: usize) -> Option<Vec<(u32, Job)>> {
        if self.queue.is_empty() {
            return None;
        }
        if let Some(why) = self.reason_to_stop() {
            self.tally.leave_out(why);
            return None;
        }
        let mut jobs = Vec::new();
        let is_last = self.options.budget.later.is_some_and(|most| self.tally.looked_at_later() >= most);
        while jobs.len() < size {
            let Some((level, _, place)) = self.queue.pop_first() else { break };
            let taken = self.places[place as usize].take();
            match taken {
                Some(Place::Life(root)) if self.room(root.life(), &jobs) > 0 => {
                    let timeline = root.laid_out(&self.context.timeline.profile);
                    self.tally.begin_life(&root, &timeline);
                    self.queue_epochs(&timeline, Some(&root), level);
                }
                Some(Place::Life(_)) | None => {}
                Some(Place::Epoch(root, epoch)) => {
                    let room = self.room(root.as_ref().map_or(1, |root| root.life()), &jobs);
                    if room > 0 {
                        let tree = self.plant(root, epoch, level);
                        self.plan_in(place, tree, (room.min(size - jobs.len()), is_last), &mut jobs);
                    }
                }
                Some(Place::Tree(tree)) => {
                    let room = self.room(tree.life(), &jobs);
                    if room > 0 {
                        self.plan_in(place, tree, (room.min(size - jobs.len()), is_last), &mut jobs);
                    }
                }
            }
        }
        (!jobs.is_empty()).then_some(jobs)
    }

    /// Plans at most so many states of a tree, which is at this place.
    fn plan_in(
        &mut self,
        place: u32,
        mut tree: Box<Tree>,
        (room, is_last): (usize, bool),
        jobs: &mut Vec<(u32, Job)>,
    ) {
        for plan in tree.strategy.plans(room) {
            let (root, epoch, serial) = (tree.root.clone(), tree.epoch, self.planned);
            jobs.push((place, Job { root, is_last, serial, ..Job::of_workload(epoch, plan) }));
            self.planned += 1;
        }
        self.places[place as usize] = Some(Place::Tree(tree));
    }

    fn reason_to_stop(&self) -> Option<String> {
        let budget = &self.options.budget;
        let found = || self.until.is_some_and(|fingerprint| self.tally.has_found(fingerprint));
        if self.stop.load(Ordering::Relaxed) {
            Some("it was interrupted".to_owned())
        } else if budget.fail_fast && self.tally.has_findings() {
            Some("it stops at the first finding".to_owned())
        } else if found() {
            Some("it stops at this finding".to_owned())
        } else {
            self.is_out_of_time().then(|| TIME_IS_OVER.to_owned())
        }
    }

    fn is_out_of_time(&self) -> bool {
        // What is found is to be made small and explained in the same time.
        let told = self.options.explain || self.options.shrink.is_some();
        let share = if told && self.tally.has_findings() { WALKED } else { 1.0 };
        self.options.budget.time.is_some_and(|time| self.started.elapsed() >= time.mul_f64(share))
    }

    /// How many more states of a life may be looked at. A life that is given up says why.
    fn room(&mut self, life: u8, planned: &[(u32, Job)]) -> usize {
        let of_first = |job: &Job| job.root.is_none();
        let waiting = |first: bool| planned.iter().filter(|(_, job)| of_first(job) == first).count() as u64;
        let Budget { states, later, .. } = self.options.budget;
        let (most, used) = match life {
            1 => (states, self.tally.recoveries_of_first() + waiting(true)),
            _ => (later, self.tally.looked_at_later() + waiting(false)),
        };
        let room = most.map_or(u64::MAX, |most| most.saturating_sub(used));
        if let Some(most) = most.filter(|_| room == 0) {
            match life {
                1 => {
                    let most = counted(most, "recovery");
                    self.tally.leave_out(format!("the budget of {most} is used up"));
                }
                _ => self.tally.use_up_later(most),
            }
        }
        usize::try_from(room).unwrap_or(usize::MAX)
    }

    /// Remembers the paths of a batch.
    fn remember(&self, pool: &Pool, leaves: &[Leaf]) -> Result<(), super::memo::NotDeterministic> {
        let mut memo = pool.memo();
        let ran =
            leaves.iter().filter(|leaf| leaf.how == How::Ran && self.context.is_remembered(leaf.life()));
        let mut with_hash = ran.filter_map(|leaf| leaf.outcome.map(|hash| (leaf, hash)));
        with_hash.try_for_each(|(leaf, hash)| memo.insert(&leaf.told, &leaf.end, hash))
    }

    /// Recovery cannot be followed: starts over with whole images.
    fn begin_again(&mut self, pool: &Pool) {
        self.context.eager.store(true, Ordering::Relaxed);
        *pool.memo() = super::memo::Memo::new();
        self.tally = Tally::new(Arc::clone(&self.context), self.options.lives);
        self.tally.note(
            "recovery is not deterministic (it read something else after it had found the same): every image was \
             made up whole, nothing was pruned, and no later life was crashed",
        );
        self.begin();
    }

    fn learn(&mut self, place: u32, mut leaf: Leaf) {
        let ends = self.ends(&leaf);
        let Some(Some(Place::Tree(tree))) = self.places.get_mut(place as usize) else { return };
        let first = tree.strategy.learn(&leaf.path, ends);
        tree.recoveries += u64::from(leaf.how != How::Known);
        let recoveries = tree.recoveries.max(1);
        if !first {
            return self.tally.add_repeated(recoveries, &leaf);
        }
        let left = tree.left.get_or_insert_with(|| match &tree.root {
            None => self.context.timeline.total(tree.epoch),
            Some(root) => &root.all * root.laid_out(&self.context.timeline.profile).total(tree.epoch),
        });
        *left -= &leaf.represented.all;
        self.tally.add(recoveries, &leaf);
        self.queue_life(&mut leaf);
    }

    /// Whether the walk does not go on from here: of what only adds to a failure, as much has been planned as may be.
    fn ends(&mut self, leaf: &Leaf) -> bool {
        let (Err(failed), Some(most)) = (&leaf.verdict, self.options.budget.beyond) else { return false };
        let beyond = self.beyond.entry(key_of(&failed.violation)).or_default();
        let more: u64 = leaf.path.questions.iter().map(|question| u64::from(question.outcomes()) - 1).sum();
        if *beyond + more > most && self.options.strategy.is_complete() {
            self.tally.leave_out_beyond(most);
            return true;
        }
        *beyond += more;
        false
    }

    /// What follows a state that passes is to be crashed, too; where the epoch before has the same state, other operations may
    /// be durable by now.
    fn queue_life(&mut self, leaf: &mut Leaf) {
        let life = leaf.life() + 1;
        if life > self.context.lives || !leaf.lives_on() || self.context.eager.load(Ordering::Relaxed) {
            return;
        }
        self.tally.meet_life(life);
        let Some(root) = leaf.root() else {
            return self.options.budget.later.into_iter().for_each(|most| self.tally.use_up_later(most));
        };
        self.queue.insert((2 * root.deviations(), Reverse(life), self.places.len() as u32));
        self.places.push(Some(Place::Life(Arc::new(root))));
    }

    /// A tree whose plans have all been learned from is queued with its next level, if something is left to do.
    fn queue_again(&mut self, place: u32) {
        let Some(Some(Place::Tree(tree))) = self.places.get(place as usize) else { return };
        match tree.strategy.level().filter(|_| !tree.left.as_ref().is_some_and(BigUint::is_zero)) {
            Some(level) => drop(self.queue.insert((tree.level + level, Reverse(tree.life()), place))),
            None => self.places[place as usize] = None,
        }
    }
}
