//! When every write is in flight: from the epoch in which it is issued to the first one in which it is durable.

use super::block::Settles;
use super::cell::AtomId;
use super::files::{self, Names};
use super::layout::Layout;
use super::steps;
use crate::profile::{Fdatasync, Fsync, Order};
use crate::wire::Wire;
use crashcheck_trace::{DeviceId, Event, EventId, Trace};

/// The events of an epoch: a crash in it happens after `from` to `upto` events.
pub(crate) struct Span {
    pub(crate) from: usize,
    pub(crate) upto: usize,
}

/// What has been issued and is not durable.
struct InFlight {
    /// By device, in the order of issue. What became durable by itself is left out when the device is settled.
    on: Vec<Vec<AtomId>>,
    names: Names,
}

/// Finds the epochs, and for every atom those in which it is issued and durable.
pub(super) fn date(layout: &mut Layout, trace: &Trace, wire: &Wire) -> Vec<Span> {
    let (mut spans, mut from, mut next) = (Vec::new(), 0, 0);
    let mut in_flight = InFlight { on: vec![Vec::new(); trace.devices.len()], names: Names::default() };
    let one_by_one = layout.profile.cluster.is_some() && trace.nodes() > 0;
    // Where all of a tree keeps its order, what was issued before is durable with what is made durable.
    let as_one = files::is_tree(trace) && layout.profile.order == Order::Issued;
    let fsync = layout.profile.files.fsync;
    for (index, event) in trace.events.iter().enumerate() {
        if let Some(file) = files::written_out(event, &trace.devices, &layout.profile) {
            spans.push(Span { from, upto: index });
            from = index + 1;
            layout.write_out(file, spans.len() as u32, &in_flight);
        }
        let epoch = spans.len() as u32;
        while let Some(atom) = layout.atoms.get_mut(next).filter(|atom| atom.event.index() == index) {
            atom.issued = epoch;
            for device in [Some(atom.device), atom.also].into_iter().flatten() {
                in_flight.on[device.index()].push(AtomId(next as u32));
            }
            if let (Event::Names { changes, label }, true) = (event, fsync != Fsync::Inode) {
                in_flight.names.issue(AtomId(next as u32), changes, label.as_ref());
            }
            next += 1;
        }
        if let Event::FlushFailed { device, writes, .. } = event {
            // No later flush covers them.
            let is_left = |atom: &AtomId| writes.binary_search(&layout.atoms[atom.0 as usize].event).is_err();
            in_flight.on[device.index()].retain(is_left);
        }
        let settles = Settles::by(event, EventId(index as u32), &layout.profile);
        if settles.is_none() && !(one_by_one && ends_epoch(event)) {
            continue;
        }
        // What becomes durable by itself, such as a write with FUA, has begun.
        let changes = matches!(
            event,
            Event::Write { .. }
                | Event::WriteZeroes { .. }
                | Event::Discard { .. }
                | Event::Resize { .. }
                | Event::Names { .. }
                | Event::FlushFailed { .. }
        );
        let upto = index + usize::from(changes);
        spans.push(Span { from, upto });
        from = index + 1;
        if let Some(settles) = settles {
            let settles = if as_one { Settles::All } else { settles };
            let reach = files::reach(event, &trace.devices, &layout.profile);
            if fsync != Fsync::Inode {
                layout.carry((&settles, reach), epoch + 1, &mut in_flight, trace);
            }
            layout.settle((&settles, reach), epoch + 1, &mut in_flight, wire);
        }
    }
    spans.push(Span { from, upto: trace.events.len() });
    layout.date_versions();
    spans
}

/// Whether an event ends an epoch of a cluster although it makes nothing durable.
fn ends_epoch(event: &Event) -> bool {
    matches!(
        event,
        Event::Begin { .. }
            | Event::Send { .. }
            | Event::Deliver { .. }
            | Event::Down { .. }
            | Event::Up { .. }
    )
}

impl Layout {
    fn settle(
        &mut self,
        (settles, reach): (&Settles<'_>, Fdatasync),
        epoch: u32,
        in_flight: &mut InFlight,
        wire: &Wire,
    ) {
        let fsync = Fdatasync::Fsync;
        match settles {
            Settles::Event(event) => {
                for atom in self.atoms_of(*event) {
                    if reach == Fdatasync::Data && self.is_length(atom) {
                        continue;
                    }
                    let durable = &mut self.atoms[atom.0 as usize].durable;
                    *durable = epoch.min(*durable);
                }
            }
            Settles::Device(device, except) => {
                self.settle_device(*device, (except, reach), epoch, in_flight);
            }
            Settles::All => {
                let devices = (0..self.lines.len() as u16).map(DeviceId);
                devices.for_each(|device| self.settle_device(device, (&[], fsync), epoch, in_flight));
            }
            Settles::Node(node) => {
                let devices = (0..self.lines.len() as u16).map(DeviceId);
                let theirs: Vec<DeviceId> =
                    devices.filter(|device| wire.owner(*device) == Some(*node)).collect();
                for device in theirs {
                    self.settle_device(device, (&[], fsync), epoch, in_flight);
                }
            }
        }
    }

    /// Makes durable what has made a file longer. What was overwritten is written out only if there is anything new, and that may have
    /// been written before.
    fn write_out(&mut self, file: DeviceId, epoch: u32, in_flight: &InFlight) {
        let on = &in_flight.on[file.index()];
        let grows = |atom: &&AtomId| self.is_length(**atom);
        let events: Vec<EventId> =
            on.iter().filter(grows).map(|atom| self.atoms[atom.0 as usize].event).collect();
        for atom in on {
            let atom = &mut self.atoms[atom.0 as usize];
            if events.binary_search(&atom.event).is_ok() {
                atom.durable = epoch.min(atom.durable);
            }
        }
    }

    /// Whether an atom is a change of a length.
    fn is_length(&self, atom: AtomId) -> bool {
        let atom = &self.atoms[atom.0 as usize];
        self.lines[atom.device.index()].length.is_some_and(|length| atom.cells.contains(&length))
    }

    /// Makes durable what an `fsync` of a file or a directory carries of names, or an `fdatasync`.
    fn carry(
        &mut self,
        (settles, reach): (&Settles<'_>, Fdatasync),
        epoch: u32,
        in_flight: &mut InFlight,
        trace: &Trace,
    ) {
        let event = |atom: &AtomId| &trace.events[self.atoms[atom.0 as usize].event.index()];
        let (inode, own) = match settles {
            Settles::Device(device, _) => (*device, in_flight.on[device.index()].clone()),
            Settles::Event(id) => match &trace.events[id.index()] {
                Event::Write { device, .. } => (*device, self.atoms_of(*id).collect()),
                _ => return,
            },
            Settles::All | Settles::Node(_) => return,
        };
        let is_open = |atom: &AtomId| self.atoms[atom.0 as usize].durable == u32::MAX;
        let is_change = |atom: &&AtomId| self.is_length(**atom) || matches!(event(atom), Event::Names { .. });
        let changed = own.iter().rfind(|atom| is_open(atom) && is_change(atom)).copied();
        let directories = |atom: AtomId| match event(&atom) {
            Event::Names { changes, .. } => changes.iter().map(|change| change.directory).collect(),
            _ => Vec::new(),
        };
        let how = (self.profile.files.fsync, reach);
        for atom in in_flight.names.carried((inode, changed), how, is_open, directories) {
            let durable = &mut self.atoms[atom.0 as usize].durable;
            *durable = epoch.min(*durable);
        }
    }

    fn settle_device(
        &mut self,
        device: DeviceId,
        (except, reach): (&[EventId], Fdatasync),
        epoch: u32,
        in_flight: &mut InFlight,
    ) {
        steps::take(in_flight.on[device.index()].len());
        in_flight.on[device.index()].retain(|id| {
            let is_left = reach == Fdatasync::Data && self.is_length(*id);
            let atom = &mut self.atoms[id.0 as usize];
            let stays = atom.durable == u32::MAX && (is_left || except.binary_search(&atom.event).is_ok());
            if !stays {
                atom.durable = atom.durable.min(epoch);
            }
            stays
        });
    }

    /// Writes into every version when it can be seen.
    fn date_versions(&mut self) {
        for cell in &mut self.cells {
            let mut settled = u32::MAX;
            for version in cell.versions.iter_mut().rev() {
                let atom = &self.atoms[version.atom.0 as usize];
                settled = settled.min(atom.durable);
                (version.issued, version.settled) = (atom.issued, settled);
            }
        }
    }
}
