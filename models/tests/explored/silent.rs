//! Devices that go wrong without a word, beside those that fail openly: what a layer of checksums makes of it, and what
//! becomes of those who have none.

use super::common::{case, explored, named, survived, under};
use crashcheck::outcome::{Exploration, Verdict};
use crashcheck::{Case, Subject};

/// Everything that can go wrong with a device beside the power, one at a time.
const FAULTS: [&str; 6] =
    ["corrupt", "lost-write", "misdirected", "sector-error", "member-loss", "member-loss-at-crash"];

fn complete(subject: &dyn Subject, workload: &str, profile: &str) -> Exploration {
    let exploration = survived(subject, &case(workload), &under(profile));
    let coverage = &exploration.coverage;
    assert!(coverage.complete, "{workload} under {profile}: {:?}", coverage.left_out);
    assert_eq!(coverage.represented, coverage.total, "{workload} under {profile}");
    exploration
}

/// HM-11 to HM-15, DI-02 to DI-09: every workload, with every fault, at every crash.
#[test]
fn checksums_identity_and_parents_survive_any_fault() {
    let subject = named("integrity");
    for profile in FAULTS {
        for (workload, _) in subject.workloads() {
            complete(&*subject, workload, profile);
        }
    }
}

/// The same below a file system, which knows nothing of it.
#[test]
fn a_file_system_on_checksums_survives_any_fault() {
    for system in ["journal@integrity", "vsfs@integrity"] {
        let subject = crashcheck_models::stack(system).expect("a stack");
        assert_eq!(subject.profiles(), ["any-fault", "torn"]);
        complete(&*subject, "append", "any-fault");
    }
}

/// What recovery met and what was found, in words.
fn told(system: &str, workload: &str, bug: Option<&str>, profile: &str) -> String {
    let case = Case { bugs: bug.map(str::to_owned).into_iter().collect(), ..case(workload) };
    let exploration = explored(&*named(system), &case, &under(profile));
    assert_eq!(exploration.verdict, Verdict::Lost, "{system}:{workload} under {profile}");
    exploration.findings.iter().map(|finding| format!("{finding}\n")).collect()
}

/// HM-12, RD-18: the negative control. A file system that trusts its disk shows what nobody wrote, under each of the
/// silent faults.
#[test]
fn a_file_system_without_checksums_survives_none() {
    let corrupt = told("vsfs", "append", None, "corrupt");
    assert!(corrupt.contains("of disk reads as garbage"), "{corrupt}");
    let lost = told("vsfs", "append", None, "lost-write");
    assert!(lost.contains("never reached the medium"), "{lost}");
    let misdirected = told("vsfs", "append", None, "misdirected");
    assert!(misdirected.contains("instead of block"), "{misdirected}");
}

/// RD-18: redundancy that relies on members which fail openly does not help against those that do not.
#[test]
fn arrays_without_checksums_survive_no_corruption() {
    for array in ["raid1", "raid5"] {
        let told = told(array, "overwrite", None, "corrupt");
        println!("{told}");
        assert!(told.contains("reads as garbage"), "{array}: {told}");
    }
}

/// RD-18: nor does a mirror that compares nothing, though it has a good copy of everything.
#[test]
fn a_mirror_that_compares_nothing_returns_what_rotted() {
    let told = told("integrity", "reuse", Some("read-unchecked"), "corrupt");
    assert!(told.contains("no-foreign-data"), "{told}");
}

/// DI-06: a finding says which write landed where.
#[test]
fn a_finding_names_the_write_that_was_misdirected() {
    let told = told("integrity", "neighbours", Some("no-physical-id"), "misdirected");
    assert!(
        told.contains("(data 1, 4104 B at member 0 12312 B) landed at block 2 instead of block 3"),
        "{told}"
    );
}

/// DI-06, DI-07: identity alone saves the victim of a misdirected write. It takes the parent to see the place that the
/// write was meant for, as it does for one that was lost.
#[test]
fn identity_alone_does_not_see_what_a_write_left_behind() {
    for profile in ["lost-write", "misdirected"] {
        let told = told("integrity", "reuse", Some("no-parent-checksum"), profile);
        assert!(told.contains("no-foreign-data"), "{told}");
    }
    let neighbours = explored(
        &*named("integrity"),
        &Case { bugs: vec!["no-parent-checksum".to_owned()], ..case("neighbours") },
        &under("misdirected"),
    );
    assert_eq!(neighbours.verdict, Verdict::Survived, "nothing was there before");
}
