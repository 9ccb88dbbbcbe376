//! Workloads for three nodes with two frames each.

use super::epoch::Random;
use super::page::{Partition, Uid};
use super::{Geometry, GmsOp, Use};
use crate::fs::Fill;
use crashcheck::{NodeId, Workload};

/// How many operations [`generated`] makes, the last of which makes all durable.
const GENERATED_OPS: usize = 10;

/// So many rounds has a [`busy`] time before a workload.
const BUSY_ROUNDS: u32 = 4000;

/// So many operations of it are between two changes of what is slow.
const BUSY_ROUND: usize = 6;

/// Every workload.
pub(super) fn all() -> Vec<Workload<GmsOp>> {
    [of_busy_times(), of_faults(), of_directories(), of_ages(), of_many(), of_three()].concat()
}

/// What becomes of changed pages, and the cases of a fault.
fn of_faults() -> Vec<Workload<GmsOp>> {
    vec![
        Workload {
            name: "write-back",
            about: "A page is changed, written back to another node's disk, and changed again.",
            setup: written(&[]),
            ops: vec![write(0, file(1, 0), 1), back(0), write(0, file(1, 0), 2), GmsOp::Sync],
        },
        Workload {
            name: "others-changed",
            about: "One node writes back what it has changed, while another has changed something as well.",
            setup: written(&[]),
            ops: vec![write(0, file(1, 0), 1), write(2, file(0, 0), 2), back(0), GmsOp::Sync],
        },
        Workload {
            name: "dirty-victim",
            about: "A changed page is written back before it goes into global memory (GM-05, GM-06).",
            setup: written(&[]),
            ops: vec![
                write(0, file(1, 0), 1),
                read(0, file(0, 0)),
                read(0, file(2, 1)),
                GmsOp::Sync,
                read(0, file(1, 0)),
            ],
        },
        Workload {
            name: "four-cases",
            about: "Page faults of all four cases (GM-04 to GM-07).",
            setup: written(&[file(0, 0), file(1, 0), file(2, 0)]),
            ops: vec![
                read(0, file(0, 0)),
                read(0, file(1, 0)),
                read(0, file(2, 0)),
                read(0, file(0, 0)),
                read(1, file(0, 0)),
            ],
        },
    ]
}

/// What the directory knows, and when.
fn of_directories() -> Vec<Workload<GmsOp>> {
    vec![
        Workload {
            name: "shared-write",
            about: "A page that two nodes have is written to by one of them; then the other forgets it (GM-07, GM-23).",
            setup: written(&[file(2, 0)]),
            ops: vec![
                read(0, file(2, 0)),
                read(1, file(2, 0)),
                write(0, file(2, 0), 5),
                GmsOp::Sync,
                read(1, file(1, 0)),
                read(1, file(1, 1)),
            ],
        },
        Workload {
            name: "stale-directory",
            about: "A page is dropped, and the directory hears of it only later (GM-19).",
            setup: written(&[file(1, 0)]),
            ops: vec![
                read(0, file(1, 0)),
                read(2, file(1, 0)),
                read(0, file(0, 0)),
                read(0, file(0, 1)),
                GmsOp::Sync,
            ],
        },
        Workload {
            name: "recall",
            about: "A page is needed by one node while it is on its way into the global memory of another.",
            setup: written(&[file(1, 0)]),
            ops: vec![
                read(0, file(1, 0)),
                read(0, file(0, 0)),
                read(0, file(0, 1)),
                write(1, file(1, 0), 7),
                GmsOp::Sync,
            ],
        },
        Workload {
            name: "takeover",
            about: "A page is asked for whose keeper neither has it nor wants it (GM-20, GM-21).",
            setup: written(&[]),
            ops: vec![write(0, file(0, 1), 1), read(2, file(0, 1)), GmsOp::Sync],
        },
    ]
}

/// What goes by ages.
fn of_ages() -> Vec<Workload<GmsOp>> {
    vec![
        Workload {
            name: "epoch",
            about: "An epoch ends, and pages go by the new ages (GM-09 to GM-12).",
            setup: written(&[]),
            ops: vec![read(0, file(0, 0)), GmsOp::Idle(3), GmsOp::EndEpoch(NodeId(1)), read(1, file(0, 0))],
        },
        Workload {
            name: "old-victim",
            about: "A changed page older than MinAge is written back, and then dropped (GM-12).",
            setup: written(&[]),
            ops: vec![
                write(0, file(1, 0), 1),
                read(0, file(0, 0)),
                GmsOp::EndEpoch(NodeId(0)),
                read(0, file(0, 1)),
                GmsOp::Sync,
                write(1, file(1, 0), 2),
                GmsOp::Sync,
            ],
        },
        Workload {
            name: "swap",
            about: "Anonymous pages go into global memory and come back (GM-18, GM-22).",
            setup: written(&[]),
            ops: vec![
                write(0, Uid::swap(NodeId(0), 0), 3),
                read(0, file(1, 0)),
                read(0, file(1, 1)),
                read(0, Uid::swap(NodeId(0), 0)),
                GmsOp::Sync,
            ],
        },
    ]
}

/// What goes on while a node is down, and at two nodes at once.
fn of_many() -> Vec<Workload<GmsOp>> {
    vec![
        Workload {
            name: "absent-home",
            about: "A page that two nodes have is written to by one of them, whether or not its home is up (GM-21, GM-23).",
            setup: written(&[file(1, 1)]),
            ops: vec![read(0, file(1, 1)), read(2, file(1, 1)), write(0, file(1, 1), 5), GmsOp::Sync],
        },
        Workload {
            name: "race",
            about: "A page is read by one node while another writes to it, and two nodes fault at once (GM-20, GM-23).",
            setup: written(&[file(1, 0)]),
            ops: vec![
                both((0, file(1, 0), Some(3)), (2, file(1, 0), None)),
                both((0, file(2, 0), Some(4)), (2, file(0, 0), Some(5))),
                GmsOp::Sync,
            ],
        },
        Workload {
            name: "write-race",
            about: "Two nodes write to a page at once, in one order or the other, and then a third (GM-23).",
            setup: written(&[file(1, 0)]),
            ops: vec![
                read(0, file(1, 0)),
                both((0, file(1, 0), Some(6)), (2, file(1, 0), Some(7))),
                write(1, file(1, 0), 8),
                GmsOp::Sync,
            ],
        },
    ]
}

/// What three nodes want of one page.
fn of_three() -> Vec<Workload<GmsOp>> {
    vec![
        Workload {
            name: "three-share",
            about: "A page that three nodes have is written to by one of them, and then read by the others (GM-23).",
            setup: written(&[file(1, 0)]),
            ops: vec![
                read(0, file(1, 0)),
                read(1, file(1, 0)),
                read(2, file(1, 0)),
                write(0, file(1, 0), 5),
                both((1, file(1, 0), None), (2, file(1, 0), None)),
                GmsOp::Sync,
            ],
        },
        Workload {
            name: "both-want-to-write",
            about: "Two nodes that share a page write to it at once (GM-23).",
            setup: written(&[file(1, 0)]),
            ops: vec![
                read(0, file(1, 0)),
                read(2, file(1, 0)),
                both((0, file(1, 0), Some(5)), (2, file(1, 0), Some(6))),
                GmsOp::Sync,
            ],
        },
    ]
}

/// What can meet in a long time, before anything is crashed.
fn of_busy_times() -> Vec<Workload<GmsOp>> {
    let about = "Much happens at once, on links that are slow, while nodes restart; then a page is changed (GM-16, GM-19, GM-21, GM-23).";
    let of = |(name, seed)| {
        let setup = vec![GmsOp::Busy(seed, BUSY_ROUNDS), GmsOp::Sync];
        Workload { name, about, setup, ops: vec![write(0, file(1, 0), 1), back(0)] }
    };
    [("busy", 0), ("busy-again", 1), ("busy-still", 2), ("busy-once-more", 3)].map(of).into()
}

/// Writes these pages, each at its home, and makes all durable. The nodes boot after it.
fn written(pages: &[Uid]) -> Vec<GmsOp> {
    let writes = pages.iter().map(|uid| GmsOp::Write(uid.home(), *uid, Fill(0xa0)));
    writes.chain([GmsOp::Sync]).collect()
}

fn file(home: u16, offset: u32) -> Uid {
    Uid::file(NodeId(home), offset)
}

fn read(node: u16, uid: Uid) -> GmsOp {
    GmsOp::Read(NodeId(node), uid)
}

fn write(node: u16, uid: Uid, fill: u8) -> GmsOp {
    GmsOp::Write(NodeId(node), uid, Fill(fill))
}

fn both(one: (u16, Uid, Option<u8>), other: (u16, Uid, Option<u8>)) -> GmsOp {
    later(0, one, other)
}

/// The second begins so many messages after the first.
fn later(messages: u8, one: (u16, Uid, Option<u8>), other: (u16, Uid, Option<u8>)) -> GmsOp {
    let at =
        |(node, uid, fill): (u16, Uid, Option<u8>)| Use { node: NodeId(node), uid, fill: fill.map(Fill) };
    GmsOp::Both(messages, [at(one), at(other)])
}

fn back(node: u16) -> GmsOp {
    GmsOp::WriteBack(NodeId(node))
}

/// Operations made from a seed; the same on every machine.
pub(super) fn generated(seed: u64) -> Vec<GmsOp> {
    let mut draw = Draw::new(seed);
    let mut ops: Vec<GmsOp> = (1..GENERATED_OPS).map(|_| draw.op()).collect();
    ops.push(GmsOp::Sync);
    ops
}

/// As many operations as it takes for most of what can meet to meet, whatever comes first and last: nodes restart while
/// others go on, and now one link is slow and now another. Everything is looked at now and then.
pub(super) fn busy(seed: u64, rounds: u32) -> Vec<GmsOp> {
    let mut draw = Draw::new(seed);
    let round = |nth: usize| {
        let link = (!nth.is_multiple_of(3)).then(|| draw.link());
        let mut ops = vec![GmsOp::Slow(link)];
        ops.extend((0..BUSY_ROUND).map(|_| draw.op()));
        match nth % 4 {
            0 | 2 => {
                ops.extend((0..=draw.below(2)).map(|_| GmsOp::Restart(draw.node(), draw.below(12) as u8)));
                ops.extend((0..draw.below(3)).map(|_| GmsOp::TimeOut(draw.below(8) as u8)));
                ops.extend((0..draw.below(4)).map(|_| draw.op()));
            }
            1 => ops.extend((0..3).map(|_| GmsOp::EndEpoch(draw.node()))),
            _ => {}
        }
        ops.push(GmsOp::Audit);
        ops
    };
    (0..rounds as usize).flat_map(round).collect()
}

/// Draws operations.
struct Draw {
    geometry: Geometry,
    random: Random,
}

impl Draw {
    fn new(seed: u64) -> Draw {
        Draw { geometry: Geometry::default(), random: Random::new(seed.wrapping_add(1)) }
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.random.number() % bound as u64) as usize
    }

    fn node(&mut self) -> NodeId {
        NodeId(self.below(usize::from(self.geometry.nodes)) as u16)
    }

    /// From a node to another.
    fn link(&mut self) -> [NodeId; 2] {
        let (from, others) = (self.node(), usize::from(self.geometry.nodes) - 1);
        let step = 1 + self.below(others) as u16;
        [from, NodeId((from.0 + step) % self.geometry.nodes)]
    }

    /// A page, used at this node if it may be. Half of the time it is the one that everybody wants.
    fn used_at(&mut self, node: NodeId) -> (NodeId, Uid) {
        let pages = self.geometry.pages();
        let uid = match self.below(2) {
            0 => Uid::file(NodeId(1), 0),
            _ => pages[self.below(pages.len())],
        };
        let user = if uid.partition == Partition::Swap { uid.home() } else { node };
        (user, uid)
    }

    fn used(&mut self, node: NodeId) -> Use {
        let (node, uid) = self.used_at(node);
        let fill = (self.below(2) == 0).then(|| Fill(self.below(256) as u8));
        Use { node, uid, fill }
    }

    fn op(&mut self) -> GmsOp {
        let node = self.node();
        let (user, uid) = self.used_at(node);
        match self.below(16) {
            0..6 => GmsOp::Read(user, uid),
            6..9 => GmsOp::Write(user, uid, Fill(self.below(256) as u8)),
            9..14 => {
                let both = self.link().map(|node| self.used(node));
                let [one, mut other] = both;
                // Which of two writes to a page comes last would be open.
                other.fill = other.fill.filter(|_| one.uid != other.uid);
                GmsOp::Both(self.below(7) as u8, [one, other])
            }
            14 => GmsOp::WriteBack(node),
            _ => GmsOp::EndEpoch(node),
        }
    }
}

/// Simpler operations of the same kind, the simplest first: the first page, the first node, the plainest fill.
pub(super) fn simpler(op: GmsOp) -> Vec<GmsOp> {
    let first = NodeId(0);
    let mut simpler = match op {
        GmsOp::Read(node, uid) => {
            pages(node, uid).into_iter().map(|(node, uid)| GmsOp::Read(node, uid)).collect()
        }
        GmsOp::Write(node, uid, fill) => {
            let pages = pages(node, uid);
            let plain = pages.iter().map(|(node, uid)| GmsOp::Write(*node, *uid, Fill(0)));
            let plain = plain.chain([GmsOp::Write(node, uid, Fill(0))]);
            plain.chain(pages.iter().map(|(node, uid)| GmsOp::Write(*node, *uid, fill))).collect()
        }
        GmsOp::WriteBack(_) => vec![GmsOp::WriteBack(first)],
        GmsOp::EndEpoch(_) => vec![GmsOp::EndEpoch(first)],
        GmsOp::Idle(time) => [1, time / 2].into_iter().filter(|less| *less < time).map(GmsOp::Idle).collect(),
        GmsOp::Both(messages, both) => {
            let sooner = [0, messages / 2].map(|messages| GmsOp::Both(messages, both));
            both.map(Use::op).into_iter().chain(sooner).collect()
        }
        GmsOp::Restart(node, messages) => {
            vec![GmsOp::Restart(first, 0), GmsOp::Restart(node, 0), GmsOp::Restart(node, messages / 2)]
        }
        GmsOp::Slow(_) => vec![GmsOp::Slow(None)],
        GmsOp::TimeOut(messages) => vec![GmsOp::TimeOut(messages / 2)],
        GmsOp::Busy(seed, rounds) => vec![GmsOp::Busy(seed, rounds / 2)],
        GmsOp::Sync | GmsOp::Audit => Vec::new(),
    };
    simpler.retain(|simpler| *simpler != op);
    simpler
}

/// Simpler uses of a page. Anonymous memory is used by no node but its own.
fn pages(node: NodeId, uid: Uid) -> Vec<(NodeId, Uid)> {
    let first = Uid { offset: 0, ..uid };
    let pages = match uid.partition {
        Partition::Swap => vec![(node, first)],
        Partition::Files => vec![(NodeId(0), first), (NodeId(0), uid), (node, first)],
    };
    pages.into_iter().filter(|page| *page != (node, uid)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Gms;
    use super::*;

    /// How large an operation is, in whatever it names.
    fn size_of(op: &GmsOp) -> u64 {
        match *op {
            GmsOp::Read(node, uid) => u64::from(node.0) + u64::from(uid.offset),
            GmsOp::Write(node, uid, fill) => u64::from(node.0) + u64::from(uid.offset) + u64::from(fill.0),
            GmsOp::WriteBack(node) | GmsOp::EndEpoch(node) => u64::from(node.0),
            GmsOp::Idle(time) => u64::from(time),
            GmsOp::Both(messages, [one, other]) => {
                1 + u64::from(messages) + size_of(&one.op()) + size_of(&other.op())
            }
            GmsOp::Restart(node, messages) => u64::from(node.0) + u64::from(messages),
            GmsOp::TimeOut(messages) => u64::from(messages),
            GmsOp::Slow(link) => u64::from(link.is_some()),
            GmsOp::Busy(_, rounds) => u64::from(rounds),
            GmsOp::Sync | GmsOp::Audit => 0,
        }
    }

    /// What meets in busy times is well, for more seeds than those of the workloads.
    #[test]
    fn busy_times_are_well() {
        for seed in 4..20 {
            let setup = [GmsOp::Busy(seed, 40), GmsOp::Sync];
            let recorded = crashcheck::record_after(&Gms::default(), &setup, vec![GmsOp::Sync]);
            assert!(recorded.is_ok(), "{:?}", recorded.err());
        }
    }

    #[test]
    fn what_is_simpler_is_smaller_and_could_have_been_made() {
        let ops = (0..50).flat_map(generated).chain(all().into_iter().flat_map(|workload| workload.ops));
        for op in ops {
            for simpler in simpler(op) {
                assert!(size_of(&simpler) < size_of(&op), "{simpler:?} is no simpler than {op:?}");
                if let GmsOp::Read(node, uid) | GmsOp::Write(node, uid, _) = simpler {
                    assert!(uid.partition == Partition::Files || node == uid.home(), "{simpler:?}");
                }
            }
        }
    }
}
