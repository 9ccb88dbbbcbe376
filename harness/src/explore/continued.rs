//! What a life did after its recovery, and what a user should see of that.

use super::evidence::Broken;
use crate::disk::Disk;
use crate::erased::{AnyView, Course, Op, View};
use crate::system::Error;
use crashcheck_trace::{Event, OpId};

/// What a life of a system did after its recovery.
pub(super) struct Continued {
    /// Of a cluster: how many crashes were before it.
    pub(super) crashes: usize,
    /// What was allowed before, and still is until something is acknowledged as durable, each state with the operation that
    /// came next.
    pub(super) before: Vec<(View, Op)>,
    /// Its operations, and what a user should see after them, the first being what recovery has shown.
    pub(super) course: Box<dyn Course>,
    /// So many of them, from the first, were acknowledged as durable.
    pub(super) durable: usize,
}

impl Continued {
    /// Nothing was done yet since something was shown, in a cluster after so many crashes.
    pub(super) fn after(crashes: usize, course: Box<dyn Course>) -> Self {
        Continued { crashes, before: Vec::new(), course, durable: 0 }
    }

    /// What is allowed until something is acknowledged as durable, although it is not what was shown.
    pub(super) fn allow(&mut self, before: &[(View, Op)]) {
        self.before = before.to_vec();
    }

    /// A crash has ended it: what may be seen from now on.
    pub(super) fn into_allowed(self) -> Vec<(View, Op)> {
        let Continued { mut before, course, durable, .. } = self;
        if durable > 0 {
            before.clear();
        }
        before.extend(course.with_next(durable, course.len()));
        before
    }

    /// Whether nothing was done in it.
    pub(super) fn is_untouched(&self) -> bool {
        self.course.len() == 0
    }

    /// Whether nodes have crashed again, so that nothing more is done in it.
    pub(super) fn has_ended(&self, disk: &Disk) -> bool {
        disk.crashes() > self.crashes
    }

    /// What a user should see now.
    pub(super) fn shown(&self) -> &dyn AnyView {
        self.course.shown()
    }

    /// So many operations, from the first, were acknowledged as durable.
    pub(super) fn durable(&self) -> usize {
        self.durable
    }

    /// A promise that was broken while it went on, with what was done until then.
    pub(super) fn behind(&self, mut broken: Broken) -> Broken {
        let detail = &mut broken.violation.detail;
        for nth in 0..self.course.len() {
            let refused = if self.course.is_refused(nth) { ": refused" } else { "" };
            detail.push_str(&format!("\nafter recovery, {}. {:?}{refused}", nth + 1, self.course.op(nth)));
        }
        broken
    }

    /// The last operation has failed, and nothing is seen of it. That is one more thing that happened.
    pub(super) fn undo(&mut self, disk: &Disk, why: &Error) {
        let (id, op) = (OpId(self.course.len() as u32), self.course.op(self.course.len() - 1));
        disk.note_with(|| Event::Begin { op: id, text: format!("{op:?} has failed: {why}") });
        disk.note_with(|| Event::Ack { op: id, durable: false });
        self.course.undo();
    }
}
