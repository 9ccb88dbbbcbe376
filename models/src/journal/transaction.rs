//! The running transaction: what operations have changed since the last commit.

use super::format::Descriptor;
use crate::vsfs::format::{BlockNo, InodeNo, Page};
use crate::vsfs::store::BlockKind;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A changed block that goes through the log.
#[derive(Clone)]
pub(super) struct Dirty {
    pub(super) page: Arc<Page>,
    pub(super) kind: BlockKind,
}

/// What will become durable together. A clone shares the blocks.
#[derive(Clone, Default)]
pub(super) struct Transaction {
    /// Goes through the log.
    pub(super) blocks: BTreeMap<BlockNo, Dirty>,
    /// Goes to its place directly.
    pub(super) data: BTreeMap<BlockNo, Arc<Page>>,
    /// Must not be replayed from earlier transactions.
    pub(super) revokes: BTreeSet<BlockNo>,
    /// Must not be given out before the commit is durable: a crash may still show them with their former owner.
    pub(super) freed_blocks: BTreeSet<BlockNo>,
    /// Likewise.
    pub(super) freed_inodes: BTreeSet<InodeNo>,
}

impl Transaction {
    /// Whether a log of so many blocks can hold it.
    pub(super) fn fits(&self, log_blocks: u32) -> bool {
        self.blocks.len() + 2 <= log_blocks as usize
            && Descriptor::fits(self.blocks.len(), self.revokes.len())
    }

    /// Whether it is large enough to be committed before another operation joins it.
    pub(super) fn is_large(&self, log_blocks: u32) -> bool {
        !Descriptor::fits(2 * self.blocks.len(), 2 * self.revokes.len())
            || (self.blocks.len() + 2) * 2 > log_blocks as usize
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.data.is_empty() && self.revokes.is_empty()
    }

    /// The current content of a block, if this transaction changed it.
    pub(super) fn page(&self, block: BlockNo) -> Option<&Arc<Page>> {
        self.blocks.get(&block).map(|dirty| &dirty.page).or_else(|| self.data.get(&block))
    }
}
