//! Crash states of arrays: the parity after recovery, and the write hole in words. That the correct arrays lose nothing
//! and every fault is found is in `tests/explored`.

use crate::fs::{Fill, FsOp, Path};
use crate::journal::{Journal, Ordered};
use crate::raid::{
    Raid, Raid0, Raid1, Raid1Degraded, Raid2, Raid3, Raid4, Raid5, Raid5Degraded, Raid5Journal,
    Raid5JournalDegraded, Variant,
};
use crate::volume::workloads::{FLUSH, write};
use crate::volume::{Layer, Stack, Volume, VolumeOp, base};
use crate::vsfs::Vsfs;
use crashcheck::outcome::{Exploration, Verdict};
use crashcheck::{Budget, Bytes, Profile, Reference, System, explore};
use std::collections::BTreeSet;

fn under(profile: &str) -> Profile {
    Profile::named(profile).expect("a built-in profile")
}

fn sound<V: Variant>(lives: u8) {
    for workload in Volume::<Raid<V>>::workloads() {
        let explorer = explore(Volume::<Raid<V>>::default()).profile(under("reorder")).lives(lives);
        let explorer = explorer.budget(Budget { states: Some(400), ..Budget::default() });
        let exploration = explorer.workload(workload.ops).after(workload.setup).run().expect("works");
        assert!(
            exploration.findings.is_empty(),
            "{} {}: {:#?}",
            V::NAME,
            workload.name,
            exploration.findings
        );
        assert_eq!(exploration.verdict, Verdict::Survived);
    }
}

/// RD-22, RD-09: after recovery every equation adds up to zero, also if recovery crashed and no member fails.
#[test]
fn the_parity_holds_after_every_recovery() {
    for lives in [1, 2] {
        sound::<Raid1>(lives);
        sound::<Raid3>(lives);
        sound::<Raid4>(lives);
        sound::<Raid5>(lives);
        sound::<Raid5Journal>(lives);
    }
    sound::<Raid2>(1);
}

fn faulty<V: Variant>(bug: &str, profile: &str, ops: Vec<VolumeOp>) -> Exploration {
    let layer = Raid::<V>::with_bugs(&[bug.to_owned()]).expect("a fault of this level");
    let explorer = explore(Volume::new(layer)).profile(under(profile)).lives(1);
    explorer.workload(ops).after([write(0, 12, 1), FLUSH]).run().expect("works without a crash")
}

/// RD-20: the victims are blocks that nobody wrote, the error is what changed beside them, and the finding says so.
#[test]
fn the_write_hole_is_told_in_words() {
    let found = faulty::<Raid5>("no-resync", "member-loss", vec![write(4, 1, 2), FLUSH]);
    assert_eq!(found.verdict, Verdict::Lost);
    let details: Vec<&str> = found.findings.iter().map(|finding| &*finding.detail).collect();
    println!("{details:#?}");
    let told = ["redundant", "well-formed"];
    assert!(found.findings.iter().all(|finding| told.contains(&&*finding.promise)), "{details:?}");
    let victim = |block: u64| {
        let words = format!(
            "write hole: block {block}, which no operation had written, reads as its content XOR (old XOR new content of block 4, \
             operation 1), after member "
        );
        details.iter().any(|detail| detail.starts_with(&words))
    };
    assert!(victim(3) || victim(5), "{details:?}");
    assert!(details.iter().any(|detail| detail.contains("stripe 1 had ")), "{details:?}");
}

/// RD-20 by hand: of the two writes of a small write, either alone makes the others wrong by exactly that XOR.
#[test]
fn either_half_of_a_small_write_makes_the_others_wrong_by_what_changed() {
    use super::bench::Bench;
    use crate::raid::format::{Policy, UNIT};
    use crate::raid::geometry::Level;
    use crate::raid::parity::xor_all;
    for half in ["data", "parity"] {
        let mut bench = Bench::full(Level::RotatedParity, 4, Policy::Bitmap, 0);
        let mut array = bench.open().expect("all members are well");
        let place = bench.geometry().place(4);
        let (data, parity) =
            (bench.geometry().role(place.row, place.column), bench.geometry().parity(place.row));
        let parity = parity.expect("a parity");
        let (old, lost) = (bench.model[4].clone(), if half == "data" { parity } else { data });
        let before = bench.unit(lost.0, place.row);
        bench.write(&mut array, 4, 99).expect("all members are well");
        let (new, at) = (bench.model[4].clone(), bench.at(place.row));
        bench.device(lost.0).bytes[at..at + UNIT].copy_from_slice(&before);
        let change = xor_all([&*old, &*new]);
        for column in 0..3 {
            let role = bench.geometry().role(place.row, column);
            let block = bench.geometry().block(place.row, column) as usize;
            let got =
                array.solve(role, place.row, 0..UNIT, &[role]).expect("three are left").expect("a unit");
            let held = bench.unit(role.0, place.row);
            assert_eq!(got, xor_all([&*held, &*change]), "block {block} with the {half} alone");
        }
    }
}

/// RD-21: the copies of a mirror may differ after a crash; each holds what was there or what was written, and recovery
/// makes them equal.
#[test]
fn mirrors_flap_until_they_are_resynchronised() {
    let found = faulty::<Raid1>("no-resync", "member-loss", vec![write(0, 1, 2), FLUSH]);
    assert!(found.findings.iter().any(|finding| finding.promise == "redundant"), "{:#?}", found.findings);
    let of_block = |detail: &str| detail.contains("block 0 ") || detail.contains("a mark on stripe 0");
    assert!(found.findings.iter().all(|finding| of_block(&finding.detail)), "{:#?}", found.findings);
}

/// RD-15, HM-11: without redundancy a lost member is an error, and never garbage.
#[test]
fn striping_says_so_when_a_member_is_lost() {
    for profile in ["member-loss", "member-loss-at-crash"] {
        let explorer = explore(Volume::<Raid<Raid0>>::default()).profile(under(profile)).lives(1);
        let found = explorer.workload([write(0, 5, 1), FLUSH]).run().expect("works without a crash");
        assert!(!found.findings.is_empty());
        for finding in found.findings {
            let says = finding.detail.contains("cannot be read") || finding.detail.contains("are lost");
            assert!(says && ["redundant", "recovers"].contains(&&*finding.promise), "{finding}");
        }
    }
}

/// DI-04, HM-13: a block that cannot be read costs nothing where a stripe is never doubtful.
#[test]
fn unreadable_blocks_are_survived_by_mirrors_and_journals() {
    fn survives<V: Variant>() {
        let explorer = explore(Volume::<Raid<V>>::default()).profile(under("sector-error")).lives(1);
        let ops = [write(4, 1, 2), FLUSH];
        let explored = explorer.workload(ops).after([write(0, 12, 1), FLUSH]).run().expect("works");
        assert!(explored.findings.is_empty() && explored.coverage.complete, "{:#?}", explored.findings);
    }
    survives::<Raid1>();
    survives::<Raid3>();
    survives::<Raid5Journal>();
}

/// Mirrors and journals survive the loss of a member at the moment of the crash as well.
#[test]
fn mirrors_survive_a_loss_at_any_time() {
    for profile in ["member-loss", "member-loss-at-crash"] {
        for workload in Volume::<Raid<Raid1>>::workloads() {
            let explorer = explore(Volume::<Raid<Raid1>>::default()).profile(under(profile)).lives(1);
            let explored = explorer.workload(workload.ops).after(workload.setup).run().expect("works");
            assert!(explored.findings.is_empty() && explored.coverage.complete, "{:#?}", explored.findings);
        }
    }
}

/// What the findings of a fault name, where its switch does not say so, or where nothing is found.
fn misnamed<V: Variant>() -> Vec<String> {
    let mut wrong = Vec::new();
    for switch in V::BUGS {
        let workloads = Volume::<Raid<V>>::workloads();
        let workload = workloads.into_iter().find(|workload| workload.name == switch.workload);
        let workload = workload.expect("a workload of this level");
        let layer = Raid::<V>::with_bugs(&[switch.name.to_owned()]).expect("a fault of this level");
        let explorer = explore(Volume::new(layer)).profile(under(switch.profile)).lives(switch.lives);
        let found =
            explorer.workload(workload.ops).after(workload.setup).run().expect("works without a crash");
        let named: BTreeSet<&str> = found.findings.iter().map(|finding| &*finding.promise).collect();
        if named.is_empty() || !named.is_subset(&switch.breaks.iter().copied().collect()) {
            wrong.push(format!("{} {}: {named:?}, not {:?}", V::NAME, switch.name, switch.breaks));
        }
    }
    wrong
}

/// Every fault is found on the workload and under the profile that its switch names, by nothing but what it breaks.
#[test]
fn every_fault_of_an_array_breaks_what_it_says() {
    let wrong = [
        misnamed::<Raid0>(),
        misnamed::<Raid1>(),
        misnamed::<Raid1Degraded>(),
        misnamed::<Raid2>(),
        misnamed::<Raid3>(),
        misnamed::<Raid4>(),
        misnamed::<Raid5>(),
        misnamed::<Raid5Degraded>(),
        misnamed::<Raid5Journal>(),
        misnamed::<Raid5JournalDegraded>(),
    ]
    .concat();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn on<U: System<Op = FsOp> + 'static, V: Variant>(upper: U, bugs: &[&str]) -> Exploration {
    let bugs: Vec<String> = bugs.iter().map(ToString::to_string).collect();
    let layer = Raid::<V>::with_bugs(&bugs).expect("a fault of this level");
    let file = Path::root().join("a");
    let append = FsOp::Append { path: file.clone(), len: Bytes(4096), fill: Fill(7) };
    let explorer = explore(Stack::new(upper, base(layer))).profile(under(V::PROFILES[0])).lives(1);
    let explorer = explorer.budget(Budget { states: Some(400), ..Budget::default() });
    explorer.workload([FsOp::Create(file), append, FsOp::Sync]).run().expect("works without a crash")
}

/// File systems run on an array unchanged, and show its faults.
#[test]
fn file_systems_run_on_arrays() {
    let survived = |explored: Exploration| {
        assert!(explored.findings.is_empty(), "{}: {:#?}", explored.system, explored.findings);
        assert!(explored.verdict.is_clean(), "{:?}", explored.verdict);
    };
    survived(on::<_, Raid5>(Journal::<Ordered>::default(), &[]));
    survived(on::<_, Raid5Journal>(Journal::<Ordered>::default(), &[]));
    survived(on::<_, Raid1>(Vsfs::default(), &[]));
    survived(on::<_, Raid3>(Vsfs::default(), &[]));
    let found = on::<_, Raid5>(Journal::<Ordered>::default(), &["no-resync"]);
    assert_eq!(found.verdict, Verdict::Lost, "{found:#?}");
}
