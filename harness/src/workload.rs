//! Workloads that a generator makes: proptest strategies, `quickcheck::Arbitrary`, and the bytes of a fuzzer.

use crate::check::Passed;
use crate::explorer::Explorer;
#[cfg(feature = "arbitrary")]
use crate::explorer::WithWorkload;
use crate::shrink::{descend_in, shrink_from};
use crate::system::System;
use crashcheck_outcome::Verdict;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRng, TestRunner};
use std::sync::atomic::AtomicBool;

/// How many workloads are made unless told otherwise.
const CASES: u32 = 32;

/// A system about to be explored under workloads that proptest makes.
pub struct WithStrategy<S, T> {
    explorer: Explorer<S>,
    strategy: T,
    cases: u32,
}

impl<S: System + 'static> Explorer<S> {
    /// Runs operations that a proptest strategy makes, 32 times, and shrinks those that fail.
    #[must_use]
    pub fn generate<T: Strategy<Value = Vec<S::Op>>>(self, strategy: T) -> WithStrategy<S, T> {
        WithStrategy { explorer: self, strategy, cases: CASES }
    }

    /// Runs operations that quickcheck makes, 32 times, and shrinks those that fail. Always the same operations.
    ///
    /// # Panics
    /// As [`WithWorkload::check`](crate::WithWorkload::check).
    #[cfg(feature = "quickcheck")]
    #[track_caller]
    pub fn quickcheck(self)
    where
        S::Op: quickcheck::Arbitrary,
    {
        use quickcheck::{Arbitrary, Gen};
        self.prepared.end_with("quickcheck", |prepared| {
            let explorer = Explorer::<S>::of(prepared.clone());
            let mut passed = Passed::default();
            for case in 0..u64::from(CASES) {
                let ops = Vec::<S::Op>::arbitrary(&mut Gen::from_size_and_seed(16, case));
                explorer.check_one(Candidates::of(ops), &mut passed)?;
            }
            prepared.all_passed(&passed)
        });
    }

    /// Explores the workload that a value tree stands at, and fails with what is found, as small as the tree can make it.
    fn check_one<T: ValueTree<Value = Vec<S::Op>>>(
        &self,
        tree: T,
        passed: &mut Passed,
    ) -> Result<(), String> {
        let (workload, never) = (self.clone().workload(tree.current()).prepared, AtomicBool::new(false));
        let system = &workload.naming.system;
        if let Some(id) = &workload.asked {
            return workload.replay_if_same(id, passed);
        }
        let exploration = workload.unshrunk(&never, &mut |_| ());
        let mut exploration =
            exploration.map_err(|error| format!("{system}: the system fails without any crash: {error}"))?.0;
        // The tree leads to one place only: it belongs to the simplest finding.
        let mut tree = Some(tree);
        shrink_from(&workload, &mut exploration, &never, &mut |_| (), &mut |begun, bounds, judge| {
            descend_in(&mut tree.take()?, begun, bounds, judge)
        });
        // A workload in which there is nothing to judge is no failure.
        let measured = exploration.verdict != Verdict::NotMeasured;
        let text = measured.then(|| workload.failure(&exploration)).flatten();
        passed.add(&exploration);
        text.map_or(Ok(()), |text| Err(format!("{system}: {text}")))
    }

    /// Runs operations made from the raw bytes of a fuzzer: as many as the bytes are enough for.
    ///
    /// # Errors
    /// If the bytes are too few for one operation, or make one that the type refuses.
    #[cfg(feature = "arbitrary")]
    pub fn bytes<'a>(self, bytes: &'a [u8]) -> arbitrary::Result<WithWorkload<S>>
    where
        S::Op: arbitrary::Arbitrary<'a>,
    {
        let mut source = arbitrary::Unstructured::new(bytes);
        let mut ops = Vec::new();
        while !source.is_empty() {
            let before = source.len();
            match source.arbitrary() {
                Ok(op) => ops.push(op),
                Err(arbitrary::Error::NotEnoughData) if !ops.is_empty() => break,
                Err(error) => return Err(error),
            }
            // An operation without parameters may take no bytes, and would be made forever.
            if source.len() == before {
                break;
            }
        }
        Ok(self.workload(ops))
    }
}

impl<S, T> WithStrategy<S, T>
where
    S: System + 'static,
    T: Strategy<Value = Vec<S::Op>>,
{
    /// How many workloads to make.
    #[must_use]
    pub fn cases(mut self, cases: u32) -> Self {
        self.cases = cases;
        self
    }

    /// Explores every workload, and panics with the smallest one that fails. Always the same workloads.
    ///
    /// # Panics
    /// As [`WithWorkload::check`](crate::WithWorkload::check).
    #[track_caller]
    pub fn check(self) {
        let WithStrategy { explorer, strategy, cases } = self;
        explorer.prepared.end_with(&format!("{cases} workloads"), |prepared| {
            let config = Config { failure_persistence: None, ..Config::default() };
            let rng = TestRng::deterministic_rng(config.rng_algorithm);
            let mut runner = TestRunner::new_with_rng(config, rng);
            let explorer = Explorer::<S>::of(prepared.clone());
            let mut passed = Passed::default();
            for _ in 0..cases {
                let tree = strategy.new_tree(&mut runner).map_err(|reason| {
                    format!("{}: the strategy makes no workload: {reason}", prepared.naming.system)
                })?;
                explorer.check_one(tree, &mut passed)?;
            }
            prepared.all_passed(&passed)
        });
    }
}

/// What quickcheck makes, and the smaller ones that it proposes, as a value tree.
#[cfg(feature = "quickcheck")]
struct Candidates<Op> {
    fails: Vec<Op>,
    tried: Vec<Op>,
    next: Box<dyn Iterator<Item = Vec<Op>>>,
}

#[cfg(feature = "quickcheck")]
impl<Op: quickcheck::Arbitrary> Candidates<Op> {
    fn of(ops: Vec<Op>) -> Self {
        Candidates { tried: ops.clone(), next: quickcheck::Arbitrary::shrink(&ops), fails: ops }
    }
}

#[cfg(feature = "quickcheck")]
impl<Op: quickcheck::Arbitrary + std::fmt::Debug> ValueTree for Candidates<Op> {
    type Value = Vec<Op>;

    fn current(&self) -> Vec<Op> {
        self.tried.clone()
    }

    fn simplify(&mut self) -> bool {
        *self = Candidates::of(std::mem::take(&mut self.tried));
        self.complicate()
    }

    fn complicate(&mut self) -> bool {
        let next = self.next.next();
        let found = next.is_some();
        self.tried = next.unwrap_or_else(|| self.fails.clone());
        found
    }
}
