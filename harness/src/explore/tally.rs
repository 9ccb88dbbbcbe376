//! What a walk has found and covered so far.

use super::cause::{Cause, Failures};
use super::finding::Groups;
use super::instance::Kind;
use super::leaf::{How, Leaf, Root};
use super::naming::Key;
use super::options::Progress;
use super::paths::{Noting, Paths};
use super::run::{Context, SECTOR};
use crate::choice::Question;
use crate::media::Timeline;
use crashcheck_outcome::{CensusRow, Coverage, Exploration, Judged, LifeCoverage, Timing, Verdict, counted};
use crashcheck_trace::Device;
use num_bigint::BigUint;
use num_traits::{ToPrimitive, Zero};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Different outcomes are counted up to here.
const OUTCOMES: usize = 1 << 18;

/// What is said where threads of the system were at work that nobody waited for.
const STRAYS: &str = "threads other than the one that recovers used the devices after recovery had returned: whether a crash \
                      state has what they wrote is a matter of time, so that another run may find something else";

/// What was covered of one life.
#[derive(Clone, Default)]
struct OfLife {
    /// So many different lives recoveries have led to, and so many of them have been crashed; the recorded workload is none.
    met: u64,
    begun: u64,
    /// The crash states of those that have been crashed.
    total: BigUint,
    represented: BigUint,
    recoveries: u64,
    known: u64,
}

/// The count of a walk. Leaves are added in the order of the walk, whatever thread they come from.
pub(crate) struct Tally {
    context: Arc<Context>,
    /// What was covered of each life, the recorded workload first.
    lives: Vec<OfLife>,
    /// Leaves by what could be judged in them.
    leaves: u64,
    later_leaves: u64,
    shown: u64,
    with_durable: u64,
    with_volatile: u64,
    with_loss: u64,
    /// Different outcomes, by hash.
    outcomes: FxHashSet<u64>,
    census: FxHashMap<Kind, BigUint>,
    paths: Noting,
    groups: Groups,
    /// The crash states of the workload that fail.
    failed: BigUint,
    left_out: Option<String>,
    left_out_later: Option<String>,
    /// No more states of a finding than so many were looked at that only add to failing ones.
    beyond: Option<u64>,
    notes: Vec<String>,
    started: Instant,
    first_finding: Option<Duration>,
    took: Duration,
}

impl Tally {
    pub(crate) fn new(context: Arc<Context>, lives: u8) -> Self {
        let mut notes = Vec::new();
        if lives > context.lives {
            let why =
                "a recovery that is a command was not crashed again: what it writes is not seen in order";
            notes.push(why.to_owned());
        }
        let mut of_lives = vec![OfLife::default(); usize::from(context.lives)];
        of_lives[0].total = context.timeline.all_states();
        Tally {
            context,
            lives: of_lives,
            leaves: 0,
            later_leaves: 0,
            shown: 0,
            with_durable: 0,
            with_volatile: 0,
            with_loss: 0,
            outcomes: FxHashSet::default(),
            census: FxHashMap::default(),
            paths: Noting::default(),
            groups: Groups::default(),
            failed: BigUint::zero(),
            left_out: None,
            left_out_later: None,
            beyond: None,
            notes,
            started: Instant::now(),
            first_finding: None,
            took: Duration::ZERO,
        }
    }

    /// Recovery has led to one more life of this number.
    pub(crate) fn meet_life(&mut self, life: u8) {
        self.of_life(life).met += 1;
    }

    /// One of those lives, laid out, is to be crashed now.
    pub(crate) fn begin_life(&mut self, root: &Root, timeline: &Timeline) {
        let states = timeline.all_states();
        let life = self.of_life(root.life());
        life.begun += 1;
        life.total += &root.fresh * states;
    }

    fn of_life(&mut self, life: u8) -> &mut OfLife {
        &mut self.lives[usize::from(life) - 1]
    }

    /// Adds a leaf that is met for the first time, after so many recoveries in its epoch.
    pub(crate) fn add(&mut self, recoveries: u64, leaf: &Leaf) {
        self.count_run(leaf);
        self.of_life(leaf.life()).represented += &leaf.represented.fresh;
        if leaf.life() == 1 {
            if leaf.verdict.is_err() {
                self.failed += &leaf.represented.fresh;
            }
            let kind = &leaf.end.recovered.kind;
            match self.census.get_mut(kind) {
                Some(states) => *states += &leaf.represented.fresh,
                None => drop(self.census.insert(kind.clone(), leaf.represented.fresh.clone())),
            }
        } else {
            self.later_leaves += 1;
        }
        self.leaves += 1;
        self.shown += u64::from(leaf.end.recovered.shown.is_ok());
        self.with_durable += u64::from(leaf.judged.iter().any(|window| window.durable > 0));
        self.with_volatile += u64::from(leaf.judged.iter().any(|window| window.begun > window.durable));
        let mut answered = leaf.path.questions.iter().zip(&leaf.path.answers);
        let lost =
            answered.any(|(question, answer)| matches!(question, Question::DeviceLost { .. }) && *answer > 0);
        self.with_loss += u64::from(lost);
        if self.outcomes.len() < OUTCOMES {
            self.outcomes.extend(leaf.outcome);
        }
        if leaf.how == How::Ran {
            self.paths.add(&self.context.trace, leaf);
        }
        self.meet(leaf);
        self.groups.add(recoveries, leaf);
    }

    /// Counts a leaf that counts elsewhere.
    pub(crate) fn add_repeated(&mut self, recoveries: u64, leaf: &Leaf) {
        self.count_run(leaf);
        self.meet(leaf);
        self.groups.meet(recoveries, leaf);
    }

    fn meet(&mut self, leaf: &Leaf) {
        if leaf.verdict.is_err() {
            self.first_finding.get_or_insert_with(|| self.started.elapsed());
        }
    }

    fn count_run(&mut self, leaf: &Leaf) {
        let of_life = self.of_life(leaf.life());
        match leaf.how {
            How::Known => of_life.known += 1,
            How::Ran | How::Hung => of_life.recoveries += 1,
        }
    }

    /// The recoveries of all lives.
    pub(crate) fn recoveries(&self) -> u64 {
        self.lives.iter().map(|life| life.recoveries).sum()
    }

    /// The recoveries from crashes of the recorded workload.
    pub(crate) fn recoveries_of_first(&self) -> u64 {
        self.lives[0].recoveries
    }

    /// The states of later lives that were looked at.
    pub(crate) fn looked_at_later(&self) -> u64 {
        self.lives[1..].iter().map(|life| life.recoveries + life.known).sum()
    }

    /// The failing leaves of every finding, some of them.
    pub(crate) fn failures(&self) -> BTreeMap<Key, Failures> {
        self.groups.failures()
    }

    /// Whether there is a finding with this fingerprint.
    pub(crate) fn has_found(&self, fingerprint: &str) -> bool {
        self.groups.keys().any(|key| self.context.naming.fingerprint(key) == fingerprint)
    }

    /// The paths that recovery has taken.
    pub(crate) fn paths(&self) -> &Paths {
        self.paths.paths()
    }

    /// Looks for simpler states of the findings than the walk has met.
    pub(crate) fn simplify(&mut self) {
        self.groups.simplify(&self.context);
    }

    pub(crate) fn has_findings(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Says why the walk ended before it had covered everything.
    pub(crate) fn leave_out(&mut self, why: String) {
        self.left_out.get_or_insert(why);
    }

    /// Says that no more states of later lives are looked at.
    pub(crate) fn use_up_later(&mut self, most: u64) {
        let why = || format!("the budget of {} of later lives is used up", counted(most, "state"));
        self.left_out_later.get_or_insert_with(why);
    }

    /// Says that no more than so many states of a finding were looked at that only add to failing ones.
    pub(crate) fn leave_out_beyond(&mut self, most: u64) {
        self.beyond = Some(most);
    }

    /// Adds something that a reader should know.
    pub(crate) fn note(&mut self, note: &str) {
        self.notes.push(note.to_owned());
    }

    pub(crate) fn progress(&self) -> Progress {
        // Per mille is as much as a bar can show.
        let OfLife { total, represented, .. } = &self.lives[0];
        let covered = match total.is_zero() {
            true => 1.0,
            false => (represented * 1000u32 / total).to_f64().unwrap_or(1000.0) / 1000.0,
        };
        Progress { covered, recoveries: self.recoveries(), findings: self.groups.len(), shrinking: None }
    }

    /// The walk is over.
    pub(crate) fn finish(&mut self, took: Duration) {
        self.took = took;
    }

    /// The result, as data.
    pub(crate) fn into_exploration(
        mut self,
        strategy: String,
        jobs: usize,
        causes: &BTreeMap<Key, Cause>,
    ) -> Exploration {
        let naming = &self.context.naming;
        let coverage = self.coverage();
        let verdict = self.verdict();
        if !coverage.exact {
            self.notes
                .push("writes overlap in part, or a content comes back: the number of crash states is an upper bound".to_owned());
        }
        if self.context.takes_long_writes_whole() {
            let note = format!(
                "some writes are longer than a sector of {SECTOR} bytes: each was whole or absent, and none was torn \
                 (--profile torn looks at that)"
            );
            self.notes.push(note);
        }
        let idle = self.context.timeline.idle_faults().into_iter();
        self.notes.extend(idle.map(|(fault, takes)| {
            format!("'{fault}' of the profile cannot happen here, and was not looked at: it takes {takes}")
        }));
        let is_tree = self.context.trace.devices.first().is_some_and(Device::is_directory);
        if !is_tree && !self.context.timeline.profile.files.is_posix() {
            let note = "[files] of the profile says nothing of this device: it is about a tree of files";
            self.notes.push(note.to_owned());
        }
        if self.context.strays.load(Ordering::Relaxed) {
            self.notes.push(STRAYS.to_owned());
        }
        if self.outcomes.len() == OUTCOMES {
            self.notes.push(format!("different outcomes were counted up to {OUTCOMES}; there may be more"));
        }
        let everywhere = !self.failed.is_zero() && self.failed == self.lives[0].represented;
        let timeline = &self.context.timeline;
        Exploration {
            system: naming.system.clone(),
            bugs: naming.bugs.clone(),
            about: None,
            workload: naming.workload.clone(),
            profile: timeline.profile.name.clone(),
            strategy,
            lives: self.context.lives,
            verdict,
            reason: self.reason(verdict),
            events: self.context.trace.events.len() as u64,
            operations: timeline.windows.last().map_or(0, |window| window.begun as u64),
            coverage,
            judged: self.judged(),
            census: self.census(),
            timing: Timing {
                seconds: self.took.as_secs_f64(),
                first_finding_seconds: self.first_finding.map(|after| after.as_secs_f64()),
                shrink_seconds: None,
                jobs,
            },
            findings: self.groups.into_findings(&self.context, causes, everywhere),
            notes: self.notes,
        }
    }

    pub(crate) fn coverage(&self) -> Coverage {
        let epochs = &self.context.timeline.epochs;
        let OfLife { total, represented, recoveries, known, .. } = &self.lives[0];
        let complete = represented == total;
        Coverage {
            total: total.to_string(),
            exact: self.context.timeline.is_exact(),
            represented: represented.to_string(),
            complete,
            left_out: (!complete).then(|| self.left_out.clone().unwrap_or_else(|| self.unasked())),
            epochs: epochs.len() as u64,
            recoveries: *recoveries,
            known: *known,
            outcomes: self.outcomes.len() as u64,
            later: (2..).zip(&self.lives[1..]).map(|(number, life)| self.later(number, life)).collect(),
        }
    }

    /// What was covered of a later life. There may be more of it than is known where the life before was not covered.
    fn later(&self, number: u8, life: &OfLife) -> LifeCoverage {
        let before = &self.lives[..usize::from(number) - 1];
        let covered = life.represented == life.total && life.begun == life.met;
        let complete = covered && before.iter().all(|life| life.represented == life.total);
        let why = self.left_out_later.as_ref().or(self.left_out.as_ref());
        LifeCoverage {
            life: number,
            lives: life.met,
            begun: life.begun,
            total: life.total.to_string(),
            represented: life.represented.to_string(),
            complete,
            left_out: (!complete).then(|| why.cloned().unwrap_or_else(|| self.unasked())),
            recoveries: life.recoveries,
            known: life.known,
        }
    }

    /// Why a walk that has come to its end has not covered everything.
    fn unasked(&self) -> String {
        match self.beyond {
            Some(most) => {
                format!("beyond known failures no more than {most} states of each finding are looked at")
            }
            None => "the strategy does not ask for every state".to_owned(),
        }
    }

    fn verdict(&self) -> Verdict {
        let timeline = &self.context.timeline;
        let one_by_one = timeline.script.is_some();
        let in_flight = one_by_one || timeline.epochs.iter().any(|epoch| epoch.in_flight > 0);
        let nothing = !in_flight || self.leaves == 0 || !self.judged().iter().any(|judged| judged.times > 0);
        match () {
            () if !self.groups.is_empty() && self.context.timeline.profile.is_honest() => Verdict::Lost,
            () if !self.groups.is_empty() => Verdict::DeviceLies,
            () if nothing => Verdict::NotMeasured,
            () if !self.coverage().complete => Verdict::Incomplete,
            () => Verdict::Survived,
        }
    }

    fn reason(&self, verdict: Verdict) -> Option<String> {
        match verdict {
            Verdict::NotMeasured => {
                Some("no write was in flight at any crash point, or nothing was judged".to_owned())
            }
            Verdict::DeviceLies => Some("the promise depends on a flush that the device ignores".to_owned()),
            Verdict::Survived | Verdict::Incomplete | Verdict::Lost | Verdict::Broken => None,
        }
    }

    fn judged(&self) -> Vec<Judged> {
        let times = |promise: &str| match promise {
            "recovers" | "deterministic" => self.leaves,
            "durable" => self.with_durable,
            "atomic" => self.with_volatile,
            "redundant" => self.with_loss,
            "stable" | "no-resurrection" => self.later_leaves,
            _ => self.shown,
        };
        let redundant = self.context.timeline.fails_in_service().then_some("redundant");
        let again = self.context.timeline.script.is_some().then_some("deterministic");
        let later: &[_] = if self.context.lives > 1 { &["stable", "no-resurrection"] } else { &[] };
        let promises = self.context.instance.promises().into_iter().chain(redundant).chain(again);
        let promises = promises.chain(later.iter().copied());
        promises.map(|promise| Judged { promise: promise.to_owned(), times: times(promise) }).collect()
    }

    fn census(&self) -> Vec<CensusRow> {
        let mut rows: Vec<CensusRow> = self
            .census
            .iter()
            .map(|(kind, states)| CensusRow {
                found: kind.found.clone(),
                shows: kind.shows.to_string(),
                states: states.to_string(),
            })
            .collect();
        rows.sort_by(|a, b| (&a.found, &a.shows).cmp(&(&b.found, &b.shows)));
        rows
    }
}
