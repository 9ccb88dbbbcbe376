//! The reference systems.
