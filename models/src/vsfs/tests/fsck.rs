//! fsck on images that were corrupted by hand (FK-00 to FK-12).

use super::dir;
use super::inode::{FileType, Inode, Slot};
use super::names::Names;
use super::recover::{Repair, find_geometry};
use super::*;
use crate::fs::{Fill, Node};
use crashcheck::trace::Image;
use format::{BlockNo, GroupNo, InodeNo, Page, bit, put_u32, set_bit};

/// A file system with /d/a (two blocks), /b (one block, also /c), /big (14 blocks) and /s.
pub(super) struct Bench {
    pub(super) disk: Disk,
    pub(super) geometry: Geometry,
}

impl Bench {
    pub(super) fn new() -> Bench {
        let disk = fresh(&Vsfs::default());
        let mut live = Vsfs::default().open(disk.clone()).expect("opens");
        let (a, b) = (Path::of("/d/a"), Path::of("/b"));
        let append = |path: &Path, blocks: u64, fill| FsOp::Append {
            path: path.clone(),
            len: Bytes(blocks * 4096),
            fill: Fill(fill),
        };
        let ops = [
            FsOp::Mkdir(Path::of("/d")),
            FsOp::Create(a.clone()),
            append(&a, 2, 1),
            FsOp::Create(b.clone()),
            append(&b, 1, 2),
            FsOp::Link { from: b, to: Path::of("/c") },
            FsOp::Create(Path::of("/big")),
            append(&Path::of("/big"), 14, 3),
            FsOp::Symlink { target: a, at: Path::of("/s") },
            FsOp::Sync,
        ];
        for op in ops {
            assert_ne!(Vsfs::default().apply(&mut live, &op).expect("works"), Ack::Refused, "{op}");
        }
        Bench { disk, geometry: Geometry::default() }
    }

    pub(super) fn page(&self, block: BlockNo) -> Page {
        let mut page = [0; BLOCK_SIZE];
        self.disk.read(block.at(), &mut page).expect("in range");
        page
    }

    pub(super) fn change(&self, block: BlockNo, change: impl FnOnce(&mut Page)) {
        let mut page = self.page(block);
        change(&mut page);
        self.disk.write(block.at(), &page).expect("in range");
    }

    pub(super) fn find(&self, path: &'static str) -> (InodeNo, Inode) {
        let cache = Cache::new(self.disk.clone(), &self.geometry, Bugs::NONE).expect("fits");
        let mut fs = FileSystem::new(cache, self.geometry, Bugs::NONE);
        let path = Path::of(path);
        let number = match path.split() {
            None => InodeNo::ROOT,
            Some((dir, name)) => {
                let (dir, inode) = fs.resolve(&dir).expect("the directory is there");
                fs.lookup(dir, &inode, name).expect("works").expect("the name is there").inode
            }
        };
        (number, fs.inode(number).expect("in use"))
    }

    pub(super) fn change_inode(&self, path: &'static str, change: impl FnOnce(&mut Inode)) -> InodeNo {
        let (number, mut inode) = self.find(path);
        change(&mut inode);
        let (block, at) = self.geometry.inode_location(number);
        self.change(block, |page| inode.encode(&mut page[at..at + 256]));
        number
    }

    pub(super) fn change_entry(&self, dir: &'static str, name: &str, change: impl FnOnce(&mut Page, usize)) {
        let block = self.find(dir).1.pointers[0];
        self.change(block, |page| {
            let at = dir::entries(page).find(|record| record.name == name.as_bytes()).expect("is there").at;
            change(page, at);
        });
    }

    pub(super) fn image(&self) -> Image {
        let mut bytes = vec![0; self.geometry.device_len().index()];
        self.disk.read(Bytes::ZERO, &mut bytes).expect("in range");
        Image::from_bytes(&bytes)
    }

    /// What fsck repairs. Afterwards a second run finds nothing and changes nothing (FK-00).
    fn fsck(&self) -> (Vec<Repair>, View) {
        self.fsck_as(&Vsfs::default())
    }

    fn fsck_as(&self, system: &Vsfs) -> (Vec<Repair>, View) {
        let mut live = system.open(self.disk.clone()).expect("can be repaired");
        system.check(&mut live).expect("is clean");
        let view = system.view(&mut live).expect("can be read");
        let after = self.image();
        let again = system.open(self.disk.clone()).expect("opens again");
        assert_eq!(again.report().repairs(), []);
        assert!(self.image() == after, "a second run changed something");
        (live.report().repairs().to_vec(), view)
    }
}

fn content(view: &View, path: &str) -> Vec<u8> {
    match view.get(&Path::parse(path).expect("a path")) {
        Some(Node::File { content, .. }) => content.as_slice().to_vec(),
        other => panic!("{path} is {other:?}"),
    }
}

fn text(fill: u8, blocks: u64) -> Vec<u8> {
    Fill(fill).bytes(Bytes::ZERO, Bytes(blocks * 4096))
}

#[test]
fn a_sound_image_is_left_alone() {
    let bench = Bench::new();
    let before = bench.image();
    assert_eq!(bench.fsck().0, []);
    assert!(bench.image() == before);
}

#[test]
fn a_bad_superblock_is_replaced_by_a_copy_and_without_any_nothing_is_written() {
    let bench = Bench::new();
    let (first, second) = (bench.geometry.superblock(GroupNo(0)), bench.geometry.superblock(GroupNo(1)));
    bench.change(first, |page| page[17] ^= 1);
    assert_eq!(bench.fsck().0, [Repair::Superblock(GroupNo(0))]);
    assert_eq!(Geometry::decode(&bench.page(first)), Some(bench.geometry));
    bench.change(second, |page| page.fill(0));
    assert_eq!(bench.fsck().0, [Repair::Superblock(GroupNo(1))]);
    for block in [first, second] {
        bench.change(block, |page| page[0] = 0);
    }
    let before = bench.image();
    assert_eq!(find_geometry(&bench.disk), Err(FsError::NoSuperblock));
    assert!(Vsfs::default().open(bench.disk.clone()).is_err());
    assert!(bench.image() == before);
}

#[test]
fn bitmaps_follow_the_inodes() {
    let bench = Bench::new();
    let (number, inode) = bench.find("/d/a");
    let used = inode.pointers[1];
    let (group, index) = bench.geometry.group_of_block(used);
    let free = (bench.geometry.data(group).end - 1, bench.geometry.blocks_per_group - 1);
    bench.change(bench.geometry.data_bitmap(group), |page| {
        set_bit(page, index, false);
        set_bit(page, free.1, true);
        set_bit(page, 4000, true);
    });
    let (group_of_a, bit_of_a) = bench.geometry.group_of_inode(number);
    bench.change(bench.geometry.inode_bitmap(group_of_a), |page| {
        set_bit(page, bit_of_a, false);
        set_bit(page, 60, true);
    });
    let (repairs, view) = bench.fsck();
    let leaked = InodeNo(group_of_a.0 * bench.geometry.inodes_per_group + 60);
    let mut expected = vec![
        Repair::MarkedInode(number),
        Repair::InodeLeak(leaked),
        Repair::MarkedUsed(used),
        Repair::SpaceLeak(BlockNo(free.0)),
        Repair::StrayBits(group),
    ];
    expected.sort();
    let mut repairs = repairs;
    repairs.sort();
    assert_eq!(repairs, expected);
    assert!(bit(&bench.page(bench.geometry.data_bitmap(group)), index));
    assert_eq!(content(&view, "/d/a"), text(1, 2));
}

#[test]
fn an_inode_of_an_unknown_type_is_cleared() {
    let bench = Bench::new();
    let (number, _) = bench.find("/d/a");
    let (block, at) = bench.geometry.inode_location(number);
    bench.change(block, |page| page[at] = 9);
    let (dir, _) = bench.find("/d");
    let (repairs, view) = bench.fsck();
    assert_eq!(&repairs[..1], [Repair::InvalidInode(number)]);
    assert!(repairs.contains(&Repair::EntryToFreeInode(dir)), "{repairs:?}");
    assert_eq!(view.get(&Path::of("/d/a")), None);
    assert!(matches!(Inode::decode(&bench.page(block)[at..at + 256]), Slot::Free { .. }));
}

#[test]
fn link_counts_follow_the_names() {
    let bench = Bench::new();
    let low = bench.change_inode("/b", |inode| inode.nlink = 1);
    let high = bench.change_inode("/d/a", |inode| inode.nlink = 7);
    let dir = bench.change_inode("/d", |inode| inode.nlink = 3);
    let (mut repairs, _) = bench.fsck();
    repairs.sort();
    let mut expected = [Repair::LinksTooLow(low), Repair::LinksTooHigh(high), Repair::LinksTooHigh(dir)];
    expected.sort();
    assert_eq!(repairs, expected);
}

#[test]
fn a_file_without_a_name_goes_to_lost_and_found_or_is_deleted() {
    let bench = Bench::new();
    let (number, _) = bench.find("/d/a");
    bench.change_entry("/d", "a", dir::remove);
    let (dir, _) = bench.find("/d");
    let image = bench.image();
    let (repairs, view) = bench.fsck();
    assert_eq!(repairs, [Repair::Reattached(number)]);
    assert_eq!(content(&view, &format!("/lost+found/#{}", number.0)), text(1, 2));

    let other = Bench { disk: super::states::on(&image), geometry: bench.geometry };
    let (repairs, view) = other.fsck_as(&Vsfs::default().orphans(Orphans::Delete));
    assert_eq!(repairs, [Repair::Deleted(number)]);
    assert_eq!(view.below(&Path::of("/lost+found")).count(), 0);
    assert_eq!(other.find("/d").0, dir);
}

#[test]
fn a_directory_without_a_name_is_reattached_with_what_it_holds_or_deleted_with_it() {
    let bench = Bench::new();
    let (number, _) = bench.find("/d");
    bench.change_entry("/", "d", dir::remove);
    let image = bench.image();
    let (repairs, view) = bench.fsck();
    let root = Repair::LinksTooHigh(InodeNo::ROOT);
    assert_eq!(repairs, [Repair::Reattached(number), Repair::Dots(number), root]);
    assert_eq!(content(&view, &format!("/lost+found/#{}/a", number.0)), text(1, 2));

    let other = Bench { disk: super::states::on(&image), geometry: bench.geometry };
    let (repairs, _) = other.fsck_as(&Vsfs::default().orphans(Orphans::Delete));
    assert_eq!(
        repairs.iter().filter(|repair| matches!(repair, Repair::Deleted(_))).count(),
        2,
        "{repairs:?}"
    );
}

#[test]
fn a_block_with_two_owners_is_copied_and_both_read_as_before() {
    let bench = Bench::new();
    let shared = bench.find("/b").1.pointers[0];
    let a = bench.change_inode("/d/a", |inode| inode.pointers[1] = shared);
    let mut expected = text(1, 1);
    expected.extend(text(2, 1));
    let (repairs, view) = bench.fsck();
    let copied = repairs.iter().find(|repair| matches!(repair, Repair::CopiedDuplicate(..)));
    assert!(copied.is_some(), "{repairs:?}");
    assert_eq!(content(&view, "/d/a"), expected);
    assert_eq!(content(&view, "/b"), text(2, 1));
    let (after_a, after_b) = (bench.find("/d/a"), bench.find("/b"));
    assert_eq!(after_a.0, a);
    assert_ne!(after_a.1.pointers[1], after_b.1.pointers[0]);
}

#[test]
fn of_two_owners_the_obviously_bad_one_loses_the_block() {
    let bench = Bench::new();
    let shared = bench.find("/big").1.pointers[0];
    let outside = BlockNo(bench.geometry.blocks() + 7);
    let b = bench.change_inode("/b", |inode| {
        inode.pointers[0] = shared;
        inode.pointers[1] = outside;
        inode.size = Bytes(2 * 4096);
    });
    let (repairs, view) = bench.fsck();
    assert!(repairs.contains(&Repair::ClearedDuplicate(b, shared)), "{repairs:?}");
    assert!(repairs.contains(&Repair::BadPointer(b)), "{repairs:?}");
    assert_eq!(content(&view, "/big"), text(3, 14));
}

#[test]
fn a_pointer_out_of_the_data_region_is_cleared_and_nothing_else() {
    let bench = Bench::new();
    let (number, before) = bench.find("/big");
    let indirect = before.pointers[12];
    bench.change(indirect, |page| put_u32(page, 4, 3));
    let (repairs, view) = bench.fsck();
    assert!(repairs.contains(&Repair::BadPointer(number)), "{repairs:?}");
    let mut expected = text(3, 14);
    expected[13 * 4096..].fill(0);
    assert_eq!(content(&view, "/big"), expected);
    assert_eq!(bench.find("/big").1.pointers, before.pointers);
}

#[test]
fn an_indirect_block_that_points_at_itself_ends() {
    let bench = Bench::new();
    let (number, inode) = bench.find("/big");
    let indirect = inode.pointers[12];
    bench.change_inode("/big", |inode| {
        inode.pointers[14] = indirect;
        inode.size = crate::fs::posix::FILE_SIZE_MAX;
    });
    bench.change(indirect, |page| (0..1024).for_each(|at| put_u32(page, at * 4, indirect.0)));
    let (repairs, _) = bench.fsck();
    assert!(repairs.contains(&Repair::BadPointer(number)), "{repairs:?}");
}

#[test]
fn blocks_beyond_the_end_and_impossible_sizes_are_corrected() {
    let bench = Bench::new();
    let big = bench.change_inode("/big", |inode| inode.size = Bytes(13 * 4096));
    let a = bench.change_inode("/d/a", |inode| inode.size = Bytes(u64::MAX));
    let b = bench.change_inode("/b", |inode| inode.nblocks = 40);
    let (repairs, view) = bench.fsck();
    for expected in [Repair::BeyondEnd(big), Repair::Size(a), Repair::BlockCount(b)] {
        assert!(repairs.contains(&expected), "{expected:?} is not in {repairs:?}");
    }
    assert_eq!(content(&view, "/big"), text(3, 13));
    assert_eq!(content(&view, "/d/a"), text(1, 2));
}

#[test]
fn dots_come_first_and_lead_where_they_should() {
    let bench = Bench::new();
    let (number, inode) = bench.find("/d");
    bench.change(inode.pointers[0], |page| {
        let second = dir::entries(page).nth(1).expect("..").at;
        dir::retarget(page, 0, InodeNo(60), FileType::Dir);
        dir::retarget(page, second, number, FileType::Dir);
    });
    let (repairs, view) = bench.fsck();
    assert_eq!(repairs, [Repair::Dots(number), Repair::Dots(number)]);
    assert_eq!(content(&view, "/d/a"), text(1, 2));
}

#[test]
fn dots_say_that_they_lead_to_directories() {
    let bench = Bench::new();
    let (number, inode) = bench.find("/d");
    for at in [7, 12 + 7] {
        bench.change(inode.pointers[0], |page| page[at] = FileType::File as u8);
        let (repairs, view) = bench.fsck();
        assert_eq!(repairs, [Repair::Dots(number)]);
        assert_eq!(content(&view, "/d/a"), text(1, 2));
    }
}

#[test]
fn entries_to_nothing_bad_names_and_repeated_names_are_removed() {
    let bench = Bench::new();
    let (file, _) = bench.find("/b");
    let root = bench.find("/").1.pointers[0];
    bench.change(root, |page| {
        assert!(dir::insert(page, b"ghost", InodeNo(50), FileType::File));
        assert!(dir::insert(page, b"far", InodeNo(5000), FileType::File));
        assert!(dir::insert(page, b"a/b", file, FileType::File));
        assert!(dir::insert(page, b"c", file, FileType::File));
    });
    let (mut repairs, _) = bench.fsck();
    repairs.sort();
    let (bad, free) = (Repair::BadName(InodeNo::ROOT), Repair::EntryToFreeInode(InodeNo::ROOT));
    assert_eq!(repairs, [bad, bad, free, free]);
}

#[test]
fn a_directory_keeps_one_name() {
    let bench = Bench::new();
    let (dir, _) = bench.find("/d");
    let home = bench.find("/lost+found").1.pointers[0];
    bench.change(home, |page| assert!(dir::insert(page, b"again", dir, FileType::Dir)));
    let (repairs, view) = bench.fsck();
    assert_eq!(repairs, [Repair::SecondParent(dir)]);
    assert_eq!(view.get(&Path::of("/d")), Some(&Node::Dir));
}

#[test]
fn a_broken_directory_block_costs_only_the_names_behind_the_damage() {
    let bench = Bench::new();
    let (file, _) = bench.find("/s");
    bench.change_entry("/", "s", |page, at| page[at + 4..at + 6].fill(0xff));
    let (repairs, view) = bench.fsck();
    assert_eq!(repairs, [Repair::BrokenDirectory(InodeNo::ROOT), Repair::Reattached(file)]);
    assert_eq!(content(&view, "/big"), text(3, 14));
}

#[test]
fn a_lost_root_is_made_again_and_everything_is_found_under_lost_and_found() {
    let bench = Bench::new();
    let (dir, _) = bench.find("/d");
    let (block, at) = bench.geometry.inode_location(InodeNo::ROOT);
    bench.change(block, |page| page[at] = 77);
    let (repairs, view) = bench.fsck();
    assert!(repairs.contains(&Repair::MadeDirectory(InodeNo::ROOT)), "{repairs:?}");
    assert_eq!(content(&view, &format!("/lost+found/#{}/a", dir.0)), text(1, 2));
}

#[test]
fn any_damage_ends_in_a_clean_file_system_or_a_refusal() {
    let sound = Bench::new().image();
    let geometry = Geometry::default();
    let tables = geometry.group_numbers().flat_map(|group| geometry.inode_table(group));
    let heads = geometry.group_numbers().map(|group| geometry.data_bitmap(group));
    let data = geometry.group_numbers().flat_map(|group| geometry.data(group).take(24).map(BlockNo));
    let blocks: Vec<BlockNo> = tables.chain(heads).chain(data).collect();
    let mut seed = 7_u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for _ in 0..1500 {
        let bench = Bench { disk: super::states::on(&sound), geometry };
        for _ in 0..1 + next(6) {
            let block = blocks[next(blocks.len())];
            let (at, value) = (next(BLOCK_SIZE / 8) * if next(2) == 0 { 1 } else { 8 }, next(256) as u8);
            bench.change(block, |page| page[at] = value);
        }
        let _ = bench.fsck();
    }
}
