//! A trace recorded elsewhere, with the commands that recover it.

use crate::args::RecordedArgs;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::trace_file;
use crashcheck::Commands;
use crashcheck::trace::Trace;
use std::path::Path;

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
        let commands =
            Commands { recover: recover.clone(), checks: args.checks.clone(), timeout: args.timeout };
        let trace = trace_file::open(path, &args.input, screen)?.trace;
        Ok(Some(Recorded { trace, name: trace_file::name(path), commands }))
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
    if let Some(recover) = &args.recover {
        option("recover", recover);
    }
    for check in &args.checks {
        option("check", check);
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
