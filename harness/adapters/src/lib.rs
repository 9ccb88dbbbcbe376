//! Third-party storage engines under crashcheck.
//!
//! | feature | what | needs |
//! |---|---|---|
//! | `redb` | the embedded database redb, through its `StorageBackend` | Rust 1.90, as redb does |
//! | `sqlite` | SQLite, through a VFS; with a rollback journal and with a write-ahead log | Rust 1.89, as rusqlite does; a C compiler |
//!
//! Both are a table of keys and values to crashcheck, see [`table`].

#[cfg(feature = "redb")]
use ::redb as engine;

#[cfg(feature = "redb")]
pub mod redb;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(any(feature = "redb", feature = "sqlite"))]
pub mod table;
