//! vsfs, the very simple file system of the textbook (OSTEP, chapter 40), with block groups and no journal.

pub mod format;
pub mod store;
