//! Opening a trace of any format.
//!
//! ```no_run
//! # fn main() -> Result<(), crashcheck_trace::import::ImportError> {
//! let imported = crashcheck_trace::import::open("ext4.dmlog")?;
//! for warning in &imported.warnings {
//!     eprintln!("warning: {warning}");
//! }
//! println!("{} events", imported.trace.events.len());
//! # Ok(())
//! # }
//! ```

use crate::container::{self, Ending, Limits, Reader};
use crate::formats::{blktrace, dm_log_writes, fio};
use crate::{Bytes, Image, Trace};
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use thiserror::Error;

mod processors;

/// A format that traces come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Crashcheck's own, see [`container`].
    Container,
    /// The log of the kernel's dm-log-writes target and of QEMU's blklogwrites driver.
    DmLogWrites,
    /// The binary trace of blktrace. Writes get synthesised contents.
    Blktrace,
    /// The I/O log of fio. Writes get synthesised contents.
    FioIolog,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 4] = [Format::Container, Format::DmLogWrites, Format::Blktrace, Format::FioIolog];

    /// The name that a person writes.
    pub fn name(self) -> &'static str {
        match self {
            Format::Container => "crash",
            Format::DmLogWrites => "dm-log-writes",
            Format::Blktrace => "blktrace",
            Format::FioIolog => "fio",
        }
    }

    /// The format of a file that begins with these bytes; 16 are enough.
    pub fn detect(start: &[u8]) -> Option<Format> {
        Format::ALL.into_iter().find(|format| match format {
            Format::Container => start.starts_with(container::MAGIC),
            Format::DmLogWrites => dm_log_writes::begins(start),
            Format::Blktrace => blktrace::begins(start),
            Format::FioIolog => fio::begins(start),
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Format::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| {
            let names: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
            format!("there is no format `{name}`: the formats are {}", names.join(", "))
        })
    }
}

/// What to import, where the file does not say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The format, if it should not be told from the first bytes.
    pub format: Option<Format>,
    /// What the device held when the recording began, for formats that do not store it and traces of one device.
    /// Without it the device began with zeros.
    pub base: Option<Image>,
    /// The length of the device, for formats that do not store it. Without it the length of the base image, or the
    /// largest end of a write rounded up to 4 KiB (1 byte for fio).
    pub device_len: Option<Bytes>,
    /// Whether entries are used that follow those which a log of dm-log-writes or QEMU counts. They are of an older
    /// recording, or the recorder died before it counted them.
    pub uncounted: bool,
    /// How much memory the trace may take.
    pub limits: Limits,
}

/// A trace from elsewhere.
#[derive(Clone, Debug)]
pub struct Imported {
    /// What happened.
    pub trace: Trace,
    /// The format it came in.
    pub format: Format,
    /// What is not as it should be, in sentences.
    pub warnings: Vec<String>,
}

/// Why a file cannot be imported, and where.
#[derive(Debug)]
pub struct ImportError {
    /// The byte of the file at which the record or chunk begins that is wrong.
    pub offset: Bytes,
    /// Its line, counted from 1, where the format has lines.
    pub line: Option<u64>,
    /// The name of the file, where a trace comes in several.
    pub file: Option<String>,
    /// What is wrong.
    pub problem: ImportProblem,
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}, in line {line} at byte {}", self.problem, self.offset.0)?,
            None => write!(f, "{}, at byte {}", self.problem, self.offset.0)?,
        }
        self.file.as_ref().map_or(Ok(()), |file| write!(f, " of {file}"))
    }
}

impl std::error::Error for ImportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.problem)
    }
}

/// What can be wrong with a file that is imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportProblem {
    /// The file could not be read.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The first bytes are those of no format.
    #[error("this is not a trace: the file begins like none of crash, dm-log-writes, blktrace and fio")]
    UnknownFormat,
    /// A container is damaged.
    #[error(transparent)]
    Container(#[from] container::Problem),
    /// The file does not follow its format.
    #[error("{0}")]
    Malformed(String),
    /// The trace does not fit the device or base image that was given.
    #[error("{0}")]
    Unfit(String),
    /// The trace takes more memory than it may.
    #[error("the trace needs more than {limit} of memory")]
    Memory {
        /// The limit.
        limit: Bytes,
    },
}

impl ImportError {
    pub(crate) fn new(offset: u64, problem: impl Into<ImportProblem>) -> Self {
        ImportError { offset: Bytes(offset), line: None, file: None, problem: problem.into() }
    }

    pub(crate) fn malformed(offset: u64, what: impl Into<String>) -> Self {
        ImportError::new(offset, ImportProblem::Malformed(what.into()))
    }

    pub(crate) fn unfit(offset: u64, what: impl Into<String>) -> Self {
        ImportError::new(offset, ImportProblem::Unfit(what.into()))
    }
}

impl From<container::ContainerError> for ImportError {
    fn from(error: container::ContainerError) -> Self {
        ImportError::new(error.offset.0, error.problem)
    }
}

/// Opens a trace, whatever its format.
///
/// # Errors
/// If the file cannot be read, is in no known format, or is damaged.
pub fn open(path: impl AsRef<Path>) -> Result<Imported, ImportError> {
    open_with(path, &Options::default())
}

/// Opens a trace, told what its file does not say. With the file of one processor that blktrace has written, `x.blktrace.3`,
/// those of all others beside it are read, and a warning says so.
///
/// # Errors
/// As [`open`], and if the trace does not fit the options.
pub fn open_with(path: impl AsRef<Path>, options: &Options) -> Result<Imported, ImportError> {
    let path = path.as_ref();
    let mut file = File::open(path).map_err(|error| ImportError::new(0, error))?;
    match processors::beside(path) {
        Some(all) if is_of_one_processor(&mut file, options)? => processors::read(path, &all, options),
        _ => read(file, options),
    }
}

/// The files that [`open_with`] may read for this one: itself, and those that blktrace has written beside it.
pub fn files_of(path: impl AsRef<Path>) -> Vec<PathBuf> {
    let path = path.as_ref();
    processors::beside(path).map_or_else(|| vec![path.to_owned()], |all| all.into_values().collect())
}

/// Whether a file with the name of one is what blktrace writes: nothing, for a processor that did nothing.
fn is_of_one_processor(file: &mut File, options: &Options) -> Result<bool, ImportError> {
    if let Some(format) = options.format {
        return Ok(format == Format::Blktrace);
    }
    let start = start(file)?;
    Ok(start.is_empty() || Format::detect(&start) == Some(Format::Blktrace))
}

/// The bytes that tell the format. What is read next begins with them.
fn start(input: &mut (impl Read + Seek)) -> Result<Vec<u8>, ImportError> {
    let fail = |error: io::Error| ImportError::new(0, error);
    let mut start = Vec::new();
    input.by_ref().take(16).read_to_end(&mut start).map_err(fail)?;
    input.seek(SeekFrom::Start(0)).map_err(fail)?;
    Ok(start)
}

/// Imports from anything that can be read.
///
/// # Errors
/// As [`open_with`].
pub fn read(mut input: impl Read + Seek, options: &Options) -> Result<Imported, ImportError> {
    let format = match options.format {
        Some(format) => format,
        None => Format::detect(&start(&mut input)?)
            .ok_or_else(|| ImportError::new(0, ImportProblem::UnknownFormat))?,
    };
    let input = BufReader::with_capacity(64 << 10, input);
    match format {
        Format::Container => read_container(input, options),
        Format::DmLogWrites => dm_log_writes::import(input, options),
        Format::Blktrace => blktrace::import(input, options),
        Format::FioIolog => fio::import(input, options),
    }
}

fn read_container(input: impl Read + Seek, options: &Options) -> Result<Imported, ImportError> {
    if options.base.is_some() || options.device_len.is_some() {
        let what = "a crash file holds its own base images and lengths: give neither";
        return Err(ImportError::unfit(0, what));
    }
    let (trace, ending) = Reader::open_within(input, options.limits)?.into_trace()?;
    let warnings = match ending {
        Ending::Complete => Vec::new(),
        Ending::Cut { at } => vec![format!(
            "the trace was cut at byte {}: the {} events before it are used",
            at.0,
            trace.events.len()
        )],
    };
    Ok(Imported { trace, format: Format::Container, warnings })
}

/// Reads a base image: a plain copy of a device. Zeros take no memory.
///
/// # Errors
/// If the file cannot be read, or holds more than the limit.
pub fn read_base(path: impl AsRef<Path>, limits: Limits) -> Result<Image, ImportError> {
    let mut file = File::open(path).map_err(|error| ImportError::new(0, error))?;
    let len = file.seek(SeekFrom::End(0)).map_err(|error| ImportError::new(0, error))?;
    file.seek(SeekFrom::Start(0)).map_err(|error| ImportError::new(0, error))?;
    let mut image = Image::zeroed(Bytes(len));
    let (mut at, mut held) = (0, 0);
    let mut page = [0; 4096];
    let mut input = BufReader::with_capacity(1 << 20, file);
    while at < len {
        let page = &mut page[..(len - at).min(4096) as usize];
        input.read_exact(page).map_err(|error| ImportError::new(at, error))?;
        if page.iter().any(|byte| *byte != 0) {
            held += 4096;
            if held > limits.memory.0 {
                return Err(ImportError::new(at, ImportProblem::Memory { limit: limits.memory }));
            }
            image.write(Bytes(at), page);
        }
        at += page.len() as u64;
    }
    Ok(image)
}

#[cfg(test)]
mod tests;
