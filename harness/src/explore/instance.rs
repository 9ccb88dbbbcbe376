//! What is explored: something that recovers from a crash state, and can say whether what it shows is allowed.

use super::continued::Continued;
use super::evidence::{Broken, Evidence};
use super::seen::{Seen, SeenView};
use super::shown::{Past, Shown};
use crate::disk::Disk;
use crate::erased::{AnyOp, AnySystem, AnyView, Course, Live, Op, View};
use crate::judge::{Violation, Window};
use crate::media::Stage;
use crate::record::performed;
use crate::system::{Ack, Error};
use crashcheck_outcome::{Difference, Rule};
use crashcheck_trace::{Event, Image, OpId};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

/// Something that recovers and goes on, and a judge of what it shows.
pub(crate) trait Instance: Send + Sync + 'static {
    /// Lives from power-on to power-off: recovers from the crash state on the disk, and goes on.
    fn live(&self, disk: &Disk) -> Lived;

    /// Whether a crash with this window may show this: a crash of the recorded workload, or of a later life that did this.
    fn judge(&self, shown: &Shown, past: Option<&Past>, window: Window) -> Result<(), Violation>;

    /// In what the recovered state differs from the nearest one that a crash with this window allows.
    fn compare(&self, shown: &Shown, past: Option<&Past>, window: Window) -> Compared {
        let _ = (shown, past, window);
        Compared::default()
    }

    /// Whether an operation of the recorded workload was refused, or one of a later life that did this.
    fn is_refused(&self, past: Option<&Past>, op: OpId) -> bool {
        let _ = (past, op);
        false
    }

    /// The same of a promise that was broken later: in what that differs which was seen then from what should be.
    fn contrast(&self, evidence: &Shown) -> Compared {
        let _ = evidence;
        Compared::default()
    }

    /// The promises that [`live`](Instance::live) and [`judge`](Instance::judge) look at.
    fn promises(&self) -> Vec<&'static str>;

    /// Whether what a recovery has shown survives all later crashes.
    fn is_stable(&self) -> bool {
        true
    }

    /// The devices as recovery left them, if what it shows holds them: a command writes to files, not to the disk.
    fn devices(&self, shown: &Shown) -> Option<Vec<Image>> {
        let _ = shown;
        None
    }

    /// Whether all of the image is needed whatever recovery reads, as a command that is given a file does.
    fn eager(&self) -> bool {
        false
    }

    /// Whether what it writes is seen in the order of its writes, so that what follows a recovery can crash as well.
    fn has_later_lives(&self) -> bool {
        !self.eager()
    }

    /// Whether it sees to it itself that nothing takes too long, as commands do that have a limit of their own.
    fn limits_time(&self) -> bool {
        false
    }
}

/// What came of a life.
pub(crate) struct Lived {
    pub(crate) recovered: Recovered,
    /// What it did after it had recovered.
    pub(crate) past: Option<Past>,
}

/// A recovered state beside one that is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Compared {
    /// In what they differ.
    pub(crate) differences: Vec<Difference>,
    /// Which state it was compared with.
    pub(crate) with: Option<String>,
}

/// A recovered state is compared with so many states of the model, the newest that a crash allows.
const COMPARED: usize = 64;

/// So many differences are told.
const DIFFERENCES: usize = 20;

/// What came of a recovery.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Recovered {
    /// What it shows, or why it shows nothing.
    pub(crate) shown: Result<Shown, Violation>,
    /// A promise that was broken after that: recovering again, going on.
    pub(crate) after: Result<(), Broken>,
    /// What kind of outcome it is.
    pub(crate) kind: Kind,
}

/// A kind of outcome, for the census.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Kind {
    /// What recovery met, in the system's words.
    pub(crate) found: Option<String>,
    /// What it shows.
    pub(crate) shows: Shows,
}

/// What a recovery shows, put into words where somebody reads them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Shows {
    /// The state of the model after so many of its operations.
    State { nth: usize, of: usize },
    /// Something else.
    Words(Cow<'static, str>),
}

impl fmt::Display for Shows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shows::State { nth, of } => write!(f, "the state after {nth} of {of} operations"),
            Shows::Words(words) => f.write_str(words),
        }
    }
}

impl Compared {
    /// Of very many differences the last one says how many more there are.
    fn new(mut differences: Vec<Difference>, with: String) -> Self {
        if differences.len() > DIFFERENCES {
            let what = format!("{} more", differences.len() - DIFFERENCES);
            differences.truncate(DIFFERENCES);
            differences.push(Difference { what, expected: None, recovered: None });
        }
        Compared { differences, with: Some(with) }
    }
}

impl Recovered {
    pub(crate) fn failed(violation: Violation) -> Self {
        let kind =
            Kind { found: None, shows: Shows::Words(format!("nothing: {}", violation.promise).into()) };
        Recovered { shown: Err(violation), after: Ok(()), kind }
    }
}

impl Lived {
    /// A life after which there is no other.
    pub(crate) fn last(recovered: Recovered) -> Self {
        Lived { recovered, past: None }
    }
}

/// What a look at a recovered system gives: what it shows, the view as it was read, and the system in use.
type Look = (Seen, View, Live);

/// By a state of the model and what a crash allows.
type Verdicts = RwLock<FxHashMap<(usize, Window), Result<(), Violation>>>;

/// What is said of what was cut short by another crash; nobody listens.
const ENDED: &str = "nodes have crashed again";

/// What is seen after recovery is compared with one of these.
const FIRST: &str = "what the first recovery shows";
const BEFORE_FAULT: &str = "what it showed before a device failed";
const MODEL: &str = "what the model says after what was done since recovery";

/// So many operations of an earlier life are looked for together among those that came back.
const BACK: usize = 4;

/// A system with a workload that was recorded.
pub(crate) struct Recorded {
    pub(super) system: Arc<dyn AnySystem>,
    pub(super) course: Box<dyn Course>,
    /// The model's states by their hash, different ones once, the first of equal ones.
    by_hash: FxHashMap<u64, Vec<usize>>,
    /// By the first of equal ones: all of them, in ascending order.
    alike: FxHashMap<usize, Vec<usize>>,
    /// What the judge has said of them where the recorded workload was crashed.
    verdicts: Verdicts,
    /// What the system is made to keep.
    rules: Arc<[Rule]>,
}

impl Instance for Recorded {
    fn live(&self, disk: &Disk) -> Lived {
        let disk = &disk.keeping(&self.rules);
        if disk.is_run() {
            return self.rerun(disk);
        }
        match self.first_look_at(disk) {
            Err(violation) => Lived::last(Recovered::failed(violation)),
            Ok((seen, view, live)) => {
                disk.note_recovered();
                let mut past = Continued::after(0, self.system.begin(&*view));
                let after = self.serve_and_go_on(disk, live, (&seen, &*view), &mut past);
                let recovered = Recovered { after, kind: self.kind(&seen), shown: Ok(Shown::new(seen)) };
                Lived { recovered, past: Some(Past::new(past)) }
            }
        }
    }

    fn judge(&self, shown: &Shown, past: Option<&Past>, window: Window) -> Result<(), Violation> {
        let seen = shown.get::<Seen>();
        let view = self.view_of(seen);
        match past {
            None => {
                let window = seen.allowed(0, window);
                let judge = |known| self.system.judge(view, &*self.course, window, Some(known));
                match seen.view {
                    SeenView::Known(nth) => self.verdict(nth, window, || judge(&self.alike[&nth])),
                    SeenView::Other(_) => judge(&[]),
                }
            }
            Some(past) => {
                let past = past.get::<Continued>();
                self.judge_later(view, past, seen.allowed(past.crashes, window))
            }
        }
    }

    fn compare(&self, shown: &Shown, past: Option<&Past>, window: Window) -> Compared {
        let seen = shown.get::<Seen>();
        let (course, nth) = match past.map(Past::get::<Continued>) {
            None => (&self.course, 0),
            Some(past) => (&past.course, past.crashes),
        };
        let (view, Window { durable, begun }) = (self.view_of(seen), seen.allowed(nth, window));
        let mut nearest: Option<(usize, Vec<Difference>)> = None;
        for nth in (durable..=begun.min(course.len())).rev().take(COMPARED) {
            let state = course.state(nth);
            if nth < begun.min(course.len()) && course.state(nth + 1).equals(state) {
                continue;
            }
            let differences = self.system.differences(state, view);
            if nearest.as_ref().is_none_or(|(_, known)| differences.len() < known.len()) {
                nearest = Some((nth, differences));
            }
        }
        let Some((nth, differences)) = nearest else { return Compared::default() };
        let with = match past {
            None => format!("the model after {nth} of {} operations", course.len()),
            Some(_) => {
                format!("what recovery had shown, after {nth} of {} more operations", course.len())
            }
        };
        Compared::new(differences, with)
    }

    fn contrast(&self, evidence: &Shown) -> Compared {
        match evidence.get::<Evidence>() {
            Evidence::Views { with, expected, recovered } => {
                let differences = self.system.differences(&**expected, &**recovered);
                Compared::new(differences, (*with).to_owned())
            }
            Evidence::Done { with, difference } => {
                Compared::new(vec![difference.clone()], (*with).to_owned())
            }
        }
    }

    fn is_refused(&self, past: Option<&Past>, op: OpId) -> bool {
        let course = past.map_or(&self.course, |past| &past.get::<Continued>().course);
        course.is_refused(op.index())
    }

    fn promises(&self) -> Vec<&'static str> {
        let mut promises = vec!["recovers", "well-formed", "durable", "atomic", "idempotent"];
        if (0..=self.course.len()).any(|nth| !self.system.probe(self.course.state(nth)).is_empty()) {
            promises.push("usable");
        }
        promises
    }

    fn is_stable(&self) -> bool {
        self.system.is_stable()
    }
}

impl Recorded {
    pub(crate) fn new(system: Arc<dyn AnySystem>, course: Box<dyn Course>, rules: Arc<[Rule]>) -> Self {
        let (mut by_hash, mut alike) = (FxHashMap::<u64, Vec<usize>>::default(), FxHashMap::default());
        for nth in 0..=course.len() {
            let state = course.state(nth);
            let firsts = by_hash.entry(state.digest()).or_default();
            let known = firsts.iter().copied().find(|first| course.state(*first).equals(state));
            let first = known.unwrap_or(nth);
            if known.is_none() {
                firsts.push(nth);
            }
            alike.entry(first).or_insert_with(Vec::new).push(nth);
        }
        Recorded { system, course, by_hash, alike, verdicts: Verdicts::default(), rules }
    }

    /// What the judge says of a state of the model, asked once.
    fn verdict(
        &self,
        nth: usize,
        window: Window,
        judge: impl FnOnce() -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        let known = self.verdicts.read().unwrap_or_else(PoisonError::into_inner).get(&(nth, window)).cloned();
        known.unwrap_or_else(|| {
            let verdict = judge();
            let mut verdicts = self.verdicts.write().unwrap_or_else(PoisonError::into_inner);
            verdicts.insert((nth, window), verdict.clone());
            verdict
        })
    }

    /// What recovery shows, with the view looked up among the model's states.
    pub(super) fn seen(&self, view: &View, remark: Option<String>, acked: Vec<usize>) -> Seen {
        let view = match self.state_shown(&**view) {
            Some(nth) => SeenView::Known(nth),
            None => SeenView::Other(view.clone()),
        };
        Seen { view, remark, acked }
    }

    fn view_of<'a>(&'a self, seen: &'a Seen) -> &'a dyn AnyView {
        match &seen.view {
            SeenView::Known(nth) => self.course.state(*nth),
            SeenView::Other(view) => &**view,
        }
    }

    pub(super) fn kind(&self, shown: &Seen) -> Kind {
        let shows = match &shown.view {
            SeenView::Known(nth) => Shows::State { nth: *nth, of: self.course.len() },
            SeenView::Other(_) => Shows::Words("none of the model's states as a whole".into()),
        };
        Kind { found: shown.remark.clone(), shows }
    }

    /// The first state of the model that this is.
    pub(super) fn state_shown(&self, view: &dyn AnyView) -> Option<usize> {
        let alike = self.by_hash.get(&view.digest())?;
        alike.iter().copied().find(|nth| self.course.state(*nth).equals(view))
    }

    /// Turns the power on, and recovers.
    fn open(&self, disk: &Disk) -> Result<Live, Error> {
        let live = self.system.open(disk.power_on())?;
        disk.after_recovery()?;
        disk.end_recovery();
        Ok(live)
    }

    /// Recovers, and looks at what that shows.
    fn first_look_at(&self, disk: &Disk) -> Result<Look, Violation> {
        let opened = self.open(disk);
        let mut live = opened.map_err(|error| Violation::new("recovers", error.to_string()))?;
        disk.enter(Stage::Look);
        let remark = self.system.remark(&live);
        self.system.check(&mut live).map_err(|error| Violation::new("well-formed", error.to_string()))?;
        let unreadable = |error| Violation::new("recovers", format!("what it holds cannot be read: {error}"));
        let view = self.system.view(&mut live).map_err(unreadable)?;
        Ok((self.seen(&view, remark, Vec::new()), view, live))
    }

    /// Goes on with what has recovered. The devices as recovery had left them are recovered once more at the end, so that what is
    /// gone on with is the system that has recovered, with all that it has in memory.
    fn serve_and_go_on(
        &self,
        disk: &Disk,
        mut live: Live,
        (seen, view): (&Seen, &dyn AnyView),
        past: &mut Continued,
    ) -> Result<(), Broken> {
        self.serve(disk, &mut live, view)?;
        self.system.audit(&mut live).map_err(|error| Violation::new("well-formed", error.to_string()))?;
        let recovered = disk.as_recovered();
        let gone_on = self.go_on(disk, live, seen, past).map_err(|broken| past.behind(broken));
        // A recovery that has written nothing would do and show the same, unless a device may have failed since.
        let again = recovered.map_or(Ok(()), |recovered| {
            disk.return_to(recovered);
            self.recover_again(disk, view)
        });
        again.and(gone_on)
    }

    fn go_on(&self, disk: &Disk, mut live: Live, seen: &Seen, past: &mut Continued) -> Result<(), Broken> {
        let first = match seen.view {
            SeenView::Known(nth) => nth,
            SeenView::Other(_) => 0,
        };
        let rest = self.system.go_on(past.shown(), &*self.course, first);
        // What fails here may not apply to what recovery has shown; only what `probe` asks for must work.
        if rest.into_iter().all(|op| self.perform(disk, &mut live, &op, past).is_ok()) {
            self.use_it(disk, &mut live, past)?;
        }
        drop(live);
        self.restart(disk, past)
    }

    /// Looks again while what can fail in service may have failed.
    fn serve(&self, disk: &Disk, live: &mut Live, view: &dyn AnyView) -> Result<(), Broken> {
        if !disk.begin_service() {
            return Ok(());
        }
        let unreadable = |error: Error| {
            let detail = format!("what it holds cannot be read any more: {error}");
            let what = "reading what it holds".to_owned();
            Broken::new("redundant", detail, Evidence::done(BEFORE_FAULT, what, "done", error.to_string()))
        };
        let again = self.system.view(live).map_err(unreadable)?;
        if again.equals(view) {
            return Ok(());
        }
        let detail = self.system.tell_apart(view, &*again, &*self.course);
        let evidence = Evidence::Views { with: BEFORE_FAULT, expected: view.shared(), recovered: again };
        Err(Broken::new("redundant", detail, evidence))
    }

    /// Recovers once more without a crash in between.
    fn recover_again(&self, disk: &Disk, view: &dyn AnyView) -> Result<(), Broken> {
        let broken = |what: &'static str| {
            move |error: Error| {
                let why = error.to_string();
                let evidence = Evidence::done(FIRST, what.to_owned(), "done", why.clone());
                Broken::new("idempotent", why, evidence)
            }
        };
        disk.enter(Stage::Again);
        let mut live = self.open(disk).map_err(broken("recovering a second time"))?;
        disk.enter(Stage::LookAgain);
        let again = self.system.view(&mut live).map_err(broken("reading what a second recovery has left"))?;
        if again.equals(view) {
            return Ok(());
        }
        let evidence = Evidence::Views { with: FIRST, expected: view.shared(), recovered: again };
        Err(Broken::new("idempotent", "a second recovery shows something else than the first", evidence))
    }

    /// Uses a system: what must work works, and does what the model says.
    pub(super) fn use_it(&self, disk: &Disk, live: &mut Live, past: &mut Continued) -> Result<(), Broken> {
        let broken = |detail: String, what: String, is: String| {
            Broken::new("usable", detail, Evidence::done(MODEL, what, "done", is))
        };
        for op in self.system.probe(past.shown()) {
            let what = || format!("{op:?}");
            let ack = self.perform(disk, live, &op, past).map_err(|error| {
                broken(format!("{} fails after recovery: {error}", what()), what(), error.to_string())
            })?;
            if ack == Ack::Refused {
                let detail = format!("{} is refused after recovery", what());
                return Err(broken(detail, what(), "refused".to_owned()));
            }
        }
        let unreadable =
            |error: Error| broken(error.to_string(), "reading what it holds".to_owned(), error.to_string());
        self.does_as_told(self.system.view(live).map_err(unreadable)?, past, "operations after recovery")
    }

    /// What is shown is what the model says after what was done.
    pub(super) fn does_as_told(&self, shown: View, past: &Continued, what: &str) -> Result<(), Broken> {
        if shown.equals(past.shown()) {
            return Ok(());
        }
        let evidence = Evidence::Views { with: MODEL, expected: past.shown().shared(), recovered: shown };
        Err(Broken::new("usable", format!("{what} do not do what the model says"), evidence))
    }

    /// Performs an operation, which is in progress until it is acknowledged; if nodes crash once more, until it has ended in
    /// one way or another.
    pub(super) fn perform(
        &self,
        disk: &Disk,
        live: &mut Live,
        op: &Op,
        past: &mut Continued,
    ) -> Result<Ack, Error> {
        if past.has_ended(disk) {
            return Err(ENDED.into());
        }
        let id = OpId(past.course.len() as u32);
        disk.note_with(|| Event::Begin { op: id, text: format!("{op:?}") });
        let ack = performed(&*self.system, disk, live, &**op);
        let ended = past.has_ended(disk);
        self.system.step(&mut *past.course, &**op, matches!(ack, Ok(Ack::Refused)));
        if let Ok(ack) = ack {
            past.durable = if ack == Ack::Durable { past.course.len() } else { past.durable };
            if ended {
                return Err(ENDED.into());
            }
            disk.note_with(|| Event::Ack { op: id, durable: ack == Ack::Durable });
        }
        ack
    }

    /// Opens the system once more, without a crash, after it was used.
    fn restart(&self, disk: &Disk, past: &Continued) -> Result<(), Broken> {
        if past.is_untouched() {
            return Ok(());
        }
        let broken = |promise: &str, why: &dyn std::fmt::Display| {
            Violation::new(promise, format!("opened once more after it was used, without a crash: {why}"))
        };
        let opened = self.open(disk);
        let mut live = opened.map_err(|error| broken("recovers", &error))?;
        self.system.check(&mut live).map_err(|error| broken("well-formed", &error))?;
        let view = self.system.view(&mut live).map_err(|error| broken("recovers", &error))?;
        self.system.audit(&mut live).map_err(|error| broken("well-formed", &error))?;
        let Continued { ref course, durable, .. } = *past;
        if durable == 0 && !self.system.is_stable() {
            return Ok(());
        }
        let window = Window { durable, begun: course.len() };
        let judged = self.system.judge(&*view, &**course, window, None);
        judged.map_err(|why| {
            let violation = match self.of_later_life(&*view, &**course, window, why) {
                back if back.promise == "no-resurrection" => back,
                other => broken(&other.promise, &other.detail),
            };
            let expected = past.shown().shared();
            let evidence = Evidence::Views { with: MODEL, expected, recovered: view };
            Broken { violation, evidence: Some(Shown::new(evidence)) }
        })
    }

    /// Whether a crash of a later life with this window may show this.
    fn judge_later(&self, view: &dyn AnyView, past: &Continued, window: Window) -> Result<(), Violation> {
        let Continued { before, course, .. } = past;
        let judged = self.system.judge(view, &**course, window, None);
        if judged.is_err() && window.durable == 0 && !before.is_empty() {
            let whole = course.behind(before);
            let window = Window { durable: 0, begun: before.len() + window.begun };
            if self.system.judge(view, &*whole, window, None).is_ok() {
                return Ok(());
            }
        }
        judged.map_err(|why| self.of_later_life(view, &**course, window, why))
    }

    /// What is to be said of a promise that is broken in a later life.
    fn of_later_life(
        &self,
        view: &dyn AnyView,
        course: &dyn Course,
        window: Window,
        why: Violation,
    ) -> Violation {
        if let Some((first, last)) = self.came_back(view, course, window) {
            let op = self.course.op(first);
            let what = match last - first {
                0 => format!("operation {} of the first life ({op:?})", first + 1),
                _ => format!("operations {} to {} of the first life", first + 1, last + 1),
            };
            let detail = format!("what an earlier recovery had shown to be lost came back: {what}");
            return Violation::new("no-resurrection", detail);
        }
        // Nothing was acknowledged since recovery had shown what is gone.
        if window.durable == 0 && (why.promise == "durable" || self.state_shown(view).is_some()) {
            let detail = format!("what recovery had shown did not survive the next crash: {}", why.detail);
            return Violation::new("stable", detail);
        }
        why
    }

    /// The operations of the recorded workload, next to each other, that something shows as if they had been done once more:
    /// of those that recovery had not shown, and that nobody has begun again since.
    fn came_back(&self, view: &dyn AnyView, course: &dyn Course, window: Window) -> Option<(usize, usize)> {
        let (ops, shown) = (self.course.len(), self.state_shown(course.state(0)).unwrap_or(0));
        let text = |op: &dyn AnyOp| op.json().unwrap_or_default();
        let again: Vec<String> =
            (0..window.begun.min(course.len())).map(|nth| text(course.op(nth))).collect();
        let is_gone: Vec<bool> = (0..ops).map(|nth| !again.contains(&text(self.course.op(nth)))).collect();
        let of_length = |more| (shown..ops.saturating_sub(more)).map(move |first| (first, first + more));
        let runs = (0..BACK).flat_map(of_length);
        let mut runs = runs.filter(|(first, last)| is_gone[*first..=*last].iter().all(|gone| *gone));
        runs.find(|(first, last)| {
            (window.durable..=window.begun)
                .any(|nth| self.system.after(course.state(nth), &*self.course, *first..=*last).equals(view))
        })
    }
}
