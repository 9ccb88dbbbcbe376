//! From failing leaves to findings: one for each fingerprint, told by its simplest state.

use super::describe::Teller;
use super::instance::{Instance, Recovered};
use super::picture::Painter;
use super::pool::Pool;
use super::run::{Context, Job, Leaf};
use super::words;
use crate::advise::{Cause, Failure, Failures};
use crate::choice::{Path, Pole, Question};
use crate::judge::Violation;
use crate::media::Known;
use crate::shrink::simplest;
use crashcheck_trace::outcome::{self, Finding, Picture, WriteFate};
use crashcheck_trace::{DeviceId, EventId, ReplayId};
use num_bigint::BigUint;
use num_traits::Zero;
use rustc_hash::FxBuildHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::sync::Arc;

/// How the state of an exploration is named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Naming {
    pub(crate) system: String,
    pub(crate) bugs: Vec<String>,
    pub(crate) checks: Vec<outcome::Check>,
    pub(crate) workload: String,
    pub(crate) trace_hash: u32,
}

/// What failing leaves that fail alike have in common: the promise, and what was seen in general terms.
pub(crate) type Key = (String, String);

/// Failing leaves that fail alike.
pub(crate) struct Groups<Shown>(BTreeMap<Key, Group<Shown>>);

struct Group<Shown> {
    simplest: Simplest<Shown>,
    leaves: u64,
    /// The crash states behind them; an image that two epochs have in common counts in the first.
    states: BigUint,
    /// Those of the epoch in which it was met first, with the images of the epoch before: an image may fail only now.
    at_first: (u32, BigUint),
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
struct Simplest<Shown> {
    violation: Violation,
    recovered: Arc<Recovered<Shown>>,
    epoch: u32,
    point: usize,
    path: Path,
    deviations: usize,
    found_after: u64,
}

impl<Shown> Default for Groups<Shown> {
    fn default() -> Self {
        Groups(BTreeMap::new())
    }
}

impl<Shown> Groups<Shown> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a failing leaf.
    pub(crate) fn add(&mut self, epoch: u32, recoveries: u64, leaf: &Leaf<Shown>) {
        let Err((point, violation)) = &leaf.verdict else { return };
        let deviations = leaf.path.deviations(nearest(&leaf.path));
        let simplest = || Simplest {
            violation: violation.clone(),
            recovered: Arc::clone(&leaf.recovered),
            epoch,
            point: *point,
            path: leaf.path.clone(),
            deviations,
            found_after: recoveries,
        };
        let sentence = violation.detail.lines().next().unwrap_or_default();
        let key = key_of(violation);
        match self.0.get_mut(&key) {
            None => {
                let states = leaf.represented.fresh.clone();
                let group = Group {
                    simplest: simplest(),
                    leaves: 1,
                    states,
                    at_first: (epoch, leaf.represented.all.clone()),
                    sentences: BTreeSet::new(),
                    failures: Vec::new(),
                };
                self.0.entry(key).or_insert(group).hear(sentence, leaf, *point);
            }
            Some(group) => {
                group.hear(sentence, leaf, *point);
                group.leaves += 1;
                group.states += &leaf.represented.fresh;
                if group.at_first.0 == epoch {
                    group.at_first.1 += &leaf.represented.all;
                }
                if deviations < group.simplest.deviations {
                    group.simplest = Simplest { found_after: group.simplest.found_after, ..simplest() };
                }
            }
        }
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.0.keys()
    }

    /// Looks for simpler states that fail alike, recovering from each.
    pub(crate) fn simplify<I: Instance<Shown = Shown>>(&mut self, context: &Arc<Context<I>>) {
        let (nested, mut serial) = (context.nested, SIMPLER);
        for (key, group) in self.0.iter_mut().filter(|(_, group)| group.simplest.deviations > 1) {
            let mut pool = Pool::new(Arc::clone(context), 1);
            let epoch = group.simplest.epoch;
            let mut leaves = Vec::new();
            let simpler = simplest(&group.simplest.path, |plan| {
                serial += 1;
                let leaf = pool.run(vec![Job { epoch, plan, nested, serial }], false).pop()?;
                let alike = leaf.verdict.as_ref().is_err_and(|(_, violation)| key_of(violation) == *key);
                let path = leaf.path.clone();
                leaves.push(leaf);
                alike.then_some(path)
            });
            let Some(path) = simpler else { continue };
            for leaf in leaves.into_iter().filter(|leaf| leaf.path == path) {
                group.tell_by(epoch, &leaf);
            }
        }
    }

    /// The failing leaves of every finding, some of them.
    pub(crate) fn failures(&self) -> BTreeMap<Key, Failures> {
        let failures = |group: &Group<Shown>| Failures {
            detail: group.simplest.violation.detail.clone(),
            leaves: group.failures.clone(),
        };
        self.0.iter().map(|(key, group)| (key.clone(), failures(group))).collect()
    }

    /// The findings, the simplest first.
    pub(crate) fn into_findings<I: Instance<Shown = Shown>>(
        self,
        context: &Context<I>,
        causes: &BTreeMap<Key, Cause>,
    ) -> Vec<Finding> {
        let painter = Painter::new(Teller::new(&context.trace), &context.timeline);
        let mut groups: Vec<_> = self.0.into_iter().collect();
        groups.sort_by_key(|(_, group)| {
            (group.simplest.deviations, group.simplest.epoch, group.simplest.found_after)
        });
        let told =
            |(key, group): (Key, Group<Shown>)| group.into_finding(&key, context, &painter, causes.get(&key));
        groups.into_iter().map(told).collect()
    }
}

impl<Shown> Group<Shown> {
    /// Tells the finding by another leaf.
    fn tell_by(&mut self, epoch: u32, leaf: &Leaf<Shown>) {
        let Err((point, violation)) = &leaf.verdict else { return };
        self.simplest = Simplest {
            violation: violation.clone(),
            recovered: Arc::clone(&leaf.recovered),
            epoch,
            point: *point,
            path: leaf.path.clone(),
            deviations: leaf.path.deviations(nearest(&leaf.path)),
            found_after: self.simplest.found_after,
        };
    }

    fn hear(&mut self, sentence: &str, leaf: &Leaf<Shown>, point: usize) {
        if self.failures.len() < FAILURES {
            self.failures.push(Failure { point, path: leaf.path.clone() });
        }
        if self.sentences.len() < SENTENCES && !self.sentences.contains(sentence) {
            self.sentences.insert(sentence.to_owned());
        }
    }

    fn into_finding<I: Instance<Shown = Shown>>(
        mut self,
        key: &Key,
        context: &Context<I>,
        painter: &Painter<'_>,
        cause: Option<&Cause>,
    ) -> Finding {
        self.sentences.remove(self.simplest.violation.detail.lines().next().unwrap_or_default());
        let naming = &context.naming;
        let Simplest { violation, recovered, epoch, point, path, found_after, .. } = self.simplest;
        let window = context.timeline.windows[point];
        let compared = recovered.shown.as_ref().ok().map(|shown| context.instance.compare(shown, window));
        let compared = compared.unwrap_or_default();
        let teller = &painter.teller;
        let writes = writes(painter, epoch, point, &path);
        let faults = faults(teller, &path);
        let cause = cause.map(|cause| teller.cause(cause));
        let picture = painter.paint(epoch, point, &path, &places(cause.as_ref(), &writes));
        let (operations, operations_skipped) = teller.operations(point, window.durable);
        Finding {
            id: naming.id(&context.timeline.profile.name, epoch, point, &path).to_string(),
            fingerprint: naming.fingerprint(key),
            promise: violation.promise,
            detail: violation.detail,
            also: self.sentences.into_iter().collect(),
            checks: naming.checks.clone(),
            crash_point: teller.crash_point(point),
            state: state(&faults, &path, &writes),
            writes,
            leaves: self.leaves,
            states: if self.states.is_zero() { self.at_first.1 } else { self.states }.to_string(),
            found_after,
            device_lies: !context.timeline.profile.is_honest(),
            cause,
            operations,
            setup: Vec::new(),
            operations_skipped,
            shrunk: None,
            differences: compared.differences,
            compared_with: compared.with,
            picture: Some(Picture { faults: extraordinary(faults, &path), ..picture }),
            replay: None,
        }
    }
}

impl Naming {
    /// A system that nobody gave bug switches, under a workload without a name.
    pub(crate) fn new(system: String) -> Naming {
        Naming { system, workload: "workload".to_owned(), ..Naming::default() }
    }

    /// The same for the same fault, in whatever workload it shows.
    pub(crate) fn fingerprint(&self, key: &Key) -> String {
        format!("{:016x}", FxBuildHasher.hash_one((&self.system, key)))
    }

    fn id(&self, profile: &str, epoch: u32, point: usize, path: &Path) -> ReplayId {
        ReplayId {
            system: self.system.clone(),
            bugs: self.bugs.clone(),
            workload: self.workload.clone(),
            profile: profile.to_owned(),
            epoch,
            point: EventId(point as u32),
            trace_hash: self.trace_hash,
            answers: path.answers.iter().map(|answer| u16::from(*answer)).collect(),
        }
    }
}

/// What a broken promise has in common with others of the same fault.
pub(crate) fn key_of(violation: &Violation) -> Key {
    let sentence = violation.detail.lines().next().unwrap_or_default();
    (violation.promise.clone(), kind(&violation.promise, sentence))
}

/// What two failures of one fault have in common: all but the numbers of a recovery that fails, else what is said before
/// the first colon (`fsck finds`), without what stands in parentheses: the operation, in most systems' words.
fn kind(promise: &str, sentence: &str) -> String {
    match promise {
        "recovers" => without_numbers(sentence),
        _ => {
            let (mut depth, mut kept) = (0u32, sentence.to_owned());
            kept.retain(|c| {
                depth = depth + u32::from(c == '(') - u32::from(c == ')' && depth > 0);
                depth == 0 && c != ')'
            });
            without_numbers(kept.split(':').next().unwrap_or_default())
        }
    }
}

/// The text with every number replaced, so that two failures that differ only in numbers are alike.
fn without_numbers(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_ascii_digit() {
            false => plain.push(c),
            true if plain.ends_with('N') => {}
            true => plain.push('N'),
        }
    }
    plain
}

/// The end of the tree that a path is nearer to; for a cluster the one at which nothing happened to it.
pub(super) fn nearest(path: &Path) -> Pole {
    match words::is_of_cluster(path) || path.deviations(Pole::Newest) <= path.deviations(Pole::Oldest) {
        true => Pole::Newest,
        false => Pole::Oldest,
    }
}

/// The writes in which a state differs from the nearest end of the tree. What a write of after the crash would have left is
/// there by an older one.
pub(super) fn writes(painter: &Painter<'_>, epoch: u32, point: usize, path: &Path) -> Vec<WriteFate> {
    let (teller, pole) = (&painter.teller, nearest(path));
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
    writes
}

/// Whether this is about a unit that turned out to be garbage.
fn is_garbled(path: &Path, question: &Question) -> bool {
    let Question::Survived { event, unit } = *question else { return false };
    let garbled = Question::Garbled { event, unit };
    path.questions.iter().zip(&path.answers).any(|(asked, answer)| *asked == garbled && *answer == 0)
}

/// Which of the writes in flight matter, in words.
fn state(faults: &[String], path: &Path, writes: &[WriteFate]) -> String {
    let writes = writes.iter().map(|write| format!("#{} ({}) {}", write.event, write.what, write.fate));
    let list: Vec<String> = writes.chain(faults.iter().cloned()).collect();
    let again = again(path).map(|again| format!(", and {again}")).unwrap_or_default();
    if words::is_of_cluster(path) {
        let list = [words::nodes(path), list].concat();
        return match list.is_empty() {
            true => "every node stayed up, and every message arrived".to_owned(),
            false => list.join(", "),
        };
    }
    let base = match nearest(path) {
        Pole::Newest => "everything issued persisted",
        Pole::Oldest => "nothing in flight persisted",
    };
    match list.is_empty() {
        true => format!("{base}{again}"),
        false => format!("{base}, except: {}{again}", list.join(", ")),
    }
}

/// How often recovery crashed, in words.
fn again(path: &Path) -> Option<String> {
    let again =
        path.questions.iter().zip(&path.answers).filter(|(question, answer)| {
            matches!(question, Question::RecoveryCrashed { .. }) && **answer > 0
        });
    match again.count() {
        0 => None,
        1 => Some("recovery itself crashed once".to_owned()),
        times => Some(format!("recovery itself crashed {times} times")),
    }
}

/// What there is to say of a state that no write shows.
fn extraordinary(faults: Vec<String>, path: &Path) -> Vec<String> {
    words::nodes(path).into_iter().chain(faults).chain(again(path)).collect()
}

/// The events that must not be missing in a picture.
fn places(cause: Option<&outcome::Cause>, writes: &[WriteFate]) -> Vec<u32> {
    let missing = cause.iter().flat_map(|cause| &cause.missing);
    let missing = missing.flat_map(|order| [order.before.event, order.after.event]);
    let fixes = cause.iter().filter_map(|cause| cause.fix.as_ref()).flat_map(|fix| &fix.flushes);
    let fixes = fixes.map(|flush| flush.before.event);
    missing.chain(fixes).chain(writes.iter().map(|write| write.event)).collect()
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
            let how = if *answer == 1 { "reads as garbage" } else { "has a flipped bit" };
            Some(format!("block {block} of {} {how}", name(*device)))
        }
        Question::WriteLost { event, .. } => {
            Some(format!("#{} ({}) never reached the medium", event.0, teller.event(*event)))
        }
        Question::Misdirected { event, forward, .. } => Some(teller.misdirected(*event, *forward)),
        Question::Flipped { device, page } => {
            Some(format!("a bit of {page} of {} reads flipped", name(*device)))
        }
        _ => None,
    });
    words.collect()
}
