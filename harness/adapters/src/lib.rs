//! Third-party storage engines on the recording disk of crashcheck.
//!
//! | feature | what | needs |
//! |---|---|---|
//! | `redb` | the embedded database redb, through its `StorageBackend` | Rust 1.90, as redb does |

#[cfg(feature = "redb")]
use ::redb as engine;

#[cfg(feature = "redb")]
pub mod redb;
