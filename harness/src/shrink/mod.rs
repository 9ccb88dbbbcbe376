//! Makes what fails small.

mod fold;
mod told;
mod trace;

pub use told::SmallTrace;
pub(crate) use told::shrink_finding;
pub(crate) use trace::Patience;
pub use trace::TraceProgress;
