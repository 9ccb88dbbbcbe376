//! The reference systems.

pub mod fs;
pub mod journal;
pub mod vsfs;
