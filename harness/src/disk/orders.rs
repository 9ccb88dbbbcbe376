//! Orders that a system is made to keep although it does not: flushes before what it writes, sends and acknowledges.
//!
//! So a rule is tried on all that a system does, in each of its lives, whoever recovers and whatever is written then.

use super::Disk;
use crate::error::DiskError;
use crashcheck_outcome::Rule;
use crashcheck_trace::{DeviceId, Label, NodeId, Reach};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a write without a label is called.
const WRITE: &str = "write";

/// The rules, and what may not be durable yet.
pub(super) struct Orders {
    rules: Arc<[Rule]>,
    /// The devices that were written to since their last flush.
    pending: Mutex<BTreeSet<DeviceId>>,
}

/// What the system calls a write, without numbers.
pub(crate) fn kind_of(label: Option<&Label>) -> String {
    let plain: String = label.map_or(WRITE, Label::as_str).chars().filter(|c| !c.is_ascii_digit()).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Orders {
    fn new(rules: Arc<[Rule]>) -> Option<Arc<Orders>> {
        (!rules.is_empty()).then(|| Arc::new(Orders { rules, pending: Mutex::default() }))
    }

    /// Nothing is pending after power-on.
    pub(super) fn restart(&self) {
        self.pending().clear();
    }

    /// The devices that were written to since their last flush.
    fn pending(&self) -> MutexGuard<'_, BTreeSet<DeviceId>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    /// The same machine, used by a system that is made to keep some rules from now on.
    pub(crate) fn keeping(&self, rules: &Arc<[Rule]>) -> Disk {
        Disk { orders: Orders::new(Arc::clone(rules)), ..self.clone() }
    }

    /// An operation is about to be acknowledged as durable.
    pub(crate) fn before_ack(&self) -> Result<(), DiskError> {
        self.keep(&Rule::BeforeAck, |_| true)
    }

    /// Recovery is over.
    pub(crate) fn after_recovery(&self) -> Result<(), DiskError> {
        self.keep(&Rule::AfterRecovery, |_| true)
    }

    /// A node is about to send a message.
    pub(crate) fn before_send(&self, node: NodeId) -> Result<(), DiskError> {
        self.keep(&Rule::BeforeSend, |device| self.machine().wire().owner(device) == Some(node))
    }

    /// This is about to be written.
    pub(super) fn before_write(&self, label: Option<&Label>) -> Result<(), DiskError> {
        let Some(orders) = &self.orders else { return Ok(()) };
        if orders.rules.iter().any(|rule| matches!(rule, Rule::BeforeWrite { .. })) {
            self.keep(&Rule::BeforeWrite { kind: kind_of(label) }, |_| true)?;
        }
        orders.pending().insert(self.device);
        Ok(())
    }

    /// What was written to this device is durable.
    pub(super) fn after_flush(&self) {
        if let Some(orders) = &self.orders {
            orders.pending().remove(&self.device);
        }
    }

    fn keep(&self, rule: &Rule, wanted: impl Fn(DeviceId) -> bool) -> Result<(), DiskError> {
        let Some(orders) = self.orders.as_ref().filter(|orders| orders.rules.contains(rule)) else {
            return Ok(());
        };
        let devices: Vec<DeviceId> =
            orders.pending().iter().copied().filter(|device| wanted(*device)).collect();
        for disk in devices.into_iter().map(|device| self.device(device)) {
            let mut machine = disk.machine();
            let flushed = machine.awake(disk.device).and_then(|()| machine.flush(disk.device, Reach::All));
            drop(machine);
            match flushed {
                // What a node has in flight goes down with it.
                Ok(()) | Err(DiskError::NodeDown { .. } | DiskError::Lost { .. }) => disk.after_flush(),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
