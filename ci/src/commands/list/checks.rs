//! The checks that codes such as `JN-24` stand for, all of them or those that a name chooses.

use crate::failure::Failure;
use crate::suggest;
use crashcheck::{Check, Checks, Subject};
use crashcheck_models::checks;
use std::collections::BTreeSet;
use std::fmt::Write;

/// A check, and the kind of system that it belongs to.
pub(super) type Entry = (&'static Checks, &'static Check);

/// The checks that a name chooses: one by its code, a family of codes by how they begin, those of a kind of system by its
/// name or that of one of its systems. Without a name it is all of them.
///
/// # Errors
/// If it is the name of none of these.
pub(super) fn chosen(name: Option<&str>, systems: &[Box<dyn Subject>]) -> Result<Vec<Entry>, Failure> {
    let Some(name) = name else { return Ok(checks::all().collect()) };
    let is_system = systems.iter().any(|system| system.name() == name);
    let is_meant = |(of, check): &Entry| {
        check.code.eq_ignore_ascii_case(name)
            || check.family().eq_ignore_ascii_case(name)
            || of.of == name
            || is_system && name.starts_with(of.of)
    };
    let chosen: Vec<Entry> = checks::all().filter(is_meant).collect();
    if chosen.is_empty() { Err(unknown(name, systems)) } else { Ok(chosen) }
}

/// Names the codes of the family if the name is like a code, and everything but codes if not.
fn unknown(name: &str, systems: &[Box<dyn Subject>]) -> Failure {
    let upper = name.to_ascii_uppercase();
    let family = upper.trim_end_matches(|c: char| !c.is_ascii_uppercase());
    let codes: Vec<&str> = checks::all()
        .map(|(_, check)| check)
        .filter(|check| check.family() == family)
        .map(|check| check.code)
        .collect();
    if !codes.is_empty() {
        return suggest::unknown("check", &upper, codes);
    }
    let mut seen = BTreeSet::new();
    let families = checks::all().map(|(_, check)| check.family());
    let kinds = checks::ALL.iter().map(|checks| checks.of);
    let names = families.chain(kinds).chain(systems.iter().map(|system| system.name()));
    suggest::unknown("family of checks or system", name, names.filter(|name| seen.insert(*name)))
}

/// The checks as a document in Markdown, a table for each kind of system.
pub(super) fn markdown(chosen: &[Entry]) -> String {
    let mut text = String::from(INTRODUCTION);
    for part in chosen.chunk_by(|(one, _), (other, _)| one == other) {
        let (of, _) = part[0];
        let _ = write!(text, "\n## `{}`: {}\n\n| code | says | source |\n|---|---|---|\n", of.of, of.about);
        for (_, Check { code, says, source }) in part {
            let _ = writeln!(text, "| {code} | {says} | {source} |");
        }
    }
    text
}

const INTRODUCTION: &str = "\
# The checks

What the codes mean that findings print and sources name. Each is something that a system must do according to a book
or a paper. Those of the family M are mistakes that these warn of, each of which is seeded in some system; Q are numbers
that they give, and ERR are places where a source is wrong or says too little.

`crashcheck list checks --markdown` prints this file, from the tables in `models/src/*/checks.rs`.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(name: &str) -> Vec<&'static str> {
        let chosen = chosen(Some(name), &crashcheck_models::all()).expect("there are such checks");
        chosen.iter().map(|(_, check)| check.code).collect()
    }

    fn refused(name: &str) -> String {
        chosen(Some(name), &crashcheck_models::all()).expect_err("there are none").message
    }

    #[test]
    fn a_check_is_chosen_by_code_by_family_and_by_system() {
        assert_eq!(codes("jn-24"), ["JN-24"]);
        assert!(codes("JN").len() > 15 && codes("JN").iter().all(|code| code.starts_with("JN-")));
        assert!(codes("journal").contains(&"M4") && codes("journal") == codes("journal-data"));
        assert!(codes("raid5").contains(&"RD-20") && !codes("raid5").contains(&"JN-24"));
        assert_eq!(chosen(None, &[]).expect("all").len(), checks::all().count());
    }

    #[test]
    fn what_is_none_is_refused_with_what_there_is() {
        // In two halves, so that nobody looks for it in the tables.
        let message = refused(concat!("JN", "-42"));
        assert!(message.contains("did you mean 'JN-") && message.contains("JN-25, JN-26"), "{message}");
        let message = refused("jurnal");
        assert!(message.contains("did you mean 'journal'?") && message.contains("JN, "), "{message}");
        assert!(!message.contains("JN-24"), "{message}");
    }
}
