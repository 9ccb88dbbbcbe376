//! What crashcheck found, for people and for machines: pure functions of data.
//!
//! The data is [`crashcheck_outcome`]. Nothing here reads a clock, a terminal or a file, and everything that
//! stems from a trace or from the system under test is escaped where it is shown.

mod entry;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod text;
