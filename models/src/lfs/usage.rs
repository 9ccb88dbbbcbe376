//! The segment usage table: live bytes and age of each segment, and which may be written (LF-33).

use super::format::{Geometry, SegmentNo};
use crate::vsfs::format::{BLOCK_SIZE, BlockNo};

/// What is known of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Bytes that something refers to.
    pub live: u32,
    /// When the youngest of its content was written, in operations.
    pub time: u64,
}

/// The segment usage table in memory.
#[derive(Clone, Debug)]
pub(super) struct Usage {
    geometry: Geometry,
    segments: Vec<Segment>,
    /// Segments that the last durable checkpoint calls free, and that were not written since (LF-01).
    clean: Vec<bool>,
}

impl Usage {
    /// A table with nothing live. No segment is clean before a checkpoint says so.
    pub(super) fn empty(geometry: &Geometry) -> Usage {
        let segments = geometry.segments as usize;
        Usage {
            geometry: *geometry,
            segments: vec![Segment::default(); segments],
            clean: vec![false; segments],
        }
    }

    /// What is known of each segment.
    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Sets what is known of each segment.
    pub(super) fn set(&mut self, segments: Vec<Segment>) {
        self.segments = segments;
    }

    /// What is known of a segment.
    pub(super) fn get(&self, segment: SegmentNo) -> Segment {
        self.segments[segment.index()]
    }

    /// So many bytes of a block are live from now on.
    pub(super) fn add(&mut self, block: BlockNo, bytes: usize, time: u64) {
        let segment = &mut self.segments[self.geometry.segment_of(block).index()];
        segment.live += bytes as u32;
        segment.time = segment.time.max(time);
    }

    /// So many bytes of a block are dead from now on.
    pub(super) fn remove(&mut self, block: BlockNo, bytes: usize) {
        let segment = &mut self.segments[self.geometry.segment_of(block).index()];
        segment.live = segment.live.saturating_sub(bytes as u32);
    }

    /// Live bytes of all segments.
    pub(super) fn live(&self) -> u64 {
        self.segments.iter().map(|segment| u64::from(segment.live)).sum()
    }

    /// The share of a segment that is live.
    pub(super) fn utilisation(&self, segment: SegmentNo) -> f64 {
        let room = (self.geometry.segment_blocks - 1) as usize * BLOCK_SIZE;
        f64::from(self.get(segment).live) / room as f64
    }

    /// A checkpoint is durable: every segment without live bytes is free, but for the one that is being written.
    pub(super) fn checkpointed(&mut self, head: SegmentNo) {
        for (index, (clean, segment)) in self.clean.iter_mut().zip(&self.segments).enumerate() {
            *clean = segment.live == 0 && index != head.index();
        }
    }

    /// Makes a segment clean or not.
    pub(super) fn set_clean(&mut self, segment: SegmentNo, clean: bool) {
        self.clean[segment.index()] = clean;
    }

    /// Whether a segment may be written.
    pub(super) fn is_clean(&self, segment: SegmentNo) -> bool {
        self.clean[segment.index()]
    }

    /// How many segments may be written.
    pub(super) fn clean(&self) -> u32 {
        self.clean.iter().filter(|clean| **clean).count() as u32
    }

    /// Takes the lowest clean segment.
    pub(super) fn take_clean(&mut self) -> Option<SegmentNo> {
        let segment = self.geometry.segment_numbers().find(|segment| self.is_clean(*segment))?;
        self.set_clean(segment, false);
        Some(segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_clean_once_a_checkpoint_says_that_nothing_in_it_lives() {
        let geometry = Geometry::default();
        let mut usage = Usage::empty(&geometry);
        assert_eq!(usage.take_clean(), None);
        let block = geometry.start(SegmentNo(0));
        usage.add(block, 4096, 7);
        usage.checkpointed(SegmentNo(1));
        assert_eq!((usage.clean(), usage.take_clean()), (22, Some(SegmentNo(2))));
        usage.remove(block, 4096);
        assert!(!usage.is_clean(SegmentNo(0)), "not before the next checkpoint (LF-26)");
        usage.checkpointed(SegmentNo(2));
        assert_eq!((usage.clean(), usage.take_clean()), (23, Some(SegmentNo(0))));
        assert_eq!(usage.get(SegmentNo(0)), Segment { live: 0, time: 7 });
    }
}
