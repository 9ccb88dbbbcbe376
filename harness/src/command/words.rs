//! The words of a command, and running it: alone in a process group, which dies with it.

use super::CommandError;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The words of a command.
pub(super) struct Words {
    text: String,
    words: Vec<String>,
    /// Those of what runs it.
    #[cfg(feature = "program")]
    before: Vec<String>,
}

impl Words {
    /// The words of a command that is run on the images of so many devices.
    ///
    /// # Errors
    /// If it is no command, or if a word of it stands for an image that there is not.
    pub(super) fn new(text: &str, devices: usize) -> Result<Words, CommandError> {
        let syntax = |why| CommandError::Syntax { command: text.to_owned(), why };
        let words = shlex::split(text).ok_or_else(|| syntax("a quote is not closed"))?;
        if words.is_empty() {
            return Err(syntax("it has no words"));
        }
        let is_known = |name: &&str| {
            let number = name.strip_prefix("image");
            number.is_some_and(|number| {
                number.is_empty() || number.parse().is_ok_and(|number: usize| number < devices)
            })
        };
        if let Some(name) = words.iter().flat_map(|word| placeholders(word)).find(|name| !is_known(name)) {
            let (command, name, known) = (text.to_owned(), name.to_owned(), known(devices));
            return Err(CommandError::Placeholder { command, name, known });
        }
        Ok(Words {
            text: text.to_owned(),
            words,
            #[cfg(feature = "program")]
            before: Vec::new(),
        })
    }

    /// The same of a command that must be told where an image is.
    ///
    /// # Errors
    /// And if it is not told.
    pub(super) fn with_image(text: &str, devices: usize) -> Result<Words, CommandError> {
        let words = Words::new(text, devices)?;
        let is_told = words.words.iter().any(|word| placeholders(word).next().is_some());
        let missing = || CommandError::NoImage { command: text.to_owned(), known: known(devices) };
        if is_told { Ok(words) } else { Err(missing()) }
    }

    /// Looks for the program, so that a wrong name is an error at once and not a finding in every state.
    pub(super) fn can_start(&self) -> Result<(), CommandError> {
        let program = &self.words[0];
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = match program.contains('/') {
            true => Path::new(program).is_file(),
            false => std::env::split_paths(&path).any(|directory| directory.join(program).is_file()),
        };
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        if found { Ok(()) } else { Err(CommandError::Start { program: program.clone(), source }) }
    }

    /// The command as it was given.
    #[cfg(feature = "program")]
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The same, run by something that is called with these words before.
    #[cfg(feature = "program")]
    pub(super) fn run_by(self, before: Vec<String>) -> Words {
        Words { before, ..self }
    }

    /// What the command says itself, after the name of its program; on a second line the whole command.
    fn failure(&self, said: &str, status: ExitStatus) -> String {
        let program = Path::new(&self.words[0])
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into());
        let said = if said.is_empty() { status.to_string() } else { said.to_owned() };
        format!("{program}: {said}\n`{}` ended with {status}", self.text)
    }

    /// Runs the command. The inner error says how it failed.
    pub(super) fn run(
        &self,
        images: &[PathBuf],
        environment: &[(&str, usize)],
        timeout: Duration,
        recovery: bool,
    ) -> std::io::Result<Result<(), String>> {
        let mut output = tempfile::tempfile()?;
        let words: Vec<String> = self.words.iter().map(|word| fill_in(word, images)).collect();
        let environment = environment.iter().map(|(name, value)| (name, value.to_string()));
        let child = started(&words, output.try_clone()?, output.try_clone()?, environment)?;
        let Some(status) = ended(child, timeout)? else { return Ok(Err(self.too_long(timeout))) };
        let repairs = recovery && self.words[0].contains("fsck");
        match status.code() {
            Some(0) => Ok(Ok(())),
            Some(1 | 2) if repairs => Ok(Ok(())),
            _ => Ok(Err(self.failure(&tail(&mut output)?, status))),
        }
    }

    /// Runs a command that is given no image and prints to a file. The inner error says how it failed.
    #[cfg(feature = "program")]
    pub(super) fn run_printing(&self, to: File, timeout: Duration) -> std::io::Result<Result<(), String>> {
        let mut errors = tempfile::tempfile()?;
        let words = [&self.before[..], &self.words].concat();
        let child = started(&words, to, errors.try_clone()?, [])?;
        let Some(status) = ended(child, timeout)? else { return Ok(Err(self.too_long(timeout))) };
        if status.success() { Ok(Ok(())) } else { Ok(Err(self.failure(&tail(&mut errors)?, status))) }
    }

    fn too_long(&self, timeout: Duration) -> String {
        format!("`{}` did not end within {} s", self.text, timeout.as_secs())
    }
}

/// Starts a command in a process group of its own.
fn started<'a>(
    words: &[String],
    output: File,
    errors: File,
    environment: impl IntoIterator<Item = (&'a &'a str, String)>,
) -> std::io::Result<Child> {
    Command::new(&words[0])
        .args(&words[1..])
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .spawn()
}

/// Waits for a command; `None` if it takes too long. Whatever it has started, and left behind, dies with it, so that nothing
/// of it meets the next crash state.
fn ended(mut child: Child, timeout: Duration) -> std::io::Result<Option<ExitStatus>> {
    let (pid, started) = (Pid::from_child(&child), Instant::now());
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let mut in_time = true;
    while in_time && waitid(WaitId::Pid(pid), look)?.is_none() {
        std::thread::sleep(Duration::from_micros(200).max(started.elapsed() / 16));
        in_time = started.elapsed() <= timeout;
    }
    // The group is still its own: the command is not yet waited for.
    kill_process_group(pid, Signal::KILL)?;
    let status = child.wait()?;
    Ok(in_time.then_some(status))
}

/// What stands for the images of so many devices, in words.
fn known(devices: usize) -> String {
    match devices.saturating_sub(1) {
        0 => "{image} stands for the path of the image".to_owned(),
        last => format!(
            "{{image0}} to {{image{last}}} stand for the paths of the images, and {{image}} for the first"
        ),
    }
}

/// The names in braces of a word. A shell's `${NAME}` is none.
fn placeholders(word: &str) -> impl Iterator<Item = &str> {
    let is_name = |name: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(plain)
    };
    let opened = word.match_indices('{').filter(|(at, _)| !word[..*at].ends_with('$'));
    opened.filter_map(|(at, _)| word[at + 1..].split_once('}')).map(|(name, _)| name).filter(is_name)
}

fn fill_in(word: &str, images: &[PathBuf]) -> String {
    let numbered = images.iter().enumerate().fold(word.to_owned(), |word, (index, path)| {
        word.replace(&format!("{{image{index}}}"), &path.to_string_lossy())
    });
    images.first().map_or(numbered.clone(), |path| numbered.replace("{image}", &path.to_string_lossy()))
}

/// The last lines of what a command printed.
fn tail(output: &mut File) -> std::io::Result<String> {
    const KEPT: u64 = 2000;
    let len = output.seek(SeekFrom::End(0))?;
    output.seek(SeekFrom::Start(len.saturating_sub(KEPT)))?;
    let mut bytes = Vec::new();
    output.take(KEPT).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Ok(lines[lines.len().saturating_sub(4)..].join("; "))
}
