//! From failing leaves to findings: one for each fingerprint, told by its simplest state.

use super::cause::{Cause, Failure, Failures};
use super::describe::Teller;
use super::instance::{Compared, Recovered};
use super::leaf::{By, Failed, How, Job, Leaf};
use super::memo::Story;
use super::naming::{Key, key_of};
use super::picture::Painter;
use super::pool::Pool;
use super::recount::State;
use super::retrace::{Retraced, retrace};
use super::run::Context;
use super::words;
use crate::choice::{Path, Pole, Question};
use crate::descent::simplest;
use crate::media::{AtomFate, Known};
use crashcheck_outcome as outcome;
use crashcheck_outcome::{Finding, LaterLife, Picture, Promised, WriteFate};
use crashcheck_trace::{DeviceId, Event, EventId};
use num_bigint::BigUint;
use num_traits::Zero;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Failing leaves that fail alike.
#[derive(Default)]
pub(crate) struct Groups(BTreeMap<Key, Group>);

struct Group {
    simplest: Simplest,
    leaves: u64,
    /// The crash states behind them; an image that two epochs have in common counts in the first.
    states: BigUint,
    /// Those of the epoch in which it was met first, with the images of the epoch before: an image may fail only now.
    at_first: (u32, BigUint),
    /// Those of the leaf that was met first, counted or not.
    first: BigUint,
    /// What was seen, a few of the ways.
    sentences: BTreeSet<String>,
    /// The leaves, some of them.
    failures: Vec<Failure>,
}

/// The number of the first state that is looked at to simplify findings; no walk has so many.
const SIMPLER: u64 = 1 << 63;

/// So many failing leaves of a finding are kept, to look for its cause.
const FAILURES: usize = 1024;

/// So many ways in which a finding shows are kept.
const SENTENCES: usize = 8;

/// The leaf that a finding is told by.
struct Simplest {
    failed: Failed,
    recovered: Arc<Recovered>,
    /// The epochs in which the power failed, by life.
    epochs: Vec<u32>,
    /// The lives between.
    stories: Vec<Arc<Story>>,
    path: Path,
    deviations: usize,
    found_after: u64,
    /// Whether it came to its end.
    is_over: bool,
}

impl Groups {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a failing leaf.
    pub(crate) fn add(&mut self, recoveries: u64, leaf: &Leaf) {
        let Some((group, failed)) = self.of(recoveries, leaf) else { return };
        group.hear(leaf, failed);
        group.leaves += 1;
        group.states += &leaf.represented.fresh;
        if group.at_first.0 == leaf.epochs[0] {
            group.at_first.1 += &leaf.represented.all;
        }
        let simplest = &group.simplest;
        if (leaf.life(), leaf.whole_path().deviates()) < (simplest.life(), simplest.deviations) {
            group.simplest = Simplest::new(leaf, failed, simplest.found_after);
        }
    }

    /// A failing leaf that is counted elsewhere, or will be if the walk comes there: its finding must not be missed.
    pub(crate) fn meet(&mut self, recoveries: u64, leaf: &Leaf) {
        if let Some((group, failed)) =
            self.of(recoveries, leaf).filter(|(group, _)| group.failures.is_empty())
        {
            group.hear(leaf, failed);
        }
    }

    /// The group of a failing leaf.
    fn of<'a, 'l>(&'a mut self, recoveries: u64, leaf: &'l Leaf) -> Option<(&'a mut Group, &'l Failed)> {
        let failed = leaf.verdict.as_ref().err()?;
        let group = self.0.entry(key_of(&failed.violation)).or_insert_with(|| Group {
            simplest: Simplest::new(leaf, failed, recoveries),
            leaves: 0,
            states: BigUint::zero(),
            at_first: (leaf.epochs[0], BigUint::zero()),
            first: leaf.represented.all.clone(),
            sentences: BTreeSet::new(),
            failures: Vec::new(),
        });
        Some((group, failed))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.0.keys()
    }

    /// Looks for simpler states that fail alike, recovering from each.
    pub(crate) fn simplify(&mut self, context: &Arc<Context>) {
        let mut serial = SIMPLER;
        for (key, group) in self.0.iter_mut().filter(|(_, group)| group.simplest.deviations > 1) {
            let mut pool = Pool::new(Arc::clone(context), 1);
            let epoch = group.simplest.epochs[0];
            let through = Some(group.simplest.life());
            let mut leaves = Vec::new();
            let simpler = simplest(&group.simplest.path, |plan| {
                serial += 1;
                let job = Job { through, serial, ..Job::of_workload(epoch, plan) };
                let leaf = pool.run(vec![job], false).pop()?;
                let alike = leaf.verdict.as_ref().is_err_and(|failed| key_of(&failed.violation) == *key);
                let path = leaf.path.clone();
                leaves.push(leaf);
                alike.then_some(path)
            });
            let Some(path) = simpler else { continue };
            for leaf in leaves.into_iter().filter(|leaf| leaf.path == path) {
                let Err(failed) = &leaf.verdict else { continue };
                group.simplest = Simplest::new(&leaf, failed, group.simplest.found_after);
            }
        }
    }

    /// The failing leaves of every finding, some of them.
    pub(crate) fn failures(&self) -> BTreeMap<Key, Failures> {
        let failures = |group: &Group| {
            let Simplest { failed, path, stories, .. } = &group.simplest;
            let told = Failure { point: failed.points[0], path: path.clone(), stories: stories.clone() };
            Failures { detail: failed.violation.detail.clone(), told, leaves: group.failures.clone() }
        };
        self.0.iter().map(|(key, group)| (key.clone(), failures(group))).collect()
    }

    /// The findings, the simplest first. `everywhere` says that no crash state passes.
    pub(crate) fn into_findings(
        self,
        context: &Arc<Context>,
        causes: &BTreeMap<Key, Cause>,
        everywhere: bool,
    ) -> Vec<Finding> {
        let painter = Painter::new(context.teller(), &context.timeline);
        let mut groups: Vec<_> = self.0.into_iter().collect();
        groups.sort_by_key(|(_, group)| {
            let Simplest { deviations, epochs, found_after, .. } = &group.simplest;
            (*deviations, epochs[0], *found_after)
        });
        let told = |(key, group): (Key, Group)| Finding {
            everywhere,
            ..group.into_finding(&key, context, &painter, causes.get(&key))
        };
        groups.into_iter().map(told).collect()
    }
}

impl Context {
    /// A failing leaf as a finding of its own.
    pub(crate) fn told(self: &Arc<Self>, leaf: &Leaf) -> Finding {
        let mut groups = Groups::default();
        groups.add(1, leaf);
        groups.into_findings(self, &BTreeMap::new(), false).pop().expect("a failing leaf is a finding")
    }
}

impl Group {
    fn hear(&mut self, leaf: &Leaf, failed: &Failed) {
        let sentence = failed.violation.detail.lines().next().unwrap_or_default();
        if self.failures.len() < FAILURES {
            let (point, path, stories) = (failed.points[0], leaf.whole_path(), leaf.stories.clone());
            self.failures.push(Failure { point, path, stories });
        }
        if self.sentences.len() < SENTENCES && !self.sentences.contains(sentence) {
            self.sentences.insert(sentence.to_owned());
        }
    }

    fn into_finding(
        mut self,
        key: &Key,
        context: &Arc<Context>,
        painter: &Painter<'_>,
        cause: Option<&Cause>,
    ) -> Finding {
        let lives = self.simplest.later_lives(context);
        let Retraced { recoveries, provenance, found } = self.simplest.retraced(context, painter, cause);
        let Simplest { failed, recovered, epochs, stories, path, found_after, .. } = self.simplest;
        let Failed { violation, points, by } = failed;
        self.sentences.remove(violation.detail.lines().next().unwrap_or_default());
        let (naming, epoch, point) = (&context.naming, epochs[0], points[0]);
        let profile = context.timeline.profile.name_in_ids();
        let compared = compared(context, &recovered, &stories, by);
        let teller = &painter.teller;
        let first = path.of_life(1);
        let mut writes = writes(painter, epoch, point, &first);
        let mut faults = faults(teller, &first);
        faults.extend(failed_flushes(teller, &context.before));
        let places = places(cause, &writes);
        let cause = cause.map(|cause| outcome::Cause {
            hides: found.map(|found| teller.found_again(&found)),
            ..teller.cause(cause)
        });
        let state = state(teller, &faults, &first, &writes);
        // Before the first event there is nothing to be drawn.
        let picture = (!context.trace.events.is_empty()).then(|| Picture {
            faults: extraordinary(faults, &first),
            ..painter.paint(epoch, point, &first, &places)
        });
        writes.iter_mut().for_each(|write| write.event = teller.number(EventId(write.event)));
        let durable = context.timeline.windows[point].durable;
        let (operations, operations_skipped) =
            teller.operations(point, durable, |op| context.instance.is_refused(None, op));
        let counted = [self.states, self.at_first.1, self.first];
        let states = counted.into_iter().find(|states| !states.is_zero()).unwrap_or_default();
        Finding {
            id: naming
                .id(&profile, epoch, point, &[&context.before, &path].into_iter().collect())
                .to_string(),
            fingerprint: naming.fingerprint(key),
            promise: violation.promise,
            detail: violation.detail,
            also: self.sentences.into_iter().collect(),
            checks: naming.checks.clone(),
            crash_point: teller.crash_point(point),
            state,
            writes,
            leaves: self.leaves.max(1),
            states: states.to_string(),
            found_after,
            everywhere: false,
            device_lies: !context.timeline.profile.is_honest(),
            cause,
            operations,
            sites: Vec::new(),
            setup: Vec::new(),
            operations_skipped,
            shrunk: None,
            differences: compared.differences,
            compared_with: compared.with,
            lives,
            recoveries,
            provenance,
            picture,
            replay: None,
        }
    }
}

impl Simplest {
    fn new(leaf: &Leaf, failed: &Failed, found_after: u64) -> Simplest {
        let path = leaf.whole_path();
        Simplest {
            failed: failed.clone(),
            recovered: Arc::clone(&leaf.end.recovered),
            epochs: leaf.epochs.clone(),
            stories: leaf.stories.clone(),
            deviations: path.deviates(),
            path,
            found_after,
            is_over: leaf.how != How::Hung,
        }
    }

    /// Whether a write of the workload was lost.
    fn has_lost(&self, write: EventId) -> bool {
        let mut answered = self.path.questions.iter().zip(&self.path.answers);
        answered.any(|(question, answer)| {
            matches!(question, Question::Survived { .. }) && question.event() == Some(write) && *answer > 0
        })
    }

    /// What recovery did, and where wrong bytes come from; nothing where recovery does not come back.
    fn retraced(&self, context: &Arc<Context>, painter: &Painter<'_>, cause: Option<&Cause>) -> Retraced {
        if !self.is_over {
            return Retraced::default();
        }
        let Simplest { epochs, stories, path, failed, .. } = self;
        let (epoch, point) = (epochs[0], failed.points[0]);
        let in_words = |path: &Path| {
            let (teller, first) = (&painter.teller, path.of_life(1));
            let mut writes = writes(painter, epoch, point, &first);
            writes.retain(|write| (write.event as usize) < point);
            state(teller, &faults(teller, &first), &first, &writes)
        };
        let is_again = failed.violation.promise == "idempotent";
        let state = State { epochs, points: &failed.points, stories, path };
        let missing = cause.iter().flat_map(|cause| &cause.missing).map(|order| order.before);
        let wanted: Vec<EventId> = missing.filter(|event| self.has_lost(*event)).collect();
        retrace(context, &state, &wanted, is_again, &in_words)
    }

    /// How many lives ended in a crash.
    fn life(&self) -> u8 {
        self.epochs.len() as u8
    }

    /// What happened in the lives after that of the workload.
    fn later_lives(&self, context: &Context) -> Vec<LaterLife> {
        let lives = (2..).zip(&self.stories);
        let lives = lives.map(|(life, story)| {
            let nth = usize::from(life) - 1;
            let timeline = story.life.laid_out(&context.timeline.profile, life);
            let (epoch, point, path) = (self.epochs[nth], self.failed.points[nth], self.path.of_life(life));
            let painter = Painter::new(Teller::new(&story.life.trace), &timeline);
            let writes = writes(&painter, epoch, point, &path);
            let recovered = point >= story.life.recovered;
            let durable = timeline.windows[point].durable;
            let is_refused = |op| context.instance.is_refused(Some(&story.past), op);
            let (mut operations, _) = painter.teller.operations(point, durable, is_refused);
            operations.retain(|operation| operation.promised != Promised::NotBegun);
            let marked: Vec<u32> = writes.iter().map(|write| write.event).collect();
            let drawn = !story.life.trace.events.is_empty();
            let picture = drawn.then(|| painter.paint(epoch, point, &path, &marked));
            LaterLife {
                life,
                showed: recovered.then(|| story.shows.to_string()),
                operations,
                crash_point: painter.teller.crash_point_of_life(point, story.life.recovered),
                state: state(&painter.teller, &[], &path, &writes),
                writes,
                picture,
            }
        });
        lives.collect()
    }
}

/// In what that which breaks a promise differs from what should be.
fn compared(context: &Context, recovered: &Recovered, stories: &[Arc<Story>], by: By) -> Compared {
    match (&recovered.shown, by) {
        (Err(_), _) | (Ok(_), By::Later(None)) => Compared::default(),
        (Ok(_), By::Later(Some(evidence))) => context.contrast(&evidence),
        (Ok(shown), By::Recovered(life, window)) => {
            let past = usize::from(life).checked_sub(2).map(|nth| &stories[nth].past);
            context.compare(shown, past, window)
        }
    }
}

/// The writes in which a state differs from the nearest end of the tree. What a write of after the crash would have left is
/// there by an older one.
pub(super) fn writes(painter: &Painter<'_>, epoch: u32, point: usize, path: &Path) -> Vec<WriteFate> {
    let (teller, pole) = (&painter.teller, words::nearest(path));
    let known = Known::new(painter.timeline, epoch, point, path);
    let answered = path.questions.iter().zip(&path.answers);
    let mut writes: Vec<WriteFate> = Vec::new();
    for (question, answer) in answered {
        let Some(event) = question.event() else { continue };
        let fate = match (question, answer) {
            (Question::Arrived { fates, .. }, answer) => words::fate(fates.of(*answer)),
            // At neither end of the tree is it what one expects.
            (Question::Garbled { .. }, 0) => "garbled",
            _ if pole.answer(question) == *answer || is_garbled(path, question) => continue,
            (_, 0) => "survived",
            _ => "lost",
        };
        let event = match question {
            Question::Survived { unit, .. } if event.index() >= point => {
                let atom = painter.timeline.atom_of(event, *unit).filter(|_| *answer == 0);
                let Some(older) = atom.and_then(|atom| known.instead_of(atom)) else { continue };
                older
            }
            _ => event,
        };
        if writes.iter().any(|write| write.event == event.0 && write.fate == fate) {
            continue;
        }
        let (what, operation) = (teller.event(event), teller.operation(event.index()));
        writes.push(WriteFate { event: event.0, what, fate: fate.to_owned(), operation });
    }
    writes.sort_by_key(|write| write.event);
    for write in &mut writes {
        let torn = of_units(painter, &known, EventId(write.event));
        write.fate = torn.unwrap_or_else(|| std::mem::take(&mut write.fate));
    }
    writes.dedup();
    writes
}

/// What became of the units of a write, if it was not the same with all of them: `torn: bytes 0 to 511 survived, 512 to 1023
/// lost`.
fn of_units(painter: &Painter<'_>, known: &Known<'_>, event: EventId) -> Option<String> {
    let (timeline, trace) = (painter.timeline, painter.teller.trace);
    let (_, at, len) = trace.events[event.index()].range()?;
    let mut runs: Vec<(u64, u64, Option<AtomFate>)> = Vec::new();
    for atom in timeline.atoms_of(event) {
        let fate = known.fate(atom);
        let cells = timeline.atoms[atom.0 as usize].cells.iter();
        let spans = cells.map(|cell| timeline.cells[cell.0 as usize].span());
        // A page that shares its flash cells with another one may take that with it; a new length has no bytes.
        for (start, end) in spans.filter(|(start, end)| start == end || at <= *start && *end <= at + len) {
            let (start, end) = if start == end { (len.0, len.0) } else { ((start - at).0, (end - at).0) };
            match runs.last_mut() {
                Some(last) if last.1 == start && last.2 == fate => last.1 = end,
                _ => runs.push((start, end, fate)),
            }
        }
    }
    let is_there = |wanted: &dyn Fn(AtomFate) -> bool| runs.iter().any(|run| run.2.is_some_and(wanted));
    if runs.len() < 2 {
        return None;
    }
    let is_torn =
        is_there(&|fate| fate == AtomFate::Survived) && is_there(&|fate| fate != AtomFate::Survived);
    let words = runs.iter().map(|(start, end, fate)| {
        let fate = match fate {
            Some(AtomFate::Survived) => "survived",
            Some(AtomFate::Lost) => "lost",
            Some(AtomFate::Garbled) => "garbled",
            None => "not looked at",
        };
        match start == end {
            true => format!("the new length {fate}"),
            false => format!("bytes {start} to {} {fate}", end - 1),
        }
    });
    let words: Vec<String> = words.collect();
    let words = words.join(", ").replace(", bytes ", ", ");
    Some(format!("{}{words}", if is_torn { "torn: " } else { "" }))
}

/// Whether this is about a unit that turned out to be garbage.
fn is_garbled(path: &Path, question: &Question) -> bool {
    let Question::Survived { life, event, unit } = *question else { return false };
    let garbled = Question::Garbled { life, event, unit };
    path.questions.iter().zip(&path.answers).any(|(asked, answer)| *asked == garbled && *answer == 0)
}

/// Which of the writes in flight matter, in words.
fn state(teller: &Teller<'_>, faults: &[String], path: &Path, writes: &[WriteFate]) -> String {
    let numbered = |write: &WriteFate| teller.numbered(EventId(write.event));
    let writes = writes.iter().map(|write| format!("{} {}", numbered(write), write.fate));
    let list: Vec<String> = writes.chain(faults.iter().cloned()).collect();
    if words::is_of_cluster(path) {
        let list = [words::nodes(path), list].concat();
        return match list.is_empty() {
            true => "every node stayed up, and every message arrived".to_owned(),
            false => list.join(", "),
        };
    }
    let base = match words::nearest(path) {
        Pole::Newest => "everything issued persisted",
        Pole::Oldest => "nothing in flight persisted",
    };
    if list.is_empty() { base.to_owned() } else { format!("{base}, except: {}", list.join(", ")) }
}

/// What there is to say of a state that no write shows.
fn extraordinary(faults: Vec<String>, path: &Path) -> Vec<String> {
    words::nodes(path).into_iter().chain(faults).collect()
}

/// The events that must not be missing in a picture.
fn places(cause: Option<&Cause>, writes: &[WriteFate]) -> Vec<u32> {
    let missing = cause.iter().flat_map(|cause| &cause.missing);
    let missing = missing.flat_map(|order| [order.before.0, order.after.0]);
    let fixes = cause.iter().filter_map(|cause| cause.fix.as_ref()).flat_map(|fix| &fix.flushes);
    let fixes = fixes.map(|(_, before)| before.0);
    missing.chain(fixes).chain(writes.iter().map(|write| write.event)).collect()
}

/// The flushes that failed while the trace was recorded, in words.
fn failed_flushes(teller: &Teller<'_>, before: &Path) -> Vec<String> {
    let answered = before.questions.iter().zip(&before.answers);
    let failed = answered.filter_map(|(question, answer)| match question {
        Question::FlushFailed { event, .. } if *answer > 0 => {
            let how = if *answer % 2 == 0 { ", and every later flush fails" } else { "" };
            // Of a write that was to be durable at once the error comes after it.
            let events = &teller.trace.events[event.index()..];
            let error =
                events.iter().position(|event| matches!(event, Event::FlushFailed { .. })).unwrap_or(0);
            Some(format!("{}{how}", teller.numbered(EventId(event.0 + error as u32))))
        }
        _ => None,
    });
    failed.collect()
}

/// What went wrong beside the power, in words.
fn faults(teller: &Teller<'_>, path: &Path) -> Vec<String> {
    let name = |device: DeviceId| teller.device(device);
    let happened = path.questions.iter().zip(&path.answers).filter(|(_, answer)| **answer > 0);
    let words = happened.filter_map(|(question, answer)| match question {
        Question::DeviceLost { device } => Some(format!("{} failed", name(*device))),
        Question::Unreadable { device, block } => {
            Some(format!("block {block} of {} cannot be read", name(*device)))
        }
        Question::Corrupt { device, block } => {
            let how = match *answer {
                1 => "reads as garbage",
                2 => "has a flipped bit",
                3 => "has another one of its first bytes",
                4 => "has another one of its last bytes",
                _ => "reads as zeros",
            };
            Some(format!("block {block} of {} {how}", name(*device)))
        }
        Question::WriteLost { event, .. } => {
            Some(format!("{} never reached the medium", teller.numbered(*event)))
        }
        Question::Misdirected { event, landing, .. } => Some(teller.misdirected(*event, *landing)),
        Question::Flipped { device, page } => {
            Some(format!("a bit of {page} of {} reads flipped", name(*device)))
        }
        _ => None,
    });
    words.collect()
}
