//! Import of fio's I/O log, versions 2 and 3, as `--write_iolog` writes it.
//!
//! ```text
//! fio version 2 iolog                        fio version 3 iolog
//! FILE add|open|close                        TIME FILE add|open|close
//! FILE read|write|sync|datasync|trim OFFSET LENGTH   TIME FILE …, the same
//! FILE wait OFFSET LENGTH
//! FILE sync_file_range|syncfs OFFSET LENGTH
//! ```
//!
//! Each file is a device of its own with blocks of one byte, in the order in which the log names them; its length is
//! the largest end that the log reaches. A name may hold spaces and is not quoted, so a line is read from its end.
//!
//! `sync` and `datasync` become flushes, the latter one of data alone, `trim` a discard; reads and waits leave nothing. `syncfs` is a flush of the
//! file that it names; `sync_file_range` makes nothing durable and leaves nothing. What else a line says may matter, and
//! is an error. The log has no data: each write gets contents of its own, the same on every import.
//!
//! fio appends to a log, so that there may be a header in the middle. What follows it is read as if it came later.
//!
//! A line says when a request was queued, and none when it completed. A flush counts as covering all writes of the lines
//! before, which is right for a job with one request at a time. Nor does the log say whether a file was open with O_SYNC.

use super::{Collector, synthetic};
use crate::import::{Format, ImportError, Imported, Options};
use crate::{Bytes, DeviceId, Event, Reach};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, Read};

/// fio's own limit for a name is 256 bytes.
const LINE_MAX: u64 = 8192;

/// What is done to a file as a whole. Nothing stands behind it.
const WHOLE: [&str; 3] = ["add", "open", "close"];
/// What an offset and a length stand behind.
const RANGED: [&str; 8] = ["read", "write", "sync", "datasync", "trim", "wait", "sync_file_range", "syncfs"];

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
    let mut log = Log::new(options);
    let mut lines = Lines { input, number: 0, at: 0, next: 0 };
    while let Some(line) = lines.next().map_err(|error| lines.place(error))? {
        log.line(&line, lines.number, lines.at).map_err(|error| lines.place(error))?;
    }
    if lines.number == 0 {
        return Err(lines.place(ImportError::malformed(0, "the log is empty")));
    }
    log.warn();
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
    /// Headers behind the first one.
    headers: Seen,
    /// Words that a warning is due to, in the order of the alphabet.
    odd: BTreeMap<&'static str, Seen>,
}

/// In how many lines something was seen, and in which first.
#[derive(Default)]
struct Seen {
    times: u64,
    first: u64,
}

impl Seen {
    fn again(&mut self, line: u64) {
        if self.times == 0 {
            self.first = line;
        }
        self.times += 1;
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.times {
            1 => write!(f, "in line {}", self.first),
            times => write!(f, "in {times} lines, first in line {}", self.first),
        }
    }
}

impl<'a> Log<'a> {
    fn new(options: &'a Options) -> Self {
        let (files, odd) = (BTreeMap::new(), BTreeMap::new());
        Log { to: Collector::new(options), files, timed: false, headers: Seen::default(), odd }
    }

    fn line(&mut self, line: &str, number: u64, at: u64) -> Result<(), ImportError> {
        let line = line.trim();
        if let Some(version) = version(line, number, at)? {
            self.timed = version == 3;
            if number > 1 {
                self.headers.again(number);
            }
            return Ok(());
        }
        if line.is_empty() {
            return Ok(());
        }
        let line = if self.timed { behind_the_time(line, at)? } else { line };
        let Parts { file, action, behind } = take_apart(line, at)?;
        let device = self.device(file, at)?;
        match action {
            "sync_file_range" | "syncfs" => self.odd.entry(action).or_default().again(number),
            "wait" if self.timed => self.odd.entry(action).or_default().again(number),
            _ => {}
        }
        if WHOLE.contains(&action) || action == "wait" {
            return Ok(());
        }
        let mut behind = behind.split_whitespace();
        let start = self::number(behind.next(), "an offset", at)?;
        let len = self::number(behind.next(), "a length", at)?;
        self.action(action, device, Bytes(start), Bytes(len), at)
    }

    /// What was read, but may not be what is meant.
    fn warn(&mut self) {
        if self.headers.times > 0 {
            let (count, line) = (self.headers.times + 1, self.headers.first);
            self.to.warn(format!(
                "the log holds {count} recordings, the second from line {line}: each is read as if it came after the \
                 one before, but the log does not say whether their jobs ran at the same time"
            ));
        }
        for (word, seen) in &self.odd {
            if *word != "syncfs" {
                let why = "it makes nothing durable, so it leaves no event";
                self.to.warn(format!("`{word}` {seen}: {why}"));
            } else if self.files.len() > 1 {
                self.to.warn(format!(
                    "`{word}` {seen}: it counts as a flush of the file that it names and of no other, since the log \
                     does not say which are on the same file system"
                ));
            }
        }
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
                Event::Write { device, at: start, data, fua: None, label: None }
            }
            "trim" => Event::Discard { device, at: start, len },
            "sync" | "syncfs" => Event::flush(device),
            "datasync" => Event::Flush { device, except: Vec::new(), reach: Reach::Data },
            _ => return Ok(()),
        };
        self.to.push(event, at).map(|_| ())
    }
}

/// The version of a header, if the line is one. The first line has to be.
fn version(line: &str, number: u64, at: u64) -> Result<Option<u8>, ImportError> {
    let header = line.starts_with("fio version ") && line.ends_with(" iolog");
    let what = match line {
        "fio version 2 iolog" => return Ok(Some(2)),
        "fio version 3 iolog" => return Ok(Some(3)),
        _ if number == 1 => format!("the first line is `{}`, not `fio version 2 iolog` or 3", shown(line)),
        _ if header => format!("a line is `{}`, but of the versions only 2 and 3 are known", shown(line)),
        _ => return Ok(None),
    };
    Err(ImportError::malformed(at, what))
}

fn behind_the_time(line: &str, at: u64) -> Result<&str, ImportError> {
    let (time, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    number(Some(time), "a time", at)?;
    Ok(rest.trim_start())
}

/// A line without its time.
struct Parts<'a> {
    file: &'a str,
    action: &'static str,
    behind: &'a str,
}

/// The action is the last word that can be one: what stands in front of it is the name, spaces and all.
fn take_apart(line: &str, at: u64) -> Result<Parts<'_>, ImportError> {
    let (file, word) = last_word(line);
    if let Some(action) = WHOLE.into_iter().find(|action| *action == word && !file.is_empty()) {
        return Ok(Parts { file, action, behind: "" });
    }
    let (mut before, mut unknown) = (line, None);
    loop {
        let (file, word) = last_word(before);
        if file.is_empty() {
            break;
        }
        if let Some(action) = RANGED.into_iter().find(|action| *action == word) {
            let behind = &line[before.len()..];
            return Ok(Parts { file, action, behind });
        }
        if unknown.is_none() && word.parse::<u64>().is_err() {
            unknown = Some(word);
        }
        before = file;
    }
    let what = match unknown {
        Some(word) => format!(
            "there is no action `{}`: if it neither writes nor makes anything durable, take the line out of the log",
            shown(word)
        ),
        None => "a line has no file and action".to_owned(),
    };
    Err(ImportError::malformed(at, what))
}

/// The last word, and what stands in front of it, without the space between them.
fn last_word(text: &str) -> (&str, &str) {
    let text = text.trim_end();
    let (before, word) = text.rsplit_once(char::is_whitespace).unwrap_or(("", text));
    (before.trim_end(), word)
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
