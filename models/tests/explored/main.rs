//! The reference systems, explored: the correct ones lose nothing, and every seeded fault is found.

mod advice;
mod bugs;
mod by_hand;
mod causes;
mod census;
mod clean;
mod common;
mod determinism;
mod exhaustive;
#[cfg(any(feature = "quickcheck", feature = "arbitrary"))]
mod features;
mod flash;
mod generated;
mod pruning;
mod shrunk;
mod silent;
