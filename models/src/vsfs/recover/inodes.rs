//! Inodes: their types, and the blocks they claim.
//!
//! A first pass over every inode and indirect block only looks. Inodes with something wrong are walked a second time
//! and set right; in a sound file system there are none.

use super::{Fsck, Repair};
use crate::fs::posix::FILE_SIZE_MAX;
use crate::vsfs::blocks::{FsError, content_kind};
use crate::vsfs::bugs::Bug;
use crate::vsfs::content::Contents;
use crate::vsfs::format::{
    BLOCK_SIZE, BlockNo, INLINE_TARGET, INODE_SIZE, INODES_PER_BLOCK, InodeNo, get_u32, put_u32,
};
use crate::vsfs::inode::{FileType, Inode, Slot, slots, span};
use crate::vsfs::store::{BlockKind, Store};
use crashcheck::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// What the first pass found.
struct Scan {
    /// Which inode met each block last: one that meets a block twice has a cycle or a duplicate in itself.
    met_by: Vec<InodeNo>,
    /// Claims to blocks that had an owner.
    duplicates: BTreeSet<(InodeNo, BlockNo)>,
    /// Inodes with pointers that make no sense.
    suspects: BTreeSet<InodeNo>,
    /// Inodes to be walked again.
    wrong: BTreeSet<InodeNo>,
}

/// One walk along the pointers of an inode.
#[derive(Clone, Copy)]
struct Pointer {
    owner: InodeNo,
    block: BlockNo,
    depth: usize,
    /// The first block of the content that it leads to.
    first: u64,
    /// Blocks of content that the inode may have.
    limit: u64,
}

impl Pointer {
    fn child(self, block: BlockNo, offset: usize) -> Pointer {
        let depth = self.depth - 1;
        Pointer { block, depth, first: self.first + offset as u64 * span(depth), ..self }
    }
}

fn pointers(owner: InodeNo, inode: &Inode) -> impl Iterator<Item = (usize, Pointer)> {
    let limit = content_limit(inode);
    slots()
        .map(move |(slot, depth, first)| {
            (slot, Pointer { owner, block: inode.pointers[slot], depth, first, limit })
        })
        .filter(|(_, pointer)| pointer.block != BlockNo::NONE)
}

/// How many blocks of content its size allows an inode.
fn content_limit(inode: &Inode) -> u64 {
    match inode.kind {
        FileType::Symlink => u64::from(inode.size > Bytes::of(INLINE_TARGET)),
        _ => inode.blocks_long(),
    }
}

impl<S: Store> Fsck<'_, S> {
    /// Every inode has a valid type (FK-03); every pointer leads into the data region (FK-06), and not beyond the end of
    /// the file; every block has one owner (FK-05); sizes and block counts are right (FS-04).
    pub(super) fn inodes(&mut self) -> Result<(), FsError> {
        let blocks = self.geometry.blocks() as usize;
        let mut scan = Scan {
            met_by: vec![InodeNo::NONE; blocks],
            duplicates: BTreeSet::new(),
            suspects: BTreeSet::new(),
            wrong: BTreeSet::new(),
        };
        for number in (0..self.geometry.inodes()).step_by(INODES_PER_BLOCK).map(InodeNo) {
            self.scan_table_block(number, &mut scan)?;
        }
        if !scan.wrong.is_empty() {
            self.blame_suspects(&mut scan);
            let copies = self.copy_duplicates(&scan)?;
            for number in std::mem::take(&mut scan.wrong) {
                self.set_right(number, &mut scan, &copies)?;
            }
        }
        self.make_root()
    }

    /// Looks at the inodes of the table block that begins with `first`.
    fn scan_table_block(&mut self, first: InodeNo, scan: &mut Scan) -> Result<(), FsError> {
        let (block, _) = self.geometry.inode_location(first);
        let table = self.fs.store.lend(block, BlockKind::InodeTable)?;
        for (number, slot) in (first.0..).map(InodeNo).zip(table.chunks_exact(INODE_SIZE)) {
            match Inode::decode(slot) {
                Slot::Free { .. } => {}
                Slot::Used(inode) if self.geometry.is_inode(number) => {
                    self.scan_inode(number, &inode, scan)?;
                }
                _ => self.clear_inode(number)?,
            }
        }
        Ok(())
    }

    fn clear_inode(&mut self, number: InodeNo) -> Result<(), FsError> {
        self.report.push(Repair::InvalidInode(number));
        if self.repair {
            let (block, at) = self.geometry.inode_location(number);
            let table = self.fs.store.modify(block, BlockKind::InodeTable)?;
            Inode::encode_free(&mut table[at..at + INODE_SIZE], 0);
        }
        Ok(())
    }

    fn scan_inode(&mut self, number: InodeNo, inode: &Inode, scan: &mut Scan) -> Result<(), FsError> {
        if inode.kind == FileType::Symlink && !self.holds_target(number, inode)? {
            return self.clear_inode(number);
        }
        self.kinds[number.index()] = Some(inode.kind);
        let mut found = 0;
        for (_, pointer) in pointers(number, inode) {
            found += self.scan_pointer(pointer, scan)?;
        }
        let whole = inode.kind != FileType::Dir || inode.size.0.is_multiple_of(BLOCK_SIZE as u64);
        if found != inode.nblocks || inode.size > FILE_SIZE_MAX || !whole {
            scan.wrong.insert(number);
        }
        Ok(())
    }

    fn holds_target(&mut self, number: InodeNo, inode: &Inode) -> Result<bool, FsError> {
        let inline = inode.size <= Bytes::of(INLINE_TARGET);
        if !inline && !self.geometry.is_data(inode.pointers[0]) {
            return Ok(false);
        }
        match self.fs.target(number, inode) {
            Ok(_) => Ok(true),
            Err(FsError::Corrupt { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Claims what a pointer leads to; how many blocks that is.
    fn scan_pointer(&mut self, pointer: Pointer, scan: &mut Scan) -> Result<u32, FsError> {
        let Pointer { owner, block, .. } = pointer;
        if !self.geometry.is_data(block) || scan.met_by[block.index()] == owner {
            scan.suspects.insert(owner);
            scan.wrong.insert(owner);
            return Ok(0);
        }
        scan.met_by[block.index()] = owner;
        if pointer.first >= pointer.limit {
            scan.wrong.insert(owner);
            return Ok(0);
        }
        match &mut self.owners[block.index()] {
            free if *free == InodeNo::NONE => *free = owner,
            _ => {
                scan.duplicates.insert((owner, block));
                scan.wrong.insert(owner);
            }
        }
        let mut found = 1;
        if pointer.depth > 0 {
            let page = self.fs.store.lend(block, BlockKind::Indirect)?;
            for (offset, child) in children(&page) {
                found += self.scan_pointer(pointer.child(child, offset), scan)?;
            }
        }
        Ok(found)
    }

    /// Of two owners, one with pointers that make no sense is obviously the wrong one.
    fn blame_suspects(&mut self, scan: &mut Scan) {
        for (claimant, block) in std::mem::take(&mut scan.duplicates) {
            let owner = self.owners[block.index()];
            if scan.suspects.contains(&owner) && !scan.suspects.contains(&claimant) {
                self.owners[block.index()] = claimant;
                scan.duplicates.insert((owner, block));
                scan.wrong.insert(owner);
            } else {
                scan.duplicates.insert((claimant, block));
            }
        }
    }

    /// Copies blocks with two owners, as far as there is room, and makes the copies durable before any pointer to
    /// them exists.
    fn copy_duplicates(&mut self, scan: &Scan) -> Result<BTreeMap<(InodeNo, BlockNo), BlockNo>, FsError> {
        let mut copies = BTreeMap::new();
        let mut free = (0..self.geometry.blocks()).map(BlockNo).filter(|block| {
            let unclaimed =
                self.owners[block.index()] == InodeNo::NONE && scan.met_by[block.index()] == InodeNo::NONE;
            unclaimed && self.geometry.is_data(*block)
        });
        for claim in scan.duplicates.iter().filter(|(claimant, _)| !scan.suspects.contains(claimant)) {
            let Some(copy) = free.next() else { break };
            copies.insert(*claim, copy);
        }
        for ((claimant, block), copy) in &copies {
            self.owners[copy.index()] = *claimant;
            if self.repair {
                let page = *self.fs.store.read(*block, BlockKind::Data)?;
                *self.fs.store.fresh(*copy, BlockKind::Data)? = page;
            }
        }
        if self.repair && !copies.is_empty() {
            self.fs.store.sync()?;
        }
        Ok(copies)
    }

    /// The second walk, that changes what is wrong.
    fn set_right(
        &mut self,
        number: InodeNo,
        scan: &mut Scan,
        copies: &BTreeMap<(InodeNo, BlockNo), BlockNo>,
    ) -> Result<(), FsError> {
        let (block, at) = self.geometry.inode_location(number);
        let slot = Inode::decode(&self.fs.store.read(block, BlockKind::InodeTable)?[at..at + INODE_SIZE]);
        let Slot::Used(mut inode) = slot else { return Ok(()) };
        let before = inode.clone();
        scan.met_by.iter_mut().filter(|met| **met == number).for_each(|met| *met = InodeNo::NONE);
        let mut walk = Walk { scan, copies, found: 0, end: 0, kind: content_kind(inode.kind) };
        for (slot, pointer) in pointers(number, &before) {
            inode.pointers[slot] = self.set_pointer_right(pointer, &mut walk)?;
        }
        let (found, end) = (walk.found, Bytes(walk.end * BLOCK_SIZE as u64));
        if inode.size > FILE_SIZE_MAX || (inode.kind == FileType::Dir && inode.size != end) {
            self.report.push(Repair::Size(number));
            inode.size = end;
        }
        if inode.nblocks != found {
            if inode.pointers == before.pointers {
                self.report.push(Repair::BlockCount(number));
            }
            inode.nblocks = found;
        }
        if self.repair && *inode != *before {
            self.fs.put_inode(number, &inode)?;
        }
        Ok(())
    }

    /// What a pointer should be.
    fn set_pointer_right(&mut self, pointer: Pointer, walk: &mut Walk<'_>) -> Result<BlockNo, FsError> {
        let Pointer { owner, mut block, .. } = pointer;
        if !self.geometry.is_data(block) || walk.scan.met_by[block.index()] == owner {
            self.report.push(Repair::BadPointer(owner));
            return Ok(BlockNo::NONE);
        }
        walk.scan.met_by[block.index()] = owner;
        if pointer.first >= pointer.limit && !self.options.bugs.has(Bug::FsckKeepsBeyondEnd) {
            return Ok(self.cut(pointer, walk.kind));
        }
        if walk.scan.duplicates.contains(&(owner, block)) {
            let Some(copy) = walk.copies.get(&(owner, block)) else {
                self.report.push(Repair::ClearedDuplicate(owner, block));
                return Ok(BlockNo::NONE);
            };
            self.report.push(Repair::CopiedDuplicate(owner, block));
            block = if self.repair { *copy } else { block };
        }
        self.owners[block.index()] = owner;
        walk.found += 1;
        if pointer.depth == 0 {
            walk.end = walk.end.max(pointer.first + 1);
            return Ok(block);
        }
        let page = *self.fs.store.read(block, BlockKind::Indirect)?;
        for (offset, child) in children(&page) {
            let right = self.set_pointer_right(pointer.child(child, offset), walk)?;
            if right != child && self.repair {
                put_u32(self.fs.store.modify(block, BlockKind::Indirect)?, offset * 4, right.0);
            }
        }
        Ok(block)
    }

    /// Takes a block beyond the end from its file.
    fn cut(&mut self, pointer: Pointer, kind: BlockKind) -> BlockNo {
        self.report.push(Repair::BeyondEnd(pointer.owner));
        if self.repair && self.owners[pointer.block.index()] == InodeNo::NONE {
            self.fs
                .store
                .free_block(pointer.block, if pointer.depth > 0 { BlockKind::Indirect } else { kind });
        }
        BlockNo::NONE
    }

    /// Without a root directory there is nothing to hang anything on.
    fn make_root(&mut self) -> Result<(), FsError> {
        let kind = &mut self.kinds[InodeNo::ROOT.index()];
        if *kind == Some(FileType::Dir) {
            return Ok(());
        }
        if kind.replace(FileType::Dir).is_some() {
            self.report.push(Repair::InvalidInode(InodeNo::ROOT));
            self.owners
                .iter_mut()
                .filter(|owner| **owner == InodeNo::ROOT)
                .for_each(|owner| *owner = InodeNo::NONE);
        }
        self.report.push(Repair::MadeDirectory(InodeNo::ROOT));
        if self.repair {
            let root = Inode { nlink: 2, ..Inode::new(FileType::Dir, 1, 0) };
            self.fs.put_inode(InodeNo::ROOT, &root)?;
        }
        Ok(())
    }
}

/// What the second walk over an inode carries along.
struct Walk<'w> {
    scan: &'w mut Scan,
    copies: &'w BTreeMap<(InodeNo, BlockNo), BlockNo>,
    /// Blocks that the inode keeps.
    found: u32,
    /// One beyond the last block of content that it keeps.
    end: u64,
    kind: BlockKind,
}

/// The pointers of an indirect block that are none, with their positions.
fn children(page: &[u8]) -> impl Iterator<Item = (usize, BlockNo)> {
    let all = (0..BLOCK_SIZE / 4).map(|offset| (offset, BlockNo(get_u32(page, offset * 4))));
    all.filter(|(_, child)| *child != BlockNo::NONE)
}
