//! Operations made by quickcheck, and from the bytes of a fuzzer.

use crashcheck::trace::outcome::{Exploration, Verdict};
use crashcheck::{Budget, Explorer, System, explore, summary};
use crashcheck_models::journal::{Data, Journal, Ordered};
use crashcheck_models::vsfs::Vsfs;

/// As many sequences of operations are tried.
const SEQUENCES: u64 = 40;

fn on_a_budget<S: System + 'static>(system: S) -> Explorer<S> {
    explore(system).budget(Budget { states: Some(200), ..Budget::default() })
}

/// Whether a crash state was judged; none is left by operations that write nothing.
fn survived(exploration: &Exploration) -> bool {
    assert!(exploration.findings.is_empty(), "{:#?}", exploration.findings);
    assert_ne!(exploration.verdict, Verdict::Broken, "{:?}", exploration.reason);
    println!("{}", summary(exploration));
    exploration.verdict == Verdict::Survived
}

#[cfg(feature = "quickcheck")]
mod quickchecked {
    use super::*;
    use crashcheck_models::fs::FsOp;
    use quickcheck::{Gen, QuickCheck, TestResult};

    fn explored<S: System<Op = FsOp> + 'static>(system: S, ops: Vec<FsOp>) -> bool {
        survived(&on_a_budget(system).workload(ops).run().expect("works without a crash"))
    }

    /// Sequences in which nothing was in flight do not count.
    #[test]
    fn what_quickcheck_makes_is_survived() {
        fn vsfs(ops: Vec<FsOp>) -> TestResult {
            if explored(Vsfs::default(), ops) { TestResult::passed() } else { TestResult::discard() }
        }
        fn journal(ops: Vec<FsOp>) -> TestResult {
            let judged = explored(Journal::<Ordered>::default(), ops);
            if judged { TestResult::passed() } else { TestResult::discard() }
        }
        for property in [vsfs as fn(Vec<FsOp>) -> TestResult, journal] {
            let source = Gen::from_size_and_seed(24, 1);
            QuickCheck::new().rng(source).tests(SEQUENCES).min_tests_passed(SEQUENCES).quickcheck(property);
        }
    }
}

#[cfg(feature = "arbitrary")]
mod from_bytes {
    use super::*;
    use crashcheck_models::fs::FsOp;

    /// Bytes without a pattern, the same on every machine.
    fn bytes(seed: u64) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..48).map(|_| next()).collect()
    }

    fn judged<S: System<Op = FsOp> + 'static>(system: impl Fn() -> S) -> usize {
        let run = |seed: &u64| {
            let bytes = bytes(*seed);
            let workload = on_a_budget(system()).bytes(&bytes).expect("bytes enough");
            survived(&workload.run().expect("works without a crash"))
        };
        (0..SEQUENCES).filter(run).count()
    }

    #[test]
    fn what_a_fuzzer_makes_is_survived() {
        for judged in [judged(Vsfs::default), judged(Journal::<Data>::default)] {
            assert!(judged as u64 >= SEQUENCES / 4, "only {judged} sequences had something in flight");
        }
    }
}
