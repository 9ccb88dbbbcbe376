//! The four cases of a page fault, the way through the directories, and epochs.

use super::*;
use crate::gms::epoch::Random;
use crate::gms::message::{Member, Message, Plan};
use crate::gms::page::{PAGE, Tenure, Version};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Node 0 has used the pages 0 to 3 of its file, in two frames: 0 and 1 are in the global part of node 1, which has
/// two as well.
fn full() -> Lab {
    let mut lab = Lab::new(pair(2));
    (0..4).for_each(|offset| drop(lab.read(0, file(0, offset))));
    assert_eq!((lab.sizes(0), lab.sizes(1)), ((2, 0), (0, 2)));
    lab
}

/// GM-04: X and Y change places; the local part grows in the one, and nothing else changes.
#[test]
fn gm_04_case_1_exchanges_a_global_page_for_the_one_that_is_needed() {
    let mut lab = Lab::new(Geometry { frames: 3, ..pair(3) });
    (0..3).for_each(|offset| drop(lab.read(0, file(0, offset))));
    (0..4).for_each(|offset| drop(lab.read(1, file(1, offset))));
    lab.cluster.check().expect("well-formed");
    // Node 1 had no frame free for its fourth page, so that its first one is at node 0, and a page of node 0 is
    // nowhere.
    assert_eq!((lab.sizes(0), lab.state(0, file(1, 0))), ((2, 1), Some(State::Global)));
    // Node 0 gets a page that node 1 holds for it.
    (3..5).for_each(|offset| drop(lab.read(0, file(0, offset))));
    let in_global_of_1: Vec<u32> =
        (0..5).filter(|offset| lab.state(1, file(0, *offset)) == Some(State::Global)).collect();
    let wanted = file(0, *in_global_of_1.first().expect("something of node 0 is at node 1"));
    let before = (lab.sizes(0), lab.sizes(1));
    lab.read(0, wanted);
    let ((local, global), at_1) = before;
    let expected = if global > 0 { (local + 1, global - 1) } else { (local, global) };
    assert_eq!((lab.sizes(0), lab.sizes(1)), (expected, at_1));
    assert_eq!(lab.state(0, wanted), Some(State::Private));
    lab.cluster.check().expect("well-formed");
}

/// GM-05: without a global page at the node that faults, its least recently used local page goes to the other. No
/// size changes.
#[test]
fn gm_05_case_2_exchanges_the_least_recently_used_local_page() {
    let mut lab = full();
    let sent = lab.read(0, file(0, 0));
    assert_eq!((lab.sizes(0), lab.sizes(1)), ((2, 0), (0, 2)));
    assert_eq!(lab.state(0, file(0, 0)), Some(State::Private));
    assert_eq!(lab.state(1, file(0, 2)), Some(State::Global), "it was used before page 3: {sent:?}");
    lab.cluster.check().expect("well-formed");
}

/// GM-05: what was changed is written back before it is sent.
#[test]
fn gm_05_a_changed_victim_is_durable_before_it_is_sent() {
    let mut lab = Lab::new(pair(2));
    lab.write(0, file(1, 9), 1);
    let sent = [lab.read(0, file(0, 8)), lab.read(0, file(0, 10))].concat();
    let at = |what: &str| {
        sent.iter().position(|label| label.ends_with(what)).unwrap_or_else(|| panic!("{what}: {sent:?}"))
    };
    assert!(at("1>0 stored file 1.9") < at("put file 1.9"), "{sent:?}");
    lab.cluster.check().expect("well-formed");
}

/// GM-06: a page from disk makes the node send one away; the receiver drops its oldest page, which is clean.
#[test]
fn gm_06_case_3_replaces_the_oldest_page_of_another_node() {
    let mut lab = full();
    lab.read(0, file(0, 4));
    assert_eq!((lab.sizes(0), lab.sizes(1)), ((2, 0), (0, 2)));
    assert_eq!(lab.state(1, file(0, 0)), None, "the oldest one is gone");
    assert_eq!(lab.state(1, file(0, 2)), Some(State::Global), "the next one has taken its place");
    lab.cluster.check().expect("well-formed");
}

/// GM-06: if the oldest page of the receiver is a changed one of its own, it is written back before its frame is used.
#[test]
fn gm_06_a_changed_page_makes_room_for_one_that_is_sent_only_when_it_is_durable() {
    let mut lab = Lab::new(pair(2));
    (0..2).for_each(|offset| drop(lab.write(1, file(0, 8 + offset), 1)));
    (0..2).for_each(|offset| drop(lab.read(0, file(0, offset))));
    lab.labels.lock().expect("one thread").clear();
    lab.cluster.run(NodeId(0), Task::Read(file(0, 2))).expect("can be done");
    lab.cluster.settle().expect("comes to rest");
    let sent = lab.labels.lock().expect("one thread").clone();
    assert!(sent.iter().any(|label| label == "0>1 stored file 0.8"), "{sent:?}");
    assert_eq!(lab.sizes(1), (1, 1), "its total stays the same");
    lab.cluster.check().expect("well-formed");
}

/// GM-07, GM-03: a page in use elsewhere is copied; both copies are shared; a changed one is written back before.
#[test]
fn gm_07_case_4_copies_a_page_and_marks_both_as_shared() {
    let mut lab = Lab::new(pair(4));
    lab.write(0, file(1, 0), 5);
    assert_eq!(lab.state(0, file(1, 0)), Some(State::Private));
    let sent = lab.read(1, file(1, 0));
    assert_eq!(
        (lab.state(0, file(1, 0)), lab.state(1, file(1, 0))),
        (Some(State::Shared), Some(State::Shared))
    );
    assert!(lab.cluster.is_clean(), "{sent:?}");
    lab.cluster.check().expect("well-formed");
}

/// GM-23: who writes has the others let go of their copies first, also of those in global memory.
#[test]
fn gm_23_no_copy_outlives_a_write_elsewhere() {
    let mut lab = full();
    assert_eq!(lab.state(1, file(0, 0)), Some(State::Global));
    lab.write(0, file(0, 0), 7);
    assert_eq!(lab.state(1, file(0, 0)), None);
    lab.read(1, file(0, 0));
    lab.write(1, file(0, 0), 8);
    assert_eq!(lab.state(0, file(0, 0)), None);
    assert_eq!(lab.shown(file(0, 0)), Shown::Filled(Fill(8)));
    lab.cluster.check().expect("well-formed");
}

/// GM-23: two nodes write to a page at once. Both ask for it before either has it, and the one that gets it first lets go
/// of it again.
#[test]
fn gm_23_two_nodes_write_to_a_page_at_once() {
    let mut lab = Lab::new(Geometry::default());
    let write = |node, fill| (NodeId(node), Task::Write(file(1, 0), Fill(fill)));
    lab.labels.lock().expect("one thread").clear();
    lab.cluster.run_both(0, [write(0, 6), write(2, 7)]).expect("can be done");
    let sent = lab.labels.lock().expect("one thread").clone();
    assert_eq!(sent[..2], ["0>1 get file 1.0", "2>1 get file 1.0"]);
    lab.cluster.settle().expect("comes to rest");
    lab.cluster.check().expect("well-formed");
    let shown = lab.shown(file(1, 0));
    assert!([6, 7].map(|fill| Shown::Filled(Fill(fill))).contains(&shown), "{shown}");
}

/// What two nodes write at once may be seen in either order, and what was there before may not.
#[test]
fn either_order_of_what_was_written_at_once_is_right() {
    let at = |node, fill| Use { node: NodeId(node), uid: file(1, 0), fill: Some(Fill(fill)) };
    let (ops, gms) = ([GmsOp::Both(0, [at(0, 6), at(2, 7)])], Gms::default());
    let shows = |fill| BTreeMap::from([(file(1, 0), Shown::Filled(Fill(fill)))]);
    let mut after = shows(5);
    gms.model(&mut after, &ops[0]);
    let states = [shows(5), after];
    let window = crashcheck::Window { durable: 1, begun: 1 };
    let judged = |fill| gms.judge(&shows(fill), &History::new(&ops, &states, window));
    assert_eq!((judged(6), judged(7)), (Ok(()), Ok(())));
    assert_eq!(judged(5).map_err(|why| why.promise), Err("no-resurrection".to_owned()));
}

/// GM-18: a page in another memory is three messages away; what is not shared needs no directory but the node's own.
#[test]
fn gm_18_a_fault_takes_three_hops_and_that_of_an_unshared_page_two() {
    let geometry = Geometry { nodes: 3, ..pair(2) };
    let mut lab = Lab::new(geometry);
    for offset in 0..16 {
        lab.read(0, file(0, offset));
    }
    let elsewhere = (0..16).map(|offset| file(0, offset)).find(|uid| {
        let keeper =
            lab.cluster.live().next().and_then(|node| node.config()).map(|config| config.pod.keeper(*uid));
        let at = |node: u16| lab.state(node, *uid) == Some(State::Global);
        keeper == Some(NodeId(1)) && at(2) || keeper == Some(NodeId(2)) && at(1)
    });
    let uid = elsewhere.expect("a page whose keeper and holder are two other nodes");
    let sent = lab.read(0, uid);
    let way: Vec<&str> = sent.iter().map(|label| label.split_once(' ').expect("has a name").1).collect();
    assert_eq!(way[..3], [format!("get {uid}"), format!("forward move {uid}"), format!("page {uid}")]);
    let swap = Uid::swap(NodeId(0), 0);
    let mut lab = Lab::new(pair(2));
    lab.read(0, swap);
    let mut offsets = 0..16;
    while lab.state(0, swap).is_some() {
        lab.read(0, file(0, offsets.next().expect("a page that takes its frame")));
    }
    assert_eq!(lab.state(1, swap), Some(State::Global));
    let sent = lab.read(0, swap);
    assert!(
        sent[0].ends_with(&format!("forward move {swap}")) && sent[1].ends_with(&format!("page {swap}")),
        "{sent:?}"
    );
}

/// GM-19: a holder that has dropped a page without having said so yet does not have it, and the disk does.
#[test]
fn gm_19_a_stale_directory_entry_leads_to_the_disk() {
    let mut lab = Lab::new(Geometry { unreported: 9, ..pair(2) });
    lab.write(0, file(0, 0), 3);
    lab.sync();
    // Shared pages are dropped and not sent on.
    lab.read(1, file(0, 0));
    (1..3).for_each(|offset| drop(lab.read(1, file(1, offset))));
    assert_eq!(lab.state(1, file(0, 0)), None);
    (1..3).for_each(|offset| drop(lab.read(0, file(0, offset))));
    let sent = lab.read(1, file(0, 0));
    assert!(sent.iter().any(|label| label.ends_with("missing file 0.0")), "{sent:?}");
    assert_eq!(lab.shown(file(0, 0)), Shown::Filled(Fill(3)));
    lab.cluster.check().expect("well-formed");
    let unreported = |lab: &Lab| lab.cluster.live().map(|node| node.unreported().len()).sum::<usize>();
    assert!(unreported(&lab) > 0, "they are reported together");
    (0..16).for_each(|_| lab.cluster.tick().expect("time passes"));
    lab.cluster.check().expect("well-formed");
    assert_eq!(unreported(&lab), 0, "in the end every drop is reported");
}

/// GM-22: the age of a page grows until it is touched; of anonymous memory the daemon tells.
#[test]
fn gm_22_ages_grow_until_a_page_is_touched() {
    let mut lab = Lab::new(Geometry { daemon_period: 4, ..pair(2) });
    let (page, swap) = (file(0, 0), Uid::swap(NodeId(0), 0));
    lab.read(0, page);
    lab.read(0, swap);
    let used = |lab: &Lab, uid: Uid| {
        lab.cluster.live().next().and_then(|node| node.frames().find(uid)).map(|frame| frame.used.0)
    };
    assert_eq!((used(&lab, page), used(&lab, swap)), (Some(1), Some(2)));
    lab.read(0, page);
    lab.cluster.tick().expect("time passes");
    assert_eq!((used(&lab, page), used(&lab, swap)), (Some(3), Some(4)), "the daemon has looked at 4");
    (0..4).for_each(|_| lab.cluster.tick().expect("time passes"));
    assert_eq!((used(&lab, page), used(&lab, swap)), (Some(3), Some(4)), "nobody has touched them since");
    lab.read(0, swap);
    assert_eq!(used(&lab, swap), Some(4), "the daemon has not looked yet");
}

/// GM-09: an epoch ends after its time even if nothing is replaced.
#[test]
fn gm_09_an_epoch_ends_after_its_time() {
    let bounds = Bounds { replacements: 4, duration: Age(10) };
    let mut lab = Lab::new(Geometry { bounds, ..pair(2) });
    for _ in 0..25 {
        lab.cluster.tick().expect("time passes");
        lab.cluster.settle().expect("comes to rest");
    }
    let numbers: Vec<u64> = lab.cluster.live().map(|node| node.epoch().number).collect();
    assert_eq!(numbers, [2, 2]);
}

proptest! {
    /// GM-10, GM-11, Q-16: exactly M pages are at least as old as MinAge, but for ties; the weights count them; the
    /// initiator has most.
    #[test]
    fn gm_10_the_weights_count_the_m_oldest_pages(
        ages in proptest::collection::btree_map(0_u16..5, proptest::collection::vec(0_u64..20, 0..8), 1..5),
        replacements in 1_usize..20,
    ) {
        let ages: BTreeMap<NodeId, Vec<Age>> =
            ages.into_iter().map(|(node, ages)| (NodeId(node), ages.into_iter().map(Age).collect())).collect();
        let plan = Plan::of(&ages, replacements);
        let all: Vec<Age> = ages.values().flatten().copied().collect();
        let expected = replacements.min(all.len());
        let total: usize = plan.oldest.iter().map(|(_, pages)| *pages as usize).sum();
        prop_assert_eq!(total, expected);
        let older = all.iter().filter(|age| **age > plan.min_age).count();
        let as_old = all.iter().filter(|age| **age >= plan.min_age).count();
        prop_assert!(expected == 0 || older < expected && expected <= as_old);
        for (node, pages) in &plan.oldest {
            let at_least = ages[node].iter().filter(|age| **age > plan.min_age).count();
            let at_most = ages[node].iter().filter(|age| **age >= plan.min_age).count();
            prop_assert!(expected == 0 || (at_least..=at_most).contains(&(*pages as usize)));
        }
        let initiator = plan.initiator().expect("there is a node");
        let weight = |node: NodeId| (plan.share(node), std::cmp::Reverse(node));
        let greatest = plan.oldest.iter().map(|(node, _)| weight(*node)).max();
        prop_assert_eq!(greatest, Some(weight(initiator)));
    }

    /// Whatever comes in as a message, it is decoded or not listened to.
    #[test]
    fn no_bytes_make_a_message_panic(kind in 0_u16..40, body in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Some(message) = Message::decode(kind, &body) {
            prop_assert_eq!(message.encode(), (kind, body));
        }
    }
}

/// GM-12: nodes are drawn as often as they have old pages, and a node never draws itself.
#[test]
fn gm_12_pages_go_to_nodes_by_their_weights() {
    let plan = Plan {
        min_age: Age(3),
        oldest: vec![(NodeId(0), 5), (NodeId(1), 1), (NodeId(2), 3), (NodeId(3), 0)],
    };
    let mut random = Random::new(1);
    let mut drawn = BTreeMap::<NodeId, u32>::new();
    for _ in 0..4000 {
        *drawn.entry(plan.draw(NodeId(0), random.number()).expect("others have old pages")).or_default() += 1;
    }
    assert_eq!(drawn.keys().copied().collect::<Vec<_>>(), [NodeId(1), NodeId(2)]);
    assert!((900..1100).contains(&drawn[&NodeId(1)]), "{drawn:?}");
    let alone = Plan { min_age: Age(3), oldest: vec![(NodeId(0), 5)] };
    assert_eq!(alone.draw(NodeId(0), 7), None);
}

/// One message of every kind.
fn every_message() -> Vec<Message> {
    let (uid, number, version, page) = (file(1, 2), 7, Version(3), [9; PAGE]);
    let (node, tenure) = (NodeId(2), Tenure { origin: NodeId(2), number: 4 });
    let member = Member { node, life: Incarnation(3), fresh: true };
    let plan = Plan { min_age: Age(4), oldest: vec![(node, 5)] };
    let copy = super::super::message::Copy { uid, tenure, global: true };
    vec![
        Message::Invite,
        Message::Accept { fresh: true },
        Message::Reject,
        Message::Commit { members: vec![member], pod: vec![node; 12] },
        Message::Ping,
        Message::Ack,
        Message::Register { copies: vec![copy] },
        Message::Get { uid, number, peek: true },
        Message::Forward { uid, tenure, to: node, number, how: super::super::message::How::Copy },
        Message::Page { uid, number, version, shared: true, page },
        Message::Absent { uid, number, coming: Some(tenure) },
        Message::Missing { uid, number, shared: false },
        Message::Own { uid, tenure },
        Message::Granted { uid, tenure },
        Message::Denied { uid, tenure },
        Message::Discard { uid, tenure },
        Message::Discarded { uid, tenure },
        Message::Put { uid, tenure, age: Age(6), version, page },
        Message::Moved { uid, from: tenure, to: node, tenure },
        Message::Dropped { pages: vec![(uid, tenure)] },
        Message::Load { uid, number },
        Message::Loaded { uid, number, version, page },
        Message::Unreadable { uid, number },
        Message::Store { uid, version, page },
        Message::Stored { uid, version },
        Message::Outdated { uid, version },
        Message::Census { epoch: 8 },
        Message::Ages { epoch: 8, ages: vec![Age(1), Age::FREE] },
        Message::Weights { epoch: 9, plan },
        Message::Spent { epoch: 9 },
    ]
}

#[test]
fn every_message_comes_back_as_it_was_and_none_that_was_cut() {
    for (message, expected) in every_message().into_iter().zip(1..) {
        let (kind, body) = message.encode();
        assert_eq!(kind, expected, "{message:?}");
        assert_eq!(Message::decode(kind, &body), Some(message.clone()));
        assert!((0..body.len()).all(|len| Message::decode(kind, &body[..len]).is_none()), "{message:?}");
    }
}

#[test]
fn anonymous_memory_of_another_node_is_refused() {
    let (own, other) = (NodeId(0), NodeId(1));
    let uid = Uid::swap(own, 0);
    let ops = vec![
        GmsOp::Write(own, uid, Fill(3)),
        GmsOp::Write(other, uid, Fill(4)),
        GmsOp::Read(other, uid),
        GmsOp::Sync,
    ];
    let recording = crashcheck::record(&Gms::default(), ops).expect("nothing fails");
    assert_eq!(recording.states[1], recording.states[3], "what is refused changes nothing");
    assert_ne!(recording.states[0], recording.states[1]);
}
