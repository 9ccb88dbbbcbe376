//! The files that blktrace writes beside each other: one for each processor, with what was issued and completed there.

use super::{ImportError, Imported, Options};
use crate::formats::blktrace;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// The files of all processors, by their numbers: this one and those beside it.
pub(super) type Processors = BTreeMap<u32, PathBuf>;

/// The files of all processors, if this is the file of one and does not lie alone.
pub(super) fn beside(path: &Path) -> Option<Processors> {
    let (trace, number) = path.file_name().and_then(processor)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Who may read a file need not be allowed to list its folder.
    let entries = fs::read_dir(folder).ok()?;
    let mut all = Processors::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        match processor(&name) {
            Some((other, number)) if other == trace && entry.path().is_file() => {
                all.insert(number, entry.path());
            }
            _ => {}
        }
    }
    all.insert(number, path.to_owned());
    (all.len() > 1).then_some(all)
}

/// `sda.blktrace.3` is the file of processor 3 in the trace `sda.blktrace`.
fn processor(name: &OsStr) -> Option<(&[u8], u32)> {
    let name = name.as_encoded_bytes();
    let dot = name.iter().rposition(|byte| *byte == b'.')?;
    let (trace, digits) = (&name[..dot], str::from_utf8(&name[dot + 1..]).ok()?);
    let number: u32 = digits.parse().ok()?;
    (trace.ends_with(b".blktrace") && number.to_string() == digits).then_some((trace, number))
}

/// Imports the files of all processors as one trace, and says so.
///
/// # Errors
/// As [`blktrace::import_all`], and if one of the files cannot be opened.
pub(super) fn read(path: &Path, all: &Processors, options: &Options) -> Result<Imported, ImportError> {
    let mut files = Vec::new();
    for path in all.values() {
        let name = name(path);
        let file = File::open(path)
            .map_err(|error| ImportError { file: Some(name.clone()), ..ImportError::new(0, error) })?;
        files.push((name, BufReader::with_capacity(64 << 10, file)));
    }
    let mut imported = blktrace::import_all(files, options)?;
    imported.warnings.insert(0, told(path, all));
    Ok(imported)
}

fn told(path: &Path, all: &Processors) -> String {
    let others: Vec<String> = all.values().filter(|other| *other != path).map(|other| name(other)).collect();
    let others = match others.as_slice() {
        [] => "nothing beside it is".to_owned(),
        [one] => format!("{one} beside it is"),
        [one, two] => format!("{one} and {two} beside it are"),
        [first, .., last] => format!("the {} files {first} to {last} beside it are", others.len()),
    };
    format!("the file holds what one processor did: {others} read as well")
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
