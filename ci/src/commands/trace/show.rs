//! `crashcheck trace show`: the events, a line each.

use crate::screen::Screen;
use crashcheck::NandGeometry;
use crashcheck::trace::files::NameChange;
use crashcheck::trace::{Event, Reach, Trace};
use crashcheck_report::text::escape;
use std::fmt::Write;

/// So many lines are printed at once.
const BATCH: usize = 1000;

/// Prints the devices, and the events from one on.
pub(crate) fn run(trace: &Trace, from: usize, limit: Option<usize>, screen: &Screen) {
    let mut text = String::new();
    for (index, device) in trace.devices.iter().enumerate() {
        let (name, len, block) = (escape(&device.name), device.base.len(), device.block);
        let node = device.node.map(|node| format!(", of {node}")).unwrap_or_default();
        let units = match device.chip() {
            None => format!("blocks of {block}"),
            Some(chip) => units(&chip.geometry),
        };
        let _ = writeln!(text, "device {index}: {name}, {len}, {units}{node}");
    }
    let events = trace.events.iter().enumerate().skip(from).take(limit.unwrap_or(usize::MAX));
    for (printed, (index, event)) in events.enumerate() {
        let _ = writeln!(text, "#{index:<6} {}", describe(event));
        if printed % BATCH == BATCH - 1 {
            screen.print(&std::mem::take(&mut text));
        }
    }
    screen.print(&text);
}

/// What a flash chip is made of.
fn units(geometry: &NandGeometry) -> String {
    let NandGeometry { page, spare, pages_per_block, blocks, .. } = geometry;
    format!("{blocks} erase blocks of {pages_per_block} pages of {} + {} bytes", page.0, spare.0)
}

/// What a write with force unit access is called behind its name.
fn forced(fua: Option<Reach>) -> &'static str {
    match fua {
        None => "",
        Some(Reach::All) => " fua",
        Some(Reach::Data) => " fua of data",
    }
}

/// An event in a line, safe to print.
fn describe(event: &Event) -> String {
    let label = event.label().map(|label| format!("  {}", escape(label.as_str()))).unwrap_or_default();
    let place = event.range().map(|(device, at, len)| format!("device {} at {} + {}", device.0, at.0, len.0));
    let place = place.unwrap_or_default();
    match event {
        Event::Write { fua, .. } => format!("write{}  {place}{label}", forced(*fua)),
        Event::WriteZeroes { fua, .. } => format!("zeroes{}  {place}{label}", forced(*fua)),
        Event::Program { .. } => format!("program  {place}{label}"),
        Event::Erase { .. } => format!("erase  {place}{label}"),
        Event::Names { changes, .. } => {
            let told = |NameChange { directory, name, inode }: &NameChange| {
                let inode = inode.map_or("nothing".to_owned(), |inode| format!("device {}", inode.0));
                format!("{} in device {} is {inode}", escape(name), directory.0)
            };
            format!("names  {}{label}", changes.iter().map(told).collect::<Vec<_>>().join(", "))
        }
        Event::Discard { .. } => format!("discard  {place}"),
        Event::Resize { device, len } => format!("resize  device {} to {}", device.0, len.0),
        Event::Flush { device, except, reach } => {
            let data = if *reach == Reach::Data { " of data" } else { "" };
            let except: Vec<String> = except.iter().map(ToString::to_string).collect();
            let but = if except.is_empty() { "" } else { ", which does not cover " };
            format!("flush{data}  device {}{but}{}", device.0, except.join(", "))
        }
        Event::FlushFailed { device, writes, dropped } => {
            let writes: Vec<String> = writes.iter().map(ToString::to_string).collect();
            let how = if *dropped { "dropped" } else { "not made durable" };
            format!("flush failed  device {}, {how}: {}", device.0, writes.join(", "))
        }
        Event::Begin { op, text } => format!("begin  operation {}: {}", op.0 + 1, escape(text)),
        Event::Ack { op, durable } => {
            format!("ack  operation {}{}", op.0 + 1, if *durable { ", durable" } else { "" })
        }
        Event::Mark { text } => format!("mark  {}", escape(text)),
        Event::Send { message, from, to, data, .. } => {
            format!("send  message {} of {} from {from} to {to}{label}", message.0, data.len())
        }
        Event::Deliver { message } => format!("deliver  message {}", message.0),
        Event::Down { node } => format!("down  {node}"),
        Event::Up { node } => format!("up  {node}"),
    }
}
