//! From failing states to their cause: which write should have been durable before which, and which flush sees to that.
//!
//! | file | holds |
//! |---|---|
//! | `failure.rs` | a failing state as the orders that would have prevented it |
//! | `cover.rs` | the fewest flushes that prevent all of them |
//! | `cause.rs` | the cause of a finding, proved by exploring mended traces |
//! | `mend.rs` | a trace with flushes put in or taken out |
//! | `place.rs` | where the flushes belong |
//! | `need.rs` | what each flush of a trace is good for |

mod cause;
mod cover;
mod failure;
mod mend;
mod need;
mod place;

pub(crate) use cause::explain;
pub(crate) use need::needs;
