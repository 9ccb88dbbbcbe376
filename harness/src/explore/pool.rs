//! Worker threads, and a watch on recoveries that do not come back.

use super::isolate::guarded;
use super::leaf::{Job, Leaf};
use super::memo::Memo;
use super::queued::Queued;
use super::run::{Context, Runner, Stories};
use crate::choice::Plan;
use crate::disk::Disk;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockWriteGuard};
use std::thread;
use std::time::{Duration, Instant};

/// How often the watch looks at the workers.
const GLANCE: Duration = Duration::from_millis(100);

/// Runs batches of states on several threads; the results do not depend on how many.
pub(crate) struct Pool {
    context: Arc<Context>,
    memo: Arc<RwLock<Memo>>,
    workers: Vec<Worker>,
}

struct Worker {
    batches: Sender<Arc<Batch>>,
    desk: Arc<Mutex<Desk>>,
    disk: Disk,
    stories: Stories,
    queued: Arc<OnceLock<Queued>>,
    /// What it was at when the watch last looked, and how long it had waited for a processor when it first was.
    seen: Option<((usize, Instant), Duration)>,
}

/// What a worker is at, and what it has done.
struct Desk {
    at: Option<(usize, Instant)>,
    done: Vec<(usize, Leaf)>,
    /// The states at which something panicked beside recovery and judging, and what it said.
    died: Vec<(usize, String)>,
}

/// States to look at: some of a list.
struct Batch {
    jobs: Arc<Vec<Job>>,
    next: AtomicUsize,
    end: usize,
    use_memo: bool,
    /// A worker that finds nothing more to do says so.
    finished: Sender<()>,
}

/// Why a state has no leaf yet.
enum Trouble {
    /// It took too long: in recovery, if it can be told what is known of it, or later.
    Slow(Option<Box<Leaf>>),
    /// Something panicked that is not recovery.
    Died(String),
}

impl Pool {
    pub(crate) fn new(context: Arc<Context>, threads: usize) -> Self {
        let memo = Arc::new(RwLock::new(Memo::new()));
        let workers = (0..threads.max(1)).map(|_| Worker::start(&context, &memo)).collect();
        Pool { context, memo, workers }
    }

    /// What is remembered, to be changed between batches.
    pub(crate) fn memo(&self) -> RwLockWriteGuard<'_, Memo> {
        self.memo.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at all states of a batch; the leaves come in the order of the jobs.
    pub(crate) fn run(&mut self, jobs: Vec<Job>, use_memo: bool) -> Vec<Leaf> {
        let all = jobs.len();
        let leaves = self.run_until(jobs, use_memo, &|| false);
        assert_eq!(leaves.len(), all, "every state of a batch is looked at");
        leaves
    }

    /// The same, but no state is begun when it is over; then the leaves are those of the first jobs.
    ///
    /// A state that takes too long is looked at once more, with nothing else beside it: a machine that was busy or asleep
    /// says nothing about a system.
    pub(crate) fn run_until(
        &mut self,
        jobs: Vec<Job>,
        use_memo: bool,
        is_over: &dyn Fn() -> bool,
    ) -> Vec<Leaf> {
        let jobs = Arc::new(jobs);
        let mut leaves: Vec<Option<Leaf>> = jobs.iter().map(|_| None).collect();
        let threads = self.workers.len();
        let mut troubles = self.look(&jobs, 0..jobs.len(), (use_memo, is_over), threads, &mut leaves);
        troubles.sort_by_key(|(index, _)| *index);
        for (index, trouble) in troubles {
            let again = match trouble {
                Trouble::Slow(_) => {
                    self.look(&jobs, index..index + 1, (use_memo, &|| false), 1, &mut leaves).pop()
                }
                Trouble::Died(_) => Some((index, trouble)),
            };
            leaves[index] = match again {
                None => continue,
                Some((_, Trouble::Slow(Some(leaf)))) => Some(*leaf),
                Some((_, Trouble::Slow(None))) => {
                    let seconds = self.context.limits.time.as_secs();
                    let why = format!("judging what recovery shows did not come back within {seconds} s");
                    Some(self.unjudged(&jobs[index], &why))
                }
                Some((_, Trouble::Died(why))) => Some(self.unjudged(&jobs[index], &why)),
            };
        }
        leaves.into_iter().map_while(|leaf| leaf).collect()
    }

    /// Looks at a range of states on so many threads, and returns those that it did not come to an end with.
    fn look(
        &mut self,
        jobs: &Arc<Vec<Job>>,
        range: Range<usize>,
        (use_memo, is_over): (bool, &dyn Fn() -> bool),
        threads: usize,
        leaves: &mut [Option<Leaf>],
    ) -> Vec<(usize, Trouble)> {
        let (finished, events) = channel();
        let mut busy = threads.min(range.len());
        let (jobs, next, end) = (Arc::clone(jobs), AtomicUsize::new(range.start), range.end);
        let batch = Arc::new(Batch { jobs, next, end, use_memo, finished });
        let mut troubles = Vec::new();
        for worker in &self.workers[..busy] {
            worker.give(&batch);
        }
        while busy > 0 {
            match events.recv_timeout(GLANCE) {
                Ok(()) => busy -= 1,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    self.give_up_on_hung(&batch, leaves, &mut troubles);
                    if is_over() {
                        batch.next.fetch_max(end, Ordering::Relaxed);
                    }
                }
            }
        }
        for worker in &self.workers {
            let mut desk = worker.desk();
            desk.done.drain(..).for_each(|(index, leaf)| leaves[index] = Some(leaf));
            troubles.extend(desk.died.drain(..).map(|(index, why)| (index, Trouble::Died(why))));
        }
        troubles
    }

    /// Replaces workers whose state takes too long. Their threads are left behind, without power.
    fn give_up_on_hung(
        &mut self,
        batch: &Arc<Batch>,
        leaves: &mut [Option<Leaf>],
        troubles: &mut Vec<(usize, Trouble)>,
    ) {
        for worker in &mut self.workers {
            let limit = self.context.limits.time.saturating_add(worker.waited_for_others());
            let mut desk = worker.desk();
            let Some((index, _)) = desk.at.take_if(|(_, since)| since.elapsed() > limit) else { continue };
            desk.done.drain(..).for_each(|(index, leaf)| leaves[index] = Some(leaf));
            troubles.extend(desk.died.drain(..).map(|(index, why)| (index, Trouble::Died(why))));
            drop(desk);
            let leaf = self.context.hung(&batch.jobs[index], &worker.disk, &worker.stories);
            troubles.push((index, Trouble::Slow(leaf.map(Box::new))));
            *worker = Worker::start(&self.context, &self.memo);
            worker.give(batch);
        }
    }

    /// A state whose recovery comes to its end, and which cannot be judged.
    fn unjudged(&self, job: &Job, why: &str) -> Leaf {
        let mut runner = Runner::new(Arc::clone(&self.context), Arc::clone(&self.memo));
        runner.judge_nothing(why.to_owned());
        let leaf = guarded(|| runner.run(job, false)).ok().flatten();
        leaf.unwrap_or_else(|| panic!("a crash state cannot be looked at: {why}"))
    }
}

/// Looks at one state of the recorded workload.
pub(crate) fn look(context: &Arc<Context>, epoch: u32, plan: Plan) -> Leaf {
    let jobs = vec![Job::of_workload(epoch, plan)];
    Pool::new(Arc::clone(context), 1).run(jobs, false).pop().expect("a leaf for every state")
}

impl Worker {
    fn start(context: &Arc<Context>, memo: &Arc<RwLock<Memo>>) -> Self {
        let (batches, inbox) = channel::<Arc<Batch>>();
        let desk = Arc::new(Mutex::new(Desk { at: None, done: Vec::new(), died: Vec::new() }));
        let mut runner = Runner::new(Arc::clone(context), Arc::clone(memo));
        let (disk, stories, mine) = (runner.disk().clone(), runner.stories().clone(), Arc::clone(&desk));
        let queued = Arc::<OnceLock<Queued>>::default();
        let of_thread = Arc::clone(&queued);
        thread::spawn(move || {
            of_thread.get_or_init(Queued::of_this_thread);
            for batch in inbox {
                if !work(&mut runner, &batch, &mine) {
                    return;
                }
                // The exploration is over when nobody listens.
                let _ = batch.finished.send(());
            }
        });
        Worker { batches, desk, disk, stories, queued, seen: None }
    }

    /// How long it has waited for a processor since the watch first saw what it is at.
    fn waited_for_others(&mut self) -> Duration {
        let at = self.desk().at;
        let waited = self.queued.get().map_or(Duration::ZERO, Queued::so_far);
        self.seen = at.map(|at| match self.seen {
            Some((seen, first)) if seen == at => (seen, first),
            _ => (at, waited),
        });
        self.seen.map_or(Duration::ZERO, |(_, first)| waited.saturating_sub(first))
    }

    fn give(&self, batch: &Arc<Batch>) {
        self.batches.send(Arc::clone(batch)).expect("a worker waits for batches until its pool is gone");
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        lock(&self.desk)
    }
}

/// Takes states from a batch until none is left. `false` if the watch has given up on this thread.
fn work(runner: &mut Runner, batch: &Batch, desk: &Mutex<Desk>) -> bool {
    loop {
        let index = batch.next.fetch_add(1, Ordering::Relaxed);
        let Some(job) = batch.jobs[..batch.end].get(index) else { return true };
        lock(desk).at = Some((index, Instant::now()));
        let leaf = guarded(|| runner.run(job, batch.use_memo));
        let mut desk = lock(desk);
        if desk.at.take().is_none() {
            return false;
        }
        match leaf {
            Ok(Some(leaf)) => desk.done.push((index, leaf)),
            Ok(None) => return false,
            Err(abort) => desk.died.push((index, format!("what looks at a state {abort}"))),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
