//! What the user sees.

use crashcheck_report::text::{Colour, Paper, escape_lines, wrapped};
use std::io::{ErrorKind, IsTerminal, Write, stderr, stdout};

/// Results go to the standard output, everything else to the standard error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// How to show results.
    pub(crate) colour: Colour,
    /// How many columns results may take.
    width: Option<usize>,
    /// Whether somebody sees the results as they come.
    pub(crate) is_terminal: bool,
    /// Whether the standard output is for a report, so that what a person reads goes to the standard error.
    is_taken: bool,
}

/// Nothing is made for less than this.
const NARROWEST: usize = 60;

/// How many columns text may take; `None` if as many as it needs.
pub(crate) fn columns() -> Option<usize> {
    let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.trim().parse().ok());
    let terminal = || terminal_size::terminal_size_of(stdout()).map(|(width, _)| usize::from(width.0));
    let columns = asked.filter(|columns| *columns > 0).or_else(terminal);
    columns.map(|columns: usize| columns.max(NARROWEST))
}

impl Screen {
    /// The standard output of this process. Text is wrapped to what COLUMNS says, if that was exported, or to the width of the
    /// terminal; where there is none, as in the log of a build, lines are as long as they get.
    pub(crate) fn new(colour: Colour) -> Screen {
        Screen { colour, width: columns(), is_terminal: stdout().is_terminal(), is_taken: false }
    }

    /// The same where a report may take the standard output: text for a person goes to the standard error then.
    pub(crate) fn beside_report(self, is_taken: bool) -> Screen {
        let colour = if is_taken { Colour::Plain } else { self.colour };
        Screen { colour, is_taken, ..self }
    }

    /// What tables are made to fit.
    pub(crate) fn paper(self) -> Paper {
        Paper { colour: self.colour, width: self.width }
    }

    /// A result for a person, wrapped to the width of the terminal.
    pub(crate) fn print(self, text: &str) {
        let wrapped = self.width.map(|width| wrapped(text, width));
        let text = wrapped.as_deref().unwrap_or(text);
        if self.is_taken {
            // There is nobody left to tell if this fails.
            let _ = stderr().write_all(text.as_bytes());
        } else {
            self.print_as_it_is(text);
        }
    }

    /// A result for a program. A reader that has seen enough and went away is no error: the exit code still counts.
    pub(crate) fn print_as_it_is(self, text: &str) {
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
