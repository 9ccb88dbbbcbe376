//! The two directories (Feeley and others 1995, section 4.1; ERR-09): the page ownership directory (POD) tells which
//! node keeps the directory entry of a page, and is the same on all nodes; the global cache directory (GCD), of which
//! each node has a part, tells which nodes have the page in memory. Which frame it is in, only the node itself knows
//! (its PFD).

use super::message::{Copy, Message};
use super::page::{Partition, Tenure, Uid};
use crashcheck::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// How many parts the names of pages are divided into.
pub const PARTS: usize = 12;

/// The page ownership directory: by part, the node that keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod(Vec<NodeId>);

impl Pod {
    /// Gives each of the nodes its share of the parts.
    pub fn over(nodes: &[NodeId]) -> Pod {
        Pod(nodes.iter().copied().cycle().take(PARTS).collect())
    }

    /// What a message says; `None` unless it has a node for every part.
    pub fn from_parts(parts: &[NodeId]) -> Option<Pod> {
        (parts.len() == PARTS).then(|| Pod(parts.to_vec()))
    }

    /// By part, the node that keeps it.
    pub fn parts(&self) -> &[NodeId] {
        &self.0
    }

    /// The node that keeps the directory entry of a page. Pages that no other node uses are looked for at the node
    /// itself (GM-18).
    pub fn keeper(&self, uid: Uid) -> NodeId {
        match uid.partition {
            Partition::Swap => uid.home(),
            Partition::Files => {
                self.0[uid.ip.wrapping_add(uid.inode).wrapping_add(uid.offset) as usize % PARTS]
            }
        }
    }
}

/// A node that holds a page, as the directory knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Which node.
    pub node: NodeId,
    /// By which right.
    pub tenure: Tenure,
    /// Whether it is in the global part of its memory.
    pub global: bool,
}

/// A page is being taken from all but one of its holders.
#[derive(Clone, Debug)]
pub struct Owning {
    /// Who shall be the only one.
    pub node: NodeId,
    /// By which right it has the page.
    pub tenure: Tenure,
    /// Those that have not answered.
    pub awaiting: BTreeSet<Tenure>,
}

/// What the directory knows of a page.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Who has it in memory.
    pub holders: Vec<Holder>,
    /// While one of them becomes the only one.
    pub owning: Option<Owning>,
    /// Requests that wait for that.
    pub waiting: Vec<(NodeId, Message)>,
}

impl Entry {
    /// The holder with this right.
    pub fn held(&mut self, tenure: Tenure) -> Option<&mut Holder> {
        self.holders.iter_mut().find(|holder| holder.tenure == tenure)
    }

    /// Forgets the holder with this right.
    pub fn forget(&mut self, tenure: Tenure) {
        self.holders.retain(|holder| holder.tenure != tenure);
    }
}

/// A part of the global cache directory.
#[derive(Clone, Debug, Default)]
pub struct Gcd(BTreeMap<Uid, Entry>);

impl Gcd {
    /// What is known of a page.
    pub fn entry(&mut self, uid: Uid) -> &mut Entry {
        self.0.entry(uid).or_default()
    }

    /// What is known of all pages.
    pub fn iter(&self) -> impl Iterator<Item = (Uid, &Entry)> {
        self.0.iter().map(|(uid, entry)| (*uid, entry))
    }

    /// Enters what a node says that it holds.
    pub fn register(&mut self, node: NodeId, copies: &[Copy]) {
        for Copy { uid, tenure, global } in copies.iter().copied() {
            self.entry(uid).holders.push(Holder { node, tenure, global });
        }
    }

    /// Forgets pages of which there is nothing to know.
    pub fn tidy(&mut self, uid: Uid) {
        let nothing =
            |entry: &Entry| entry.holders.is_empty() && entry.owning.is_none() && entry.waiting.is_empty();
        if self.0.get(&uid).is_some_and(nothing) {
            self.0.remove(&uid);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// GM-17: the POD has a node for every page; GM-18: pages that are not shared are kept at home.
    #[test]
    fn gm_17_every_page_has_one_keeper() {
        let nodes = [NodeId(0), NodeId(2)];
        let pod = Pod::over(&nodes);
        assert_eq!(Pod::from_parts(pod.parts()), Some(pod.clone()));
        assert_eq!(Pod::from_parts(&nodes), None);
        for offset in 0..40 {
            assert!(nodes.contains(&pod.keeper(Uid::file(NodeId(1), offset))));
            assert_eq!(pod.keeper(Uid::swap(NodeId(1), offset)), NodeId(1));
        }
    }
}
