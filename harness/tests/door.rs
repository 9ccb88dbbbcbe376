//! What a user meets who plugs in a system: verdicts, findings, budgets, generated workloads.

use crashcheck::outcome::{Common, Exploration, Finding, Group, Rule, Verdict, by_cause};
use crashcheck::{
    Ack, Budget, Bytes, Disk, Options, Profile, ProfileError, ReplayId, Result, Shrink, StrategyKind, System,
    explore,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A log of numbers, one block each, counted in block 0. `Sync` makes all of it durable.
#[derive(Clone, Copy)]
struct Counted {
    /// Makes the blocks durable before the count that covers them. Without it the count may come alone.
    flushes_first: bool,
    /// Acknowledges `Sync` only when the count is durable.
    flushes_last: bool,
    /// Recovery takes the newest entry for a torn one.
    forgets_newest: bool,
}

const CORRECT: Counted = Counted { flushes_first: true, flushes_last: true, forgets_newest: false };
const NO_FIRST: Counted = Counted { flushes_first: false, ..CORRECT };
const NO_LAST: Counted = Counted { flushes_last: false, ..CORRECT };

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Op {
    Append(u8),
    Sync,
}

struct Live {
    disk: Disk,
    entries: Vec<u8>,
}

impl System for Counted {
    type Op = Op;
    type Live = Live;
    type View = Vec<u8>;

    fn open(&self, disk: Disk) -> Result<Live> {
        let mut count = [0];
        disk.read(Bytes(0), &mut count)?;
        let mut entries = vec![0; usize::from(count[0])];
        for (index, entry) in entries.iter_mut().enumerate() {
            let mut block = [0];
            disk.read(Bytes(512 * (index as u64 + 1)), &mut block)?;
            *entry = block[0];
        }
        if self.forgets_newest {
            entries.pop();
        }
        Ok(Live { disk, entries })
    }

    fn apply(&self, live: &mut Live, op: &Op) -> Result<Ack> {
        match op {
            Op::Append(number) => {
                live.entries.push(*number);
                live.disk.labelled("entry").write(Bytes(512 * live.entries.len() as u64), &[*number])?;
                Ok(Ack::Volatile)
            }
            Op::Sync => {
                if self.flushes_first {
                    live.disk.flush()?;
                }
                live.disk.labelled("count").write(Bytes(0), &[live.entries.len() as u8])?;
                if self.flushes_last {
                    live.disk.flush()?;
                }
                Ok(Ack::Durable)
            }
        }
    }

    fn view(&self, live: &mut Live) -> Result<Vec<u8>> {
        Ok(live.entries.clone())
    }

    fn model(&self, view: &mut Vec<u8>, op: &Op) {
        if let Op::Append(number) = op {
            view.push(*number);
        }
    }

    fn probe(&self, _: &Vec<u8>) -> Vec<Op> {
        vec![Op::Append(77), Op::Sync]
    }
}

const OPS: [Op; 6] = [Op::Append(1), Op::Append(2), Op::Sync, Op::Append(3), Op::Append(4), Op::Sync];

fn run(system: Counted, options: Options) -> Exploration {
    explore(system).options(options).workload(OPS).run().expect("it works without a crash")
}

#[test]
fn a_correct_system_survives_and_everything_is_covered() {
    for lives in 1..=2 {
        let exploration = run(CORRECT, Options { lives, ..Options::default() });
        assert_eq!(exploration.verdict, Verdict::Survived);
        assert!(exploration.coverage.complete);
        // Two epochs of two blocks and two of a count; three images are shared by neighbours.
        assert_eq!(exploration.coverage.total, "9");
        assert_eq!(exploration.coverage.represented, "9");
        assert!(exploration.judged.iter().all(|judged| judged.times > 0), "{:?}", exploration.judged);
    }
}

#[test]
fn a_finding_names_the_rule_that_prevents_it_in_all_lives() {
    let shrunk = |system| {
        let explorer = explore(system).shrink(Shrink::default()).without_regressions();
        explorer.workload(OPS).run().expect("it works without a crash")
    };
    for (system, rule) in
        [(NO_FIRST, Rule::BeforeWrite { kind: "count".to_owned() }), (NO_LAST, Rule::BeforeAck)]
    {
        let exploration = shrunk(system);
        for finding in &exploration.findings {
            let cures = &finding.cause.as_ref().expect("it was looked for").cures;
            let cure = cures.iter().find(|cure| cure.rules == [rule.clone()]);
            assert!(cure.is_some_and(|cure| cure.clean && cure.complete), "{finding}\n{cures:?}");
        }
        let groups = by_cause(&[exploration]);
        let [Group { common: Common::Cured { rules, .. }, .. }] = &groups[..] else { panic!("{groups:?}") };
        assert_eq!(*rules, [rule]);
    }
    let exploration = shrunk(Counted { forgets_newest: true, ..CORRECT });
    let cause = |finding: &Finding| finding.cause.clone().expect("it was looked for");
    assert!(exploration.findings.iter().all(|finding| cause(finding).cures.is_empty()), "no flush helps");
    assert!(by_cause(&[exploration]).iter().all(|group| group.common == Common::NoOrder));
}

#[test]
fn a_missing_flush_is_found_and_the_finding_names_the_writes() {
    let exploration = run(NO_FIRST, Options::default());
    assert_eq!(exploration.verdict, Verdict::Lost);
    let finding = &exploration.findings[0];
    assert_eq!(finding.promise, "atomic");
    let calls = finding.sites.iter().flat_map(|site| &site.calls);
    assert!(
        finding.sites.len() > 1 && calls.clone().all(|call| call.contains("tests/door.rs:")),
        "{:?}",
        finding.sites
    );
    let words = format!("{finding}");
    assert!(words.contains("count"), "{words}");
    assert!(words.contains("operation 3 (Sync)"), "{words}");
}

#[test]
fn an_early_acknowledgement_is_found() {
    let exploration = run(NO_LAST, Options::default());
    assert_eq!(exploration.verdict, Verdict::Lost);
    assert!(exploration.findings.iter().any(|finding| finding.promise == "durable"));
}

#[test]
fn a_finding_fails_again_when_it_is_replayed_and_the_repaired_system_passes() {
    let id: ReplayId = run(NO_FIRST, Options::default()).findings[0].id.parse().expect("an id");
    let again = explore(NO_FIRST).workload(OPS).replay(&id).expect("it works without a crash");
    assert!(!again.diverged);
    assert_eq!(again.finding.expect("the same failure").promise, "atomic");
    let repaired = explore(CORRECT).workload(OPS).replay(&id).expect("it works without a crash");
    assert!(repaired.finding.is_none());
    assert!(repaired.diverged, "the trace of the repaired system is another one");
}

#[test]
fn a_device_that_lies_is_blamed_and_not_the_system() {
    let profile = Profile::named("lying-flush").expect("built in");
    let exploration = run(CORRECT, Options { profile, ..Options::default() });
    assert_eq!(exploration.verdict, Verdict::DeviceLies);
    assert!(exploration.findings.iter().all(|finding| finding.device_lies));
}

#[test]
fn a_workload_without_writes_is_not_measured() {
    let exploration = explore(CORRECT).workload([]).run().expect("it works without a crash");
    assert_eq!(exploration.verdict, Verdict::NotMeasured);
}

#[test]
fn a_budget_ends_the_walk_and_says_so() {
    let limited = |budget| run(CORRECT, Options { budget, ..Options::default() });
    let two = limited(Budget { states: Some(2), ..Budget::default() });
    assert_eq!(two.coverage.recoveries, 2);
    assert!(!two.coverage.complete);
    assert!(two.coverage.left_out.expect("a reason").contains("2 recoveries"));
    let none = limited(Budget { time: Some(std::time::Duration::ZERO), ..Budget::default() });
    assert_eq!(none.verdict, Verdict::NotMeasured);
    let budget = Budget { deviations: Some(0), ..Budget::default() };
    let shallow = run(NO_FIRST, Options { budget, ..Options::default() });
    assert!(!shallow.coverage.complete);
}

#[test]
fn fail_fast_stops_at_the_first_finding() {
    let ops: Vec<Op> = (0..200).flat_map(|_| [Op::Append(1), Op::Append(2), Op::Sync]).take(100).collect();
    let budget = Budget { fail_fast: true, ..Budget::default() };
    let fast = explore(NO_FIRST).budget(budget).workload(ops.clone()).run().expect("no crash, no trouble");
    let all = explore(NO_FIRST).workload(ops).run().expect("no crash, no trouble");
    assert_eq!(fast.verdict, Verdict::Lost);
    assert!(fast.coverage.recoveries < all.coverage.recoveries);
}

#[test]
fn every_strategy_finds_the_missing_flush() {
    for (strategy, name, _) in StrategyKind::TABLE {
        // Random goes on for ever.
        let budget = Budget { states: Some(500), ..Budget::default() };
        let exploration = run(NO_FIRST, Options { strategy: strategy.into(), budget, ..Options::default() });
        assert_eq!(exploration.verdict == Verdict::Lost, strategy != StrategyKind::Prefix, "{name}");
    }
}

#[test]
fn a_check_that_fails_panics_with_the_finding() {
    let check =
        catch_unwind(AssertUnwindSafe(|| explore(NO_FIRST).without_regressions().workload(OPS).check()));
    let text = *check.expect_err("the system is wrong").downcast::<String>().expect("words");
    assert!(text.contains("atomic: "), "{text}");
    assert!(text.contains("counted:workload/reorder/"), "{text}");
    explore(CORRECT).workload(OPS).check();
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for Op {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(if u.arbitrary()? { Op::Sync } else { Op::Append(u.int_in_range(1..=9)?) })
    }
}

#[cfg(feature = "arbitrary")]
#[test]
fn a_workload_can_be_made_from_bytes() {
    // An append takes two bytes, a sync one.
    let bytes = [0, 3, 0, 4, 1, 0, 5, 1];
    explore(CORRECT).bytes(&bytes).expect("enough bytes").check();
    let found = explore(NO_FIRST).bytes(&bytes).expect("enough bytes").run().expect("no crash, no trouble");
    assert_eq!(found.verdict, Verdict::Lost);
}

#[test]
fn profiles_are_data_and_bad_ones_are_refused_in_words() {
    assert_eq!(Profile::built_in()[0].name, "reorder");
    let text = "name = \"x\"\nabout = \"y\"\natomic = 100\n";
    assert!(Profile::from_toml(text).expect_err("not a power of two").to_string().contains("power of two"));
    let text = "name = \"x\"\nabout = \"y\"\nspeed = 3\n";
    assert!(Profile::from_toml(text).expect_err("an unknown key").to_string().contains("speed"));
    let text = "name = \"x\"\nabout = \"y\"\norder = \"issued\"\ntorn = \"garbage\"\n";
    assert!(Profile::from_toml(text).is_ok(), "what keeps the order can be cut off as well");
    let text = "name = \"x y\"\nabout = \"y\"\n";
    assert!(matches!(Profile::from_toml(text), Err(ProfileError::Contradiction { .. })));
    let taken = "name = \"torn\"\nabout = \"y\"\natomic = 1024\n";
    assert!(
        Profile::from_toml(taken)
            .expect_err("a name that is taken")
            .to_string()
            .contains("choose another name")
    );
    let same = "name = \"torn\"\nabout = \"y\"\natomic = 512\n";
    assert!(Profile::from_toml(same).is_ok(), "what says the same is the same");
    let unknown = Profile::named("fast").expect_err("no such profile").to_string();
    assert!(unknown.contains("reorder") && unknown.contains("lying-flush"), "{unknown}");
}
