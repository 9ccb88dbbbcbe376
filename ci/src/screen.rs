//! What the user sees.

use crashcheck_report::text::{Colour, escape_lines};
use std::io::{ErrorKind, Write, stderr, stdout};

/// Results go to the standard output, everything else to the standard error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// How to show results.
    pub(crate) colour: Colour,
}

impl Screen {
    pub(crate) fn new(colour: Colour) -> Screen {
        Screen { colour }
    }

    /// A result. A reader that has seen enough and went away is no error: the exit code still counts.
    pub(crate) fn print(self, text: &str) {
        let mut out = stdout().lock();
        if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush())
            && error.kind() != ErrorKind::BrokenPipe
        {
            self.warn(&format!("cannot write to the standard output: {error}"));
        }
    }

    /// Something that the user should know.
    pub(crate) fn warn(self, text: &str) {
        self.say("warning", text);
    }

    /// Why the command ends.
    pub(crate) fn error(self, text: &str) {
        self.say("error", text);
    }

    fn say(self, kind: &str, text: &str) {
        // There is nobody left to tell if this fails.
        let _ = writeln!(stderr(), "{kind}: {}", escape_lines(text, 2));
    }
}
