//! Where a program has its files.

use std::path::PathBuf;

/// The folder of a program whose trace is of a tree of files: every crash state is found there. Needs the feature `program`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// Where it is: an empty folder, or none, which is made.
    pub at: PathBuf,
    /// A command that goes on with what has recovered.
    pub go_on: Option<String>,
    /// A regular expression: a line of output that matches acknowledges an operation as durable.
    pub ack: Option<String>,
    /// Whether it is mounted.
    pub fuse: Fuse,
}

/// Whether a folder is mounted with FUSE, so that what a program does and asks for there is seen. Otherwise strace sees what it does,
/// and crash states are written there as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fuse {
    /// Where that can be.
    #[default]
    Auto,
    /// It must be.
    Always,
    /// It is not.
    Never,
}
