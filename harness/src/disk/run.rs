//! A crash state of a cluster: a run of the workload that is the recorded one until the crash comes, and then goes on as
//! the answers say. If nodes crash once more, the run goes through the life between as that was, up to the next crash.
//!
//! Whether a node went down is asked when it would act next, what became of a message when it would arrive. A node that
//! went down is as the crash left it: what it had in memory is gone, and its disks hold what they hold in this epoch. A
//! node that did not goes on with everything that it wrote. Nodes stay down until the harness lets them return, or until
//! all are down and everything is quiet: then the whole cluster has lost its power, and it comes back at once.

use super::Disk;
use crate::choice::Question;
use crate::media::{LazyImage, Outlived};
use crate::profile::{Fate, Fates};
use crate::wire::{Sent, Step, Wire};
use crashcheck_trace::{DeviceId, Event, EventId, Image, NodeId, Trace};
use std::sync::Arc;

/// The run of a cluster through its crashes.
pub(crate) struct Run {
    /// What crashed nodes find on their disks, and who answers what is open.
    pub(super) image: Box<LazyImage>,
    /// The life that goes on: 1 is the recorded workload, and the n-th crash ends the n-th.
    life: u8,
    /// What happens in it, if another crash ends it.
    trace: Arc<Trace>,
    fates: Fates,
    /// What the disks of the nodes hold that never went down.
    pub(super) disks: Vec<Image>,
    /// The nodes that they belong to.
    owners: Vec<Option<NodeId>>,
    nodes: Vec<Node>,
    /// So many events of the life have happened.
    done: usize,
    /// The next crash comes after so many.
    crash: usize,
    /// Whether the nodes that went down may have returned.
    over: bool,
    /// Whether the cluster was turned off and on.
    restarted: bool,
    /// Messages that come late.
    late: Vec<Sent>,
    /// Messages on their way at a crash whose receiver was down when they should have arrived.
    missed: Vec<Sent>,
    /// The first event that was not the recorded one.
    astray: Option<EventId>,
}

/// What the crashes did to a node.
#[derive(Clone, Copy, Default)]
struct Node {
    last: Last,
    /// Whether it was down already when the last crash came.
    was_down: bool,
    /// Whether it has ever gone down with a crash.
    crashed: bool,
}

/// What the last crash did to a node.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Last {
    /// Nobody has asked.
    #[default]
    Open,
    /// Nothing.
    Spared,
    /// It went down.
    Crashed,
}

impl Run {
    /// A run that has not begun.
    pub(crate) fn new(mut image: Box<LazyImage>) -> Run {
        let (done, crash) = image.look_for_crash(1);
        let script = image.script(1).expect("made for a cluster whose nodes crash one by one");
        let (trace, fates) = (Arc::clone(&script.trace), script.cluster.fates());
        Run {
            life: 1,
            disks: trace.devices.iter().map(|device| device.base.clone()).collect(),
            owners: trace.devices.iter().map(|device| device.node).collect(),
            nodes: vec![Node::default(); usize::from(trace.nodes())],
            done,
            crash,
            over: false,
            restarted: false,
            late: Vec::new(),
            missed: Vec::new(),
            astray: None,
            image,
            trace,
            fates,
        }
    }

    /// Whether a device is as a crash left it.
    pub(super) fn has_crashed(&self, device: DeviceId) -> bool {
        self.owners[device.index()].is_some_and(|node| self.nodes[node.index()].crashed)
    }

    /// The crash state, with what the last life has outlived. Where nobody went down no life has ended; nor is there another
    /// one for a cluster that gave up while it was booting.
    pub(super) fn end(mut self) -> Box<LazyImage> {
        self.keep();
        let crashed = |node: &Node| node.last == Last::Crashed;
        let is_life = !self.is_followed() && !self.restarted && self.nodes.iter().any(crashed);
        let outlived = is_life.then(|| self.outlived());
        self.image.outlive(outlived);
        self.image
    }

    fn outlived(&self) -> Outlived {
        let nodes = || (0..).map(NodeId).zip(&self.nodes);
        let down = nodes().filter(|(_, node)| node.was_down || node.last == Last::Crashed);
        let spared =
            |owner: Option<NodeId>| owner.is_some_and(|node| self.nodes[node.index()].last == Last::Spared);
        let devices = (0..).map(DeviceId).zip(&self.trace.devices);
        Outlived {
            down: down.map(|(node, _)| node).collect(),
            devices: devices.filter(|(_, device)| spared(device.node)).map(|(id, _)| id).collect(),
            writes: 0,
        }
    }

    /// Whether the run has left the recorded one before the crash.
    pub(crate) fn is_astray(&self) -> bool {
        self.astray.is_some()
    }

    /// Whether another crash is to come, so that the run is one that is known.
    pub(super) fn is_followed(&self) -> bool {
        self.life <= self.image.life()
    }

    /// Goes past an event of the life that goes on, which must be like this if another crash ends it.
    pub(crate) fn follow(&mut self, is_like: impl FnOnce(&Event) -> bool) {
        if !self.is_followed() {
            return;
        }
        if !self.trace.events.get(self.done).is_some_and(is_like) {
            self.astray.get_or_insert(EventId(self.done as u32));
        }
        self.done += 1;
    }

    /// Something happens beside the disks.
    pub(super) fn note(&mut self, event: Event) {
        match self.is_followed() {
            true => self.follow(|known| *known == event),
            false => self.image.note(event),
        }
    }

    /// Recovery has shown what it found.
    pub(super) fn note_recovered(&mut self) {
        match self.is_followed() {
            true => self.follow(|event| matches!(event, Event::Mark { .. })),
            false => {
                self.image.note_recovered();
                self.keep();
            }
        }
    }

    /// Keeps the disks that no crash has touched, if somebody wants the devices as recovery leaves them.
    fn keep(&mut self) {
        if self.image.is_kept() {
            let disks = (0..).map(DeviceId).zip(&self.disks).filter(|(device, _)| !self.has_crashed(*device));
            let spared: Vec<(DeviceId, Image)> = disks.map(|(device, disk)| (device, disk.clone())).collect();
            self.image.keep_spared(spared);
        }
    }

    /// The life and the event of it that a message belongs to which is sent now, if a crash may leave open what becomes of
    /// it.
    pub(crate) fn sends(&self) -> Option<(u8, EventId)> {
        self.is_followed().then_some((self.life, EventId(self.done as u32)))
    }

    pub(crate) fn is_up(&mut self, wire: &mut Wire, node: NodeId) -> bool {
        self.meet_crashes(wire);
        self.find_out(wire, node);
        wire.is_up(node)
    }

    /// What happens next.
    pub(crate) fn next_step(&mut self, wire: &mut Wire) -> Option<Step> {
        loop {
            self.meet_crashes(wire);
            if let Some(step) = wire.news.pop_front() {
                return Some(step);
            }
            match wire.in_flight.pop_front() {
                Some(sent) => {
                    if let Some(step) = self.arrive(wire, sent) {
                        return Some(step);
                    }
                }
                None if self.life == 1 || self.anybody_up(wire) => return None,
                None => self.regain_all(wire),
            }
        }
    }

    /// Whether a node is up, now that everything is quiet. If none is known to be, asks for one after the other.
    fn anybody_up(&mut self, wire: &mut Wire) -> bool {
        let mut nodes = (0..wire.nodes()).map(NodeId);
        let known = nodes.clone().any(|node| self.nodes[node.index()].last != Last::Open && wire.is_up(node));
        known || nodes.any(|node| self.is_up(wire, node))
    }

    /// A message arrives, or not.
    fn arrive(&mut self, wire: &mut Wire, sent: Sent) -> Option<Step> {
        if !self.is_up(wire, sent.to) {
            self.miss(vec![sent]);
            return None;
        }
        let fate = self.fate(&sent);
        let (step, message) = (sent.delivered(), sent.message);
        if matches!(fate, Fate::Late | Fate::Twice) {
            let again = Sent { event: None, ..sent };
            match self.over {
                true => wire.in_flight.push_back(again),
                false => self.late.push(again),
            }
        }
        let arrives = matches!(fate, Fate::Arrived | Fate::Twice);
        arrives.then(|| self.note(Event::Deliver { message }));
        arrives.then_some(step)
    }

    /// Messages do not arrive, because their receiver is down. Those that were on their way at a crash may come late.
    fn miss(&mut self, sent: Vec<Sent>) {
        let life = self.life;
        let open = |sent: &Sent| sent.event.is_some_and(|(of, _)| of < life);
        self.missed.extend(sent.into_iter().filter(open));
    }

    /// What became of a message. Those that were sent after the last crash arrive.
    fn fate(&mut self, sent: &Sent) -> Fate {
        let (fates, image) = (self.fates, &mut self.image);
        match sent.event.filter(|(life, _)| *life < self.life) {
            Some((life, event)) => fates.of(image.flag(Question::Arrived { life, event, fates })),
            None => Fate::Arrived,
        }
    }

    /// If this is the moment of a crash, whatever is open is open from now on.
    fn meet_crashes(&mut self, wire: &mut Wire) {
        while self.is_followed() && self.done == self.crash {
            self.find_out_all(wire);
            self.life += 1;
            self.over = false;
            for (node, id) in self.nodes.iter_mut().zip(0..) {
                node.was_down = !wire.is_up(NodeId(id));
                node.last = if node.was_down { Last::Spared } else { Last::Open };
            }
            match self.is_followed() {
                false => self.image.begin_life(),
                true => {
                    (self.done, self.crash) = self.image.look_for_crash(self.life);
                    let script = self.image.script(self.life).expect("as in the first life");
                    self.trace = Arc::clone(&script.trace);
                }
            }
        }
    }

    /// Asks whether a node went down with the last crash.
    fn find_out(&mut self, wire: &mut Wire, node: NodeId) {
        let Some(crash) = self.life.checked_sub(1).filter(|crash| *crash > 0) else { return };
        if self.nodes[node.index()].last != Last::Open {
            return;
        }
        if self.image.flag(Question::NodeDown { life: crash, node }) == 0 {
            self.nodes[node.index()].last = Last::Spared;
            return;
        }
        let Node { last, crashed, .. } = &mut self.nodes[node.index()];
        (*last, *crashed) = (Last::Crashed, true);
        for device in (0..self.disks.len() as u16).map(DeviceId) {
            if wire.owner(device) == Some(node) {
                self.image.go_down(device, crash);
            }
        }
        let lost = wire.lose(node);
        self.miss(lost);
    }

    fn find_out_all(&mut self, wire: &mut Wire) {
        for node in 0..self.nodes.len() as u16 {
            self.find_out(wire, NodeId(node));
        }
    }

    /// Nodes that are down come up, one after the other, unless a crash comes.
    fn regain_all(&mut self, wire: &mut Wire) {
        let life = self.life;
        for node in (0..wire.nodes()).map(NodeId).filter(|node| !wire.is_up(*node)).collect::<Vec<_>>() {
            self.meet_crashes(wire);
            if self.life != life {
                return;
            }
            self.note(Event::Up { node });
            wire.regain(node);
        }
    }

    /// Nodes that are down return, and late messages are on their way.
    fn let_return(&mut self, wire: &mut Wire) {
        self.meet_crashes(wire);
        let life = self.life;
        self.find_out_all(wire);
        self.regain_all(wire);
        if self.life != life {
            return;
        }
        let missed = std::mem::take(&mut self.missed).into_iter();
        // Who can only be lost has missed it.
        for sent in missed.filter(|_| self.fates.late || self.fates.twice).collect::<Vec<_>>() {
            if matches!(self.fate(&sent), Fate::Late | Fate::Twice) {
                self.late.push(sent);
            }
        }
        self.late.sort_by_key(|sent| sent.message);
        wire.in_flight.extend(self.late.drain(..).map(|sent| Sent { event: None, ..sent }));
        self.over = true;
    }

    /// Every node loses its power, and every message is lost.
    fn turn_off(&mut self, wire: &mut Wire) {
        self.meet_crashes(wire);
        self.find_out_all(wire);
        self.missed.clear();
        self.late.clear();
        (self.over, self.restarted) = (true, true);
    }
}

/// What the harness asks of a run.
impl Disk {
    /// Whether the crash state is a run of the workload.
    pub(crate) fn is_run(&self) -> bool {
        self.of_run(|_, _| ()).is_some()
    }

    /// How many crashes have come by now in a run.
    pub(crate) fn crashes(&self) -> usize {
        let crashes = self.of_run(|run, wire| {
            run.meet_crashes(wire);
            usize::from(run.life) - 1
        });
        crashes.unwrap_or(0)
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
