//! Members that are lost, come back, cannot read a block or lie (RD-15 to RD-19, HM-11 to HM-15, DI-04, DI-08).

use super::bench::{Bench, redundant, roles};
use crate::raid::Scrubbed;
use crate::raid::format::{Policy, UNIT};
use crate::raid::geometry::{Level, Role, Row};
use crashcheck::{BlockDevice, Bytes};

/// RD-15: a lost member of RAID-0 takes its blocks with it, and no others.
#[test]
fn striping_loses_what_was_on_the_member() {
    let bench = Bench::full(Level::Striped, 4, Policy::Nothing, 0);
    let mut array = bench.open().expect("all members are well");
    bench.lose(2);
    let read = bench.compare(&mut array);
    for (block, read) in read.iter().enumerate() {
        assert_eq!(read.is_err(), block % 4 == 2, "block {block}: {read:?}");
        assert_ne!(*read, Ok(false));
    }
    drop(array);
    let error = bench.open().err().expect("must be refused").to_string();
    assert!(error.contains("members 2 are lost"), "{error}");
}

/// RD-16, RD-17: what a level survives it survives with any members, in service and at the start; beyond that it says
/// so, and never shows garbage.
#[test]
fn every_set_of_lost_members_is_survived_or_an_error() {
    let mut benches = redundant();
    benches.push(Bench::full(Level::Mirrored, 6, Policy::Bitmap, 0));
    for bench in benches {
        let geometry = bench.geometry();
        for set in 0..1u32 << geometry.members {
            let lost: Vec<Role> = roles(&bench).into_iter().filter(|role| set >> role.0 & 1 == 1).collect();
            if lost.len() > 3 {
                continue;
            }
            let certain = lost.len() <= geometry.level.tolerates();
            assert!(!certain || geometry.survives(&lost), "{lost:?} of {geometry:?}");
            let fresh = Bench { model: bench.model.clone(), ..copy(&bench) };
            let mut serving = fresh.open().expect("all members are well");
            lost.iter().for_each(|role| fresh.lose(role.0));
            let errors = fresh.assert_no_garbage(&mut serving);
            assert_eq!(errors == 0, geometry.survives(&lost), "{lost:?} of {geometry:?}");
            drop(serving);
            match fresh.open() {
                Ok(mut array) => {
                    assert!(geometry.survives(&lost), "{lost:?} of {geometry:?}");
                    fresh.assert_right(&mut array);
                }
                Err(error) => assert!(!geometry.survives(&lost), "{lost:?} of {geometry:?}: {error}"),
            }
        }
    }
}

/// The same devices once more, to be spoilt.
fn copy(bench: &Bench) -> Bench {
    let device = |device: u8| {
        let bytes = bench.device(device).bytes.clone();
        std::sync::Arc::new(std::sync::Mutex::new(super::bench::Faulty { bytes, ..Default::default() }))
    };
    Bench {
        superblock: bench.superblock.clone(),
        devices: (0..bench.superblock.devices).map(device).collect(),
        model: bench.model.clone(),
    }
}

/// HM-11, HM-14: a lost member is noticed, the others remember it, and it is not trusted when it comes back.
#[test]
fn a_member_that_comes_back_is_not_trusted() {
    for mut bench in redundant() {
        let mut array = bench.open().expect("all members are well");
        let events = array.events();
        bench.lose(1);
        bench.assert_right(&mut array);
        for block in 0..bench.model.len() as u64 {
            bench.write(&mut array, block, 100 + block as u8).expect("degraded");
        }
        array.flush().expect("degraded");
        assert!(array.events() > events, "{:?}", bench.geometry());
        drop(array);
        bench.device(1).lost = false;
        let mut array = bench.open().expect("it is back");
        bench.assert_right(&mut array);
    }
}

/// HM-13, DI-04: a block that cannot be read is computed from the others and written again.
#[test]
fn an_unreadable_block_is_put_right() {
    for bench in redundant() {
        for role in roles(&bench) {
            for row in (0..bench.geometry().rows).map(Row) {
                bench.damage(role.0, row);
                let mut array = bench.open().expect("all members are there");
                let before = bench.unit(role.0, row);
                bench.assert_right(&mut array);
                array.scrub().expect("all members are there");
                assert!(
                    bench.device(role.0).unreadable.is_empty(),
                    "{role:?} {row:?} {:?}",
                    bench.geometry()
                );
                assert_eq!(bench.unit(role.0, row), before);
            }
        }
        for block in 0..bench.superblock.data_at().0 / UNIT as u64 {
            for device in 0..bench.superblock.devices {
                bench.device(device).unreadable.insert(block);
                let mut array = bench.open().expect("metadata has copies");
                bench.assert_right(&mut array);
                bench.device(device).unreadable.clear();
            }
        }
    }
}

/// RD-17: an unreadable block beside a lost member is one too many.
#[test]
fn two_faults_of_a_row_are_an_error() {
    let bench = Bench::full(Level::RotatedParity, 4, Policy::Bitmap, 0);
    let mut array = bench.open().expect("all members are there");
    bench.lose(0);
    bench.damage(1, Row(0));
    let errors = bench.assert_no_garbage(&mut array);
    assert!((1..=2).contains(&errors), "{errors}");
}

/// RD-18: parity and mirrors believe what a member says. A scrub finds that something is wrong, and only a Hamming code
/// tells what.
#[test]
fn silent_corruption_is_seen_by_a_scrub_alone() {
    for bench in redundant() {
        let geometry = bench.geometry();
        let mut array = bench.open().expect("all members are there");
        let (victim, row) = (geometry.role(Row(0), 0), Row(0));
        let at = bench.at(row);
        bench.device(victim.0).bytes[at + 7] ^= 0x10;
        let wrong = |bench: &Bench, array: &mut _| bench.compare(array).contains(&Ok(false));
        assert!(
            wrong(&bench, &mut array) || wrong(&bench, &mut array),
            "a wrong block is shown: {geometry:?}"
        );
        let found = array.scrub().expect("all members are there");
        assert!(found.mismatches > 0, "{geometry:?}");
        assert_eq!(array.verify().expect("all members are there").mismatches, 0);
        if geometry.level == Level::Hamming {
            assert_eq!(found.located, 1);
            bench.assert_right(&mut array);
        } else {
            assert_eq!(found.located, 0);
            assert!(wrong(&bench, &mut array), "nothing tells which unit was wrong: {geometry:?}");
        }
    }
}

/// RD-05: a Hamming code corrects any single bit, of data or check.
#[test]
fn a_hamming_code_corrects_a_bit_of_any_member() {
    let bench = Bench::full(Level::Hamming, 7, Policy::Journal, 0);
    for role in roles(&bench) {
        let at = bench.at(Row(2)) + 100;
        let mut array = bench.open().expect("all members are there");
        let before = bench.unit(role.0, Row(2));
        bench.device(role.0).bytes[at] ^= 0x81;
        let Scrubbed { located, mismatches, .. } = array.scrub().expect("all members are there");
        assert!(located == 1 && mismatches > 0, "{role:?}");
        assert_eq!(bench.unit(role.0, Row(2)), before, "{role:?}");
        bench.assert_right(&mut array);
    }
}

/// DI-08: one pass of background work meets every latent fault.
#[test]
fn background_work_finds_latent_faults() {
    let bench = Bench::full(Level::RotatedParity, 4, Policy::Bitmap, 0);
    (0..4).for_each(|device| bench.damage(device, Row(u64::from(device))));
    let mut array = bench.open().expect("all members are there");
    (0..bench.geometry().rows).for_each(|_| array.work().expect("all members are there"));
    assert!((0..4).all(|device| bench.device(device).unreadable.is_empty()));
    bench.assert_right(&mut array);
}

/// RD-19: a spare takes over while the array serves; afterwards the parity holds, and any member may be lost.
#[test]
fn a_spare_is_rebuilt_while_the_array_serves() {
    for mut bench in redundant() {
        let geometry = bench.geometry();
        let spare = geometry.members;
        let mut array = bench.open().expect("all members are there");
        bench.lose(1);
        bench.assert_right(&mut array);
        assert_eq!(array.degraded(), [Role(1)]);
        let blocks = bench.model.len() as u64;
        for step in 0..geometry.rows {
            array.work().expect("one member is lost");
            bench.write(&mut array, step % blocks, 50 + step as u8).expect("one member is lost");
            bench.write(&mut array, blocks - 1 - step % blocks, 90 + step as u8).expect("one member is lost");
            // A crash in the middle, after a flush: the rebuild goes on where it was.
            array.flush().expect("one member is lost");
            drop(array);
            array = bench.open().expect("one member is lost");
            bench.assert_right(&mut array);
        }
        while !array.degraded().is_empty() {
            array.work().expect("one member is lost");
        }
        assert_eq!(array.verify().expect("rebuilt").mismatches, 0, "{geometry:?}");
        bench.assert_right(&mut array);
        array.flush().expect("rebuilt");
        drop(array);
        for lost in (0..=spare).filter(|device| *device != 1) {
            let fresh = copy(&bench);
            fresh.lose(1);
            fresh.lose(lost);
            fresh.assert_right(&mut fresh.open().expect("redundant again"));
        }
    }
}

/// The spare itself may be lost, idle or in the middle of the rebuild.
#[test]
fn a_lost_spare_costs_nothing() {
    for bench in redundant() {
        let spare = bench.geometry().members;
        for begun in [false, true] {
            let fresh = copy(&bench);
            let mut array = fresh.open().expect("all members are there");
            array.fail_member(Role(0)).expect("one member may fail");
            if begun {
                array.work().expect("there is a spare");
            }
            fresh.lose(spare);
            let _ = array.work();
            fresh.assert_right(&mut array);
            array.flush().expect("one member may fail");
            drop(array);
            fresh.assert_right(&mut fresh.open().expect("one member may fail"));
        }
    }
}

/// HM-15: what the array says it holds is what was written last, or an error, over members that fail one by one.
#[test]
fn a_write_that_fails_says_so() {
    let mut bench = Bench::full(Level::RotatedParity, 4, Policy::Bitmap, 0);
    let mut array = bench.open().expect("all members are there");
    bench.lose(0);
    bench.lose(2);
    let blocks = bench.model.len() as u64;
    let failed = (0..blocks).filter(|block| bench.write(&mut array, *block, 200).is_err()).count();
    assert_eq!(failed as u64, blocks);
    assert!(array.read(Bytes(0), &mut vec![0; bench.model.len() * UNIT]).is_err());
}
