//! A failing crash state, as a person wants it told.

use super::told::counted;
use super::{Cause, Check, Picture, Provenance, Recovery};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A failing crash state, standing for all that fail alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The state in one line, to be pasted into `crashcheck replay`.
    pub id: String,
    /// The same for the same fault, from run to run.
    pub fingerprint: String,
    /// The promise that is broken.
    pub promise: String,
    /// What was seen, in a sentence.
    pub detail: String,
    /// Other ways in which the same fault shows, a few of them.
    pub also: Vec<String>,
    /// The checks of the reference system that are violated.
    pub checks: Vec<Check>,
    /// When the power went, in words: `after #57 flush, during operation 4 (fsync /a)`.
    pub crash_point: String,
    /// Which of the writes in flight matter, in words.
    pub state: String,
    /// The writes that matter: lost ones if everything else persisted, surviving ones if nothing else did.
    pub writes: Vec<WriteFate>,
    /// How many failing leaves of the walk are alike.
    pub leaves: u64,
    /// How many crash states those stand for, as a decimal string.
    pub states: String,
    /// How many recoveries had been run in this epoch when it was found, this one included.
    pub found_after: u64,
    /// Whether no crash state of the workload that was looked at passes, of this fault and all others together: then it is no
    /// matter of where a crash comes, and likely no fault of how the system meets one.
    #[serde(default)]
    pub everywhere: bool,
    /// Whether it depends on the device breaking its promise.
    pub device_lies: bool,
    /// Why it happens; absent if that was not looked for.
    pub cause: Option<Cause>,
    /// Where in the source the writes of the workload's life were issued that matter; none where that is not known.
    #[serde(default)]
    pub sites: Vec<Site>,
    /// Operations that had been run before the trace begins, and were durable; the last of them, if there were many.
    pub setup: Vec<String>,
    /// The operations of the workload, the shrunk one if it was shrunk; none for a trace that says nothing of them. Of
    /// very many those around the crash.
    pub operations: Vec<Operation>,
    /// So many operations before the first of these are not listed.
    pub operations_skipped: u64,
    /// What was shrunk; absent if that was not tried.
    pub shrunk: Option<Shrunk>,
    /// In what the recovered state differs from the nearest state that the crash allows.
    pub differences: Vec<Difference>,
    /// Which state that is: `the model after 3 of 5 operations`. Absent if nothing was recovered.
    pub compared_with: Option<String>,
    /// The lives after that of the workload, if it took more than one crash.
    #[serde(default)]
    pub lives: Vec<LaterLife>,
    /// What recovery did in this state, one for each time that it ran; none where that cannot be followed, as with a command.
    #[serde(default)]
    pub recoveries: Vec<Recovery>,
    /// Where bytes come from that are not as they are in a state that passes; absent if none was found to differ.
    #[serde(default)]
    pub provenance: Option<Provenance>,
    /// The state as a drawing; absent if the trace has no event.
    pub picture: Option<Picture>,
    /// The command that shows the state again, ready to be pasted; absent if there is none, as for a system of a test.
    pub replay: Option<String>,
}

/// So many events are named that were issued at the same place.
const EVENTS: usize = 6;

/// The calls that led to an event of the trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// The event.
    pub event: u32,
    /// Places in the source of the system, a file with a line each, from the device outwards.
    pub calls: Vec<String>,
}

/// Calls, and the events that all of them led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued<'a> {
    /// In words: `#5, #6` or `#5, #6, #9 and 4 more`.
    pub events: String,
    /// As of a [`Site`].
    pub calls: &'a [String],
}

/// A life that followed a crash, up to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaterLife {
    /// Which: 2 is the one after the recorded workload.
    pub life: u8,
    /// What recovery had shown, in words, if it came to its end before the power failed.
    pub showed: Option<String>,
    /// The operations after recovery, as far as they had begun.
    pub operations: Vec<Operation>,
    /// When the power went, in words.
    pub crash_point: String,
    /// Which of the writes in flight matter, in words.
    pub state: String,
    /// The writes that matter.
    pub writes: Vec<WriteFate>,
    /// Its trace and the medium that its crash left, as a drawing; absent if it did nothing.
    #[serde(default)]
    pub picture: Option<Picture>,
}

/// An operation of the workload of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// As the system writes it.
    pub text: String,
    /// What the user had been told of it when the power failed.
    pub promised: Promised,
    /// The later operation, counted from 1, whose acknowledgement made it durable; absent if its own did, or none.
    #[serde(default)]
    pub durable_by: Option<u64>,
}

/// What the user had been told of an operation when the power failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promised {
    /// That it is durable: it must be there.
    Durable,
    /// That it is done, but not that it is durable: it may be there.
    Done,
    /// That it cannot be done: it changed nothing.
    Refused,
    /// Nothing yet; it had begun: it may be there.
    Begun,
    /// It had not begun.
    NotBegun,
}

/// How a finding became small.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shrunk {
    /// The id of the state as it was found.
    pub found_as: String,
    /// Operations of the workload in which it was found.
    pub operations_before: u64,
    /// Operations that are left.
    pub operations: u64,
    /// Events of the trace in which it was found.
    pub events_before: u64,
    /// Events that are left.
    pub events: u64,
    /// How many smaller candidates were explored.
    pub candidates: u64,
    /// How many of them failed for the same reason.
    pub steps: u64,
    /// Why shrinking ended before nothing smaller fails, if it did.
    pub ended: Option<String>,
    /// The file that replays it first on every run, if it was stored.
    pub file: Option<String>,
}

/// Something a user can see that is not as it should be: a file, a key, a block. Of very many the last one says how many
/// more there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What: `/a/b`, `key 7`, `block 3`.
    pub what: String,
    /// What it should be; absent if it should not be there.
    pub expected: Option<String>,
    /// What it is; absent if it is not there.
    pub recovered: Option<String>,
}

/// What there is to say of a finding where no crash state passes.
pub const EVERYWHERE: &str =
    "no crash state that was looked at passes: it is no matter of where the crash comes";

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteFate {
    /// Its position in the trace.
    pub event: u32,
    /// What it is, in the system's words, and where.
    pub what: String,
    /// `survived`, `lost`, or `garbled`.
    pub fate: String,
    /// The operation during which it was issued.
    pub operation: Option<String>,
}

impl Finding {
    /// What recovery did, and where wrong bytes come from, in lines, each with its name.
    pub fn recovery_lines(&self) -> Vec<(&'static str, String)> {
        let did = self.recoveries.iter().flat_map(Recovery::lines);
        did.chain(self.provenance.iter().flat_map(Provenance::lines)).collect()
    }

    /// The other ways in which the fault shows, if it is told by this sentence.
    pub fn also_beside(&self, detail: &str) -> Vec<String> {
        let told = detail.lines().next().unwrap_or_default();
        let mine = self.detail.lines().next().unwrap_or_default();
        let mut also: Vec<String> = self.also.iter().filter(|sentence| **sentence != told).cloned().collect();
        if mine != told && !also.iter().any(|sentence| sentence == mine) {
            also.insert(0, mine.to_owned());
        }
        also
    }
}

impl LaterLife {
    /// How it begins, in words.
    pub fn begins(&self) -> String {
        match &self.showed {
            Some(showed) => format!("recovery shows {showed}"),
            None => "recovery begins, and does not come to its end".to_owned(),
        }
    }
}

impl Operation {
    /// What the user had been told of it, in words.
    pub fn told(&self) -> String {
        match (self.promised, self.durable_by) {
            (Promised::Durable, Some(by)) => format!("made durable by operation {by}"),
            (promised, _) => promised.told().to_owned(),
        }
    }
}

impl Promised {
    /// What that is, in words.
    pub fn told(self) -> &'static str {
        match self {
            Promised::Durable => "acknowledged as durable",
            Promised::Done => "done, not promised to be durable",
            Promised::Refused => "refused, changes nothing",
            Promised::Begun => "in progress",
            Promised::NotBegun => "not begun",
        }
    }
}

impl Finding {
    /// The calls that led to the events that matter, each once.
    pub fn issued(&self) -> Vec<Issued<'_>> {
        let mut alike: Vec<(&[String], Vec<u32>)> = Vec::new();
        for Site { event, calls } in &self.sites {
            match alike.iter_mut().find(|(known, _)| known == calls) {
                Some((_, events)) => events.push(*event),
                None => alike.push((calls, vec![*event])),
            }
        }
        let told = |events: Vec<u32>| {
            let first: Vec<String> = events.iter().take(EVENTS).map(|event| format!("#{event}")).collect();
            match events.len() - first.len() {
                0 => first.join(", "),
                more => format!("{} and {more} more", first.join(", ")),
            }
        };
        alike.into_iter().map(|(calls, events)| Issued { events: told(events), calls }).collect()
    }
}

impl fmt::Display for Issued<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.events, self.calls.join(", called from "))
    }
}

impl Shrunk {
    /// How small it became, in words: `from 13 operations to 3, from 57 events to 19, in 42 candidates`.
    pub fn sizes(&self) -> String {
        let Shrunk { operations_before, operations, events_before, events, candidates, .. } = self;
        let mut parts = Vec::new();
        if *operations_before > 0 {
            parts.push(format!("from {} to {operations}", counted(*operations_before, "operation")));
        }
        parts.push(format!("from {} to {events}", counted(*events_before, "event")));
        format!("{}, in {}", parts.join(", "), counted(*candidates, "candidate"))
    }
}

impl fmt::Display for Shrunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sizes())?;
        match &self.ended {
            Some(why) => write!(f, "; there may be a smaller one: {why}"),
            None => Ok(()),
        }
    }
}
