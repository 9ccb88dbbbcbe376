//! A node as keeper of its part of the directory: it decides who holds a page, and all others follow.
//!
//! Whatever a node says of a page, it says of the tenure under which it holds it, so that news that come late are
//! recognised.

use super::bugs::Bug;
use super::directory::{Holder, Owning};
use super::message::{How, Message};
use super::node::Node;
use super::page::{Tenure, Uid};
use crashcheck::NodeId;

impl Node {
    /// A message to the keeper of a page. It waits until the directory is complete.
    pub(super) fn keep(&mut self, from: NodeId, message: Message) {
        if !self.gcd_is_complete() {
            return self.held.push_back((from, message));
        }
        match message {
            Message::Get { uid, .. } | Message::Own { uid, .. } if self.gcd.entry(uid).owning.is_some() => {
                self.gcd.entry(uid).waiting.push((from, message));
            }
            Message::Get { uid, number, peek: false } => self.get(from, uid, number),
            Message::Get { uid, number, peek: true } => self.get_to_peek(from, uid, number),
            Message::Own { uid, tenure } => self.own(from, uid, tenure),
            Message::Discarded { uid, tenure } => self.discarded(uid, tenure),
            Message::Moved { uid, from: before, to, tenure } => self.moved(from, uid, before, to, tenure),
            Message::Dropped { pages } => {
                pages.into_iter().for_each(|(uid, tenure)| self.gone(from, uid, tenure));
            }
            _ => {}
        }
    }

    /// A page fault. Whoever asks has the page from now on, as far as the directory is concerned.
    fn get(&mut self, from: NodeId, uid: Uid, number: u64) {
        let new = Holder { node: from, tenure: Tenure { origin: from, number }, global: false };
        let entry = self.gcd.entry(uid);
        let before = entry.holders.iter().find(|holder| holder.node == from).map(|holder| holder.tenure);
        let coming = before.filter(|tenure| tenure.origin != from);
        entry.holders.retain(|holder| holder.node != from);
        let source = entry.holders.first().copied();
        if source.is_some_and(|source| source.global) {
            entry.holders.clear();
        }
        entry.holders.push(new);
        match source {
            None => self.send(from, Message::Absent { uid, number, coming }),
            Some(Holder { node, tenure, global }) => {
                let how = if global { How::Move } else { How::Copy };
                self.send(node, Message::Forward { uid, tenure, to: from, number, how });
            }
        }
    }

    fn get_to_peek(&mut self, from: NodeId, uid: Uid, number: u64) {
        let source = self.gcd.entry(uid).holders.first().copied();
        self.gcd.tidy(uid);
        match source {
            None => self.send(from, Message::Absent { uid, number, coming: None }),
            Some(Holder { node, tenure, .. }) => {
                self.send(node, Message::Forward { uid, tenure, to: from, number, how: How::Peek });
            }
        }
    }

    /// A holder wants to write. All others must let go of the page first.
    fn own(&mut self, from: NodeId, uid: Uid, tenure: Tenure) {
        let (never_asks, never_waits) = (self.keeps_copies(uid), self.bugs.has(Bug::GrantBeforeDiscarded));
        let entry = self.gcd.entry(uid);
        if entry.held(tenure).is_none() {
            self.gcd.tidy(uid);
            return self.send(from, Message::Denied { uid, tenure });
        }
        let others: Vec<Holder> =
            entry.holders.iter().filter(|holder| holder.tenure != tenure).copied().collect();
        if others.is_empty() || never_asks || never_waits {
            entry.holders.retain(|holder| holder.tenure == tenure);
            self.send(from, Message::Granted { uid, tenure });
        } else {
            let awaiting = others.iter().map(|holder| holder.tenure).collect();
            entry.owning = Some(Owning { node: from, tenure, awaiting });
        }
        if !never_asks {
            for Holder { node, tenure, .. } in others {
                self.send(node, Message::Discard { uid, tenure });
            }
        }
    }

    /// Whether other copies of a page are kept when it is written to, which is wrong.
    fn keeps_copies(&self, uid: Uid) -> bool {
        let is_homeless = !self.is_member(uid.home());
        self.bugs.has(Bug::NoDiscard) || is_homeless && self.bugs.has(Bug::HomelessNotDiscarded)
    }

    fn discarded(&mut self, uid: Uid, tenure: Tenure) {
        let entry = self.gcd.entry(uid);
        entry.forget(tenure);
        let granted = entry.owning.take_if(|owning| {
            owning.awaiting.remove(&tenure);
            owning.awaiting.is_empty()
        });
        if let Some(Owning { node, tenure, .. }) = granted {
            let waiting = std::mem::take(&mut entry.waiting);
            self.send(node, Message::Granted { uid, tenure });
            self.held.extend(waiting);
        }
        self.gcd.tidy(uid);
    }

    /// A page has gone from one node to the global part of another. If others have got hold of it meanwhile, or its
    /// sender had it no more, the receiver must not keep it.
    fn moved(&mut self, from: NodeId, uid: Uid, before: Tenure, to: NodeId, tenure: Tenure) {
        self.moves.insert(tenure.origin, tenure.number);
        let entry = self.gcd.entry(uid);
        let was_alone = entry.held(before).is_some() && entry.holders.len() == 1 && entry.owning.is_none();
        self.gone(from, uid, before);
        let entry = self.gcd.entry(uid);
        if self.gone_early.remove(&tenure) {
            return self.gcd.tidy(uid);
        }
        if was_alone {
            entry.holders.push(Holder { node: to, tenure, global: true });
            return;
        }
        if let Some(owning) = &mut entry.owning {
            owning.awaiting.insert(tenure);
        }
        self.gcd.tidy(uid);
        self.send(to, Message::Discard { uid, tenure });
    }
    /// A holder does not have a page any more. If it had been put there, the news of that may still be on its way
    /// from the sender.
    fn gone(&mut self, holder: NodeId, uid: Uid, tenure: Tenure) {
        let known = self.moves.get(&tenure.origin).copied().unwrap_or(0);
        if tenure.origin != holder && tenure.number > known && self.gcd.entry(uid).held(tenure).is_none() {
            self.gone_early.insert(tenure);
        }
        self.gcd.entry(uid).forget(tenure);
        self.gcd.tidy(uid);
    }
}
