//! Workloads that a generator makes: proptest strategies, `quickcheck::Arbitrary`, and the bytes of a fuzzer.

use crate::System;
use crate::explorer::Explorer;
#[cfg(feature = "arbitrary")]
use crate::explorer::WithWorkload;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRng, TestRunner};

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
    pub fn strategy<T: Strategy<Value = Vec<S::Op>>>(self, strategy: T) -> WithStrategy<S, T> {
        WithStrategy { explorer: self, strategy, cases: CASES }
    }

    /// Runs operations that quickcheck makes, 32 times, and shrinks those that fail. Always the same operations.
    ///
    /// # Panics
    /// As [`WithWorkload::check`](crate::WithWorkload::check).
    #[cfg(feature = "quickcheck")]
    pub fn quickcheck(self)
    where
        S::Op: quickcheck::Arbitrary,
    {
        use quickcheck::{Arbitrary, Gen};
        for case in 0..u64::from(CASES) {
            let mut ops = Vec::<S::Op>::arbitrary(&mut Gen::from_size_and_seed(16, case));
            let mut failure = self.clone().workload(ops.clone()).failure();
            while let Some(text) = failure.take() {
                let smaller = ops.shrink().find_map(|smaller| {
                    let text = self.clone().workload(smaller.clone()).failure()?;
                    Some((smaller, text))
                });
                let Some((smaller, text)) = smaller else { panic!("{}: {ops:?}\n{text}", self.name()) };
                (ops, failure) = (smaller, Some(text));
            }
        }
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
    pub fn check(self) {
        let config = Config { cases: self.cases, failure_persistence: None, ..Config::default() };
        let mut runner =
            TestRunner::new_with_rng(config.clone(), TestRng::deterministic_rng(config.rng_algorithm));
        let result = runner.run(&self.strategy, |ops| {
            let failure = self.explorer.clone().workload(ops).failure();
            failure.map_or(Ok(()), |text| Err(TestCaseError::fail(text)))
        });
        if let Err(error) = result {
            panic!("{}: {error}", self.explorer.name());
        }
    }
}
