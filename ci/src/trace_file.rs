//! Traces from files.

use crate::args::InputArgs;
use crate::failure::Failure;
use crate::screen::Screen;
use crashcheck::Bytes;
use crashcheck::trace::container::Limits;
use crashcheck::trace::import::{self, Imported, Options};
use std::path::Path;

/// Opens a trace of any format, and warns of what is odd about it.
///
/// # Errors
/// If it is none; says what is wrong at which byte.
pub(crate) fn open(path: &Path, input: &InputArgs, screen: &Screen) -> Result<Imported, Failure> {
    let base = input
        .base
        .as_deref()
        .map(|base| import::read_base(base, Limits::default()).map_err(|error| Failure::file(base, error)));
    let (format, uncounted) = (input.format, input.uncounted);
    let options = Options { format, base: base.transpose()?, uncounted, ..Options::default() };
    let mut imported = import::open_with(path, &options).map_err(|error| Failure::file(path, error))?;
    if let Some(len) = input.device_len {
        let [device] = &mut imported.trace.devices[..] else {
            let devices = imported.trace.devices.len();
            return Err(Failure::usage(format!(
                "{}: --device-len is for one device, and this trace has {devices}",
                path.display()
            )));
        };
        device.base.resize(Bytes(len));
    }
    imported.trace.validate().map_err(|error| Failure::file(path, error))?;
    for warning in &imported.warnings {
        screen.warn(&format!("{}: {warning}", path.display()));
    }
    Ok(imported)
}

/// The name of a trace within a replay id, which allows few characters.
pub(crate) fn name(path: &Path) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_-@.".contains(c) { c } else { '_' };
    let name: String = path.file_name().unwrap_or_default().to_string_lossy().chars().map(plain).collect();
    if name.is_empty() { "trace".to_owned() } else { name }
}
