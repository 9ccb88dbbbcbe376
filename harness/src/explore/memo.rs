//! Remembered recovery paths.
//!
//! A deterministic recovery is a decision tree over what it reads: the cell it looks at next depends only on what it
//! has found so far. A state that follows a path that was walked before has the outcome it had then, in this epoch or
//! another one.

use super::instance::Recovered;
use crate::media::{CellId, ContentId, LazyImage, Touched};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// The tree is not grown beyond this many nodes.
const NODES: usize = 1 << 19;
/// No more different outcomes are kept: each holds all that recovery shows.
const OUTCOMES: usize = 1 << 12;

/// The decision tree of a recovery, as far as it is known.
pub(crate) struct Memo<Shown> {
    nodes: Vec<Node>,
    /// From a node that looks at a cell, by what the cell holds.
    edges: FxHashMap<(u32, ContentId), u32>,
    outcomes: Vec<Arc<Recovered<Shown>>>,
    /// The places of outcomes by their hash.
    by_hash: FxHashMap<u64, u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    Unknown,
    Look(CellId),
    /// The place of the outcome.
    Known(u32),
}

/// Recovery looked at something else after it had found the same: it is not deterministic.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotDeterministic;

impl<Shown: Eq> Memo<Shown> {
    pub(crate) fn new() -> Self {
        let (edges, by_hash) = (FxHashMap::default(), FxHashMap::default());
        Memo { nodes: vec![Node::Unknown], edges, outcomes: Vec::new(), by_hash }
    }

    /// Follows a crash state through the tree, asking for what it looks at; the outcome, if it is known.
    pub(crate) fn follow(&self, image: &mut LazyImage) -> Option<Arc<Recovered<Shown>>> {
        let mut node = 0;
        loop {
            match self.nodes[node as usize] {
                Node::Unknown => return None,
                Node::Known(place) => return Some(Arc::clone(&self.outcomes[place as usize])),
                Node::Look(cell) => node = *self.edges.get(&(node, image.look(cell)))?,
            }
        }
    }

    /// Adds what a recovery looked at, and its outcome with its hash.
    pub(crate) fn insert(
        &mut self,
        reads: &[Touched],
        recovered: &Arc<Recovered<Shown>>,
        hash: u64,
    ) -> Result<(), NotDeterministic> {
        let mut node = 0;
        for Touched { cell, content } in reads {
            match self.nodes[node as usize] {
                Node::Unknown => self.nodes[node as usize] = Node::Look(*cell),
                Node::Look(known) if known == *cell => {}
                _ => return Err(NotDeterministic),
            }
            let new = self.nodes.len() as u32;
            let full = self.nodes.len() >= NODES;
            match self.edges.get(&(node, *content)) {
                Some(below) => node = *below,
                None if full => return Ok(()),
                None => {
                    self.edges.insert((node, *content), new);
                    self.nodes.push(Node::Unknown);
                    node = new;
                }
            }
        }
        match self.nodes[node as usize] {
            Node::Look(_) => return Err(NotDeterministic),
            Node::Known(_) => {}
            Node::Unknown => {
                if let Some(place) = self.place(recovered, hash) {
                    self.nodes[node as usize] = Node::Known(place);
                }
            }
        }
        Ok(())
    }

    /// The outcome as it is kept, if it is, so that what recovery shows need not be held twice.
    pub(crate) fn kept(&self, recovered: &Recovered<Shown>, hash: u64) -> Option<Arc<Recovered<Shown>>> {
        let outcome = &self.outcomes[*self.by_hash.get(&hash)? as usize];
        (**outcome == *recovered).then(|| Arc::clone(outcome))
    }

    /// Where an outcome is kept, equal ones once; `None` if there is no room for it.
    fn place(&mut self, recovered: &Arc<Recovered<Shown>>, hash: u64) -> Option<u32> {
        let known = self.by_hash.get(&hash).filter(|place| self.outcomes[**place as usize] == *recovered);
        if known.is_some() || self.outcomes.len() >= OUTCOMES {
            return known.copied();
        }
        let place = self.outcomes.len() as u32;
        self.outcomes.push(Arc::clone(recovered));
        self.by_hash.insert(hash, place);
        Some(place)
    }
}
