//! The pairs of real engines in `models/third-party/programs`: what is pinned, run and told of is the same. `table` there runs them, in
//! `.ci/run`, since it installs them first.

mod common;

use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/third-party/programs")
}

/// The folders of the pairs, by name.
fn pairs() -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder()).expect("a folder").map(|entry| entry.expect("an entry"));
    let folders = entries.filter(|entry| entry.file_type().expect("a type").is_dir());
    folders.map(|entry| (entry.file_name().into_string().expect("a name"), entry.path())).collect()
}

/// What a pair says behind a word and `=`.
fn said<'a>(pair: &'a str, word: &str) -> &'a str {
    let line = pair.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {word}= in: {pair}")).trim_matches('\'')
}

/// How the version of a package is pinned, and what pins it.
fn pin(pair: &Path, which: &str, version: &str) -> (PathBuf, String) {
    let package = pair.join("package.json");
    if package.exists() {
        return (package, format!("@{version}\""));
    }
    let requirements = pair.join(format!("{which}.txt"));
    if requirements.exists() {
        return (requirements, format!("=={version}\n"));
    }
    (pair.join(which).join("Cargo.toml"), format!("\"={version}\""))
}

#[test]
fn both_versions_of_every_pair_are_pinned() {
    assert!(pairs().len() >= 6, "{:?}", pairs());
    for (name, path) in pairs() {
        let pair = common::read(&path.join("pair"));
        for which in ["old", "new"] {
            let (file, pin) = pin(&path, which, said(&pair, which));
            assert!(common::read(&file).contains(&pin), "{name}: {} has no {pin}", file.display());
        }
        assert_ne!(said(&pair, "old"), said(&pair, "new"), "{name}");
        assert!(said(&pair, "found").len() > 20, "{name}: what must be found?");
    }
}

#[test]
fn every_pair_is_told_of_with_where_its_project_does() {
    let told = common::read(&folder().join("README.md"));
    let rows: Vec<&str> = told.lines().filter(|line| line.starts_with("| [")).collect();
    assert_eq!(rows.len(), pairs().len());
    for (name, path) in pairs() {
        let pair = common::read(&path.join("pair"));
        let versions = format!("| {} | {} | [", said(&pair, "old"), said(&pair, "new"));
        let rows = rows.iter().filter(|row| row.contains(&versions)).count();
        assert_eq!(rows, 1, "{name}: no row with {versions}");
    }
}
