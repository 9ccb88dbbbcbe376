//! Worker threads, and a watch on recoveries that do not come back.

use super::memo::Memo;
use super::run::{Context, Job, Leaf, Runner};
use crate::disk::Disk;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};
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
}

/// What a worker is at, and what it has done.
struct Desk {
    at: Option<(usize, Instant)>,
    done: Vec<(usize, Leaf)>,
}

struct Batch {
    jobs: Vec<Job>,
    next: AtomicUsize,
    use_memo: bool,
    /// A worker that finds nothing more to do says so.
    finished: Sender<()>,
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
        let (finished, events) = channel();
        let mut leaves: Vec<Option<Leaf>> = jobs.iter().map(|_| None).collect();
        let batch = Arc::new(Batch { jobs, next: AtomicUsize::new(0), use_memo, finished });
        let mut busy = self.workers.len().min(leaves.len());
        for worker in &self.workers[..busy] {
            worker.give(&batch);
        }
        while busy > 0 {
            match events.recv_timeout(GLANCE) {
                Ok(()) => busy -= 1,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    for (index, leaf) in self.give_up_on_hung(&batch) {
                        leaves[index] = Some(leaf);
                    }
                }
            }
        }
        for worker in &self.workers {
            for (index, leaf) in worker.desk().done.drain(..) {
                leaves[index] = Some(leaf);
            }
        }
        leaves.into_iter().flatten().collect()
    }

    /// Replaces workers whose recovery does not come back. Their threads are left behind, without power.
    fn give_up_on_hung(&mut self, batch: &Arc<Batch>) -> Vec<(usize, Leaf)> {
        let mut leaves = Vec::new();
        for worker in &mut self.workers {
            let limit = self.context.limits.time;
            let mut desk = worker.desk();
            let Some((index, _)) = desk.at.take_if(|(_, since)| since.elapsed() > limit) else { continue };
            leaves.append(&mut desk.done);
            drop(desk);
            leaves.extend(self.context.hung(&batch.jobs[index], &worker.disk).map(|leaf| (index, leaf)));
            *worker = Worker::start(&self.context, &self.memo);
            worker.give(batch);
        }
        leaves
    }
}

impl Worker {
    fn start(context: &Arc<Context>, memo: &Arc<RwLock<Memo>>) -> Self {
        let (batches, inbox) = channel::<Arc<Batch>>();
        let desk = Arc::new(Mutex::new(Desk { at: None, done: Vec::new() }));
        let mut runner = Runner::new(Arc::clone(context), Arc::clone(memo));
        let (disk, mine) = (runner.disk().clone(), Arc::clone(&desk));
        thread::spawn(move || {
            for batch in inbox {
                if !work(&mut runner, &batch, &mine) {
                    return;
                }
                // The exploration is over when nobody listens.
                let _ = batch.finished.send(());
            }
        });
        Worker { batches, desk, disk }
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
        let Some(job) = batch.jobs.get(index) else { return true };
        lock(desk).at = Some((index, Instant::now()));
        let Some(leaf) = runner.run(job, batch.use_memo) else { return false };
        let mut desk = lock(desk);
        if desk.at.take().is_none() {
            return false;
        }
        desk.done.push((index, leaf));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
