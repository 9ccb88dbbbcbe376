//! Who owns which block, and whether the bitmaps say so.

use super::Wrong;
use super::layout::Layout;
use super::node::{Kind, Node};
use super::tree::Tree;
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, INODE_SIZE, InodeNo};
use crate::vsfs::store::{BlockKind, Store};
use crashcheck::Lent;

/// What the inodes claim.
pub(super) struct Claims {
    /// Whose each block is.
    owners: Vec<InodeNo>,
    tree: Tree,
    /// The blocks of each directory, with their positions in it.
    directories: Vec<(InodeNo, Vec<(u64, BlockNo)>)>,
}

/// Goes through the inode tables, and from each inode to its blocks.
pub(super) fn claims<S: Store>(store: &mut S, layout: &Layout) -> Result<Claims, Wrong> {
    let mut claims = Claims {
        owners: vec![InodeNo::NONE; layout.end() as usize],
        tree: Tree::new(layout.groups * layout.inodes),
        directories: Vec::new(),
    };
    let tables = (0..layout.groups).flat_map(|group| layout.table(group));
    for (table, first) in tables.zip((0..).step_by(BLOCK_SIZE / INODE_SIZE)) {
        let table = store.lend(table, BlockKind::InodeTable)?;
        for (number, bytes) in (first..).map(InodeNo).zip(table.chunks_exact(INODE_SIZE)) {
            let Some(node) = Node::parse(number, bytes)? else { continue };
            if number < InodeNo::FIRST {
                return Err(Wrong::Reserved(number));
            }
            claims.claim(store, layout, &node)?;
        }
    }
    Ok(claims)
}

impl Claims {
    fn claim<S: Store>(&mut self, store: &mut S, layout: &Layout, node: &Node<'_>) -> Result<(), Wrong> {
        let (inode, limit) = (node.number, node.content_blocks());
        let (mut owned, mut content, mut target) = (0, Vec::new(), None);
        node.walk(|at| {
            let block = at.block;
            if !layout.is_content(block) {
                return Err(Wrong::Pointer { inode, block });
            }
            let owner = std::mem::replace(&mut self.owners[block.index()], inode);
            if owner != InodeNo::NONE {
                return Err(Wrong::TwoOwners { block, owner, other: inode });
            }
            if at.first >= limit {
                return Err(Wrong::BeyondEnd { inode, block });
            }
            owned += 1;
            if at.height > 0 {
                return Ok(Some(store.lend(block, BlockKind::Indirect)?));
            }
            match node.kind {
                Kind::Directory => content.push((at.first, block)),
                Kind::Link => target = Some(store.lend(block, BlockKind::Symlink)?),
                Kind::File => {}
            }
            Ok(None)
        })?;
        if owned != node.block_count() {
            return Err(Wrong::BlockCount { inode, found: node.block_count(), expected: owned });
        }
        match node.kind {
            Kind::Directory => self.directories.push((inode, content)),
            Kind::Link => node.holds_a_path(target.as_ref())?,
            Kind::File => {}
        }
        self.tree.add(node);
        Ok(())
    }

    /// A bit is set if and only if the inodes say so.
    pub(super) fn bitmaps<S: Store>(&self, store: &mut S, layout: &Layout) -> Result<(), Wrong> {
        for group in 0..layout.groups {
            let start = layout.start(group);
            let first = group * layout.inodes;
            let bitmap = (BlockNo(start + 1), BlockKind::InodeBitmap, layout.inodes);
            let used = |bit: u32| first + bit < InodeNo::FIRST.0 || self.tree.has(InodeNo(first + bit));
            compare(store, bitmap, used, |bit, used| Wrong::InodeBit { inode: InodeNo(first + bit), used })?;
            let bitmap = (BlockNo(start + 2), BlockKind::DataBitmap, layout.blocks);
            let owned = |bit: u32| self.owners[(start + bit) as usize] != InodeNo::NONE;
            let used = |bit: u32| bit < layout.before_content() || owned(bit);
            compare(store, bitmap, used, |bit, used| Wrong::BlockBit { block: BlockNo(start + bit), used })?;
        }
        Ok(())
    }

    /// Reads the directories.
    pub(super) fn names<S: Store>(mut self, store: &mut S) -> Result<(), Wrong> {
        for (dir, content) in std::mem::take(&mut self.directories) {
            let read = |(index, block)| Ok((index, store.lend(block, BlockKind::Directory)?));
            let blocks = content.into_iter().map(read).collect::<Result<Vec<(u64, Lent)>, Wrong>>()?;
            self.tree.read(dir, &blocks)?;
        }
        self.tree.finish()
    }
}

/// What lies behind the bits of a bitmap.
static ZEROS: [u8; BLOCK_SIZE] = [0; BLOCK_SIZE];

/// Compares so many bits of a bitmap with what is in use; those behind them belong to nothing.
fn compare<S: Store>(
    store: &mut S,
    (bitmap, kind, bits): (BlockNo, BlockKind, u32),
    used: impl Fn(u32) -> bool,
    wrong: impl Fn(u32, bool) -> Wrong,
) -> Result<(), Wrong> {
    let page = store.lend(bitmap, kind)?;
    let mut expected = vec![0; bits.div_ceil(8) as usize];
    (0..bits).for_each(|bit| expected[bit as usize / 8] |= u8::from(used(bit)) << (bit % 8));
    let (whole, rest) = page.split_at(expected.len());
    if *whole == expected[..] && *rest == ZEROS[..rest.len()] {
        return Ok(());
    }
    if let Some(at) = (0..whole.len()).find(|at| whole[*at] != expected[*at]) {
        let bit = 8 * at as u32 + (whole[at] ^ expected[at]).trailing_zeros();
        return Err(if bit < bits { wrong(bit, used(bit)) } else { Wrong::StrayBit { block: bitmap, bit } });
    }
    let at = rest.iter().position(|byte| *byte != 0).unwrap_or_default();
    Err(Wrong::StrayBit { block: bitmap, bit: 8 * (whole.len() + at) as u32 })
}
