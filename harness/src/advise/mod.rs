//! From failing states to their cause: which write should have been durable before which, and which flush sees to that.
//!
//! | file | holds |
//! |---|---|
//! | `failure.rs` | a failing state as the orders that would have prevented it |
//! | `cover.rs` | the fewest flushes that prevent all of them |
//! | `mend.rs` | a trace with flushes put in or taken out, and what is found in it then |

mod cover;
mod failure;
mod mend;

pub(crate) use failure::{Failure, Failures, Until};
pub(crate) use mend::{Cause, explain, needs};
