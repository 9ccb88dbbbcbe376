//! `crashcheck trace stats`: how much could have survived. As JSON it is an API.

use crate::config;
use crate::failure::Failure;
use crate::screen::Screen;
use crashcheck::outcome::counted;
use crashcheck::trace::import::Imported;
use crashcheck::trace::{Event, Trace};
use crashcheck::{Count, EpochCensus, Profile, census_of_each};
use crashcheck_report::text::{Align, escape, short, table};
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// What there is to count in a trace. Numbers of crash states are decimal strings: they exceed 64 bits.
#[derive(Serialize)]
struct Stats {
    version: u32,
    file: String,
    format: &'static str,
    profile: String,
    devices: Vec<DeviceStats>,
    events: usize,
    writes: usize,
    written_bytes: u64,
    flushes: usize,
    discards: usize,
    erases: usize,
    /// Between the nodes of a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<usize>,
    operations: usize,
    epochs: Vec<EpochStats>,
    /// Different images over the whole trace; an upper bound if not `exact`.
    crash_states: String,
    exact: bool,
}

#[derive(Serialize)]
struct DeviceStats {
    name: String,
    bytes: u64,
    block_bytes: u64,
    /// The node of a cluster that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<u16>,
}

#[derive(Serialize)]
struct EpochStats {
    index: usize,
    /// A crash in this epoch happens after so many events at least, and so many at most.
    from: usize,
    upto: usize,
    in_flight: usize,
    crash_states: String,
    exact: bool,
}

/// Prints the statistics of a trace.
///
/// # Errors
/// If there is no such device profile.
pub(crate) fn run(
    imported: &Imported,
    file: &Path,
    profile: &str,
    json: bool,
    screen: &Screen,
) -> Result<(), Failure> {
    let profile = config::profile(profile)?.profile;
    let number = if json { in_full } else { rounded };
    let stats = Stats::collect(imported, file, &profile, number);
    let text = match json {
        true => serde_json::to_string_pretty(&stats).expect("plain data with text for its keys") + "\n",
        false => stats.text(screen),
    };
    if json {
        screen.print_as_it_is(&text);
    } else {
        screen.print(&text);
    }
    Ok(())
}

impl Stats {
    fn collect(imported: &Imported, file: &Path, profile: &Profile, number: fn(&Count) -> String) -> Stats {
        let trace = &imported.trace;
        let (mut epochs, mut last) = (Vec::new(), None::<(Count, String)>);
        let crash_states = census_of_each(trace, profile, |epoch| {
            let EpochCensus { from, upto, in_flight, crash_states } = epoch;
            // Long numbers take long to write, and neighbours often have the same.
            let known = last.take().filter(|(known, _)| *known == crash_states);
            let (count, text) = known.unwrap_or_else(|| (crash_states.clone(), number(&crash_states)));
            let (index, exact) = (epochs.len(), count.exact);
            epochs.push(EpochStats { index, from, upto, in_flight, crash_states: text.clone(), exact });
            last = Some((count, text));
        });
        let count = |wanted: fn(&Event) -> bool| trace.events.iter().filter(|event| wanted(event)).count();
        Stats {
            version: 1,
            file: file.to_string_lossy().into_owned(),
            format: imported.format.name(),
            profile: profile.name.clone(),
            devices: devices(trace),
            events: trace.events.len(),
            writes: count(|event| {
                matches!(event, Event::Write { .. } | Event::WriteZeroes { .. } | Event::Program { .. })
            }),
            written_bytes: written(trace),
            flushes: count(|event| matches!(event, Event::Flush { .. })),
            discards: count(|event| matches!(event, Event::Discard { .. })),
            erases: count(|event| matches!(event, Event::Erase { .. })),
            messages: (trace.nodes() > 0).then(|| count(|event| matches!(event, Event::Send { .. }))),
            operations: count(|event| matches!(event, Event::Begin { .. })),
            epochs,
            crash_states: number(&crash_states),
            exact: crash_states.exact,
        }
    }

    fn text(&self, screen: &Screen) -> String {
        let Stats { format, events, writes, written_bytes, flushes, discards, erases, .. } = self;
        let Stats { messages, operations, .. } = self;
        let events = counted(*events as u64, "event");
        let mut text = format!("{}: {format}, {events}\n", escape(&self.file));
        for (index, device) in self.devices.iter().enumerate() {
            let DeviceStats { name, bytes, block_bytes, node } = device;
            let node = node.map(|node| format!(", of node {node}")).unwrap_or_default();
            let name = escape(name);
            let _ = writeln!(
                text,
                "device {index}: {name}, {}, blocks of {block_bytes}{node}",
                counted(*bytes, "byte")
            );
        }
        let some = |count: usize, what: &str| counted(count as u64, what);
        let writes = format!("{} of {}", some(*writes, "write"), counted(*written_bytes, "byte"));
        let parts = [writes, some(*flushes, "flush"), some(*discards, "discard")].into_iter();
        let messages = messages.map(|count| some(count, "message"));
        let parts: Vec<String> = parts.chain(messages).chain([some(*operations, "operation")]).collect();
        let _ = writeln!(text, "{}", parts.join(", "));
        if *erases > 0 {
            let _ = writeln!(text, "{}", some(*erases, "erase"));
        }
        let heading = [("epoch", Align::Right), ("after events", Align::Right), ("in flight", Align::Right)];
        let heading = [&heading[..], &[("crash states", Align::Right)]].concat();
        let row = |epoch: &EpochStats| {
            let states = bounded(&epoch.crash_states, epoch.exact);
            let range = format!("{}..{}", epoch.from, epoch.upto);
            vec![epoch.index.to_string(), range, epoch.in_flight.to_string(), states]
        };
        text.push_str(&table(&heading, &self.epochs.iter().map(row).collect::<Vec<_>>(), screen.paper()));
        let total = bounded(&self.crash_states, self.exact);
        let _ = writeln!(text, "{total} different crash states under {}", self.profile);
        text
    }
}

fn devices(trace: &Trace) -> Vec<DeviceStats> {
    let stats = trace.devices.iter().map(|device| DeviceStats {
        name: device.name.clone(),
        bytes: device.base.len().0,
        block_bytes: device.block.0,
        node: device.node.map(|node| node.0),
    });
    stats.collect()
}

fn written(trace: &Trace) -> u64 {
    let gone = |event: &&Event| matches!(event, Event::Discard { .. } | Event::Erase { .. });
    let writes = trace.events.iter().filter(|event| !gone(event));
    writes.filter_map(Event::range).map(|(_, _, len)| len.0).sum()
}

/// A number as a person reads it.
fn rounded(count: &Count) -> String {
    short(&in_full(count))
}

fn in_full(count: &Count) -> String {
    count.value.to_string()
}

fn bounded(number: &str, exact: bool) -> String {
    if exact { number.to_owned() } else { format!("<= {number}") }
}
