//! A tree of files, as a program sees it: paths, names, open files.
//!
//! A machine whose first device is a [directory](crashcheck_trace::Device::directory) is a tree: every inode is a device, every
//! name a slot of its directory. While a workload is recorded each call is one event; on a crash state a path that is looked up
//! asks for its names, a read for the length and for what it reads, and what nobody looks at is never decided.

mod open;
mod path;
mod tree;

pub(crate) use open::written_through;
pub use open::{File, OpenOptions};
pub use tree::{Entries, Files, Kind, Metadata};

use crate::error::DiskError;
use std::io;

impl From<DiskError> for io::Error {
    fn from(error: DiskError) -> Self {
        io::Error::other(error)
    }
}
