//! A long trace of references, replayed on a cluster without crashes: how near replacement comes to exact global LRU
//! (GM-13).
//!
//! *Global LRU* is one list of all frames of the cluster, of which always the page goes that was least recently used
//! by anybody. GMS knows ages only as of the last epoch, and keeps a copy for each node that shares a page.

use super::bugs::Bugs;
use super::cluster::Cluster;
use super::epoch::Random;
use super::fault::Task;
use super::page::Uid;
use super::{Geometry, GmsError};
use crashcheck::{Disk, NodeId};

/// A page that is used, and the node that uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// Who uses it.
    pub node: NodeId,
    /// Which page.
    pub uid: Uid,
}

/// What a replay has measured.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// References.
    pub references: usize,
    /// Those that were met in some memory of the cluster.
    pub hits: usize,
    /// Those that global LRU would have met in as many frames.
    pub lru_hits: usize,
    /// Epochs that have ended.
    pub epochs: u64,
    /// The most pages that were replaced in one epoch.
    pub most_replaced: u32,
    /// By node: how many of its frames hold pages for others at the end.
    pub global_frames: Vec<usize>,
}

impl Replayed {
    /// Hits among all references.
    pub fn hit_ratio(&self) -> f64 {
        self.hits as f64 / self.references as f64
    }

    /// Hits of global LRU among all references.
    pub fn lru_hit_ratio(&self) -> f64 {
        self.lru_hits as f64 / self.references as f64
    }
}

/// References made from a seed: nodes are busy or idle, as the numbers say that give their share of the references in
/// tenths. A busy node uses the pages of its own file, the first ones more often than the others; one reference in
/// ten is to a page of a file that all share.
pub fn references(geometry: &Geometry, shares: &[u64], count: usize, seed: u64) -> Vec<Use> {
    let mut random = Random::new(seed);
    let pages = u64::from(geometry.file_pages);
    let node_of = |tenth: u64| {
        let mut upto = 0;
        let found = shares.iter().position(|share| {
            upto += share;
            tenth < upto
        });
        NodeId(found.unwrap_or(0) as u16)
    };
    let mut reference = || {
        let node = node_of(random.number() % 10);
        let skewed = (random.number() % pages).min(random.number() % pages);
        let home = if random.number().is_multiple_of(10) { NodeId(0) } else { node };
        Use { node, uid: Uid::file(home, skewed as u32) }
    };
    (0..count).map(|_| reference()).collect()
}

/// Replays references on a cluster of that size, with its disks in memory.
///
/// # Errors
/// If a reference fails.
pub fn replay(geometry: Geometry, bugs: Bugs, references: &[Use]) -> Result<Replayed, GmsError> {
    let disk = Disk::plain(&geometry.devices());
    geometry.format(&disk)?;
    let network = disk.network();
    let mut cluster = Cluster::open(geometry, bugs, disk, Box::new(network))?;
    let mut lru = Lru::new(geometry.frames * usize::from(geometry.nodes));
    let (mut hits, mut lru_hits, mut epochs, mut most_replaced) = (0, 0, 0, 0);
    for Use { node, uid } in references.iter().copied() {
        let before = reads(&cluster);
        cluster.tick()?;
        cluster.run(node, Task::Read(uid))?;
        hits += usize::from(reads(&cluster) == before);
        lru_hits += usize::from(lru.touch(uid));
        epochs = cluster.live().map(|node| node.epoch().number).max().unwrap_or(0);
        let newest = cluster.live().map(super::node::Node::epoch).filter(|epoch| epoch.number == epochs);
        most_replaced = most_replaced.max(newest.map(|epoch| epoch.replaced).sum());
    }
    cluster.check()?;
    let global = |node: &super::node::Node| {
        node.frames().iter().filter(|frame| frame.state == super::frames::State::Global).count()
    };
    let global_frames = cluster.live().map(global).collect();
    Ok(Replayed { references: references.len(), hits, lru_hits, epochs, most_replaced, global_frames })
}

fn reads(cluster: &Cluster) -> u64 {
    cluster.live().map(super::node::Node::disk_reads).sum()
}

/// The pages that exact global LRU would have in memory, the least recently used first.
struct Lru {
    pages: Vec<Uid>,
    frames: usize,
}

impl Lru {
    fn new(frames: usize) -> Lru {
        Lru { pages: Vec::with_capacity(frames), frames }
    }

    /// Uses a page; whether it was in memory.
    fn touch(&mut self, uid: Uid) -> bool {
        let found = self.pages.iter().position(|page| *page == uid);
        match found {
            Some(at) => drop(self.pages.remove(at)),
            None if self.pages.len() == self.frames => drop(self.pages.remove(0)),
            None => {}
        }
        self.pages.push(uid);
        found.is_some()
    }
}
