//! What the reference file systems share: the operations, what a user sees, the POSIX-like model that says what every
//! operation should do, and the workloads.
//!
//! A file system under test and [`posix`] have to agree on everything a user can see, the refusals included.

mod differences;
pub mod generate;
mod op;
mod path;
pub mod posix;
mod simpler;
mod view;
pub mod workloads;

pub use differences::{Held, differences};
pub use op::{Errno, Fill, FsOp};
pub use path::{NAME_LEN_MAX, Path, PathError};
pub use simpler::simpler;
pub use view::{Content, Node, View, ViewBuilder};
