//! A log of strace, line by line. A call has its place where it returns: what two threads do at the same time is taken in the order in
//! which they were told that it is done.

use super::call::{Call, Said, name, said};
use rustc_hash::FxHashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use thiserror::Error;

/// Why a log of strace cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LogError {
    /// It cannot be read.
    #[error("the log of strace cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A line is not understood, or what it says cannot be.
    #[error("line {line} of the log of strace: {why}")]
    Line {
        /// Which, counted from 1.
        line: usize,
        /// What is wrong, and what helps.
        why: String,
    },
}

/// What happens in a line, whose number stands with it.
pub(super) enum Step {
    /// A process begins a call.
    Begun(u32),
    /// It returns.
    Returned(u32, Call),
    /// The process is no more.
    Gone(u32),
}

/// Goes through a log. Of calls only those are looked into whose name is `wanted`.
pub(super) fn read(
    log: &Path,
    wanted: impl Fn(&str) -> bool,
    mut take: impl FnMut(usize, Step) -> Result<(), String>,
) -> Result<(), LogError> {
    let mut begun = Begun::default();
    let (mut reader, mut bytes, mut line) = (BufReader::new(File::open(log)?), Vec::new(), 0);
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        line += 1;
        let steps = begun.steps(String::from_utf8_lossy(&bytes).trim_end(), &wanted);
        let done = steps.and_then(|steps| steps.into_iter().try_for_each(|step| take(line, step)));
        done.map_err(|why| LogError::Line { line, why })?;
        bytes.clear();
    }
    Ok(())
}

/// The calls that have begun and not yet returned, by process.
#[derive(Default)]
struct Begun(FxHashMap<u32, String>);

impl Begun {
    /// What a line says.
    fn steps(&mut self, line: &str, wanted: &impl Fn(&str) -> bool) -> Result<Vec<Step>, String> {
        if line.is_empty() {
            return Ok(Vec::new());
        }
        let Some((process, said)) = said(line) else {
            let begin: String = line.chars().take(40).collect();
            return Err(format!(
                "{begin:?} does not begin with the number of a process: strace must be given -f and -o"
            ));
        };
        let returned = |text: &str| {
            if !wanted(name(text)) {
                return Ok(None);
            }
            let call =
                Call::parse(text).ok_or_else(|| format!("{} is no call that has returned", name(text)))?;
            Ok::<_, String>(Some(Step::Returned(process, call)))
        };
        Ok(match said {
            Said::Call(text) => [Step::Begun(process)].into_iter().chain(returned(text)?).collect(),
            Said::Begun(text) => {
                self.0.insert(process, text.to_owned());
                vec![Step::Begun(process)]
            }
            Said::Resumed(rest) => {
                let begun = self.0.remove(&process).ok_or("a call returns that was never begun")?;
                returned(&(begun + rest))?.into_iter().collect()
            }
            Said::Gone => {
                self.0.remove(&process);
                vec![Step::Gone(process)]
            }
            Said::Other => Vec::new(),
        })
    }
}
