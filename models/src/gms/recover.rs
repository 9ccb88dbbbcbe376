//! Boot and reconfiguration: which nodes take part, who keeps which part of the directory, and what was in it (GM-20,
//! GM-21).
//!
//! A node that boots, or finds that another does not answer, becomes the master of a new configuration:
//!
//! ```text
//! master                            the others
//!   invite  ------------------------->  promise not to follow an earlier one
//!           <-------------------------  accept
//!   commit (members, POD)  ---------->  enter it: forget all conversations,
//!           <--- register (my pages) -  tell each keeper of the directory what is in memory
//! ```
//!
//! Those that do not accept in time are left out. A keeper answers nothing before every member that was there before
//! has registered, so that no page that somebody has can be taken for absent. A member that finds others missing
//! repeats the commit, so that it does not matter if the master dies. A node that was left out although it lives,
//! forgets all and asks to be let in again.
//!
//! The fault model is that of the paper: nodes fail by stopping, and those that live can talk to each other. Two
//! halves of a network that is cut in two would each go on; nothing here prevents that.

use super::bugs::{Bug, Bugs};
use super::directory::{Gcd, Pod};
use super::epoch::Epoch;
use super::fault;
use super::format::{ConfigId, FormatError, Head, Superblock};
use super::frames::{Frames, State, Storing};
use super::link::Link;
use super::message::{Copy, Member, Message};
use super::node::{Config, Node};
use super::page::{Incarnation, Time, Uid};
use super::{Geometry, GmsError};
use crashcheck::{Disk, NodeId};
use std::collections::BTreeMap;

/// After so many timeouts those that have not answered are left out.
const PATIENCE: u32 = 2;

/// For so many timeouts a node that has accepted waits for the configuration to begin: longer than its master waits.
const TRUST: u32 = 2 * PATIENCE + 1;

/// A configuration that this node is about to make.
#[derive(Clone, Debug)]
pub(super) struct Proposal {
    id: ConfigId,
    /// Those that take part, with what they said.
    accepted: BTreeMap<NodeId, Member>,
    timeouts: u32,
}

/// Boots a node from its disk: a new life, with an empty memory.
///
/// # Errors
/// If the disk is not that of this node.
pub fn boot(id: NodeId, geometry: Geometry, bugs: Bugs, disk: Disk, now: Time) -> Result<Node, FormatError> {
    let found = Superblock::read(&disk, id)?;
    let superblock = Superblock { incarnation: Incarnation(found.incarnation.0.wrapping_add(1)), ..found };
    superblock.write(&disk)?;
    Ok(Node::new(id, geometry, bugs, disk, superblock, now))
}

impl Node {
    /// What a timeout means for the configuration; whether there was something to do.
    pub(super) fn reconfigure_in_time(&mut self) -> bool {
        if let Some(proposal) = &mut self.proposal {
            proposal.timeouts += 1;
            if proposal.timeouts > PATIENCE {
                self.commit();
            } else {
                self.invite();
            }
            return true;
        }
        let current = self.config.as_ref().map(|config| config.id);
        if self.promised.master != self.id && current.is_none_or(|current| current < self.promised) {
            self.trusted += 1;
            if self.promised.counter > 0 && self.trusted <= TRUST {
                return true;
            }
        }
        let Some(config) = &self.config else {
            self.propose();
            return true;
        };
        let late: Vec<NodeId> = config.registering.iter().copied().collect();
        if !late.is_empty() {
            self.waited += 1;
            let commit =
                Message::Commit { members: config.members.clone(), pod: config.pod.parts().to_vec() };
            let id = config.id;
            late.iter().for_each(|to| self.datagram(*to, id, &commit));
        }
        if self.waited > PATIENCE || self.links.values().any(Link::is_silent) {
            self.propose();
            return true;
        }
        false
    }

    /// Becomes the master of a new configuration.
    fn propose(&mut self) {
        let id = ConfigId { counter: self.promised.counter + 1, master: self.id };
        let own = Member { node: self.id, life: self.life(), fresh: self.config.is_none() };
        (self.promised, self.trusted) = (id, 0);
        self.proposal = Some(Proposal { id, accepted: BTreeMap::from([(self.id, own)]), timeouts: 0 });
        self.invite();
        self.commit_if_all_accept();
    }

    fn invite(&mut self) {
        let Some(proposal) = &self.proposal else { return };
        let id = proposal.id;
        let all = (0..self.geometry.nodes).map(NodeId);
        let missing: Vec<NodeId> = all.filter(|node| !proposal.accepted.contains_key(node)).collect();
        missing.into_iter().for_each(|to| self.datagram(to, id, &Message::Invite));
    }

    /// A message about configurations has come in.
    pub(super) fn configure(&mut self, head: &Head, message: Message) {
        let about = head.config;
        match message {
            Message::Invite if about >= self.promised => {
                if about > self.promised {
                    self.proposal = None;
                    self.trusted = 0;
                }
                self.promised = about;
                let fresh = self.config.is_none();
                self.datagram(head.from, about, &Message::Accept { fresh });
            }
            Message::Invite => {
                let later = self.promised;
                self.datagram(head.from, later, &Message::Reject);
            }
            Message::Accept { fresh } => self.accepted(head, fresh),
            Message::Reject => self.rejected(about),
            Message::Commit { members, pod } => self.committed(about, members, &pod),
            _ => {}
        }
    }

    fn accepted(&mut self, head: &Head, fresh: bool) {
        let Some(proposal) = self.proposal.as_mut().filter(|proposal| proposal.id == head.config) else {
            return;
        };
        let member = Member { node: head.from, life: head.life, fresh };
        let known = proposal.accepted.entry(head.from).or_insert(member);
        if known.life < member.life {
            *known = member;
        }
        self.commit_if_all_accept();
    }

    /// Somebody knows of a later configuration: either this node was about to make one that is not the latest, or it
    /// has been left out of one.
    fn rejected(&mut self, later: ConfigId) {
        let is_outbid = self.proposal.as_ref().is_some_and(|proposal| proposal.id < later);
        let is_left_out = self.proposal.is_none()
            && self.promised <= later
            && self.config.as_ref().is_some_and(|config| config.id < later);
        if is_left_out {
            self.leave();
        }
        if is_outbid || is_left_out {
            self.promised = self.promised.max(later);
            self.propose();
        }
    }

    /// Forgets everything that is not on the disk.
    fn leave(&mut self) {
        self.config = None;
        self.forget_conversations();
        self.frames = Frames::new(self.geometry.frames);
    }

    fn commit_if_all_accept(&mut self) {
        let nodes = usize::from(self.geometry.nodes);
        if self.proposal.as_ref().is_some_and(|proposal| proposal.accepted.len() == nodes) {
            self.commit();
        }
    }

    fn commit(&mut self) {
        let Some(Proposal { id, accepted, .. }) = self.proposal.take() else { return };
        let members: Vec<Member> = accepted.into_values().collect();
        let nodes: Vec<NodeId> = members.iter().map(|member| member.node).collect();
        let old = self.config.as_ref().map(|config| config.pod.clone());
        let pod = match old {
            Some(old) if self.bugs.has(Bug::PodNotRenewed) => old,
            _ => Pod::over(&nodes),
        };
        let commit = Message::Commit { members: members.clone(), pod: pod.parts().to_vec() };
        let own = self.id;
        for to in nodes.into_iter().filter(|node| *node != own) {
            self.datagram(to, id, &commit);
        }
        self.enter(id, members, pod);
    }

    fn committed(&mut self, id: ConfigId, members: Vec<Member>, pod: &[NodeId]) {
        let is_new = id >= self.promised && self.config.as_ref().is_none_or(|config| config.id < id);
        let fresh = self.config.is_none();
        let own = Member { node: self.id, life: self.life(), fresh };
        let Some(pod) = Pod::from_parts(pod) else { return };
        if is_new && members.contains(&own) {
            self.promised = id;
            self.proposal = None;
            self.enter(id, members, pod);
        }
    }

    /// Enters a configuration and tells every keeper what is in memory.
    fn enter(&mut self, id: ConfigId, members: Vec<Member>, pod: Pod) {
        let is_fresh = self.config.is_none();
        self.forget_conversations();
        let others = members.iter().filter(|member| member.node != self.id);
        let registering = others.filter(|member| !member.fresh).map(|member| member.node).collect();
        let nodes: Vec<NodeId> = members.iter().map(|member| member.node).collect();
        self.config = Some(Config { id, members, pod, registering });
        self.epoch = Epoch::first(&nodes, self.geometry.bounds, self.now);
        self.frames.iter_mut().for_each(|frame| frame.storing = Storing::No);
        self.drop_unkept();
        self.gcd = Gcd::default();
        let own = self.copies_kept_by(self.id);
        self.gcd.register(self.id, &own);
        if !is_fresh {
            for to in self.peers() {
                let copies = self.copies_kept_by(to);
                self.send(to, Message::Register { copies });
            }
        }
        self.restart_fault();
    }

    /// Pages whose directory entry only their home keeps are of no use without it.
    fn drop_unkept(&mut self) {
        let unkept: Vec<Uid> = self.frames.iter().map(|frame| frame.uid).collect();
        let unkept =
            unkept.into_iter().filter(|uid| self.keeper(*uid) == uid.home() && !self.is_member(uid.home()));
        for uid in unkept.collect::<Vec<_>>() {
            self.frames.remove(uid);
        }
    }

    fn copies_kept_by(&self, keeper: NodeId) -> Vec<Copy> {
        if self.bugs.has(Bug::GcdNotRebuilt) {
            return Vec::new();
        }
        let of_keeper = self.frames.iter().filter(|frame| self.keeper(frame.uid) == keeper);
        let copy = |frame: &super::frames::Frame| {
            let global = frame.state == State::Global;
            Copy { uid: frame.uid, tenure: frame.tenure, global }
        };
        of_keeper.map(copy).collect()
    }

    /// A member has said what it holds of this node's part of the directory.
    pub(super) fn registered(&mut self, from: NodeId, copies: &[Copy]) {
        let Some(config) = &mut self.config else { return };
        if config.registering.remove(&from) {
            self.gcd.register(from, copies);
        }
        if config.registering.is_empty() {
            self.waited = 0;
        }
    }

    /// Whether every member that was there before has said what it holds.
    pub(super) fn gcd_is_complete(&self) -> bool {
        let is_complete = self.config.as_ref().is_some_and(|config| config.registering.is_empty());
        is_complete || self.bugs.has(Bug::ServesBeforeRebuilt)
    }

    /// What was asked in an earlier configuration is asked again.
    fn restart_fault(&mut self) {
        if let Some(fault) = &mut self.fault {
            fault.step = fault::Step::Room;
            fault.shared = false;
        }
    }

    /// Ends what the node was asked to do.
    pub(super) fn finish(&mut self, result: Result<fault::Done, GmsError>) {
        self.task = None;
        self.fault = None;
        self.owning = false;
        self.done = Some(result);
    }
}
