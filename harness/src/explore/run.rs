//! One crash state: live on from it, in isolation, and judge what that shows.

use super::describe::Teller;
use super::instance::{Compared, Instance, Lived, Recovered};
use super::isolate::{Abort, guarded};
use super::leaf::{By, Failed, How, Job, Leaf};
use super::memo::{End, Memo, Story};
use super::naming::Naming;
use super::options::{Limits, Options, Watched};
use super::shown::{Past, Shown};
use super::words::nearest;
use crate::choice::Path;
use crate::disk::Disk;
use crate::judge::{Violation, Window};
use crate::media::{CellId, LazyImage, Timeline};
use crate::profile::{Atomic, Profile, Torn};
use crate::supervise::{Supervised, stop_for_debugger, supervised};
use crashcheck_outcome::Difference;
use crashcheck_trace::{Event, EventId, ReplayId, Trace};
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// What every disk writes as a whole, in bytes.
pub(super) const SECTOR: u64 = 512;

/// What all runs of an exploration have in common.
pub(crate) struct Context {
    pub(crate) instance: Arc<dyn Instance>,
    pub(crate) naming: Naming,
    pub(crate) trace: Arc<Trace>,
    pub(crate) timeline: Arc<Timeline>,
    pub(crate) limits: Limits,
    /// How many lives end in a crash.
    pub(crate) lives: u8,
    /// Everything is decided before recovery starts.
    pub(crate) eager: AtomicBool,
    /// Threads of the system were seen to use the devices after recovery had returned.
    pub(crate) strays: AtomicBool,
    /// The different windows of the crash points of each epoch, each with the first point that has it, epoch after epoch.
    windows: Vec<(usize, Window)>,
    /// Where those of each epoch begin; one longer than there are epochs.
    windows_of: Vec<u32>,
    /// The numbers by which the events are told, if the trace was made from another one.
    numbers: Vec<u32>,
    /// What was asked while the trace was recorded, before any crash, and answered.
    pub(crate) before: Path,
}

/// What is judged: what recovery gave of a crash state, and the lives since the recorded workload that ended in a crash.
struct State<'a> {
    image: &'a LazyImage,
    stories: &'a [Arc<Story>],
    recovered: &'a Recovered,
}

/// What a crash at some point of some life allows.
#[derive(Clone, Copy)]
struct Standard {
    life: u8,
    point: usize,
    window: Window,
}

impl Context {
    pub(crate) fn new(instance: impl Instance, naming: Naming, trace: Arc<Trace>, options: &Options) -> Self {
        Context::of(Arc::new(instance), naming, trace, options)
    }

    /// The same on another trace.
    pub(crate) fn on(&self, trace: Arc<Trace>, options: &Options) -> Arc<Self> {
        let naming = Naming { trace_hash: trace.fingerprint(), ..self.naming.clone() };
        let context = Context::of(Arc::clone(&self.instance), naming, trace, options);
        Arc::new(context.behind(self.before.clone()))
    }

    /// The same on a trace that holds some of the events, under a name of its own. They are told by the numbers they had.
    pub(crate) fn on_some(
        &self,
        trace: Arc<Trace>,
        kept: &[EventId],
        options: &Options,
        name: &str,
    ) -> Arc<Self> {
        let naming =
            Naming { trace_hash: trace.fingerprint(), workload: name.to_owned(), ..self.naming.clone() };
        let numbers = kept.iter().map(|event| self.teller().number(*event)).collect();
        let context = Context::of(Arc::clone(&self.instance), naming, trace, options);
        Arc::new(context.behind(self.before.clone()).told_by(numbers))
    }

    /// The same, telling its events by these numbers.
    pub(crate) fn told_by(self, numbers: Vec<u32>) -> Self {
        Context { numbers, ..self }
    }

    /// The same of a recording of which this was asked and answered.
    pub(crate) fn behind(self, before: Path) -> Self {
        Context { before, ..self }
    }

    /// Whether a flush has failed while the trace was recorded.
    pub(crate) fn has_failed_flush(&self) -> bool {
        self.before.deviates() > 0
    }

    /// Tells of the trace.
    pub(crate) fn teller(&self) -> Teller<'_> {
        Teller::new(&self.trace).with_numbers(&self.numbers)
    }

    fn of(instance: Arc<dyn Instance>, naming: Naming, trace: Arc<Trace>, options: &Options) -> Self {
        let timeline = Timeline::new(&trace, &options.profile);
        let (mut windows, mut windows_of) = (Vec::<(usize, Window)>::new(), vec![0]);
        for epoch in &timeline.epochs {
            let first = windows.len();
            for point in epoch.from..=epoch.upto {
                let window = timeline.windows[point];
                if windows[first..].last().is_none_or(|(_, last)| *last != window) {
                    windows.push((point, window));
                }
            }
            windows_of.push(windows.len() as u32);
        }
        let eager = AtomicBool::new(instance.eager());
        let lives = if instance.has_later_lives() { options.lives.max(1) } else { 1 };
        let time = if instance.limits_time() { Duration::MAX } else { options.limits.time };
        let limits = Limits { time, ..options.limits };
        Context {
            instance,
            naming,
            trace,
            timeline: Arc::new(timeline),
            limits,
            lives,
            eager,
            strays: AtomicBool::new(false),
            windows,
            windows_of,
            numbers: Vec::new(),
            before: Path::default(),
        }
    }

    /// Whether a crash state was found in this trace, under this profile.
    pub(crate) fn is_of(&self, state: &ReplayId) -> bool {
        let Naming { system, workload, trace_hash, .. } = &self.naming;
        let profile = self.timeline.profile.name_in_ids();
        (system, workload, &profile, trace_hash)
            == (&state.system, &state.workload, &state.profile, &state.trace_hash)
    }

    /// Whether writes reach beyond the sector that they begin in, and are whole or absent all the same.
    pub(crate) fn takes_long_writes_whole(&self) -> bool {
        let Profile { atomic, torn, .. } = self.timeline.profile;
        let is_long = |event: &Event| {
            matches!(event, Event::Write { at, data, .. }
                if at.0 / SECTOR != (at.0 + data.len().0.max(1) - 1) / SECTOR)
        };
        (atomic, torn) == (Atomic::Write, Torn::OldOrNew) && self.trace.events.iter().any(is_long)
    }

    /// Whether what a recovery is told in a life, from 1, is all that it goes by. A later life of a cluster goes by all that
    /// happened since the workload began.
    pub(crate) fn is_remembered(&self, life: u8) -> bool {
        life == 1 || self.timeline.script.is_none()
    }

    /// The different windows of the crash points that can leave an image, each with its first point.
    fn windows(&self, epoch: u32, earliest: usize) -> &[(usize, Window)] {
        let (from, upto) = (self.windows_of[epoch as usize], self.windows_of[epoch as usize + 1]);
        let all = &self.windows[from as usize..upto as usize];
        &all[all.partition_point(|(point, _)| *point <= earliest).saturating_sub(1)..]
    }

    /// Judges a state by what the crashes of a life and of those before it allow, and lists that in `judged`. A life in which
    /// recovery had not come to its end has promised nothing, so that what the lives before it have promised holds.
    fn judge_by(
        &self,
        life: u8,
        state: &State<'_>,
        judged: &mut Vec<Window>,
    ) -> Result<(), (Standard, Violation)> {
        let State { image, stories, recovered } = *state;
        let earliest = image.earliest(life);
        let Some(story) = usize::from(life).checked_sub(2).map(|nth| &stories[nth]) else {
            return self.windows(image.epoch(1), earliest).iter().try_for_each(|(point, window)| {
                judged.push(*window);
                let standard = Standard { life, point: *point.max(&earliest), window: *window };
                self.judged(recovered, None, *window).map_err(|violation| (standard, violation))
            });
        };
        if earliest < story.life.recovered {
            self.judge_by(life - 1, state, judged)?;
        }
        let timeline = story.life.laid_out(&self.timeline.profile, life);
        let upto = timeline.epochs[image.epoch(life) as usize].upto;
        let mut points: Vec<usize> = (earliest.max(story.life.recovered)..=upto).collect();
        points.dedup_by_key(|point| timeline.windows[*point]);
        points.into_iter().try_for_each(|point| {
            let window = timeline.windows[point];
            judged.push(window);
            let Err(violation) = self.judged(recovered, Some(&story.past), window) else { return Ok(()) };
            // What recovery has shown binds a system that does not promise so only from an acknowledgement on.
            let binds = self.instance.is_stable() || window.durable > 0;
            if !binds && self.judge_by(life - 1, state, &mut Vec::new()).is_ok() {
                return Ok(());
            }
            Err((Standard { life, point, window }, violation))
        })
    }

    /// Whether a crash with this window may leave what recovery gave.
    pub(crate) fn judged(
        &self,
        recovered: &Recovered,
        past: Option<&Past>,
        window: Window,
    ) -> Result<(), Violation> {
        let shown = recovered.shown.as_ref().map_err(Violation::clone)?;
        let judged = guarded(|| self.instance.judge(shown, past, window));
        judged.unwrap_or_else(|abort| Err(Violation::new("judged", format!("the judge {abort}"))))
    }

    /// In what a recovered state differs from what it should be, if that can be told.
    pub(crate) fn compare(&self, shown: &Shown, past: Option<&Past>, window: Window) -> Compared {
        compared(|| self.instance.compare(shown, past, window))
    }

    /// The same of what was seen later.
    pub(crate) fn contrast(&self, evidence: &Shown) -> Compared {
        compared(|| self.instance.contrast(evidence))
    }

    /// Whether nothing is wrong with what recovery gave of a state.
    fn passes(&self, image: &LazyImage, stories: &[Arc<Story>], end: &End) -> bool {
        let state = State { image, stories, recovered: &end.recovered };
        end.recovered.after.is_ok() && self.judge_by(image.life(), &state, &mut Vec::new()).is_ok()
    }

    /// Makes a leaf of a state, which fails if it cannot be judged.
    fn judge(
        &self,
        job: &Job,
        image: &LazyImage,
        stories: Vec<Arc<Story>>,
        end: End,
        (how, unjudged): (How, Option<&str>),
    ) -> Leaf {
        let state = State { image, stories: &stories, recovered: &end.recovered };
        let (life, mut judged) = (image.life(), Vec::new());
        let first = Standard { life, point: image.earliest(life), window: Window { durable: 0, begun: 0 } };
        let verdict = match unjudged {
            Some(why) => Err((first, Violation::new("judged", why), None)),
            None => self
                .judge_by(life, &state, &mut judged)
                .map_err(|(standard, violation)| (standard, violation, None))
                .and_then(|()| {
                    let after = end.recovered.after.clone();
                    after.map_err(|broken| (first, broken.violation, Some(By::Later(broken.evidence))))
                }),
        };
        let verdict = verdict.map_err(|(standard, violation, by)| {
            let point = |life| if life == standard.life { standard.point } else { image.earliest(life) };
            let points = (1..=image.life()).map(point).collect();
            let by = by.unwrap_or(By::Recovered(standard.life, standard.window));
            Failed { violation, points, by }
        });
        Leaf {
            path: image.path().clone(),
            epochs: (1..=life).map(|life| image.epoch(life)).collect(),
            root: job
                .root
                .clone()
                .map(|root| (root, Path::of_crash(life, image.epochs(life), image.epoch(life)))),
            told: image.observed().to_vec(),
            verdict,
            judged,
            represented: image.represented(),
            how,
            outcome: None,
            diverged: image.diverged(),
            account: None,
            frozen: end.story.is_some().then(|| image.freeze()),
            kept: image.is_kept().then(|| image.kept(nearest)),
            stories,
            end,
        }
    }

    /// What is known of a state whose recovery does not come back; `None` if recovery is over. Its machine loses power.
    pub(crate) fn hung(&self, job: &Job, disk: &Disk, stories: &Stories) -> Option<Leaf> {
        disk.power_on();
        let image = disk.machine().take_crashed()?;
        let seconds = self.limits.time.as_secs();
        let violation = Violation::new("recovers", format!("recovery did not come back within {seconds} s"));
        let recovered = Recovered::failed(violation);
        let outcome = Some(FxBuildHasher.hash_one(&recovered));
        let end = End { recovered: Arc::new(recovered), lives_on: false, story: None };
        let stories = match &job.root {
            _ if job.through.is_some() => lock(stories).clone(),
            Some(root) => root.stories.clone(),
            None => Vec::new(),
        };
        Some(Leaf { outcome, ..self.judge(job, &image, stories, end, (How::Hung, None)) })
    }
}

/// What comes of a comparison, in which the code of a system runs.
fn compared(compare: impl FnOnce() -> Compared) -> Compared {
    guarded(compare).unwrap_or_else(|abort| {
        let what = format!("nothing can be said: comparing {abort}");
        let differences = vec![Difference { what, expected: None, recovered: None }];
        Compared { differences, with: None }
    })
}

/// The lives since the recorded workload that a run has gone through, for those who watch.
pub(crate) type Stories = Arc<Mutex<Vec<Arc<Story>>>>;

/// Runs states one after the other on one machine.
pub(crate) struct Runner {
    context: Arc<Context>,
    memo: Arc<RwLock<Memo>>,
    disk: Disk,
    image: Option<Box<LazyImage>>,
    /// Those of a run through several lives.
    stories: Stories,
    /// Why nothing is judged.
    unjudged: Option<String>,
}

impl Runner {
    pub(crate) fn new(context: Arc<Context>, memo: Arc<RwLock<Memo>>) -> Self {
        let (disk, stories) = (Disk::dark(), Stories::default());
        Runner { context, memo, disk, image: None, stories, unjudged: None }
    }

    /// From now on no state is judged, for this reason: each fails.
    pub(crate) fn judge_nothing(&mut self, why: String) {
        self.unjudged = Some(why);
    }

    /// The machine, for those who watch.
    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The lives that a run has gone through, for those who watch.
    pub(crate) fn stories(&self) -> &Stories {
        &self.stories
    }

    /// Looks at one state. `None` if the watch has taken it away meanwhile.
    pub(crate) fn run(&mut self, job: &Job, use_memo: bool) -> Option<Leaf> {
        let context = Arc::clone(&self.context);
        let fresh = || Box::new(LazyImage::new(Arc::clone(&context.timeline)));
        let mut image = self.image.take().unwrap_or_else(fresh);
        let mut stories = job.root.as_ref().map_or_else(Vec::new, |root| root.stories.clone());
        let lives = job.through.unwrap_or(context.lives);
        let first = job.root.as_ref().map_or(1, |root| root.life());
        let goes_on = |life: u8| !job.is_last && life < lives && !context.eager.load(Ordering::Relaxed);
        let follows = use_memo && context.is_remembered(first);
        if follows {
            job.begin(&mut image, false);
            let needs_story = goes_on(image.life());
            let known = self.memo.read().unwrap_or_else(PoisonError::into_inner).follow(&mut image);
            let passes = |end: &End| end.recovered.shown.is_ok() && end.recovered.after.is_ok();
            if let Some(end) = known.filter(|end| !needs_story || end.story.is_some() || !passes(end)) {
                let leaf = context.judge(job, &image, stories, end, (How::Known, self.unjudged.as_deref()));
                self.image = Some(image);
                return Some(leaf);
            }
        }
        if job.through.is_some() {
            lock(&self.stories).clone_from(&stories);
        }
        // What was decided on the way so far is what recovery decides, too; but who tells of it, or leaves a trail, tells all of it.
        if follows && !job.account && supervised().is_none() && !context.eager.load(Ordering::Relaxed) {
            image.run_again(goes_on(first));
        } else {
            job.begin(&mut image, goes_on(first));
        }
        if job.account {
            image.keep_account();
        }
        if context.eager.load(Ordering::Relaxed) {
            image.decide_all();
        }
        loop {
            let (mut left, end, hash) = self.run_life(job, image)?;
            if let Some(story) = end.story.clone().filter(|_| job.through.is_some())
                && (self.unjudged.is_some() || context.passes(&left, &stories, &end))
                && left.fail_again(&story.life, goes_on(left.life() + 1))
            {
                stories.push(story);
                lock(&self.stories).clone_from(&stories);
                image = left;
                continue;
            }
            let leaf = Leaf {
                outcome: Some(hash),
                account: left.take_account(),
                ..context.judge(job, &left, stories, end, (How::Ran, self.unjudged.as_deref()))
            };
            self.image = Some(left);
            return Some(leaf);
        }
    }

    /// Runs one life, from power-on to power-off.
    fn run_life(&self, job: &Job, mut image: Box<LazyImage>) -> Option<(Box<LazyImage>, End, u64)> {
        let death = supervised().and_then(|known| self.trail_or_death(known, job, &mut image));
        let (mut image, lived) = match death {
            Some(recovered) => (image, Lived::last(recovered)),
            None => {
                if job.watched == Watched::Stopped {
                    stop_for_debugger(image.life());
                }
                let lived = self.live(image);
                let mut machine = self.disk.machine();
                if machine.met_strays() {
                    self.context.strays.store(true, Ordering::Relaxed);
                }
                (machine.take_crashed()?, lived)
            }
        };
        image.leave_trail(None);
        let Lived { recovered, past } = lived;
        let past = past.filter(|_| recovered.after.is_ok() && !image.failed_in_service() && image.is_life());
        let lives_on = past.is_some();
        let story = past.zip(image.end_life());
        let shows = recovered.kind.shows.clone();
        let story = story.map(|(past, life)| Arc::new(Story { life, past, shows }));
        let (recovered, hash) = self.let_go_of_known(recovered);
        Some((image, End { recovered, lives_on, story }, hash))
    }

    /// What recovery gave, with its hash. What it shows is let go of if the same is remembered.
    fn let_go_of_known(&self, recovered: Recovered) -> (Arc<Recovered>, u64) {
        let known = guarded(|| {
            let hash = FxBuildHasher.hash_one(&recovered);
            (self.memo.read().unwrap_or_else(PoisonError::into_inner).kept(&recovered, hash), hash)
        });
        match known {
            Ok((kept, hash)) => (kept.unwrap_or_else(|| Arc::new(recovered)), hash),
            Err(abort) => {
                let violation = Violation::new("judged", format!("comparing what recovery shows {abort}"));
                let recovered = Recovered::failed(violation);
                let hash = FxBuildHasher.hash_one(&recovered);
                (Arc::new(recovered), hash)
            }
        }
    }

    /// A state that took an earlier process down is not run; any other leaves a trail.
    fn trail_or_death(&self, known: &Supervised, job: &Job, image: &mut LazyImage) -> Option<Recovered> {
        let Context { naming, timeline, .. } = &*self.context;
        let Naming { system, bugs, workload, trace_hash, .. } = naming;
        let (bugs, profile) = (bugs.join("+"), &timeline.profile.name);
        let (life, serial) = (image.life(), job.serial);
        let state = format!("{system}+{bugs}:{workload}/{profile}/{trace_hash:08x}/{life}/{serial}");
        let Some(death) = known.death(&state) else {
            image.leave_trail(known.begin(&state));
            return None;
        };
        for (life, cell) in &death.cells {
            image.look(*life, CellId(*cell));
        }
        let detail = format!("recovery took its process down ({})", death.how);
        Some(Recovered::failed(Violation::new("recovers", detail)))
    }

    fn live(&self, image: Box<LazyImage>) -> Lived {
        let limit = self.context.limits.device_operations;
        self.disk.machine().crash(image, limit);
        let result = guarded(|| self.context.instance.live(&self.disk));
        let failed = |detail| Lived::last(Recovered::failed(Violation::new("recovers", detail)));
        let runaway = || failed(format!("recovery used more than {limit} device operations"));
        match result {
            _ if self.disk.machine().ran_away() => runaway(),
            Err(Abort::Stopped) => runaway(),
            Err(Abort::Panicked(text)) => failed(format!("recovery panicked: {text}")),
            Ok(lived) => lived,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
