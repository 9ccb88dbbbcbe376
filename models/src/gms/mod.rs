//! A global memory system (Feeley, Morgan, Pighin, Karlin, Levy and Thekkath, *Implementing Global Memory Management
//! in a Workstation Cluster*, SOSP 1995).
//!
//! The nodes of a cluster keep pages for each other: what one has to replace goes into the memory of another that has
//! less use for its own, and only from there out of memory. Memory is volatile, so that what is kept for others must
//! be clean: a crash of any nodes loses copies and no data.
//!
//! What is promised:
//!
//! - A page shows what was last written to it, at every node. To write to a page a node must be the only one that has
//!   it: the directory has all others let go of it first. (How sharers are kept coherent is not the concern of GMS,
//!   GM-03; this is the simplest way.)
//! - What `write-back` or `sync` has acknowledged as durable is on the disk of its home. What was written since is in
//!   the memory of one node, and is lost with it; what replacement has written back meanwhile is not.
//! - Every page by itself: nothing orders what is written to different pages.
//! - While its home is down, a page can be read and changed if some node has it in memory. Otherwise that fails; who looks
//!   at all pages of the cluster waits for the home, which is turned on for that and off again.
//! - What two nodes do at once is done in one order or the other.
//!
//! | file | holds |
//! |---|---|
//! | `page.rs`, `format.rs`, `message.rs`, `body.rs` | names of pages, the disk of a node, the messages, as bytes |
//! | `frames.rs`, `directory.rs`, `epoch.rs`, `link.rs` | PFD, POD and GCD, ages and weights, links |
//! | `node.rs` | a node: what comes in, what goes out, what waits |
//! | `fault.rs`, `replace.rs` | the page fault; what leaves memory for it, and where it goes |
//! | `keeper.rs`, `holder.rs`, `home.rs`, `initiator.rs` | the parts that a node plays for others |
//! | `recover.rs` | boot and reconfiguration |
//! | `cluster.rs`, `check.rs`, `replay.rs` | all nodes together; what must hold in them; hit ratios over long traces |
//! | `bugs.rs`, `checks.rs`, `workloads.rs` | the faults, what the codes of checks mean, and the workloads that show them |

mod body;
pub mod bugs;
mod check;
pub mod checks;
pub mod cluster;
pub mod directory;
pub mod epoch;
pub mod fault;
pub mod format;
pub mod frames;
mod holder;
mod home;
mod initiator;
mod keeper;
pub mod link;
pub mod message;
pub mod node;
pub mod page;
pub mod recover;
mod replace;
pub mod replay;
mod workloads;

use crate::fs::Fill;
use bugs::Bugs;
use cluster::Cluster;
use crashcheck::outcome::Difference;
use crashcheck::{
    Ack, BugSwitch, Bytes, Checks, Device, DeviceId, Disk, DiskError, History, NodeId, Reference, Result,
    System, UnknownBug, Violation, Workload, judge,
};
use epoch::Bounds;
use fault::Task;
use format::{FormatError, SECTOR, Superblock};
use page::{Age, Incarnation, Partition, Shown, Uid};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use thiserror::Error;

/// How large a cluster is, and what it goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Nodes.
    pub nodes: u16,
    /// Frames of each node.
    pub frames: usize,
    /// Pages of the file that each node serves.
    pub file_pages: u32,
    /// Anonymous pages of each node.
    pub swap_pages: u32,
    /// What bounds an epoch.
    pub bounds: Bounds,
    /// So many dropped pages are not reported to the directory at once.
    pub unreported: usize,
    /// How often the daemon looks which anonymous pages were touched, in operations.
    pub daemon_period: u64,
}

impl Default for Geometry {
    /// Small enough that a dozen operations meet all cases.
    fn default() -> Geometry {
        let bounds = Bounds { replacements: 6, duration: Age(100) };
        Geometry {
            nodes: 3,
            frames: 2,
            file_pages: 2,
            swap_pages: 1,
            bounds,
            unreported: 2,
            daemon_period: 2,
        }
    }
}

impl Geometry {
    /// Every page of the cluster.
    pub fn pages(&self) -> Vec<Uid> {
        let of_node = |node: NodeId| {
            let files = (0..self.file_pages).map(move |offset| Uid::file(node, offset));
            files.chain((0..self.swap_pages).map(move |offset| Uid::swap(node, offset)))
        };
        (0..self.nodes).map(NodeId).flat_map(of_node).collect()
    }

    fn superblock(&self, node: NodeId) -> Superblock {
        let Geometry { nodes, file_pages, swap_pages, .. } = *self;
        Superblock { node, nodes, file_pages, swap_pages, incarnation: Incarnation(0) }
    }

    /// The disks, one for each node.
    pub fn devices(&self) -> Vec<Device> {
        let names = ["node 0", "node 1", "node 2", "node 3", "node 4", "node 5", "node 6", "node 7"];
        let device = |node: NodeId| {
            let name = names.get(node.index()).copied().unwrap_or("node");
            Device::zeroed(name, Bytes::of(SECTOR), self.superblock(node).device_len()).of(node)
        };
        (0..self.nodes).map(NodeId).map(device).collect()
    }

    /// Writes the superblocks of all nodes.
    ///
    /// # Errors
    /// Those of the devices.
    pub fn format(&self, disk: &Disk) -> Result<(), DiskError> {
        (0..self.nodes).try_for_each(|node| self.superblock(NodeId(node)).write(&disk.device(DeviceId(node))))
    }
}

/// Why something cannot be done, or is not as it must be.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GmsError {
    /// The page is in no memory, and the node whose disk holds it is down.
    #[error("{uid} is in no memory, and its home, {home}, is down")]
    Unavailable {
        /// Which page.
        uid: Uid,
        /// Its home.
        home: NodeId,
    },
    /// The disk does not have the page, or it is damaged there.
    #[error("the disk of its home cannot read {uid}")]
    Unreadable {
        /// Which page.
        uid: Uid,
    },
    /// All frames hold changed pages whose homes are down.
    #[error("no page can leave the memory of {node}")]
    Full {
        /// Whose.
        node: NodeId,
    },
    /// The node is down.
    #[error("{node} is down")]
    Down {
        /// Which.
        node: NodeId,
    },
    /// A request is never answered.
    #[error("{task} at {node} never ends")]
    Stuck {
        /// What was asked.
        task: String,
        /// Of whom.
        node: NodeId,
    },
    /// Messages never end.
    #[error("the nodes do not come to rest")]
    Restless,
    /// A check does not hold.
    #[error("{check}: {node} {detail}")]
    Violated {
        /// Which.
        check: &'static str,
        /// Where.
        node: NodeId,
        /// By what.
        detail: String,
    },
    /// The disk of a node cannot be used.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A device failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl GmsError {
    fn violated(check: &'static str, node: NodeId, detail: impl fmt::Display) -> GmsError {
        GmsError::Violated { check, node, detail: detail.to_string() }
    }
}

/// What somebody does at a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GmsOp {
    /// Uses a page.
    Read(NodeId, Uid),
    /// Changes a page, in memory.
    Write(NodeId, Uid, Fill),
    /// Makes durable what this node has changed.
    WriteBack(NodeId),
    /// Makes everything durable.
    Sync,
    /// Begins a new epoch.
    EndEpoch(NodeId),
    /// Lets so much time pass.
    Idle(u8),
    /// Uses pages at two nodes at once: so many messages arrive between the beginnings of the one and the other.
    Both(u8, [Use; 2]),
    /// From now on messages from the one node to the other come only when no others are on their way; with none all are
    /// equally fast.
    Slow(Option<[NodeId; 2]>),
    /// Makes durable what a node has changed, and turns it off and on again; so many messages arrive between.
    Restart(NodeId, u8),
    /// Timeouts fire at all nodes that wait, before anything comes of the first; then so many messages arrive.
    TimeOut(u8),
    /// Looks whether everything in all nodes is as it must be.
    Audit,
    /// Many operations one after the other, made from a seed: so many rounds of them.
    Busy(u64, u32),
}

/// What somebody does with a page at a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Use {
    /// Where.
    pub node: NodeId,
    /// With which page.
    pub uid: Uid,
    /// What is written to it, in memory; nothing if it is only read.
    pub fill: Option<Fill>,
}

impl Use {
    fn op(self) -> GmsOp {
        let Use { node, uid, fill } = self;
        fill.map_or(GmsOp::Read(node, uid), |fill| GmsOp::Write(node, uid, fill))
    }

    fn task(self) -> (NodeId, Task) {
        (self.node, self.fill.map_or(Task::Read(self.uid), |fill| Task::Write(self.uid, fill)))
    }
}

impl GmsOp {
    /// Whether it uses no anonymous memory of another node.
    fn is_allowed(&self) -> bool {
        let is_own = |node: NodeId, uid: Uid| uid.partition == Partition::Files || uid.home() == node;
        match *self {
            GmsOp::Read(node, uid) | GmsOp::Write(node, uid, _) => is_own(node, uid),
            GmsOp::Both(_, both) => {
                both[0].node != both[1].node && both.iter().all(|one| is_own(one.node, one.uid))
            }
            GmsOp::WriteBack(_)
            | GmsOp::Sync
            | GmsOp::EndEpoch(_)
            | GmsOp::Idle(_)
            | GmsOp::Slow(_)
            | GmsOp::Restart(..)
            | GmsOp::TimeOut(_)
            | GmsOp::Audit
            | GmsOp::Busy(..) => true,
        }
    }
}

impl fmt::Debug for GmsOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GmsOp::Read(node, uid) => write!(f, "{node}: read {uid}"),
            GmsOp::Write(node, uid, fill) => write!(f, "{node}: write {uid} {fill}"),
            GmsOp::WriteBack(node) => write!(f, "{node}: write back"),
            GmsOp::Sync => f.write_str("sync"),
            GmsOp::EndEpoch(node) => write!(f, "{node}: end epoch"),
            GmsOp::Idle(time) => write!(f, "idle {time}"),
            GmsOp::Both(0, [one, other]) => write!(f, "{:?}, and at once {:?}", one.op(), other.op()),
            GmsOp::Both(messages, [one, other]) => {
                write!(f, "{:?}, and {messages} messages later {:?}", one.op(), other.op())
            }
            GmsOp::Slow(None) => f.write_str("all are equally fast"),
            GmsOp::Slow(Some([from, to])) => write!(f, "{from} is slow to reach {to}"),
            GmsOp::Restart(node, 0) => write!(f, "{node}: restart"),
            GmsOp::Restart(node, messages) => write!(f, "{node}: restart, off for {messages} messages"),
            GmsOp::TimeOut(messages) => write!(f, "timeouts, and {messages} messages"),
            GmsOp::Audit => f.write_str("audit"),
            GmsOp::Busy(seed, rounds) => write!(f, "{rounds} rounds of busy time {seed}"),
        }
    }
}

/// The system: a cluster of some size, and its faults.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gms {
    geometry: Geometry,
    bugs: Bugs,
}

impl System for Gms {
    type Op = GmsOp;
    type Live = Cluster;
    type View = BTreeMap<Uid, Shown>;

    fn name(&self) -> String {
        Gms::NAME.to_owned()
    }

    fn devices(&self) -> Vec<Device> {
        self.geometry.devices()
    }

    fn format(&self, disk: &Disk) -> Result<()> {
        Ok(self.geometry.format(disk)?)
    }

    fn open(&self, disk: Disk) -> Result<Cluster> {
        let network = disk.network();
        Ok(Cluster::open(self.geometry, self.bugs, disk, Box::new(network))?)
    }

    fn apply(&self, live: &mut Cluster, op: &GmsOp) -> Result<Ack> {
        if !op.is_allowed() {
            return Ok(Ack::Refused);
        }
        live.begin_operation();
        live.tick()?;
        match *op {
            GmsOp::Read(node, uid) => live.run(node, Task::Read(uid)).map(|_| ())?,
            GmsOp::Write(node, uid, fill) => live.run(node, Task::Write(uid, fill)).map(|_| ())?,
            GmsOp::WriteBack(node) => live.run(node, Task::WriteBack).map(|_| ())?,
            GmsOp::Sync => {
                for node in (0..self.geometry.nodes).map(NodeId) {
                    live.run(node, Task::WriteBack)?;
                }
            }
            GmsOp::EndEpoch(node) => live.end_epoch(node)?,
            GmsOp::Idle(time) => (1..time).try_for_each(|_| live.tick())?,
            GmsOp::Both(messages, both) => live.run_both(messages, both.map(Use::task))?,
            GmsOp::Slow(link) => live.slow_down(link),
            GmsOp::Restart(node, messages) => live.restart(node, messages)?,
            GmsOp::TimeOut(messages) => live.time_out_at_once(messages)?,
            GmsOp::Audit => live.check()?,
            GmsOp::Busy(seed, rounds) => {
                for (op, nth) in workloads::busy(seed, rounds).into_iter().zip(1..) {
                    self.apply(live, &op).map_err(|why| format!("its operation {nth} ({op:?}): {why}"))?;
                }
            }
        }
        let saves = matches!(op, GmsOp::WriteBack(_) | GmsOp::Sync);
        Ok(if saves && live.is_clean() { Ack::Durable } else { Ack::Volatile })
    }

    fn view(&self, live: &mut Cluster) -> Result<Self::View> {
        Ok(live.view()?)
    }

    fn model(&self, view: &mut Self::View, op: &GmsOp) {
        if !op.is_allowed() {
            return;
        }
        match *op {
            GmsOp::Write(_, uid, fill) => _ = view.insert(uid, Shown::Filled(fill)),
            GmsOp::Both(_, both) => both.iter().for_each(|one| self.model(view, &one.op())),
            GmsOp::Busy(seed, rounds) => {
                workloads::busy(seed, rounds).iter().for_each(|op| self.model(view, op));
            }
            _ => {}
        }
    }

    /// The next few operations. What is written at two nodes at once is written at one after the other, so that it is known
    /// what a user sees after that, and what failed.
    fn go_on(&self, _: &Self::View, rest: &[GmsOp]) -> Vec<GmsOp> {
        let apart = |op: &GmsOp| match *op {
            GmsOp::Both(_, both) if both.iter().all(|one| one.fill.is_some()) => both.map(Use::op).to_vec(),
            op => vec![op],
        };
        rest.iter().flat_map(apart).take(NEXT).collect()
    }

    fn differences(&self, expected: &Self::View, recovered: &Self::View) -> Vec<Difference> {
        let pages: BTreeSet<&Uid> = expected.keys().chain(recovered.keys()).collect();
        let differ = pages.into_iter().filter(|uid| expected.get(uid) != recovered.get(uid));
        let told = |uid: &Uid| Difference {
            what: format!("page {uid}"),
            expected: expected.get(uid).map(ToString::to_string),
            recovered: recovered.get(uid).map(ToString::to_string),
        };
        differ.map(told).collect()
    }

    fn simpler(&self, op: &GmsOp) -> Vec<GmsOp> {
        workloads::simpler(*op)
    }

    fn check(&self, live: &mut Cluster) -> Result<()> {
        Ok(live.check()?)
    }

    /// Every node reads a page of every other; then each writes one that others have, and all is made durable.
    fn probe(&self, _: &Self::View) -> Vec<GmsOp> {
        let nodes = || (0..self.geometry.nodes).map(NodeId);
        let next = |node: NodeId| NodeId((node.0 + 1) % self.geometry.nodes);
        let reads = nodes().map(|node| GmsOp::Read(node, Uid::file(next(node), 0)));
        let writes = nodes().map(|node| GmsOp::Write(node, Uid::file(next(next(node)), 0), Fill(0xee)));
        reads.chain(writes).chain([GmsOp::Sync]).collect()
    }

    /// A page that was changed may be in the memory of one node, which the next crash can take.
    fn is_stable(&self) -> bool {
        false
    }

    fn judge(&self, view: &Self::View, history: &History<'_, Self>) -> Result<(), Violation> {
        let History { ops, states, window, .. } = *history;
        if !ops.iter().any(|op| matches!(op, GmsOp::Both(..))) {
            return judge::each_key(view, history);
        }
        let told = |view: &Self::View| in_either_order(view, ops);
        let states: Vec<Self::View> = states.iter().map(told).collect();
        judge::each_key(&told(view), &History::<Self>::new(ops, &states, window))
    }
}

/// So many operations are gone on with after a crash.
const NEXT: usize = 4;

/// Two nodes that write to a page at once may do so in either order: what the one wrote stands for what the other did.
fn in_either_order(view: &BTreeMap<Uid, Shown>, ops: &[GmsOp]) -> BTreeMap<Uid, Shown> {
    let mut view = view.clone();
    for op in ops {
        let GmsOp::Both(_, [one, other]) = *op else { continue };
        let (Some(first), Some(last), true) = (one.fill, other.fill, one.uid == other.uid) else { continue };
        if let Some(shown) = view.get_mut(&one.uid).filter(|shown| **shown == Shown::Filled(first)) {
            *shown = Shown::Filled(last);
        }
    }
    view
}

impl Reference for Gms {
    const NAME: &'static str = "gms";
    const ABOUT: &'static str =
        "a global memory system: nodes keep clean pages for each other, and directories find them";
    const MEDIUM: &'static str = "cluster";
    const PROFILES: &'static [&'static str] = &["cluster"];
    const BUGS: &'static [BugSwitch] = &bugs::SWITCHES;
    const CHECKS: &'static [Checks] = crate::checks::ALL;

    fn with_bugs(bugs: &[String]) -> Result<Self, UnknownBug> {
        Ok(Gms { bugs: Bugs::named(Gms::NAME, Self::BUGS, bugs)?, ..Gms::default() })
    }

    fn workloads() -> Vec<Workload<GmsOp>> {
        workloads::all()
    }

    fn generated(seed: u64) -> Vec<GmsOp> {
        workloads::generated(seed)
    }
}

#[cfg(test)]
mod tests;
