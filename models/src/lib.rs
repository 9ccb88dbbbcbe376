//! The reference systems.

pub mod vsfs;
