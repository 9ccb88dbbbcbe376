//! What the check of a cluster refuses, each by a hand that has broken one thing.

use super::*;
use crate::gms::format::{read_page, write_page};
use crate::gms::page::{Incarnation, PAGE, Version};

/// Three nodes: a page of node 0 is with node 1 alone, one of node 1 is with all, and all of it is on the disks.
fn used() -> Lab {
    let mut lab = Lab::new(Geometry { frames: 4, ..Geometry::default() });
    lab.write(1, file(0, 0), 1);
    (0..3).for_each(|node| drop(lab.read(node, file(1, 1))));
    lab.sync();
    lab
}

fn device(lab: &Lab, node: u16) -> (Disk, Superblock) {
    let disk = lab.disk.device(DeviceId(node));
    let superblock = Superblock::read(&disk, NodeId(node)).expect("a superblock");
    (disk, superblock)
}

/// Puts something else into the slot of a page, so many versions later.
fn put(lab: &Lab, uid: Uid, later: u64) {
    let (disk, superblock) = device(lab, uid.home().0);
    let (version, _) = read_page(&disk, &superblock, uid).expect("a page");
    let version = Version(version.0 + later);
    write_page(&disk, &superblock, uid, version, &[5; PAGE]).expect("a page of this disk");
}

type Break = fn(&mut Lab);

const BROKEN: [(&str, Break); 10] = [
    ("GM-01: node 1 has a clean file 0.0 that differs from the disk", |lab| put(lab, file(0, 0), 0)),
    ("GM-23: node 1 has version 1 of file 0.0, of which version 2 is on the disk", |lab| {
        put(lab, file(0, 0), 1);
    }),
    ("GM-23: node 0 has version 0 of file 1.1, of which version 1 is on the disk", |lab| {
        put(lab, file(1, 1), 1);
    }),
    ("GM-23: node 1 has version 1 of file 0.0, of which version 3 is on the disk", |lab| {
        lab.write(1, file(0, 0), 7);
        put(lab, file(0, 0), 2);
    }),
    ("the slot of file 0.0 is damaged", |lab| {
        let (disk, superblock) = device(lab, 0);
        let at = superblock.slot(file(0, 0)).expect("a slot") + Bytes(70);
        disk.write(at, &[1]).expect("in range");
    }),
    ("GM-21: node 2 is in life 1, which its superblock does not say", |lab| {
        let (disk, superblock) = device(lab, 2);
        Superblock { incarnation: Incarnation(0), ..superblock }.write(&disk).expect("room");
    }),
    ("GM-21: node 2 has booted into life 1 again", |lab| {
        lab.cluster.lives.insert(NodeId(2), (Incarnation(1), true));
    }),
    ("the slot of file 0.0 is damaged", |lab| {
        let (disk, superblock) = device(lab, 0);
        write_page(&disk, &superblock, file(0, 0), Version(0), &[1; PAGE]).expect("a page of this disk");
    }),
    ("GM-19: node 1 has file 1.1 by the right by which file 0.0 is held", |lab| {
        let node = lab.cluster.nodes[1].as_mut().expect("it is up");
        let tenure = node.frames.iter().next().expect("a page").tenure;
        node.frames.iter_mut().for_each(|frame| frame.tenure = tenure);
    }),
    ("GM-10: node 0 goes by a plan of others than the members", |lab| {
        for node in lab.cluster.nodes.iter_mut().flatten() {
            node.epoch.plan.oldest.pop();
        }
    }),
];

#[test]
fn whatever_is_broken_is_told() {
    for (words, broken) in BROKEN {
        let mut lab = used();
        lab.cluster.check().expect(words);
        broken(&mut lab);
        let told = lab.cluster.check().expect_err(words).to_string();
        assert!(told.contains(words), "{told}, not {words}");
    }
}
