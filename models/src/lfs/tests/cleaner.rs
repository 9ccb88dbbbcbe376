//! The cleaner, and what happens when the disk is full.

use super::clean::{HIGH_WATER, LOW_WATER, RESERVE};
use super::format::SegmentNo;
use super::*;
use crate::vsfs::names::Names;

/// Rounds of blocks that stay and blocks that the next round overwrites.
fn round(live: &mut Mounted, number: u32) {
    let cold = format!("cold-{number}");
    perform(live, &[create(&cold), write(&cold, 0, 5, 1), write("hot", 0, 5, number as u8), FsOp::Sync]);
}

/// LF-30: the cleaner starts below the low water mark, and stops at the high one.
#[test]
fn the_cleaner_runs_between_the_marks() {
    let mut live = open(&fresh());
    perform(&mut live, &[create("hot")]);
    for number in 0..24 {
        let (before, clean) = (live.log.cleanings, live.log.usage.clean());
        round(&mut live, number);
        if live.log.cleanings == before {
            assert!(clean >= LOW_WATER, "round {number}: {clean} clean segments, and nothing was done");
        }
        assert!(live.log.usage.clean() >= RESERVE, "round {number}");
    }
    assert!(live.log.cleanings > 0);
    live.log.clean(HIGH_WATER).expect("works");
    assert!(live.log.usage.clean() >= HIGH_WATER);
}

/// LF-26, LF-27, LF-25: every file reads as before, clean segments are gained, and what the summaries call live is what
/// the inode map reaches. After opening the same (LF-34).
#[test]
fn cleaning_changes_no_file_and_gains_segments() {
    let disk = fresh();
    let mut live = open(&disk);
    perform(&mut live, &[create("hot")]);
    (0..14).for_each(|number| round(&mut live, number));
    let before = checked_view(&mut live);
    let clean = live.log.usage.clean();
    live.log.clean(clean + 3).expect("works");
    assert!(live.log.usage.clean() >= clean + 3, "{} of {clean}", live.log.usage.clean());
    assert_eq!(checked_view(&mut live), before);
    let mut again = open(&disk);
    assert_eq!(checked_view(&mut again), before);
}

/// LF-29: of two segments that are equally full the older one is cleaned first, and a cold one is worth cleaning when it
/// is fuller than a hot one.
#[test]
fn the_cold_is_cleaned_sooner_than_the_hot() {
    let mut log = open(&fresh()).log;
    let start = |segment| Geometry::default().start(SegmentNo(segment));
    log.clock = 100;
    for (segment, blocks, time) in [(5, 10, 90), (6, 10, 10), (7, 13, 10), (8, 10, 99), (9, 15, 1)] {
        log.usage.add(start(segment), blocks * 4096, time);
    }
    let score = |segment| log.score(SegmentNo(segment));
    assert!(score(6) > score(5), "equally full, older");
    assert!(score(7) > score(8), "fuller, and much older");
    assert!(score(9) < 1e-9, "nothing to be gained");
}

/// LF-33: a segment in which nothing lives is free without being cleaned; LF-28: what was deleted or emptied is dead by
/// its version.
#[test]
fn segments_of_removed_files_are_free_with_the_next_checkpoint() {
    let mut live = open(&fresh());
    perform(&mut live, &[create("a"), create("b"), FsOp::Sync]);
    let clean = live.log.usage.clean();
    perform(&mut live, &[write("a", 0, 30, 1), write("b", 0, 30, 1), FsOp::Sync]);
    let full = live.log.usage.clean();
    assert!(full + 4 <= clean, "{full} of {clean}");
    let version = |live: &mut Mounted, name: &str| {
        let number = live.log.resolve(&path(name)).expect("is there").0;
        (number, live.log.map.get(number).version)
    };
    let ((a, before_a), (b, before_b)) = (version(&mut live, "a"), version(&mut live, "b"));
    perform(&mut live, &[FsOp::Unlink(path("a")), FsOp::Truncate { path: path("b"), len: Bytes(0) }]);
    assert_eq!(live.log.usage.clean(), full, "not before a checkpoint");
    assert!(live.log.map.get(a).version > before_a && live.log.map.get(b).version > before_b);
    checked_view(&mut live);
    assert_eq!(live.log.cleanings, 0);
    assert!(live.log.usage.clean() + 1 >= clean, "{} of {clean}", live.log.usage.clean());
}

/// So many operations meet a disk that is full most of the time.
const STEPS: u32 = 600;

/// LF-10: a full disk refuses and changes nothing; what gives space back works, and so does what comes after it. Over
/// and over, so that the cleaner has to work with the least that there can be.
#[test]
fn a_full_disk_refuses_cleanly_and_recovers_when_files_are_removed() {
    (7..9).for_each(fill_and_remove);
}

fn fill_and_remove(mut seed: u32) {
    let disk = fresh();
    let mut live = open(&disk);
    let mut refused = 0;
    let mut view = checked_view(&mut live);
    for step in 0..STEPS {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let name = format!("f{}", seed >> 16 & 31);
        let op = match seed >> 24 & 15 {
            0 => FsOp::Unlink(path(&name)),
            1..=3 => create(&name),
            4 => FsOp::Truncate { path: path(&name), len: Bytes(u64::from(seed >> 8 & 7) * 4096) },
            5 => FsOp::Sync,
            _ => write(&name, u64::from(seed >> 8 & 3), 1 + u64::from(seed >> 10 & 15), step as u8),
        };
        let mut expected = view.clone();
        let allowed = posix::apply(&mut expected, &op).is_ok();
        let ack = live.log.apply(&op).expect("a full disk is no error");
        assert!(allowed || ack == Ack::Refused, "step {step}: {op}");
        if allowed && ack == Ack::Refused {
            let takes = matches!(op, FsOp::Write { .. } | FsOp::Create(_));
            assert!(takes, "step {step}: {op} gives space back, and was refused");
            refused += 1;
        } else {
            view = expected;
        }
        let shown = Lfs::default().view(&mut live).expect("can be read");
        assert_eq!(shown.diff(&view), Vec::<String>::new(), "step {step}: {op}");
    }
    assert!(refused > 20, "only {refused} refusals");
    assert!(live.log.cleanings > 10, "only {} cleanings", live.log.cleanings);
    assert_eq!(checked_view(&mut live), view);
    assert_eq!(checked_view(&mut open(&disk)), view);
}

/// A write that is larger than the disk is refused before it changes anything.
#[test]
fn an_operation_larger_than_the_disk_is_refused() {
    let mut live = open(&fresh());
    perform(&mut live, &[create("a"), write("a", 0, 100, 1)]);
    let before = checked_view(&mut live);
    for blocks in [100, 200, 400, 4096 - 100] {
        let ack = live.log.apply(&write("a", 100, blocks, 2)).expect("no error");
        assert_eq!(ack, Ack::Refused, "{blocks} blocks");
    }
    assert_eq!(checked_view(&mut live), before);
}

/// The workloads meet what they are made for: a cleaner at work, a segment written again, a refusal.
#[test]
fn the_workloads_clean_and_fill_the_disk() {
    let run = |name: &str| {
        let workload =
            workloads::all().into_iter().find(|workload| workload.name == name).expect("a workload");
        let mut live = open(&fresh());
        perform(&mut live, &workload.setup);
        let before = live.log.cleanings;
        let acks = workload.ops.iter().map(|op| live.log.apply(op).expect("works"));
        let refused = acks.filter(|ack| *ack == Ack::Refused).count();
        checked_view(&mut live);
        (live.log.cleanings - before, refused)
    };
    assert!(run("clean").0 > 0 && run("clean-deleted").0 > 0);
    assert_eq!(run("no-space").1, 1, "the write of 30 blocks");
    assert_eq!(run("unsynced"), (0, 0));
}
