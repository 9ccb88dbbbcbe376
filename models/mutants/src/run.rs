//! Explores the systems that a fault is in with the fault switched on, and says how that ended.

use crate::faults::Fault;
use crate::rewrite::CHOSEN;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

/// How often it is looked whether an exploration is over.
const LOOK: Duration = Duration::from_millis(20);

/// What an exploration with a fault has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A crash state breaks a promise, in a workload that has a name.
    ByDefault,
    /// A crash state of a generated workload breaks one, and none of those that have a name.
    ByGenerated,
    /// The system fails without any crash: no crash state was needed.
    WithoutCrash,
    /// Nothing was found.
    Survived,
    /// It did not come to its end in time, and nothing was found until then.
    TimedOut,
    /// The command failed: its last words.
    Failed(String),
}

/// How faults are run.
pub(crate) struct Runner {
    /// The command with all faults in it.
    pub(crate) command: PathBuf,
    /// A folder for what the runs write.
    pub(crate) folder: PathBuf,
    /// How many generated workloads there are for each system, if nothing else finds it.
    pub(crate) generate: usize,
    /// How long one exploration may take.
    pub(crate) time: Duration,
}

impl Runner {
    /// Runs the faults of these numbers, so many at a time, and tells of each when it is over. In the order of the numbers.
    pub(crate) fn run_all(
        &self,
        faults: &[Fault],
        numbers: &[usize],
        jobs: usize,
        tell: impl Fn(&Fault, &Outcome) + Sync,
    ) -> Vec<Outcome> {
        let (next, results) = (AtomicUsize::new(0), Mutex::new(vec![None; numbers.len()]));
        let work = || {
            while let Some((index, number)) = {
                let index = next.fetch_add(1, Ordering::Relaxed);
                numbers.get(index).map(|number| (index, *number))
            } {
                let fault = &faults[number - 1];
                let outcome = self.run(number, &fault.systems, self.generate.max(fault.generate));
                tell(fault, &outcome);
                results.lock().expect("no worker panics")[index] = Some(outcome);
            }
        };
        thread::scope(|scope| (0..jobs.max(1)).for_each(|_| drop(scope.spawn(work))));
        let results = results.into_inner().expect("no worker panics");
        results.into_iter().map(|outcome| outcome.expect("every number was run")).collect()
    }

    /// Explores the systems with the fault of this number, and so many generated workloads if nothing else finds it; with 0,
    /// without any fault.
    pub(crate) fn run(&self, number: usize, systems: &[String], generate: usize) -> Outcome {
        let by_default = self.explore(number, systems, &[]);
        match by_default {
            Outcome::Survived | Outcome::TimedOut if generate > 0 => {
                match self.explore(number, systems, &["--generate".to_owned(), generate.to_string()]) {
                    Outcome::ByDefault => Outcome::ByGenerated,
                    Outcome::Survived => by_default,
                    other => other,
                }
            }
            outcome => outcome,
        }
    }

    fn explore(&self, number: usize, systems: &[String], more: &[String]) -> Outcome {
        let folder = self.folder.join(number.to_string());
        match self.try_explore(&folder, number, systems, more) {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    fn try_explore(
        &self,
        folder: &Path,
        number: usize,
        systems: &[String],
        more: &[String],
    ) -> io::Result<Outcome> {
        fs::create_dir_all(folder)?;
        let output = folder.join("output");
        let file = fs::File::create(&output)?;
        let mut child = Command::new(&self.command)
            .args(["explore", "--fail-fast", "--no-regressions", "--max-shrink-time", "0"])
            .args(["--jobs", "1", "--progress", "none", "--color", "never"])
            .args(systems)
            .args(more)
            .current_dir(folder)
            .env(CHOSEN, number.to_string())
            .stdin(Stdio::null())
            .stderr(file.try_clone()?)
            .stdout(file)
            .spawn()?;
        let Some(code) = wait(&mut child, self.time)? else { return Ok(Outcome::TimedOut) };
        Ok(match code {
            Some(0) => Outcome::Survived,
            Some(1) => Outcome::ByDefault,
            Some(5) => Outcome::WithoutCrash,
            _ => Outcome::Failed(fs::read_to_string(output)?.trim().to_owned()),
        })
    }
}

/// Waits for a child; ends it if that takes too long, and then gives `None`. Its exit code, if it has one.
fn wait(child: &mut Child, time: Duration) -> io::Result<Option<Option<i32>>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.code()));
        }
        if begun.elapsed() > time {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A runner of a command that does what the shell is told.
    fn runner(folder: &Path, script: &str) -> Runner {
        let command = folder.join("command");
        fs::write(&command, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&command, fs::Permissions::from_mode(0o755)).expect("may be run");
        let time = Duration::from_secs(5);
        Runner { command, folder: folder.to_owned(), generate: 4, time }
    }

    fn outcome(script: &str) -> Outcome {
        let folder = tempfile::tempdir().expect("a folder");
        runner(folder.path(), script).run(3, &["vsfs".to_owned()], 4)
    }

    #[test]
    fn the_exit_code_says_what_became_of_a_fault() {
        assert_eq!(outcome("exit $((CRASHCHECK_MUTANT - 2))"), Outcome::ByDefault);
        assert_eq!(outcome("exit 5"), Outcome::WithoutCrash);
        assert_eq!(outcome("exit 0"), Outcome::Survived);
        assert_eq!(outcome("echo no such system; exit 2"), Outcome::Failed("no such system".to_owned()));
    }

    #[test]
    fn generated_workloads_are_tried_where_those_with_a_name_find_nothing() {
        let generated = "case \"$*\" in *'vsfs --generate 4'*) exit 1;; esac; exit 0";
        assert_eq!(outcome(generated), Outcome::ByGenerated);
    }

    #[test]
    fn what_takes_too_long_is_ended_and_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let runner = Runner { time: Duration::from_millis(60), ..runner(folder.path(), "exec sleep 30") };
        assert_eq!(runner.run(1, &[], 0), Outcome::TimedOut);
    }
}
