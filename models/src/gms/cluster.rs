//! The nodes of a cluster, run together: hands requests to nodes, and then lets happen what the network says happens.

use super::bugs::Bugs;
use super::fault::{Done, Task};
use super::format::FormatError;
use super::frames::State;
use super::node::Node;
use super::page::{Age, Incarnation, Shown, Time, Uid, Version};
use super::recover::boot;
use super::{Geometry, GmsError};
use crashcheck::{DeviceId, Disk, DiskError, Envelope, Network, NodeId, Step};
use std::collections::{BTreeMap, VecDeque};

/// After so many timeouts without an end, something waits for what never comes.
const TIMEOUTS: u32 = 60;

/// What brings messages from node to node.
pub trait Wire: Send {
    /// Sends a message.
    ///
    /// # Errors
    /// If the sender is down.
    fn send(&mut self, from: NodeId, to: NodeId, message: &[u8], label: &str) -> Result<(), DiskError>;

    /// What happens next; `None` if nothing does.
    ///
    /// # Errors
    /// Without power.
    fn next(&mut self) -> Result<Option<Step>, DiskError>;

    /// Turns a node on that has crashed.
    ///
    /// # Errors
    /// If there is no such node.
    fn start(&mut self, node: NodeId) -> Result<(), DiskError>;

    /// Turns a node off.
    ///
    /// # Errors
    /// If there is no such node.
    fn stop(&mut self, node: NodeId) -> Result<(), DiskError>;
}

impl Wire for Network {
    fn send(&mut self, from: NodeId, to: NodeId, message: &[u8], label: &str) -> Result<(), DiskError> {
        Network::send(self, from, to, message, label)
    }

    fn next(&mut self) -> Result<Option<Step>, DiskError> {
        Network::next(self)
    }

    fn start(&mut self, node: NodeId) -> Result<(), DiskError> {
        Network::start(self, node)
    }

    fn stop(&mut self, node: NodeId) -> Result<(), DiskError> {
        Network::stop(self, node)
    }
}

/// All nodes of a cluster, and what is between them.
pub struct Cluster {
    pub(super) geometry: Geometry,
    bugs: Bugs,
    disk: Disk,
    wire: Box<dyn Wire>,
    /// `None` while a node is down.
    pub(super) nodes: Vec<Option<Node>>,
    now: Time,
    /// Nodes that were turned on only for somebody who had to read their disks.
    lent: Vec<NodeId>,
    /// By node: the life that it last booted into, and whether that was one that it had lived before.
    pub(super) lives: BTreeMap<NodeId, (Incarnation, bool)>,
    /// Whether a node has gone down with changes since somebody last asked for something.
    lost_changes: bool,
    /// Messages from the one to the other come when no others are on their way.
    slow: Option<[NodeId; 2]>,
    /// Those that wait for that.
    slowed: VecDeque<Envelope>,
}

impl Cluster {
    /// Boots all nodes and lets them find each other.
    ///
    /// # Errors
    /// If a disk is not formatted.
    pub fn open(
        geometry: Geometry,
        bugs: Bugs,
        disk: Disk,
        wire: Box<dyn Wire>,
    ) -> Result<Cluster, GmsError> {
        let nodes = (0..geometry.nodes).map(|_| None).collect();
        let (now, lent, lives) = (Time(0), Vec::new(), BTreeMap::new());
        let (lost_changes, slow, slowed) = (false, None, VecDeque::new());
        let mut cluster =
            Cluster { geometry, bugs, disk, wire, nodes, now, lent, lives, lost_changes, slow, slowed };
        for id in (0..geometry.nodes).map(NodeId) {
            cluster.boot(id)?;
        }
        cluster.settle()?;
        Ok(cluster)
    }

    /// The nodes that are up.
    pub fn live(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().flatten()
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The disk of a node.
    pub(super) fn disk_of(&self, node: NodeId) -> Disk {
        self.disk.device(DeviceId(node.0))
    }

    /// Hands a node something to do and lets things happen until it is done. What it has set off may go on after that.
    ///
    /// # Errors
    /// If it cannot be done, or the node goes down.
    pub fn run(&mut self, node: NodeId, task: Task) -> Result<Done, GmsError> {
        self.act(node, |node| node.begin(task))?;
        self.wait_for(node, task)
    }

    /// The same at two nodes at once: so many things happen between the beginnings of the one and the other.
    ///
    /// # Errors
    /// If one of them cannot be done.
    pub fn run_both(&mut self, things: u8, tasks: [(NodeId, Task); 2]) -> Result<(), GmsError> {
        let [(one, first), (other, second)] = tasks;
        self.act(one, |node| node.begin(first))?;
        self.let_happen(things)?;
        self.act(other, |node| node.begin(second))?;
        let done = tasks.map(|(node, task)| self.wait_for(node, task).map(drop));
        done.into_iter().collect()
    }

    fn wait_for(&mut self, node: NodeId, task: Task) -> Result<Done, GmsError> {
        let mut timeouts = 0;
        loop {
            let Some(running) = self.node(node) else { return Err(GmsError::Down { node }) };
            if let Some(done) = running.take_done() {
                return done;
            }
            if self.step()? {
                continue;
            }
            timeouts += 1;
            if timeouts > TIMEOUTS {
                return Err(GmsError::Stuck { task: format!("{task:?}"), node });
            }
            self.time_out()?;
        }
    }

    /// From now on what the one node sends to the other comes when nothing else is on its way.
    pub fn slow_down(&mut self, link: Option<[NodeId; 2]>) {
        self.slow = link;
    }

    /// Makes durable what a node has changed, and turns it off and on; so many things happen between. That a node goes
    /// down or up happens before anything else.
    ///
    /// # Errors
    /// If the node is down, or cannot write back what it has changed.
    pub fn restart(&mut self, node: NodeId, things: u8) -> Result<(), GmsError> {
        let Some(running) = self.node(node) else { return Err(GmsError::Down { node }) };
        if running.frames().iter().any(|frame| frame.dirty) {
            self.run(node, Task::WriteBack)?;
        }
        self.wire.stop(node)?;
        self.let_happen(1 + things)?;
        self.wire.start(node)?;
        self.let_happen(1)
    }

    /// Timeouts fire at all nodes that wait, before anything comes of the first; then so many things happen.
    ///
    /// # Errors
    /// If a disk fails.
    pub fn time_out_at_once(&mut self, things: u8) -> Result<(), GmsError> {
        for id in (0..self.geometry.nodes).map(NodeId) {
            if self.node(id).is_some_and(|node| node.is_waiting()) {
                self.act(id, Node::timeout)?;
            }
        }
        self.let_happen(things)
    }

    /// Ends the epoch that a node is in, and waits for the next one.
    ///
    /// # Errors
    /// As [`run`](Cluster::run).
    pub fn end_epoch(&mut self, node: NodeId) -> Result<(), GmsError> {
        let number = self.node(node).map_or(0, |node| node.epoch().number);
        self.run(node, Task::EndEpoch(number)).map(drop)
    }

    /// Somebody asks for something now: what was lost before is not its loss.
    pub fn begin_operation(&mut self) {
        self.lost_changes = false;
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// If a disk fails.
    pub fn tick(&mut self) -> Result<(), GmsError> {
        self.now = Time(self.now.0 + 1);
        let now = self.now;
        self.each(|node| node.tick(now))
    }

    /// Lets things happen until nothing is on its way and no node waits for another.
    ///
    /// # Errors
    /// If that never comes.
    pub fn settle(&mut self) -> Result<(), GmsError> {
        for _ in 0..TIMEOUTS {
            while self.step()? {}
            if !self.live().any(Node::is_waiting) {
                return Ok(());
            }
            self.time_out()?;
        }
        Err(GmsError::Restless)
    }

    /// Has every node make sure that the others are alive, and waits until all know what has happened.
    ///
    /// # Errors
    /// If that never comes.
    pub fn find_each_other(&mut self) -> Result<(), GmsError> {
        while self.step()? {}
        self.each(Node::heartbeat)?;
        self.settle()
    }

    /// What a user at any node sees of a page: where copies differ, the oldest one. If the home is needed and down,
    /// it is turned on: whoever reads a file waits for its server.
    ///
    /// # Errors
    /// If the page cannot be read.
    pub fn show(&mut self, uid: Uid) -> Result<Shown, GmsError> {
        while self.step()? {}
        match self.peek(uid) {
            Err(GmsError::Unavailable { home, .. }) => {
                if self.node(home).is_none() {
                    self.wire.start(home)?;
                    self.lent.push(home);
                }
                self.settle()?;
                self.peek(uid)
            }
            seen => seen,
        }
    }

    fn peek(&mut self, uid: Uid) -> Result<Shown, GmsError> {
        let local = |node: &Node| {
            let frame = node.frames().find(uid).filter(|frame| frame.state != State::Global);
            frame.map(|frame| (frame.content_version(), uid.shown(&frame.page)))
        };
        let mut seen: Vec<(Version, Shown)> = self.live().filter_map(local).collect();
        let without = || self.live().filter(|node| local(node).is_none());
        let keeps = |node: &&Node| node.config().is_some_and(|config| config.pod.keeper(uid) == node.id);
        let asker = without().find(keeps).or_else(|| without().next()).map(|node| node.id);
        if let Some(asker) = asker
            && let Done::Seen(version, page) = self.run(asker, Task::Peek(uid))?
        {
            seen.push((version, uid.shown(&page)));
        }
        seen.sort_unstable();
        seen.first().map(|(_, shown)| *shown).ok_or(GmsError::Down { node: uid.home() })
    }

    /// Every page of the cluster, and what it holds unless that is nothing. Nodes that are down are so afterwards, and the
    /// others know it.
    ///
    /// # Errors
    /// If a page cannot be read.
    pub fn view(&mut self) -> Result<BTreeMap<Uid, Shown>, GmsError> {
        let mut view = BTreeMap::new();
        for uid in self.geometry.pages() {
            let shown = self.show(uid)?;
            if shown != Shown::Zeros {
                view.insert(uid, shown);
            }
        }
        let lent = std::mem::take(&mut self.lent);
        lent.iter().try_for_each(|node| self.wire.stop(*node))?;
        if !lent.is_empty() {
            self.find_each_other()?;
        }
        Ok(view)
    }

    /// Whether no node has anything that is not on a disk, nor has lost any such thing in the present operation.
    pub fn is_clean(&self) -> bool {
        !self.lost_changes && self.live().all(|node| node.frames().iter().all(|frame| !frame.dirty))
    }

    /// How old the pages of a node are.
    pub fn ages(&self, node: NodeId) -> Vec<Age> {
        let found = self.nodes.get(node.index()).and_then(Option::as_ref);
        found.map_or_else(Vec::new, |node| node.frames().ages(self.now))
    }

    fn node(&mut self, node: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(node.index())?.as_mut()
    }

    /// Lets so many things happen, if there are so many.
    fn let_happen(&mut self, things: u8) -> Result<(), GmsError> {
        (0..things).try_for_each(|_| self.step().map(drop))
    }

    /// What happens next; `None` if nothing does.
    fn next(&mut self) -> Result<Option<Step>, GmsError> {
        loop {
            match self.wire.next()? {
                Some(Step::Deliver(envelope)) if self.slow == Some([envelope.from, envelope.to]) => {
                    self.slowed.push_back(envelope);
                }
                None => return Ok(self.slowed.pop_front().map(Step::Deliver)),
                step => return Ok(step),
            }
        }
    }

    /// Lets the next thing happen; false if there is none.
    fn step(&mut self) -> Result<bool, GmsError> {
        let Some(step) = self.next()? else { return Ok(false) };
        match step {
            Step::Deliver(envelope) => self.act(envelope.to, |node| node.receive(&envelope.message))?,
            Step::Down(node) => self.go_down(node),
            Step::Up(node) => self.boot(node)?,
        }
        Ok(true)
    }

    /// Timeouts fire, node by node; what one sets off comes to its end before the next has its turn.
    fn time_out(&mut self) -> Result<(), GmsError> {
        for id in (0..self.geometry.nodes).map(NodeId) {
            if self.node(id).is_some_and(|node| node.is_waiting()) {
                self.act(id, Node::timeout)?;
                while self.step()? {}
            }
        }
        Ok(())
    }

    fn each(&mut self, what: impl Fn(&mut Node) -> Result<(), DiskError>) -> Result<(), GmsError> {
        (0..self.geometry.nodes).try_for_each(|id| self.act(NodeId(id), &what))
    }

    fn boot(&mut self, id: NodeId) -> Result<(), GmsError> {
        match boot(id, self.geometry, self.bugs, self.disk_of(id), self.now) {
            Ok(node) => {
                let again = self.lives.get(&id).is_some_and(|(last, _)| *last >= node.life());
                self.lives.insert(id, (node.life(), again));
                self.nodes[id.index()] = Some(node);
            }
            // It has gone down again before it was up.
            Err(FormatError::Disk(DiskError::NodeDown { .. })) => self.nodes[id.index()] = None,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Has a node do something, and sends what it wants to be sent. A node that loses its power in the middle of it
    /// has sent nothing, and remembers nothing.
    fn act(
        &mut self,
        id: NodeId,
        what: impl FnOnce(&mut Node) -> Result<(), DiskError>,
    ) -> Result<(), GmsError> {
        let Some(node) = self.nodes.get_mut(id.index()).and_then(Option::as_mut) else { return Ok(()) };
        let acted = what(node);
        let outgoing = node.take_outgoing();
        let sent = acted.and_then(|()| {
            outgoing.iter().try_for_each(|sent| self.wire.send(id, sent.to, &sent.bytes, &sent.label))
        });
        match sent {
            Err(DiskError::NodeDown { .. }) => self.go_down(id),
            sent => sent?,
        }
        Ok(())
    }

    /// A node is gone with all that it had in memory.
    fn go_down(&mut self, id: NodeId) {
        let gone = self.nodes[id.index()].take();
        self.lost_changes |= gone.is_some_and(|node| node.frames().iter().any(|frame| frame.dirty));
    }
}
