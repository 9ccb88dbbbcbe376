//! Tests of the parts, and of the whole without crashes. Crash states are explored in `tests/`.

mod checker;
mod cleaner;
mod order;
mod recovery;

use super::*;
use crate::fs::{Fill, Path};
use crate::vsfs::names::Names;
use crashcheck::trace::Image;

/// A fresh file system on a plain disk.
fn fresh() -> Disk {
    let disk = Disk::plain(&Lfs::default().devices());
    Lfs::default().format(&disk).expect("room for a file system");
    disk
}

/// The file system on a disk, opened.
fn open(disk: &Disk) -> Mounted {
    Lfs::default().open(disk.clone()).expect("a file system")
}

fn path(name: &str) -> Path {
    Path::root().join(name)
}

fn create(name: &str) -> FsOp {
    FsOp::Create(path(name))
}

/// Writes whole blocks.
fn write(name: &str, block: u64, blocks: u64, fill: u8) -> FsOp {
    let (at, len) = (Bytes(block * 4096), Bytes(blocks * 4096));
    FsOp::Write { path: path(name), at, len, fill: Fill(fill) }
}

/// Performs operations that must not be refused.
fn perform(live: &mut Mounted, ops: &[FsOp]) {
    for op in ops {
        let ack = live.log.apply(op).expect("works");
        assert_ne!(ack, Ack::Refused, "{op}");
    }
}

/// What is shown, after everything was written and found to be well-formed.
fn checked_view(live: &mut Mounted) -> View {
    live.log.checkpoint().expect("room for a checkpoint");
    check::check(&live.log).expect("is well-formed");
    Lfs::default().view(live).expect("can be read")
}

/// The disk with that content.
fn on(image: &Image) -> Disk {
    Disk::plain(&[Device::block("disk", Bytes(4096), image.clone())])
}

/// The file system and the model must agree on what they refuse and on what they show.
#[test]
fn the_file_system_does_what_the_model_does() {
    for seed in 0..60 {
        let mut live = open(&fresh());
        let mut view = Lfs::default().view(&mut live).expect("a view");
        for op in (0..4).flat_map(|part| generate::generated(seed * 4 + part)) {
            let refused = posix::apply(&mut view, &op).is_err();
            let ack = live.log.apply(&op).expect("works");
            assert_eq!(ack == Ack::Refused, refused, "seed {seed}: {op}");
            let shown = Lfs::default().view(&mut live).expect("a view");
            assert_eq!(shown.diff(&view), Vec::<String>::new(), "seed {seed}: {op}");
        }
        assert_eq!(checked_view(&mut live), view);
    }
}

/// A file in the doubly indirect blocks, with holes, which grows and is cut.
#[test]
fn pointers_of_two_levels_are_followed_and_cut() {
    let disk = fresh();
    let mut live = open(&disk);
    let far = 12 + 1024 + 2 * 1024 + 5;
    perform(&mut live, &[create("a"), write("a", 0, 2, 1), write("a", far, 1, 2), write("a", 40, 1, 3)]);
    let full = checked_view(&mut live);
    assert_eq!(Lfs::default().view(&mut open(&disk)).expect("a view"), full);
    perform(&mut live, &[FsOp::Truncate { path: path("a"), len: Bytes(41 * 4096) }]);
    checked_view(&mut live);
    let inode = live.log.resolve(&path("a")).expect("is there").1;
    assert_eq!(inode.nblocks, 3 + 1, "three of content and one of pointers");
}
