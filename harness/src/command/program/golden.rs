//! What a program shows where nothing crashed: after each of its operations, looked at where somebody asks.

use super::view::View;
use crate::disk::Disk;
use crate::profile::Discard;
use crate::shrink::begun_after;
use crashcheck_trace::{Device, Event, Trace};
use std::io;
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

/// What recovery shows after the first operations of a run without a crash.
pub(super) struct Golden {
    trace: Trace,
    /// By the number of operations: how many events of the run have happened when they have ended.
    ends: Vec<usize>,
    /// By the number of operations: how many of the ends before it have left something else than the end before them. Where
    /// nothing was changed in between, nothing else is seen.
    changes: Vec<usize>,
    /// By the number of changes.
    views: Mutex<Vec<Option<View>>>,
}

impl Golden {
    pub(super) fn of(trace: Trace) -> Golden {
        let mut ends = vec![0];
        for (index, event) in trace.events.iter().enumerate() {
            if let Event::Ack { op, .. } = event {
                // Where a trace begins in the middle of a run, the ends before that are where it begins.
                ends.resize(op.index() + 1, ends[ends.len() - 1]);
                ends.push(index + 1);
            }
        }
        // What came after the last end is an operation that nobody acknowledged.
        if trace.events[ends[ends.len() - 1]..].iter().any(is_change) {
            ends.push(trace.events.len());
        }
        let changed = ends.windows(2).scan(0, |changes, op| {
            *changes += usize::from(trace.events[op[0]..op[1]].iter().any(is_change));
            Some(*changes)
        });
        let changes: Vec<usize> = [0].into_iter().chain(changed).collect();
        let views = Mutex::new(vec![None; changes[changes.len() - 1] + 1]);
        Golden { trace, ends, changes, views }
    }

    /// How many operations there are.
    pub(super) fn ops(&self) -> usize {
        self.ends.len() - 1
    }

    /// The devices as the first operations have left them.
    pub(super) fn after(&self, ops: usize) -> Vec<Device> {
        let begun = begun_after(&self.trace, self.ends[ops], Discard::Zero);
        begun.expect("what was recorded here can be done").trace.devices
    }

    /// What recovery shows after the first operations.
    pub(super) fn view(&self, ops: usize, recover: Recover<'_>) -> io::Result<View> {
        if let Some(known) = self.known(ops) {
            return Ok(known);
        }
        let view = recover(&Disk::plain(&self.after(ops)))?;
        self.views.lock().unwrap_or_else(PoisonError::into_inner)[self.changes[ops]] = Some(view.clone());
        Ok(view)
    }

    fn known(&self, ops: usize) -> Option<View> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)[self.changes[ops]].clone()
    }

    /// How many operations it takes until recovery succeeds: what is there before has not been set up. All of them, if it never
    /// does.
    pub(super) fn set_up(&self, recover: Recover<'_>) -> io::Result<usize> {
        for ops in 0..self.ops() {
            if let View::Printed(_) = self.view(ops, recover)? {
                return Ok(ops);
            }
        }
        Ok(self.ops())
    }

    /// The number of operations after which the same is shown, of these numbers: first among those that are known. Of recoveries
    /// that fail only those count before anything is set up: one that fails later fails whoever has stopped the program.
    pub(super) fn place(
        &self,
        view: &View,
        ops: RangeInclusive<usize>,
        recover: Recover<'_>,
    ) -> io::Result<Option<usize>> {
        let mut ops = *ops.start()..=(*ops.end()).min(self.ops());
        if let View::Failed(_) = view {
            let Some(last) = self.set_up(recover)?.checked_sub(1) else { return Ok(None) };
            ops = *ops.start()..=(*ops.end()).min(last);
        }
        let known = ops.clone().rev().find(|nth| self.known(*nth).is_some_and(|known| known.is(view)));
        if known.is_some() {
            return Ok(known);
        }
        for nth in ops.rev() {
            if self.known(nth).is_none() && self.view(nth, recover)?.is(view) {
                return Ok(Some(nth));
            }
        }
        Ok(None)
    }
}

fn is_change(event: &Event) -> bool {
    event.ranges().next().is_some() || matches!(event, Event::Resize { .. })
}

/// Recovers a machine, and looks at what that shows.
pub(super) type Recover<'a> = &'a dyn Fn(&Disk) -> io::Result<View>;
