//! The network between the nodes of a cluster.
//!
//! A machine is a cluster if its devices belong to nodes ([`Device::of`](crashcheck_trace::Device::of)). A system on a
//! cluster keeps all its nodes in its `Live` and plays the world they live in: `apply`, `check` and `view` hand a
//! request to a node and then run what happens next, until everything is quiet.
//!
//! ```
//! # use crashcheck::{Disk, DiskError, Envelope, NodeId, Step};
//! # struct Live { disk: Disk }
//! # impl Live {
//! # fn receive(&mut self, _: Envelope) -> Result<(), DiskError> { Ok(()) }
//! # fn forget(&mut self, _: NodeId) {}
//! # fn boot(&mut self, _: NodeId) -> Result<(), DiskError> { Ok(()) }
//! fn settle(&mut self) -> Result<(), DiskError> {
//!     let network = self.disk.network();
//!     while let Some(step) = network.next()? {
//!         let done = match step {
//!             Step::Deliver(envelope) => self.receive(envelope),
//!             Step::Down(node) => Ok(self.forget(node)),
//!             Step::Up(node) => self.boot(node),
//!         };
//!         match done {
//!             // The node has crashed at this moment: `Step::Down` follows.
//!             Err(DiskError::NodeDown { .. }) => {}
//!             done => done?,
//!         }
//!     }
//!     Ok(())
//! }
//! # }
//! ```
//!
//! Nodes that went down stay down until a user has looked at what the others do without them; then they return. If none
//! is left, all return at once, as soon as everything is quiet.
//!
//! What the system must keep to, so that a crash at any moment can be played:
//!
//! - Everything a node does is a function of what it was given: no clock, no random numbers of its own.
//! - A node learns of the others only through messages.
//! - What a node keeps in memory is dropped when [`Step::Down`] says so. Whether a node went down is not decided before
//!   it would act: so whoever looks into its memory for a user asks [`Network::is_up`] first.
//! - `check` and `view` begin with running what happens until everything is quiet: nodes may have returned meanwhile.
//!   After that at least one node is up.

use crate::disk::{Disk, Machine};
use crate::error::DiskError;
use crate::wire::Step;
use crashcheck_trace::{DeviceId, Event, Label, NodeId, Payload};

/// The network of a cluster, and who of it is up.
#[derive(Clone)]
pub struct Network(Disk);

impl Disk {
    /// The network of the machine that this device belongs to.
    pub fn network(&self) -> Network {
        Network(self.clone())
    }
}

impl Network {
    /// How many nodes there are, numbered from 0; 0 if the machine is no cluster.
    pub fn nodes(&self) -> u16 {
        self.0.machine().wire().nodes()
    }

    /// Sends a message. Whether it arrives is another matter; without a crash it does, in the order of sending.
    ///
    /// # Errors
    /// If the sender is down, or there is no such node, or without power.
    pub fn send(&self, from: NodeId, to: NodeId, message: &[u8], label: &str) -> Result<(), DiskError> {
        self.0.before_send(from)?;
        self.0.powered()?.send(from, to, message, label)
    }

    /// What happens next; `None` if nothing does until somebody acts: this is when the timeouts of a system fire.
    ///
    /// # Errors
    /// Without power.
    pub fn next(&self) -> Result<Option<Step>, DiskError> {
        self.0.powered()?.next_step()
    }

    /// Whether a node is up. For whoever runs the nodes (a user looks for a node that answers), not for the nodes
    /// themselves: they learn of each other through messages.
    ///
    /// # Errors
    /// If there is no such node, or without power.
    pub fn is_up(&self, node: NodeId) -> Result<bool, DiskError> {
        self.0.powered()?.is_up(node)
    }

    /// Turns a node off in good order: its disks keep all that was written to them, its memory is lost, and so are
    /// messages to it. [`Step::Down`] follows. Nothing happens if it is down.
    ///
    /// # Errors
    /// As [`is_up`](Network::is_up).
    pub fn stop(&self, node: NodeId) -> Result<(), DiskError> {
        self.0.powered()?.stop(node)
    }

    /// Turns a node on, as an operator does with one that has crashed: [`Step::Up`] follows. Nothing happens if it is
    /// up.
    ///
    /// # Errors
    /// As [`is_up`](Network::is_up).
    pub fn start(&self, node: NodeId) -> Result<(), DiskError> {
        self.0.powered()?.start(node)
    }
}

impl Machine {
    /// Whether the node that a device belongs to can use it.
    pub(crate) fn awake(&mut self, device: DeviceId) -> Result<(), DiskError> {
        match self.wire().owner(device) {
            None => Ok(()),
            Some(node) => self.must_be_up(node),
        }
    }

    fn must_be_up(&mut self, node: NodeId) -> Result<(), DiskError> {
        match self.is_up(node)? {
            true => Ok(()),
            false => Err(DiskError::NodeDown { node }),
        }
    }

    fn is_up(&mut self, node: NodeId) -> Result<bool, DiskError> {
        self.wire().exists(node)?;
        Ok(match self.cluster() {
            (wire, None) => wire.is_up(node),
            (wire, Some(run)) => run.is_up(wire, node),
        })
    }

    fn send(&mut self, from: NodeId, to: NodeId, message: &[u8], label: &str) -> Result<(), DiskError> {
        self.wire().exists(to)?;
        self.must_be_up(from)?;
        let data = Payload::from(message);
        let (wire, run) = self.cluster();
        let event = run.and_then(|run| run.sends());
        let message = wire.send(from, to, data.clone(), event);
        self.note(Event::Send { message, from, to, data, label: Some(Label::from(label)) });
        Ok(())
    }

    fn next_step(&mut self) -> Result<Option<Step>, DiskError> {
        let (wire, run) = self.cluster();
        if let Some(run) = run {
            return Ok(run.next_step(wire));
        }
        if let Some(step) = wire.news.pop_front() {
            return Ok(Some(step));
        }
        let Some(sent) = wire.in_flight.pop_front() else { return Ok(None) };
        self.note(Event::Deliver { message: sent.message });
        Ok(Some(sent.delivered()))
    }

    fn stop(&mut self, node: NodeId) -> Result<(), DiskError> {
        if self.is_up(node)? {
            drop(self.wire_mut().lose(node));
            self.note(Event::Down { node });
        }
        Ok(())
    }

    fn start(&mut self, node: NodeId) -> Result<(), DiskError> {
        if !self.is_up(node)? {
            self.wire_mut().regain(node);
            self.note(Event::Up { node });
        }
        Ok(())
    }
}
