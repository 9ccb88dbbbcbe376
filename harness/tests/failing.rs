//! A fault that shows in almost every crash state is found without looking at each of them.

use crashcheck::{Ack, Budget, Bytes, Disk, Options, Result, StrategyKind, System, explore};
use crashcheck_outcome::{Exploration, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const BLOCK: u64 = 512;

/// So many blocks belong to a snapshot.
const BLOCKS: u64 = 16;

/// Snapshots of so many blocks each, and a block that says which is the newest.
#[derive(Clone, Default)]
struct Snapshots {
    /// Whether a snapshot is durable before it is named.
    flushes: bool,
    /// So often it was opened.
    opened: Arc<AtomicU64>,
}

/// What a block of a snapshot holds.
fn block(snapshot: u8, nth: u64) -> [u8; BLOCK as usize] {
    let mut block = [snapshot; BLOCK as usize];
    block[0] = nth as u8;
    block
}

fn place(snapshot: u8, nth: u64) -> Bytes {
    Bytes((1 + u64::from(snapshot) * BLOCKS + nth) * BLOCK)
}

impl System for Snapshots {
    type Op = u8;
    type Live = Disk;
    /// The newest snapshot, and its blocks that are not as they were written.
    type View = (u8, Vec<u64>);

    fn open(&self, disk: Disk) -> Result<Disk> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(disk)
    }

    fn apply(&self, disk: &mut Disk, snapshot: &u8) -> Result<Ack> {
        for nth in 0..BLOCKS {
            disk.write(place(*snapshot, nth), &block(*snapshot, nth))?;
        }
        if self.flushes {
            disk.flush()?;
        }
        disk.write(Bytes(0), &[*snapshot; BLOCK as usize])?;
        disk.flush()?;
        Ok(Ack::Durable)
    }

    fn view(&self, disk: &mut Disk) -> Result<(u8, Vec<u64>)> {
        let mut read = [0; BLOCK as usize];
        disk.read(Bytes(0), &mut read)?;
        let newest = read[0];
        let mut torn = Vec::new();
        for nth in (0..BLOCKS).filter(|_| newest > 0) {
            disk.read(place(newest, nth), &mut read)?;
            if read != block(newest, nth) {
                torn.push(nth);
            }
        }
        Ok((newest, torn))
    }

    fn model(&self, view: &mut (u8, Vec<u64>), snapshot: &u8) {
        *view = (*snapshot, Vec::new());
    }
}

fn explored(flushes: bool, beyond: Option<u64>, strategy: StrategyKind) -> Exploration {
    let budget = Budget { beyond, ..Budget::default() };
    let options =
        Options { budget, strategy: strategy.into(), lives: 1, explain: false, ..Options::default() };
    explore(Snapshots { flushes, ..Snapshots::default() })
        .options(options)
        .workload(vec![1, 2, 3])
        .run()
        .expect("runs")
}

fn promises(exploration: &Exploration) -> Vec<&str> {
    exploration.findings.iter().map(|finding| finding.promise.as_str()).collect()
}

#[test]
fn what_only_adds_to_a_known_failure_is_not_looked_at_state_by_state() {
    for strategy in [StrategyKind::Deviations, StrategyKind::Complete] {
        let correct = explored(true, Some(0), strategy).coverage;
        let bounded = explored(false, Some(0), strategy);
        // Each of three epochs has 2^16 states that fail.
        assert!(bounded.coverage.recoveries <= 6 * (2 * BLOCKS + 2), "{:?} {correct:?}", bounded.coverage);
        assert_eq!(bounded.verdict, Verdict::Lost);
        assert!(!bounded.coverage.complete);
        let why = bounded.coverage.left_out.as_deref().unwrap_or_default();
        assert!(why.contains("no more than 0 states of each finding"), "{why}");
    }
}

#[test]
fn the_same_is_found_as_if_every_state_was_looked_at() {
    let all = explored(false, None, StrategyKind::Deviations);
    assert!(all.coverage.complete && all.coverage.recoveries > 1 << BLOCKS, "{:?}", all.coverage);
    for beyond in [0, 100, 1000] {
        let bounded = explored(false, Some(beyond), StrategyKind::Deviations);
        assert_eq!(promises(&bounded), promises(&all));
        assert_eq!(bounded.findings[0].state, all.findings[0].state);
    }
}

#[test]
fn a_correct_system_is_covered_all_the_same() {
    let few = explored(true, Some(0), StrategyKind::Deviations).coverage;
    assert!(few.complete, "{few:?}");
    assert_eq!(few, explored(true, None, StrategyKind::Deviations).coverage);
}

#[test]
fn nothing_is_run_that_the_budget_does_not_count() {
    let opened = |lives, later| {
        let system = Snapshots { flushes: true, ..Snapshots::default() };
        let opened = Arc::clone(&system.opened);
        let budget = Budget { later: Some(later), ..Budget::default() };
        let options = Options { lives, budget, ..Options::default() };
        let explored =
            explore(system).options(options).workload((1..=9).collect::<Vec<u8>>()).run().expect("runs");
        (opened.load(Ordering::Relaxed), explored.coverage.recoveries_in_all())
    };
    // Each recovery opens as often as any other: what follows is the same operations.
    let ((none, without), (one, with)) = (opened(2, 0), opened(2, 1));
    assert!(
        one <= none + none.div_ceil(without) * (with - without),
        "{none} openings in {without} recoveries, {one} in {with}"
    );
}

#[test]
fn a_finding_is_explained_in_at_most_three_times_the_walk() {
    let opened = |explain| {
        let system = Snapshots::default();
        let opened = Arc::clone(&system.opened);
        let options = Options { lives: 1, explain, ..Options::default() };
        let explored = explore(system).options(options).workload(vec![1, 2, 3]).run().expect("runs");
        let fix = explored.findings[0].cause.as_ref().and_then(|cause| cause.fix.as_ref());
        assert_eq!(fix.is_some(), explain, "{:?}", explored.findings[0].cause);
        opened.load(Ordering::Relaxed)
    };
    let (walk, both) = (opened(false), opened(true));
    assert!(both - walk <= 3 * walk, "{walk} openings for the walk, {} to explain", both - walk);
    println!("{walk} openings for the walk, {} to explain what it found", both - walk);
}
