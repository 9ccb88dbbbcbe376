//! The messages that end one epoch and begin the next.

use super::epoch::Epoch;
use super::fault::Done;
use super::message::{Message, Plan};
use super::node::Node;
use super::page::Age;
use crashcheck::NodeId;
use std::collections::BTreeMap;

impl Node {
    /// A message about epochs.
    pub(super) fn on_epoch(&mut self, from: NodeId, message: Message) {
        match message {
            Message::Spent { epoch } if epoch == self.epoch.number => self.collect_ages(),
            Message::Census { epoch } => {
                let ages = self.frames.ages(self.now);
                self.send(from, Message::Ages { epoch, ages });
            }
            Message::Ages { epoch, ages } if epoch == self.epoch.number => self.collected(from, ages),
            Message::Weights { epoch, plan } if epoch > self.epoch.number => {
                self.epoch = Epoch::new(epoch, plan, self.now);
            }
            _ => {}
        }
    }

    /// As initiator: asks all nodes how old their pages are.
    fn collect_ages(&mut self) {
        if self.epoch.collected.is_some() {
            return;
        }
        self.epoch.collected = Some(BTreeMap::new());
        let epoch = self.epoch.number;
        self.peers().into_iter().for_each(|to| self.send(to, Message::Census { epoch }));
        self.collected(self.id, self.frames.ages(self.now));
    }

    /// As initiator: when all have answered, tells them the plan.
    fn collected(&mut self, from: NodeId, ages: Vec<Age>) {
        let peers = self.peers();
        let Some(collected) = &mut self.epoch.collected else { return };
        collected.insert(from, ages);
        if collected.len() <= peers.len() {
            return;
        }
        let plan = Plan::of(collected, self.geometry.bounds.replacements);
        let number = self.epoch.number + 1;
        for to in peers {
            self.send(to, Message::Weights { epoch: number, plan: plan.clone() });
        }
        self.epoch = Epoch::new(number, plan, self.now);
    }

    /// A page was replaced here. When this node has replaced its share, the epoch should end.
    pub(super) fn count_replacement(&mut self) {
        self.epoch.replaced += 1;
        if self.epoch.replaced >= self.epoch.plan.share(self.id) {
            self.tell_initiator();
        }
    }

    fn tell_initiator(&mut self) {
        let Some(initiator) = self.epoch.plan.initiator().filter(|_| !self.epoch.told) else { return };
        self.epoch.told = true;
        self.send(initiator, Message::Spent { epoch: self.epoch.number });
    }

    /// As initiator: ends an epoch that has lasted long enough; whether it did.
    pub(super) fn end_epoch_in_time(&mut self) -> bool {
        let is_over = self.now.since(self.epoch.began) >= self.geometry.bounds.duration;
        let is_initiator = self.epoch.plan.initiator() == Some(self.id);
        let ends = is_over && is_initiator && self.epoch.collected.is_none();
        if ends {
            self.collect_ages();
        }
        ends
    }

    /// What the node was asked to do: ends the epoch with this number; whether there was a step.
    pub(super) fn end_epoch(&mut self, number: u64) -> bool {
        // A new configuration begins with an epoch of its own.
        if self.epoch.number != number {
            self.finish(Ok(Done::Yes));
            return true;
        }
        let asks = !self.epoch.told;
        self.tell_initiator();
        asks
    }
}
