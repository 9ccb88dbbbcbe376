//! Remembered recovery paths.
//!
//! A deterministic recovery is a decision tree over what it is told by the devices: what it asks next depends only on the
//! answers so far. A state that answers as one did before has the outcome that one had, in this epoch or another one, in
//! this life or another one.

use super::instance::{Recovered, Shows};
use super::shown::Past;
use crate::media::{Asked, LazyImage, Life, Observed};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// The tree is not grown beyond this many nodes.
const NODES: usize = 1 << 19;

/// No more different outcomes are kept: each holds all that recovery shows.
const OUTCOMES: usize = 1 << 12;

/// What lives have done is kept up to so many bytes.
const LIVES: usize = 256 << 20;

/// What came of a state, for as long as somebody needs it.
#[derive(Clone)]
pub(crate) struct End {
    pub(crate) recovered: Arc<Recovered>,
    /// Whether the power may fail once more in what was done.
    pub(crate) lives_on: bool,
    /// What was done, if it may and somebody wants to know.
    pub(crate) story: Option<Arc<Story>>,
}

/// A life that has come to its end: what it did on the devices, and what its user saw.
pub(crate) struct Story {
    pub(crate) life: Life,
    pub(crate) past: Past,
    /// What its recovery showed.
    pub(crate) shows: Shows,
}

/// The decision tree of a recovery, as far as it is known.
pub(crate) struct Memo {
    nodes: Vec<Node>,
    /// From a node that asks something, by the answer.
    edges: FxHashMap<(u32, u64), u32>,
    /// Those of the paths that are known.
    ends: Vec<End>,
    /// Different outcomes by their hash.
    outcomes: FxHashMap<u64, Arc<Recovered>>,
    /// What the kept lives take.
    memory: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    Unknown,
    Asks(Asked),
    /// The place of the end.
    Known(u32),
}

/// Recovery asked something else after it had been told the same: it is not deterministic.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotDeterministic;

impl Memo {
    pub(crate) fn new() -> Self {
        let (edges, outcomes) = (FxHashMap::default(), FxHashMap::default());
        Memo { nodes: vec![Node::Unknown], edges, ends: Vec::new(), outcomes, memory: 0 }
    }

    /// Follows a crash state through the tree, asking what is asked; the end, if it is known.
    pub(crate) fn follow(&self, image: &mut LazyImage) -> Option<End> {
        let mut node = 0;
        loop {
            match self.nodes[node as usize] {
                Node::Unknown => return None,
                Node::Known(place) => return Some(self.ends[place as usize].clone()),
                Node::Asks(asked) => node = *self.edges.get(&(node, image.observe(asked)))?,
            }
        }
    }

    /// Adds what a recovery was told, and its end with the hash of the outcome.
    pub(crate) fn insert(&mut self, told: &[Observed], end: &End, hash: u64) -> Result<(), NotDeterministic> {
        let mut node = 0;
        for Observed { asked, answer } in told {
            match self.nodes[node as usize] {
                Node::Unknown => self.nodes[node as usize] = Node::Asks(*asked),
                Node::Asks(known) if known == *asked => {}
                _ => return Err(NotDeterministic),
            }
            let new = self.nodes.len() as u32;
            let full = self.nodes.len() >= NODES;
            match self.edges.get(&(node, *answer)) {
                Some(below) => node = *below,
                None if full => return Ok(()),
                None => {
                    self.edges.insert((node, *answer), new);
                    self.nodes.push(Node::Unknown);
                    node = new;
                }
            }
        }
        match self.nodes[node as usize] {
            Node::Asks(_) => return Err(NotDeterministic),
            Node::Known(place) if end.story.is_some() => {
                self.ends[place as usize].story = self.with_room(end);
            }
            Node::Known(_) => {}
            Node::Unknown => {
                if let Some(recovered) = self.keep(end, hash) {
                    let end = End { recovered, lives_on: end.lives_on, story: self.with_room(end) };
                    self.nodes[node as usize] = Node::Known(self.ends.len() as u32);
                    self.ends.push(end);
                }
            }
        }
        Ok(())
    }

    /// The outcome as it is kept, if it is, so that what recovery shows need not be held twice.
    pub(crate) fn kept(&self, recovered: &Recovered, hash: u64) -> Option<Arc<Recovered>> {
        self.outcomes.get(&hash).filter(|known| ***known == *recovered).map(Arc::clone)
    }

    /// Keeps an outcome, equal ones once; `None` if there is no room for it.
    fn keep(&mut self, end: &End, hash: u64) -> Option<Arc<Recovered>> {
        let known = self.kept(&end.recovered, hash);
        if known.is_none() && self.outcomes.len() < OUTCOMES {
            return Some(Arc::clone(self.outcomes.entry(hash).or_insert_with(|| Arc::clone(&end.recovered))));
        }
        known
    }

    /// The story of an end, if there is room for it.
    fn with_room(&mut self, end: &End) -> Option<Arc<Story>> {
        let story = end.story.as_ref()?;
        self.memory += story.life.memory();
        (self.memory <= LIVES).then(|| Arc::clone(story))
    }
}
