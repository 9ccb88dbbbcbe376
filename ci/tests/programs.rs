//! Twelve small programs with the classic mistakes, and their mended twins: `crashcheck program` finds every mistake and names the
//! fsync that is missing, if one is, and finds nothing in the twin.

mod common;

use Language::{C, Python, Rust, Shell};
use common::Place;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a program is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    C,
    Python,
    Shell,
    Rust,
}

/// A program, the promise that it breaks, and what `fix:` says, if an fsync mends it.
#[derive(Clone, Copy)]
struct Mistake {
    name: &'static str,
    language: Language,
    promise: &'static str,
    fix: Option<&'static str>,
    /// The file systems under which nothing is found.
    forgiven_by: &'static [&'static str],
}

const fn mistake(
    name: &'static str,
    language: Language,
    promise: &'static str,
    fix: Option<&'static str>,
) -> Mistake {
    Mistake { name, language, promise, fix, forgiven_by: &[] }
}

/// The same, where all three make names durable in the order of the calls or with the file.
const fn forgiven(mistake: Mistake) -> Mistake {
    Mistake { forgiven_by: &["ext4", "xfs", "btrfs"], ..mistake }
}

const MISTAKES: [Mistake; 12] = [
    mistake("rename_unsynced", C, "recovers", Some("an fsync of the file value.new before #3 (rename ")),
    mistake("append_length", C, "atomic", None),
    forgiven(mistake(
        "link_swap",
        C,
        "durable",
        Some("an fsync of the directory . before #16 (unlink value.new)"),
    )),
    mistake("mmap_unsynced", C, "durable", Some("an fsync of the file value before #6 (durable ack")),
    mistake(
        "rename_undurable",
        Python,
        "durable",
        Some("an fsync of the directory . before #5 (durable ack"),
    ),
    mistake("truncate_in_place", Python, "recovers", None),
    mistake("lock_file", Python, "recovers", None),
    forgiven(mistake("new_file_undurable", Shell, "durable", Some("an fsync of the directory . before #"))),
    mistake("log_and_manifest", Shell, "recovers", None),
    forgiven(mistake(
        "unlink_first",
        Shell,
        "durable",
        Some("an fsync of the directory . before #12 (unlink version-1)"),
    )),
    mistake(
        "index_and_data",
        Rust,
        "recovers",
        Some("an fsync of the file records before #5 (write, 14 B at index"),
    ),
    mistake("checksum_stale", Rust, "recovers", None),
];

/// The folder of the programs.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/programs")
}

/// The file of a program.
fn source(name: &str, language: Language) -> PathBuf {
    let ending = match language {
        C => "c",
        Python => "py",
        Shell => "sh",
        Rust => "rs",
    };
    folder().join(format!("{name}.{ending}"))
}

/// Runs a command that must succeed, and returns what it prints.
fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Makes a program ready in a place, and returns the command line that runs it there.
fn ready(place: &Place, name: &str, language: Language) -> String {
    let source = source(name, language);
    let compiled = |compiler: &str, args: &[&str]| {
        succeed(Command::new(compiler).args(args).arg("-o").arg(place.path(name)).arg(&source));
        format!("./{name}")
    };
    let interpreted = |interpreter: &str| {
        std::fs::copy(&source, place.path(name)).expect("a copy");
        format!("{interpreter} {name}")
    };
    match language {
        C => compiled("cc", &["-O1", "-g"]),
        Rust => compiled("rustc", &["--edition", "2024", "-g"]),
        Shell => interpreted("sh"),
        Python => {
            // `python3` may be a script that looks for the interpreter, which takes longer than the program.
            let which = ["-c", "import sys; print(sys.executable)"];
            let python = succeed(Command::new("python3").args(which));
            interpreted(&format!("{} -I -S", python.trim()))
        }
    }
}

/// Of what matters it is said in which line of the program it was called, and what called that.
fn assert_lines_are_told(mistake: &Mistake, findings: &serde_json::Value) {
    const CALLS: [&str; 6] = ["write(", "printf(", "rename(", "link(", "unlink(", "open("];
    let text = std::fs::read_to_string(source(mistake.name, mistake.language)).expect("a source");
    let lines: Vec<&str> = text.lines().collect();
    let line = |call: &serde_json::Value| {
        let (file, line) = call.as_str().expect("a line").rsplit_once(':').expect("a number");
        assert!(file.ends_with(&format!("programs/{}.c", mistake.name)), "{file}");
        lines[line.parse::<usize>().expect("a number") - 1]
    };
    let sites: Vec<_> = findings
        .as_array()
        .expect("a list")
        .iter()
        .flat_map(|finding| finding["sites"].as_array())
        .flatten()
        .collect();
    // Pages of a mapping are written by the kernel.
    let is_mapped = mistake.name == "mmap_unsynced";
    assert!(!sites.is_empty() || is_mapped || mistake.fix.is_none(), "{}: no line is told", mistake.name);
    for site in sites {
        let calls = site["calls"].as_array().expect("a list");
        assert!(CALLS.iter().any(|call| line(&calls[0]).contains(call)), "{}: {calls:?}", mistake.name);
        assert!(calls.iter().skip(1).all(|call| line(call).contains('(')), "{}: {calls:?}", mistake.name);
    }
}

/// The mistake is found, and so is the fsync that is missing; where none is, no other is advised.
fn assert_mistake_is_found(place: &Place, line: &str, mistake: &Mistake) {
    let name = mistake.name;
    let (run, recover) = (format!("{line} broken"), format!("{line} broken recover"));
    let args = ["program", "--dir", "data", "--run", &run, "--recover", &recover, "--ack", "^ok"];
    let ran = place.run(&[&args[..], &["--lives", "1", "--json", "broken.json"]].concat());
    assert_eq!(ran.code, Some(1), "{name}: {}{}", ran.out, ran.err);
    let report = place.json("broken.json");
    let explored = &report["explorations"][0];
    assert_eq!(explored["verdict"], "lost", "{name}: {}", ran.out);
    let mut findings = explored["findings"].as_array().expect("a list").iter();
    assert!(findings.any(|finding| finding["promise"] == mistake.promise), "{name}: {}", ran.out);
    let notes: Vec<&str> =
        explored["notes"].as_array().expect("a list").iter().filter_map(|note| note.as_str()).collect();
    let nothing = notes
        .iter()
        .flat_map(|note| note.split("; "))
        .filter(|said| said.contains(" nothing is found in all "));
    let forgiven: Vec<&str> = ["ext4", "xfs", "btrfs"]
        .into_iter()
        .filter(|name| nothing.clone().any(|said| said.contains(name)))
        .collect();
    assert_eq!(forgiven, mistake.forgiven_by, "{name}: {notes:?}");
    if mistake.language == C {
        assert_lines_are_told(mistake, &explored["findings"]);
    }
    match mistake.fix {
        Some(fix) => {
            let told = ran.line("fix:");
            assert!(told.contains(fix), "{name}: {told}");
            assert!(told.contains("with it, nothing is found in any of "), "{name}: {told}");
        }
        None => {
            let told = ran.line("missing edge:");
            assert!(told.starts_with("none; "), "{name}: {told}");
            assert!(!ran.out.contains("fix:"), "{name}: {}", ran.out);
        }
    }
}

/// Nothing is found, also when the program goes on with what a crash has left, and there is a crash again.
fn assert_twin_survives(place: &Place, line: &str, mistake: &Mistake) {
    let name = mistake.name;
    let (run, recover) = (format!("{line} mended"), format!("{line} mended recover"));
    let args = ["program", "--dir", "data", "--run", &run, "--recover", &recover, "--ack", "^ok"];
    let ran = place.run(&[&args[..], &["--json", "mended.json"]].concat());
    assert_eq!(ran.code, Some(0), "{name}: {}{}", ran.out, ran.err);
    let report = place.json("mended.json");
    let explored = &report["explorations"][0];
    assert_eq!(explored["verdict"], "survived", "{name}: {}", ran.out);
    assert_eq!(explored["coverage"]["complete"].as_bool(), Some(true), "{name}: {}", ran.out);
    assert_eq!(explored["coverage"]["later"][0]["life"], 2, "{name}: {}", ran.out);
}

fn assert_told_apart(language: Language) {
    let of_it: Vec<&Mistake> = MISTAKES.iter().filter(|mistake| mistake.language == language).collect();
    assert!(of_it.len() >= 2, "{language:?}");
    for mistake in of_it {
        let place = Place::new();
        let line = ready(&place, mistake.name, language);
        assert_mistake_is_found(&place, &line, mistake);
        assert_twin_survives(&place, &line, mistake);
    }
}

#[test]
fn programs_in_c_are_told_from_their_mended_twins() {
    assert_told_apart(C);
}

#[test]
fn programs_in_python_are_told_from_their_mended_twins() {
    assert_told_apart(Python);
}

#[test]
fn programs_in_shell_are_told_from_their_mended_twins() {
    assert_told_apart(Shell);
}

#[test]
fn programs_in_rust_are_told_from_their_mended_twins() {
    assert_told_apart(Rust);
}

/// Each program of the folder is run by a test, and is in its table.
#[test]
fn every_program_is_run_and_told_of() {
    let table = common::read(&folder().join("README.md"));
    let run: Vec<PathBuf> = MISTAKES.iter().map(|it| source(it.name, it.language)).collect();
    for entry in std::fs::read_dir(folder()).expect("a folder") {
        let path = entry.expect("an entry").path();
        let ending = path.extension().and_then(OsStr::to_str);
        let is_program = matches!(ending, Some("c" | "py" | "sh" | "rs"));
        assert!(!is_program || run.contains(&path), "nothing runs {}", path.display());
    }
    for path in &run {
        let file = path.file_name().expect("a name").to_string_lossy();
        assert!(table.contains(&format!("`{file}`")), "README.md does not tell of {file}");
    }
}
