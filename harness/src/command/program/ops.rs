//! The operations of a program, of which it says nothing but what it prints.

use crate::disk::Disk;
use crashcheck_trace::{Event, OpId};
use regex_lite::Regex;
use std::io;

/// Tells operations apart while a program runs, and writes their begins and ends among what it does.
pub(super) struct Ops {
    disk: Disk,
    how: How,
    /// How many have ended.
    ended: u32,
    /// How many of them are durable.
    acknowledged: u32,
    /// What was printed since the last end of a line.
    line: Vec<u8>,
}

/// What an operation is.
#[derive(Clone, Debug)]
pub(super) enum How {
    /// Nobody counts them.
    Uncounted,
    /// Each line of output that matches acknowledges one.
    Lines(Regex),
    /// Each call is one, and the end of the program makes all of them durable.
    Calls,
    /// The whole run is one, which its end acknowledges.
    Whole,
}

impl Ops {
    /// The program begins.
    pub(super) fn begin(disk: &Disk, how: How) -> Ops {
        let ops = Ops { disk: disk.clone(), how, ended: 0, acknowledged: 0, line: Vec::new() };
        match &ops.how {
            How::Lines(regex) => ops.note_begin(&format!("the first, up to a line that matches {regex}")),
            How::Whole => ops.note_begin("the whole run"),
            How::Calls | How::Uncounted => {}
        }
        ops
    }

    /// A call that changes something.
    pub(super) fn during<T>(&mut self, call: &str, run: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if !matches!(self.how, How::Calls) {
            return run();
        }
        self.note_begin(call);
        let done = run();
        self.note_end(false);
        done
    }

    /// The program has printed something.
    pub(super) fn printed(&mut self, bytes: &[u8]) {
        let How::Lines(regex) = &self.how else { return };
        let regex = regex.clone();
        self.line.extend_from_slice(bytes);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            self.line_ended(&regex, &line);
        }
    }

    fn line_ended(&mut self, regex: &Regex, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        if regex.is_match(text) {
            self.note_end(true);
            self.note_begin(&format!("the next after {text:?}"));
        }
    }

    /// The program has ended well.
    pub(super) fn end(&mut self) {
        match self.how.clone() {
            How::Lines(regex) => {
                let line = std::mem::take(&mut self.line);
                if !line.is_empty() {
                    self.line_ended(&regex, &line);
                }
            }
            How::Calls => {
                self.note_begin("the program ends");
                self.note_end(true);
            }
            How::Whole => self.note_end(true),
            How::Uncounted => {}
        }
    }

    /// How many operations were acknowledged as durable.
    pub(super) fn acknowledged(&self) -> u32 {
        self.acknowledged
    }

    fn note_begin(&self, text: &str) {
        self.disk.note_with(|| Event::Begin { op: OpId(self.ended), text: text.to_owned() });
    }

    fn note_end(&mut self, durable: bool) {
        self.disk.note_with(|| Event::Ack { op: OpId(self.ended), durable });
        self.ended += 1;
        if durable {
            self.acknowledged = self.ended;
        }
    }
}
