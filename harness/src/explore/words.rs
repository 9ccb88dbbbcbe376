//! What a crash did, in words: how far a state is from the usual, and what became of nodes and messages.

use crate::choice::{Path, Pole, Question};
use crate::profile::Fate;
use crashcheck_trace::{Label, NodeId, Payload};

/// Whether what was asked is about nodes and messages, so that a state is told by what happened to them.
pub(super) fn is_of_cluster(path: &Path) -> bool {
    path.questions
        .iter()
        .any(|question| matches!(question, Question::NodeDown { .. } | Question::Arrived { .. }))
}

/// The end of the tree that a path is nearer to; for a cluster the one at which nothing happened to it.
pub(super) fn nearest(path: &Path) -> Pole {
    if is_of_cluster(path) || path.deviations(Pole::Newest) <= path.deviations(Pole::Oldest) {
        Pole::Newest
    } else {
        Pole::Oldest
    }
}

/// A message, in words.
pub(super) fn message(from: NodeId, to: NodeId, data: &Payload, label: Option<&Label>) -> String {
    match label.map(Label::as_str).filter(|label| !label.is_empty()) {
        Some(label) => format!("message '{label}' from {from} to {to}"),
        None => format!("message of {} from {from} to {to}", data.len()),
    }
}

/// What became of a message, in a word.
pub(super) fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Arrived => "arrived",
        Fate::Late => "came late",
        Fate::Twice => "came twice",
        Fate::Lost => "lost",
    }
}

/// The nodes that went down, in words.
pub(super) fn nodes(path: &Path) -> Vec<String> {
    let answered = path.questions.iter().zip(&path.answers).filter(|(_, answer)| **answer > 0);
    let down = answered.filter_map(|(question, _)| match question {
        Question::NodeDown { node, .. } => Some(*node),
        _ => None,
    });
    let mut down: Vec<NodeId> = down.collect();
    down.sort_unstable();
    down.iter().map(|node| format!("{node} went down")).collect()
}
