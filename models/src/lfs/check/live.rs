//! What the inode map reaches: inodes, their blocks, and their names.

use super::tables::{Entry, Tables};
use super::{Blocks, Wrong};
use crate::lfs::format::{PIECE_INODES, PIECE_SIZE};
use crate::vsfs;
use crate::vsfs::check::node::{Kind, Node, Reached};
use crate::vsfs::check::tree::Tree;
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, INODE_SIZE, INODES_PER_BLOCK, InodeNo, get_u32};
use crashcheck::Lent;
use std::fmt;

/// Where the number of an inode stands in its slot.
const NUMBER_AT: usize = 56;
/// Bytes of the inode map for one inode.
const ENTRY: usize = PIECE_SIZE / PIECE_INODES as usize;

/// What a live block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// Content of an inode, or pointers to it, by the number of the position.
    Content { inode: u32, version: u32, position: u32 },
    /// Inodes.
    Inodes,
    /// Pieces of the inode map.
    Map,
    /// Directory operations, which are never live.
    Names,
}

impl fmt::Display for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holds::Content { inode, version, position } => {
                let (height, first) = (position >> 30, position & ((1 << 30) - 1));
                match height {
                    0 => write!(f, "block {first} of inode {inode} in version {version}"),
                    _ => write!(f, "pointers to block {first} of inode {inode} in version {version}"),
                }
            }
            Holds::Inodes => f.write_str("inodes"),
            Holds::Map => f.write_str("pieces of the inode map"),
            Holds::Names => f.write_str("directory operations"),
        }
    }
}

/// Everything that lives.
pub(super) struct Live {
    /// What each block holds; nothing if nothing in it lives.
    pub(super) holds: Vec<Option<Holds>>,
    /// Live bytes of each segment.
    pub(super) usage: Vec<u32>,
    /// What the inode map says of each number.
    pub(super) map: Vec<Entry>,
}

impl Live {
    /// Goes from the tables to everything that they lead to.
    pub(super) fn reached(blocks: &mut Blocks<'_>, tables: &Tables) -> Result<Live, Wrong> {
        let mut live = Live {
            holds: vec![None; tables.end().index()],
            usage: vec![0; tables.segments as usize],
            map: Vec::with_capacity(tables.inodes as usize),
        };
        for (piece, at) in (0..).zip(&tables.pieces) {
            live.piece(blocks, tables, piece, *at)?;
        }
        let mut tree = Tree::new(tables.inodes);
        let mut directories = Vec::new();
        for number in (0..tables.inodes).map(InodeNo) {
            let at = live.map[number.index()];
            if at.block == BlockNo::NONE {
                continue;
            }
            if number < InodeNo::FIRST {
                return Err(Wrong::Reserved(number));
            }
            live.take(tables, at.block, Holds::Inodes, INODE_SIZE)?;
            let block = blocks.get(at.block)?;
            let node = inode(&block, number, at)?;
            let content = live.content(blocks, tables, &node)?;
            tree.add(&node);
            if node.kind == Kind::Directory {
                directories.push((number, content));
            }
        }
        for (number, content) in directories {
            tree.read(number, &content)?;
        }
        tree.finish()?;
        Ok(live)
    }

    /// Something of a block lives.
    fn take(&mut self, tables: &Tables, block: BlockNo, holds: Holds, bytes: usize) -> Result<(), Wrong> {
        self.usage[tables.segment(block) as usize] += bytes as u32;
        match self.holds[block.index()].replace(holds) {
            Some(before) if before != holds || bytes == BLOCK_SIZE => {
                let (holds, also) = (before.to_string(), holds.to_string());
                Err(Wrong::TwoUses { block, holds, also })
            }
            _ => Ok(()),
        }
    }

    /// A piece of the inode map.
    fn piece(
        &mut self,
        blocks: &mut Blocks<'_>,
        tables: &Tables,
        piece: u32,
        at: Entry,
    ) -> Result<(), Wrong> {
        if at.block == BlockNo::NONE {
            let none = Entry { block: BlockNo::NONE, slot: 0, version: 0 };
            self.map.resize(self.map.len() + PIECE_INODES as usize, none);
            return Ok(());
        }
        if let Some(other) = tables.pieces[..piece as usize].iter().position(|other| *other == at) {
            let (holds, also) = (format!("piece {other}"), format!("piece {piece}"));
            return Err(Wrong::TwoUses { block: at.block, holds, also });
        }
        self.take(tables, at.block, Holds::Map, PIECE_SIZE)?;
        let block = blocks.get(at.block)?;
        let slot = &block[at.slot as usize * PIECE_SIZE..][..PIECE_SIZE];
        for (number, bytes) in (piece * PIECE_INODES..).zip(slot.chunks_exact(ENTRY)) {
            let (block, slot) = (BlockNo(get_u32(bytes, 0)), get_u32(bytes, 4));
            let exists = tables.is_log(block) && slot < INODES_PER_BLOCK as u32;
            if !exists && (block.0, slot) != (0, 0) {
                return Err(Wrong::Place { what: "inode", number, block, slot });
            }
            self.map.push(Entry { block, slot, version: get_u32(bytes, 8) });
        }
        Ok(())
    }

    /// The blocks of an inode; the content of a directory comes back.
    fn content(
        &mut self,
        blocks: &mut Blocks<'_>,
        tables: &Tables,
        node: &Node<'_>,
    ) -> Result<Vec<(u64, Lent)>, Wrong> {
        let (inode, limit) = (node.number, node.content_blocks());
        let (mut owned, mut content) = (0, Vec::new());
        node.walk(|at| {
            let Reached { block, height, first } = at;
            if !tables.is_log(block) {
                return Err(vsfs::check::Wrong::Pointer { inode, block }.into());
            }
            let position = height << 30 | first as u32;
            let holds = Holds::Content { inode: inode.0, version: node.generation(), position };
            self.take(tables, block, holds, BLOCK_SIZE)?;
            if first >= limit {
                return Err(vsfs::check::Wrong::BeyondEnd { inode, block }.into());
            }
            owned += 1;
            if height > 0 {
                return Ok(Some(blocks.get(block)?));
            }
            if node.kind != Kind::File {
                content.push((first, blocks.get(block)?));
            }
            Ok::<_, Wrong>(None)
        })?;
        if owned != node.block_count() {
            let (found, expected) = (node.block_count(), owned);
            return Err(vsfs::check::Wrong::BlockCount { inode, found, expected }.into());
        }
        if node.kind == Kind::Link {
            node.holds_a_path(content.first().map(|(_, block)| block))?;
        }
        Ok(content)
    }
}

/// The inode that lies where the map says.
fn inode(block: &Lent, number: InodeNo, at: Entry) -> Result<Node<'_>, Wrong> {
    let bytes = &block[at.slot as usize * INODE_SIZE..][..INODE_SIZE];
    let found = get_u32(bytes, NUMBER_AT);
    let node = Node::parse(number, bytes)?.filter(|_| found == number.0);
    let Some(node) = node else {
        return Err(Wrong::Elsewhere { inode: number, block: at.block, slot: at.slot, found });
    };
    if node.generation() != at.version {
        let (found, expected) = (node.generation(), at.version);
        return Err(Wrong::Version { inode: number, found, expected });
    }
    Ok(node)
}
