//! Flash translation layers beyond their own workloads: bits that flip, and file systems on top.

use super::common::{at_most, case, survived, under, usual};
use crashcheck_models::bases;

/// FT-07: one flipped bit anywhere, in any crash state.
#[test]
fn a_flipped_bit_is_survived_by_every_layer() {
    let options = at_most(2000, under("read-disturb"));
    for subject in crashcheck_models::all() {
        if subject.medium() == "flash" {
            for (workload, _) in subject.workloads() {
                survived(&*subject, &case(workload), &options);
            }
        }
    }
}

/// FT-12: what runs on a layer cannot tell it from a disk.
#[test]
fn file_systems_on_flash_lose_nothing() {
    let bases = bases();
    let layers: Vec<&str> =
        bases.iter().filter(|base| base.medium() == "flash").map(|base| base.name()).collect();
    assert_eq!(layers, ["ftl-direct", "ftl", "ftl-mlc", "ftl-hybrid"]);
    for layer in ["ftl", "ftl-hybrid"] {
        for (upper, workload) in [("journal", "create"), ("journal", "append"), ("lfs", "create")] {
            let name = format!("{upper}@{layer}");
            let subject = crashcheck_models::stack(&name).unwrap_or_else(|| panic!("there is no {name}"));
            let exploration = survived(&*subject, &case(workload), &at_most(500, usual(&*subject)));
            assert!(exploration.verdict.is_clean(), "{name}");
        }
    }
}
