//! A copy of the workspace with every fault in it, and the command that is built there.
//!
//! Only what has changed is written, so that building it again is quick. The sources themselves are not touched.

use crate::faults::Fault;
use crate::rewrite::{self, Rewritten};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the sources of the reference systems are.
const MODELS: &str = "models/src";

/// What is not copied: what was built, and what no build reads.
const LEFT_OUT: [&str; 3] = ["target", "node_modules", "third-party"];

/// Where the faults have got to: for each file, from the top of the workspace on, their numbers and bytes.
type Places = BTreeMap<String, Vec<(usize, Range<usize>)>>;

/// The files with the faults in them, and where these have got to.
///
/// # Errors
/// If a fault is not to be found in its file.
fn rewritten(top: &Path, faults: &[Fault]) -> Result<BTreeMap<String, Rewritten>, String> {
    let mut by_file: BTreeMap<String, Vec<(usize, &Fault)>> = BTreeMap::new();
    for (number, fault) in (1..).zip(faults) {
        by_file.entry(format!("{MODELS}/{}", fault.file)).or_default().push((number, fault));
    }
    let rewrite = |(file, faults): (String, Vec<_>)| {
        let text = fs::read_to_string(top.join(&file)).map_err(|error| format!("{file}: {error}"))?;
        let rewritten = rewrite::rewrite(&text, &faults).map_err(|error| format!("{file}: {error}"))?;
        Ok((file, rewritten))
    };
    by_file.into_iter().map(rewrite).collect()
}

/// Copies the workspace at `top` to `to`, with the faults in it.
///
/// # Errors
/// If a fault is not to be found in its file, or a file cannot be read or written.
fn copy(top: &Path, to: &Path, faults: &[Fault]) -> Result<Places, String> {
    let mut changed = rewritten(top, faults)?;
    let mut files = BTreeSet::new();
    walk(top, "", &mut files)?;
    let mut places = Places::new();
    for file in &files {
        let trouble = |error| format!("{file}: {error}");
        let mut bytes = fs::read(top.join(file)).map_err(trouble)?;
        if let Some(rewritten) = changed.remove(file) {
            bytes = rewritten.text.into_bytes();
            places.insert(file.clone(), rewritten.places);
        }
        if *file == format!("{MODELS}/lib.rs") {
            bytes.extend_from_slice(rewrite::SWITCH.as_bytes());
        }
        let to = to.join(file);
        if fs::read(&to).is_ok_and(|there| there == bytes) {
            continue;
        }
        fs::create_dir_all(to.parent().expect("a file is in a folder")).map_err(trouble)?;
        fs::write(&to, bytes).map_err(trouble)?;
    }
    let mut there = BTreeSet::new();
    walk(to, "", &mut there)?;
    for gone in there.difference(&files) {
        fs::remove_file(to.join(gone)).map_err(|error| format!("{gone}: {error}"))?;
    }
    Ok(places)
}

/// Every file below a folder that a build may read, with `/` between the parts of its path.
fn walk(top: &Path, folder: &str, found: &mut BTreeSet<String>) -> Result<(), String> {
    let trouble = |error| format!("{}: {error}", top.join(folder).display());
    for entry in fs::read_dir(top.join(folder)).map_err(trouble)? {
        let entry = entry.map_err(trouble)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || LEFT_OUT.contains(&&*name) {
            continue;
        }
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if entry.file_type().map_err(trouble)?.is_dir() {
            walk(top, &path, found)?;
        } else {
            found.insert(path);
        }
    }
    Ok(())
}

/// What cargo says, of which only the errors of the compiler matter here.
#[derive(Deserialize)]
struct Said {
    message: Option<Diagnostic>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: Option<String>,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
}

/// Builds the command with the faults in it. Where it is.
///
/// # Errors
/// If a fault is not to be found in its file, or does not compile; then those that do not are named.
pub(crate) fn build(top: &Path, scratch: &Path, faults: &[Fault]) -> Result<PathBuf, String> {
    let said = cargo(top, scratch, faults, &["build", "--release", "--package", "crashcheck-cli"])?;
    let built = said.into_iter().filter_map(|said| said.executable).next_back();
    built.ok_or_else(|| "cargo built no command".to_owned())
}

/// Compiles the systems with the faults in them as far as it takes to know that they compile.
///
/// # Errors
/// As [`build`].
pub(crate) fn check(top: &Path, scratch: &Path, faults: &[Fault]) -> Result<(), String> {
    cargo(top, scratch, faults, &["check", "--package", "crashcheck-models"]).map(drop)
}

/// Copies the workspace at `top` into `scratch`, with the faults in it, and runs cargo there. What it says.
fn cargo(top: &Path, scratch: &Path, faults: &[Fault], what: &[&str]) -> Result<Vec<Said>, String> {
    let copied = scratch.join("sources");
    fs::create_dir_all(&copied).map_err(|error| format!("{}: {error}", copied.display()))?;
    let places = copy(top, &copied, faults)?;
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(what)
        .args(["--locked", "--message-format", "json"])
        .current_dir(&copied)
        .env("CARGO_TARGET_DIR", scratch.join("build"))
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo does not run: {error}"))?;
    let said: Vec<Said> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    if output.status.success() { Ok(said) } else { Err(blame(&said, &places, faults)) }
}

/// Names the faults that the errors of the compiler are in.
fn blame(said: &[Said], places: &Places, faults: &[Fault]) -> String {
    let mut text = String::new();
    for error in said.iter().filter_map(|said| said.message.as_ref()).filter(|it| it.level == "error") {
        let within = |span: &Span| {
            let there = places.get(&span.file_name).into_iter().flatten();
            let mut hit: Vec<_> = there
                .filter(|(_, at)| at.start <= span.byte_start && span.byte_end <= at.end)
                .map(|(number, at)| (at.len(), &*faults[number - 1].name))
                .collect();
            hit.sort_unstable();
            hit.first().map(|(_, name)| format!("{name} does not compile:\n"))
        };
        let names = error.spans.iter().filter(|span| span.is_primary).find_map(within).unwrap_or_default();
        text.push_str(&names);
        text.push_str(error.rendered.as_deref().unwrap_or_default());
    }
    if text.is_empty() { "the command is not built".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults;

    fn top() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    fn all() -> Vec<Fault> {
        faults::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("faults")).expect("good files")
    }

    /// So a change of a source that a fault is in is noticed at once.
    #[test]
    fn every_fault_is_in_its_file() {
        let all = all();
        let rewritten = rewritten(&top(), &all).expect("each is there once");
        assert_eq!(rewritten.values().map(|file| file.places.len()).sum::<usize>(), all.len());
    }

    #[test]
    fn every_fault_says_what_was_mistaken_and_changes_something() {
        for fault in all() {
            assert!(
                fault.why.len() > 20 && !fault.why.ends_with('.'),
                "{}: a sentence without a full stop",
                fault.name
            );
            assert_ne!(fault.find, fault.replace, "{}", fault.name);
            assert!(fault.harmless.is_none() || fault.survives.is_none(), "{} is both", fault.name);
        }
    }

    #[test]
    fn a_copy_has_the_faults_the_sources_do_not_and_what_is_gone_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("models/src/vsfs")).expect("a folder");
        fs::create_dir_all(to.join("models")).expect("a folder");
        fs::create_dir_all(from.join("target")).expect("a folder");
        let write = |path: PathBuf, text: &str| fs::write(path, text).expect("written");
        write(from.join("models/src/lib.rs"), "mod vsfs;\n");
        write(from.join("models/src/vsfs/mod.rs"), "fn f() -> u8 { 1 }\n");
        write(from.join("target/built"), "");
        write(to.join("models/gone.rs"), "");
        let mut fault = all().remove(0);
        (fault.file, fault.find, fault.replace) = ("vsfs/mod.rs".into(), "1".into(), "2".into());
        (fault.after, fault.form) = (None, faults::Form::Expression);
        let places = copy(&from, &to, &[fault]).expect("copied");
        let text = |path: &str| fs::read_to_string(to.join(path)).expect("a file");
        let mutated = "fn f() -> u8 { (if crate::mutant(1) { 2 } else { 1 }) }\n";
        assert_eq!(text("models/src/vsfs/mod.rs"), mutated);
        assert!(text("models/src/lib.rs").starts_with("mod vsfs;\n"));
        assert!(text("models/src/lib.rs").contains("pub(crate) fn mutant("));
        assert!(!to.join("models/gone.rs").exists() && !to.join("target").exists());
        assert_eq!(&mutated[places["models/src/vsfs/mod.rs"][0].1.clone()], &mutated[15..53]);
        let original = fs::read_to_string(from.join("models/src/vsfs/mod.rs")).expect("a file");
        assert_eq!(original, "fn f() -> u8 { 1 }\n");
    }

    #[test]
    fn what_does_not_compile_is_named() {
        let mut one = all().remove(0);
        one.name = "vsfs/one".to_owned();
        let two = Fault { name: "vsfs/two".to_owned(), ..one.clone() };
        let places = Places::from([("models/src/a.rs".to_owned(), vec![(1, 0..90), (2, 40..60)])]);
        let error = |start: usize| {
            let line = format!(
                r#"{{"message": {{"level": "error", "rendered": "no such name", "spans": [{{"file_name":
                "models/src/a.rs", "byte_start": {start}, "byte_end": {}, "is_primary": true}}]}}}}"#,
                start + 5
            );
            blame(&[serde_json::from_str(&line).expect("JSON")], &places, &[one.clone(), two.clone()])
        };
        assert_eq!(error(10), "vsfs/one does not compile:\nno such name");
        assert_eq!(error(50), "vsfs/two does not compile:\nno such name");
        assert_eq!(error(95), "no such name");
    }
}
