//! A trace recorded elsewhere, with the commands that recover it.

use crate::args::{Mounts, RecordedArgs};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::suggest;
use crate::trace_file;
use crashcheck::trace::{Event, Trace};
use crashcheck::{Commands, Folder};
use std::path::Path;
use std::time::Duration;

/// How long a command may take if nothing is said.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A trace and its commands.
pub(crate) struct Recorded {
    pub(crate) trace: Trace,
    pub(crate) name: String,
    pub(crate) commands: Commands,
}

impl Recorded {
    /// What the arguments name, if they name a trace.
    ///
    /// # Errors
    /// If the file cannot be used.
    pub(crate) fn load(args: &RecordedArgs, screen: &Screen) -> Result<Option<Recorded>, Failure> {
        let (Some(path), Some(recover)) = (&args.trace, &args.recover) else { return Ok(None) };
        let trace = trace_file::open(path, &args.input, screen)?.trace;
        let from = match (&args.from_mark, args.from_event) {
            (Some(mark), _) => after(&trace, mark)?,
            (None, Some(events)) => within(&trace, events)?,
            (None, None) => 0,
        };
        let (recover, checks, timeout) = (recover.clone(), args.checks.clone(), args.timeout);
        let (go_on, ack, fuse) = (args.go_on.clone(), args.ack.clone(), args.fuse.into());
        let folder = args.folder.clone().map(|at| Folder { at, go_on, ack, fuse });
        let commands = Commands { recover, checks, timeout, from, folder };
        Ok(Some(Recorded { trace, name: trace_file::name(path), commands }))
    }
}

/// So many events, if there are more.
fn within(trace: &Trace, events: usize) -> Result<usize, Failure> {
    let all = trace.events.len();
    let beyond =
        || format!("--from-event {events}: the trace has {all} events, after which nothing can fail");
    if events < all { Ok(events) } else { Err(Failure::usage(beyond())) }
}

/// How many events come before the power may fail: those up to a mark.
fn after(trace: &Trace, mark: &str) -> Result<usize, Failure> {
    let marks = trace.events.iter().enumerate().filter_map(|(index, event)| {
        let Event::Mark { text } = event else { return None };
        Some((index, text.as_str()))
    });
    let marks: Vec<(usize, &str)> = marks.collect();
    match marks.iter().find(|(_, text)| *text == mark) {
        Some((index, _)) => Ok(index + 1),
        None if marks.is_empty() => {
            let how = "--from-event takes the number of events instead";
            Err(Failure::usage(format!("--from-mark {mark}: the trace has no marks; {how}")))
        }
        None => Err(suggest::unknown("mark in the trace", mark, marks.iter().map(|(_, text)| *text))),
    }
}

/// The arguments as they are to be pasted behind a replay id.
pub(crate) fn pasteable(args: &RecordedArgs) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut option = |name: &str, value: &str| words.extend([format!("--{name}"), quoted(value)]);
    if let Some(trace) = &args.trace {
        option("trace", &text(trace));
    }
    if let Some(format) = args.input.format {
        option("format", format.name());
    }
    if let Some(base) = &args.input.base {
        option("base", &text(base));
    }
    if let Some(len) = args.input.device_len {
        option("device-len", &len.to_string());
    }
    if let Some(mark) = &args.from_mark {
        option("from-mark", mark);
    }
    if let Some(events) = args.from_event {
        option("from-event", &events.to_string());
    }
    if let Some(recover) = &args.recover {
        option("recover", recover);
    }
    for check in &args.checks {
        option("check", check);
    }
    if let Some(folder) = &args.folder {
        option("files", &text(folder));
    }
    match args.fuse {
        Mounts::Auto => {}
        Mounts::Always => option("fuse", "always"),
        Mounts::Never => option("fuse", "never"),
    }
    if let Some(go_on) = &args.go_on {
        option("go-on", go_on);
    }
    if let Some(ack) = &args.ack {
        option("ack", ack);
    }
    if args.timeout != TIMEOUT {
        option("timeout", &format!("{}ms", args.timeout.as_millis()));
    }
    if args.input.uncounted {
        words.push("--uncounted".to_owned());
    }
    words.iter().map(|word| format!(" {word}")).collect()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// As one word of a shell.
pub(crate) fn quoted(word: &str) -> String {
    // Only a zero byte cannot be quoted, and no argument can hold one.
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), std::borrow::Cow::into_owned)
}
