//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once.

use crate::exit_code::ExitCode;
use crate::failure::Failure;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that becomes true when the user has had enough.
///
/// # Errors
/// If the handler cannot be installed.
pub(crate) fn flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    let handler = move || {
        if seen.swap(true, Ordering::Relaxed) {
            std::process::exit(ExitCode::Interrupted as i32);
        }
    };
    ctrlc::set_handler(handler)
        .map_err(|error| Failure::internal(format!("cannot handle Ctrl-C: {error}")))?;
    Ok(stop)
}
