//! Who of a cluster is up, and what is on its way between them.

use crate::error::DiskError;
use crashcheck_trace::{Device, DeviceId, EventId, MessageId, NodeId, Payload};
use std::collections::VecDeque;

/// Something that happens to a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// A message reaches its receiver.
    Deliver(Envelope),
    /// A node has lost its power, and with it everything that it kept in memory.
    Down(NodeId),
    /// A node has power again and boots, from what its disks hold.
    Up(NodeId),
}

/// A message, with sender and receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Who sent it.
    pub from: NodeId,
    /// Whom it is for.
    pub to: NodeId,
    /// What it says.
    pub message: Vec<u8>,
}

/// A message on its way.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) message: MessageId,
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    pub(crate) data: Payload,
    /// The life in which it was sent and the event of it, if a crash may leave open what becomes of it.
    pub(crate) event: Option<(u8, EventId)>,
}

impl Sent {
    pub(crate) fn delivered(&self) -> Step {
        let message = self.data.as_slice().to_vec();
        Step::Deliver(Envelope { from: self.from, to: self.to, message })
    }
}

/// The nodes of a machine, and what is on its way between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire {
    /// By device: whose it is.
    owners: Vec<Option<NodeId>>,
    /// By node: whether it is up.
    up: Vec<bool>,
    /// So many messages were sent.
    sent: u32,
    /// Those that were not delivered, oldest first.
    pub(crate) in_flight: VecDeque<Sent>,
    /// Nodes that went down or up, of which the system has not been told.
    pub(crate) news: VecDeque<Step>,
}

impl Wire {
    pub(crate) fn new(devices: &[Device]) -> Wire {
        let owners = devices.iter().map(|device| device.node).collect();
        Wire { owners, up: vec![true; usize::from(Device::nodes(devices))], ..Wire::default() }
    }

    /// All nodes boot, and nothing is on its way.
    pub(crate) fn restart(&mut self) {
        self.up.fill(true);
        self.sent = 0;
        self.in_flight.clear();
        self.news.clear();
    }

    pub(crate) fn nodes(&self) -> u16 {
        self.up.len() as u16
    }

    pub(crate) fn owner(&self, device: DeviceId) -> Option<NodeId> {
        self.owners.get(device.index()).copied().flatten()
    }

    pub(crate) fn is_up(&self, node: NodeId) -> bool {
        self.up[node.index()]
    }

    pub(crate) fn exists(&self, node: NodeId) -> Result<(), DiskError> {
        match node.index() < self.up.len() {
            true => Ok(()),
            false => Err(DiskError::NoSuchNode { node, nodes: self.nodes() }),
        }
    }

    /// Puts a message on its way. To a node that is down it is lost at once.
    pub(crate) fn send(
        &mut self,
        from: NodeId,
        to: NodeId,
        data: Payload,
        event: Option<(u8, EventId)>,
    ) -> MessageId {
        let message = MessageId(self.sent);
        self.sent = self.sent.wrapping_add(1);
        if self.is_up(to) {
            self.in_flight.push_back(Sent { message, from, to, data, event });
        }
        message
    }

    /// A node goes down. Messages to it are lost: these.
    pub(crate) fn lose(&mut self, node: NodeId) -> Vec<Sent> {
        self.up[node.index()] = false;
        self.news.push_back(Step::Down(node));
        let all = self.in_flight.drain(..);
        let (lost, others): (VecDeque<Sent>, VecDeque<Sent>) = all.partition(|sent| sent.to == node);
        self.in_flight = others;
        Vec::from(lost)
    }

    /// A node comes up.
    pub(crate) fn regain(&mut self, node: NodeId) {
        self.up[node.index()] = true;
        self.news.push_back(Step::Up(node));
    }
}
