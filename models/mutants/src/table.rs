//! The kill table: what became of the faults of each file, and those that were not found by their names.

use crate::faults::Fault;
use crate::run::Outcome;
use std::fmt::Write;

/// What a column counts.
type Counts = fn(&Fault, &Outcome) -> bool;

/// The columns.
const COLUMNS: [(&str, Counts); 8] = [
    ("mutants", |_, _| true),
    ("killed", |_, outcome| *outcome == Outcome::ByDefault),
    ("generated", |_, outcome| *outcome == Outcome::ByGenerated),
    ("no crash", |_, outcome| *outcome == Outcome::WithoutCrash),
    ("harmless", |fault, outcome| is_not_found(outcome) && fault.harmless.is_some()),
    ("gaps", |fault, outcome| is_not_found(outcome) && fault.survives.is_some()),
    ("survived", |fault, outcome| is_not_found(outcome) && fault.is_expected()),
    ("failed", |_, outcome| matches!(outcome, Outcome::Failed(_))),
];

/// What the columns mean, below the table.
const LEGEND: &str = "killed: a crash state of a workload with a name is a finding; generated: only one of a generated \
workload is\nno crash: the system fails without any crash; harmless: not found, and it breaks no promise; gaps: not \
found, and known\n";

/// Whether a fault was found.
fn is_killed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::ByDefault | Outcome::ByGenerated | Outcome::WithoutCrash)
}

/// Whether it was run, and nothing was found.
fn is_not_found(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Survived | Outcome::TimedOut)
}

/// Whether all came out as the files of the faults say: what has to be found was, and nothing else.
pub(crate) fn is_as_expected(results: &[(&Fault, Outcome)]) -> bool {
    results.iter().all(|(fault, outcome)| match fault.is_expected() {
        true => is_killed(outcome),
        false => is_not_found(outcome),
    })
}

/// The table and the names.
pub(crate) fn table(results: &[(&Fault, Outcome)]) -> String {
    let mut groups: Vec<&str> = results.iter().map(|(fault, _)| fault.group()).collect();
    groups.dedup();
    let width = groups.iter().map(|group| group.len()).max().unwrap_or(0).max("system".len());
    let mut text = format!("{:width$}", "system");
    COLUMNS.iter().for_each(|(name, _)| _ = write!(text, "  {name:>9}"));
    for group in groups.iter().copied().chain(["all"]) {
        let _ = write!(text, "\n{group:width$}");
        for (_, counts) in COLUMNS {
            let of_group = |fault: &Fault| group == "all" || fault.group() == group;
            let number =
                results.iter().filter(|(fault, outcome)| of_group(fault) && counts(fault, outcome)).count();
            let _ = write!(text, "  {number:>9}");
        }
    }
    let _ = writeln!(text, "\n{LEGEND}");
    for (fault, outcome) in results {
        text.push_str(&remark(fault, outcome));
    }
    text
}

/// A line on a fault that was not found, or should not have been; nothing on others.
fn remark(fault: &Fault, outcome: &Outcome) -> String {
    let known = fault.harmless.as_ref().map(|why| format!("harmless: {why}"));
    let known = known.or_else(|| fault.survives.as_ref().map(|why| format!("known gap: {why}")));
    let said = match (outcome, known) {
        (_, Some(known)) if is_killed(outcome) => format!("found, although said to be {known}"),
        _ if is_killed(outcome) => return String::new(),
        (Outcome::Failed(words), _) => format!("failed: {words}"),
        (_, Some(known)) => known,
        (Outcome::TimedOut, None) => "nothing found in the time it had".to_owned(),
        (_, None) => "SURVIVED".to_owned(),
    };
    format!("{}: {}\n  {said}\n", fault.name, fault.why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(name: &str, harmless: bool, survives: bool) -> Fault {
        Fault {
            name: name.to_owned(),
            file: String::new(),
            find: String::new(),
            after: None,
            replace: String::new(),
            form: crate::faults::Form::Statement,
            why: "it was forgotten".to_owned(),
            systems: Vec::new(),
            generate: 0,
            harmless: harmless.then(|| "nobody reads it".to_owned()),
            survives: survives.then(|| "a longer workload".to_owned()),
        }
    }

    #[test]
    fn each_is_counted_where_it_belongs_and_named_if_it_was_not_found() {
        let faults = [
            fault("lfs/a", false, false),
            fault("lfs/b", false, false),
            fault("lfs/c", true, false),
            fault("raid/d", false, true),
            fault("raid/e", false, false),
            fault("raid/f", false, false),
        ];
        use Outcome::{ByDefault, ByGenerated, Survived, TimedOut};
        let outcomes = [ByDefault, ByGenerated, Survived, Survived, Survived, TimedOut];
        let results: Vec<_> = faults.iter().zip(outcomes).collect();
        let text = table(&results);
        let numbers =
            |line: usize| text.lines().nth(line).expect("a line").split_whitespace().collect::<Vec<_>>();
        assert_eq!(numbers(1), ["lfs", "3", "1", "1", "0", "1", "0", "0", "0"]);
        assert_eq!(numbers(2), ["raid", "3", "0", "0", "0", "0", "1", "2", "0"]);
        assert_eq!(numbers(3), ["all", "6", "1", "1", "0", "1", "1", "2", "0"]);
        let names = text.split_once("\n\n").expect("an empty line").1;
        assert_eq!(
            names,
            "lfs/c: it was forgotten\n  harmless: nobody reads it\n\
             raid/d: it was forgotten\n  known gap: a longer workload\n\
             raid/e: it was forgotten\n  SURVIVED\n\
             raid/f: it was forgotten\n  nothing found in the time it had\n"
        );
        assert!(!is_as_expected(&results) && is_as_expected(&results[..4]));
    }

    #[test]
    fn what_could_not_be_run_is_neither_a_gap_nor_harmless() {
        let gap = fault("lfs/a", false, true);
        let results = [(&gap, Outcome::Failed("no such system".to_owned()))];
        assert!(!is_as_expected(&results));
        let text = table(&results);
        let counted: Vec<&str> = text.lines().nth(1).expect("a line").split_whitespace().collect();
        assert_eq!(counted, ["lfs", "1", "0", "0", "0", "0", "0", "0", "1"]);
        assert!(text.ends_with("  failed: no such system\n"), "{text}");
    }

    #[test]
    fn a_gap_that_is_found_is_none_any_more() {
        let gap = fault("lfs/a", false, true);
        let results = [(&gap, Outcome::ByDefault)];
        assert!(!is_as_expected(&results));
        assert!(table(&results).ends_with("  found, although said to be known gap: a longer workload\n"));
    }
}
