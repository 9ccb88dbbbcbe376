//! A link to another node: what is sent on it arrives once and in order, or not at all if a configuration ends before.
//!
//! Messages are numbered and kept until the other side has acknowledged them, which every message of its own does on
//! the side. What was not is sent again when a timeout fires. A link belongs to one configuration: what comes from
//! another is not listened to, so that a message that was late cannot do what has long been undone.

use std::collections::VecDeque;

/// After so many messages without one to carry the acknowledgement, one is sent for it alone.
const ACKNOWLEDGE_AFTER: u32 = 16;

/// After so many timeouts without an answer the other side is taken for dead.
const SILENT_TIMEOUTS: u32 = 2;

/// What to do with a message that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is the next one.
    Next,
    /// It has come before: the acknowledgement may have been lost.
    Again,
    /// One before it is missing; it will come again after that.
    TooEarly,
}

/// One end of a link.
#[derive(Clone, Debug, Default)]
pub struct Link {
    sent: u64,
    received: u64,
    unacknowledged: VecDeque<(u64, Unsent)>,
    /// Received since something was last sent.
    owed: u32,
    /// Timeouts since the other side last answered.
    silent: u32,
}

/// A message that may have to be sent again: its kind and its body.
pub type Unsent = (u16, Vec<u8>);

impl Link {
    /// Numbers a message and keeps it.
    pub fn send(&mut self, message: Unsent) -> u64 {
        self.sent += 1;
        self.unacknowledged.push_back((self.sent, message));
        self.sent
    }

    /// The number of the last message that came in, to be sent along with whatever is sent.
    pub fn acknowledge(&mut self) -> u64 {
        self.owed = 0;
        self.received
    }

    /// The other side has received everything up to this number.
    pub fn acknowledged(&mut self, number: u64) {
        while self.unacknowledged.front().is_some_and(|(sent, _)| *sent <= number) {
            self.unacknowledged.pop_front();
            self.silent = 0;
        }
    }

    /// A numbered message has come in.
    pub fn arrived(&mut self, number: u64) -> Arrival {
        if number <= self.received {
            return Arrival::Again;
        }
        if number > self.received + 1 {
            return Arrival::TooEarly;
        }
        self.received = number;
        self.owed += 1;
        Arrival::Next
    }

    /// Whether an acknowledgement should be sent by itself.
    pub fn owes_much(&self) -> bool {
        self.owed >= ACKNOWLEDGE_AFTER
    }

    /// A timeout: what is to be sent again.
    pub fn timeout(&mut self) -> Vec<(u64, Unsent)> {
        if !self.unacknowledged.is_empty() {
            self.silent += 1;
        }
        self.unacknowledged.iter().cloned().collect()
    }

    /// Whether everything that was sent has been acknowledged.
    pub fn is_idle(&self) -> bool {
        self.unacknowledged.is_empty()
    }

    /// Whether the other side has not answered for so long that it must be dead.
    pub fn is_silent(&self) -> bool {
        self.silent > SILENT_TIMEOUTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_sent_again_and_what_comes_twice_is_taken_once() {
        let (mut a, mut b) = (Link::default(), Link::default());
        for kind in 1..=3 {
            a.send((kind, Vec::new()));
        }
        assert_eq!(b.arrived(2), Arrival::TooEarly, "the first was lost");
        let again: Vec<u64> = a.timeout().iter().map(|(number, _)| *number).collect();
        assert_eq!(again, [1, 2, 3]);
        assert!([1, 2, 3].iter().all(|number| b.arrived(*number) == Arrival::Next));
        assert_eq!(b.arrived(2), Arrival::Again);
        a.acknowledged(b.acknowledge());
        assert!(a.is_idle() && a.timeout().is_empty());
    }

    #[test]
    fn a_side_that_never_answers_is_taken_for_dead_and_one_that_has_nothing_to_say_is_not() {
        let (mut lonely, mut idle) = (Link::default(), Link::default());
        lonely.send((1, Vec::new()));
        for _ in 0..=SILENT_TIMEOUTS {
            assert!(!lonely.is_silent());
            lonely.timeout();
            idle.timeout();
        }
        assert!(lonely.is_silent() && !idle.is_silent());
    }
}
