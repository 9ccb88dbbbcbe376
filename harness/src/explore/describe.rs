//! Events, places and moments of a trace in words.

use super::cause::Cause;
use super::words;
use crate::media::{block_len, landing_of};
use crate::profile::Landing;
use crashcheck_outcome as outcome;
use crashcheck_outcome::{FixingFlush, MissingOrder, Operation, Origin, Place, Promised};
use crashcheck_trace::files::{Entry, NameChange, SLOT, changed};
use crashcheck_trace::{
    Bytes, Device, DeviceId, DeviceKind, Event, EventId, Label, MessageId, OpId, Reach, Trace,
};
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// So many operations that had begun are listed.
const OPERATIONS: usize = 500;

/// So many operations that had not begun are listed.
const NOT_BEGUN: usize = 50;

/// Of an operation so many characters are shown.
const TEXT: usize = 300;

/// Tells of a trace, whose marks it has looked up once.
pub(crate) struct Teller<'a> {
    pub(super) trace: &'a Trace,
    /// The events at which an operation begins or ends, with the one in progress from then on.
    pub(super) marks: Vec<(u32, Option<OpId>)>,
    /// The events that sent the messages.
    sent: FxHashMap<MessageId, EventId>,
    /// The numbers of the events in the trace that this one was made from; none if they are their own.
    numbers: &'a [u32],
}

impl<'a> Teller<'a> {
    pub(crate) fn new(trace: &'a Trace) -> Teller<'a> {
        let (mut marks, mut sent) = (Vec::new(), FxHashMap::default());
        for (index, event) in (0u32..).zip(&trace.events) {
            match event {
                Event::Begin { op, .. } => marks.push((index, Some(*op))),
                Event::Ack { .. } => marks.push((index, None)),
                Event::Send { message, .. } => _ = sent.insert(*message, EventId(index)),
                Event::Write { .. }
                | Event::WriteZeroes { .. }
                | Event::Discard { .. }
                | Event::Resize { .. }
                | Event::Program { .. }
                | Event::Erase { .. }
                | Event::Names { .. }
                | Event::Flush { .. }
                | Event::FlushFailed { .. }
                | Event::Mark { .. }
                | Event::Deliver { .. }
                | Event::Down { .. }
                | Event::Up { .. } => {}
            }
        }
        Teller { trace, marks, sent, numbers: &[] }
    }

    /// The same with the numbers that the events have in the trace that this one was made from.
    pub(crate) fn with_numbers(self, numbers: &'a [u32]) -> Self {
        Teller { numbers, ..self }
    }

    /// The number by which an event is told.
    pub(crate) fn number(&self, event: EventId) -> u32 {
        self.numbers.get(event.index()).copied().unwrap_or(event.0)
    }

    /// The operation in progress after so many events, as it begins.
    fn begin(&self, point: usize) -> Option<(OpId, &'a str)> {
        let (event, op) =
            self.marks[..self.marks.partition_point(|(event, _)| (*event as usize) < point)].last()?;
        op.as_ref()?;
        let Event::Begin { op, text } = &self.trace.events[*event as usize] else { return None };
        Some((*op, text))
    }

    /// The operation in progress after so many events.
    pub(super) fn operation_at(&self, point: usize) -> Option<OpId> {
        self.begin(point).map(|(op, _)| op)
    }

    /// The operation in progress after so many events, in words.
    pub(super) fn operation(&self, point: usize) -> Option<String> {
        let (op, text) = self.begin(point)?;
        Some(format!("operation {} ({})", op.0 + 1, shortened(text)))
    }

    /// An event in words, with the operation in progress.
    pub(crate) fn place(&self, event: EventId) -> Place {
        Place { event: self.number(event), what: self.event(event), operation: self.operation(event.index()) }
    }

    /// The operations, with what the user had been told of each when the power failed after `point` events and so many
    /// were durable; of very many those around the crash, with the number of those before them. An instance says which were
    /// refused, in the workload or in what a life did.
    pub(super) fn operations(
        &self,
        point: usize,
        durable: usize,
        is_refused: impl Fn(OpId) -> bool,
    ) -> (Vec<Operation>, u64) {
        let begins = || self.marks.iter().enumerate().filter(|(_, (_, op))| op.is_some());
        let begun = begins().take_while(|(_, (event, _))| (*event as usize) < point).count();
        let skipped = begun.saturating_sub(OPERATIONS);
        let told = |(nth, (event, op)): (usize, &(u32, Option<OpId>))| {
            let Event::Begin { text, .. } = &self.trace.events[*event as usize] else { return None };
            let done = self
                .marks
                .get(nth + 1)
                .is_some_and(|(mark, next)| next.is_none() && (*mark as usize) < point);
            let promised = match () {
                () if *event as usize >= point => Promised::NotBegun,
                () if done && op.is_some_and(&is_refused) => Promised::Refused,
                () if op.is_some_and(|op| op.index() < durable) => Promised::Durable,
                () if done => Promised::Done,
                () => Promised::Begun,
            };
            let durable_by = (promised == Promised::Durable).then(|| self.durable_by(nth)).flatten();
            Some(Operation { text: cut(text, TEXT), promised, durable_by })
        };
        let shown = begins().skip(skipped).take(begun - skipped + NOT_BEGUN);
        (shown.filter_map(told).collect(), skipped as u64)
    }

    /// The operation, counted from 1, whose acknowledgement made that durable which begins at this mark, if it is a later one.
    fn durable_by(&self, mark: usize) -> Option<u64> {
        let acknowledged =
            self.marks[mark + 1..].iter().find_map(|(event, _)| match &self.trace.events[*event as usize] {
                Event::Ack { op, durable: true } => Some(op),
                _ => None,
            });
        let own = self.marks[mark].1;
        acknowledged.filter(|op| Some(**op) != own).map(|op| u64::from(op.0) + 1)
    }

    /// A cause in words.
    pub(super) fn cause(&self, cause: &Cause) -> outcome::Cause {
        let missing = cause.missing.iter();
        let missing = missing
            .map(|order| MissingOrder { before: self.place(order.before), after: self.place(order.after) });
        let flush = |(device, before): &(DeviceId, EventId)| FixingFlush {
            device: self.to_flush(*device),
            is_fsync: self.is_inode(*device),
            before: self.place(*before),
            fdatasync: self.fdatasync(*device, *before),
        };
        let fix = cause.fix.as_ref().map(|fix| outcome::Fix {
            flushes: fix.flushes.iter().map(flush).collect(),
            fua: fix.fua.iter().map(|write| self.place(*write)).collect(),
            crash_states: fix.coverage.total.clone(),
            recoveries: fix.coverage.recoveries,
            clean: fix.clean,
        });
        outcome::Cause {
            missing: missing.collect(),
            fix,
            why: cause.why.clone(),
            rules: cause.rules.clone(),
            cures: Vec::new(),
            hides: None,
        }
    }

    /// That recovery has read the bytes of lost writes, each with where that was, and has not put them back.
    pub(super) fn found_again(&self, found: &[(EventId, Origin)]) -> String {
        let read =
            found.iter().map(|(lost, origin)| format!("those of {} from {origin}", self.numbered(*lost)));
        let read = read.collect::<Vec<_>>().join(", and ");
        format!(
            "such an order would hide it: recovery read the bytes that were lost, {read}, and did not put them back"
        )
    }

    /// When the power went, in words.
    pub(super) fn crash_point(&self, point: usize) -> String {
        let Some(last) = point.checked_sub(1) else { return "before the first event".to_owned() };
        let (number, event) = (self.number(EventId(last as u32)), self.event(EventId(last as u32)));
        match self.operation(point) {
            Some(operation) => format!("after #{number} {event}, during {operation}"),
            None => format!("after #{number} {event}"),
        }
    }

    /// When the power went in a later life whose recovery had come to its end after so many events, in words.
    pub(super) fn crash_point_of_life(&self, point: usize, recovered: usize) -> String {
        match point {
            0 => "before recovery had written anything".to_owned(),
            point if point < recovered => format!("{}, during recovery", self.crash_point(point)),
            point if point == recovered => "when recovery had come to its end".to_owned(),
            point => self.crash_point(point),
        }
    }

    /// The name of a device.
    pub(crate) fn device(&self, device: DeviceId) -> &'a str {
        self.trace.devices.get(device.index()).map_or("", |device| &device.name)
    }

    /// The name of a device, if there are others.
    fn named(&self, device: DeviceId) -> Option<&'a str> {
        Some(self.device(device)).filter(|_| self.trace.devices.len() > 1)
    }

    /// The same behind what it is a property of.
    fn of(&self, device: DeviceId) -> String {
        self.named(device).map(|name| format!(" of {name}")).unwrap_or_default()
    }

    /// Where a write landed, in words.
    pub(super) fn misdirected(&self, event: EventId, landing: Landing) -> String {
        let (what, devices) = (self.numbered(event), &self.trace.devices);
        let range = self.trace.events.get(event.index()).and_then(Event::range);
        let landed =
            range.and_then(|(on, at, len)| Some((on, at, landing_of(devices, on, (at, len), landing)?)));
        let Some((meant_on, meant, (on, at))) = landed else { return format!("{what} was misdirected") };
        if on != meant_on {
            return format!("{what} landed on {} instead of {}", self.device(on), self.device(meant_on));
        }
        let block = block_len(&devices[on.index()]).0;
        format!("{what} landed at block {} instead of block {}", at.0 / block, meant.0 / block)
    }

    /// A flush that failed, in words.
    fn failed_flush(&self, device: DeviceId, writes: &[EventId], dropped: bool) -> String {
        let what = match writes.len() {
            0 => "with nothing in flight".to_owned(),
            1 if dropped => "and the write in flight was dropped".to_owned(),
            1 => "and no later flush makes the write in flight durable".to_owned(),
            many if dropped => format!("and the {many} writes in flight were dropped"),
            many => format!("and no later flush makes the {many} writes in flight durable"),
        };
        let call = if self.is_inode(device) { "fsync" } else { "flush" };
        format!("{call} of {} failed, {what}", self.to_flush(device))
    }

    /// A flush in words: of a file and a directory it is what a program calls it.
    fn flush(&self, device: DeviceId, reach: Reach) -> String {
        match (self.is_inode(device), reach) {
            (true, Reach::All) => format!("fsync of {}", self.to_flush(device)),
            (true, Reach::Data) => format!("fdatasync of {}", self.to_flush(device)),
            (false, _) => format!("flush{}", self.of(device)),
        }
    }

    /// The `fdatasync` of an inode that an event is, or that was the last thing done to it before.
    fn fdatasync(&self, inode: DeviceId, before: EventId) -> Option<Place> {
        let is_it = |event: &EventId| {
            let event = self.trace.events.get(event.index());
            matches!(event, Some(Event::Flush { device, reach: Reach::Data, .. }) if *device == inode)
        };
        let is_of = |event: &EventId| self.trace.events[event.index()].device() == Some(inode);
        let last = || (0..before.0).rev().map(EventId).find(is_of).filter(is_it);
        let found = Some(before).filter(is_it).or_else(last);
        found.filter(|_| self.is_inode(inode)).map(|event| self.place(event))
    }

    /// Whether a device is part of a tree of files.
    fn is_inode(&self, device: DeviceId) -> bool {
        let kind = self.trace.devices.get(device.index()).map(|device| &device.kind);
        matches!(kind, Some(DeviceKind::File | DeviceKind::Link | DeviceKind::Directory))
    }

    /// What is flushed, in words.
    fn to_flush(&self, device: DeviceId) -> String {
        let name = self.device(device);
        match self.trace.devices.get(device.index()).map(|device| &device.kind) {
            Some(DeviceKind::File) => format!("the file {name}"),
            Some(DeviceKind::Link) => format!("the link {name}"),
            Some(DeviceKind::Directory) => format!("the directory {name}"),
            Some(DeviceKind::Block | DeviceKind::Nand(_)) | None => name.to_owned(),
        }
    }

    /// What a directory is called, if a device is one.
    pub(super) fn directory(&self, device: DeviceId) -> Option<&str> {
        let device = self.trace.devices.get(device.index()).filter(|device| device.is_directory())?;
        Some(&device.name)
    }

    /// The name whose slot this is in a directory, if anything here tells it.
    pub(super) fn name_at(&self, directory: DeviceId, at: Bytes) -> Option<String> {
        let device = self.trace.devices.get(directory.index())?;
        let names = self.trace.events.iter().filter_map(|event| match event {
            Event::Names { changes, .. } => Some(changes),
            _ => None,
        });
        let mut named = names.flatten().filter(|change| change.range().1 == at);
        let held = || {
            let mut slot = vec![0; SLOT.index()];
            device.base.read(at, &mut slot);
            Entry::parse(&slot).map(|entry| entry.name)
        };
        named.next().map(|change| change.name.clone()).or_else(held)
    }

    /// The name whose slot this is in a directory, in words.
    fn slot(&self, directory: DeviceId, at: Bytes) -> Option<String> {
        let name = self.directory(directory)?;
        Some(format!("the name {} in {name}", self.name_at(directory, at)?))
    }

    /// What became of names, in words.
    fn names(&self, changes: &[NameChange], label: Option<&Label>) -> String {
        let path = |change: &NameChange| match change.directory {
            DeviceId(0) => change.name.clone(),
            directory => format!("{}/{}", self.device(directory), change.name),
        };
        let what = label.map_or("names", Label::as_str);
        let paths: Vec<String> = changed(changes).map(|(_, change)| path(change)).collect();
        format!("{what} {}", paths.join(" to "))
    }

    /// What the system calls an event; without a name, what kind of event it is.
    pub(super) fn name(&self, id: EventId) -> Cow<'a, str> {
        let Some(event) = self.trace.events.get(id.index()) else { return Cow::Borrowed("the end") };
        event.label().map_or_else(|| Cow::Borrowed(kind(event)), |label| Cow::Borrowed(label.as_str()))
    }

    /// Where bytes come from that an event of a life with this number has written.
    pub(super) fn origin(&self, life: u8, event: EventId) -> Origin {
        Origin { life, event: Some(self.number(event)), what: self.name(event).into_owned() }
    }

    /// How much of a device, and where, in words.
    pub(super) fn range(&self, device: DeviceId, at: Bytes, len: Bytes) -> String {
        if let Some(slot) = self.slot(device, at) {
            return slot;
        }
        let name = self.trace.devices.get(device.index()).filter(|_| self.trace.devices.len() > 1);
        let name = name.map(|device| format!("{} ", device.name)).unwrap_or_default();
        match self.trace.devices.get(device.index()).and_then(Device::chip) {
            None => format!("{len} at {name}{at}"),
            Some(chip) => {
                let (page, block) = (chip.geometry.page_with(at), chip.geometry.block_with(at));
                let within = at - chip.geometry.page_at(page);
                let part = if within >= chip.geometry.page { "the spare area of " } else { "" };
                format!("{part}{name}{page} of {block}")
            }
        }
    }

    /// An event in words, with its number.
    pub(crate) fn numbered(&self, id: EventId) -> String {
        format!("#{} ({})", self.number(id), self.event(id))
    }

    /// An event in words.
    pub(super) fn event(&self, id: EventId) -> String {
        let Some(event) = self.trace.events.get(id.index()) else { return "the end".to_owned() };
        match event {
            Event::Resize { device, len } => return format!("length{} = {}", self.of(*device), len.0),
            Event::Names { changes, label } => return self.names(changes, label.as_ref()),
            Event::Flush { device, reach, .. } => return self.flush(*device, *reach),
            Event::Begin { op, text } => {
                return format!("begin of operation {} ({})", op.0 + 1, shortened(text));
            }
            Event::Ack { op, durable: true } => {
                return format!("durable acknowledgement of operation {}", op.0 + 1);
            }
            Event::Ack { op, .. } => return format!("acknowledgement of operation {}", op.0 + 1),
            Event::FlushFailed { device, writes, dropped } => {
                return self.failed_flush(*device, writes, *dropped);
            }
            Event::Mark { text } => return format!("mark {text}"),
            Event::Send { from, to, data, label, .. } => {
                return words::message(*from, *to, data, label.as_ref());
            }
            Event::Deliver { message } => {
                return match self.sent.get(message) {
                    Some(sent) => format!("delivery of {}", self.numbered(*sent)),
                    None => format!("delivery of message {}", message.0),
                };
            }
            Event::Down { node } => return format!("{node} turned off"),
            Event::Up { node } => return format!("{node} turned on"),
            Event::Write { .. }
            | Event::WriteZeroes { .. }
            | Event::Discard { .. }
            | Event::Program { .. }
            | Event::Erase { .. } => {}
        }
        let Some((index, at, len)) = event.range() else { return kind(event).to_owned() };
        let device = self.named(index).map(|name| format!("{name} ")).unwrap_or_default();
        let what = self.name(id);
        if let Some(chip) = self.trace.devices.get(index.index()).and_then(Device::chip) {
            let (page, block) = (chip.geometry.page_with(at), chip.geometry.block_with(at));
            let page =
                if matches!(event, Event::Program { .. }) { format!("{page} of ") } else { String::new() };
            return format!("{what}, {device}{page}{block}");
        }
        format!("{what}, {len} at {device}{at}")
    }
}

/// What kind of event it is, in words.
fn kind(event: &Event) -> &'static str {
    match event {
        Event::Write { fua: Some(Reach::All), .. } => "write with FUA",
        Event::Write { fua: Some(Reach::Data), .. } => "write with O_DSYNC",
        Event::Write { .. } => "write",
        Event::WriteZeroes { .. } => "zeroes",
        Event::Discard { .. } => "discard",
        Event::Program { .. } => "program",
        Event::Erase { .. } => "erase",
        Event::Names { .. } => "names",
        Event::Flush { .. } => "flush",
        Event::FlushFailed { .. } => "flush that failed",
        Event::Resize { .. } => "change of length",
        Event::Begin { .. }
        | Event::Ack { .. }
        | Event::Mark { .. }
        | Event::Send { .. }
        | Event::Deliver { .. }
        | Event::Down { .. }
        | Event::Up { .. } => "event",
    }
}

/// The beginning of a text that is too long for a line.
pub(crate) fn shortened(text: &str) -> String {
    cut(text, 60)
}

fn cut(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
