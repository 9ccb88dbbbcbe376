//! What the check of a volume refuses, each by a hand that has broken one thing, and that it changes nothing.

use super::*;
use format::{FANOUT, Generation, Geometry, Identity, POINTER_SIZE, Root, content, seal};

/// A volume of three blocks, at commit 4.
fn volume() -> (Disk, Live) {
    let disk = formatted(Integrity::default(), 16);
    let mut live = opened(Integrity::default(), &disk);
    (1..=3).for_each(|fill| write(&mut live, fill, 0..3));
    (disk, live)
}

/// Puts a content into a block of a member, sealed as it should be.
fn put_whole(disk: &Disk, on: Member, at: u32, page: &Page) {
    let place = Place(at);
    put(disk, on, place, &seal(page, Some(Identity { member: on, place }), Checksum::Crc32c));
}

/// Puts a root into a block of a member.
fn put_root(disk: &Disk, on: Member, at: u32, generation: u64, of: Root) {
    put_whole(disk, on, at, &Root { generation: Generation(generation), ..of }.encode());
}

/// Changes the pointers to the data, with all that adds them up.
fn remap(disk: &Disk, live: &Live, change: impl Fn(&mut Page)) {
    let root = live.root();
    let map_at = |place: Place| content(&raw(disk, Member(0), place).try_into().expect("a block"));
    let mut upper = map_at(root.top.place);
    let at = live.map.pointer_to(0, 0).place;
    let mut map = map_at(at);
    change(&mut map);
    upper[4..POINTER_SIZE].copy_from_slice(&Checksum::Crc32c.of(&map).0.to_le_bytes());
    let top = Pointer { place: root.top.place, sum: Checksum::Crc32c.of(&upper) };
    for on in Member::BOTH {
        put_whole(disk, on, at.0, &map);
        put_whole(disk, on, top.place.0, &upper);
        put_root(disk, on, root.generation.place().0, root.generation.0, Root { top, ..root });
    }
}

fn copy_pointer(map: &mut Page, from: usize, to: usize) {
    map.copy_within(from * POINTER_SIZE..(from + 1) * POINTER_SIZE, to * POINTER_SIZE);
}

fn no_pointer(map: &mut Page, nth: usize) {
    map[nth * POINTER_SIZE..(nth + 1) * POINTER_SIZE].fill(0);
}

type Break = fn(&Disk, &mut Live);

const ROOTS_WRONG: [(&str, Break); 5] = [
    ("member 0 has root 4 at block 0, member 1 does not: it does not have its checksum", |disk, _| {
        put(disk, Member(1), Place(0), &[0; FORMATTED]);
    }),
    ("member 0 has root 4 at block 0, member 1 has root 2 there", |disk, live| {
        put_root(disk, Member(1), 0, 2, live.root());
    }),
    ("member 1 has root 2 at block 1", |disk, live| put_root(disk, Member(1), 1, 2, live.root())),
    ("members 0 and 1 have different roots 4", |disk, live| {
        put_root(disk, Member(1), 0, 4, Root { top: Pointer::NONE, ..live.root() });
    }),
    ("root 3 of member 0 is that of another volume", |disk, live| {
        let geometry = Geometry::of(17).expect("a small volume");
        put_root(disk, Member(0), 1, 3, Root { geometry, ..live.root() });
    }),
];

const MAP_WRONG: [(&str, Break); 7] = [
    ("belongs to two blocks", |disk, live| remap(disk, live, |map| copy_pointer(map, 0, 2))),
    ("block 1 is no place for data", |disk, live| remap(disk, live, |map| map[0] = 1)),
    ("leads beyond the volume", |disk, live| remap(disk, live, |map| copy_pointer(map, 2, FANOUT - 1))),
    ("holds no pointer", |disk, live| remap(disk, live, |map| (0..3).for_each(|nth| no_pointer(map, nth)))),
    ("the volume looks for its block 3 in block 0", |disk, live| {
        remap(disk, live, |map| {
            copy_pointer(map, 2, 3);
            no_pointer(map, 2);
        });
    }),
    ("the volume has 3 blocks that lie somewhere, its map 2", |disk, live| {
        remap(disk, live, |map| no_pointer(map, 1));
    }),
    (
        "has no good copy: on member 0 it does not have its checksum, on member 1 the block is",
        |disk, live| {
            let place = live.pointer(1).place;
            flip(disk, Member(0), place, 7);
            put(disk, Member(1), place, &raw(disk, Member(1), Place(place.0 + 1)));
        },
    ),
];

const MEMORY_WRONG: [(&str, Break); 3] = [
    ("the volume is at commit 6, but its newest root is 4", |_, live| live.generation = Generation(6)),
    ("is not free, but nothing leads there", |_, live| {
        assert!(live.space.allocate().is_some());
    }),
    ("is free, but the map leads there", |_, live| {
        let place = live.pointer(0).place;
        live.space.release(place);
        live.space.commit();
    }),
];

#[test]
fn whatever_is_broken_is_told() {
    for (words, broken) in ROOTS_WRONG.into_iter().chain(MAP_WRONG).chain(MEMORY_WRONG) {
        let (disk, mut live) = volume();
        assert_eq!(live.check(), Ok(()), "{words}");
        broken(&disk, &mut live);
        let told = live.check().expect_err(words).to_string();
        let words = words.replace("the block is", "it was written for");
        assert!(told.contains(&words), "{told}, not {words}");
    }
}

/// DI-08: one bad copy is a scrub's to put right. That it would is tried, and what was tried is nowhere afterwards.
#[test]
fn one_bad_copy_is_well_and_stays_as_it_is() {
    let (disk, live) = volume();
    let members = || Member::BOTH.map(|on| (0..20).map(|at| raw(&disk, on, Place(at))).collect::<Vec<_>>());
    for on in Member::BOTH {
        flip(&disk, on, live.pointer(u64::from(on.0)).place, 12);
        let before = members();
        assert_eq!(live.check(), Ok(()));
        assert_eq!(members(), before);
    }
    assert_eq!(live.met(), Met::default());
}

/// Its sums are its own, and are those of the volume for each kind.
#[test]
fn volumes_with_any_kind_of_checksums_are_read() {
    for kind in Checksum::ALL {
        let layer = Integrity::default().with_checksum(kind);
        let disk = formatted(layer, 600);
        let mut live = opened(layer, &disk);
        write(&mut live, 1, 0..3);
        write(&mut live, 2, 510..515);
        assert_eq!(live.check(), Ok(()), "{kind:?}");
        live.write_block(2, &page(3, 2), "data").expect("room");
        assert_eq!(live.check(), Ok(()), "what is not committed is nowhere: {kind:?}");
    }
}
