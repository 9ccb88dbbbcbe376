//! Epochs (Feeley and others 1995, section 3.2): now and then one node, the initiator, learns how old all pages of
//! the cluster are, and tells all nodes which of them the next M replacements should hit.
//!
//! - *MinAge* is the least age among the M oldest pages: a page that is older is dropped when its frame is needed, a
//!   younger one is sent to a node that has old ones (GM-10, GM-12).
//! - The *weight* of a node is how many of the M oldest pages it has.
//! - The *initiator* of the next epoch is the node with the highest weight, of equal ones the lowest: everybody can
//!   tell (GM-11).
//!
//! An epoch ends when a node has replaced its share, or after a time (GM-09).

use super::message::Plan;
use super::page::{Age, Time};
use crashcheck::NodeId;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What bounds an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// M: so many pages are replaced in it.
    pub replacements: usize,
    /// T: so long it lasts at most.
    pub duration: Age,
}

impl Plan {
    /// Before the ages are known: nothing is old, and all nodes have the same weight.
    pub fn even(nodes: &[NodeId], replacements: usize) -> Plan {
        let share = replacements.div_ceil(nodes.len().max(1)) as u32;
        Plan { min_age: Age::FREE, oldest: nodes.iter().map(|node| (*node, share)).collect() }
    }

    /// The plan for pages that are so old, by node. Of equally old ones the nodes take turns.
    pub fn of(ages: &BTreeMap<NodeId, Vec<Age>>, replacements: usize) -> Plan {
        let mut all: Vec<(Reverse<Age>, usize, NodeId)> = Vec::new();
        for (node, ages) in ages {
            let mut ages = ages.clone();
            ages.sort_unstable_by_key(|age| Reverse(*age));
            all.extend(ages.into_iter().zip(0..).map(|(age, nth)| (Reverse(age), nth, *node)));
        }
        all.sort_unstable();
        all.truncate(replacements);
        let share = |node: NodeId| all.iter().filter(|(_, _, owner)| *owner == node).count() as u32;
        Plan {
            min_age: all.last().map_or(Age::FREE, |(Reverse(age), _, _)| *age),
            oldest: ages.keys().map(|node| (*node, share(*node))).collect(),
        }
    }

    /// The node with the highest weight, of equal ones the lowest.
    pub fn initiator(&self) -> Option<NodeId> {
        self.oldest.iter().max_by_key(|(node, pages)| (*pages, Reverse(*node))).map(|(node, _)| *node)
    }

    /// How many of the oldest pages a node has.
    pub fn share(&self, node: NodeId) -> u32 {
        self.oldest.iter().find(|(owner, _)| *owner == node).map_or(0, |(_, pages)| *pages)
    }

    /// A node to send a page to, other than the one that sends it: each as often as it has old pages, by a random
    /// number.
    pub fn draw(&self, sender: NodeId, random: u64) -> Option<NodeId> {
        let others = || self.oldest.iter().filter(|(node, _)| *node != sender);
        let total: u64 = others().map(|(_, pages)| u64::from(*pages)).sum();
        let mut left = random.checked_rem(total)?;
        others().find_map(|(node, pages)| match left.checked_sub(u64::from(*pages)) {
            None => Some(*node),
            Some(rest) => {
                left = rest;
                None
            }
        })
    }
}

/// What a node knows of the running epoch.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// Its number in this configuration.
    pub number: u64,
    /// What it goes by.
    pub plan: Plan,
    /// When the node learnt of it.
    pub began: Time,
    /// How many pages this node has replaced in it.
    pub replaced: u32,
    /// Whether the initiator has been told that it should end.
    pub told: bool,
    /// At the initiator, while it collects: the ages by node.
    pub collected: Option<BTreeMap<NodeId, Vec<Age>>>,
}

impl Epoch {
    /// The first one of a configuration.
    pub fn first(nodes: &[NodeId], bounds: Bounds, now: Time) -> Epoch {
        Epoch::new(0, Plan::even(nodes, bounds.replacements), now)
    }

    /// An epoch that begins.
    pub fn new(number: u64, plan: Plan, now: Time) -> Epoch {
        Epoch { number, plan, began: now, replaced: 0, told: false, collected: None }
    }
}

/// Numbers that look random and are the same on every machine (xorshift64*, Vigna 2016).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A sequence of its own for every seed.
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }
}
