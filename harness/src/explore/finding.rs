//! From failing leaves to findings: one for each fingerprint, told by its simplest state.

use super::instance::Instance;
use super::pool::Pool;
use super::run::{Context, Job, Leaf};
use super::words;
use crate::advise::{Cause, Failure, Failures, Until};
use crate::choice::{Path, Pole, Question};
use crate::judge::Violation;
use crate::shrink::simplest;
use crashcheck_trace::outcome::{self, Finding, FixingFlush, MissingOrder, Place, WriteFate};
use crashcheck_trace::{Device, DeviceId, Event, EventId, MessageId, ReplayId, Trace};
use num_bigint::BigUint;
use rustc_hash::FxBuildHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::sync::Arc;

/// How the state of an exploration is named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Naming {
    pub(crate) system: String,
    pub(crate) bugs: Vec<String>,
    pub(crate) checks: Vec<String>,
    pub(crate) workload: String,
    pub(crate) trace_hash: u32,
}

/// What failing leaves that fail alike have in common: the promise, and what was seen in general terms.
pub(crate) type Key = (String, String);

/// Failing leaves that fail alike.
#[derive(Default)]
pub(crate) struct Groups(BTreeMap<Key, Group>);

struct Group {
    simplest: Simplest,
    leaves: u64,
    states: BigUint,
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
    violation: Violation,
    epoch: u32,
    point: usize,
    path: Path,
    deviations: usize,
    found_after: u64,
}

impl Groups {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a failing leaf.
    pub(crate) fn add<Shown>(&mut self, epoch: u32, recoveries: u64, leaf: &Leaf<Shown>) {
        let Err((point, violation)) = &leaf.verdict else { return };
        let deviations = leaf.path.deviations(nearest(&leaf.path));
        let simplest = || Simplest {
            violation: violation.clone(),
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
                    sentences: BTreeSet::new(),
                    failures: Vec::new(),
                };
                self.0.entry(key).or_insert(group).hear(sentence, leaf, *point);
            }
            Some(group) => {
                group.hear(sentence, leaf, *point);
                group.leaves += 1;
                group.states += &leaf.represented.fresh;
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
    pub(crate) fn simplify<I: Instance>(&mut self, context: &Arc<Context<I>>) {
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
        let failures = |group: &Group| Failures {
            detail: group.simplest.violation.detail.clone(),
            leaves: group.failures.clone(),
        };
        self.0.iter().map(|(key, group)| (key.clone(), failures(group))).collect()
    }

    /// The findings, the simplest first.
    pub(crate) fn into_findings<I: Instance>(
        self,
        context: &Context<I>,
        causes: &BTreeMap<Key, Cause>,
    ) -> Vec<Finding> {
        let mut groups: Vec<_> = self.0.into_iter().collect();
        groups.sort_by_key(|(_, group)| {
            (group.simplest.deviations, group.simplest.epoch, group.simplest.found_after)
        });
        let told = |(key, group): (Key, Group)| group.into_finding(&key, context, causes.get(&key));
        groups.into_iter().map(told).collect()
    }
}

impl Group {
    /// Tells the finding by another leaf.
    fn tell_by<Shown>(&mut self, epoch: u32, leaf: &Leaf<Shown>) {
        let Err((point, violation)) = &leaf.verdict else { return };
        self.simplest = Simplest {
            violation: violation.clone(),
            epoch,
            point: *point,
            path: leaf.path.clone(),
            deviations: leaf.path.deviations(nearest(&leaf.path)),
            found_after: self.simplest.found_after,
        };
    }

    fn hear<Shown>(&mut self, sentence: &str, leaf: &Leaf<Shown>, point: usize) {
        if self.failures.len() < FAILURES {
            self.failures.push(Failure { point, path: leaf.path.clone() });
        }
        if self.sentences.len() < SENTENCES && !self.sentences.contains(sentence) {
            self.sentences.insert(sentence.to_owned());
        }
    }

    fn into_finding<I: Instance>(
        mut self,
        key: &Key,
        context: &Context<I>,
        cause: Option<&Cause>,
    ) -> Finding {
        self.sentences.remove(self.simplest.violation.detail.lines().next().unwrap_or_default());
        let naming = &context.naming;
        let Simplest { violation, epoch, point, path, found_after, .. } = self.simplest;
        let writes = writes(&context.trace, &path);
        Finding {
            id: naming.id(&context.timeline.profile.name, epoch, point, &path).to_string(),
            fingerprint: naming.fingerprint(key),
            promise: violation.promise,
            detail: violation.detail,
            also: self.sentences.into_iter().collect(),
            checks: naming.checks.clone(),
            crash_point: crash_point(&context.trace, point),
            state: state(&context.trace, &path, &writes),
            writes,
            leaves: self.leaves,
            states: self.states.to_string(),
            found_after,
            device_lies: !context.timeline.profile.is_honest(),
            cause: cause.map(|cause| told(&context.trace, cause)),
            operations: Vec::new(),
            shrunk: None,
            differences: Vec::new(),
            compared_with: None,
            picture: None,
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

/// By what failures are grouped.
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
fn nearest(path: &Path) -> Pole {
    match words::is_of_cluster(path) || path.deviations(Pole::Newest) <= path.deviations(Pole::Oldest) {
        true => Pole::Newest,
        false => Pole::Oldest,
    }
}

/// The writes in which a state differs from the nearest end of the tree.
fn writes(trace: &Trace, path: &Path) -> Vec<WriteFate> {
    let pole = nearest(path);
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
        if writes.iter().any(|write| write.event == event.0 && write.fate == fate) {
            continue;
        }
        let (what, operation) = (describe(trace, event), operation(trace, event.index()));
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
fn state(trace: &Trace, path: &Path, writes: &[WriteFate]) -> String {
    let writes = writes.iter().map(|write| format!("#{} ({}) {}", write.event, write.what, write.fate));
    let list: Vec<String> = writes.chain(faults(trace, path)).collect();
    let again =
        path.questions.iter().zip(&path.answers).filter(|(question, answer)| {
            matches!(question, Question::RecoveryCrashed { .. }) && **answer > 0
        });
    let again = match again.count() {
        0 => String::new(),
        1 => ", and recovery itself crashed once".to_owned(),
        times => format!(", and recovery itself crashed {times} times"),
    };
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

/// What went wrong beside the power, in words.
fn faults(trace: &Trace, path: &Path) -> Vec<String> {
    let name = |device: DeviceId| {
        trace.devices.get(device.index()).map_or_else(String::new, |device| device.name.clone())
    };
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
            Some(format!("#{} ({}) never reached the medium", event.0, describe(trace, *event)))
        }
        Question::Misdirected { event, forward, .. } => Some(misdirected(trace, *event, *forward)),
        Question::Flipped { device, page } => {
            Some(format!("a bit of {page} of {} reads flipped", name(*device)))
        }
        _ => None,
    });
    words.collect()
}

/// An event in words, with the operation in progress.
pub(super) fn place(trace: &Trace, event: EventId) -> Place {
    Place { event: event.0, what: describe(trace, event), operation: operation(trace, event.index()) }
}

/// A cause in words.
fn told(trace: &Trace, cause: &Cause) -> outcome::Cause {
    let place = |event: EventId| place(trace, event);
    let name = |device: DeviceId| trace.devices[device.index()].name.clone();
    let missing = cause.missing.iter().map(|order| {
        let after = match order.after {
            Until::Write(event) | Until::Point(event) => place(event),
        };
        MissingOrder { before: place(order.before), after }
    });
    let fix = cause.verified.as_ref().map(|verified| outcome::Fix {
        flushes: cause
            .flushes
            .iter()
            .map(|(device, before)| FixingFlush { device: name(*device), before: place(*before) })
            .collect(),
        crash_states: verified.coverage.total.clone(),
        recoveries: verified.coverage.recoveries,
        clean: verified.clean,
    });
    outcome::Cause { missing: missing.collect(), fix }
}

/// Where a write landed, in words.
fn misdirected(trace: &Trace, event: EventId, forward: bool) -> String {
    let what = describe(trace, event);
    let range = trace.events.get(event.index()).and_then(Event::range);
    let place = range.and_then(|(device, at, len)| Some((trace.devices.get(device.index())?, at, len)));
    let Some((device, at, len)) = place else { return format!("#{} ({what}) was misdirected", event.0) };
    let block = device.block.0.max(512);
    let (meant, away) = (at.0 / block, len.0.div_ceil(block));
    let landed = if forward { meant + away } else { meant.saturating_sub(away) };
    format!("#{} ({what}) landed at block {landed} instead of block {meant}", event.0)
}

/// When the power went, in words.
fn crash_point(trace: &Trace, point: usize) -> String {
    let Some(last) = point.checked_sub(1) else { return "before the first event".to_owned() };
    let event = describe(trace, EventId(last as u32));
    match operation(trace, point) {
        Some(operation) => format!("after #{last} {event}, during {operation}"),
        None => format!("after #{last} {event}"),
    }
}

/// An event in words.
fn describe(trace: &Trace, id: EventId) -> String {
    let Some(event) = trace.events.get(id.index()) else { return "the end".to_owned() };
    let kind = match event {
        Event::Write { fua: true, .. } => "write with FUA",
        Event::Write { .. } => "write",
        Event::WriteZeroes { .. } => "zeroes",
        Event::Discard { .. } => "discard",
        Event::Program { .. } => "program",
        Event::Erase { .. } => "erase",
        Event::Resize { len, .. } => return format!("length = {}", len.0),
        Event::Flush { .. } => return "flush".to_owned(),
        Event::Begin { op, text } => return format!("begin of operation {} ({})", op.0 + 1, shortened(text)),
        Event::Ack { op, durable: true } => {
            return format!("durable acknowledgement of operation {}", op.0 + 1);
        }
        Event::Ack { op, .. } => return format!("acknowledgement of operation {}", op.0 + 1),
        Event::Mark { text } => return format!("mark {text}"),
        Event::Send { from, to, data, label, .. } => {
            return words::message(*from, *to, data, label.as_ref());
        }
        Event::Deliver { message } => return format!("delivery of {}", sent(trace, *message)),
        Event::Down { node } => return format!("{node} turned off"),
        Event::Up { node } => return format!("{node} turned on"),
        _ => return "event".to_owned(),
    };
    let Some((index, at, len)) = event.range() else { return kind.to_owned() };
    let name = trace.devices.get(index.index()).filter(|_| trace.devices.len() > 1);
    let device = name.map(|device| format!("{} ", device.name)).unwrap_or_default();
    let what = event.label().map_or(kind, |label| label.as_str());
    if let Some(chip) = trace.devices.get(index.index()).and_then(Device::chip) {
        let (page, block) = (chip.geometry.page_with(at), chip.geometry.block_with(at));
        return match event {
            Event::Program { .. } => format!("{what}, {device}{page} of {block}"),
            _ => format!("{what}, {device}{block}"),
        };
    }
    format!("{what}, {len} at {device}{at}")
}

/// A message in words, and the event that sent it.
fn sent(trace: &Trace, wanted: MessageId) -> String {
    let is_it = |event: &Event| matches!(event, Event::Send { message, .. } if *message == wanted);
    let Some(index) = trace.events.iter().position(is_it) else { return format!("message {}", wanted.0) };
    format!("#{index} ({})", describe(trace, EventId(index as u32)))
}

/// The operation in progress after so many events.
fn operation(trace: &Trace, point: usize) -> Option<String> {
    trace.events[..point.min(trace.events.len())].iter().rev().find_map(|event| match event {
        Event::Begin { op, text } => Some(Some(format!("operation {} ({})", op.0 + 1, shortened(text)))),
        Event::Ack { .. } => Some(None),
        _ => None,
    })?
}

/// The beginning of a text that is too long for a line.
fn shortened(text: &str) -> String {
    const WIDTH: usize = 60;
    match text.char_indices().nth(WIDTH) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
