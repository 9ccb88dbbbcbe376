//! The reference systems.

pub mod fs;
pub mod vsfs;
