//! One crash state: recover from it, in isolation, and judge what that shows.

use super::finding::Naming;
use super::instance::{Instance, Recovered};
use super::isolate::{Abort, guarded};
use super::memo::Memo;
use super::walk::Options;
use crate::Disk;
use crate::choice::{Path, Plan};
use crate::judge::{Violation, Window};
use crate::media::{LazyImage, Represented, Timeline, Touched};
use crate::supervise::{Supervised, supervised};
use crashcheck_trace::{ReplayId, Trace};
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// What one recovery may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Device operations.
    pub device_operations: u64,
    /// Wall-clock time.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { device_operations: 1_000_000, time: Duration::from_secs(20) }
    }
}

/// What all runs of an exploration have in common.
pub(crate) struct Context<I: Instance> {
    pub(crate) instance: Arc<I>,
    pub(crate) naming: Naming,
    pub(crate) trace: Arc<Trace>,
    pub(crate) timeline: Arc<Timeline>,
    pub(crate) limits: Limits,
    /// How many recoveries may crash in one run.
    pub(crate) nested: u8,
    /// Everything is decided before recovery starts.
    pub(crate) eager: AtomicBool,
    /// By epoch: the different windows of its crash points, each with the first point that has it.
    windows: Vec<Vec<(usize, Window)>>,
}

/// A state to look at.
pub(crate) struct Job {
    pub(crate) epoch: u32,
    pub(crate) plan: Plan,
    /// How often recovery may crash.
    pub(crate) nested: u8,
    /// The number of the job in its walk.
    pub(crate) serial: u64,
}

/// A leaf of the tree of choices.
pub(crate) struct Leaf<Shown> {
    pub(crate) path: Path,
    /// What recovery looked at; empty if it was not run.
    pub(crate) reads: Vec<Touched>,
    pub(crate) recovered: Arc<Recovered<Shown>>,
    /// The first crash point at which a promise is broken, and which.
    pub(crate) verdict: Result<(), (usize, Violation)>,
    /// The windows that were judged.
    pub(crate) judged: Vec<Window>,
    pub(crate) represented: Represented,
    pub(crate) how: How,
    /// A hash of the outcome, if recovery was run.
    pub(crate) outcome: Option<u64>,
    pub(crate) diverged: bool,
    /// How many recoveries crashed.
    pub(crate) depth: usize,
}

/// How the outcome of a leaf was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Recovery was run.
    Ran,
    /// An earlier recovery had looked at the same.
    Known,
    /// Recovery did not come back.
    Hung,
}

impl<I: Instance> Context<I> {
    pub(crate) fn new(instance: I, naming: Naming, trace: Arc<Trace>, options: &Options) -> Self {
        Context::of(Arc::new(instance), naming, trace, options)
    }

    /// The same on another trace.
    pub(crate) fn on(&self, trace: Arc<Trace>, options: &Options) -> Arc<Self> {
        self.on_as(trace, options, &self.naming.workload)
    }

    /// The same on another trace of another name.
    pub(crate) fn on_as(&self, trace: Arc<Trace>, options: &Options, name: &str) -> Arc<Self> {
        let workload = name.to_owned();
        let naming = Naming { trace_hash: trace.fingerprint(), workload, ..self.naming.clone() };
        Arc::new(Context::of(Arc::clone(&self.instance), naming, trace, options))
    }

    fn of(instance: Arc<I>, naming: Naming, trace: Arc<Trace>, options: &Options) -> Self {
        let timeline = Timeline::new(&trace, &options.profile);
        let windows = timeline.epochs.iter().map(|epoch| {
            let all = (epoch.from..=epoch.upto).map(|point| (point, timeline.windows[point]));
            let mut different: Vec<(usize, Window)> = all.collect();
            different.dedup_by_key(|(_, window)| *window);
            different
        });
        let windows = windows.collect();
        let eager = AtomicBool::new(instance.eager());
        // Nodes that crash one by one crash while others recover, which a second crash would add nothing new to.
        let nested = if timeline.script.is_some() { 0 } else { options.nested };
        let limits = options.limits;
        Context { instance, naming, trace, timeline: Arc::new(timeline), limits, nested, eager, windows }
    }

    /// Whether a crash state was found in this trace, under this profile.
    pub(crate) fn is_of(&self, state: &ReplayId) -> bool {
        let Naming { system, workload, trace_hash, .. } = &self.naming;
        let profile = &self.timeline.profile.name;
        (system, workload, profile, trace_hash)
            == (&state.system, &state.workload, &state.profile, &state.trace_hash)
    }

    /// The different windows of the crash points that can leave an image, each with its first point.
    fn windows(&self, epoch: u32, earliest: usize) -> &[(usize, Window)] {
        let all = &self.windows[epoch as usize];
        &all[all.partition_point(|(point, _)| *point <= earliest).saturating_sub(1)..]
    }

    fn judge(
        &self,
        job: &Job,
        image: &LazyImage,
        recovered: Arc<Recovered<I::Shown>>,
        how: How,
    ) -> Leaf<I::Shown> {
        let earliest = image.earliest();
        let windows = self.windows(job.epoch, earliest);
        let broken = windows.iter().find_map(|(point, window)| {
            let verdict = match &recovered.shown {
                Err(violation) => Err(violation.clone()),
                Ok(shown) => self.instance.judge(shown, *window),
            };
            verdict.err().map(|violation| (*point, violation))
        });
        let after = || recovered.after.clone().map_err(|violation| (earliest, violation));
        Leaf {
            path: image.path().clone(),
            reads: image.reads().to_vec(),
            verdict: broken.map_or_else(after, |(point, violation)| Err((point.max(earliest), violation))),
            judged: windows.iter().map(|(_, window)| *window).collect(),
            represented: image.represented(),
            how,
            outcome: None,
            diverged: image.diverged(),
            depth: image.depth(),
            recovered,
        }
    }

    /// What is known of a state whose recovery does not come back. Its machine loses power.
    pub(crate) fn hung(&self, job: &Job, disk: &Disk) -> Option<Leaf<I::Shown>> {
        disk.power_on();
        let image = disk.machine().take_crashed()?;
        let seconds = self.limits.time.as_secs();
        let violation = Violation::new("recovers", format!("recovery did not come back within {seconds} s"));
        let recovered = Recovered::failed(violation);
        let outcome = Some(FxBuildHasher.hash_one(&recovered));
        Some(Leaf { outcome, ..self.judge(job, &image, Arc::new(recovered), How::Hung) })
    }
}

/// Runs states one after the other on one machine.
pub(crate) struct Runner<I: Instance> {
    context: Arc<Context<I>>,
    memo: Arc<RwLock<Memo<I::Shown>>>,
    disk: Disk,
    image: Option<Box<LazyImage>>,
}

impl<I: Instance> Runner<I> {
    pub(crate) fn new(context: Arc<Context<I>>, memo: Arc<RwLock<Memo<I::Shown>>>) -> Self {
        Runner { context, memo, disk: Disk::dark(), image: None }
    }

    /// The machine, for those who watch.
    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Looks at one state. `None` if the watch has taken it away meanwhile.
    pub(crate) fn run(&mut self, job: &Job, use_memo: bool) -> Option<Leaf<I::Shown>> {
        let context = Arc::clone(&self.context);
        let fresh = || Box::new(LazyImage::new(Arc::clone(&context.timeline)));
        let mut image = self.image.take().unwrap_or_else(fresh);
        if use_memo {
            image.restart(job.epoch, job.plan.clone(), 0);
            let known = self.memo.read().unwrap_or_else(PoisonError::into_inner).follow(&mut image);
            if let Some(recovered) = known {
                let leaf = context.judge(job, &image, recovered, How::Known);
                self.image = Some(image);
                return Some(leaf);
            }
        }
        image.restart(job.epoch, job.plan.clone(), job.nested);
        if context.eager.load(Ordering::Relaxed) {
            image.decide_all();
        }
        let death = supervised().and_then(|known| self.trail_or_death(known, job, &mut image));
        let (mut image, recovered) = match death {
            Some(recovered) => (image, recovered),
            None => {
                let recovered = self.recover(image);
                (self.disk.machine().take_crashed()?, recovered)
            }
        };
        image.leave_trail(None);
        let hash = FxBuildHasher.hash_one(&recovered);
        // What recovery shows is let go of here if the same is remembered.
        let kept = self.memo.read().unwrap_or_else(PoisonError::into_inner).kept(&recovered, hash);
        let recovered = kept.unwrap_or_else(|| Arc::new(recovered));
        let leaf = Leaf { outcome: Some(hash), ..context.judge(job, &image, recovered, How::Ran) };
        self.image = Some(image);
        Some(leaf)
    }

    /// A state that took an earlier process down is not run; any other leaves a trail.
    fn trail_or_death(
        &self,
        known: &Supervised,
        job: &Job,
        image: &mut LazyImage,
    ) -> Option<Recovered<I::Shown>> {
        let Context { naming, timeline, .. } = &*self.context;
        let Naming { system, bugs, workload, trace_hash, .. } = naming;
        let (bugs, profile) = (bugs.join("+"), &timeline.profile.name);
        let Job { nested, serial, .. } = job;
        let state = format!("{system}+{bugs}:{workload}/{profile}/{trace_hash:08x}/{nested}/{serial}");
        let Some(death) = known.death(&state) else {
            image.leave_trail(known.begin(&state));
            return None;
        };
        for cell in &death.cells {
            image.look(*cell);
        }
        let detail = format!("recovery took its process down ({})", death.how);
        Some(Recovered::failed(Violation::new("recovers", detail)))
    }

    fn recover(&self, image: Box<LazyImage>) -> Recovered<I::Shown> {
        let limit = self.context.limits.device_operations;
        self.disk.machine().crash(image, limit);
        let result = guarded(|| self.context.instance.recover(&self.disk));
        let runaway = || {
            let detail = format!("recovery used more than {limit} device operations");
            Recovered::failed(Violation::new("recovers", detail))
        };
        match result {
            _ if self.disk.machine().ran_away() => runaway(),
            Err(Abort::Stopped) => runaway(),
            Err(Abort::Panicked(text)) => {
                Recovered::failed(Violation::new("recovers", format!("recovery panicked: {text}")))
            }
            Ok(recovered) => recovered,
        }
    }
}
