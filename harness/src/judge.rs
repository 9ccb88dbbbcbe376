//! Judges: what recovery shows, against what the history allows.

use crate::System;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a crash at one point allows: the number of operations that must have survived and that can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Window {
    /// So many operations, from the first, were acknowledged as durable before the crash.
    pub durable: usize,
    /// So many operations had begun before the crash.
    pub begun: usize,
}

/// The workload as the model saw it, up to a crash.
pub struct History<'a, S: System + ?Sized> {
    /// The operations, those after the crash included.
    pub ops: &'a [S::Op],
    /// What a user should see after n operations; one longer than `ops`.
    pub states: &'a [S::View],
    /// What the crash point allows.
    pub window: Window,
}

impl<S: System + ?Sized> History<'_, S> {
    /// The states that a crash here may show if operations are lost only from the end.
    pub fn allowed(&self) -> &[S::View] {
        &self.states[self.window.durable..=self.window.begun]
    }
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Violation {
    /// The promise: `recovers`, `well-formed`, `durable`, `atomic`, `prefix`, `no-foreign-data`, `idempotent`,
    /// `usable`, `no-leak`, …
    pub promise: String,
    /// What was seen instead, in a sentence.
    pub detail: String,
}

impl Violation {
    /// A broken promise, and what was seen instead.
    pub fn new(promise: &str, detail: impl Into<String>) -> Self {
        Violation { promise: promise.to_owned(), detail: detail.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise, self.detail)
    }
}

/// What recovery shows must equal the model after some prefix of the operations that holds every durable
/// acknowledgement.
///
/// # Errors
/// `durable` if it shows an earlier state than was promised, `atomic` if it shows a state that no prefix has.
pub fn prefix<S: System + ?Sized>(view: &S::View, history: &History<'_, S>) -> Result<(), Violation> {
    if history.allowed().contains(view) {
        return Ok(());
    }
    let Window { durable, begun } = history.window;
    if let Some(older) = history.states[..durable].iter().rposition(|state| state == view) {
        return Err(Violation::new(
            "durable",
            format!(
                "operation {durable} was acknowledged as durable, but recovery shows the state after {older}"
            ),
        ));
    }
    Err(Violation::new(
        "atomic",
        format!("recovery shows a state that no prefix of {durable} to {begun} operations gives"),
    ))
}
