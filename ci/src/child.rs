//! Recovery runs in a child process, so that one which takes its process down is a finding too.

use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::interrupt;
use crate::screen::Screen;
use crashcheck::Bytes;
use crashcheck::supervise::{Alone, end_with_supervisor, is_supervised, limit_memory, supervise};
use std::process::Command;

/// Runs this command again as a supervised child, and says how that ended; does the work itself where it is that child. Work that
/// starts programs and mounts folders can be *alone*: whatever it leaves goes when the child does.
///
/// # Errors
/// As the work, or if there can be no child.
pub(crate) fn run(
    memory: Bytes,
    alone: bool,
    screen: &Screen,
    work: impl FnOnce() -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    let trouble =
        |error: std::io::Error| Failure::internal(format!("cannot run recovery in a child: {error}"));
    if is_supervised() {
        match alone.then(Alone::begin).transpose().map_err(trouble)? {
            None => end_with_supervisor().map_err(trouble)?,
            Some(Alone::Is) => {}
            Some(Alone::Cannot(why)) => {
                end_with_supervisor().map_err(trouble)?;
                screen.warn(&format!(
                    "{why}: if this is killed, the folder stays mounted or full, and what it has started goes on"
                ));
            }
        }
        // Programs have their own processes, and may want more.
        if !alone {
            limit_memory(memory).map_err(trouble)?;
        }
        return work();
    }
    let program = std::env::current_exe().map_err(trouble)?;
    let child = || {
        let mut command = Command::new(&program);
        command.args(std::env::args_os().skip(1));
        command
    };
    let status = supervise(child, &*interrupt::count()?).map_err(trouble)?;
    let code = status.code().and_then(ExitCode::from_code);
    code.ok_or_else(|| Failure::internal(format!("the child ended with {status}")))
}
