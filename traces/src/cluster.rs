//! Whether the events of a cluster fit its nodes: messages are numbered, and only nodes that are up act.

use crate::{Device, Event, EventId, Invalid, MessageId, NodeId};
use std::collections::BTreeMap;

/// Follows the nodes and the messages of a trace, event by event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cluster {
    /// By device: whose it is.
    owners: Vec<Option<NodeId>>,
    /// By node: whether it is up.
    up: Vec<bool>,
    /// So many messages were sent.
    sent: u32,
    /// The messages in flight, and whom they are for.
    in_flight: BTreeMap<MessageId, NodeId>,
}

impl Cluster {
    /// The cluster that these devices belong to, if they belong to one.
    ///
    /// # Errors
    /// If some devices have a node and others have none.
    pub(crate) fn of(devices: &[Device]) -> Result<Cluster, Invalid> {
        let owners: Vec<_> = devices.iter().map(|device| device.node).collect();
        let nodes = Device::nodes(devices);
        let stray = owners.iter().position(|owner| owner.is_none_or(|node| node.0 >= nodes));
        if let Some(device) = stray.filter(|_| nodes > 0) {
            return Err(Invalid::NoOwner { device });
        }
        let up = vec![true; usize::from(nodes)];
        Ok(Cluster { owners, up, sent: 0, in_flight: BTreeMap::new() })
    }

    /// Checks one event that fits its device.
    ///
    /// # Errors
    /// Says what does not fit.
    pub(crate) fn follow(&mut self, id: EventId, event: &Event) -> Result<(), Invalid> {
        match event {
            Event::Send { message, from, to, .. } => {
                self.is_up(id, *from)?;
                self.node(id, *to)?;
                if message.0 != self.sent {
                    return Err(Invalid::MessageOrder { event: id, message: message.0, expected: self.sent });
                }
                self.sent = self.sent.saturating_add(1);
                if self.up[to.index()] {
                    self.in_flight.insert(*message, *to);
                }
            }
            Event::Deliver { message } => {
                let gone = Invalid::NotInFlight { event: id, message: message.0 };
                self.in_flight.remove(message).ok_or(gone)?;
            }
            Event::Down { node } => {
                self.is_up(id, *node)?;
                self.up[node.index()] = false;
                self.in_flight.retain(|_, to| to != node);
            }
            Event::Up { node } => {
                self.node(id, *node)?;
                if std::mem::replace(&mut self.up[node.index()], true) {
                    return Err(Invalid::NodeState { event: id, node: *node, state: "up" });
                }
            }
            Event::Write { .. }
            | Event::WriteZeroes { .. }
            | Event::Discard { .. }
            | Event::Resize { .. }
            | Event::Program { .. }
            | Event::Erase { .. }
            | Event::Names { .. }
            | Event::Flush { .. }
            | Event::FlushFailed { .. }
            | Event::Begin { .. }
            | Event::Ack { .. }
            | Event::Mark { .. } => {
                let owner =
                    event.device().and_then(|device| self.owners.get(device.index()).copied().flatten());
                owner.map_or(Ok(()), |node| self.is_up(id, node))?;
            }
        }
        Ok(())
    }

    fn node(&self, id: EventId, node: NodeId) -> Result<(), Invalid> {
        match node.index() < self.up.len() {
            true => Ok(()),
            false => Err(Invalid::NoSuchNode { event: id, node, nodes: self.up.len() }),
        }
    }

    fn is_up(&self, id: EventId, node: NodeId) -> Result<(), Invalid> {
        self.node(id, node)?;
        match self.up[node.index()] {
            true => Ok(()),
            false => Err(Invalid::NodeState { event: id, node, state: "down" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Bytes, Device, DeviceId, Event, Invalid, MessageId, NodeId, Payload, Trace};

    fn trace(events: Vec<Event>) -> Trace {
        let disk = |node| Device::zeroed("disk", Bytes(512), Bytes(4096)).of(NodeId(node));
        Trace { devices: vec![disk(0), disk(1)], events }
    }

    fn send(message: u32, from: u16, to: u16) -> Event {
        let (from, to) = (NodeId(from), NodeId(to));
        Event::Send { message: MessageId(message), from, to, data: Payload::from(vec![1]), label: None }
    }

    fn deliver(message: u32) -> Event {
        Event::Deliver { message: MessageId(message) }
    }

    fn write(device: u16) -> Event {
        let (device, data) = (DeviceId(device), Payload::from(vec![7; 512]));
        Event::Write { device, at: Bytes(0), data, fua: None, label: None }
    }

    #[test]
    fn what_nodes_can_do_is_valid() {
        let (down, up) = (Event::Down { node: NodeId(1) }, Event::Up { node: NodeId(1) });
        let events =
            vec![send(0, 0, 1), send(1, 1, 1), deliver(1), deliver(0), down, send(2, 0, 1), up, write(1)];
        assert_eq!(trace(events).validate(), Ok(()));
    }

    #[test]
    fn each_contradiction_is_named() {
        let down = || Event::Down { node: NodeId(1) };
        let cases = [
            (vec![send(1, 0, 1)], "message 1, but the next one is message 0"),
            (vec![send(0, 0, 2)], "names node 2"),
            (vec![deliver(0)], "message 0, which is not in flight"),
            (vec![send(0, 0, 1), deliver(0), deliver(0)], "#2"),
            (vec![send(0, 0, 1), down(), deliver(0)], "not in flight"),
            (vec![down(), send(0, 1, 0)], "node 1 is down"),
            (vec![down(), write(1)], "node 1 is down"),
            (vec![Event::Up { node: NodeId(0) }], "node 0 is up"),
        ];
        for (events, expected) in cases {
            let error = trace(events).validate().expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
        let mut half = trace(Vec::new());
        half.devices[1].node = None;
        assert_eq!(half.validate(), Err(Invalid::NoOwner { device: 1 }));
        let alone = Trace {
            devices: vec![Device::zeroed("disk", Bytes(512), Bytes(512))],
            events: vec![send(0, 0, 0)],
        };
        assert!(matches!(alone.validate(), Err(Invalid::NoSuchNode { .. })));
    }
}
