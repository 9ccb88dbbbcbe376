//! Opening: roll-forward without a crash in the middle, and disks that hold anything.

use super::dirlog::{CountChange, NameChange, Opcode, Record, Uid};
use super::*;
use crate::vsfs::format::InodeNo;
use crate::vsfs::inode::FileType;

fn image(disk: &Disk) -> Vec<u8> {
    let mut bytes = vec![0; Geometry::default().device_len().index()];
    disk.read(Bytes::ZERO, &mut bytes).expect("in range");
    bytes
}

fn plain(bytes: &[u8]) -> Disk {
    let disk = Disk::plain(&Lfs::default().devices());
    disk.write(Bytes::ZERO, bytes).expect("in range");
    disk
}

/// LF-08, LF-16, LF-17, LF-20, LF-22, LF-24: after every fsync the log has all there is, whatever a checkpoint has; and
/// opening again shows the same.
#[test]
fn the_log_rebuilds_what_was_in_memory() {
    let mut rolled = 0;
    for seed in 0..40 {
        let disk = fresh();
        let mut live = open(&disk);
        for op in (0..3).flat_map(|part| generate::generated(1000 + seed * 3 + part)) {
            if op == FsOp::Sync {
                continue;
            }
            let _ = live.log.apply(&op).expect("works");
            live.log.apply(&FsOp::Fsync(Path::root())).expect("works");
            let expected = Lfs::default().view(&mut live).expect("can be read");
            let copy = plain(&image(&disk));
            for _ in 0..2 {
                let mut again = open(&copy);
                rolled += again.rolled;
                check::check(&again.log).unwrap_or_else(|wrong| panic!("seed {seed}: {op}: {wrong}"));
                let shown = Lfs::default().view(&mut again).expect("can be read");
                assert_eq!(shown.diff(&expected), Vec::<String>::new(), "seed {seed}: {op}");
            }
            let reopened = open(&copy);
            assert_eq!(reopened.rolled, 0, "a checkpoint ends a recovery (LF-21)");
            for number in (0..Geometry::default().inodes).map(InodeNo) {
                let (memory, found) = (live.log.map.get(number), reopened.log.map.get(number));
                assert_eq!(memory.version, found.version, "seed {seed}: {op}: {number:?}");
            }
        }
    }
    assert!(rolled > 1000, "only {rolled} parts were rolled forward");
}

/// LF-20, LF-21: what a record says is completed, whichever half of it is missing, and nothing happens to what is
/// complete; the name of an inode that was never written, or of a former life, goes away.
#[test]
fn a_record_is_completed_and_completing_it_again_changes_nothing() {
    let mut live = open(&fresh());
    perform(&mut live, &[create("a"), FsOp::Sync]);
    let log = &mut live.log;
    let (root, file) = (log.uid(InodeNo::ROOT), log.resolve(&path("a")).expect("is there").0);
    let uid = log.uid(file);
    let name = |name: &str, target| NameChange { dir: root, name: name.to_owned(), target };
    let link = Record {
        opcode: Opcode::Link,
        names: vec![name("b", Some((uid, FileType::File)))],
        counts: vec![CountChange { inode: uid, links: 2 }],
    };
    let only_name = Record { counts: Vec::new(), ..link.clone() };
    let only_count = Record { names: Vec::new(), ..link.clone() };
    for record in [&only_count, &link, &only_name, &link, &link] {
        log.redo(record).expect("works");
        log.redo(record).expect("works");
    }
    let links =
        |log: &mut super::log::Log, name: &str| log.resolve(&path(name)).map(|(_, inode)| inode.nlink);
    assert_eq!((links(log, "a"), links(log, "b")), (Ok(2), Ok(2)));
    let former = Uid { version: uid.version.next_life(), ..uid };
    let gone = CountChange { inode: former, links: 0 };
    let never = Record {
        opcode: Opcode::Create,
        names: vec![name("b", Some((former, FileType::File))), name("c", Some((former, FileType::File)))],
        counts: vec![gone, CountChange { inode: uid, links: 1 }],
    };
    log.redo(&never).expect("works");
    assert_eq!(links(log, "a"), Ok(1), "the present life is not that of the record");
    assert!(links(log, "b").is_err() && links(log, "c").is_err());
    checked_view(&mut live);
}

/// LF-23: the log of an earlier file system on the same device is not taken for a part of this one.
#[test]
fn mkfs_makes_what_was_there_before_meaningless() {
    let disk = fresh();
    perform(
        &mut open(&disk),
        &[create("a"), write("a", 0, 20, 1), FsOp::Sync, create("b"), FsOp::Fsync(path("b"))],
    );
    Lfs::default().format(&disk).expect("room for a file system");
    let mut live = open(&disk);
    assert_eq!((live.rolled, checked_view(&mut live)), (0, View::empty()));
    perform(&mut live, &[create("c"), FsOp::Fsync(path("c"))]);
    let mut again = open(&disk);
    assert_eq!(again.rolled, 1);
    assert!(again.log.resolve(&path("b")).is_err() && again.log.resolve(&path("c")).is_ok());
}

/// What a device holds that nobody has written to may be anything: mkfs relies on nothing.
#[test]
fn mkfs_works_on_a_device_full_of_garbage() {
    let bytes = vec![0xa5; Geometry::default().device_len().index()];
    let disk = plain(&bytes);
    Lfs::default().format(&disk).expect("room for a file system");
    let mut live = open(&disk);
    perform(&mut live, &[create("a"), write("a", 0, 30, 1)]);
    let view = checked_view(&mut live);
    assert_eq!(checked_view(&mut open(&disk)), view);
}

/// Whatever lies on the disk: an error or a file system, never a panic.
#[test]
fn a_damaged_disk_is_opened_or_refused_in_words() {
    let disk = fresh();
    let mut live = open(&disk);
    let ops = [FsOp::Mkdir(path("d")), create("a"), write("a", 0, 20, 1), FsOp::Sync, create("b")];
    perform(&mut live, &ops);
    perform(&mut live, &[FsOp::Fsync(path("b")), FsOp::Unlink(path("a")), FsOp::Fsync(path("b"))]);
    let good = image(&disk);
    let (mut refused, mut seed) = (0, 1u64);
    for _ in 0..1500 {
        let mut bytes = good.clone();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Most of the disk was never written.
        let at = (seed >> 33) as usize % (50 * 4096);
        let at = if seed & 1 == 0 { at } else { at / 4096 * 4096 + at % 128 };
        let len = [1, 4, 64, 4096][(seed >> 5) as usize % 4].min(bytes.len() - at);
        bytes[at..at + len].fill([0, 1, 0x7f, 0xff][(seed >> 9) as usize % 4]);
        let Ok(mut live) = Lfs::default().open(plain(&bytes)) else {
            refused += 1;
            continue;
        };
        let _ = check::check(&live.log);
        let _ = Lfs::default().view(&mut live);
        let _ = Lfs::default().apply(&mut live, &create("c"));
        let _ = Lfs::default().apply(&mut live, &FsOp::Sync);
    }
    assert!(refused > 20, "only {refused} were refused");
}

#[test]
fn a_device_that_is_no_file_system_or_too_short_is_refused_in_words() {
    let disk = Disk::plain(&Lfs::default().devices());
    let error = Lfs::default().open(disk).err().expect("must be refused").to_string();
    assert!(error.contains("block 0 holds no superblock"), "{error}");
    let disk = fresh();
    disk.resize(Bytes(1 << 20)).expect("works");
    let error = Lfs::default().open(disk.clone()).err().expect("must be refused").to_string();
    assert!(error.contains("its superblock asks for"), "{error}");
    assert!(matches!(recover::mkfs(&disk, Geometry::default()), Err(OpenError::TooShort { .. })));
}
