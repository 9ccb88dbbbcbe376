//! vsfs, the very simple file system of the textbook (OSTEP, chapter 40), with block groups and no journal.
//!
//! | file | holds |
//! |---|---|
//! | `format.rs` | the layout of the disk, the superblock |
//! | `inode.rs`, `dir.rs` | inodes and directory blocks as bytes |
//! | `store.rs`, `cache.rs` | the blocks below the file system; the write-back cache |
//! | `blocks.rs`, `names.rs`, `content.rs`, `ops.rs`, `show.rs` | the file system over any store |
//! | `mkfs.rs`, `recover/` | making one; fsck |
//! | `model.rs` | what a crash may show |
//! | `bugs.rs`, `workloads.rs` | the faults, and workloads that show those which no common one does |

mod blocks;
pub mod bugs;
mod cache;
mod content;
mod dir;
pub mod format;
pub mod inode;
mod mkfs;
mod names;
mod ops;
pub mod recover;
mod show;
pub mod store;

pub use blocks::{FileSystem, FsError};
pub use cache::Cache;
pub use mkfs::mkfs;
