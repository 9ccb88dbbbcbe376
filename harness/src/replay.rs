//! One crash state again: what it breaks, what was done before it, and the devices before and after recovery, for whoever
//! wants to look at them with other tools.

use crate::choice::Plan;
use crate::explore::{Context, Job, Leaf, Options, Pool, Tally, Watched};
use crashcheck_outcome::{Coverage, Exploration, Finding, Verdict};
use crashcheck_trace::{Event, Image, ReplayId, Trace};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What came of looking at one crash state again.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The broken promise, told as a finding; `None` if none is broken.
    pub finding: Option<Finding>,
    /// What recovery shows, in words.
    pub shows: String,
    /// Whether the answers did not fit the questions that were asked: the trace or recovery has changed.
    pub diverged: bool,
    /// Whether the trace does not have the moment at which the power is to fail, so that nothing was looked at.
    pub missing: bool,
    /// The crash state; `None` if nothing was looked at.
    pub crash: Option<Box<Crash>>,
}

/// A crash state that was looked at again.
#[derive(Clone, Debug)]
pub struct Crash {
    /// What was explored, with this state alone, and the finding if there is one: what a report is made of.
    pub exploration: Exploration,
    /// The state as a finding tells it, whether or not a promise is broken; if none is, the promise and what was seen are
    /// empty.
    pub state: Finding,
    /// The last life before the crash: its devices when it began, and what was done up to the crash, with a mark at the end.
    pub trace: Trace,
    /// What each device held when the last crash had come, before recovery. What recovery did not look at, and a crash may
    /// have left in several ways, is as the state is told; a block that cannot be read is full of zeros.
    pub devices: Vec<Image>,
    /// What each device held when recovery from that had come to its end. `None` if recovery is a command that failed.
    pub recovered: Option<Vec<Image>>,
}

/// As many answers are read from an id; no recovery asks more questions.
const ANSWERS: usize = 1 << 24;

/// The mark at the end of a trace that leads up to a crash.
const POWER_FAILS: &str = "the power fails";

/// Looks at one state again. How many lives end in a crash is told by the answers.
pub(crate) fn replay(
    context: &Arc<Context>,
    options: &Options,
    state: &ReplayId,
    watched: Watched,
) -> Replayed {
    let nowhere =
        |shows: String| Replayed { finding: None, shows, diverged: true, missing: true, crash: None };
    let (epochs, events) = (context.timeline.epochs.len(), context.trace.events.len());
    if state.epoch as usize >= epochs {
        return nowhere(format!("the trace has no epoch {}, its last is {}", state.epoch, epochs - 1));
    }
    if state.point.index() > events {
        return nowhere(format!("the trace has no crash point {}, its last is {events}", state.point.0));
    }
    let epoch = &context.timeline.epochs[state.epoch as usize];
    // Another trace has other epochs, and a replay there has diverged anyway.
    if context.is_of(state) && !(epoch.from..=epoch.upto).contains(&state.point.index()) {
        let (point, nth, from, upto) = (state.point.0, state.epoch, epoch.from, epoch.upto);
        let shows = format!(
            "the trace has no crash point {point} in epoch {nth}, which has those from {from} to {upto}"
        );
        return nowhere(shows);
    }
    // An answer beyond 8 bits fits no question, so that the replay diverges. The first were asked while it was recorded.
    let answers = state.answers.iter().take(ANSWERS).skip(context.before.len());
    let answers = answers.map(|answer| u8::try_from(answer).unwrap_or(u8::MAX));
    let plan = Plan::replay(answers.collect());
    let job = Job { through: Some(u8::MAX), watched, ..Job::of_workload(state.epoch, plan) };
    let mut leaf =
        Pool::new(Arc::clone(context), 1).run(vec![job], false).pop().expect("a leaf for every state");
    let (fails, shows) = (leaf.verdict.is_err(), leaf.end.recovered.kind.shows.to_string());
    let diverged = leaf.diverged || !context.is_of(state);
    leaf.verdict = Err(leaf.failed(state.point.index()));
    let crash = crash(context, options, &leaf, fails);
    let finding = fails.then(|| crash.state.clone());
    Replayed { finding, shows, diverged, missing: false, crash: Some(Box::new(crash)) }
}

/// What there is to know of a leaf that is told as one that fails, whether or not it does.
fn crash(context: &Arc<Context>, options: &Options, leaf: &Leaf, fails: bool) -> Crash {
    let kept = leaf.kept.clone().expect("the devices of a state that is watched are kept");
    let recovered = match context.instance.eager() {
        false => Some(kept.recovered),
        true => leaf.end.recovered.shown.as_ref().ok().and_then(|shown| context.instance.devices(shown)),
    };
    let trace = last_life(context, leaf, kept.began);
    let recoveries = leaf.stories.len() as u64 + 1;
    let represented = leaf.represented.fresh.to_string();
    let tally = Tally::new(Arc::clone(context), context.lives);
    let exploration = tally.into_exploration(options.strategy.name(), options.jobs, &BTreeMap::new());
    let state = context.told(leaf);
    let left_out = (represented != exploration.coverage.total)
        .then(|| "one crash state was looked at again, and nothing else".to_owned());
    let coverage = Coverage {
        complete: left_out.is_none(),
        represented,
        left_out,
        recoveries,
        later: Vec::new(),
        ..exploration.coverage
    };
    let verdict = match fails {
        true if state.device_lies => Verdict::DeviceLies,
        true => Verdict::Lost,
        false => Verdict::Incomplete,
    };
    let findings = fails.then(|| state.clone()).into_iter().collect();
    let (reason, judged) = (None, Vec::new());
    let exploration = Exploration { verdict, reason, coverage, judged, findings, ..exploration };
    Crash { exploration, state, trace, devices: kept.crashed, recovered }
}

/// What was done in the life that the last crash ended.
fn last_life(context: &Context, leaf: &Leaf, began: Vec<Image>) -> Trace {
    let trace = leaf.stories.last().map_or(&*context.trace, |story| &story.life.trace);
    let mut devices = trace.devices.clone();
    devices.iter_mut().zip(began).for_each(|(device, image)| device.base = image);
    let point = leaf.verdict.as_ref().err().and_then(|failed| failed.points.last().copied());
    let mut events = trace.events[..point.unwrap_or(0).min(trace.events.len())].to_vec();
    events.push(Event::Mark { text: POWER_FAILS.to_owned() });
    Trace { devices, events }
}
