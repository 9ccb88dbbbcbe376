//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once.

use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crashcheck::supervise::{finished, leave_nothing};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Held from the second signal on, until the process is gone.
static LEAVING: Mutex<()> = Mutex::new(());

/// Comes back only if the process is not leaving: what goes wrong because its folders are gone is nobody's concern.
pub(crate) fn stay_unless_leaving() {
    drop(LEAVING.lock());
}

/// A flag that becomes true when the user has had enough.
///
/// # Errors
/// If the handler cannot be installed.
pub(crate) fn flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    let handler = move || {
        if seen.swap(true, Ordering::Relaxed) {
            let _leaving = LEAVING.lock();
            finished();
            leave_nothing();
            std::process::exit(ExitCode::Interrupted as i32);
        }
    };
    ctrlc::set_handler(handler)
        .map_err(|error| Failure::internal(format!("cannot handle Ctrl-C: {error}")))?;
    Ok(stop)
}

/// Counts the signals, for a process that passes them on.
///
/// # Errors
/// If the handler cannot be installed.
pub(crate) fn count() -> Result<Arc<AtomicUsize>, Failure> {
    let signals = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&signals);
    let handler = move || {
        seen.fetch_add(1, Ordering::Relaxed);
    };
    ctrlc::set_handler(handler)
        .map_err(|error| Failure::internal(format!("cannot handle Ctrl-C: {error}")))?;
    Ok(signals)
}
