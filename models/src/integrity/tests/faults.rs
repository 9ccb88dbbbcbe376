//! Members that say nothing and are wrong, one fault at a time, and what becomes of it.

use super::*;
use format::{Generation, Identity};

/// A volume of three blocks that lie next to each other, written three times.
struct Bench {
    disk: Disk,
    /// Where the middle one lies.
    place: Place,
    /// What each member held there two commits ago: a whole block, with its own identity.
    before: [Vec<u8>; 2],
}

impl Bench {
    fn new(layer: Integrity) -> Bench {
        let disk = formatted(layer, 16);
        let mut live = opened(layer, &disk);
        write(&mut live, 1, 0..3);
        let places = [0, 1, 2].map(|block| place(live.pointer(block)));
        assert_eq!([places[0].0 + 1, places[1].0 + 1], [places[1].0, places[2].0], "neighbours");
        let before = Member::BOTH.map(|on| raw(&disk, on, places[1]));
        // What is overwritten goes elsewhere, and the next time back to what is free by then.
        (2..=3).for_each(|fill| write(&mut live, fill, 0..3));
        assert_eq!([0, 1, 2].map(|block| place(live.pointer(block))), places, "the lowest places are taken");
        Bench { disk, place: places[1], before }
    }

    /// Where the block behind the middle one lies.
    fn next(&self) -> Place {
        Place(self.place.0 + 1)
    }

    /// The write of the middle block went to the next one instead.
    fn misdirect(&self, on: Member) {
        put(&self.disk, on, self.next(), &raw(&self.disk, on, self.place));
        self.lose(on);
    }

    /// The write of the middle block never reached the medium.
    fn lose(&self, on: Member) {
        put(&self.disk, on, self.place, &self.before[usize::from(on.0)]);
    }
}

/// DI-02, DI-04, HM-12, HM-13: a flipped bit of one member, wherever it is in the block, is made up for by the other
/// and written anew.
#[test]
fn a_flipped_bit_is_repaired() {
    for on in Member::BOTH {
        for bit in [0, 12_345, BLOCK_SIZE * 8 + 3, FORMATTED * 8 - 1] {
            let Bench { disk, place, .. } = Bench::new(Integrity::default());
            let good = raw(&disk, on, place);
            flip(&disk, on, place, bit);
            let mut live = opened(Integrity::default(), &disk);
            assert_eq!(live.read_block(1), Ok(page(3, 1)));
            live.scrub().expect("one good copy");
            assert_eq!(live.met(), Met { corrupt: 1, repaired: 1, ..Met::default() }, "bit {bit}");
            assert_eq!(raw(&disk, on, place), good);
        }
    }
}

/// DI-02, HM-15: what neither member has is an error that says why, and nothing is returned.
#[test]
fn two_bad_copies_are_an_error() {
    let Bench { disk, place, .. } = Bench::new(Integrity::default());
    flip(&disk, Member(0), place, 1);
    put(&disk, Member(1), place, &[0; FORMATTED]);
    let mut live = opened(Integrity::default(), &disk);
    let error = refused(&mut live, 1);
    assert!(error.contains("on member 0 it does not have its checksum"), "{error}");
    assert!(error.contains("on member 1 it does not have its checksum"), "{error}");
    assert_eq!(live.read_block(2), Ok(page(3, 2)), "the others are there");
    flip(&disk, Member(1), Place(place.0 + 1), 3);
    assert!(live.scrub().is_err() && live.check().is_err());
    assert_eq!(live.met().repaired, 1, "the rest is scrubbed nevertheless");
    write(&mut live, 4, 1..2);
    assert_eq!(live.read_block(1), Ok(page(4, 1)), "what is written anew is there");
}

/// HM-12, RD-18: without comparing, a mirror returns what rotted.
#[test]
fn an_unchecked_mirror_returns_what_rotted() {
    let layer = with("read-unchecked");
    let Bench { disk, place, .. } = Bench::new(layer);
    Member::BOTH.into_iter().for_each(|on| flip(&disk, on, place, 5));
    assert_ne!(opened(layer, &disk).read_block(1), Ok(page(3, 1)));
}

/// DI-06, M28: a right checksum with the wrong identity is a fault at the victim, and what the write left behind is one
/// at the place it was meant for.
#[test]
fn a_misdirected_write_is_repaired_at_both_places() {
    for on in Member::BOTH {
        let bench = Bench::new(Integrity::default());
        bench.misdirect(on);
        let mut live = opened(Integrity::default(), &bench.disk);
        let scrubbed = live.scrub().expect("one good copy of each");
        let meant = Identity { member: on, place: bench.place };
        assert_eq!(
            scrubbed.bad,
            [(on, bench.place, Fault::Stale), (on, bench.next(), Fault::Misplaced(meant))]
        );
        assert_eq!(live.met(), Met { stale: 1, misplaced: 1, repaired: 2, ..Met::default() });
        assert_eq!((live.read_block(1), live.read_block(2)), (Ok(page(3, 1)), Ok(page(3, 2))));
    }
}

/// DI-06: if both members misdirect the write, both places are errors.
#[test]
fn a_write_that_both_members_misdirected_is_an_error_at_both_places() {
    let bench = Bench::new(Integrity::default());
    Member::BOTH.into_iter().for_each(|on| bench.misdirect(on));
    let mut live = opened(Integrity::default(), &bench.disk);
    assert!(refused(&mut live, 1).contains("it is not what was written last"));
    let error = refused(&mut live, 2);
    assert!(error.contains(&format!("it was written for block {} of member 0", bench.place.0)), "{error}");
}

/// DI-06, M28: a checksum without identity believes both places; with the identity, it still believes the place that the
/// write was meant for (DI-07).
#[test]
fn a_misdirected_write_is_believed_without_identity_and_parent() {
    let shown = |bug: &str| {
        let bench = Bench::new(with(bug));
        Member::BOTH.into_iter().for_each(|on| bench.misdirect(on));
        let mut live = opened(with(bug), &bench.disk);
        [live.read_block(1), live.read_block(2)].map(Result::ok)
    };
    assert_eq!(shown("no-physical-id"), [Some(page(1, 1)), Some(page(3, 1))]);
    assert_eq!(shown("no-parent-checksum"), [Some(page(1, 1)), None]);
}

/// DI-07: a lost write leaves what was right once, which the checksum in the block above tells, and no other.
#[test]
fn a_lost_write_is_found_by_the_parent_alone() {
    for on in Member::BOTH {
        let bench = Bench::new(Integrity::default());
        bench.lose(on);
        let mut live = opened(Integrity::default(), &bench.disk);
        assert_eq!(live.scrub().expect("one good copy").bad, [(on, bench.place, Fault::Stale)]);
        assert_eq!(live.read_block(1), Ok(page(3, 1)));

        let layer = with("no-parent-checksum");
        let bench = Bench::new(layer);
        bench.lose(on);
        let mut live = opened(layer, &bench.disk);
        assert_eq!(live.scrub().expect("copies that look good").bad, []);
        let read_first = Member((bench.place.0 % 2) as u8);
        let expected = if on == read_first { 1 } else { 3 };
        assert_eq!(
            live.read_block(1),
            Ok(page(expected, 1)),
            "old content from the member that is read first"
        );
    }
}

/// DI-07: if both members lose the write, that is an error and not the old content.
#[test]
fn a_write_that_both_members_lost_is_an_error() {
    let bench = Bench::new(Integrity::default());
    Member::BOTH.into_iter().for_each(|on| bench.lose(on));
    let error = refused(&mut opened(Integrity::default(), &bench.disk), 1);
    assert!(error.contains("it is not what was written last"), "{error}");
}

/// DI-04: the direction of a repair matters.
#[test]
fn a_repair_in_the_wrong_direction_loses_the_good_copy() {
    let layer = with("repair-backwards");
    let Bench { disk, place, .. } = Bench::new(layer);
    flip(&disk, Member((place.0 % 2) as u8), place, 7);
    let mut live = opened(layer, &disk);
    assert_eq!(live.read_block(1), Ok(page(3, 1)), "the first read still has it");
    assert!(live.read_block(1).is_err());
}

/// DI-08: one pass of a scrub finds a fault in every block of everything, on either member, and leaves none. Reads alone
/// would not look at the second copies.
#[test]
fn one_scrub_finds_every_latent_fault() {
    let Bench { disk, .. } = Bench::new(Integrity::default());
    let mut live = opened(Integrity::default(), &disk);
    let places: Vec<Place> =
        live.map.pointers().into_iter().map(place).chain([live.generation().place()]).collect();
    assert_eq!(places.len(), 6, "a root, two map blocks and three blocks of data");
    for (nth, place) in places.iter().enumerate() {
        flip(&disk, Member(nth as u8 % 2), *place, 1000 + nth);
    }
    let scrubbed = live.scrub().expect("one good copy of each");
    assert_eq!((scrubbed.copies, scrubbed.bad.len()), (12, 6));
    assert_eq!(live.audit().expect("all is good").bad, []);
    assert_eq!(live.check(), Ok(()));
}

/// DI-08: a scrub that does not write back finds the same again.
#[test]
fn a_scrub_that_does_not_write_back_leaves_the_fault() {
    let layer = with("scrub-read-only");
    let Bench { disk, place, .. } = Bench::new(layer);
    let second = Member((place.0 + 1) as u8 % 2);
    flip(&disk, second, place, 9);
    let mut live = opened(layer, &disk);
    assert_eq!(live.scrub().expect("one good copy").bad, [(second, place, Fault::Corrupt)]);
    let error = live.check().expect_err("it is still there").to_string();
    assert!(error.contains("was left bad by a scrub"), "{error}");
}

/// DI-09: data without the checksum that belongs to it is what the old checksum leads past. In place it is gone.
#[test]
fn data_without_its_checksum_is_not_a_loss() {
    for (layer, survives) in [(Integrity::default(), true), (with("checksum-in-place"), false)] {
        let disk = formatted(layer, 16);
        let mut live = opened(layer, &disk);
        write(&mut live, 1, 0..1);
        live.write_block(0, &page(2, 0), "data").expect("room");
        // The power fails here: the data is on the members, and what leads to it is not.
        drop(live);
        let mut live = opened(layer, &disk);
        match survives {
            true => assert_eq!(live.read_block(0), Ok(page(1, 0))),
            false => assert!(refused(&mut live, 0).contains("it is not what was written last")),
        }
    }
}

/// DI-07: a root that one member has not got is written to it, so that what was shown once is not taken back.
#[test]
fn a_root_of_one_member_is_given_to_the_other() {
    let Bench { disk, .. } = Bench::new(Integrity::default());
    let live = opened(Integrity::default(), &disk);
    let (root, place) = (live.root(), live.generation().place());
    put(&disk, Member(0), place, &[0; FORMATTED]);
    let live = opened(Integrity::default(), &disk);
    assert_eq!((live.root(), live.met().repaired), (root, 1));
    put(&disk, Member(1), place, &[0; FORMATTED]);
    assert_eq!(opened(Integrity::default(), &disk).root(), root);
}

/// The root before the newest leads to a whole volume as well, as long as nothing was written since.
#[test]
fn without_generation_an_old_root_is_as_good_as_the_newest() {
    let Bench { disk, .. } = Bench::new(Integrity::default());
    let mut live = opened(Integrity::default(), &disk);
    assert_eq!(live.generation(), Generation(4), "two roots of a new volume, and three commits");
    write(&mut live, 4, 1..2);
    let shown = |layer| {
        let mut live = opened(layer, &disk);
        (live.generation(), live.read_block(1).expect("a good copy"))
    };
    assert_eq!(shown(Integrity::default()), (Generation(5), page(4, 1)));
    assert_eq!(shown(with("root-without-generation")), (Generation(4), page(3, 1)));
}

#[test]
fn members_that_were_never_formatted_are_refused() {
    let layer = Integrity::default();
    let disk = Disk::plain(&layer.devices(Integrity::CAPACITY));
    let error = layer.open(disk).map(|_| ()).expect_err("no root").to_string();
    assert!(error.starts_with("no member has a root"), "{error}");
}
