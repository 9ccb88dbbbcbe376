//! A cluster: nodes that go down one by one, and messages on their way.
//!
//! What a crash leaves open beside the disks is who went down and what became of the messages: a [flag](super::flag)
//! each. The nodes are one group, of which at most so many go down as the profile says; every message is a group of its
//! own. What a node has in memory is not laid out here: the workload is run again up to the crash, and goes on from
//! there as the answers say.
//!
//! A crash comes at the end of an epoch, and every event that another node can notice ends one. No two epochs have a
//! state in common, because what the nodes have in memory differs.

use super::cell::CellId;
use super::contents::ContentId;
use super::date::Span;
use super::flag::Flags;
use super::group::Group;
use super::layout::Layout;
use crate::choice::Question;
use crate::profile::Cluster;
use crashcheck_trace::{DeviceId, Event, EventId, MessageId, NodeId, Trace};
use std::sync::Arc;

/// The run of the workload that crash states are made from.
pub(crate) struct Script {
    pub(crate) trace: Arc<Trace>,
    pub(crate) cluster: Cluster,
    /// The cell that holds where the crash comes, and what it holds by epoch. A run looks at it first, so that runs of
    /// different epochs have nothing in common.
    crash: CellId,
    crashes: Vec<ContentId>,
}

/// The crash of a cluster before a life, as far as nodes have outlived it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outlived {
    /// The nodes that are down when the life begins.
    pub(crate) down: Vec<NodeId>,
    /// The devices of the nodes that did not go down: what was in flight to them still is.
    pub(crate) devices: Vec<DeviceId>,
    /// So many events, with which the trace of the life begins, are those writes.
    pub(crate) writes: usize,
}

impl Script {
    /// What a cell holds that says where the crash comes; `None` if it says something else.
    pub(super) fn crash_in(&self, cell: CellId, epoch: u32) -> Option<ContentId> {
        (self.crash == cell).then(|| self.crashes[epoch as usize])
    }

    /// The cell to look at before anything else.
    pub(super) fn first_look(&self) -> CellId {
        self.crash
    }
}

/// What is open when the crash comes.
struct Moment {
    /// The nodes that are up.
    up: Vec<NodeId>,
    /// The messages on their way, by the event that sent them.
    messages: Vec<EventId>,
}

/// What is open at the end of every epoch of a life that begins while these nodes are down.
fn moments(trace: &Trace, spans: &[Span], down: &[NodeId]) -> Vec<Moment> {
    let mut up: Vec<bool> = (0..trace.nodes()).map(|node| !down.contains(&NodeId(node))).collect();
    let mut in_flight: Vec<(MessageId, EventId, NodeId)> = Vec::new();
    let (mut moments, mut spans) = (Vec::new(), spans.iter().peekable());
    for index in 0..=trace.events.len() {
        while spans.next_if(|span| span.upto == index).is_some() {
            let nodes = (0..trace.nodes()).map(NodeId).filter(|node| up[node.index()]);
            let messages = in_flight.iter().map(|(_, event, _)| *event).collect();
            moments.push(Moment { up: nodes.collect(), messages });
        }
        match trace.events.get(index) {
            Some(Event::Send { message, to, .. }) if up[to.index()] => {
                in_flight.push((*message, EventId(index as u32), *to));
            }
            Some(Event::Deliver { message }) => in_flight.retain(|(flying, ..)| flying != message),
            Some(Event::Down { node }) => {
                up[node.index()] = false;
                in_flight.retain(|(.., to)| to != node);
            }
            Some(Event::Up { node }) => up[node.index()] = true,
            _ => {}
        }
    }
    moments
}

/// If this is a cluster whose nodes crash one by one: the flags of each epoch, in groups.
pub(super) fn raise_cluster(
    layout: &mut Layout,
    trace: &Trace,
    spans: &[Span],
    down: &[NodeId],
) -> (Vec<Vec<Group>>, Option<Script>) {
    let Some(cluster) = layout.profile.cluster.clone().filter(|_| trace.nodes() > 0) else {
        return (spans.iter().map(|_| Vec::new()).collect(), None);
    };
    let crash = layout.add_cell();
    let crashes = (1..=spans.len() as u32).map(|epoch| layout.contents.intern(&epoch.to_le_bytes()));
    let script = Script { trace: Arc::new(trace.clone()), cluster, crash, crashes: crashes.collect() };
    let most = script.cluster.nodes.map_or(usize::MAX, usize::from);
    let fates = script.cluster.fates();
    let mut epochs = Vec::new();
    let life = layout.life;
    // In the order of their numbers, whoever is up first: a group has its cells in order.
    for node in (0..trace.nodes()).map(NodeId) {
        layout.flag_of(Question::NodeDown { life, node });
    }
    for Moment { up, messages } in moments(trace, spans, down) {
        let nodes: Vec<Question> = up.into_iter().map(|node| Question::NodeDown { life, node }).collect();
        let messages = messages.into_iter().map(|event| vec![Question::Arrived { life, event, fates }]);
        let mut groups = vec![(nodes, most)];
        groups.extend(messages.filter(|_| fates.outcomes() > 1).map(|message| (message, 1)));
        groups.retain(|(questions, most)| !questions.is_empty() && *most > 0);
        epochs.push(groups.into_iter().map(|(questions, most)| group_of(layout, questions, most)).collect());
    }
    (epochs, Some(script))
}

fn group_of(layout: &mut Layout, questions: Vec<Question>, most: usize) -> Group {
    let most = most.min(questions.len());
    let cells = questions.iter().map(|question| layout.flag_of(*question)).collect();
    Group::flags(cells, Flags::new(&mut layout.contents, questions, most))
}
