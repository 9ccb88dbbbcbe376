//! A recovery that takes its process down (it exits, aborts, overflows its stack, eats all memory) is a finding too.
//!
//! The exploration runs in a child process. If the child dies, it is started once more with a *trail*: before a recovery
//! is run, and whenever it looks at something, that is noted in a file. The walk is deterministic, so the child dies at
//! the same state, and the trail tells which. From then on that state is not run any more: it fails, for the reason the
//! child died of. States that do not kill anything cost nothing.

#[cfg(feature = "program")]
mod alone;
pub(crate) mod in_test;

#[cfg(feature = "program")]
pub use alone::Alone;
#[cfg(feature = "program")]
pub(crate) use alone::{end_strays, is_alone};

use crate::scratch::{self, Scratch};
use crashcheck_trace::Bytes;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getpid, getrlimit, kill_process, kill_process_group, setrlimit,
};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const DIRECTORY: &str = "CRASHCHECK_SUPERVISED";
const TRAIL: &str = "CRASHCHECK_TRAIL";

/// After so many deaths the run is given up.
const DEATHS: usize = 32;

/// Runs a command that explores, as often as needed to get to its end. The command must be one that, when it finds
/// itself supervised ([`is_supervised`]), does the work and then calls [`finished`]. Whenever `signals` grows, the child
/// is sent SIGTERM.
///
/// # Errors
/// If the command cannot be started, or dies in too many different states.
pub fn supervise(command: impl Fn() -> Command, signals: &AtomicUsize) -> io::Result<ExitStatus> {
    let directory = Scratch::new()?;
    until_finished(
        directory.path(),
        || {
            let mut command = command();
            // In a process group of its own it gets no signal of the terminal beside those passed on.
            command.process_group(0);
            command
        },
        |mut command| wait(&mut command.spawn()?, signals),
    )
}

/// Runs a command as often as needed to get to its end. What `run` fails with ends that.
fn until_finished<E: From<io::Error>>(
    directory: &Path,
    command: impl Fn() -> Command,
    mut run: impl FnMut(Command) -> Result<ExitStatus, E>,
) -> Result<ExitStatus, E> {
    let mut trail = false;
    for _ in 0..DEATHS {
        let mut command = command();
        command.env(DIRECTORY, directory);
        if trail {
            command.env(TRAIL, "1");
        }
        let status = run(command)?;
        if directory.join("finished").exists() {
            return Ok(status);
        }
        if trail {
            note_death(directory, status)?;
        }
        trail = true;
    }
    let why = format!("recovery took the process down in more than {DEATHS} states: giving up");
    Err(io::Error::other(why).into())
}

/// Waits for a child, and passes signals on to it.
fn wait(child: &mut Child, signals: &AtomicUsize) -> io::Result<ExitStatus> {
    let mut passed = 0;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        while passed < signals.load(Ordering::Relaxed) {
            passed += 1;
            // All of the group: what is alone has a process above it that takes no signals.
            kill_process_group(Pid::from_child(child), Signal::TERM)?;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether this process is the child of [`supervise`].
pub fn is_supervised() -> bool {
    std::env::var_os(DIRECTORY).is_some()
}

/// Says that this process has come to its end in good order, whatever its exit code will be.
pub fn finished() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        // Without the note the supervisor starts over, and says so when it gives up.
        let _ = File::create(PathBuf::from(directory).join("finished"));
    }
}

/// Removes the temporary folders of this process at once, for one that leaves in the middle of its work.
pub fn leave_nothing() {
    scratch::remove_all();
}

/// Has this process, the child of [`supervise`], end in good order if its supervisor is killed: it is sent SIGTERM then.
///
/// # Errors
/// If the system refuses.
pub fn end_with_supervisor() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
    has_supervisor()
}

/// Makes sure that the supervisor is still there: one that had gone before it was to be told of sends no signal.
fn has_supervisor() -> io::Result<()> {
    match std::env::var_os(DIRECTORY).is_some_and(|folder| scratch::is_left(Path::new(&folder))) {
        true => Err(io::Error::other("the process that has started it is gone")),
        false => Ok(()),
    }
}

/// Limits the memory of this process. An allocation beyond it takes the process down.
///
/// # Errors
/// If the system refuses the limit.
pub fn limit_memory(most: Bytes) -> io::Result<()> {
    let maximum = getrlimit(Resource::As).maximum;
    let current = Some(maximum.map_or(most.0, |hard| most.0.min(hard)));
    Ok(setrlimit(Resource::As, Rlimit { current, maximum })?)
}

/// Stops this process before recovery in a life, 2 being the one that follows the crash of the workload, until a debugger
/// or SIGCONT lets it go on.
pub(crate) fn stop_for_debugger(life: u8) {
    let (pid, life) = (std::process::id(), life + 1);
    // What a test prints may be kept back until it ends, and nobody would know what to attach to.
    let _ = writeln!(
        io::stderr(),
        "crashcheck: process {pid} stops before the recovery that begins life {life}; attach a debugger to it, or let it go on \
         with: kill -CONT {pid}"
    );
    // A process that cannot be stopped goes on.
    let _ = kill_process(getpid(), Signal::STOP);
}

/// Moves the state on the trail to those that kill.
fn note_death(directory: &Path, status: ExitStatus) -> io::Result<()> {
    let trail = fs::read_to_string(directory.join("trail")).unwrap_or_default();
    let Some((state, cells)) = trail.split_once('\n') else {
        return Err(io::Error::other(format!(
            "the exploration died ({status}) while no recovery was running"
        )));
    };
    let mut deaths = OpenOptions::new().create(true).append(true).open(directory.join("deaths"))?;
    writeln!(deaths, "{state}\t{status}\t{}", cells.replace('\n', " "))?;
    fs::remove_file(directory.join("trail"))
}

/// A state that took the process down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    /// How the process ended.
    pub(crate) how: String,
    /// What recovery had looked at: cells of lives, which are counted from 0.
    pub(crate) cells: Vec<(usize, u32)>,
}

/// What a supervised process knows of the deaths of its predecessors.
pub(crate) struct Supervised {
    deaths: Vec<(String, Death)>,
    trail: PathBuf,
}

/// What this process knows; `None` if it is not supervised or none has died.
pub(crate) fn supervised() -> Option<&'static Supervised> {
    static KNOWN: OnceLock<Option<Supervised>> = OnceLock::new();
    KNOWN.get_or_init(Supervised::read).as_ref()
}

impl Supervised {
    fn read() -> Option<Supervised> {
        let directory = PathBuf::from(std::env::var_os(DIRECTORY)?);
        std::env::var_os(TRAIL)?;
        let text = fs::read_to_string(directory.join("deaths")).unwrap_or_default();
        let death = |line: &str| {
            let mut parts = line.split('\t');
            let (state, how, cells) = (parts.next()?, parts.next()?, parts.next()?);
            let look = |text: &str| {
                let (life, cell) = text.split_once('.')?;
                Some((life.parse().ok()?, cell.parse().ok()?))
            };
            let cells = cells.split_whitespace().filter_map(look).collect();
            Some((state.to_owned(), Death { how: how.to_owned(), cells }))
        };
        let deaths = text.lines().filter_map(death).collect();
        Some(Supervised { deaths, trail: directory.join("trail") })
    }

    /// How an earlier process died of this state.
    pub(crate) fn death(&self, state: &str) -> Option<&Death> {
        self.deaths.iter().find(|(known, _)| known == state).map(|(_, death)| death)
    }

    /// Begins the trail of a state.
    pub(crate) fn begin(&self, state: &str) -> Option<Trail> {
        let mut file = File::create(&self.trail).ok()?;
        writeln!(file, "{state}").ok()?;
        Some(Trail(file))
    }
}

/// The trail of the state that is being run.
pub(crate) struct Trail(File);

impl Drop for Trail {
    /// The state is done: a death from now on is not its.
    fn drop(&mut self) {
        let _ = self.0.set_len(0);
    }
}

impl Trail {
    /// Notes that recovery looks at a cell of a life.
    pub(crate) fn look(&mut self, life: usize, cell: u32) {
        // A trail that cannot be written leads to a state with fewer answers, which fails as well.
        let _ = writeln!(self.0, "{life}.{cell}");
    }
}
