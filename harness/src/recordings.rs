//! The ways in which a workload can be recorded: with every flush succeeding, and where the profile says so with each of them
//! failing in each way.
//!
//! What a system does after an error is another recording, with crash states of its own. Which one it is, is a choice that comes before
//! those of a crash: [`Question::FlushFailed`](crate::choice::Question::FlushFailed), asked at each flush.

use crate::choice::Pole;
use crate::prepared::Prepared;
use crate::record::{RecordError, Run};
use crate::strategy::Branches;

impl Prepared {
    /// The workload in each of its recordings; the first is that in which no flush fails. In the others one does, so that each
    /// is one answer away from the first.
    ///
    /// # Errors
    /// If the system fails without any crash.
    pub(crate) fn recordings(&self) -> Result<Vec<Prepared>, RecordError> {
        let mut recordings = vec![self.answering(Vec::new())];
        if self.options.profile.faults.flush_error {
            let Run { flushes, .. } = recordings[0].record()?;
            let failing = Branches::new(Pole::Newest, &flushes, 0);
            recordings.extend(failing.map(|plan| self.answering(plan.forced)));
        }
        Ok(recordings)
    }
}
