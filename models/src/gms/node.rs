//! A node: everything it knows is in here, and everything it does is the answer to something it is told.
//!
//! It does no input or output but to its own disk. What it wants to send is collected and taken by whoever runs it,
//! after each call that did not fail: a node that loses its power in the middle of something has sent nothing.

use super::bugs::{Bug, Bugs};
use super::directory::{Gcd, Pod};
use super::epoch::{Epoch, Random};
use super::fault::{Done, Fault, Task};
use super::format::{ConfigId, Head, Superblock};
use super::frames::Frames;
use super::link::{Arrival, Link, Unsent};
use super::message::{self, Member, Message};
use super::page::{Incarnation, Page, Tenure, Time, Uid, Version};
use super::recover::Proposal;
use super::{Geometry, GmsError};
use crashcheck::{Disk, DiskError, NodeId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// In so many of its rounds the daemon once reports all pages that were dropped, be they ever so few (GM-19).
const REPORT_EVERY: u64 = 8;

/// A message that a node wants to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// To whom.
    pub to: NodeId,
    /// As bytes.
    pub bytes: Vec<u8>,
    /// What it is, for the trace.
    pub label: String,
}

/// The nodes that take part, as one of them knows it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which configuration.
    pub id: ConfigId,
    /// Who takes part.
    pub members: Vec<Member>,
    /// Who keeps which part of the directory.
    pub pod: Pod,
    /// Those that have not yet said which pages they hold.
    pub registering: BTreeSet<NodeId>,
}

/// A page that another node has sent and that waits for a frame.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    pub(super) uid: Uid,
    pub(super) tenure: Tenure,
    pub(super) used: Time,
    pub(super) version: Version,
    pub(super) page: Page,
}

/// A node.
pub struct Node {
    pub(super) id: NodeId,
    pub(super) geometry: Geometry,
    pub(super) bugs: Bugs,
    pub(super) disk: Disk,
    pub(super) superblock: Superblock,
    pub(super) now: Time,
    /// `None` until it has been let in after its boot.
    pub(super) config: Option<Config>,
    /// The latest configuration that it has heard of.
    pub(super) promised: ConfigId,
    pub(super) proposal: Option<Proposal>,
    /// Timeouts since it has accepted a configuration that has not begun.
    pub(super) trusted: u32,
    /// Timeouts since it waits for others to register.
    pub(super) waited: u32,
    pub(super) links: BTreeMap<NodeId, Link>,
    pub(super) frames: Frames,
    pub(super) gcd: Gcd,
    /// Messages to the directory that come before it is complete, or while a page changes hands.
    pub(super) held: VecDeque<(NodeId, Message)>,
    /// Messages to a holder that wait until its page is on the disk.
    pub(super) delayed: Vec<(NodeId, Message)>,
    pub(super) incoming: VecDeque<Incoming>,
    /// Pages that are on their way here and not wanted any more.
    pub(super) refused: BTreeSet<Tenure>,
    /// By sender, the number of the last page that it sent.
    pub(super) seen: BTreeMap<NodeId, u64>,
    /// By sender, the number of the last page whose move this node, as keeper, has heard of.
    pub(super) moves: BTreeMap<NodeId, u64>,
    /// Pages that have left where they had been put, of which this node has not yet heard that they were put there.
    pub(super) gone_early: BTreeSet<Tenure>,
    /// Pages that were dropped, of which the directory does not know yet.
    pub(super) dropped: Vec<(Uid, Tenure)>,
    pub(super) epoch: Epoch,
    pub(super) random: Random,
    /// The last number given to a request or a page that was sent, in this life or before it.
    pub(super) serial: u64,
    pub(super) task: Option<Task>,
    pub(super) done: Option<Result<Done, GmsError>>,
    pub(super) fault: Option<Fault>,
    /// The right to write was asked for.
    pub(super) owning: bool,
    /// How often it has read a page from its disk for a fault.
    pub(super) disk_reads: u64,
    loopback: VecDeque<Message>,
    out: Vec<Outgoing>,
}

impl Node {
    /// A node with an empty memory, which knows of no other.
    pub(super) fn new(
        id: NodeId,
        geometry: Geometry,
        bugs: Bugs,
        disk: Disk,
        superblock: Superblock,
        now: Time,
    ) -> Node {
        let seed = (u64::from(superblock.incarnation.0) << 16) + u64::from(id.0) + 1;
        Node {
            id,
            geometry,
            bugs,
            disk,
            superblock,
            now,
            config: None,
            promised: ConfigId { counter: 0, master: NodeId(0) },
            proposal: None,
            trusted: 0,
            waited: 0,
            links: BTreeMap::new(),
            frames: Frames::new(geometry.frames),
            gcd: Gcd::default(),
            held: VecDeque::new(),
            delayed: Vec::new(),
            incoming: VecDeque::new(),
            refused: BTreeSet::new(),
            seen: BTreeMap::new(),
            moves: BTreeMap::new(),
            gone_early: BTreeSet::new(),
            dropped: Vec::new(),
            epoch: Epoch::first(&[id], geometry.bounds, now),
            random: Random::new(seed),
            serial: superblock.incarnation.before_first(),
            task: None,
            done: None,
            fault: None,
            owning: false,
            disk_reads: 0,
            loopback: VecDeque::new(),
            out: Vec::new(),
        }
    }

    /// Which of its lives this is.
    pub fn life(&self) -> Incarnation {
        self.superblock.incarnation
    }

    /// What is in its memory.
    pub fn frames(&self) -> &Frames {
        &self.frames
    }

    /// The configuration it takes part in.
    pub fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    /// Its part of the directory.
    pub fn gcd(&self) -> &Gcd {
        &self.gcd
    }

    /// The running epoch.
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Pages that it has dropped without telling the directory yet.
    pub fn unreported(&self) -> &[(Uid, Tenure)] {
        &self.dropped
    }

    /// How often it has read a page from its disk for a node that needed it.
    pub fn disk_reads(&self) -> u64 {
        self.disk_reads
    }

    /// Takes what it wants to be sent.
    pub fn take_outgoing(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.out)
    }

    /// Takes the result of what it was asked to do, once there is one.
    pub fn take_done(&mut self) -> Option<Result<Done, GmsError>> {
        self.done.take()
    }

    /// A message has come in. What is no message, or not for this node, is not listened to.
    ///
    /// # Errors
    /// If its own disk fails.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        let Some((head, body)) = Head::decode(bytes).filter(|(head, _)| head.to == self.id) else {
            return Ok(());
        };
        let Some(message) = Message::decode(head.kind, body) else { return Ok(()) };
        if message.is_datagram() {
            self.configure(&head, message);
        } else {
            self.on_link(&head, message)?;
        }
        self.work()
    }

    /// A message of a link: it counts in the configuration that it was sent in, and once.
    fn on_link(&mut self, head: &Head, message: Message) -> Result<(), DiskError> {
        let Some(config) = &self.config else { return Ok(()) };
        let is_member =
            config.members.iter().any(|member| (member.node, member.life) == (head.from, head.life));
        if !is_member || config.id != head.config {
            if !is_member && config.id > head.config {
                let later = config.id;
                self.datagram(head.from, later, &Message::Reject);
            }
            if self.bugs.has(Bug::LatePutAccepted) && matches!(message, Message::Put { .. }) {
                return self.dispatch(head.from, message);
            }
            return Ok(());
        }
        let link = self.links.entry(head.from).or_default();
        link.acknowledged(head.acknowledged);
        if head.sequence == 0 {
            return Ok(());
        }
        let arrival = link.arrived(head.sequence);
        if arrival == Arrival::Again || link.owes_much() {
            self.acknowledge(head.from);
        }
        if arrival == Arrival::Next || arrival == Arrival::Again && self.bugs.has(Bug::DuplicateAccepted) {
            self.dispatch(head.from, message)?;
        }
        Ok(())
    }

    /// Does what there is to do, until there is nothing that does not wait for somebody else.
    pub(super) fn work(&mut self) -> Result<(), DiskError> {
        loop {
            while let Some(message) = self.loopback.pop_front() {
                self.dispatch(self.id, message)?;
            }
            if !self.progress()? {
                return Ok(());
            }
        }
    }

    /// One step of what waits; whether there was one.
    fn progress(&mut self) -> Result<bool, DiskError> {
        if self.config.is_none() {
            return Ok(false);
        }
        if self.gcd_is_complete()
            && let Some((from, message)) = self.held.pop_front()
        {
            self.dispatch(from, message)?;
            return Ok(true);
        }
        if self.answer_delayed() || self.place_incoming() || self.end_epoch_in_time() {
            return Ok(true);
        }
        Ok(self.go_on_with_task())
    }

    fn dispatch(&mut self, from: NodeId, message: Message) -> Result<(), DiskError> {
        match message {
            Message::Ping | Message::Ack => {}
            Message::Register { copies } => self.registered(from, &copies),
            Message::Get { .. }
            | Message::Own { .. }
            | Message::Discarded { .. }
            | Message::Moved { .. }
            | Message::Dropped { .. } => self.keep(from, message),
            Message::Forward { .. } | Message::Discard { .. } => self.held_by_me(from, message),
            Message::Put { .. } => self.put(from, &message),
            Message::Page { .. }
            | Message::Absent { .. }
            | Message::Missing { .. }
            | Message::Loaded { .. }
            | Message::Unreadable { .. }
            | Message::Granted { .. }
            | Message::Denied { .. } => self.answered(from, &message),
            Message::Load { uid, number } => self.load(from, uid, number)?,
            Message::Store { uid, version, page } => self.store(from, uid, version, &page)?,
            Message::Stored { uid, version } => self.stored(uid, version),
            Message::Outdated { uid, version } => self.outdated(uid, version),
            Message::Census { .. }
            | Message::Ages { .. }
            | Message::Weights { .. }
            | Message::Spent { .. } => {
                self.on_epoch(from, message);
            }
            // These make configurations, and are never on a link.
            Message::Invite | Message::Accept { .. } | Message::Reject | Message::Commit { .. } => {}
        }
        Ok(())
    }

    /// Time has passed.
    ///
    /// # Errors
    /// If its own disk fails.
    pub fn tick(&mut self, now: Time) -> Result<(), DiskError> {
        self.now = now;
        if now.0.is_multiple_of(self.geometry.daemon_period) {
            self.frames.harvest_references(now);
        }
        if now.0.is_multiple_of(REPORT_EVERY * self.geometry.daemon_period) {
            self.report_dropped_beyond(0);
        }
        self.work()
    }

    /// Nothing has happened for long: what was not answered is sent again, and who does not answer is taken for dead.
    ///
    /// # Errors
    /// If its own disk fails.
    pub fn timeout(&mut self) -> Result<(), DiskError> {
        if !self.reconfigure_in_time() {
            let members: Vec<NodeId> = self.links.keys().copied().collect();
            for to in members {
                let again = self.links.entry(to).or_default().timeout();
                for (sequence, unsent) in again {
                    self.transmit(to, sequence, unsent, "again");
                }
            }
        }
        self.work()
    }

    /// Asks every other member for a sign of life.
    ///
    /// # Errors
    /// If its own disk fails.
    pub fn heartbeat(&mut self) -> Result<(), DiskError> {
        self.peers().into_iter().for_each(|to| self.send(to, Message::Ping));
        self.work()
    }

    /// Whether it waits for anything that only another node can bring.
    pub fn is_waiting(&self) -> bool {
        let is_settled = self.config.is_some()
            && self.proposal.is_none()
            && self.gcd_is_complete()
            && self.held.is_empty()
            && self.incoming.is_empty()
            && self.delayed.is_empty()
            && self.task.is_none()
            && self.links.values().all(Link::is_idle);
        !is_settled
    }

    /// The other members of the configuration.
    pub(super) fn peers(&self) -> Vec<NodeId> {
        let members = self.config.iter().flat_map(|config| &config.members);
        members.map(|member| member.node).filter(|node| *node != self.id).collect()
    }

    /// Whether a node takes part in the configuration.
    pub(super) fn is_member(&self, node: NodeId) -> bool {
        self.config.as_ref().is_some_and(|config| config.members.iter().any(|member| member.node == node))
    }

    /// The node that keeps the directory entry of a page.
    pub(super) fn keeper(&self, uid: Uid) -> NodeId {
        self.config.as_ref().map_or(self.id, |config| config.pod.keeper(uid))
    }

    /// Sends a message on the link to a node of the configuration. To others nothing is sent.
    pub(super) fn send(&mut self, to: NodeId, message: Message) {
        if to == self.id {
            self.loopback.push_back(message);
        } else if self.is_member(to) {
            let label = message.label();
            let unsent = message.encode();
            let sequence = self.links.entry(to).or_default().send(unsent.clone());
            self.transmit(to, sequence, unsent, &label);
        }
    }

    fn acknowledge(&mut self, to: NodeId) {
        self.transmit(to, 0, Message::Ack.encode(), "ack");
    }

    fn transmit(&mut self, to: NodeId, sequence: u64, (kind, body): Unsent, label: &str) {
        let Some(config) = &self.config else { return };
        let acknowledged = self.links.entry(to).or_default().acknowledge();
        let head =
            Head { kind, sequence, acknowledged, ..message::datagram(self.id, to, self.life(), config.id) };
        self.out.push(Outgoing { to, bytes: head.encode(&body), label: label.to_owned() });
    }

    /// Sends a message outside of any link.
    pub(super) fn datagram(&mut self, to: NodeId, about: ConfigId, message: &Message) {
        let head = message::datagram(self.id, to, self.life(), about);
        let label = message.label();
        self.out.push(Outgoing { to, bytes: message::encode(message, head), label });
    }

    /// Forgets what is said or done only within a configuration.
    pub(super) fn forget_conversations(&mut self) {
        self.links.clear();
        self.loopback.clear();
        self.gcd.clear();
        self.held.clear();
        self.delayed.clear();
        self.incoming.clear();
        self.refused.clear();
        self.seen.clear();
        self.moves.clear();
        self.gone_early.clear();
        self.dropped.clear();
        self.owning = false;
        self.waited = 0;
    }
}
