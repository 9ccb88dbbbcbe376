//! Positions in the content of an inode: blocks of content, and the blocks of pointers above them.

use crate::vsfs::inode::{route, slots, span};

/// A block of content, or a block of pointers, named by how high it stands above the content and by the first block of
/// content below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// 0 is content, 1 points to content, …
    height: u32,
    first: u32,
}

/// Where the pointer to a block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parent {
    /// In this slot of the inode.
    Inode(usize),
    /// In a block of pointers, so many pointers from its beginning.
    Pointers(Position, usize),
}

/// The high bits of the number of a position say how high it stands.
const HEIGHT_SHIFT: u32 = 30;

impl Position {
    /// The first in the order of positions.
    pub(super) const FIRST: Position = Position { height: 0, first: 0 };

    /// A block of content. The largest file has far fewer than 2^30.
    pub fn block(index: u32) -> Position {
        Position { height: 0, first: index }
    }

    /// The block that a slot of the inode leads to.
    pub(super) fn root(depth: usize, first: u64) -> Position {
        Position { height: depth as u32, first: first as u32 }
    }

    /// As a number on the disk.
    pub fn number(self) -> u32 {
        self.height << HEIGHT_SHIFT | self.first
    }

    /// The position with that number, if some pointer leads there.
    pub fn from_number(number: u32) -> Option<Position> {
        let position = Position { height: number >> HEIGHT_SHIFT, first: number & ((1 << HEIGHT_SHIFT) - 1) };
        let (_, depth, start) = position.slot()?;
        let aligned = (u64::from(position.first) - start).is_multiple_of(span(position.height as usize));
        (position.height as usize <= depth && aligned).then_some(position)
    }

    /// How high it stands above the content.
    pub fn height(self) -> u32 {
        self.height
    }

    /// The first block of content that it leads to.
    pub fn first(self) -> u64 {
        u64::from(self.first)
    }

    /// The first block of content that it does not lead to any more.
    pub(super) fn end(self) -> u64 {
        self.first() + span(self.height as usize)
    }

    /// The slot of the inode above it: which, how deep, and its first block of content.
    fn slot(self) -> Option<(usize, usize, u64)> {
        let slot = route(self.first())?.slot;
        slots().nth(slot)
    }

    /// Where the pointer to it stands.
    pub(super) fn parent(self) -> Parent {
        let height = self.height as usize;
        match self.slot() {
            Some((_, depth, start)) if height < depth => {
                let into = self.first() - start;
                let above = start + into / span(height + 1) * span(height + 1);
                let offset = (self.first() - above) / span(height);
                Parent::Pointers(Position::root(height + 1, above), offset as usize)
            }
            Some((slot, ..)) => Parent::Inode(slot),
            None => Parent::Inode(0),
        }
    }

    /// The block of pointers above it, if there is one.
    pub(super) fn above(self) -> Option<Position> {
        match self.parent() {
            Parent::Pointers(above, _) => Some(above),
            Parent::Inode(_) => None,
        }
    }

    /// What a pointer in this block of pointers leads to.
    pub(super) fn child(self, offset: usize) -> Position {
        let height = self.height - 1;
        Position { height, first: self.first + (offset as u64 * span(height as usize)) as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_found_from_its_parent_and_its_parent_from_it() {
        for index in [0, 11, 12, 13, 12 + 1023, 12 + 1024, 12 + 1024 + 1023, 12 + 1024 + 5 * 1024 + 7] {
            let mut here = Position::block(index);
            loop {
                assert_eq!(Position::from_number(here.number()), Some(here));
                match here.parent() {
                    Parent::Inode(slot) => {
                        let (_, depth, first) = slots().nth(slot).expect("a slot");
                        assert_eq!(here, Position::root(depth, first));
                        break;
                    }
                    Parent::Pointers(above, offset) => {
                        assert_eq!(above.child(offset), here);
                        assert!((above.first()..above.end()).contains(&u64::from(index)));
                        here = above;
                    }
                }
            }
        }
    }

    #[test]
    fn a_number_to_which_no_pointer_leads_is_refused() {
        let pointers = |first: u32| 1 << HEIGHT_SHIFT | first;
        assert!(Position::from_number(pointers(12)).is_some());
        assert_eq!(Position::from_number(pointers(11)), None, "a direct block has no pointers");
        assert_eq!(Position::from_number(pointers(13)), None, "in the middle of one");
    }
}
