//! The rules of this repository that no other tool checks.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file longer than this takes more than one sitting to read.
const LINES: usize = 600;

/// The top of the repository.
fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every source file, as a path from the top with `/` between its parts.
fn sources() -> BTreeSet<String> {
    let found = files(".rs");
    assert!(found.contains("ci/tests/house.rs"), "the walk over the repository does not find this file");
    found
}

/// Every file whose name ends so.
fn files(ending: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![String::new()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(top().join(&directory)).expect("a directory of the repository") {
            let entry = entry.expect("an entry of a directory");
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            let path = if directory.is_empty() { name.clone() } else { format!("{directory}/{name}") };
            if entry.file_type().expect("a type").is_dir() {
                if !["target", "node_modules"].contains(&&*name) && !name.starts_with('.') {
                    open.push(path);
                }
            } else if name.ends_with(ending) {
                found.insert(path);
            }
        }
    }
    found
}

fn difference(left: &BTreeSet<String>, right: &BTreeSet<String>) -> Vec<String> {
    left.difference(right).cloned().collect()
}

/// Whoever opens a file reads first what it is for.
#[test]
fn every_source_file_begins_with_what_it_is_for() {
    let says = |path: &&String| {
        let head = text(path)
            .lines()
            .take(3)
            .any(|line| line.strip_prefix("//! ").is_some_and(|line| line.len() > 10));
        !head
    };
    let silent: Vec<String> = sources().iter().filter(says).cloned().collect();
    assert!(silent.is_empty(), "these do not say what they are for: {silent:#?}");
}

/// What ARCHITECTURE.md sends its reader to is there.
#[test]
fn architecture_names_files_that_there_are() {
    let architecture = text("ARCHITECTURE.md");
    let named = architecture.split('`').skip(1).step_by(2).filter(|name| name.ends_with(".rs"));
    let sources = sources();
    let is_there = |name: &str| sources.iter().any(|path| path.ends_with(name));
    // Of a reference system a name stands for the file of each.
    let gone: Vec<&str> = named.filter(|name| !name.contains(['{', ' ']) && !is_there(name)).collect();
    assert!(gone.is_empty(), "ARCHITECTURE.md names what is not there: {gone:?}");
    assert!(architecture.len() < 30_000, "nobody reads {} bytes in ten minutes", architecture.len());
}

/// Whoever knows one reference system finds the way in all of them.
#[test]
fn every_reference_system_has_the_same_files() {
    let sources = sources();
    let folder = |path: &String| path.strip_suffix("/bugs.rs").map(str::to_owned);
    let systems: Vec<String> =
        sources.iter().filter(|path| path.starts_with("models/src/")).filter_map(folder).collect();
    assert!(systems.len() >= 9, "{systems:?}");
    for system in systems {
        let has = |folder: &str, part: &str| {
            [format!("{folder}/{part}.rs"), format!("{folder}/{part}/mod.rs")]
                .iter()
                .any(|path| sources.contains(path))
        };
        for part in ["mod", "recover", "workloads", "tests"] {
            assert!(has(&system, part), "{system} has no {part}.rs");
        }
        // Systems that share a format share its file, one folder up.
        let above = system.rsplit_once('/').map_or("", |(above, _)| above);
        assert!(has(&system, "format") || has(above, "format"), "{system} has no format.rs");
    }
}

#[test]
fn a_file_is_read_in_one_sitting() {
    let long = sources().into_iter().map(|path| (text(&path).lines().count(), path));
    let long: Vec<(usize, String)> = long.filter(|(lines, _)| *lines > LINES).collect();
    assert!(long.is_empty(), "more than {LINES} lines: {long:#?}");
}

#[test]
fn nothing_is_left_for_later() {
    // In two halves, so that this file does not find itself.
    let marks =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("#[ig", "nore"), concat!("unimple", "mented!(")];
    let mut left = Vec::new();
    for path in sources() {
        for (index, line) in text(&path).lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                left.push(format!("{path}:{}: {}", index + 1, line.trim()));
            }
        }
    }
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn the_tests_of_the_readme_are_those_that_are_run_before_a_merge() {
    let (readme, script) = (text("README.md"), text(".ci/run"));
    let tests =
        readme.lines().find(|line| line.starts_with("cargo test ")).expect("the README says how to test");
    let step = format!("step {tests}");
    assert!(script.lines().any(|line| line == step), ".ci/run does not run `{tests}`");
}

/// The document that explains the checks, made by the command.
const CHECKS: &str = "models/CHECKS.md";

#[test]
fn the_document_of_the_checks_is_what_the_command_prints() {
    let mut list = Command::new(env!("CARGO_BIN_EXE_crashcheck"));
    let printed = list.args(["list", "checks", "--markdown"]).output().expect("the command runs");
    let printed = String::from_utf8(printed.stdout).expect("text");
    assert!(text(CHECKS) == printed, "crashcheck list checks --markdown > {CHECKS} brings it up to date");
}

/// A code of a check in its parts: `JN-24` is `JN-`, 24, and nothing behind it. Families have two letters, but for the
/// mistakes M, which take no dash, the numbers Q, and ERR.
fn parts(code: &str) -> Option<(&str, &str, &str)> {
    let number = code.find(|c: char| c.is_ascii_digit())?;
    let end = code[number..].find(|c: char| !c.is_ascii_digit()).map_or(code.len(), |end| number + end);
    let (family, number, behind) = (&code[..number], &code[number..end], &code[end..]);
    let is_family = match family.strip_suffix('-') {
        None => family == "M" && !number.starts_with('0'),
        Some("Q" | "ERR") => true,
        Some(letters) => letters.len() == 2 && letters.bytes().all(|letter| letter.is_ascii_uppercase()),
    };
    let is_variant = behind.is_empty() || behind.len() == 1 && behind.bytes().all(|c| c.is_ascii_lowercase());
    (is_family && number.len() <= 2 && is_variant).then_some((family, number, behind))
}

/// The codes in a line: one by one, and all between where it says `JN-01 to JN-03`.
fn codes(line: &str) -> BTreeSet<String> {
    let is_between = |c: char| !c.is_ascii_alphanumeric() && c != '-';
    let words: Vec<&str> = line.split(is_between).filter(|word| !word.is_empty()).collect();
    let mut found: BTreeSet<String> =
        words.iter().filter(|word| parts(word).is_some()).map(ToString::to_string).collect();
    for range in words.windows(3).filter(|words| words[1] == "to") {
        let (Some((family, first, _)), Some((_, last, _))) = (parts(range[0]), parts(range[2])) else {
            continue;
        };
        let number = |text: &str| text.parse::<u8>().expect("one or two digits");
        let width = first.len();
        found.extend((number(first)..=number(last)).map(|number| format!("{family}{number:0width$}")));
    }
    found
}

#[test]
fn codes_are_found_in_lines() {
    let found = |line: &str| codes(line).into_iter().collect::<Vec<_>>();
    // In halves, so that what is no check is not looked for in the tables.
    let (one, three) = (concat!("ZZ", "-09"), concat!("ZZ", "-11"));
    assert_eq!(found(&format!("/// {one}, ({one}b): UTF-8, RAID-5, M0 9H12")), [one, &format!("{one}b")]);
    assert_eq!(found(&format!("{one} to {three}.")), [one, concat!("ZZ", "-10"), three]);
}

/// Whatever names a check is explained by the tables, and the tables explain nothing that nobody names: no switch, no
/// finding, no test, no comment on the code that does it.
#[test]
fn every_code_is_defined_and_every_defined_code_is_named() {
    let is_table = |path: &String| path.starts_with("models/src/") && path.ends_with("/checks.rs");
    let (mut named, mut unknown) = (BTreeSet::new(), Vec::new());
    let defined: BTreeSet<String> =
        crashcheck_models::checks::all().map(|(_, check)| check.code.to_owned()).collect();
    let documents = files(".md").into_iter().filter(|path| path != CHECKS);
    for path in sources().into_iter().filter(|path| !is_table(path)).chain(documents) {
        for code in text(&path).lines().flat_map(codes) {
            if !defined.contains(&code) {
                unknown.push(format!("{path}: {code}"));
            }
            named.insert(code);
        }
    }
    assert!(unknown.is_empty(), "no checks.rs says what these are: {unknown:#?}");
    let idle = difference(&defined, &named);
    assert!(idle.is_empty(), "nothing names {idle:?}");
}
