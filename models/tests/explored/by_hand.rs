//! The smallest known workloads of faults which take more than a few operations to show, made by a person or found by
//! trying, each proved to show its fault. What shrinking leaves is held against them.
//!
//! A fault whose shrunk finding has up to four operations needs none here: nothing is smaller than one operation. For the
//! others, workloads that would be too small are tried, out of a few operations and not to the end of all their states:
//! that nothing shows there does not prove that nothing smaller does.

use super::common::{assert_clean, at_most, explored, named, showing};
use crashcheck::{Budget, BugSwitch, Case, Options, Regression, Subject};
use crashcheck_models::fs::FsOp;
use crashcheck_models::fs::workloads::{
    SYNC, append, create, fsync, mkdir, rename, rmdir, symlink, unlink, write,
};
use crashcheck_models::volume::{VolumeOp, workloads as volume};
use serde::Serialize;
use std::collections::BTreeSet;

/// So many recoveries of a correct system are enough to see that a workload asks nothing of it that it does not promise.
const RECOVERIES: u64 = 5_000;

/// A workload made by hand, as it would be stored.
#[derive(Clone)]
struct ByHand {
    system: &'static str,
    switch: &'static str,
    setup: Vec<String>,
    operations: Vec<String>,
}

/// How many operations the smallest workload has that was made by hand for a fault.
pub(crate) fn operations(system: &str, switch: &str) -> Option<u64> {
    let found = all().into_iter().find(|made| (made.system, made.switch) == (system, switch));
    found.map(|made| (made.setup.len() + made.operations.len()) as u64)
}

fn all() -> Vec<ByHand> {
    [without_a_journal(), freed_blocks(), full_logs(), log_structured(), on_arrays(), on_flash()].concat()
}

#[test]
fn every_workload_made_by_hand_shows_its_fault_alone() {
    let (mut seen, mut silent) = (BTreeSet::new(), Vec::new());
    for made in all() {
        let whose = format!("{} {}", made.system, made.switch);
        assert!(seen.insert(whose.clone()), "{whose} is there twice");
        let subject = named(made.system);
        let switch = subject.bugs().iter().find(|switch| switch.name == made.switch);
        let switch = switch.unwrap_or_else(|| panic!("there is no fault {whose}"));
        if !shows(&*subject, switch, &made.stored()) {
            silent.push(whose);
        }
    }
    assert!(silent.is_empty(), "{silent:?}");
}

fn shows(subject: &dyn Subject, switch: &BugSwitch, stored: &Regression) -> bool {
    let (faulty, options) = showing(switch);
    let faulty = Case { stored: Some(stored.clone()), ..faulty };
    let budget = Budget { fail_fast: true, ..Budget::default() };
    let found = explored(subject, &faulty, &Options { budget, ..options.clone() }).findings;
    let promised = found.iter().any(|finding| switch.breaks.contains(&&*finding.promise));
    assert_clean(&explored(subject, &Case { bugs: Vec::new(), ..faulty }, &at_most(RECOVERIES, options)));
    promised
}

impl ByHand {
    fn stored(&self) -> Regression {
        let ByHand { system, switch, setup, operations } = self;
        let value = serde_json::json!({
            "version": 2, "system": system, "bugs": [switch], "workload": "by-hand", "profile": "", "lives": 1,
            "fingerprint": "", "promise": "", "detail": "", "setup": setup, "operations": operations,
        });
        serde_json::from_value(value).expect("what a stored failure holds")
    }
}

fn made<Op: Serialize>(system: &'static str, switch: &'static str, setup: &[Op], ops: &[Op]) -> ByHand {
    let texts = |ops: &[Op]| {
        ops.iter().map(|op| serde_json::to_string(op).expect("operations are data")).collect::<Vec<_>>()
    };
    ByHand { system, switch, setup: texts(setup), operations: texts(ops) }
}

const BLOCK: u64 = 4096;
/// Too long for an inode.
const LONG_TARGET: &str = "/a-name-of-fifty-bytes-which-makes-the-target-so-long/a-name-of-fifty-bytes-which-makes-the-target-so-long/a-name-of-fifty-bytes-which-makes-the-target-so-long";

/// A symbolic link with a block of its own.
fn long_symlink(at: &'static str) -> FsOp {
    symlink(LONG_TARGET, at)
}

/// Directories, made durable one by one.
fn alone(paths: &[&'static str]) -> Vec<FsOp> {
    paths.iter().flat_map(|path| [mkdir(path), SYNC]).collect()
}

fn without_a_journal() -> Vec<ByHand> {
    let made = |switch, ops: &[FsOp]| made("vsfs", switch, &[], ops);
    vec![
        made("fsck-drops-orphans", &[create("/a"), mkdir("/d"), SYNC, rename("/a", "/d/b"), SYNC]),
        made("fsck-keeps-second-parent", &[mkdir("/d"), mkdir("/e"), SYNC, rename("/d", "/e/d"), SYNC]),
        // The block of pointers and the inode change apart.
        made(
            "fsck-keeps-beyond-end",
            &[create("/a"), write("/a", 12 * BLOCK, 1, 1), SYNC, write("/a", 14 * BLOCK, 1, 1), SYNC],
        ),
        made(
            "reuse-before-sync",
            &[create("/a"), append("/a", 16, 1), SYNC, unlink("/a"), create("/b"), append("/b", 16, 2), SYNC],
        ),
        made("inode-reuse-before-sync", &[create("/a"), SYNC, unlink("/a"), long_symlink("/b"), SYNC]),
        // The former directory names a file that is still there.
        made(
            "pointer-before-block",
            &[mkdir("/d"), create("/d/a"), SYNC, rename("/d/a", "/a"), rmdir("/d"), SYNC, mkdir("/e"), SYNC],
        ),
    ]
}

/// A block of metadata that becomes the content of a file: that of the target of a symbolic link will do.
fn freed_blocks() -> Vec<ByHand> {
    let content = [create("/f"), append("/f", 16, 1), SYNC];
    let reused = [&[long_symlink("/s"), SYNC, unlink("/s"), SYNC][..], &content].concat();
    // Three quarters of the log have to be full before anything is put in its place.
    let freed = [long_symlink("/s"), mkdir("/a"), SYNC, unlink("/s"), SYNC];
    let checkpointed = [&freed[..], &content, &[mkdir("/b"), SYNC]].concat();
    let too_early =
        [create("/a"), append("/a", 512, 1), SYNC, unlink("/a"), create("/b"), append("/b", 16, 1), SYNC];
    vec![
        made("journal", "no-revoke", &[], &reused),
        made("journal-writeback", "no-revoke", &[], &reused),
        made("journal", "revokes-not-first", &[], &reused),
        made("journal", "revoke-without-tid", &[], &[mkdir("/d"), rmdir("/d"), SYNC, mkdir("/e"), SYNC]),
        made("journal", "checkpoint-freed", &[], &checkpointed),
        made("journal", "reuse-before-commit", &[], &too_early),
        made("journal-writeback", "reuse-before-commit", &[], &too_early),
    ]
}

/// What fills a log of 40 blocks fastest. A directory in another group than its parent changes six blocks, and takes eight of the log:
/// no other single operation takes more, but for a rename over a directory, with nine.
fn full_logs() -> Vec<ByHand> {
    // More than three quarters of the log: the first checkpoint.
    let quarters = alone(&["/a", "/b", "/a/c", "/d"]);
    let lap = alone(&["/a", "/b", "/a/c", "/d", "/a/e"]);
    let over = [alone(&["/a", "/b", "/a/x"]), vec![rename("/a/x", "/b"), SYNC], alone(&["/c"])].concat();
    // 28 blocks of the log, and 13 that do not fit behind them.
    let wrap = [
        alone(&["/a", "/b"]),
        vec![mkdir("/a/c"), mkdir("/d"), SYNC, mkdir("/a/e"), mkdir("/b/f"), mkdir("/g"), SYNC],
    ]
    .concat();
    let file = |path| [create(path), write(path, 1035 * BLOCK, 2 * BLOCK, 1)];
    // Blocks of pointers fill a transaction faster than anything else: three for each end of a block of pointers, and two
    // more for the end of the next but one.
    let far = [
        alone(&["/a"]),
        file("/a/f").to_vec(),
        vec![write("/a/f", 3083 * BLOCK, 2 * BLOCK, 1)],
        file("/g").to_vec(),
        vec![write("/g", 3083 * BLOCK, 2 * BLOCK, 1)],
        file("/h").to_vec(),
        vec![SYNC],
    ]
    .concat();
    let twice = [create("/a"), append("/a", 20 * BLOCK, 1), append("/a", 20 * BLOCK, 1), SYNC];
    vec![
        made("journal", "early-superblock-advance", &[], &quarters),
        made("journal-writeback", "early-superblock-advance", &[], &quarters),
        made("journal", "two-sector-superblock", &[], &quarters),
        made("journal", "stale-lap-accepted", &[], &lap),
        made("journal", "overwrite-live-log", &[], &over),
        made("journal", "no-advance-flush", &[], &wrap),
        made("journal", "checkpoint-before-commit", &[], &far),
        made("journal-data", "overwrite-live-log", &[], &twice),
    ]
}

fn log_structured() -> Vec<ByHand> {
    let changed = [create("/a"), SYNC, write("/a", 0, 1, 1), fsync("/a")];
    vec![made("lfs", "usage-not-reduced", &[], &changed)]
}

/// What trying found.
fn on_arrays() -> Vec<ByHand> {
    let discard = VolumeOp::Discard { block: 0, count: 1 };
    let stale = [volume::write(0, 1, 1), discard.clone(), VolumeOp::Maintain(128), volume::FLUSH];
    let freed = [discard, volume::write(0, 4, 1), volume::write(0, 4, 1)];
    vec![
        made("raid1-degraded", "stale-member-trusted", &[], &stale),
        made("raid5-degraded", "stale-member-trusted", &[], &stale),
        made("raid5-journal", "journal-freed-early", &[], &freed),
    ]
}

/// What is collected must be on the chip first: nine blocks of eight pages, for 24 logical ones.
fn on_flash() -> Vec<ByHand> {
    let discard = |block| VolumeOp::Discard { block, count: 1 };
    let collect = VolumeOp::Maintain(0);
    let checkpoint = VolumeOp::Maintain(1);
    let early = [checkpoint.clone(), volume::write(0, 4, 1), volume::write(0, 4, 1), checkpoint];
    // The second block holds the record of the discard, and nothing else that is live.
    let collected = [
        volume::write(0, 8, 1),
        discard(0),
        volume::write(8, 7, 1),
        volume::write(8, 7, 1),
        volume::FLUSH,
        collect.clone(),
    ];
    // The fifth block wears out. It holds the discarded page and nothing that is live, the sixth holds the record of the
    // discard, and each of those before has something live, so that these two are freed first.
    let worn = [
        [
            volume::write(0, 23, 1),
            volume::write(4, 9, 1),
            volume::write(16, 8, 1),
            volume::write(16, 7, 1),
            discard(23),
            volume::write(16, 7, 1),
        ]
        .as_slice(),
        &[volume::FLUSH, collect.clone(), collect],
    ]
    .concat();
    vec![
        made("ftl", "checkpoint-before-data", &[], &early),
        made("ftl", "tombstone-dropped", &[], &collected),
        made("ftl", "bad-block-not-recorded", &[], &worn),
    ]
}
