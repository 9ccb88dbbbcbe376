//! The rules of this repository that no other tool checks.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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
    let mut found = BTreeSet::new();
    let mut open = vec![String::new()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(top().join(&directory)).expect("a directory of the repository") {
            let entry = entry.expect("an entry of a directory");
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            let path = if directory.is_empty() { name.clone() } else { format!("{directory}/{name}") };
            if entry.file_type().expect("a type").is_dir() {
                if name != "target" && !name.starts_with('.') {
                    open.push(path);
                }
            } else if name.ends_with(".rs") {
                found.insert(path);
            }
        }
    }
    assert!(found.contains("ci/tests/house.rs"), "the walk over the repository does not find this file");
    found
}

/// The files that ARCHITECTURE.md describes: items of the form "- `name.rs`: …" below a heading that names a folder.
fn described(architecture: &str) -> BTreeSet<String> {
    let (mut folder, mut files) = ("", BTreeSet::new());
    for line in architecture.lines() {
        if let Some(heading) = line.strip_prefix("### `").and_then(|line| line.strip_suffix('`')) {
            folder = heading;
        } else if let Some((name, about)) = line.strip_prefix("- `").and_then(|line| line.split_once("`: ")) {
            assert!(about.len() > 10, "{folder}{name} is named, but not described");
            files.insert(format!("{folder}{name}"));
        }
    }
    files
}

fn difference(left: &BTreeSet<String>, right: &BTreeSet<String>) -> Vec<String> {
    left.difference(right).cloned().collect()
}

#[test]
fn architecture_describes_every_source_file() {
    let missing = difference(&sources(), &described(&text("ARCHITECTURE.md")));
    assert!(missing.is_empty(), "ARCHITECTURE.md has no sentence on {missing:#?}");
}

#[test]
fn architecture_describes_no_file_that_is_gone() {
    let gone = difference(&described(&text("ARCHITECTURE.md")), &sources());
    assert!(gone.is_empty(), "ARCHITECTURE.md describes what is not there: {gone:#?}");
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
