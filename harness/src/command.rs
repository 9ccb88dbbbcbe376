//! A trace recorded elsewhere, with commands as its recovery and its checks.
//!
//! Every crash state is written to an image file, and `{image}` in a command stands for its path; of several devices
//! `{image0}`, `{image1}` and so on stand for those of each, and `{image}` for the first. Commands are split into words as a shell does, and run without one. A check finds in its
//! environment how many operations were acknowledged as durable (`CRASHCHECK_DURABLE_OPS`) and how many had begun
//! (`CRASHCHECK_BEGUN_OPS`) when the power went. A command succeeds with exit code 0; one whose name contains `fsck` also
//! with 1 and 2, which mean that it has repaired something (fsck(8)), when it is the recovery.

mod elsewhere;
mod files;
mod folder;
#[cfg(feature = "program")]
mod program;
mod words;

use crate::choice::{Plan, Pole};
use crate::disk::Disk;
use crate::explore::{
    Compared, Context, Instance, Kind, Lived, Naming, Options, Past, Progress, Recovered, Shown, Shows, Walk,
    Watched, look,
};
use crate::judge::{Violation, Window};
use crate::replay::{Replayed, replay};
use crate::scratch::Scratch;
use crate::shrink::{Smaller, begun_after, shrink_trace};
use crate::sites::tell_noted_sites;
use crate::tasks::{advised, explored};
use crashcheck_outcome::{Advice, Coverage, Exploration, Verdict};
use crashcheck_trace::Bytes;
use crashcheck_trace::{Device, DeviceId, Event, Image, ReplayId, Trace};
use files::{ImageFile, read_device};
pub use folder::{Folder, Fuse};
#[cfg(feature = "program")]
use program::Program;
#[cfg(feature = "program")]
pub use program::{LogError, MountError, ProgramError, ProgramRecording, record_program, record_strace_log};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use thiserror::Error;
use words::Words;

/// The recovery of a recorded system, and the checks of what it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commands {
    /// Recovers the image.
    pub recover: String,
    /// Checks the recovered image; each must succeed.
    pub checks: Vec<String>,
    /// How long one command may take.
    pub timeout: Duration,
    /// So many events of the trace had happened, and were durable, before the power may fail: making a file system, say.
    pub from: usize,
    /// Where the tree of files is that the trace is of, if it is of one.
    pub folder: Option<Folder>,
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
    /// A name in braces stands for nothing.
    #[error(
        "`{command}`: {{{name}}} stands for nothing; {known} (a space behind a brace keeps a word from being such a name)"
    )]
    Placeholder {
        /// The text.
        command: String,
        /// The name in braces.
        name: String,
        /// Which there are.
        known: String,
    },
    /// The recovery does not get an image.
    #[error("`{command}` is not told what to recover; {known}")]
    NoImage {
        /// The text.
        command: String,
        /// What stands for an image.
        known: String,
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
    #[error("profile '{profile}' lets devices fail, which no command can see: what it is given never fails")]
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
    /// The trace is of a tree of files, and nobody says where that should be.
    #[error("the trace is of a program's files: --files names the folder in which its commands find them")]
    NoFolder,
    /// The trace is not of a tree of files.
    #[error(
        "--files names a folder, but the trace is of devices: {{image}} in a command stands for the path of an image"
    )]
    NoTree,
    /// This build cannot mount a tree of files.
    #[error("this build cannot mount a tree of files: build crashcheck with the feature program, on Linux")]
    NoProgram,
    /// What acknowledges an operation is no regular expression.
    #[error("{ack:?} is no regular expression: {why}")]
    Ack {
        /// What it should be.
        ack: String,
        /// Why it is none.
        why: String,
    },
    /// The folder cannot be served.
    #[cfg(feature = "program")]
    #[error(transparent)]
    Folder(#[from] MountError),
    /// The beginning of the trace cannot be taken for what the devices held.
    #[error(
        "the first {events} events cannot be taken as done: one of them reaches beyond its device, or is for a flash chip; \
         let the power fail from the beginning on"
    )]
    From {
        /// How many.
        events: usize,
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
    // With its own numbers of events, whatever the power fails after.
    let whole = trace.clone();
    let recorded = RecordedTrace::new(trace, name, commands, options)?;
    let context = &recorded.context;
    if let Some(why) = recorded.without_crash() {
        return recorded.unless_in_trouble(broken(context, options, why));
    }
    let shrink = options.shrink.clone().filter(|_| recorded.can_shrink());
    // The cause is looked for when a finding is small.
    let explain = options.explain && shrink.is_none();
    let options = &Options { shrink, ..options.clone() };
    let mut exploration = explored(context, &Options { explain, ..options.clone() }, stop, &mut *report);
    shrink_trace(context, options, &mut exploration, stop, &mut *report);
    exploration.notes.extend(recorded.notes());
    let mut exploration = recorded.unless_in_trouble(exploration)?;
    let elsewhere = elsewhere::elsewhere((&whole, name), commands, options, &exploration, stop, report)?;
    exploration.notes.extend(elsewhere);
    exploration.findings.iter_mut().for_each(|finding| tell_noted_sites(&whole, finding));
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
    let recorded = RecordedTrace::new(trace, name, commands, options)?;
    let advice = match recorded.without_crash() {
        Some(why) => Advice { exploration: broken(&recorded.context, options, why), flushes: Vec::new() },
        None => advised(&recorded.context, options, stop, report),
    };
    recorded.unless_in_trouble(advice)
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
    let recorded = RecordedTrace::new(trace, name, commands, options)?;
    let replayed = replay(&recorded.context, options, state, Watched::Kept);
    recorded.unless_in_trouble(replayed)
}

/// A trace whose crash states are recovered by commands.
struct RecordedTrace {
    context: Arc<Context>,
    recoverer: Arc<Recoverer>,
    trouble: Trouble,
}

/// What recovers, by what it is given.
enum Recoverer {
    /// Image files.
    Images(Box<External>),
    /// A folder with files.
    #[cfg(feature = "program")]
    Folder(Box<Program>),
}

impl Recoverer {
    #[cfg(feature = "program")]
    fn folder(
        trace: &Trace,
        commands: &Commands,
        folder: &Folder,
        trouble: &Trouble,
    ) -> Result<Recoverer, CommandError> {
        let program = Program::new(trace, commands, folder, trouble)?;
        Ok(Recoverer::Folder(Box::new(program)))
    }

    #[cfg(not(feature = "program"))]
    fn folder(_: &Trace, _: &Commands, _: &Folder, _: &Trouble) -> Result<Recoverer, CommandError> {
        Err(CommandError::NoProgram)
    }

    fn instance(&self) -> &dyn Instance {
        match self {
            Recoverer::Images(external) => &**external,
            #[cfg(feature = "program")]
            Recoverer::Folder(program) => &**program,
        }
    }
}

/// What this machine could not do: no fault of what is under test.
type Trouble = Arc<Mutex<Option<std::io::Error>>>;

impl RecordedTrace {
    fn new(
        trace: Trace,
        name: &str,
        commands: &Commands,
        options: &Options,
    ) -> Result<RecordedTrace, CommandError> {
        if !options.profile.faults.is_none() {
            return Err(CommandError::Faults { profile: options.profile.name.clone() });
        }
        if trace.nodes() > 0 && options.profile.cluster.is_some() {
            return Err(CommandError::OneByOne { profile: options.profile.name.clone() });
        }
        let (trace, numbers) = match commands.from {
            0 => (trace, Vec::new()),
            events => {
                let begun = begun_after(&trace, events, options.profile.discard);
                let Smaller { trace, kept } = begun.ok_or(CommandError::From { events })?;
                (trace, kept.iter().map(|event| event.0).collect())
            }
        };
        let naming = Naming {
            system: "trace".to_owned(),
            workload: name.to_owned(),
            trace_hash: trace.fingerprint(),
            ..Naming::default()
        };
        let trouble = Trouble::default();
        let is_tree = trace.devices.first().is_some_and(Device::is_directory);
        let recoverer = match &commands.folder {
            None if is_tree => return Err(CommandError::NoFolder),
            Some(_) if !is_tree => return Err(CommandError::NoTree),
            None => Recoverer::Images(Box::new(External::new(&trace, commands, &trouble)?)),
            Some(folder) => Recoverer::folder(&trace, commands, folder, &trouble)?,
        };
        let recoverer = Arc::new(recoverer);
        let instance = Arc::clone(&recoverer);
        let context = Context::new(instance, naming, Arc::new(trace), options).told_by(numbers);
        Ok(RecordedTrace { context: Arc::new(context), recoverer, trouble })
    }

    /// What fails at the beginning or the end of the trace, where no power fails; in a sentence.
    fn without_crash(&self) -> Option<String> {
        match &*self.recoverer {
            Recoverer::Images(_) => without_crash(&self.context),
            #[cfg(feature = "program")]
            Recoverer::Folder(program) => program.without_crash(),
        }
    }

    /// Whether events can be left out of the trace: what a program should show is known of the whole trace only.
    fn can_shrink(&self) -> bool {
        matches!(*self.recoverer, Recoverer::Images(_))
    }

    /// What was not looked at.
    fn notes(&self) -> Vec<String> {
        match &*self.recoverer {
            Recoverer::Images(_) => Vec::new(),
            #[cfg(feature = "program")]
            Recoverer::Folder(program) => program.notes(),
        }
    }

    /// What came of it, unless the machine could not do it.
    fn unless_in_trouble<T>(&self, result: T) -> Result<T, CommandError> {
        #[cfg(feature = "program")]
        if let Recoverer::Folder(program) = &*self.recoverer {
            program.end();
        }
        lock(&self.trouble).take().map_or(Ok(result), |error| Err(CommandError::Images(error)))
    }
}

/// What fails at the beginning or the end of a trace, where no power fails; in a sentence.
fn without_crash(context: &Arc<Context>) -> Option<String> {
    let timeline = &context.timeline;
    let fails = |epoch: usize, pole, point: usize| {
        let leaf = look(context, epoch as u32, Plan::pole(pole));
        let violation = context.judged(&leaf.end.recovered, None, timeline.windows[point]).err()?;
        violation.detail.lines().next().map(str::to_owned)
    };
    if let Some(said) = fails(0, Pole::Oldest, 0) {
        return Some(format!(
            "recovery or check fails before the first event: {said}; if the device was not empty when the \
             recording began, --base is to give what it held, and if the recording begins with making a file system, \
             --from-mark or --from-event the moment from which on the power may fail"
        ));
    }
    let said = fails(timeline.epochs.len() - 1, Pole::Newest, context.trace.events.len())?;
    Some(format!(
        "recovery or check fails at the end of the recording, where nothing is lost: {said}; a format without \
         contents, such as those of fio and blktrace, has no state that a real check passes"
    ))
}

/// What there is to say of a trace that fails without any crash.
fn broken(context: &Arc<Context>, options: &Options, why: String) -> Exploration {
    let tally = Walk::new(Arc::clone(context), options, &AtomicBool::new(true)).run(|_| ());
    let exploration = tally.into_exploration(options.strategy.name(), options.jobs, &BTreeMap::new());
    let coverage = Coverage { left_out: None, ..exploration.coverage };
    Exploration { verdict: Verdict::Broken, reason: Some(why), notes: Vec::new(), coverage, ..exploration }
}

/// Commands that recover from crash states in files.
struct External {
    recover: Words,
    checks: Vec<Words>,
    timeout: Duration,
    base: Vec<Image>,
    /// By device: whether its length is part of its state, as that of a file.
    resizable: Vec<bool>,
    work: Scratch,
    trouble: Trouble,
    /// What the checks said of an image in a window.
    known: Mutex<FxHashMap<(Left, Window), Result<(), Violation>>>,
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
    fn new(trace: &Trace, commands: &Commands, trouble: &Trouble) -> Result<External, CommandError> {
        let devices = trace.devices.len();
        let external = External {
            recover: Words::with_image(&commands.recover, devices)?,
            checks: commands
                .checks
                .iter()
                .map(|check| Words::new(check, devices))
                .collect::<Result<_, _>>()?,
            timeout: commands.timeout,
            base: trace.devices.iter().map(|device| device.base.clone()).collect(),
            resizable: resizable(trace),
            work: Scratch::in_memory().map_err(CommandError::Images)?,
            trouble: Arc::clone(trouble),
            known: Mutex::new(FxHashMap::default()),
        };
        for words in external.checks.iter().chain([&external.recover]) {
            words.can_start()?;
        }
        Ok(external)
    }

    fn recover_in(&self, directory: &Path, disk: &Disk) -> std::io::Result<Recovered> {
        let files = (0..self.base.len()).map(|device| {
            let path = directory.join(format!("image{device}"));
            ImageFile::of_device(&disk.device(DeviceId(device as u16)), path)
        });
        let files: Vec<ImageFile> = files.collect::<std::io::Result<_>>()?;
        let failed = |why: String| Ok(Recovered::failed(Violation::new("recovers", why)));
        if let Err(why) = self.recover.run(&paths(&files), &[], self.timeout, true)? {
            return failed(why);
        }
        let mut images = Vec::new();
        for ((file, base), resizable) in files.iter().zip(&self.base).zip(&self.resizable) {
            if let Some(what) = file.misused(*resizable)? {
                return failed(format!("recovery {what}"));
            }
            images.push(file.read(base)?);
        }
        let left = Left { digest: digest(&images), images: Arc::new(images) };
        let kind = Kind { found: None, shows: Shows::Words("recovery succeeds".into()) };
        Ok(Recovered { shown: Ok(Shown::new(left)), after: Ok(()), kind })
    }

    fn check_in(
        &self,
        directory: &Path,
        left: &Left,
        window: Window,
    ) -> std::io::Result<Result<(), Violation>> {
        let images = left.images.iter().enumerate();
        let files =
            images.map(|(nth, image)| ImageFile::of_image(image, directory.join(format!("image{nth}"))));
        let files: Vec<ImageFile> = files.collect::<std::io::Result<_>>()?;
        let environment =
            [("CRASHCHECK_DURABLE_OPS", window.durable), ("CRASHCHECK_BEGUN_OPS", window.begun)];
        for check in &self.checks {
            if let Err(why) = check.run(&paths(&files), &environment, self.timeout, false)? {
                return Ok(Err(Violation::new("checked", why)));
            }
        }
        Ok(Ok(()))
    }

    /// Runs something that needs image files, in a directory that no other state has. Trouble with them is not the system's:
    /// after it nothing more is run.
    fn with_files<T>(&self, run: impl FnOnce(&Path) -> std::io::Result<T>) -> Result<T, Violation> {
        let mut trouble = lock(&self.trouble);
        if trouble.is_none() {
            drop(trouble);
            match TempDir::new_in(self.work.path()).and_then(|directory| run(directory.path())) {
                Ok(result) => return Ok(result),
                Err(error) => {
                    trouble = lock(&self.trouble);
                    trouble.get_or_insert(error);
                }
            }
        }
        Err(Violation::new("harness", "image files cannot be handled"))
    }
}

fn paths(files: &[ImageFile]) -> Vec<PathBuf> {
    files.iter().map(|file| file.path.clone()).collect()
}

/// By device: whether its length is part of its state, as that of a file.
fn resizable(trace: &Trace) -> Vec<bool> {
    let mut resizable: Vec<bool> = trace.devices.iter().map(|device| device.block == Bytes(1)).collect();
    for event in &trace.events {
        if let Event::Resize { device, .. } = event {
            resizable[device.index()] = true;
        }
    }
    resizable
}

impl Instance for External {
    fn live(&self, disk: &Disk) -> Lived {
        let disk = disk.power_on();
        let recovered = self.with_files(|directory| self.recover_in(directory, &disk));
        Lived::last(recovered.unwrap_or_else(|violation| {
            // What could not be written was asked for all the same: the walk must not take it for a state that asks less.
            for device in 0..self.base.len() {
                let device = disk.device(DeviceId(device as u16));
                let _ = device.len().map(|_| read_device(&device, |_, _| Ok(())));
            }
            Recovered::failed(violation)
        }))
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

    fn devices(&self, shown: &Shown) -> Option<Vec<Image>> {
        Some(shown.get::<Left>().images.to_vec())
    }

    fn promises(&self) -> Vec<&'static str> {
        if self.checks.is_empty() { vec!["recovers"] } else { vec!["recovers", "checked"] }
    }

    fn eager(&self) -> bool {
        true
    }

    fn limits_time(&self) -> bool {
        true
    }
}

impl Instance for Arc<Recoverer> {
    fn live(&self, disk: &Disk) -> Lived {
        self.instance().live(disk)
    }

    fn judge(&self, shown: &Shown, past: Option<&Past>, window: Window) -> Result<(), Violation> {
        self.instance().judge(shown, past, window)
    }

    fn compare(&self, shown: &Shown, past: Option<&Past>, window: Window) -> Compared {
        self.instance().compare(shown, past, window)
    }

    fn promises(&self) -> Vec<&'static str> {
        self.instance().promises()
    }

    fn devices(&self, shown: &Shown) -> Option<Vec<Image>> {
        self.instance().devices(shown)
    }

    fn eager(&self) -> bool {
        self.instance().eager()
    }

    fn has_later_lives(&self) -> bool {
        self.instance().has_later_lives()
    }

    fn limits_time(&self) -> bool {
        self.instance().limits_time()
    }
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
