//! The reference systems.

pub mod fs;
