//! Running a workload on a recording disk.

use crate::choice::{Choices, Path, Plan};
use crate::disk::Disk;
use crate::erased::{self, AnyOp, AnySystem, AnyView, Course, Live, Op, Typed, View};
use crate::system::{Ack, Error, System};
use crashcheck_trace::{Event, OpId, Trace};
use std::backtrace::Backtrace;
use std::panic::{AssertUnwindSafe, catch_unwind};
use thiserror::Error;

/// A workload that was run once, without a crash.
pub struct Recording<S: System> {
    /// What happened on the devices.
    pub trace: Trace,
    /// The operations.
    pub ops: Vec<S::Op>,
    /// What a user should see after n operations; one longer than `ops`.
    pub states: Vec<S::View>,
}

/// Why a workload could not be recorded: the system fails without any crash.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Setting up the devices failed.
    #[error("cannot prepare the devices: {0}")]
    Format(#[source] Error),
    /// The system did not open on freshly prepared devices.
    #[error("cannot open freshly prepared devices: {0}")]
    Open(#[source] Error),
    /// An operation failed.
    #[error("operation {} ({op}) failed: {source}", index + 1)]
    Apply {
        /// Which, from 0.
        index: usize,
        /// As a person would write it.
        op: String,
        /// Why.
        source: Error,
    },
    /// What is run first is not durable when it ends, so that a crash may lose what nobody looks at.
    #[error("the setup must end with an operation that makes it durable; operation {} ({op}) does not", index + 1)]
    Setup {
        /// Which, from 0.
        index: usize,
        /// As a person would write it.
        op: String,
    },
    /// What a user sees could not be read.
    #[error("cannot read the state {when}: {source}")]
    View {
        /// At which moment.
        when: String,
        /// Why.
        source: Error,
    },
    /// It panicked.
    #[error("the system panicked without any crash: {message}")]
    Panicked {
        /// What it said.
        message: String,
    },
    /// The system and the model disagree although nothing crashed.
    #[error("{when} the system shows {shown}, but the model says {expected}")]
    Disagree {
        /// At which moment.
        when: String,
        /// What the system shows.
        shown: String,
        /// What it should show.
        expected: String,
    },
}

/// Prepares the devices, runs the operations, and returns the trace together with what the model says.
///
/// The system must agree with its model while it runs and after it was opened once more; otherwise there is nothing to
/// judge crashes by.
///
/// # Errors
/// When the system fails without any crash.
pub fn record<S: System + 'static>(system: &S, ops: Vec<S::Op>) -> Result<Recording<S>, RecordError> {
    record_after(system, &[], ops)
}

/// As [`record`], but operations are run first of which nothing is recorded, as if they had long been durable. The
/// nodes of a cluster boot once more after them.
///
/// # Errors
/// When the system fails without any crash, or the last of the operations that are run first is not acknowledged as
/// durable.
pub fn record_after<S: System + 'static>(
    system: &S,
    setup: &[S::Op],
    ops: Vec<S::Op>,
) -> Result<Recording<S>, RecordError> {
    let setup: Vec<Op> = setup.iter().cloned().map(Op::new).collect();
    let ops: Vec<Op> = ops.into_iter().map(Op::new).collect();
    let run = recorded(system, &setup, &ops, &Disk::recording(&system.devices()), None)?;
    let Run { trace, course, .. } = run;
    let Typed { ops, states, .. } = erased::typed::<S>(course);
    Ok(Recording { trace, ops, states })
}

/// What came of running a workload, whatever the types.
pub(crate) struct Run {
    pub(crate) trace: Trace,
    pub(crate) course: Box<dyn Course>,
    /// By event, the calls that led to it, if they were recorded.
    pub(crate) sites: Vec<Backtrace>,
    /// What was asked of the flushes, if they may fail, and answered.
    pub(crate) flushes: Path,
}

/// As [`record_after`], of a system of any type, on a disk that records. With a plan flushes of the operations may fail, once what is
/// run first is done. A panic of the system is printed where it happens.
pub(crate) fn recorded(
    system: &dyn AnySystem,
    setup: &[Op],
    ops: &[Op],
    disk: &Disk,
    flushes: Option<Plan>,
) -> Result<Run, RecordError> {
    catch_unwind(AssertUnwindSafe(|| perform(system, setup, ops, disk, flushes))).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Err(RecordError::Panicked { message: text.unwrap_or_default() })
    })
}

fn perform(
    system: &dyn AnySystem,
    setup: &[Op],
    ops: &[Op],
    disk: &Disk,
    flushes: Option<Plan>,
) -> Result<Run, RecordError> {
    system.format(disk).map_err(RecordError::Format)?;
    disk.machine().rebase();
    let mut live = system.open(disk.clone()).map_err(RecordError::Open)?;
    disk.after_recovery().map_err(|error| RecordError::Open(error.into()))?;
    if !setup.is_empty() {
        set_up(system, setup, disk, &mut live)?;
        disk.machine().rebase();
    }
    if !setup.is_empty() && disk.network().nodes() > 0 {
        // What the nodes have in memory is not part of the recording: it begins with their boot.
        live = system.open(disk.power_on()).map_err(RecordError::Open)?;
    }
    let mut course = system.begin(&*shown(system, &mut live, "before the first operation")?);
    if let Some(plan) = flushes {
        disk.machine().let_flushes_fail(Choices::new(plan));
    }
    for (index, op) in ops.iter().enumerate() {
        let id = OpId(course.len() as u32);
        disk.machine().note(Event::Begin { op: id, text: format!("{op:?}") });
        match apply(system, disk, &mut live, index, op) {
            Ok(ack) => {
                disk.machine().note(Event::Ack { op: id, durable: ack == Ack::Durable });
                system.step(&mut *course, &**op, ack == Ack::Refused);
            }
            Err(RecordError::Apply { source, .. }) if has_failed(disk) => {
                system.step(&mut *course, &**op, false);
                look_what_failed(system, disk, &mut live, &mut *course, &source)?;
            }
            Err(error) => return Err(error),
        }
    }
    let when = "after the last operation";
    match shown(system, &mut live, when) {
        Ok(shown) if shown.equals(course.shown()) => {}
        Ok(shown) => return Err(disagree(disk, when, &*shown, &*course)),
        // A system may give up when a flush has failed.
        Err(_) if has_failed(disk) => {}
        Err(error) => return Err(error),
    }
    let sites = disk.machine().take_sites();
    let flushes = disk.machine().flushes();
    let trace = disk.machine().power_off().unwrap_or_default();
    drop(live);
    Ok(Run { trace, course, sites, flushes })
}

/// Runs what is run first. The last of it makes all durable, and the system shows then what the model says.
fn set_up(system: &dyn AnySystem, setup: &[Op], disk: &Disk, live: &mut Live) -> Result<(), RecordError> {
    let mut course = system.begin(&*shown(system, live, "before the setup")?);
    for (index, op) in setup.iter().enumerate() {
        let ack = apply(system, disk, live, index, op)?;
        if index + 1 == setup.len() && ack != Ack::Durable {
            return Err(RecordError::Setup { index, op: format!("{op:?}") });
        }
        system.step(&mut *course, &**op, ack == Ack::Refused);
    }
    let when = "after the setup";
    let shown = shown(system, live, when)?;
    if shown.equals(course.shown()) { Ok(()) } else { Err(disagree(disk, when, &*shown, &*course)) }
}

/// Whether a flush has failed by now.
fn has_failed(disk: &Disk) -> bool {
    disk.machine().flushes().answers.iter().any(|answer| *answer > 0)
}

/// An operation has failed because a flush has. Nothing was promised; whether it is done is for the system to show, and what is not
/// shown may come with a crash all the same. A system that shows nothing any more has given up.
fn look_what_failed(
    system: &dyn AnySystem,
    disk: &Disk,
    live: &mut Live,
    course: &mut dyn Course,
    why: &Error,
) -> Result<(), RecordError> {
    let (done, op) = (course.len(), format!("{:?}", course.op(course.len() - 1)));
    let shown = system.view(live).ok();
    let shows = |nth| shown.as_ref().is_some_and(|shown| shown.equals(course.state(nth)));
    let undone = shown.is_none() || shows(done - 1);
    if let Some(shown) = shown.as_ref().filter(|_| !undone && !shows(done)) {
        return Err(disagree(disk, &format!("after operation {done} ({op}) had failed"), &**shown, course));
    }
    if undone {
        let id = OpId(done as u32);
        disk.machine().note(Event::Begin { op: id, text: format!("{op} has failed: {why}") });
        disk.machine().note(Event::Ack { op: id, durable: false });
        course.undo();
    }
    Ok(())
}

fn disagree(disk: &Disk, when: &str, shown: &dyn AnyView, course: &dyn Course) -> RecordError {
    let flush = if has_failed(disk) { ", in a recording in which a flush had failed," } else { "" };
    let (shown, expected) = (format!("{shown:?}"), format!("{:?}", course.shown()));
    RecordError::Disagree { when: format!("{when}{flush}"), shown, expected }
}

fn apply(
    system: &dyn AnySystem,
    disk: &Disk,
    live: &mut Live,
    index: usize,
    op: &Op,
) -> Result<Ack, RecordError> {
    let failed = |source| RecordError::Apply { index, op: format!("{op:?}"), source };
    performed(system, disk, live, &**op).map_err(failed)
}

/// Performs an operation, whose durable acknowledgement may have to wait for what a rule asks for.
pub(crate) fn performed(
    system: &dyn AnySystem,
    disk: &Disk,
    live: &mut Live,
    op: &dyn AnyOp,
) -> Result<Ack, Error> {
    let ack = system.apply(live, op)?;
    if ack == Ack::Durable {
        disk.before_ack()?;
    }
    Ok(ack)
}

fn shown(system: &dyn AnySystem, live: &mut Live, when: &str) -> Result<View, RecordError> {
    system.view(live).map_err(|source| RecordError::View { when: when.to_owned(), source })
}
