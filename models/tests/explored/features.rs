//! Operations made by quickcheck, and from the bytes of a fuzzer.

use crashcheck::outcome::{Exploration, Verdict};
use crashcheck::{Budget, Explorer, Reference, System, explore, summary};
use crashcheck_models::journal::{Data, Journal, Ordered};
use crashcheck_models::vsfs::Vsfs;

/// As many sequences of operations are tried.
const SEQUENCES: u64 = 40;

fn on_a_budget<S: System + 'static>(system: S) -> Explorer<S> {
    explore(system).budget(Budget { states: Some(200), later: Some(50), ..Budget::default() })
}

fn faulty() -> Vsfs {
    Vsfs::with_bugs(&["no-sync-flush".to_owned()]).expect("a fault of vsfs")
}

/// Whether a crash state was judged; none is left by operations that write nothing.
fn survived(exploration: &Exploration) -> bool {
    assert!(exploration.findings.is_empty(), "{:#?}", exploration.findings);
    assert_ne!(exploration.verdict, Verdict::Broken, "{:?}", exploration.reason);
    println!("{}", summary(exploration));
    exploration.verdict.is_clean()
}

#[cfg(feature = "quickcheck")]
mod quickchecked {
    use super::*;
    use crashcheck_models::fs::FsOp;
    use quickcheck::{Gen, QuickCheck, TestResult};

    fn explored<S: System<Op = FsOp> + 'static>(system: S, ops: Vec<FsOp>) -> bool {
        survived(&on_a_budget(system).workload(ops).run().expect("works without a crash"))
    }

    fn source() -> QuickCheck {
        let source = Gen::from_size_and_seed(24, 1);
        QuickCheck::new().rng(source).tests(SEQUENCES).min_tests_passed(SEQUENCES)
    }

    /// Sequences in which nothing was in flight do not count.
    fn measured(judged: bool) -> TestResult {
        if judged { TestResult::passed() } else { TestResult::discard() }
    }

    #[test]
    fn what_quickcheck_makes_is_survived() {
        let vsfs = |ops| measured(explored(Vsfs::default(), ops));
        let journal = |ops| measured(explored(Journal::<Ordered>::default(), ops));
        source().quickcheck(vsfs as fn(Vec<FsOp>) -> TestResult);
        source().quickcheck(journal as fn(Vec<FsOp>) -> TestResult);
    }

    #[test]
    fn quickcheck_finds_a_fault() {
        let property = |ops| measured(explored(faulty(), ops));
        let failed = source().quicktest(property as fn(Vec<FsOp>) -> TestResult);
        assert!(failed.is_err_and(|result| result.is_failure()));
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

    fn explored<S: System<Op = FsOp> + 'static>(system: S, seed: u64) -> Exploration {
        let bytes = bytes(seed);
        let workload = on_a_budget(system).bytes(&bytes).expect("bytes enough");
        workload.run().expect("works without a crash")
    }

    #[test]
    fn what_a_fuzzer_makes_is_survived() {
        let vsfs = (0..SEQUENCES).filter(|seed| survived(&explored(Vsfs::default(), *seed))).count();
        let journal = |seed: &u64| survived(&explored(Journal::<Data>::default(), *seed));
        let journal = (0..SEQUENCES).filter(journal).count();
        let least = SEQUENCES as usize / 4;
        assert!(vsfs >= least && journal >= least, "only {vsfs} and {journal} had something in flight");
    }

    #[test]
    fn a_fuzzer_finds_a_fault() {
        assert!((0..SEQUENCES).any(|seed| explored(faulty(), seed).verdict == Verdict::Lost));
    }
}
