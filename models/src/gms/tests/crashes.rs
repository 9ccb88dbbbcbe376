//! Nodes that stop and come back, at quiet moments; crashes at any moment are explored in `models/tests/explored`.

use super::*;

/// Two pages of every node are written by its neighbour, written back, and then used by all.
fn used() -> (Lab, Vec<Uid>) {
    let geometry = Geometry::default();
    let mut lab = Lab::new(geometry);
    let pages: Vec<Uid> = geometry.pages();
    for (uid, fill) in pages.iter().zip(1..) {
        lab.write(uid.home().0, *uid, fill);
    }
    lab.sync();
    for uid in pages.iter().filter(|uid| uid.partition == page::Partition::Files) {
        lab.read((uid.home().0 + 1) % geometry.nodes, *uid);
    }
    (lab, pages)
}

/// GM-01, GM-16, GM-17, GM-20, GM-21: whatever nodes stop, what was written back is there, and the directory is that
/// of those who live.
#[test]
fn gm_01_no_set_of_nodes_takes_data_with_it() {
    for set in 1_u16..8 {
        let (mut lab, pages) = used();
        let down = || (0..3).filter(move |node| set >> node & 1 == 1);
        down().for_each(|node| lab.stop(node));
        if set < 7 {
            lab.cluster.check().unwrap_or_else(|error| panic!("{set:03b}: {error}"));
        }
        down().for_each(|node| lab.start(node));
        lab.cluster.check().unwrap_or_else(|error| panic!("{set:03b}: {error}"));
        for (uid, fill) in pages.iter().zip(1..) {
            assert_eq!(lab.shown(*uid), Shown::Filled(Fill(fill)), "{set:03b}: {uid}");
        }
    }
}

/// GM-01: while its home is down, a page is read from any memory that has it.
#[test]
fn gm_01_a_page_in_memory_outlives_its_home() {
    let mut lab = Lab::new(Geometry::default());
    lab.write(1, file(0, 0), 4);
    lab.sync();
    lab.stop(0);
    let seen = lab.cluster.run(NodeId(2), Task::Read(file(0, 0)));
    assert!(seen.is_ok(), "{seen:?}");
    let lost = lab.cluster.run(NodeId(2), Task::Read(file(0, 1))).expect_err("it is in no memory");
    assert_eq!(lost.to_string(), "file 0.1 is in no memory, and its home, node 0, is down");
    lab.cluster.check().expect("well-formed");
}

/// GM-20: a request to a node that has stopped ends in the next configuration, whose directory knows where the page is.
#[test]
fn gm_20_a_request_to_a_dead_keeper_ends_with_the_right_page() {
    let mut lab = Lab::new(Geometry::default());
    let keeper = |lab: &Lab, uid| {
        lab.cluster.live().next().and_then(|node| node.config()).map(|config| config.pod.keeper(uid))
    };
    assert_eq!(keeper(&lab, file(0, 1)), Some(NodeId(1)));
    lab.write(0, file(0, 1), 6);
    lab.disk.network().stop(NodeId(1)).expect("a node");
    lab.read(2, file(0, 1));
    assert_ne!(keeper(&lab, file(0, 1)), Some(NodeId(1)));
    assert_eq!(
        (lab.state(0, file(0, 1)), lab.state(2, file(0, 1))),
        (Some(State::Shared), Some(State::Shared))
    );
    assert_eq!(lab.shown(file(0, 1)), Shown::Filled(Fill(6)));
}

/// GM-21: what only a dead node knew of is lost, and it was clean.
#[test]
fn gm_21_a_new_configuration_has_the_directory_of_those_who_live() {
    let (mut lab, _) = used();
    lab.stop(2);
    for node in lab.cluster.live() {
        let config = node.config().expect("takes part");
        let members: Vec<u16> = config.members.iter().map(|member| member.node.0).collect();
        assert_eq!(members, [0, 1]);
    }
    lab.cluster.check().expect("well-formed");
    lab.start(2);
    lab.cluster.check().expect("well-formed");
    assert!(lab.cluster.live().all(|node| node.config().is_some_and(|config| config.members.len() == 3)));
}

/// Has all pages that leave the memory of another node be put to node 2; what leaves that of node 2 is dropped.
fn only_node_2_takes_pages(lab: &mut Lab) {
    for node in lab.cluster.nodes.iter_mut().flatten() {
        node.epoch.plan.oldest = [(0, 0), (1, 0), (2, 6)].map(|(node, pages)| (NodeId(node), pages)).into();
    }
}

/// GM-16, GM-19: node 2 is asked for a page by the right by which node 1 had put it there in an earlier life, and
/// does not have it any more. Nothing that node 1 puts there later may be taken for that.
#[test]
fn gm_19_a_right_of_an_earlier_life_is_never_given_again() {
    let (page, swap) = (file(0, 0), |node| Uid::swap(NodeId(node), 0));
    let mut lab = Lab::new(Geometry { frames: 1, ..Geometry::default() });
    only_node_2_takes_pages(&mut lab);
    lab.read(1, page);
    lab.read(1, file(0, 1));
    assert_eq!(lab.state(2, page), Some(State::Global));
    lab.stop(1);
    lab.start(1);
    only_node_2_takes_pages(&mut lab);
    lab.read(2, swap(2));
    assert_eq!(lab.state(2, page), None, "it was dropped");
    let asked = lab.read(1, page);
    assert!(asked.contains(&"2>1 missing file 0.0".to_owned()), "{asked:?}");
    lab.read(1, swap(1));
    assert_eq!(lab.state(2, page), Some(State::Global), "it is put there once more");
    lab.cluster.check().expect("well-formed");
}

#[test]
fn a_write_whose_home_is_down_stays_in_memory_until_it_is_back() {
    let mut lab = Lab::new(Geometry::default());
    lab.write(0, file(1, 0), 3);
    lab.stop(1);
    let refused = lab.cluster.run(NodeId(0), Task::WriteBack).expect_err("there is no disk for it");
    assert!(matches!(refused, GmsError::Unavailable { home: NodeId(1), .. }), "{refused}");
    (0..2).for_each(|offset| drop(lab.read(0, file(0, offset))));
    assert_eq!(lab.state(0, file(1, 0)), Some(State::Private), "it cannot leave memory");
    lab.start(1);
    lab.sync();
    (0..3).for_each(|node| lab.stop(node));
    (0..3).for_each(|node| lab.start(node));
    assert_eq!(lab.shown(file(1, 0)), Shown::Filled(Fill(3)));
}

#[test]
fn a_disk_that_is_not_formatted_is_refused_in_words() {
    let geometry = Geometry::default();
    let disk = Disk::plain(&geometry.devices());
    let network = disk.network();
    let error = Cluster::open(geometry, Bugs::NONE, disk, Box::new(network)).err().expect("must be refused");
    assert_eq!(error.to_string(), "the disk of node 0 holds no superblock of version 1; was it formatted?");
}
