//! Generated workloads. Those that fail shrink to the few operations that matter, and still fail for the same reason; guided by
//! what recovery does, they find a fault sooner.

use super::common::{at_most, case, explored, named, usual};
use crashcheck::outcome::Finding;
use crashcheck::{Budget, Case, Guide, Options, Shrink};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

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

/// How many recoveries it takes until generated workloads show a fault, looked for as the command does; `None` if they do not
/// within so many. Who is not guided takes what one seed after the other gives.
fn recoveries_until_found(guided: bool, seed: u64, (system, bug): (&str, &str), most: u64) -> Option<u64> {
    let subject = named(system);
    let budget = Budget { later: Some(250), fail_fast: true, ..Budget::default() };
    let options = Options { explain: false, lives: 2, budget, ..usual(&*subject) };
    let (mut guide, mut recoveries) = (Guide::new(seed), 0);
    while recoveries <= most {
        let recipe = guide.propose();
        let case = Case { bugs: vec![bug.to_owned()], ..case(&recipe.to_string()) };
        let explored = subject.explore_with_paths(&case, &options, &AtomicBool::new(false), &mut |_| ());
        let (exploration, paths) = explored.expect("a workload");
        recoveries += exploration.coverage.recoveries_in_all();
        if !exploration.findings.is_empty() {
            return (recoveries <= most).then_some(recoveries);
        }
        if guided {
            guide.learn(recipe, &paths);
        }
    }
    None
}

#[test]
fn guidance_finds_a_fault_for_which_as_many_unguided_recoveries_are_too_few() {
    let (fault, most) = (("lfs", "half-batch"), 1_200);
    let found = |guided| {
        let of_seed = |seed| recoveries_until_found(guided, seed, fault, most);
        [0, 1000, 2000].map(of_seed)
    };
    let (guided, unguided) = (found(true), found(false));
    println!("{fault:?} within {most} recoveries: guided {guided:?}, unguided {unguided:?}");
    assert!(guided.iter().all(Option::is_some), "{guided:?}");
    assert!(unguided.iter().flatten().count() < guided.len(), "{unguided:?}");
}
