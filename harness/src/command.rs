//! A trace recorded elsewhere, with commands as its recovery and its checks.
//!
//! Every crash state is written to an image file, and `{image}` in a command stands for its path (`{image1}`, … for
//! further devices). Commands are split into words as a shell does, and run without one. A check finds in its
//! environment how many operations were acknowledged as durable (`CRASHCHECK_DURABLE_OPS`) and how many had begun
//! (`CRASHCHECK_BEGUN_OPS`) when the power went. A command succeeds with exit code 0; one whose name contains `fsck` also
//! with 1 and 2, which mean that it has repaired something (fsck(8)), when it is the recovery.

use crate::disk::Disk;
use crate::explore::{Context, Instance, Kind, Lived, Naming, Options, Past, Progress, Recovered, Shown};
use crate::judge::{Violation, Window};
use crate::shrink::shrink_trace;
use crate::tasks::{Replayed, advised, explored, replay};
use crashcheck_outcome::{Advice, Exploration};
use crashcheck_trace::Bytes;
use crashcheck_trace::{DeviceId, Image, ReplayId, Trace};
use rustc_hash::FxHashMap;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use thiserror::Error;

/// The recovery of a recorded system, and the checks of what it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commands {
    /// Recovers the image.
    pub recover: String,
    /// Checks the recovered image; each must succeed.
    pub checks: Vec<String>,
    /// How long one command may take.
    pub timeout: Duration,
}

/// Why commands cannot be run on a trace.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The text of a command is not one.
    #[error("`{command}` is not a command: {why}")]
    Syntax {
        /// The text.
        command: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A command cannot be started at all.
    #[error("cannot run `{program}`: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// The profile has faults that an image file cannot show.
    #[error("profile '{profile}' lets devices fail, which commands that are given image files cannot see")]
    Faults {
        /// The profile.
        profile: String,
    },
    /// The nodes of a cluster cannot crash one by one: what they have in memory is not in the trace.
    #[error(
        "commands recover disks, not nodes: under profile '{profile}' the nodes of a cluster crash one by one; choose a \
         profile without [cluster], such as reorder, under which all lose their power together"
    )]
    OneByOne {
        /// The profile.
        profile: String,
    },
    /// The image files cannot be written.
    #[error("cannot write image files: {0}")]
    Images(#[source] std::io::Error),
}

/// Explores the crash states of a recorded trace with commands.
///
/// # Errors
/// If a command cannot be run at all, or image files cannot be written.
pub fn explore_trace(
    trace: Trace,
    name: &str,
    commands: &Commands,
    options: &Options,
    stop: &AtomicBool,
    report: &mut dyn FnMut(Progress),
) -> Result<Exploration, CommandError> {
    let context = context(trace, name, commands, options)?;
    // The cause is looked for when a finding is small.
    let explain = options.explain && options.shrink.is_none();
    let mut exploration = explored(&context, &Options { explain, ..options.clone() }, stop, &mut *report);
    shrink_trace(&context, options, &mut exploration, stop, report);
    Ok(exploration)
}

/// What each flush of a recorded trace is good for.
///
/// # Errors
/// As [`explore_trace`].
pub fn advise_trace(
    trace: Trace,
    name: &str,
    commands: &Commands,
    options: &Options,
    stop: &AtomicBool,
    report: &mut dyn FnMut(Progress),
) -> Result<Advice, CommandError> {
    Ok(advised(&context(trace, name, commands, options)?, options, stop, report))
}

/// Looks at one crash state of a recorded trace again.
///
/// # Errors
/// As [`explore_trace`].
pub fn replay_trace(
    trace: Trace,
    name: &str,
    commands: &Commands,
    options: &Options,
    state: &ReplayId,
) -> Result<Replayed, CommandError> {
    Ok(replay(&context(trace, name, commands, options)?, state))
}

fn context(
    trace: Trace,
    name: &str,
    commands: &Commands,
    options: &Options,
) -> Result<Arc<Context>, CommandError> {
    if !options.profile.faults.is_none() {
        return Err(CommandError::Faults { profile: options.profile.name.clone() });
    }
    if trace.nodes() > 0 && options.profile.cluster.is_some() {
        return Err(CommandError::OneByOne { profile: options.profile.name.clone() });
    }
    let naming = Naming {
        system: "trace".to_owned(),
        workload: name.to_owned(),
        trace_hash: trace.fingerprint(),
        ..Naming::default()
    };
    let external = External::new(&trace, commands)?;
    Ok(Arc::new(Context::new(external, naming, Arc::new(trace), options)))
}

/// Commands that recover from crash states in files.
struct External {
    recover: Words,
    checks: Vec<Words>,
    timeout: Duration,
    base: Vec<Image>,
    work: TempDir,
    /// Directories with image files that nobody uses at the moment.
    free: Mutex<Vec<PathBuf>>,
    /// What the checks said of an image in a window.
    known: Mutex<FxHashMap<(Left, Window), Result<(), Violation>>>,
}

/// The words of a command.
struct Words {
    text: String,
    words: Vec<String>,
}

/// The devices as recovery left them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    images: Arc<Vec<Image>>,
    digest: u64,
}

impl Hash for Left {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

impl External {
    fn new(trace: &Trace, commands: &Commands) -> Result<External, CommandError> {
        let memory = Path::new("/dev/shm");
        let work = match memory.is_dir() {
            true => TempDir::with_prefix_in("crashcheck-", memory)
                .or_else(|_| TempDir::with_prefix("crashcheck-")),
            false => TempDir::with_prefix("crashcheck-"),
        };
        let external = External {
            recover: Words::new(&commands.recover)?,
            checks: commands.checks.iter().map(|check| Words::new(check)).collect::<Result<_, _>>()?,
            timeout: commands.timeout,
            base: trace.devices.iter().map(|device| device.base.clone()).collect(),
            work: work.map_err(CommandError::Images)?,
            free: Mutex::new(Vec::new()),
            known: Mutex::new(FxHashMap::default()),
        };
        for words in external.checks.iter().chain([&external.recover]) {
            words.can_start()?;
        }
        Ok(external)
    }

    /// A directory of its own for each thread that needs one.
    fn take_directory(&self) -> std::io::Result<PathBuf> {
        if let Some(free) = lock(&self.free).pop() {
            return Ok(free);
        }
        Ok(TempDir::new_in(self.work.path())?.keep())
    }

    fn recover_in(&self, directory: &Path, disk: &Disk) -> std::io::Result<Recovered> {
        let mut paths = Vec::new();
        for device in 0..self.base.len() {
            let path = directory.join(format!("image{device}"));
            copy_device(&disk.device(DeviceId(device as u16)), &path)?;
            paths.push(path);
        }
        if let Err(why) = self.recover.run(&paths, &[], self.timeout, true)? {
            return Ok(Recovered::failed(Violation::new("recovers", why)));
        }
        let mut images = Vec::new();
        for (path, base) in paths.iter().zip(&self.base) {
            images.push(read_image(path, base)?);
        }
        let left = Left { digest: digest(&images), images: Arc::new(images) };
        let kind = Kind { found: None, shows: "recovery succeeds".to_owned() };
        Ok(Recovered { shown: Ok(Shown::new(left)), after: Ok(()), kind })
    }

    fn check_in(
        &self,
        directory: &Path,
        left: &Left,
        window: Window,
    ) -> std::io::Result<Result<(), Violation>> {
        let mut paths = Vec::new();
        for (device, image) in left.images.iter().enumerate() {
            let path = directory.join(format!("image{device}"));
            write_image(&path, image)?;
            paths.push(path);
        }
        let environment =
            [("CRASHCHECK_DURABLE_OPS", window.durable), ("CRASHCHECK_BEGUN_OPS", window.begun)];
        for check in &self.checks {
            if let Err(why) = check.run(&paths, &environment, self.timeout, false)? {
                return Ok(Err(Violation::new("checked", why)));
            }
        }
        Ok(Ok(()))
    }

    /// Runs something that needs image files. Trouble with them is not the system's.
    fn with_files<T>(&self, run: impl FnOnce(&Path) -> std::io::Result<T>) -> Result<T, Violation> {
        let trouble =
            |error: std::io::Error| Violation::new("harness", format!("cannot handle image files: {error}"));
        let directory = self.take_directory().map_err(trouble)?;
        let result = run(&directory).map_err(trouble);
        lock(&self.free).push(directory);
        result
    }
}

impl Instance for External {
    fn live(&self, disk: &Disk) -> Lived {
        let disk = disk.power_on();
        let recovered = self.with_files(|directory| self.recover_in(directory, &disk));
        Lived::last(recovered.unwrap_or_else(Recovered::failed))
    }

    fn judge(&self, shown: &Shown, _: Option<&Past>, window: Window) -> Result<(), Violation> {
        let shown = shown.get::<Left>();
        let key = (shown.clone(), window);
        if let Some(known) = lock(&self.known).get(&key) {
            return known.clone();
        }
        let verdict =
            self.with_files(|directory| self.check_in(directory, shown, window)).and_then(|verdict| verdict);
        lock(&self.known).insert(key, verdict.clone());
        verdict
    }

    fn promises(&self) -> Vec<&'static str> {
        if self.checks.is_empty() { vec!["recovers"] } else { vec!["recovers", "checked"] }
    }

    fn eager(&self) -> bool {
        true
    }
}

impl Words {
    fn new(text: &str) -> Result<Words, CommandError> {
        let syntax = |why| CommandError::Syntax { command: text.to_owned(), why };
        let words = shlex::split(text).ok_or_else(|| syntax("a quote is not closed"))?;
        match words.is_empty() {
            true => Err(syntax("it has no words")),
            false => Ok(Words { text: text.to_owned(), words }),
        }
    }

    /// Looks for the program, so that a wrong name is an error at once and not a finding in every state.
    fn can_start(&self) -> Result<(), CommandError> {
        let program = &self.words[0];
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = match program.contains('/') {
            true => Path::new(program).is_file(),
            false => std::env::split_paths(&path).any(|directory| directory.join(program).is_file()),
        };
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        if found { Ok(()) } else { Err(CommandError::Start { program: program.clone(), source }) }
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
    fn run(
        &self,
        images: &[PathBuf],
        environment: &[(&str, usize)],
        timeout: Duration,
        recovery: bool,
    ) -> std::io::Result<Result<(), String>> {
        let mut output = tempfile::tempfile()?;
        let words: Vec<String> = self.words.iter().map(|word| fill_in(word, images)).collect();
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .envs(environment.iter().map(|(name, value)| (name, value.to_string())))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?)
            .spawn()?;
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if started.elapsed() > timeout {
                child.kill()?;
                child.wait()?;
                return Ok(Err(format!("`{}` did not end within {} s", self.text, timeout.as_secs())));
            }
            std::thread::sleep(Duration::from_micros(200).max(started.elapsed() / 16));
        };
        let repairs = recovery && self.words[0].contains("fsck");
        match status.code() {
            Some(0) => Ok(Ok(())),
            Some(1 | 2) if repairs => Ok(Ok(())),
            _ => Ok(Err(self.failure(&tail(&mut output)?, status))),
        }
    }
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

const CHUNK: usize = 1 << 20;

/// Writes what a device holds to a file; zeros are left as a hole.
fn copy_device(device: &Disk, path: &Path) -> std::io::Result<()> {
    let len = device.len().map_err(std::io::Error::other)?;
    let mut file = File::create(path)?;
    file.set_len(len.0)?;
    let mut chunk = vec![0; CHUNK.min(len.index())];
    let mut at = Bytes::ZERO;
    while at < len {
        let part = &mut chunk[..CHUNK.min((len - at).index())];
        device.read(at, part).map_err(std::io::Error::other)?;
        if part.iter().any(|byte| *byte != 0) {
            file.seek(SeekFrom::Start(at.0))?;
            file.write_all(part)?;
        }
        at += Bytes::of(part.len());
    }
    Ok(())
}

/// Reads a file as an image that shares what it can with the base.
fn read_image(path: &Path, base: &Image) -> std::io::Result<Image> {
    let mut file = File::open(path)?;
    let len = Bytes(file.metadata()?.len());
    let mut image = base.clone();
    image.resize(len);
    let (mut new, mut old) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut at = Bytes::ZERO;
    while at < len {
        let part = CHUNK.min((len - at).index());
        file.read_exact(&mut new[..part])?;
        image.read(at, &mut old[..part]);
        for start in (0..part).step_by(4096) {
            let page = start..part.min(start + 4096);
            if new[page.clone()] != old[page.clone()] {
                image.write(at + Bytes::of(start), &new[page]);
            }
        }
        at += Bytes::of(part);
    }
    Ok(image)
}

fn write_image(path: &Path, image: &Image) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.set_len(image.len().0)?;
    for (at, page) in image.pages() {
        file.seek(SeekFrom::Start(at.0))?;
        file.write_all(page)?;
    }
    Ok(())
}

fn digest(images: &[Image]) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    for image in images {
        image.len().hash(&mut hasher);
        image.pages().for_each(|page| page.hash(&mut hasher));
    }
    hasher.finish()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
