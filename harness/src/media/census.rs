//! The number of different images that crashes can leave, over a whole trace.
//!
//! Within an epoch it is a product over groups. Epochs share images: always the one in which nothing of the later one
//! survived, and more where contents come back. The images of an epoch are a *box*, a set of contents for every group of
//! cells; those that earlier epochs have too are a union of boxes within it, whose size is counted by inclusion and
//! exclusion.

mod reach;
mod repeats;

use self::repeats::Repeats;
use super::cell::Epoch;
use super::timeline::Timeline;
use crate::profile::Profile;
use crashcheck_trace::Trace;
use num_bigint::BigUint;
use num_traits::Zero;
use std::fmt;

/// A number, or an upper bound of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The number.
    pub value: BigUint,
    /// Whether it is exact; otherwise it is an upper bound.
    pub exact: bool,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = if self.exact { "" } else { "at most " };
        write!(f, "{bound}{}", self.value)
    }
}

/// The crash states of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    /// By epoch.
    pub epochs: Vec<EpochCensus>,
    /// Different images over the whole trace.
    pub crash_states: Count,
}

/// The crash states of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochCensus {
    /// A crash in this epoch happens after so many events at least.
    pub from: usize,
    /// And so many at most.
    pub upto: usize,
    /// Events whose writes are in flight.
    pub in_flight: usize,
    /// Different images.
    pub crash_states: Count,
}

/// Counts the crash states of a trace.
pub fn census(trace: &Trace, profile: &Profile) -> Census {
    let mut epochs = Vec::new();
    let crash_states = census_of_each(trace, profile, |epoch| epochs.push(epoch));
    Census { epochs, crash_states }
}

/// Counts the crash states of a trace, and tells those of one epoch after the other. With many writes in flight these are
/// long numbers, which nobody need keep.
pub fn census_of_each(trace: &Trace, profile: &Profile, mut tell: impl FnMut(EpochCensus)) -> Count {
    let timeline = Timeline::new(trace, profile);
    let mut repeats = Repeats::new(&timeline);
    let mut total = Count { value: BigUint::zero(), exact: true };
    for (epoch, Epoch { from, upto, in_flight }) in (0..).zip(&timeline.epochs) {
        let crash_states = repeats.count(epoch);
        // What the nodes of a cluster have in memory differs from epoch to epoch.
        if timeline.script.is_some() {
            total.value += &crash_states.value;
        } else {
            let repeated = repeats.repeated(epoch, &crash_states.value);
            total.value += &crash_states.value - repeated.value;
            total.exact &= repeated.exact;
        }
        total.exact &= crash_states.exact;
        tell(EpochCensus { from: *from, upto: *upto, in_flight: *in_flight, crash_states });
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crashcheck_trace::{Bytes, Device, DeviceId, Event};

    #[test]
    fn a_discard_of_a_huge_device_takes_no_memory() {
        let len = Bytes(1 << 50);
        let mut device = Device::zeroed("disk", Bytes(4096), len);
        device.base.write(Bytes(1 << 40), &[7; 4096]);
        let discard = Event::Discard { device: DeviceId(0), at: Bytes::ZERO, len };
        let trace = Trace { devices: vec![device], events: vec![discard] };
        let counted = census(&trace, &Profile::default());
        assert_eq!(counted.crash_states, Count { value: BigUint::from(2u8), exact: true });
    }
}
