//! Any program that keeps its data in files: recorded while it works in a folder, and recovered by a command that is given every crash
//! state as that same folder. The folder is mounted; where that cannot be, strace sees what the program does, and crash states are
//! written to the folder.
//!
//! Nobody has told what the program should show, so that it is its own judge: what recovery prints after a crash must be what it
//! prints after the first operations of the same run without a crash, as many as the run had begun, and all that it had
//! acknowledged. An operation is what a line of output acknowledges; without such lines it is a call, as if only the process had
//! died, and the end of the run acknowledges all of them.
//!
//! | file | |
//! |---|---|
//! | `mount` | a folder is mounted, and unmounted whoever still uses it |
//! | `plain`, `content`, `written` | a folder that is not mounted, all that is in it, and a tree that is written to it |
//! | `serve`, `tree` | what the kernel asks of the tree that is shown |
//! | `given` | mounted or written |
//! | `ops` | operations, told apart by calls or by lines of output |
//! | `stack` | where in its source a program is |
//! | `strace` | the calls of a program where nothing is mounted |
//! | `record` | a program is run on a recording machine |
//! | `view`, `golden` | what recovery prints, and what it prints without a crash |
//! | `recover` | the program on a crash state, and its judge |

mod content;
mod given;
mod golden;
mod mount;
mod ops;
mod plain;
mod record;
mod recover;
mod serve;
mod stack;
mod strace;
mod tree;
mod view;
mod written;

pub use mount::MountError;
pub use record::{ProgramError, ProgramRecording, record_program, record_strace_log};
pub(super) use recover::Program;
pub use strace::LogError;
