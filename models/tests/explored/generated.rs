//! Failing workloads of many operations shrink to the few that matter, and still fail for the same reason.

use super::common::{at_most, case, explored, named, usual};
use crashcheck::outcome::Finding;
use crashcheck::{Case, Options, Shrink};
use std::collections::BTreeMap;

/// The system, its fault, and the fewest operations that show it. A fault shows in several ways, some of which take more.
const FAULTS: [(&str, &str, u64); 3] =
    [("vsfs", "no-sync-flush", 2), ("journal", "commit-with-body", 2), ("journal", "no-commit-flush", 2)];

/// No way in which a fault shows takes so many operations more than the simplest.
const MORE: u64 = 4;

/// So many workloads that fail are looked at.
const FAILING: usize = 3;

#[test]
fn generated_workloads_shrink_to_the_few_operations_that_matter() {
    for (system, bug, fewest) in FAULTS {
        let subject = named(system);
        let plain = Options { explain: false, ..at_most(500, usual(&*subject)) };
        let shrinking = Options { shrink: Some(Shrink::default()), ..plain.clone() };
        let (mut failing, mut smallest) = (0, u64::MAX);
        for seed in 0.. {
            assert!(seed < 100, "only {failing} of {seed} workloads fail with {bug}");
            let case = Case { bugs: vec![bug.to_owned()], ..case(&format!("generated-{seed}")) };
            let reasons = |findings: Vec<Finding>| -> BTreeMap<String, (String, Option<u64>)> {
                let reason = |finding: Finding| {
                    let left = finding.shrunk.map(|shrunk| {
                        assert!(shrunk.operations_before >= 16, "{shrunk:?}");
                        assert_eq!(shrunk.ended, None);
                        shrunk.operations
                    });
                    (finding.fingerprint, (finding.promise, left))
                };
                findings.into_iter().map(reason).collect()
            };
            let found = reasons(explored(&*subject, &case, &plain).findings);
            if found.is_empty() {
                continue;
            }
            let shrunk = reasons(explored(&*subject, &case, &shrinking).findings);
            assert!(found.keys().eq(shrunk.keys()), "{bug}: {found:?} became {shrunk:?}");
            for (promise, left) in shrunk.values() {
                println!("{system} {bug} generated-{seed}: {promise}, {left:?} operations");
                let left = left.expect("it was shrunk");
                assert!(left < fewest + MORE, "{bug}: {promise}: {left} operations");
                smallest = smallest.min(left);
            }
            failing += 1;
            if failing == FAILING {
                break;
            }
        }
        assert_eq!(smallest, fewest, "{system} {bug}");
    }
}
