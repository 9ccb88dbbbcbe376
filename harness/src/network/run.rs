//! A crash state of a cluster: a run of the workload that is the recorded one until the crash comes, and then goes on as
//! the answers say.
//!
//! Whether a node went down is asked when it would act next, what became of a message when it would arrive. A node that
//! went down is as the crash left it: what it had in memory is gone, and its disks hold what they hold in this epoch. A
//! node that did not goes on with everything that it wrote. Nodes stay down until the harness lets them return, or until
//! all are down and everything is quiet: then the whole cluster has lost its power, and it comes back at once.

use super::wire::{Sent, Wire};
use crate::Disk;
use crate::choice::Question;
use crate::media::LazyImage;
use crate::network::Step;
use crate::profile::{Fate, Fates};
use crashcheck_trace::{Bytes, DeviceId, Event, EventId, Image, NodeId, Trace};
use std::sync::Arc;

/// The run of a cluster through a crash.
pub(crate) struct Run {
    /// What crashed nodes find on their disks, and who answers what is open.
    image: Box<LazyImage>,
    trace: Arc<Trace>,
    fates: Fates,
    /// What the disks of the other nodes hold.
    disks: Vec<Image>,
    nodes: Vec<Node>,
    /// So many events of the trace have happened.
    done: usize,
    /// The crash comes after so many.
    crash: usize,
    phase: Phase,
    /// Messages that come late.
    late: Vec<Sent>,
    /// Messages on their way at the crash whose receiver was down when they should have arrived.
    missed: Vec<Sent>,
    /// The first event that was not the recorded one.
    astray: Option<EventId>,
}

/// What the crash did to a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    /// Nobody has asked.
    Open,
    /// Nothing.
    Spared,
    /// It went down.
    Crashed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The run is the recorded one.
    Before,
    /// The crash has come, and nodes that went down stay down.
    Crashed,
    /// They have returned.
    Over,
}

impl Run {
    /// A run that has not begun.
    pub(crate) fn new(mut image: Box<LazyImage>) -> Run {
        let crash = image.look_for_crash();
        let script = image.script().expect("made for a cluster whose nodes crash one by one");
        let (trace, fates) = (Arc::clone(&script.trace), script.cluster.fates());
        Run {
            disks: trace.devices.iter().map(|device| device.base.clone()).collect(),
            nodes: vec![Node::Open; usize::from(trace.nodes())],
            done: 0,
            crash,
            phase: Phase::Before,
            late: Vec::new(),
            missed: Vec::new(),
            astray: None,
            image,
            trace,
            fates,
        }
    }

    pub(crate) fn image(&mut self) -> &mut LazyImage {
        &mut self.image
    }

    pub(crate) fn into_image(self) -> Box<LazyImage> {
        self.image
    }

    /// Whether the run has left the recorded one before the crash.
    pub(crate) fn is_astray(&self) -> bool {
        self.astray.is_some()
    }

    /// Goes past an event of the recording, which must be like this.
    pub(crate) fn follow(&mut self, is_like: impl FnOnce(&Event) -> bool) {
        if self.phase != Phase::Before {
            return;
        }
        if !self.trace.events.get(self.done).is_some_and(is_like) {
            self.astray.get_or_insert(EventId(self.done as u32));
        }
        self.done += 1;
    }

    /// The event of the trace that a message belongs to which is sent now; `None` after the crash.
    pub(super) fn sends(&self) -> Option<EventId> {
        (self.phase == Phase::Before).then_some(EventId(self.done as u32))
    }

    pub(super) fn is_up(&mut self, wire: &mut Wire, node: NodeId) -> bool {
        self.meet_the_crash(wire);
        if self.phase == Phase::Crashed {
            self.find_out(wire, node);
        }
        wire.is_up(node)
    }

    /// What happens next.
    pub(super) fn next_step(&mut self, wire: &mut Wire) -> Option<Step> {
        self.meet_the_crash(wire);
        loop {
            if let Some(step) = wire.news.pop_front() {
                return Some(step);
            }
            let Some(sent) = wire.in_flight.pop_front() else {
                if self.phase == Phase::Before || self.anybody_up(wire) {
                    return None;
                }
                wire.regain_all();
                continue;
            };
            if self.phase == Phase::Before {
                let message = sent.message;
                self.follow(|event| *event == Event::Deliver { message });
                return Some(sent.delivered());
            }
            if let Some(step) = self.arrive(wire, sent) {
                return Some(step);
            }
        }
    }

    /// Whether a node is up, now that everything is quiet. If none is known to be, asks for one after the other.
    fn anybody_up(&mut self, wire: &mut Wire) -> bool {
        let mut nodes = (0..wire.nodes()).map(NodeId);
        let known = nodes.clone().any(|node| self.nodes[node.index()] != Node::Open && wire.is_up(node));
        known || nodes.any(|node| self.is_up(wire, node))
    }

    /// A message arrives after the crash, or not.
    fn arrive(&mut self, wire: &mut Wire, sent: Sent) -> Option<Step> {
        if !self.is_up(wire, sent.to) {
            self.missed.extend(sent.event.map(|_| sent));
            return None;
        }
        let fate = self.fate(&sent);
        let step = sent.delivered();
        if matches!(fate, Fate::Late | Fate::Twice) {
            let again = Sent { event: None, ..sent };
            match self.phase {
                Phase::Over => wire.in_flight.push_back(again),
                _ => self.late.push(again),
            }
        }
        matches!(fate, Fate::Arrived | Fate::Twice).then_some(step)
    }

    /// What became of a message. Those that were sent after the crash arrive.
    fn fate(&mut self, sent: &Sent) -> Fate {
        let (fates, image) = (self.fates, &mut self.image);
        sent.event.map_or(Fate::Arrived, |event| fates.of(image.flag(Question::Arrived { event, fates })))
    }

    /// If this is the moment of the crash, whatever is open is open from now on.
    fn meet_the_crash(&mut self, wire: &Wire) {
        if self.phase != Phase::Before || self.done != self.crash {
            return;
        }
        self.phase = Phase::Crashed;
        for (state, node) in self.nodes.iter_mut().zip(0..) {
            if !wire.is_up(NodeId(node)) {
                *state = Node::Spared;
            }
        }
    }

    /// Asks whether a node went down.
    fn find_out(&mut self, wire: &mut Wire, node: NodeId) {
        if self.nodes[node.index()] != Node::Open {
            return;
        }
        if self.image.flag(Question::NodeDown { node }) == 0 {
            self.nodes[node.index()] = Node::Spared;
            return;
        }
        self.nodes[node.index()] = Node::Crashed;
        self.missed.extend(wire.lose(node).into_iter().filter(|sent| sent.event.is_some()));
    }

    fn find_out_all(&mut self, wire: &mut Wire) {
        self.meet_the_crash(wire);
        for node in 0..self.nodes.len() as u16 {
            self.find_out(wire, NodeId(node));
        }
    }

    /// Nodes that are down return, and late messages are on their way.
    fn let_return(&mut self, wire: &mut Wire) {
        self.find_out_all(wire);
        wire.regain_all();
        let missed = std::mem::take(&mut self.missed).into_iter();
        // Who can only be lost has missed it.
        for sent in missed.filter(|_| self.fates.late || self.fates.twice).collect::<Vec<_>>() {
            if matches!(self.fate(&sent), Fate::Late | Fate::Twice) {
                self.late.push(sent);
            }
        }
        self.late.sort_by_key(|sent| sent.message);
        wire.in_flight.extend(self.late.drain(..).map(|sent| Sent { event: None, ..sent }));
        self.phase = Phase::Over;
    }

    /// Every node loses its power, and every message is lost.
    fn turn_off(&mut self, wire: &mut Wire) {
        self.find_out_all(wire);
        self.missed.clear();
        self.late.clear();
        self.phase = Phase::Over;
    }
}

/// The disks. The range of every operation lies within its device.
impl Run {
    /// Whether a device is as the crash left it.
    fn has_crashed(&self, wire: &Wire, device: DeviceId) -> bool {
        wire.owner(device).is_some_and(|node| self.nodes[node.index()] == Node::Crashed)
    }

    pub(crate) fn devices(&self) -> usize {
        self.disks.len()
    }

    pub(crate) fn len(&mut self, wire: &Wire, device: DeviceId) -> Bytes {
        match self.has_crashed(wire, device) {
            true => self.image.len(device),
            false => self.disks[device.index()].len(),
        }
    }

    pub(crate) fn read(
        &mut self,
        wire: &Wire,
        device: DeviceId,
        at: Bytes,
        buf: &mut [u8],
    ) -> Result<(), Bytes> {
        if self.has_crashed(wire, device) {
            return self.image.read(device, at, buf);
        }
        self.disks[device.index()].read(at, buf);
        Ok(())
    }

    pub(crate) fn write(&mut self, wire: &Wire, device: DeviceId, at: Bytes, data: &[u8], fua: bool) {
        if self.has_crashed(wire, device) {
            return self.image.write(device, at, data, fua, None);
        }
        self.disks[device.index()].write(at, data);
        self.follow(|event| match event {
            Event::Write { device: on, at: there, data: content, fua: forced, .. } => {
                (*on, *there, content.as_slice(), *forced) == (device, at, data, fua)
            }
            _ => false,
        });
    }

    pub(crate) fn zero(&mut self, wire: &Wire, device: DeviceId, at: Bytes, len: Bytes) {
        if self.has_crashed(wire, device) {
            return self.image.zero(device, at, len, None);
        }
        self.disks[device.index()].zero(at, len);
        let is_like = |event: &Event| {
            matches!(event, Event::WriteZeroes { .. }) && event.range() == Some((device, at, len))
        };
        self.follow(is_like);
    }

    pub(crate) fn discard(&mut self, wire: &Wire, device: DeviceId, at: Bytes, len: Bytes) {
        match self.has_crashed(wire, device) {
            true => self.image.discard(device, at, len),
            false => self.follow(|event| *event == Event::Discard { device, at, len }),
        }
    }

    pub(crate) fn resize(&mut self, wire: &Wire, device: DeviceId, len: Bytes) {
        if self.has_crashed(wire, device) {
            return self.image.resize(device, len);
        }
        self.disks[device.index()].resize(len);
        self.follow(|event| *event == Event::Resize { device, len });
    }

    pub(crate) fn flush(&mut self, wire: &Wire, device: DeviceId) {
        match self.has_crashed(wire, device) {
            true => self.image.flush(device),
            false => self.follow(|event| *event == Event::Flush { device, except: Vec::new() }),
        }
    }
}

/// What the harness asks of a run.
impl Disk {
    /// Whether the crash state is a run of the workload.
    pub(crate) fn is_run(&self) -> bool {
        self.of_run(|_, _| ()).is_some()
    }

    /// Whether nothing more happens before the crash.
    pub(crate) fn crash_is_due(&self) -> bool {
        self.of_run(|run, _| run.done >= run.crash).unwrap_or(false)
    }

    /// Whether the crash has come.
    pub(crate) fn has_crashed(&self) -> bool {
        self.of_run(|run, _| run.phase != Phase::Before).unwrap_or(false)
    }

    /// The first event at which the run was not the recorded one.
    pub(crate) fn astray(&self) -> Option<EventId> {
        self.of_run(|run, _| run.astray).flatten()
    }

    /// Nodes that are down return, and late messages are on their way.
    pub(crate) fn let_return(&self) {
        self.of_run(Run::let_return);
    }

    /// Turns all nodes off and on: a handle for the new power cycle.
    pub(crate) fn turn_off_and_on(&self) -> Disk {
        self.of_run(Run::turn_off);
        self.power_on()
    }

    fn of_run<T>(&self, ask: impl FnOnce(&mut Run, &mut Wire) -> T) -> Option<T> {
        let mut machine = self.machine();
        let (wire, run) = machine.cluster();
        run.map(|run| ask(run, wire))
    }
}
