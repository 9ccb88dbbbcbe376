//! How fast an array is, from what its members had to do (RD-03, RD-25; OSTEP, chapter 38).
//!
//! A member delivers S when it reads or writes on and on, and R when it has to position for every request. Members work at
//! the same time, so that an array is as fast as its busiest member lets it be.

use super::members::Served;

/// A disk: how long it takes to get to a place, and how fast it reads and writes there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiskSpeed {
    /// Average seek and average rotational delay, in milliseconds.
    pub positioning_ms: f64,
    /// Megabytes each second under the head.
    pub transfer_mb_s: f64,
}

impl DiskSpeed {
    /// The disk of the textbook: 7 ms to seek, 3 ms to rotate, 50 MB/s.
    pub const TEXTBOOK: DiskSpeed = DiskSpeed { positioning_ms: 10.0, transfer_mb_s: 50.0 };

    /// Megabytes each second if every request of so many megabytes is positioned for: S for 10 MB, R for 10 KB.
    pub fn rate_mb_s(&self, request_mb: f64) -> f64 {
        let seconds = self.positioning_ms / 1000.0 + request_mb / self.transfer_mb_s;
        request_mb / seconds
    }
}

/// How many times R an array delivers that did so many requests of one block each, at random places: all of them take as
/// long as the busiest member.
pub fn random_throughput(blocks: u64, served: &[Served]) -> f64 {
    let busiest = served.iter().map(Served::ios).max().unwrap_or(0);
    blocks as f64 / busiest as f64
}

/// How many times S an array delivers that went through so many blocks in order. A unit that is left out takes as long
/// as one that is read, because it passes below the head.
pub fn sequential_throughput(blocks: u64, served: &[Served]) -> f64 {
    let span = |served: &Served| served.span.map_or(0, |(first, last)| last.0 - first.0 + 1);
    let longest = served.iter().map(span).max().unwrap_or(0);
    blocks as f64 / longest as f64
}

/// How long a request takes for which members are positioned at the same time: as long as the slowest (RD-03).
pub fn positioning_ms(touched: &[f64]) -> f64 {
    touched.iter().copied().fold(0.0, f64::max)
}

/// How many requests one after the other a request of the array takes, in units of T: a write that has to read first
/// takes two, all else one.
pub fn latency(served: &[Served]) -> u32 {
    let any = |of: fn(&Served) -> u64| u32::from(served.iter().any(|served| of(served) > 0));
    any(|served| served.reads) + any(|served| served.writes)
}
