//! What the codes mean that findings print and sources name: the checks of all systems.
//!
//! A code names something that a system must do according to a book or a paper: `JN-24` of journaling, say. Codes of the
//! family M are mistakes that these warn of, each of which is seeded somewhere; Q are numbers that they give, and ERR
//! are places where a source is wrong or says too little. The tables stand next to the systems that they belong to.

use crate::{ftl, gms, integrity, journal, lfs, raid, volume, vsfs};
use crashcheck::{Check, Checks};

/// The checks of all systems.
pub const ALL: &[Checks] = &[
    volume::checks::CHECKS,
    vsfs::checks::CHECKS,
    journal::checks::CHECKS,
    lfs::checks::CHECKS,
    raid::checks::CHECKS,
    ftl::checks::CHECKS,
    integrity::checks::CHECKS,
    gms::checks::CHECKS,
];

/// All of them, with the table that each stands in.
pub fn all() -> impl Iterator<Item = (&'static Checks, &'static Check)> {
    ALL.iter().flat_map(|checks| checks.table.iter().map(move |check| (checks, check)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_defined_once() {
        let mut known = BTreeSet::new();
        for (_, check) in all() {
            assert!(known.insert(check.code), "{} is defined twice", check.code);
        }
    }

    #[test]
    fn every_check_is_a_sentence_with_a_source() {
        for (_, Check { code, says, source }) in all() {
            assert!(
                says.ends_with('.') && !says[..says.len() - 1].contains(". "),
                "{code} is no sentence: {says}"
            );
            assert!((20..=200).contains(&says.len()), "{code} is {} long: {says}", says.len());
            assert!(!source.is_empty() && !source.ends_with('.'), "{code}: {source}");
            assert!(
                !says.contains(['|', '\n']) && !source.contains(['|', '\n']),
                "{code} does not fit a table"
            );
        }
    }

    #[test]
    fn every_code_of_a_switch_is_defined() {
        let known: BTreeSet<&str> = all().map(|(_, check)| check.code).collect();
        for subject in crate::all() {
            for switch in subject.bugs() {
                let unknown: Vec<_> = switch.checks.iter().filter(|code| !known.contains(*code)).collect();
                assert!(unknown.is_empty(), "{} {} names {unknown:?}", subject.name(), switch.name);
            }
        }
    }

    #[test]
    fn every_mistake_is_seeded() {
        let systems = crate::all();
        let switches = systems.iter().flat_map(|subject| subject.bugs());
        let seeded: BTreeSet<&str> = switches.flat_map(|switch| switch.checks).copied().collect();
        for (_, check) in all().filter(|(_, check)| check.family() == "M") {
            assert!(check.says.starts_with("It is a mistake"), "{}: {}", check.code, check.says);
            assert!(seeded.contains(check.code), "no switch makes the mistake {}", check.code);
        }
    }

    /// So that the name of a system leads to its checks.
    #[test]
    fn every_system_has_checks_of_its_kind() {
        for subject in crate::all() {
            let own = ALL.iter().filter(|checks| subject.name().starts_with(checks.of));
            assert_eq!(own.count(), 1, "{}", subject.name());
        }
    }
}
