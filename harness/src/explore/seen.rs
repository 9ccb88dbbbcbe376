//! What recovery of a system shows, and which of the model's states that is.

use crate::erased::View;
use crate::judge::Window;
use std::hash::{Hash, Hasher};

/// What recovery of a system shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    pub(super) view: SeenView,
    pub(super) remark: Option<String>,
    /// Of a cluster, by crash: so many operations of the life that it ended were acknowledged as durable, if need be by nodes
    /// that it spared.
    pub(super) acked: Vec<usize>,
}

impl Seen {
    /// What the crash that ended the n-th life, from 0, allows, with what was acknowledged after it.
    pub(super) fn allowed(&self, nth: usize, window: Window) -> Window {
        let acked = self.acked.get(nth).copied().unwrap_or(0);
        Window { durable: window.durable.max(acked), begun: window.begun.max(acked) }
    }
}

/// What a user sees. Most of it is known, so that it need not be kept, nor compared more than once.
#[derive(Clone, Debug)]
pub(super) enum SeenView {
    /// The model's state after so many operations, the first that is like this.
    Known(usize),
    /// None of the model's states.
    Other(View),
}

impl PartialEq for SeenView {
    fn eq(&self, other: &SeenView) -> bool {
        match (self, other) {
            (SeenView::Known(one), SeenView::Known(other)) => one == other,
            (SeenView::Other(one), SeenView::Other(other)) => one.equals(&**other),
            (SeenView::Known(_), SeenView::Other(_)) | (SeenView::Other(_), SeenView::Known(_)) => false,
        }
    }
}

impl Eq for SeenView {}

impl Hash for SeenView {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            SeenView::Known(nth) => nth.hash(state),
            SeenView::Other(view) => view.digest().hash(state),
        }
    }
}
