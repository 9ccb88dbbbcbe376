//! Reads and writes that the book counts (FS-07, FS-17 to FS-21).

use super::content::Contents;
use super::dir;
use super::inode::{FileType, Inode};
use super::names::Names;
use super::states::LastEpoch;
use super::store::{BlockKind, Store, StoreError};
use super::*;
use crate::fs::Fill;
use crashcheck::Lent;
use crashcheck::trace::Event;
use format::{BlockNo, GroupNo, InodeNo, Page};

/// A store that remembers which blocks were asked for.
struct Watched {
    cache: Cache,
    reads: Vec<(BlockNo, BlockKind)>,
}

impl Store for Watched {
    fn read(&mut self, block: BlockNo, kind: BlockKind) -> Result<&Page, StoreError> {
        self.reads.push((block, kind));
        self.cache.read(block, kind)
    }

    fn lend(&mut self, block: BlockNo, kind: BlockKind) -> Result<Lent, StoreError> {
        self.reads.push((block, kind));
        self.cache.lend(block, kind)
    }

    fn modify(&mut self, block: BlockNo, kind: BlockKind) -> Result<&mut Page, StoreError> {
        self.reads.push((block, kind));
        self.cache.modify(block, kind)
    }

    fn fresh(&mut self, block: BlockNo, kind: BlockKind) -> Result<&mut Page, StoreError> {
        self.cache.fresh(block, kind)
    }

    fn free_block(&mut self, block: BlockNo, kind: BlockKind) {
        self.cache.free_block(block, kind);
    }

    fn free_inode(&mut self, inode: InodeNo) {
        self.cache.free_inode(inode);
    }

    fn may_reuse_block(&self, block: BlockNo) -> bool {
        self.cache.may_reuse_block(block)
    }

    fn may_reuse_inode(&self, inode: InodeNo) -> bool {
        self.cache.may_reuse_inode(inode)
    }

    fn sync_frees(&self) -> bool {
        self.cache.sync_frees()
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        self.cache.begin()
    }

    fn end(&mut self) -> Result<(), StoreError> {
        self.cache.end()
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.cache.sync()
    }
}

#[test]
fn inode_32_lies_in_sector_40() {
    let (block, at) = Geometry::default().inode_location(InodeNo(32));
    let partition = BlockNo(1);
    let byte = (block.at() - partition.at()).0 + at as u64;
    assert_eq!((byte, byte / 512), (20 * 1024, 40), "FS-07: the partition begins after the boot block");
}

#[test]
fn regions_are_disjoint_and_cover_every_block_but_the_first() {
    let geometry = Geometry { groups: 3, blocks_per_group: 40, inodes_per_group: 32 };
    let mut seen = vec![0; geometry.blocks() as usize];
    for group in geometry.group_numbers() {
        let head = [geometry.superblock(group), geometry.inode_bitmap(group), geometry.data_bitmap(group)];
        let data = geometry.data(group).map(BlockNo);
        for block in head.into_iter().chain(geometry.inode_table(group)).chain(data) {
            seen[block.index()] += 1;
            assert_eq!(geometry.group_of_block(block).0, group);
            assert_eq!(geometry.is_data(block), geometry.data(group).contains(&block.0));
        }
    }
    assert_eq!(seen[0], 0);
    assert!(seen[1..].iter().all(|count| *count == 1));
    assert_eq!(Geometry::decode(&geometry.encode()), Some(geometry));
    let cramped = Geometry { blocks_per_group: 5, ..geometry };
    let disk = Disk::plain(&[Device::zeroed("disk", Bytes(4096), geometry.device_len())]);
    let mut cache = Cache::new(disk, &geometry, Bugs::NONE).expect("fits");
    assert_eq!(mkfs(&mut cache, cramped), Err(FsError::BadGeometry(cramped)));
}

/// The file system of FS-17: inode 2 at block 912, foo is 31 at 194, bar 73 at 991, baz 40 at 302, 913 and 301.
fn book() -> (Disk, Geometry) {
    let geometry = Geometry { groups: 1, blocks_per_group: 1023, inodes_per_group: 80 };
    let disk = Disk::plain(&[Device::zeroed("disk", Bytes(4096), geometry.device_len())]);
    let mut cache = Cache::new(disk.clone(), &geometry, Bugs::NONE).expect("fits");
    let dirs = [
        (2, 912, 31, "foo", FileType::Dir),
        (31, 194, 73, "bar", FileType::Dir),
        (73, 991, 40, "baz", FileType::File),
    ];
    for (this, block, child, name, kind) in dirs {
        let page = cache.fresh(BlockNo(block), BlockKind::Directory).expect("in range");
        dir::init_first(page, InodeNo(this), InodeNo(2));
        assert!(dir::insert(page, name.as_bytes(), InodeNo(child), kind));
        put(&mut cache, &geometry, this, FileType::Dir, &[block]);
    }
    put(&mut cache, &geometry, 40, FileType::File, &[302, 913, 301]);
    cache.sync().expect("the disk works");
    (disk, geometry)
}

fn put(cache: &mut Cache, geometry: &Geometry, number: u32, kind: FileType, blocks: &[u32]) {
    let mut inode = Inode::new(kind, 1, 0);
    inode.size = Bytes(blocks.len() as u64 * 4096);
    inode.nblocks = blocks.len() as u32;
    blocks.iter().zip(&mut inode.pointers).for_each(|(block, pointer)| *pointer = BlockNo(*block));
    let (block, at) = geometry.inode_location(InodeNo(number));
    inode.encode(&mut cache.modify(block, BlockKind::InodeTable).expect("in range")[at..at + 256]);
}

#[test]
fn reading_foo_bar_baz_reads_inode_and_block_of_each_directory_in_turn() {
    let (disk, geometry) = book();
    let cache = Cache::new(disk, &geometry, Bugs::NONE).expect("fits");
    let mut fs = FileSystem::new(Watched { cache, reads: Vec::new() }, geometry, Bugs::NONE);
    let (number, inode) = fs.resolve(&Path::of("/foo/bar/baz")).expect("is there");
    fs.read_all(number, &inode).expect("can be read");
    let table = |inode| geometry.inode_location(InodeNo(inode)).0.0;
    let expected =
        [table(2), 912, table(31), 194, table(73), 991, table(40), 302, 913, 301].map(BlockNo).to_vec();
    let read: Vec<BlockNo> = fs.store().reads.iter().map(|(block, _)| *block).collect();
    assert_eq!(read, expected, "FS-17");
}

fn epoch_of(before: &[FsOp], op: FsOp) -> Vec<String> {
    let ops = before.iter().cloned().chain([FsOp::Sync, op, FsOp::Sync]).collect();
    LastEpoch::of(&crashcheck::record(&Vsfs::default(), ops).expect("records")).labels()
}

#[test]
fn a_create_writes_the_inode_bitmap_the_inode_the_entry_and_the_directory_inode() {
    let mkdir = FsOp::Mkdir(Path::of("/d"));
    // One block of the inode table holds both inodes: the directory's files are placed next to it (FS-16).
    let epoch = epoch_of(&[mkdir], FsOp::Create(Path::of("/d/a")));
    assert_eq!(epoch, ["directory", "inode bitmap", "inode table"], "FS-20");
}

#[test]
fn only_a_write_that_allocates_touches_a_bitmap() {
    let create = FsOp::Create(Path::of("/a"));
    let write = |fill| FsOp::Write { path: Path::of("/a"), at: Bytes(0), len: Bytes(4096), fill: Fill(fill) };
    assert_eq!(
        epoch_of(std::slice::from_ref(&create), write(1)),
        ["data", "data bitmap", "inode table"],
        "FS-19"
    );
    assert_eq!(epoch_of(&[create, write(1)], write(2)), ["data", "inode table"]);
}

#[test]
fn an_allocating_write_reads_the_bitmap_and_the_inode_once_the_name_is_found() {
    let disk = fresh(&Vsfs::default());
    let mut live = Vsfs::default().open(disk.clone()).expect("opens");
    for op in [FsOp::Create(Path::of("/a")), FsOp::Sync] {
        Vsfs::default().apply(&mut live, &op).expect("works");
    }
    let geometry = Geometry::default();
    let cache = Cache::new(disk, &geometry, Bugs::NONE).expect("fits");
    let mut fs = FileSystem::new(Watched { cache, reads: Vec::new() }, geometry, Bugs::NONE);
    let write = FsOp::Append { path: Path::of("/a"), len: Bytes(4096), fill: Fill(1) };
    fs.apply(&write).expect("works");
    let mut reads: Vec<(BlockNo, BlockKind)> = Vec::new();
    for read in &fs.store().reads {
        if !reads.contains(read) {
            reads.push(*read);
        }
    }
    let kinds: Vec<BlockKind> = reads.iter().map(|(_, kind)| *kind).collect();
    // One block of the table holds the inodes of the root and of the file.
    assert_eq!(kinds, [BlockKind::InodeTable, BlockKind::Directory, BlockKind::DataBitmap], "FS-19");
}

#[test]
fn looking_writes_nothing() {
    let disk = fresh(&Vsfs::default());
    let mut live = Vsfs::default().open(disk).expect("opens");
    assert!(live.report().is_clean(), "{:?}", live.report());
    Vsfs::default().view(&mut live).expect("can be read");
    let recording = crashcheck::record(&Vsfs::default(), vec![FsOp::Fsync(Path::root())]).expect("records");
    assert!(recording.trace.events.iter().all(|event| event.range().is_none()), "FS-18");
}

#[test]
fn no_write_goes_to_the_boot_block_or_to_a_superblock() {
    let geometry = Geometry::default();
    let superblocks: Vec<Bytes> =
        geometry.group_numbers().map(|group| geometry.superblock(group).at()).collect();
    for workload in workloads::all() {
        let recording = crashcheck::record(&Vsfs::default(), workload.ops).expect("records");
        for (_, at, len) in recording.trace.events.iter().filter_map(Event::range) {
            assert!(at >= BlockNo(1).at() && at + len <= geometry.device_len(), "FS-21");
            assert!(!superblocks.contains(&at));
        }
    }
    assert_eq!(superblocks[1], BlockNo(1 + geometry.blocks_per_group).at());
    assert_eq!(geometry.superblock(GroupNo(0)), BlockNo(1));
}

#[test]
fn a_full_disk_refuses_and_changes_nothing() {
    let system = Vsfs::new(Geometry { groups: 1, blocks_per_group: 24, inodes_per_group: 16 });
    let mut live = system.open(fresh(&system)).expect("opens");
    let append =
        |blocks: u64| FsOp::Append { path: Path::of("/a"), len: Bytes(blocks * 4096), fill: Fill(1) };
    let apply = |live: &mut Mounted, op: FsOp| system.apply(live, &op).expect("does not fail");
    assert_eq!(apply(&mut live, FsOp::Create(Path::of("/a"))), Ack::Volatile);
    let before = system.view(&mut live).expect("can be read");
    assert_eq!(apply(&mut live, append(18)), Ack::Refused, "18 blocks and the indirect one do not fit 18");
    assert_eq!(system.view(&mut live).expect("can be read"), before);
    assert_eq!(apply(&mut live, append(17)), Ack::Volatile);
    assert_eq!(apply(&mut live, FsOp::Mkdir(Path::of("/d"))), Ack::Refused);
    assert_eq!(apply(&mut live, FsOp::Truncate { path: Path::of("/a"), len: Bytes(0) }), Ack::Volatile);
    assert_eq!(apply(&mut live, append(17)), Ack::Volatile, "a sync makes the freed blocks fit for reuse");
    for name in 0..12 {
        let path = Path::parse(&format!("/f{name}")).expect("a path");
        let expected = if name < 11 { Ack::Volatile } else { Ack::Refused };
        assert_eq!(
            apply(&mut live, FsOp::Create(path)),
            expected,
            "16 inodes, 5 of them taken before the files"
        );
    }
    system.check(&mut live).expect("is consistent");
}
