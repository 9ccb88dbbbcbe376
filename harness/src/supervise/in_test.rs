//! A `check` in a test is supervised by the test itself: the child is the same test binary, which is asked for that one test
//! alone. It comes to the same call of `check` by itself, explores there, writes down what came of it, and leaves. What the
//! test does after that call is done by the parent alone.

use super::{DIRECTORY, finished, is_supervised, until_finished};
use crate::scratch::Scratch;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What makes every `check` explore in the process of its test.
const IN_PROCESS: &str = "CRASHCHECK_IN_PROCESS";

/// After so long a child that has not come to its call is given up: it may wait for what its parent holds.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a `check` prints, or panics with.
pub(crate) type Outcome = Result<String, String>;

/// What a call of `check` has to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    /// A hash of what is explored: a child that comes to something else does not do it.
    pub(crate) identity: u64,
    /// The folder of the stored failures. A test may make one of its own, and its child another.
    pub(crate) regressions: Option<PathBuf>,
    /// Whether one finding is enough, because recovery takes the process down in too many states.
    pub(crate) only_first: bool,
}

/// Which call of `check` a child is there for.
#[derive(Serialize, Deserialize)]
struct Call {
    test: String,
    parent: u32,
    /// How the calls before it ended. The child does not repeat them.
    earlier: Vec<Outcome>,
    task: Task,
}

/// Why a child has no answer.
enum Failed {
    /// It has not come to its call.
    NotReached,
    Died(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Failed::Died(error)
    }
}

thread_local! {
    /// How the calls of `check` in this test have ended.
    static ENDED: RefCell<Vec<Outcome>> = const { RefCell::new(Vec::new()) };
}

/// The test that runs on this thread, if its binary can be asked for it once more, and nobody wants it to stay here.
pub(crate) fn this_test() -> Option<String> {
    let in_process = cfg!(miri) || std::env::var_os(IN_PROCESS).is_some_and(|value| value == "1");
    test_name().filter(|_| !in_process)
}

/// The name of the test that runs on this thread: libtest names its threads after the tests, and cargo keeps test binaries
/// in a directory of this name.
pub(crate) fn test_name() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let is_test = program.parent().is_some_and(|folder| folder.ends_with("deps"));
    let thread = std::thread::current();
    let test = thread.name().filter(|name| *name != "main" && is_test)?;
    Some(test.to_owned())
}

/// Does the work of a call of `check` in a child, or, in a child, what this one is there for.
pub(crate) fn check(test: &str, task: &Task, work: impl Fn(&Task) -> Outcome) -> Outcome {
    let outcome = match Call::of_this_process(test) {
        Some((directory, call)) => call.answer(&directory, task, work),
        None if is_supervised() => work(task),
        None => in_child(test, task, work),
    };
    ENDED.with_borrow_mut(|ended| ended.push(outcome.clone()));
    outcome
}

fn in_child(test: &str, task: &Task, work: impl Fn(&Task) -> Outcome) -> Outcome {
    let answer = ask(test, task).or_else(|failed| match failed {
        Failed::NotReached => Err(failed),
        Failed::Died(_) => ask(test, &Task { only_first: true, ..task.clone() }),
    });
    let why = match answer {
        Ok(Some(outcome)) => return outcome,
        Err(Failed::Died(error)) => return Err(error.to_string()),
        Ok(None) => "is about something else every time that the test runs",
        Err(Failed::NotReached) => "is not reached when the test runs once more in a child process",
    };
    eprintln!("note: this check {why}; it is explored in the process of the test");
    work(task)
}

/// What children say; `None` if they came to something else.
fn ask(test: &str, task: &Task) -> Result<Option<Outcome>, Failed> {
    let (directory, program) = prepare(test, task).map_err(|_| Failed::NotReached)?;
    let directory = directory.path();
    let command = || {
        let mut command = Command::new(&program);
        command.args(["--exact", test, "--nocapture", "--include-ignored"]).stdin(Stdio::null());
        // The child leaves in the middle of the test, and its temporary files stay.
        command.env("TMPDIR", directory.join("tmp"));
        command
    };
    let ended = until_finished(directory, command, |command| run(command, directory));
    if ended.is_ok() || (task.only_first && matches!(ended, Err(Failed::Died(_)))) {
        print!("{}", printed(directory, "stdout", test));
        eprint!("{}", printed(directory, "stderr", test));
    }
    ended?;
    Ok(serde_json::from_slice(&fs::read(directory.join("outcome"))?).map_err(io::Error::from)?)
}

/// The directory that a child is told in what to do, and the program.
fn prepare(test: &str, task: &Task) -> io::Result<(Scratch, PathBuf)> {
    let directory = Scratch::new()?;
    let earlier = ENDED.with_borrow(Clone::clone);
    let call = Call { test: test.to_owned(), parent: std::process::id(), earlier, task: task.clone() };
    fs::write(directory.path().join("call"), serde_json::to_vec(&call)?)?;
    fs::create_dir(directory.path().join("tmp"))?;
    Ok((directory, std::env::current_exe()?))
}

/// Runs a child until it ends.
fn run(mut command: Command, directory: &Path) -> Result<ExitStatus, Failed> {
    let begun = directory.join("begun");
    let mut start = || {
        let _ = fs::remove_file(&begun);
        command.stdout(output(directory, "stdout")?).stderr(output(directory, "stderr")?).spawn()
    };
    let mut child = start().map_err(|_| Failed::NotReached)?;
    let started = Instant::now();
    while !begun.exists() {
        let ended = child.try_wait()?;
        if begun.exists() {
            break;
        }
        if ended.is_some() || started.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Err(Failed::NotReached);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(child.wait()?)
}

/// An empty file that is appended to, so that it can be emptied by whoever has not opened it.
fn output(directory: &Path, name: &str) -> io::Result<File> {
    let path = directory.join(name);
    File::create(&path)?;
    OpenOptions::new().append(true).open(path)
}

/// What the last child has printed, but for what libtest says of it.
fn printed(directory: &Path, name: &str, test: &str) -> String {
    let bytes = fs::read(directory.join(name)).unwrap_or_default();
    let slow = format!("test {test} has been running for over ");
    let text = String::from_utf8_lossy(&bytes);
    text.split_inclusive('\n').filter(|line| !line.starts_with(&slow)).collect()
}

impl Call {
    /// What this process is there for, if it is the child of a `check` in this test.
    fn of_this_process(test: &str) -> Option<(PathBuf, Call)> {
        let directory = PathBuf::from(std::env::var_os(DIRECTORY)?);
        let call: Call = serde_json::from_slice(&fs::read(directory.join("call")).ok()?).ok()?;
        (call.test == test).then_some((directory, call))
    }

    /// Repeats how an earlier call ended, or does the work and leaves.
    fn answer(&self, directory: &Path, task: &Task, work: impl Fn(&Task) -> Outcome) -> Outcome {
        if let Some(outcome) = self.earlier.get(ENDED.with_borrow(Vec::len)) {
            return outcome.clone();
        }
        self.end_with_parent();
        let answered = begin(directory).and_then(|()| {
            let outcome = (self.task.identity == task.identity).then(|| work(&self.task));
            fs::write(directory.join("outcome"), serde_json::to_vec(&outcome)?)
        });
        // Without an answer it counts as dead, and the parent says how it ended.
        if answered.is_ok() {
            finished();
        }
        std::process::exit(i32::from(answered.is_err()))
    }

    /// A parent that is killed takes its child along.
    fn end_with_parent(&self) {
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
        if std::os::unix::process::parent_id() != self.parent {
            std::process::exit(1);
        }
    }
}

/// Says that the call is reached, and forgets what was printed before: the parent has printed it as well.
fn begin(directory: &Path) -> io::Result<()> {
    io::stdout().flush()?;
    File::create(directory.join("stdout"))?;
    File::create(directory.join("stderr"))?;
    File::create(directory.join("begun")).map(drop)
}
