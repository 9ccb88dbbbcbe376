//! What is explored: something that recovers from a crash state, and can say whether what it shows is allowed.

use crate::judge::{History, Violation, Window};
use crate::record::Recording;
use crate::{Disk, System};
use crashcheck_trace::outcome::Difference;
use rustc_hash::FxBuildHasher;
use std::fmt::Debug;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

/// Something that recovers, and a judge of what it shows.
pub(crate) trait Instance: Send + Sync + 'static {
    /// What recovery shows.
    type Shown: Clone + Debug + Eq + Hash + Send + Sync + 'static;

    /// Recovers from the crash state on the disk.
    fn recover(&self, disk: &Disk) -> Recovered<Self::Shown>;

    /// Whether a crash with this window may show this.
    fn judge(&self, shown: &Self::Shown, window: Window) -> Result<(), Violation>;

    /// In what the recovered state differs from the nearest one that a crash with this window allows.
    fn compare(&self, shown: &Self::Shown, window: Window) -> Compared {
        let _ = (shown, window);
        Compared::default()
    }

    /// The promises that [`recover`](Instance::recover) and [`judge`](Instance::judge) look at.
    fn promises(&self) -> Vec<&'static str>;

    /// Whether all of the image is needed whatever recovery reads, as a command that is given a file does.
    fn eager(&self) -> bool {
        false
    }
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
pub(crate) struct Recovered<Shown> {
    /// What it shows, or why it shows nothing.
    pub(crate) shown: Result<Shown, Violation>,
    /// A promise that was broken after that: recovering again, going on.
    pub(crate) after: Result<(), Violation>,
    /// What kind of outcome it is.
    pub(crate) kind: Kind,
}

/// A kind of outcome, for the census.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Kind {
    /// What recovery met, in the system's words.
    pub(crate) found: Option<String>,
    /// What it shows, in words.
    pub(crate) shows: String,
}

impl<Shown> Recovered<Shown> {
    pub(crate) fn failed(violation: Violation) -> Self {
        let kind = Kind { found: None, shows: format!("nothing: {}", violation.promise) };
        Recovered { shown: Err(violation), after: Ok(()), kind }
    }
}

/// What recovery of a [`System`] shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Seen<View> {
    view: Arc<View>,
    remark: Option<String>,
    /// So many operations were acknowledged as durable after the crash, by nodes that it spared.
    acked: usize,
}

impl<View> Seen<View> {
    pub(super) fn new(view: View, remark: Option<String>, acked: usize) -> Self {
        Seen { view: Arc::new(view), remark, acked }
    }

    pub(super) fn view(&self) -> &View {
        &self.view
    }
}

/// What is allowed if so many operations were acknowledged as durable after the crash.
fn allowed(window: Window, acked: usize) -> Window {
    Window { durable: window.durable.max(acked), begun: window.begun.max(acked) }
}

/// A system with a workload that was recorded.
pub(crate) struct Recorded<S: System> {
    system: S,
    recording: Recording<S>,
    /// The hash of each of the model's states: recovery shows one of them, and most differ in one place only.
    hashes: Vec<u64>,
}

impl<S: System + 'static> Instance for Recorded<S>
where
    S::View: 'static,
    S::Op: 'static,
{
    type Shown = Seen<S::View>;

    fn recover(&self, disk: &Disk) -> Recovered<Self::Shown> {
        if disk.is_run() {
            return self.rerun(disk);
        }
        let seen = self.open(disk).and_then(|mut live| {
            let remark = self.system.remark(&live);
            self.system.check(&mut live).map_err(|error| Violation::new("well-formed", error.to_string()))?;
            let unreadable =
                |error| Violation::new("recovers", format!("what it holds cannot be read: {error}"));
            let view = self.system.view(&mut live).map_err(unreadable)?;
            Ok((Seen::new(view, remark, 0), live))
        });
        match seen {
            Err(violation) => Recovered::failed(violation),
            Ok((seen, live)) => {
                let after = self.serve(disk, live, &seen.view).and_then(|()| self.go_on(disk, &seen.view));
                Recovered { after, kind: self.kind(&seen), shown: Ok(seen) }
            }
        }
    }

    fn judge(&self, shown: &Self::Shown, window: Window) -> Result<(), Violation> {
        let Recording { ops, states, .. } = &self.recording;
        let window = allowed(window, shown.acked);
        self.system.judge(&shown.view, &History { ops, states, window })
    }

    fn compare(&self, shown: &Self::Shown, window: Window) -> Compared {
        let Recording { states, .. } = &self.recording;
        let Window { durable, begun } = allowed(window, shown.acked);
        let mut nearest: Option<(usize, Vec<Difference>)> = None;
        for nth in (durable..=begun.min(states.len() - 1)).rev().take(COMPARED) {
            if nth < begun && self.hashes.get(nth + 1) == Some(&self.hashes[nth]) {
                continue;
            }
            let differences = self.system.differences(&states[nth], &shown.view);
            if nearest.as_ref().is_none_or(|(_, known)| differences.len() < known.len()) {
                nearest = Some((nth, differences));
            }
        }
        let Some((nth, mut differences)) = nearest else { return Compared::default() };
        if differences.len() > DIFFERENCES {
            let what = format!("{} more", differences.len() - DIFFERENCES);
            differences.truncate(DIFFERENCES);
            differences.push(Difference { what, expected: None, recovered: None });
        }
        let with = format!("the model after {nth} of {} operations", states.len() - 1);
        Compared { differences, with: Some(with) }
    }

    fn promises(&self) -> Vec<&'static str> {
        let mut promises = vec!["recovers", "well-formed", "durable", "atomic", "idempotent"];
        if self.recording.states.iter().any(|state| !self.system.probe(state).is_empty()) {
            promises.push("usable");
        }
        promises
    }
}

impl<S: System> Recorded<S> {
    pub(crate) fn new(system: S, recording: Recording<S>) -> Self {
        let hashes = recording.states.iter().map(|state| FxBuildHasher.hash_one(state)).collect();
        Recorded { system, recording, hashes }
    }

    pub(super) fn system(&self) -> &S {
        &self.system
    }

    pub(super) fn ops(&self) -> &[S::Op] {
        &self.recording.ops
    }

    pub(super) fn kind(&self, shown: &Seen<S::View>) -> Kind {
        let (states, hash) = (&self.recording.states, FxBuildHasher.hash_one(&*shown.view));
        let mut alike = (0..states.len()).filter(|nth| self.hashes[*nth] == hash);
        let shows = match alike.find(|nth| states[*nth] == *shown.view) {
            Some(nth) => format!("the state after {nth} of {} operations", states.len() - 1),
            None => "none of the model's states".to_owned(),
        };
        Kind { found: shown.remark.clone(), shows }
    }

    /// Opens the system; if the power goes again while it recovers, opens it again.
    fn open(&self, disk: &Disk) -> Result<S::Live, Violation> {
        loop {
            let handle = disk.power_on();
            let live =
                self.system.open(handle).map_err(|error| Violation::new("recovers", error.to_string()))?;
            if !disk.recovery_crashed() {
                return Ok(live);
            }
            disk.power_on();
            drop(live);
        }
    }

    /// Looks again while what can fail in service may have failed.
    fn serve(&self, disk: &Disk, mut live: S::Live, view: &S::View) -> Result<(), Violation> {
        if !disk.begin_service() {
            return Ok(());
        }
        let unreadable =
            |error| Violation::new("redundant", format!("what it holds cannot be read any more: {error}"));
        let again = self.system.view(&mut live).map_err(unreadable)?;
        match again == *view {
            true => Ok(()),
            false => {
                let states = &self.recording.states;
                Err(Violation::new("redundant", self.system.tell_apart(view, &again, states)))
            }
        }
    }

    /// Recovers once more without a crash in between, and then uses the system.
    fn go_on(&self, disk: &Disk, view: &S::View) -> Result<(), Violation> {
        let broken =
            |promise: &str, error: &dyn std::fmt::Display| Violation::new(promise, error.to_string());
        let mut live = self.system.open(disk.power_on()).map_err(|error| broken("idempotent", &error))?;
        let again = self.system.view(&mut live).map_err(|error| broken("idempotent", &error))?;
        if again != *view {
            let detail = "a second recovery shows something else than the first";
            return Err(Violation::new("idempotent", detail));
        }
        self.use_it(&mut live, again)
    }

    /// Uses a system that shows this.
    pub(super) fn use_it(&self, live: &mut S::Live, mut expected: S::View) -> Result<(), Violation> {
        let broken = |error: &dyn std::fmt::Display| Violation::new("usable", error.to_string());
        for op in self.system.probe(&expected) {
            let failed = |error| broken(&format!("{op:?} fails after recovery: {error}"));
            let ack = self.system.apply(live, &op).map_err(failed)?;
            if ack == crate::Ack::Refused {
                return Err(Violation::new("usable", format!("{op:?} is refused after recovery")));
            }
            self.system.model(&mut expected, &op);
        }
        let shown = self.system.view(live).map_err(|error| broken(&error))?;
        match shown == expected {
            true => Ok(()),
            false => Err(Violation::new("usable", "operations after recovery do not do what the model says")),
        }
    }
}
