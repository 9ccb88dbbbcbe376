//! What the journal writes, in which order, and what it refuses. Its crash states are explored in `tests/`.

use super::*;
use crate::fs::{Fill, Path};
use crashcheck::record;
use crashcheck::trace::Event;

fn workload<V: Variant>(name: &str) -> Vec<FsOp> {
    let found = Journal::<V>::workloads().into_iter().find(|workload| workload.name == name);
    found.unwrap_or_else(|| panic!("there is no workload '{name}'")).ops
}

/// The labels of the writes of each epoch.
fn epochs<V: Variant>(ops: Vec<FsOp>) -> Vec<Vec<String>> {
    let recording = record(&Journal::<V>::default(), ops).expect("a workload that runs");
    let mut epochs = vec![Vec::new()];
    for event in &recording.trace.events {
        match event {
            Event::Write { label, .. } => {
                let label = label.as_ref().expect("every write says what it is");
                epochs.last_mut().expect("one epoch at least").push(label.to_string());
            }
            Event::Flush { .. } => epochs.push(Vec::new()),
            _ => {}
        }
    }
    epochs
}

#[test]
fn a_commit_is_issued_alone() {
    for workload in Journal::<Ordered>::workloads() {
        for epoch in epochs::<Ordered>(workload.ops) {
            let commits = epoch.iter().filter(|label| *label == "journal commit").count();
            assert!(commits <= 1, "{}: {epoch:?}", workload.name);
            assert!(commits == 0 || epoch[0] == "journal commit", "{}: {epoch:?}", workload.name);
        }
    }
}

#[test]
fn the_superblock_advances_alone() {
    for epoch in epochs::<Ordered>(workload::<Ordered>("full-journal")) {
        if epoch.iter().any(|label| label == "journal superblock") {
            assert_eq!(epoch.len(), 1, "{epoch:?}");
        }
    }
}

#[test]
fn one_operation_makes_a_transaction_of_24_blocks() {
    let epochs = epochs::<Data>(workload::<Data>("many-blocks"));
    let journaled =
        |epoch: &Vec<String>| epoch.iter().filter(|label| label.starts_with("journaled ")).count();
    assert_eq!(epochs.iter().map(journaled).max(), Some(24), "{epochs:?}");
}

#[test]
fn data_mode_writes_everything_twice() {
    let labels = epochs::<Data>(workload::<Data>("full-journal")).concat();
    let count = |prefix: &str| labels.iter().filter(|label| label.starts_with(prefix)).count();
    assert!(count("checkpoint ") > 0 && count("checkpoint ") <= count("journaled "));
    assert_eq!(count("data"), 0);
    assert!(count("journal superblock") >= 2, "the log goes round more than once");
}

#[test]
fn an_operation_larger_than_the_log_is_refused_and_changes_nothing() {
    let a = Path::of("/a");
    let append = |blocks: u64| FsOp::Append { path: a.clone(), len: Bytes(blocks * 4096), fill: Fill(1) };
    let system = Journal::<Data>::default();
    let disk = Disk::plain(&system.devices());
    system.format(&disk).expect("room for a file system");
    let mut live = system.open(disk).expect("an empty file system");
    assert_eq!(system.apply(&mut live, &FsOp::Create(a.clone())).expect("works"), Ack::Volatile);
    let before = system.view(&mut live).expect("a view");
    assert_eq!(system.apply(&mut live, &append(60)).expect("works"), Ack::Refused);
    assert_eq!(system.view(&mut live).expect("a view"), before);
    assert_eq!(system.apply(&mut live, &append(30)).expect("works"), Ack::Volatile, "alone it fits");
    system.check(&mut live).expect("a clean file system");
}

/// The file system and the model must agree on what they refuse.
#[test]
fn the_file_system_refuses_what_the_model_refuses() {
    let system = Journal::<Ordered>::default();
    for seed in 0..60 {
        let disk = Disk::plain(&system.devices());
        system.format(&disk).expect("room for a file system");
        let mut live = system.open(disk).expect("an empty file system");
        let mut view = system.view(&mut live).expect("a view");
        for op in (0..4).flat_map(|part| generate::generated(seed * 4 + part)) {
            let refused = posix::apply(&mut view, &op).is_err();
            let ack = system.apply(&mut live, &op).expect("works");
            assert_eq!(ack == Ack::Refused, refused, "seed {seed}: {op}");
            assert_eq!(
                system.view(&mut live).expect("a view").diff(&view),
                Vec::<String>::new(),
                "seed {seed}: {op}"
            );
        }
        system.check(&mut live).expect("a clean file system");
    }
}

#[test]
fn a_device_without_a_journal_is_refused_in_words() {
    let system = Journal::<Ordered>::default();
    let disk = Disk::plain(&system.devices());
    system.format(&disk).expect("room for a file system");
    let (_, region) = Journal::<Ordered>::region();
    disk.write_zeroes(region.superblock.at(), Bytes(512)).expect("a block of the device");
    let error = system.open(disk).err().expect("must be refused").to_string();
    assert!(error.contains("block 257 holds no journal superblock"), "{error}");
}

/// JN-16, JN-27: a recovery that empties the log and counts from the same number again leaves one that the next recovery
/// would replay once more.
#[test]
fn a_log_that_recovery_did_not_empty_is_found() {
    let faulty = Journal::<Ordered>::with_bugs(&["sequence-kept".to_owned()]).expect("a switch");
    let disk = Disk::plain(&faulty.devices());
    faulty.format(&disk).expect("room for a file system");
    let mut live = faulty.open(disk.clone()).expect("an empty file system");
    for op in [FsOp::Create(Path::of("/a")), FsOp::Sync] {
        faulty.apply(&mut live, &op).expect("works");
        faulty.check(&mut live).expect("the log is as the journal says");
    }
    let mut again = faulty.open(disk.clone()).expect("opens");
    let told = faulty.check(&mut again).expect_err("must be found").to_string();
    assert!(told.contains("the log goes on with T2"), "{told}");
    let mut right = Journal::<Ordered>::default().open(disk).expect("opens");
    Journal::<Ordered>::default().check(&mut right).expect("is well-formed");
}
