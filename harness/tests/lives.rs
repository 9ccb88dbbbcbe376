//! More than one life: crash, recover, go on, crash again.

use crashcheck::{Ack, Budget, Bytes, Disk, Options, Result, System, explore};
use crashcheck_outcome::{Exploration, Promised, Verdict, counted};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const BLOCK: u64 = 512;

/// A store whose log has a block for every record. A record counts if its number is the next one.
#[derive(Clone, Copy)]
struct Store {
    /// Whether records name the life that wrote them, so that what an earlier one has left is not taken for the next.
    epochs: bool,
    /// Whether what recovery puts in its place is durable before it is relied on.
    flushes: bool,
    /// Whether what is acknowledged as durable is.
    syncs: bool,
    /// Whether a recovery that has found records goes on behind the last of them.
    counts: bool,
}

const CORRECT: Store = Store { epochs: true, flushes: true, syncs: true, counts: true };

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Op {
    Put(u8, u8),
    Sync,
}

struct Open {
    disk: Disk,
    /// The epoch that this life writes records of.
    epoch: u8,
    records: u64,
    keys: BTreeMap<u8, u8>,
}

impl Store {
    fn record(epoch: u8, number: u64, key: u8, value: u8) -> [u8; BLOCK as usize] {
        let mut block = [0; BLOCK as usize];
        block[..6].copy_from_slice(&[
            b'R',
            epoch,
            number as u8,
            key,
            value,
            epoch ^ key ^ value ^ number as u8,
        ]);
        block
    }
}

/// Block 0 says which epoch began at which record: the records of one epoch follow those of the one before.
impl System for Store {
    type Op = Op;
    type Live = Open;
    type View = BTreeMap<u8, u8>;

    fn open(&self, disk: Disk) -> Result<Open> {
        let (mut head, mut block) = ([0; BLOCK as usize], [0; BLOCK as usize]);
        disk.read(Bytes(0), &mut head)?;
        let mut open = Open { disk, epoch: head[0], records: 0, keys: BTreeMap::new() };
        loop {
            open.disk.read(Bytes((1 + open.records) * BLOCK), &mut block)?;
            let [_, epoch, _, key, value, ..] = block;
            let begun =
                head[1..=usize::from(head[0])].iter().filter(|first| u64::from(**first) <= open.records);
            let epoch = if self.epochs { begun.count() as u8 } else { epoch };
            if block != Store::record(epoch, open.records, key, value) {
                break;
            }
            open.keys.insert(key, value);
            open.records += 1;
        }
        let known = if head[0] > 0 { head[usize::from(head[0])] } else { 0 };
        let found = open.records.saturating_sub(u64::from(known));
        if self.epochs {
            open.epoch += 1;
            head[0] = open.epoch;
            head[usize::from(open.epoch)] = open.records as u8;
            open.disk.write(Bytes(0), &head)?;
            if self.flushes {
                open.disk.flush()?;
            }
        }
        if !self.counts && found > 0 {
            open.records -= 1;
        }
        Ok(open)
    }

    fn apply(&self, open: &mut Open, op: &Op) -> Result<Ack> {
        let Op::Put(key, value) = *op else {
            if self.syncs {
                open.disk.flush()?;
            }
            return Ok(Ack::Durable);
        };
        let epoch = if self.epochs { open.epoch } else { 0 };
        let record = Store::record(epoch, open.records, key, value);
        open.disk.write(Bytes((1 + open.records) * BLOCK), &record)?;
        open.records += 1;
        open.keys.insert(key, value);
        Ok(Ack::Volatile)
    }

    fn view(&self, open: &mut Open) -> Result<BTreeMap<u8, u8>> {
        Ok(open.keys.clone())
    }

    fn model(&self, view: &mut BTreeMap<u8, u8>, op: &Op) {
        if let Op::Put(key, value) = op {
            view.insert(*key, *value);
        }
    }

    fn probe(&self, _: &BTreeMap<u8, u8>) -> Vec<Op> {
        vec![Op::Put(9, 9), Op::Sync]
    }
}

fn ops() -> Vec<Op> {
    vec![Op::Put(1, 1), Op::Put(2, 2), Op::Put(3, 3), Op::Sync]
}

fn explored(store: Store, lives: u8) -> Exploration {
    let budget = Budget::unlimited();
    explore(store)
        .options(Options { lives, budget, ..Options::default() })
        .workload(ops())
        .run()
        .expect("runs")
}

#[test]
fn a_dead_record_that_comes_back_in_the_second_life_is_found_by_default() {
    let found = std::panic::catch_unwind(|| {
        explore(Store { epochs: false, ..CORRECT }).without_regressions().workload(ops()).check();
    });
    let message = *found.expect_err("it fails").downcast::<String>().expect("a text");
    for part in ["no-resurrection", "shrunk:", "life 2"] {
        assert!(message.contains(part), "no '{part}' in\n{message}");
    }
}

#[test]
fn with_one_life_it_is_not_found() {
    let exploration = explored(Store { epochs: false, ..CORRECT }, 1);
    assert_eq!(exploration.verdict, Verdict::Survived, "{:#?}", exploration.findings);
}

#[test]
fn with_an_epoch_in_the_records_it_is_clean_to_the_third_life() {
    for lives in 1..=3 {
        let exploration = explored(CORRECT, lives);
        assert_eq!(exploration.verdict, Verdict::Survived, "{:#?}", exploration.findings);
        assert!(exploration.coverage.complete);
        assert_eq!(exploration.coverage.later.len(), usize::from(lives) - 1);
        for life in &exploration.coverage.later {
            assert_eq!((life.complete, &life.represented), (true, &life.total), "{life:?}");
        }
    }
}

#[test]
fn what_recovery_does_not_make_durable_before_it_goes_on_is_found() {
    let exploration = explored(Store { flushes: false, ..CORRECT }, 2);
    assert_eq!(exploration.verdict, Verdict::Lost);
}

/// A second recovery would have it right: all that the first one has found is in its place by then.
#[test]
fn what_a_recovery_has_in_memory_is_what_is_gone_on_with() {
    let exploration = explored(Store { counts: false, ..CORRECT }, 1);
    let finding = exploration.findings.first().expect("what is put next overwrites a record");
    assert!(finding.detail.starts_with("opened once more after it was used"), "{finding:#?}");
}

#[test]
fn a_finding_of_the_second_life_is_small_told_by_life_and_replayed() {
    let store = Store { epochs: false, ..CORRECT };
    let workload = explore(store).without_regressions().shrink(Default::default()).workload(ops());
    let exploration = workload.run().expect("runs");
    let finding =
        exploration.findings.iter().find(|finding| finding.promise == "no-resurrection").expect("found");
    assert_eq!(finding.operations.len(), 2, "{finding:#?}");
    let [life] = &finding.lives[..] else { panic!("one more life: {finding:#?}") };
    assert_eq!((life.life, life.operations.len()), (2, 1), "{life:#?}");
    assert!(life.showed.is_some());
    assert_ne!(life.operations[0].promised, Promised::NotBegun);
    let state = exploration.findings[0].id.parse().expect("an id");
    let replayed = workload.replay(&state).expect("runs");
    assert!(!replayed.diverged, "{replayed:#?}");
    assert_eq!(
        replayed.finding.map(|again| (again.promise, again.lives.len())),
        Some((finding.promise.clone(), 1))
    );
}

/// A drawing without an event would be an empty one.
#[test]
fn a_finding_of_a_workload_that_does_nothing_is_told_without_a_drawing() {
    let store = Store { epochs: false, syncs: false, ..CORRECT };
    let exploration = explore(store).workload(Vec::new()).run().expect("runs");
    let finding = exploration.findings.first().expect("the second life loses a key");
    assert_eq!((finding.crash_point.as_str(), finding.lives.len()), ("before the first event", 1));
    assert_eq!(finding.picture, None);
}

/// Lives of which nobody wants to know what was done in them are counted as those that are crashed.
#[test]
fn lives_are_counted_alike_whether_they_are_crashed_or_not() {
    for store in [CORRECT, Store { epochs: false, ..CORRECT }] {
        let lives = |later: Option<u64>| {
            let budget = Budget { later, ..Budget::unlimited() };
            let options = Options { lives: 2, budget, explain: false, ..Options::default() };
            let coverage = explore(store).options(options).workload(ops()).run().expect("runs").coverage;
            let life = &coverage.later[0];
            (coverage.represented, life.lives, life.begun, life.left_out.clone())
        };
        let (states, all, begun, left_out) = lives(None);
        assert!(all > 1 && begun == all && left_out.is_none(), "{begun} of {all}: {left_out:?}");
        for most in [0, 1, 10] {
            let (represented, met, begun, left_out) = lives(Some(most));
            let states_of = counted(most, "state");
            assert_eq!(left_out, Some(format!("the budget of {states_of} of later lives is used up")));
            assert_eq!((represented, met), (states.clone(), all), "with {most} states of later lives");
            assert!(
                begun < all && (most > 0 || begun == 0),
                "{begun} of {all} were begun, with {most} states"
            );
        }
    }
}
