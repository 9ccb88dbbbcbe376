//! What it costs to write a log, and to clean it.

use crashcheck::Bytes;

/// A drive that takes some time to reach the place of a write, and then goes on at its rate.
#[derive(Clone, Copy, Debug)]
pub struct Drive {
    /// Seconds.
    pub positioning: f64,
    /// Bytes per second.
    pub rate: f64,
}

impl Drive {
    /// How much has to be written at once to reach a share of the drive's rate: D = F/(1−F)·R·T (OSTEP, chapter 43).
    ///
    /// ```
    /// use crashcheck_models::lfs::cost::Drive;
    /// let drive = Drive { positioning: 0.01, rate: 100e6 };
    /// assert_eq!(drive.buffer_for(0.9).0, 9_000_000);
    /// ```
    pub fn buffer_for(self, share: f64) -> Bytes {
        Bytes((share / (1.0 - share) * self.rate * self.positioning).round() as u64)
    }

    /// The rate that writes of that size reach, in bytes per second: D / (T + D/R).
    pub fn effective_rate(self, buffer: Bytes) -> f64 {
        let bytes = buffer.0 as f64;
        bytes / (self.positioning + bytes / self.rate)
    }
}

/// Where new blocks go once the log has come round (LF-31).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// A segment is read, and what lives in it written again: new blocks lie together.
    Copying,
    /// New blocks go into the holes that dead ones have left.
    Threading,
}

/// Blocks that a drive had to move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// New blocks written.
    pub new: u64,
    /// Blocks read by the cleaner.
    pub read: u64,
    /// Live blocks that the cleaner wrote again.
    pub rewritten: u64,
    /// Stretches of blocks that lie together, each of which the drive has to go to.
    pub stretches: u64,
}

impl Moved {
    /// Blocks moved for each new block (Rosenblum and Ousterhout 1992, section 3.4).
    pub fn write_cost(&self) -> f64 {
        (self.new + self.read + self.rewritten) as f64 / self.new as f64
    }
}

/// A log in memory: which block of which file lies where.
struct Simulated {
    /// By position on the drive: the number of the block that lies there, dead or alive.
    holds: Vec<Option<usize>>,
    /// By number: where the newest version lies.
    lies: Vec<usize>,
    segment: usize,
    moved: Moved,
    /// Where the drive stands.
    at: Option<usize>,
}

impl Simulated {
    fn is_live(&self, at: usize) -> bool {
        self.holds[at].is_some_and(|block| self.lies[block] == at)
    }

    fn live_in(&self, segment: usize) -> Vec<usize> {
        let range = segment * self.segment..(segment + 1) * self.segment;
        range.filter(|at| self.is_live(*at)).filter_map(|at| self.holds[at]).collect()
    }

    fn write(&mut self, block: usize, at: usize) {
        if self.at != Some(at) {
            self.moved.stretches += 1;
        }
        self.at = Some(at + 1);
        self.holds[at] = Some(block);
        self.lies[block] = at;
    }

    /// Writes new versions, and moves what lives in `victim` along, to the clean segment.
    fn copy(&mut self, victim: usize, clean: usize, new: &[usize]) {
        let start = clean * self.segment;
        new.iter().zip(start..).for_each(|(block, at)| self.write(*block, at));
        self.moved.new += new.len() as u64;
        let live = self.live_in(victim);
        // A segment without live blocks needs not be read (LF-33).
        if !live.is_empty() {
            self.moved.read += self.segment as u64;
            self.at = None;
        }
        live.iter().zip(start + new.len()..).for_each(|(block, at)| self.write(*block, at));
        self.moved.rewritten += live.len() as u64;
    }

    /// Writes new versions into holes, wherever these are.
    fn thread(&mut self, new: &[usize]) {
        for block in new {
            let hole = (0..self.holds.len()).find(|at| !self.is_live(*at));
            self.write(*block, hole.expect("fewer blocks live than there are"));
        }
        self.moved.new += new.len() as u64;
    }
}

/// Writes until the log has come round three times. Whenever a segment is to be cleaned, `live` of its blocks are; the
/// others have been overwritten.
///
/// # Panics
/// If `live` is not less than the blocks of a segment.
pub fn simulate(reuse: Reuse, segments: usize, blocks: usize, live: usize) -> Moved {
    assert!(live < blocks, "a segment that is all alive cannot be cleaned");
    let full = (segments - 1) * blocks;
    let mut log = Simulated {
        holds: (0..segments * blocks).map(|at| (at < full).then_some(at)).collect(),
        lies: (0..full).collect(),
        segment: blocks,
        moved: Moved::default(),
        at: None,
    };
    for step in 0..3 * segments {
        let (victim, clean) = (step % segments, (step + segments - 1) % segments);
        // Every other block first, so that what dies is spread over the segment.
        let mut dying = log.live_in(victim);
        let odd: Vec<usize> = dying.iter().copied().skip(1).step_by(2).collect();
        dying.retain(|block| !odd.contains(block));
        dying.extend(odd);
        dying.truncate(dying.len().saturating_sub(live));
        match reuse {
            Reuse::Copying => log.copy(victim, clean, &dying),
            Reuse::Threading => log.thread(&dying),
        }
    }
    log.moved
}

#[cfg(test)]
mod tests {
    use super::*;

    /// LF-03, Q-01.
    #[test]
    fn a_share_of_the_rate_takes_a_buffer_of_a_size() {
        let drive = Drive { positioning: 0.01, rate: 100e6 };
        for (share, megabytes) in [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99)] {
            let buffer = drive.buffer_for(share);
            assert_eq!(buffer, Bytes(megabytes * 1_000_000));
            assert!((drive.effective_rate(buffer) / drive.rate - share).abs() < 1e-9);
        }
    }

    /// LF-32, Q-02.
    #[test]
    fn the_write_cost_is_two_over_the_free_share_and_one_without_live_blocks() {
        let table = [(0, 1.0), (20, 2.5), (50, 4.0), (60, 5.0), (75, 8.0), (80, 10.0), (90, 20.0)];
        for (percent, expected) in table {
            let cost = simulate(Reuse::Copying, 10, 100, percent).write_cost();
            assert!((cost - expected).abs() < 1e-9, "{percent} %: {cost}, not {expected}");
        }
    }

    /// LF-31: threading moves nothing, and pays with positioning.
    #[test]
    fn threading_moves_nothing_else_and_goes_to_many_places() {
        let (threading, copying) =
            (simulate(Reuse::Threading, 10, 100, 75), simulate(Reuse::Copying, 10, 100, 75));
        assert!((threading.write_cost() - 1.0).abs() < 1e-9);
        let places = |moved: Moved| moved.stretches as f64 / moved.new as f64;
        assert!(places(threading) > 0.4, "{threading:?}");
        assert!(places(copying) < 0.1, "{copying:?}");
    }
}
