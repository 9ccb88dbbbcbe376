//! Workloads for three nodes with two frames each.

use super::epoch::Random;
use super::page::{Partition, Uid};
use super::{Geometry, GmsOp, Use};
use crate::fs::Fill;
use crashcheck::{NodeId, Workload};

/// How many operations [`generated`] makes, the last of which makes all durable.
const GENERATED_OPS: usize = 10;

/// Every workload.
pub(super) fn all() -> Vec<Workload<GmsOp>> {
    [of_faults(), of_directories(), of_ages(), of_many(), of_three()].concat()
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
    let at =
        |(node, uid, fill): (u16, Uid, Option<u8>)| Use { node: NodeId(node), uid, fill: fill.map(Fill) };
    GmsOp::Both([at(one), at(other)])
}

fn back(node: u16) -> GmsOp {
    GmsOp::WriteBack(NodeId(node))
}

/// Operations made from a seed; the same on every machine.
pub(super) fn generated(seed: u64) -> Vec<GmsOp> {
    let geometry = Geometry::default();
    let pages = geometry.pages();
    let mut random = Random::new(seed.wrapping_add(1));
    let mut below = |bound: usize| (random.number() % bound as u64) as usize;
    let mut ops: Vec<GmsOp> = (1..GENERATED_OPS)
        .map(|_| {
            let node = NodeId(below(usize::from(geometry.nodes)) as u16);
            let uid = pages[below(pages.len())];
            let user = if uid.partition == Partition::Swap { uid.home() } else { node };
            match below(10) {
                0..5 => GmsOp::Read(user, uid),
                5..8 => GmsOp::Write(user, uid, Fill(below(256) as u8)),
                8 => GmsOp::WriteBack(node),
                _ => GmsOp::EndEpoch(node),
            }
        })
        .collect();
    ops.push(GmsOp::Sync);
    ops
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
        GmsOp::Both(both) => both.map(Use::op).to_vec(),
        GmsOp::Sync => Vec::new(),
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
    use super::*;

    /// How large an operation is, in whatever it names.
    fn size_of(op: &GmsOp) -> u64 {
        match *op {
            GmsOp::Read(node, uid) => u64::from(node.0) + u64::from(uid.offset),
            GmsOp::Write(node, uid, fill) => u64::from(node.0) + u64::from(uid.offset) + u64::from(fill.0),
            GmsOp::WriteBack(node) | GmsOp::EndEpoch(node) => u64::from(node.0),
            GmsOp::Idle(time) => u64::from(time),
            GmsOp::Both([one, other]) => 1 + size_of(&one.op()) + size_of(&other.op()),
            GmsOp::Sync => 0,
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
