//! A failing workload becomes small, fails for the same reason, is stored, and is explored first from then on.

use crashcheck::outcome::{Exploration, Finding, Timing, Verdict};
use crashcheck::{
    Ack, Bytes, Disk, Options, Profile, Progress, RecordError, Regression, ReplayId, Result, Shrink, System,
    explore,
};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A table of blocks, and two faults of it.
#[derive(Clone, Copy, Debug, Default)]
struct Table {
    /// A sync does not flush.
    lazy: bool,
    /// A pair is written one block after the other, although it should be atomic.
    tears: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Op {
    Put { slot: u8, value: u8 },
    Pair { value: u8 },
    Nothing,
    Sync,
}

use Op::{Nothing, Pair, Put, Sync};

const SLOTS: u64 = 4;

impl System for Table {
    type Op = Op;
    type Live = Disk;
    type View = Vec<u8>;

    fn open(&self, disk: Disk) -> Result<Disk> {
        Ok(disk)
    }

    fn apply(&self, disk: &mut Disk, op: &Op) -> Result<Ack> {
        match op {
            Put { slot, value } => disk.write(Bytes(512 * (u64::from(*slot) % SLOTS)), &[*value])?,
            Pair { value } if self.tears => {
                disk.write(Bytes(512 * SLOTS), &[*value])?;
                disk.write(Bytes(512 * (SLOTS + 1)), &[*value])?;
            }
            Pair { value } => disk.write(Bytes(512 * SLOTS), &[*value])?,
            Nothing => {}
            Sync if self.lazy => return Ok(Ack::Durable),
            Sync => {
                disk.flush()?;
                return Ok(Ack::Durable);
            }
        }
        Ok(Ack::Volatile)
    }

    fn view(&self, disk: &mut Disk) -> Result<Vec<u8>> {
        let blocks = if self.tears { SLOTS + 2 } else { SLOTS + 1 };
        let read = |block| {
            let mut byte = [0];
            disk.read(Bytes(512 * block), &mut byte)?;
            Ok(byte[0])
        };
        (0..blocks).map(read).collect()
    }

    fn model(&self, view: &mut Vec<u8>, op: &Op) {
        match op {
            Put { slot, value } => view[usize::from(*slot) % SLOTS as usize] = *value,
            Pair { value } => view[SLOTS as usize..].fill(*value),
            Nothing | Sync => {}
        }
    }

    /// Slots are on their own: each may show what it held at any time since it was durable. A pair is one thing.
    fn judge(
        &self,
        view: &Vec<u8>,
        history: &crashcheck::History<'_, Self>,
    ) -> Result<(), crashcheck::Violation> {
        if let [left, right] = view[SLOTS as usize..]
            && left != right
        {
            return Err(crashcheck::Violation::new("atomic", format!("a pair is torn: {left} and {right}")));
        }
        let held = |slot: usize| history.allowed().iter().any(|state| state[slot] == view[slot]);
        match (0..view.len()).find(|slot| !held(*slot)) {
            None => Ok(()),
            Some(slot) => Err(crashcheck::Violation::new("durable", format!("a slot is lost: {slot}"))),
        }
    }

    fn simpler(&self, op: &Op) -> Vec<Op> {
        match op {
            Put { slot, value } if *value > 1 => vec![Put { slot: *slot, value: 1 }],
            Put { slot, value } if *slot > 0 => vec![Put { slot: 0, value: *value }],
            Pair { value } if *value > 1 => vec![Pair { value: 1 }],
            _ => Vec::new(),
        }
    }
}

const LAZY: Table = Table { lazy: true, tears: false };
const BOTH: Table = Table { lazy: true, tears: true };

/// Sixteen operations, of which two matter.
fn noise() -> Vec<Op> {
    let round = |value| [Put { slot: value, value }, Nothing, Pair { value: value + 4 }, Sync];
    (1..=4).flat_map(round).collect()
}

fn run(system: Table, options: Options) -> Exploration {
    let shrink = options.shrink.clone().unwrap_or_default();
    let explorer = explore(system).options(Options { shrink: Some(shrink), ..options });
    explorer.workload(noise()).run().expect("it works without a crash")
}

/// The finding of this promise, shrunk and stored, and what is stored.
fn stored(system: Table, promise: &str) -> (Finding, Regression) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { regressions: Some(folder.path().to_owned()), ..Options::default() };
    let found = run(system, options).findings.into_iter().find(|finding| finding.promise == promise);
    let found = found.expect("a finding");
    let file = found.shrunk.as_ref().and_then(|shrunk| shrunk.file.clone()).expect("a file");
    (found, Regression::load(file.as_ref()).expect("it reads back"))
}

#[test]
fn a_workload_shrinks_to_the_operations_that_matter() {
    let (found, stored) = stored(LAZY, "durable");
    assert_eq!(stored.operations, [r#"{"pair":{"value":1}}"#, r#""sync""#]);
    let shrunk = found.shrunk.expect("it was shrunk");
    assert_eq!((shrunk.operations_before, shrunk.operations, shrunk.ended), (16, 2, None));
    assert!(shrunk.events < shrunk.events_before && shrunk.steps < shrunk.candidates);
}

#[test]
fn each_finding_shrinks_to_its_own_cause_and_never_to_another() {
    let (torn, operations) = stored(BOTH, "atomic");
    assert!(torn.detail.contains("a pair is torn"), "{torn}");
    assert_eq!(operations.operations, [r#"{"pair":{"value":1}}"#]);
    let (lost, operations) = stored(BOTH, "durable");
    assert!(lost.detail.contains("a slot is lost"), "{lost}");
    assert_eq!(operations.operations.len(), 2, "{:?}", operations.operations);
    assert_ne!(torn.fingerprint, lost.fingerprint);
    assert_eq!((operations.fingerprint, operations.promise), (lost.fingerprint, lost.promise));
}

#[test]
fn what_is_run_first_shrinks_as_well() {
    let setup = [Put { slot: 1, value: 9 }, Nothing, Sync];
    let explorer = explore(LAZY).shrink(Shrink::default());
    let exploration = explorer.workload(noise()).after(setup).run().expect("it works without a crash");
    let shrunk = exploration.findings[0].shrunk.clone().expect("it was shrunk");
    assert_eq!((shrunk.operations_before, shrunk.operations), (19, 2));
}

#[test]
fn what_is_run_first_must_end_durably() {
    let setup = [Sync, Put { slot: 1, value: 9 }];
    let error = explore(LAZY).workload(noise()).after(setup).run().expect_err("the slot is not durable");
    assert!(matches!(error, RecordError::Setup { index: 1, .. }), "{error}");
    assert!(error.to_string().contains("operation 2 (Put { slot: 1, value: 9 })"), "{error}");
}

#[test]
fn the_shrunk_state_can_be_looked_at_again() {
    let (found, stored) = stored(LAZY, "durable");
    let id: ReplayId = found.id.parse().expect("an id");
    assert_eq!(id.workload, stored.name());
    let again =
        explore(LAZY).stored(&stored).expect("its operations").replay(&id).expect("no crash, no trouble");
    assert!(!again.diverged);
    assert_eq!(again.finding.expect("the same failure").fingerprint, found.fingerprint);
}

#[test]
fn without_a_place_to_store_it_the_id_is_the_one_that_was_found() {
    let exploration = run(LAZY, Options::default());
    let finding = &exploration.findings[0];
    let shrunk = finding.shrunk.as_ref().expect("it was shrunk");
    assert_eq!((&finding.id, &shrunk.file), (&shrunk.found_as, &None));
    let again = explore(LAZY).workload(noise()).replay(&finding.id.parse().expect("an id"));
    assert!(!again.expect("no crash, no trouble").diverged);
}

#[test]
fn without_time_nothing_shrinks_and_the_finding_says_so() {
    let shrink = Shrink { time: Duration::ZERO, ..Shrink::default() };
    let exploration = run(LAZY, Options { shrink: Some(shrink), ..Options::default() });
    let shrunk = exploration.findings[0].shrunk.clone().expect("it was tried");
    assert_eq!((shrunk.operations, shrunk.candidates), (16, 0));
    assert!(shrunk.ended.is_some_and(|why| why.contains("time")));
}

#[test]
fn what_is_known_is_not_shrunk_again() {
    let known =
        run(BOTH, Options::default()).findings.into_iter().map(|finding| finding.fingerprint).collect();
    let shrink = Shrink { known, ..Shrink::default() };
    let exploration = run(BOTH, Options { shrink: Some(shrink), ..Options::default() });
    assert!(exploration.findings.iter().all(|finding| finding.shrunk.is_none()));
}

#[test]
fn any_number_of_threads_leads_to_the_same_finding() {
    let with = |jobs| {
        let mut exploration = run(BOTH, Options { jobs, ..Options::default() });
        exploration.timing = Timing::default();
        exploration
    };
    assert_eq!(with(1), with(4));
}

#[test]
fn shrinking_that_was_interrupted_goes_on_where_it_was() {
    let logs = tempfile::tempdir().expect("a folder");
    let shrink = || Shrink { logs: Some(logs.path().to_owned()), ..Shrink::default() };
    let whole = run(LAZY, Options::default()).findings;
    let candidates = |progress: &Progress| progress.shrinking.map(|shrinking| shrinking.candidates);
    let interrupted = |after| {
        let (stop, mut judged) = (AtomicBool::new(false), 0);
        let explored = explore(LAZY).shrink(shrink()).workload(noise()).run_with(&stop, |progress| {
            judged += u64::from(candidates(&progress).is_some());
            stop.store(candidates(&progress) == Some(after), Ordering::Relaxed);
        });
        (explored.expect("it works without a crash").findings, judged)
    };
    let (first, _) = interrupted(5);
    let shrunk = first[0].shrunk.clone().expect("it was tried");
    assert!(shrunk.ended.is_some_and(|why| why.contains("interrupted")) && shrunk.candidates == 5);
    let (second, judged) = interrupted(u64::MAX);
    assert_eq!(second, whole);
    let all = whole[0].shrunk.as_ref().expect("it was shrunk").candidates;
    assert_eq!(judged, all - 5, "what was judged before is not judged again");
}

fn failing_check(explorer: impl FnOnce()) -> String {
    *catch_unwind(AssertUnwindSafe(explorer)).expect_err("it fails").downcast::<String>().expect("words")
}

#[test]
fn a_failing_check_is_stored_and_explored_first_from_then_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = |system: Table| explore(system).regressions(folder.path());
    let text = failing_check(|| table(LAZY).workload(noise()).check());
    assert!(text.contains("from 16 operations to 2"), "{text}");
    // A workload that does not show it by itself.
    let again = failing_check(|| table(LAZY).workload([Nothing, Put { slot: 1, value: 1 }]).check());
    assert!(again.contains("fails again") && again.contains(".toml"), "{again}");
    table(Table::default()).workload(noise()).check();
}

#[test]
fn a_stored_failure_outlives_what_does_not_change_the_operations() {
    let (_, stored) = stored(LAZY, "durable");
    // The repaired program writes another trace, under which no answer of the old state fits any more.
    let repaired = explore(Table::default()).stored(&stored).expect("its operations").run();
    assert_eq!(repaired.expect("no crash, no trouble").verdict, Verdict::Survived);
    let worse = explore(BOTH).stored(&stored).expect("its operations").run();
    assert_eq!(worse.expect("no crash, no trouble").verdict, Verdict::Lost);
}

/// A profile of one's own may be changed, and its name stay.
#[test]
fn what_was_found_under_another_profile_of_that_name_is_not_explored_under_this_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = |settings: &str| {
        Profile::from_toml(&format!("name = \"own\"\nabout = \"{settings}\"\n{settings}\n"))
            .expect("a profile")
    };
    let under = |profile: Profile, system: Table| {
        explore(system).profile(profile).regressions(folder.path()).workload(noise()).check();
    };
    failing_check(|| under(own("atomic = 512"), LAZY));
    let foreign = failing_check(|| under(own("atomic = 1024"), Table::default()));
    assert!(foreign.contains("found under another device profile 'own'"), "{foreign}");
    assert!(foreign.contains(".toml") && foreign.contains("delete"), "{foreign}");
    let same = Profile { about: "In other words.".to_owned(), ..own("atomic = 512") };
    under(same, Table::default());
    assert!(Profile::default().hash().is_none(), "there is one profile of a built-in name");
}

#[test]
fn a_damaged_file_is_named_and_so_is_an_operation_that_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = || explore(Table::default()).regressions(folder.path()).workload(noise()).check();
    failing_check(|| explore(LAZY).regressions(folder.path()).workload(noise()).check());
    let entry =
        std::fs::read_dir(folder.path()).expect("a folder").next().expect("a file").expect("readable");
    let text = std::fs::read_to_string(entry.path()).expect("text");
    assert!(text.starts_with("# table under reorder: durable: a slot is lost"), "{text}");
    std::fs::write(entry.path(), text.replace("\"pair\"", "\"drop\"")).expect("written");
    let gone = failing_check(check);
    assert!(
        gone.contains("drop") && gone.contains(".toml") && gone.contains("none that this system has"),
        "{gone}"
    );
    std::fs::write(entry.path(), &text[..text.len() / 2]).expect("written");
    let damaged = failing_check(check);
    assert!(damaged.contains(".toml") && damaged.contains("delete it"), "{damaged}");
}

impl quickcheck::Arbitrary for Op {
    fn arbitrary(g: &mut quickcheck::Gen) -> Self {
        match u8::arbitrary(g) % 4 {
            0 => Put { slot: u8::arbitrary(g) % 4, value: u8::arbitrary(g).max(1) },
            1 => Pair { value: u8::arbitrary(g).max(1) },
            2 => Nothing,
            _ => Sync,
        }
    }
}

mod generated {
    use super::*;
    use proptest::prelude::*;

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let op = prop_oneof![
            (0..4u8, 1..200u8).prop_map(|(slot, value)| Put { slot, value }),
            (1..200u8).prop_map(|value| Pair { value }),
            Just(Nothing),
            Just(Sync),
        ];
        proptest::collection::vec(op, 0..12)
    }

    #[test]
    fn a_generated_workload_shrinks_and_is_stored() {
        explore(Table::default()).without_regressions().generate(ops()).check();
        let folder = tempfile::tempdir().expect("a folder");
        failing_check(|| explore(LAZY).regressions(folder.path()).generate(ops()).check());
        let stored = Regression::load_all(folder.path()).expect("readable");
        let [stored] = &stored[..] else { panic!("{stored:?}") };
        assert_eq!(stored.operations, [r#"{"put":{"slot":0,"value":1}}"#, r#""sync""#]);
    }

    #[test]
    fn a_workload_from_quickcheck_shrinks_and_is_stored() {
        explore(Table::default()).without_regressions().quickcheck();
        let folder = tempfile::tempdir().expect("a folder");
        failing_check(|| explore(LAZY).regressions(folder.path()).quickcheck());
        let stored = Regression::load_all(folder.path()).expect("readable");
        let [stored] = &stored[..] else { panic!("{stored:?}") };
        assert_eq!(stored.operations.len(), 2, "{:?}", stored.operations);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// What is left fails for the same reason, and without any of its operations it does not.
        #[test]
        fn nothing_more_can_be_left_out(ops in ops()) {
            let found = explore(BOTH).lives(1).shrink(Shrink::default()).workload(ops).run().expect("no crash, no trouble");
            for finding in found.findings {
                let shrunk = finding.shrunk.expect("it was shrunk");
                let fewest = if finding.promise == "atomic" { 1 } else { 2 };
                prop_assert_eq!((shrunk.operations, shrunk.ended), (fewest, None));
            }
        }
    }
}
