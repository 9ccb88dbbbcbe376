//! Makes a trace of what `corpus/record-ext4.sh` has recorded.
//!
//! ```text
//! cargo run -p crashcheck-trace --example corpus -- DIR OUT.crash
//! ```
//!
//! `DIR` holds `base` (the device before the recording), `log` (in the format of dm-log-writes) and `ops`: lines of
//! `begin BYTE TEXT`, `ack BYTE durable|volatile` and a last `end BYTE`, where BYTE is the length that the log had at
//! that moment. What the log holds from there on came later.

use crashcheck_trace::container::Limits;
use crashcheck_trace::{Event, OpId, Trace, import};
use std::error::Error;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A line of `ops`.
#[derive(Debug, PartialEq, Eq)]
struct Note {
    /// The length of the log at that moment.
    at: usize,
    what: What,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    Begin(String),
    Ack { durable: bool },
    End,
}

fn main() -> ExitCode {
    let args: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [dir, out] = args.as_slice() else {
        eprintln!("usage: corpus DIR OUT.crash");
        return ExitCode::from(2);
    };
    match convert(dir, out) {
        Ok(summary) => println!("{summary}"),
        Err(error) => {
            eprintln!("corpus: {}: {error}", dir.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn convert(dir: &Path, out: &Path) -> Result<String> {
    let notes = parse(&fs::read_to_string(dir.join("ops"))?)?;
    let log = fs::read(dir.join("log"))?;
    let options = import::Options {
        base: Some(import::read_base(dir.join("base"), Limits::default())?),
        ..import::Options::default()
    };
    let trace = merge(&notes, |len| {
        let beginning =
            log.get(..len).ok_or_else(|| format!("the log has {} bytes, not {len}", log.len()))?;
        Ok(import::read(Cursor::new(beginning), &options)?.trace)
    })?;
    trace.validate()?;
    trace.write_to(out)?;
    Ok(format!("{}: {} events, {} bytes", out.display(), trace.events.len(), fs::metadata(out)?.len()))
}

fn parse(ops: &str) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    for (index, line) in ops.lines().enumerate() {
        let wrong = || format!("ops, line {}: `{line}` is no note", index + 1);
        let mut words = line.splitn(3, ' ');
        let (kind, at) = (words.next(), words.next().and_then(|at| at.parse().ok()).ok_or_else(wrong)?);
        let what = match (kind, words.next()) {
            (Some("begin"), Some(text)) => What::Begin(text.to_owned()),
            (Some("ack"), Some("durable")) => What::Ack { durable: true },
            (Some("ack"), Some("volatile")) => What::Ack { durable: false },
            (Some("end"), None) => What::End,
            _ => return Err(wrong().into()),
        };
        notes.push(Note { at, what });
    }
    if notes.last().map(|note| &note.what) != Some(&What::End) {
        return Err("ops does not end with an `end`: the recording was interrupted".into());
    }
    Ok(notes)
}

/// Puts the notes between the events. `import` gives the trace of the first so many bytes of the log; how many events
/// those make is where a note belongs.
fn merge(notes: &[Note], import: impl Fn(usize) -> Result<Trace>) -> Result<Trace> {
    let end = notes.last().ok_or("ops is empty")?.at;
    let mut trace = import(end)?;
    let events = std::mem::take(&mut trace.events);
    let (mut done, mut next_op) = (0, 0);
    for note in notes {
        let upto = import(note.at)?.events.len();
        trace.events.extend_from_slice(events.get(done..upto).ok_or("the notes are out of order")?);
        done = upto;
        match &note.what {
            What::Begin(text) => {
                trace.events.push(Event::Begin { op: OpId(next_op), text: text.clone() });
                next_op += 1;
            }
            What::Ack { durable } => {
                let op = OpId(next_op.checked_sub(1).ok_or("an operation returns before it began")?);
                trace.events.push(Event::Ack { op, durable: *durable });
            }
            What::End => {}
        }
    }
    Ok(trace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crashcheck_trace::{Bytes, Device, DeviceId};

    #[test]
    fn notes_stand_where_the_log_was_that_long() {
        let flush = Event::flush(DeviceId(0));
        let import = |len: usize| {
            let devices = vec![Device::zeroed("disk", Bytes(512), Bytes(512))];
            Ok(Trace { devices, events: vec![flush.clone(); len / 10] })
        };
        let notes = parse("begin 10 a b\nack 30 durable\nend 40\n").unwrap();
        let events = merge(&notes, import).unwrap().events;
        let begin = Event::Begin { op: OpId(0), text: "a b".into() };
        let ack = Event::Ack { op: OpId(0), durable: true };
        assert_eq!(events, [flush.clone(), begin, flush.clone(), flush.clone(), ack, flush.clone()]);
    }

    #[test]
    fn an_interrupted_or_damaged_recording_is_refused() {
        assert!(parse("begin 10 a\nack 30 durable\n").unwrap_err().to_string().contains("interrupted"));
        assert!(parse("ack 30 perhaps\nend 40").unwrap_err().to_string().contains("line 1"));
        assert!(parse("begin ten a\nend 40").unwrap_err().to_string().contains("line 1"));
        let import = |_| Ok(Trace::default());
        assert!(merge(&parse("ack 1 durable\nend 40").unwrap(), import).is_err());
    }
}
