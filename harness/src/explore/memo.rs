//! Remembered recovery paths.
//!
//! A deterministic recovery is a decision tree over what it reads: the cell it looks at next depends only on what it
//! has found so far. A state that follows a path that was walked before has the outcome it had then, in this epoch or
//! another one.

use super::instance::Recovered;
use crate::media::block::{CellId, ContentId, LazyImage, Touched};
use std::sync::Arc;

/// The tree is not grown beyond this many nodes.
const NODES: usize = 1 << 20;

/// The decision tree of a recovery, as far as it is known.
pub(crate) struct Memo<Shown> {
    nodes: Vec<Node<Shown>>,
}

enum Node<Shown> {
    Unknown,
    Look { cell: CellId, next: Vec<(ContentId, u32)> },
    Known(Arc<Recovered<Shown>>),
}

/// Recovery looked at something else after it had found the same: it is not deterministic.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotDeterministic;

impl<Shown> Memo<Shown> {
    pub(crate) fn new() -> Self {
        Memo { nodes: vec![Node::Unknown] }
    }

    /// Follows a crash state through the tree, asking for what it looks at; the outcome, if it is known.
    pub(crate) fn follow(&self, image: &mut LazyImage) -> Option<Arc<Recovered<Shown>>> {
        let mut node = 0;
        loop {
            match &self.nodes[node] {
                Node::Unknown => return None,
                Node::Known(recovered) => return Some(Arc::clone(recovered)),
                Node::Look { cell, next } => {
                    let content = image.look(*cell);
                    let (_, below) = next.iter().find(|(known, _)| *known == content)?;
                    node = *below as usize;
                }
            }
        }
    }

    /// Adds what a recovery looked at, and its outcome.
    pub(crate) fn insert(
        &mut self,
        reads: &[Touched],
        recovered: &Arc<Recovered<Shown>>,
    ) -> Result<(), NotDeterministic> {
        let mut node = 0;
        for Touched { cell, content } in reads {
            let new = self.nodes.len() as u32;
            if matches!(self.nodes[node], Node::Unknown) {
                self.nodes[node] = Node::Look { cell: *cell, next: Vec::new() };
            }
            let Node::Look { cell: known, next } = &mut self.nodes[node] else {
                return Err(NotDeterministic);
            };
            if known != cell {
                return Err(NotDeterministic);
            }
            match next.iter().find(|(known, _)| known == content) {
                Some((_, below)) => node = *below as usize,
                None if new as usize >= NODES => return Ok(()),
                None => {
                    next.push((*content, new));
                    self.nodes.push(Node::Unknown);
                    node = new as usize;
                }
            }
        }
        match &self.nodes[node] {
            Node::Unknown => self.nodes[node] = Node::Known(Arc::clone(recovered)),
            Node::Known(_) => {}
            Node::Look { .. } => return Err(NotDeterministic),
        }
        Ok(())
    }
}
