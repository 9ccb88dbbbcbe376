//! What a descent has learned so far, on disk: a character for each candidate, in the order in which they were judged.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

/// The verdicts of a descent. A value tree is deterministic, so that the same verdicts lead to the same place.
#[derive(Debug, Default)]
pub(crate) struct Log {
    known: std::vec::IntoIter<bool>,
    file: Option<File>,
}

impl Log {
    /// A log that nobody keeps.
    pub(crate) fn none() -> Log {
        Log::default()
    }

    /// The log in a file, which is made if there is none. What cannot be read or written is not remembered: it only
    /// takes longer then.
    pub(crate) fn at(path: &Path) -> Log {
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let opened = folder.and_then(|()| {
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
            let mut text = Vec::new();
            file.read_to_end(&mut text)?;
            Ok((file, text))
        });
        let Ok((file, text)) = opened else { return Log::none() };
        let known: Vec<bool> = text.iter().map_while(|byte| verdict(*byte)).collect();
        // Something else than a log is left alone.
        let file = Some(file).filter(|_| known.len() == text.len());
        Log { known: known.into_iter(), file }
    }

    /// The next verdict that is known.
    pub(super) fn next(&mut self) -> Option<bool> {
        self.known.next()
    }

    /// Adds a verdict.
    pub(super) fn push(&mut self, fails: bool) {
        let byte = if fails { b"1" } else { b"0" };
        let written = self.file.as_mut().map(|file| file.write_all(byte));
        if let Some(Err(_)) = written {
            self.file = None;
        }
    }
}

fn verdict(byte: u8) -> Option<bool> {
    match byte {
        b'0' => Some(false),
        b'1' => Some(true),
        _ => None,
    }
}
