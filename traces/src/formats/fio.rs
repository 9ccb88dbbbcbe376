//! Import of fio's I/O log, versions 2 and 3, as `--write_iolog` writes it.
//!
//! ```text
//! fio version 2 iolog                        fio version 3 iolog
//! FILE add|open|close                        TIME FILE add|open|close
//! FILE read|write|sync|datasync|trim OFFSET LENGTH   TIME FILE …, the same
//! FILE wait OFFSET LENGTH                    (none)
//! ```
//!
//! Each file is a device of its own with blocks of one byte, in the order in which the log names them; its length is
//! the largest end that the log reaches. `sync` and `datasync` become flushes, `trim` a discard; reads and waits leave
//! nothing. The log has no data: each write gets contents of its own, the same on every import.

use super::{Collector, synthetic};
use crate::import::{Format, ImportError, Imported, Options};
use crate::{Bytes, DeviceId, Event};
use std::collections::BTreeMap;
use std::io::{BufRead, Read};

/// fio's own limit for a name is 256 bytes.
const LINE_MAX: u64 = 8192;

/// Whether a file that begins like this is such a log.
pub(crate) fn begins(start: &[u8]) -> bool {
    start.starts_with(b"fio version ")
}

/// Imports a log.
///
/// # Errors
/// If the log cannot be read or does not follow the format, if a write is longer than 64 MiB, or if the contents
/// given to the writes need more memory than they may. The error names line and byte.
pub fn import(input: impl BufRead, options: &Options) -> Result<Imported, ImportError> {
    let mut log = Log { to: Collector::new(options), files: BTreeMap::new(), timed: false };
    let mut lines = Lines { input, number: 0, at: 0, next: 0 };
    while let Some(line) = lines.next().map_err(|error| lines.place(error))? {
        let at = lines.at;
        let read = if lines.number == 1 { log.first(&line, at) } else { log.line(&line, at) };
        read.map_err(|error| lines.place(error))?;
    }
    if lines.number == 0 {
        return Err(lines.place(ImportError::malformed(0, "the log is empty")));
    }
    let (trace, warnings) = log.to.finish(Bytes(1), Bytes(1))?;
    Ok(Imported { trace, format: Format::FioIolog, warnings })
}

/// Lines of bounded length, and where they are.
struct Lines<R> {
    input: R,
    number: u64,
    at: u64,
    next: u64,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<String>, ImportError> {
        self.at = self.next;
        let mut line = Vec::new();
        let read = self.input.by_ref().take(LINE_MAX).read_until(b'\n', &mut line);
        read.map_err(|error| ImportError::new(self.at, error))?;
        if line.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        self.next += line.len() as u64;
        if line.len() as u64 == LINE_MAX && line.last() != Some(&b'\n') {
            return Err(ImportError::malformed(self.at, format!("a line is longer than {LINE_MAX} bytes")));
        }
        let line = String::from_utf8(line);
        line.map(Some).map_err(|_| ImportError::malformed(self.at, "a line is not UTF-8"))
    }

    fn place(&self, error: ImportError) -> ImportError {
        ImportError { line: Some(self.number.max(1)), ..error }
    }
}

struct Log<'a> {
    to: Collector<'a>,
    files: BTreeMap<String, DeviceId>,
    /// Version 3: a time stands in front of each line.
    timed: bool,
}

impl Log<'_> {
    fn first(&mut self, line: &str, at: u64) -> Result<(), ImportError> {
        self.timed = match line.trim_end() {
            "fio version 2 iolog" => false,
            "fio version 3 iolog" => true,
            other => {
                let what = format!("the first line is `{}`, not `fio version 2 iolog` or 3", shown(other));
                return Err(ImportError::malformed(at, what));
            }
        };
        Ok(())
    }

    fn line(&mut self, line: &str, at: u64) -> Result<(), ImportError> {
        let mut words = line.split_whitespace();
        if words.clone().next().is_none() {
            return Ok(());
        }
        if self.timed {
            number(words.next(), "a time", at)?;
        }
        let (Some(file), Some(action)) = (words.next(), words.next()) else {
            return Err(ImportError::malformed(at, "a line has no file and action"));
        };
        let device = self.device(file, at)?;
        match action {
            "add" | "open" | "close" => {}
            "wait" if !self.timed => {}
            "read" | "write" | "sync" | "datasync" | "trim" => {
                let start = number(words.next(), "an offset", at)?;
                let len = number(words.next(), "a length", at)?;
                self.action(action, device, Bytes(start), Bytes(len), at)?;
            }
            other => {
                return Err(ImportError::malformed(at, format!("there is no action `{}`", shown(other))));
            }
        }
        Ok(())
    }

    fn device(&mut self, file: &str, at: u64) -> Result<DeviceId, ImportError> {
        if let Some(device) = self.files.get(file) {
            return Ok(*device);
        }
        let device = self.to.device(file, at)?;
        self.files.insert(file.to_owned(), device);
        Ok(device)
    }

    fn action(
        &mut self,
        action: &str,
        device: DeviceId,
        start: Bytes,
        len: Bytes,
        at: u64,
    ) -> Result<(), ImportError> {
        let event = match action {
            "write" => {
                if len > synthetic::LEN_MAX {
                    let what = format!("a write of {len} is longer than {}", synthetic::LEN_MAX);
                    return Err(ImportError::malformed(at, what));
                }
                self.to.charge(len.index(), at)?;
                let data = synthetic::content(u64::from(self.to.next_id().0) + 1, start, len);
                Event::Write { device, at: start, data, fua: false, label: None }
            }
            "trim" => Event::Discard { device, at: start, len },
            "sync" | "datasync" => Event::Flush { device, except: Vec::new() },
            _ => return Ok(()),
        };
        self.to.push(event, at).map(|_| ())
    }
}

fn number(word: Option<&str>, what: &str, at: u64) -> Result<u64, ImportError> {
    let word = word.ok_or_else(|| ImportError::malformed(at, format!("{what} is missing")))?;
    word.parse().map_err(|_| ImportError::malformed(at, format!("{what} is `{}`, not a number", shown(word))))
}

/// Text from a file, safe to show and not too long.
fn shown(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests;
