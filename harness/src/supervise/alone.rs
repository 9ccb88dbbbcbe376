//! A process that takes with it all that it has started and mounted, however it ends.
//!
//! It begins namespaces of its own for processes and mounts, by the program `unshare` of util-linux: the process becomes `unshare`,
//! and that starts it once more as the first of the namespace. With it ends whatever lives there.

use super::has_supervisor;
use rustix::process::{Pid, Signal, WaitOptions, geteuid, getpid, kill_process, wait};
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

const ALONE: &str = "CRASHCHECK_ALONE";

/// Whether a process is alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alone {
    /// It is.
    Is,
    /// This computer does not let it be; says why.
    Cannot(String),
}

impl Alone {
    /// Makes this process, the child of [`supervise`](super::supervise), one that is alone: what calls this is begun anew and comes
    /// here again.
    ///
    /// # Errors
    /// If that fails although it should not.
    pub fn begin() -> io::Result<Alone> {
        if std::env::var_os(ALONE).is_some() {
            return has_supervisor().map(|()| Alone::Is);
        }
        if let Err(why) = possible() {
            return Ok(Alone::Cannot(why));
        }
        // What becomes of this process dies with the supervisor, and all else with that.
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        has_supervisor()?;
        let again = std::env::current_exe()?;
        let failed = unshare().arg(again).args(std::env::args_os().skip(1)).env(ALONE, "1").exec();
        Err(failed)
    }
}

/// Whether this process is alone.
pub(crate) fn is_alone() -> bool {
    static IS_ALONE: OnceLock<bool> = OnceLock::new();
    *IS_ALONE.get_or_init(|| std::env::var_os(ALONE).is_some() && getpid().is_init())
}

/// Ends whatever programs have left behind that were started here, if this process is alone: it inherits them all.
pub(crate) fn end_strays() -> io::Result<()> {
    if !is_alone() {
        return Ok(());
    }
    loop {
        let others = fs::read_dir("/proc")?.filter_map(|entry| {
            let number = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Pid::from_raw(number).filter(|pid| !pid.is_init())
        });
        let others: Vec<Pid> = others.collect();
        if others.is_empty() {
            return Ok(());
        }
        for other in others {
            // One that has just ended needs no signal.
            let _ = kill_process(other, Signal::KILL);
        }
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        std::thread::sleep(Duration::from_micros(100));
    }
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    if !geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
}

/// Whether a program can be started so.
fn possible() -> Result<(), String> {
    let tried = unshare().arg("true").stdin(Stdio::null()).stdout(Stdio::null()).output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("cannot run unshare (util-linux): {error}")),
    }
}
