//! The checker on images that were broken by hand, and against fsck on any damage.

use super::fsck::Bench;
use super::inode::FileType;
use super::*;
use format::{BlockNo, GroupNo, InodeNo, put_u32, set_bit};

/// What the checker says of the file system on a disk, which nobody repairs.
fn verdict(bench: &Bench) -> Result<(), check::Wrong> {
    let mut cache = Cache::new(bench.disk.clone(), &bench.geometry, Bugs::NONE).expect("fits");
    check::check(&mut cache, &bench.geometry)
}

/// Breaks something.
type Break = fn(&Bench);

/// The table block and the byte in it at which an inode lies.
fn slot(bench: &Bench, inode: u32, at: usize, value: u8) {
    let (block, first) = bench.geometry.inode_location(InodeNo(inode));
    bench.change(block, |page| page[first + at] = value);
}

fn inode_bit(bench: &Bench, inode: InodeNo, value: bool) {
    let (group, index) = bench.geometry.group_of_inode(inode);
    bench.change(bench.geometry.inode_bitmap(group), |page| set_bit(page, index, value));
}

fn block_bit(bench: &Bench, block: BlockNo, value: bool) {
    let (group, index) = bench.geometry.group_of_block(block);
    bench.change(bench.geometry.data_bitmap(group), |page| set_bit(page, index, value));
}

fn insert(bench: &Bench, dir: &'static str, name: &'static [u8], inode: InodeNo, kind: FileType) {
    let block = bench.find(dir).1.pointers[0];
    bench.change(block, |page| assert!(dir::insert(page, name, inode, kind)));
}

fn dots(bench: &Bench, dir: &'static str, this: InodeNo, parent: InodeNo) {
    let block = bench.find(dir).1.pointers[0];
    bench.change(block, |page| {
        let second = dir::entries(page).nth(1).expect("..").at;
        dir::retarget(page, 0, this, FileType::Dir);
        dir::retarget(page, second, parent, FileType::Dir);
    });
}

const SPACE: [(&str, Break); 18] = [
    ("the superblock in block 129 has the number of inodes 63, not 64", |bench| {
        bench.change(bench.geometry.superblock(GroupNo(1)), |page| put_u32(page, 24, 63));
    }),
    ("the superblock in block 1 has the checksum", |bench| {
        bench.change(bench.geometry.superblock(GroupNo(0)), |page| page[28] ^= 1);
    }),
    ("has the type 9, which there is not", |bench| slot(bench, bench.find("/b").0.0, 0, 9)),
    ("inode 1 is reserved, but it is in use", |bench| slot(bench, 1, 0, 1)),
    ("more than a file can be", |bench| _ = bench.change_inode("/b", |inode| inode.size = Bytes(u64::MAX))),
    ("which is no whole number of blocks", |bench| {
        bench.change_inode("/d", |inode| inode.size = Bytes(4097));
    }),
    ("holds no path", |bench| _ = bench.change_inode("/s", |inode| inode.inline[0] = b'x')),
    ("points to block 258, where no content lies", |bench| {
        bench.change_inode("/b", |inode| inode.pointers[0] = BlockNo(258));
    }),
    ("points to block 3, where no content lies", |bench| {
        bench.change(bench.find("/big").1.pointers[12], |page| put_u32(page, 4, 3));
    }),
    ("and once more to inode", |bench| {
        let shared = bench.find("/b").1.pointers[0];
        bench.change_inode("/d/a", |inode| inode.pointers[1] = shared);
    }),
    ("which lies beyond its end", |bench| _ = bench.change_inode("/big", |inode| inode.size = Bytes(8192))),
    ("says that it owns 40 blocks, but it owns 1", |bench| {
        bench.change_inode("/b", |inode| inode.nblocks = 40);
    }),
    ("inode 50 is free, but its bit says otherwise", |bench| inode_bit(bench, InodeNo(50), true)),
    ("inode 2 is in use, but its bit says otherwise", |bench| inode_bit(bench, InodeNo(2), false)),
    ("inode 0 is in use, but its bit says otherwise", |bench| inode_bit(bench, InodeNo(0), false)),
    ("block 120 is free, but its bit says otherwise", |bench| block_bit(bench, BlockNo(120), true)),
    ("block 2 is in use, but its bit says otherwise", |bench| block_bit(bench, BlockNo(2), false)),
    ("the bitmap in block 131 has bits beyond its group, from bit 200 on", |bench| {
        bench.change(bench.geometry.data_bitmap(GroupNo(1)), |page| set_bit(page, 200, true));
    }),
];

const NAMES: [(&str, Break); 17] = [
    ("directory 2 holds no record at byte", |bench| {
        bench.change_entry("/", "s", |page, at| page[at + 4..at + 6].fill(0xff));
    }),
    ("'.' of directory", |bench| dots(bench, "/d", InodeNo(60), InodeNo::ROOT)),
    ("'..' of directory", |bench| dots(bench, "/d", bench.find("/d").0, InodeNo(60))),
    ("'.' of directory 2 leads to inode 0, not to 2", |bench| {
        bench.change(bench.find("/").1.pointers[0], |page| page.fill(0));
        bench.change(bench.find("/").1.pointers[0], dir::init_empty);
    }),
    ("the name \"..\" does not say that it leads to a directory", |bench| {
        bench.change(bench.find("/d").1.pointers[0], |page| page[12 + 7] = 1);
    }),
    ("the name \"a/b\" cannot be one", |bench| {
        insert(bench, "/", b"a/b", bench.find("/b").0, FileType::File);
    }),
    ("the name \"..\" cannot be one", |bench| insert(bench, "/", b"..", InodeNo::ROOT, FileType::Dir)),
    ("the name \"c\" is there twice", |bench| insert(bench, "/", b"c", bench.find("/b").0, FileType::File)),
    ("the name \"ghost\" leads to an inode that is not in use", |bench| {
        insert(bench, "/", b"ghost", InodeNo(50), FileType::File);
    }),
    ("the name \"far\" leads to an inode that is not in use", |bench| {
        insert(bench, "/", b"far", InodeNo(5000), FileType::File);
    }),
    ("the name \"b\" says another type than its inode", |bench| {
        bench.change_entry("/", "b", |page, at| page[at + 7] = 2);
    }),
    ("has 2 names, not 1", |bench| insert(bench, "/lost+found", b"again", bench.find("/d").0, FileType::Dir)),
    ("has 0 names, not 1", |bench| bench.change_entry("/", "d", dir::remove)),
    ("directory 2 has 1 names, not 0", |bench| {
        insert(bench, "/d", b"up", InodeNo::ROOT, FileType::Dir);
    }),
    ("cannot be reached from the root", |bench| {
        let (dir, _) = bench.find("/d");
        insert(bench, "/d", b"self", dir, FileType::Dir);
        dots(bench, "/d", dir, dir);
        bench.change_entry("/", "d", dir::remove);
    }),
    ("has no name", |bench| bench.change_entry("/d", "a", dir::remove)),
    ("has 5 links, but 2 names lead to it", |bench| _ = bench.change_inode("/b", |inode| inode.nlink = 5)),
];

#[test]
fn whatever_two_places_say_differently_is_told() {
    let sound = Bench::new();
    assert_eq!(verdict(&sound), Ok(()));
    let image = sound.image();
    for (words, break_it) in SPACE.into_iter().chain(NAMES) {
        let bench = Bench { disk: super::states::on(&image), geometry: sound.geometry };
        break_it(&bench);
        let before = bench.image();
        let told = verdict(&bench).expect_err(words).to_string();
        assert!(told.contains(words), "{words}: {told}");
        assert!(bench.image() == before, "{words}: the checker wrote");
    }
}

/// A step that fsck leaves out is not left out here.
#[test]
fn what_fsck_leaves_is_found() {
    let cases: [(&str, &str, Break); 6] = [
        ("fsck-trusts-bitmap", "is in use, but its bit says otherwise", |bench| {
            block_bit(bench, bench.find("/b").1.pointers[0], false);
        }),
        ("fsck-trusts-bitmap", "is free, but its bit says otherwise", |bench| {
            block_bit(bench, BlockNo(120), true);
        }),
        ("fsck-keeps-nlink-undercount", "has 1 links, but 2 names lead to it", |bench| {
            bench.change_inode("/b", |inode| inode.nlink = 1);
        }),
        ("fsck-keeps-dangling-entry", "leads to an inode that is not in use", |bench| {
            insert(bench, "/", b"ghost", InodeNo(50), FileType::File);
        }),
        ("fsck-keeps-second-parent", "has 2 names, not 1", |bench| {
            insert(bench, "/lost+found", b"again", bench.find("/d").0, FileType::Dir);
        }),
        ("fsck-keeps-beyond-end", "which lies beyond its end", |bench| {
            bench.change_inode("/big", |inode| inode.size = Bytes(8192));
        }),
    ];
    for (bug, words, break_it) in cases {
        let bench = Bench::new();
        break_it(&bench);
        let faulty = Vsfs::with_bugs(&[bug.to_owned()]).expect("a switch");
        let mut live = faulty.open(bench.disk.clone()).expect("opens");
        let told = faulty.check(&mut live).expect_err(bug).to_string();
        assert!(told.contains(words), "{bug}: {told}");
    }
}

/// Two readers of one format, of which neither knows the other, agree on which images are sound.
#[test]
fn on_any_damage_the_checker_and_fsck_agree() {
    let sound = Bench::new().image();
    let geometry = Geometry::default();
    let used = (1..128).chain(129..150).map(BlockNo).collect::<Vec<_>>();
    let mut seed = 11_u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let mut broken = 0;
    for round in 0..3000 {
        let bench = Bench { disk: super::states::on(&sound), geometry };
        let block = used[next(if round % 2 == 0 { 24 } else { used.len() })];
        let at = next(if round % 3 == 0 { 128 } else { BLOCK_SIZE });
        let value = [0, 1, 2, next(256) as u8][next(4)];
        bench.change(block, |page| page[at] = value);
        let mut cache = Cache::new(bench.disk.clone(), &geometry, Bugs::NONE).expect("fits");
        let report = recover::check(&mut cache, geometry).expect("can be read");
        let told = verdict(&bench);
        assert_eq!(
            report.is_clean(),
            told.is_ok(),
            "byte {at} of block {block:?} is {value}: {:?}, {told:?}",
            report.repairs()
        );
        broken += usize::from(told.is_err());
    }
    assert!((100..2900).contains(&broken), "{broken} of 3000 were broken");
}
