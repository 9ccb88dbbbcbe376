//! What every fuzz target asks of an importer: no panic, bounded memory, and a trace that is valid and can be stored.

use crashcheck_trace::container::{Limits, Reader, Writer};
use crashcheck_trace::import::{Format, Options, read};
use crashcheck_trace::{Bytes, Trace};
use std::io::Cursor;

/// Imports arbitrary bytes; what comes out must survive a round trip through the container.
pub fn import(format: Format, data: &[u8]) {
    let limits = Limits { memory: Bytes(16 << 20) };
    let options = Options { format: Some(format), limits, ..Options::default() };
    if let Ok(imported) = read(Cursor::new(data), &options) {
        imported.trace.validate().expect("an imported trace is valid");
        assert_eq!(stored(&imported.trace), imported.trace);
    }
}

fn stored(trace: &Trace) -> Trace {
    let mut writer = Writer::new(Vec::new(), &trace.devices).expect("a header");
    for event in &trace.events {
        writer.push(event).expect("an event");
    }
    let file = writer.finish().expect("an end");
    Reader::open(Cursor::new(file)).and_then(Reader::into_trace).expect("a readable file").0
}
