//! What a life did after its recovery, and what a user should see of that.

use crate::disk::Disk;
use crate::system::{Error, System};
use crashcheck_trace::{Event, OpId};

/// What a life of a [`System`] did after its recovery.
pub(super) struct Continued<S: System> {
    /// Of a cluster: how many crashes were before it.
    pub(super) crashes: usize,
    /// What was allowed before, and still is until something is acknowledged as durable, each state with the operation that
    /// came next.
    pub(super) before: Vec<(S::View, S::Op)>,
    pub(super) ops: Vec<S::Op>,
    /// What a user should see after n of them, the first being what recovery has shown.
    pub(super) states: Vec<S::View>,
    /// So many of them, from the first, were acknowledged as durable.
    pub(super) durable: usize,
}

impl<S: System> Continued<S> {
    /// Nothing was done yet since this was shown.
    pub(super) fn from(shown: S::View) -> Self {
        Continued::after(0, shown)
    }

    /// The same in a cluster, after so many crashes.
    pub(super) fn after(crashes: usize, shown: S::View) -> Self {
        Continued { crashes, before: Vec::new(), ops: Vec::new(), states: vec![shown], durable: 0 }
    }

    /// What is allowed until something is acknowledged as durable, although it is not what was shown.
    pub(super) fn allow(&mut self, before: &[(S::View, S::Op)]) {
        self.before = before.to_vec();
    }

    /// A crash has ended it: what may be seen from now on.
    pub(super) fn into_allowed(self) -> Vec<(S::View, S::Op)> {
        let Continued { mut before, ops, states, durable, .. } = self;
        if durable > 0 {
            before.clear();
        }
        before.extend(with_next(&states[durable..], &ops[durable..]));
        before
    }

    /// Whether nothing was done in it.
    pub(super) fn is_untouched(&self) -> bool {
        self.ops.is_empty()
    }

    /// Whether nodes have crashed again, so that nothing more is done in it.
    pub(super) fn has_ended(&self, disk: &Disk) -> bool {
        disk.crashes() > self.crashes
    }

    /// What a user should see now.
    pub(super) fn shown(&self) -> &S::View {
        self.states.last().expect("what recovery has shown is the first")
    }

    /// So many operations, from the first, were acknowledged as durable.
    pub(super) fn durable(&self) -> usize {
        self.durable
    }

    /// The last operation has failed, and nothing is seen of it. That is one more thing that happened.
    pub(super) fn undo(&mut self, disk: &Disk, why: &Error) {
        let (id, op) = (OpId(self.ops.len() as u32), self.ops.last().cloned().expect("one has failed"));
        disk.note_with(|| Event::Begin { op: id, text: format!("{op:?} has failed: {why}") });
        disk.note_with(|| Event::Ack { op: id, durable: false });
        self.states.push(self.states[self.states.len() - 2].clone());
        self.ops.push(op);
    }
}

/// States with the operations between them: each with the one that came next, the last one with the last. A single state
/// is as good as what comes after it.
pub(super) fn with_next<View: Clone, Op: Clone>(states: &[View], ops: &[Op]) -> Vec<(View, Op)> {
    let next = ops.iter().chain(ops.last());
    states.iter().cloned().zip(next.cloned()).collect()
}
