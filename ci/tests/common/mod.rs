//! Runs the real binary in a directory of its own.

// Each test binary uses a part of it.
#![allow(dead_code)]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A directory in which the command is run.
pub(crate) struct Place {
    directory: TempDir,
}

/// What a run of the command came to.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place { directory: TempDir::new().expect("a temporary directory") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crashcheck"));
        command.args(args).current_dir(self.directory.path());
        for variable in ["NO_COLOR", "CLICOLOR_FORCE"] {
            command.env_remove(variable);
        }
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let Output { status, stdout, stderr } = self.command(args).output().expect("the binary runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Ran { code: status.code(), out: text(stdout), err: text(stderr) }
    }

    /// As one line that was printed, split into words.
    pub(crate) fn shell(&self, line: &str) -> Ran {
        let words = shlex::split(line).expect("a line that a shell takes");
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(words[0], "crashcheck");
        self.run(&words[1..])
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).expect("a file");
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        json(&read(&self.path(name)))
    }

    /// A trace file of this name.
    pub(crate) fn record(&self, target: &str, name: &str) {
        assert_eq!(self.run(&["record", target, "-o", name]).code, Some(0));
    }
}

impl Ran {
    /// The rest of the only line that begins so.
    pub(crate) fn line(&self, start: &str) -> &str {
        let mut rests = self.out.lines().filter_map(|line| line.trim().strip_prefix(start));
        let rest = rests.next().unwrap_or_else(|| panic!("no line begins with {start}: {}", self.out));
        assert_eq!(rests.next(), None, "{}", self.out);
        rest.trim()
    }
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file")
}
