//! What is explored: a system, the operations of a workload, and all settings, whatever the types.

use crate::choice::{Plan, Pole, Rest};
use crate::disk::Disk;
use crate::erased::{AnySystem, Op};
use crate::explore::{Context, Naming, Options, Recorded, shortened};
use crate::record::{self, RecordError, Run};
use crate::regression::{Regression, RegressionError};
use crashcheck_outcome::Rule;
use crashcheck_trace::ReplayId;
use std::path::PathBuf;
use std::sync::Arc;

/// A system with a workload, ready to be run.
#[derive(Clone)]
pub(crate) struct Prepared {
    pub(crate) system: Arc<dyn AnySystem>,
    pub(crate) options: Options,
    pub(crate) naming: Naming,
    /// Whether a failing check is stored where the package keeps its regressions.
    pub(crate) stores: bool,
    /// Whether a check starts no other process.
    pub(crate) in_process: bool,
    /// The folder of the reports of failing checks, if it is not the usual one.
    pub(crate) reports: Option<PathBuf>,
    /// The only state that a check looks at, if it was asked for.
    pub(crate) asked: Option<ReplayId>,
    /// The operations that are run first, and whose crashes are not explored.
    pub(crate) setup: Vec<Op>,
    /// The operations that are explored.
    pub(crate) ops: Vec<Op>,
    /// What the system is made to keep, to see what that mends.
    pub(crate) rules: Arc<[Rule]>,
    /// Where flushes may fail: what those of the recording answer, from the first on; the others succeed.
    pub(crate) flushes: Arc<[u8]>,
}

impl Prepared {
    /// The same with other operations.
    pub(crate) fn with(&self, setup: Vec<Op>, ops: Vec<Op>) -> Prepared {
        Prepared { setup, ops, ..self.clone() }
    }

    /// The same with a system that is made to keep some rules.
    pub(crate) fn keeping(&self, rules: &[Rule]) -> Prepared {
        Prepared { rules: rules.into(), ..self.clone() }
    }

    /// The same with flushes of the recording that answer like that, where they may fail.
    pub(crate) fn answering(&self, flushes: Vec<u8>) -> Prepared {
        Prepared { flushes: flushes.into(), ..self.clone() }
    }

    /// The same under another name.
    pub(crate) fn named(self, naming: Naming) -> Prepared {
        Prepared { naming, ..self }
    }

    /// The same with so many lives that end in a crash.
    pub(crate) fn with_lives(mut self, lives: u8) -> Prepared {
        self.options.lives = lives;
        self
    }

    /// The same with the operations of a stored failure, and as many lives as it takes to show it.
    ///
    /// # Errors
    /// If an operation is none that the system has.
    pub(crate) fn stored(&self, regression: &Regression) -> Result<Prepared, RegressionError> {
        let (setup, ops) = regression.workload(&*self.system)?;
        let mut prepared = self.with(setup, ops);
        prepared.naming.workload = regression.name();
        prepared.options.lives = prepared.options.lives.max(regression.lives);
        Ok(prepared)
    }

    /// Runs the workload without a crash.
    ///
    /// # Errors
    /// If the system fails without any crash.
    pub(crate) fn record(&self) -> Result<Run, RecordError> {
        self.record_on(&Disk::recording(&self.system.devices()))
    }

    /// The same, with the calls that led to each event.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub(crate) fn record_with_sites(&self) -> Result<Run, RecordError> {
        self.record_on(&Disk::recording_with_sites(&self.system.devices()))
    }

    fn record_on(&self, disk: &Disk) -> Result<Run, RecordError> {
        let may_fail = self.options.profile.faults.flush_error;
        let plan = Plan { forced: self.flushes.to_vec(), rest: Rest::Pole(Pole::Newest) };
        let (disk, flushes) = (disk.keeping(&self.rules), may_fail.then_some(plan));
        record::recorded(&*self.system, &self.setup, &self.ops, &disk, flushes)
    }

    /// Records the workload, and prepares its crashes.
    ///
    /// # Errors
    /// If the system fails without any crash.
    pub(crate) fn context(&self) -> Result<Arc<Context>, RecordError> {
        let Run { trace, course, flushes, .. } = self.record()?;
        let naming = Naming { trace_hash: trace.fingerprint(), ..self.naming.clone() };
        let instance = Recorded::new(Arc::clone(&self.system), course, Arc::clone(&self.rules));
        Ok(Arc::new(Context::new(instance, naming, Arc::new(trace), &self.options).behind(flushes)))
    }

    /// How many operations there are.
    pub(crate) fn len(&self) -> usize {
        self.setup.len() + self.ops.len()
    }

    /// The operations that are run first, the last of them.
    pub(crate) fn setup_in_words(&self) -> Vec<String> {
        const MOST: usize = 20;
        let last = &self.setup[self.setup.len().saturating_sub(MOST)..];
        last.iter().map(|op| shortened(&format!("{op:?}"))).collect()
    }
}
