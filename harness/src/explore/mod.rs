//! Where strategies, media and judges meet: the walk over all epochs of a trace.

#[cfg(test)]
mod brute_force;
mod cause;
mod continued;
mod describe;
mod evidence;
mod finding;
mod instance;
mod isolate;
mod keep;
mod leaf;
mod memo;
mod naming;
mod options;
mod paths;
mod picture;
mod places;
mod pool;
mod queued;
mod recount;
mod rerun;
mod retrace;
mod run;
#[cfg(test)]
mod scale;
mod seen;
mod shown;
mod tally;
mod walk;
mod words;

pub(crate) use cause::{Cause, Failure, Failures, Fix, Order};
pub(crate) use describe::{Teller, shortened};
#[cfg(feature = "program")]
pub(crate) use evidence::Broken;
pub(crate) use instance::{Compared, Instance, Kind, Lived, Recorded, Recovered, Shows};
pub(crate) use isolate::guarded;
pub use keep::CrashImage;
pub(crate) use keep::Keeping;
pub(crate) use leaf::{Failed, Job, Leaf};
pub(crate) use naming::{Key, Naming, key_of};
pub(crate) use options::Watched;
pub use options::{Budget, Limits, Options, Progress, Shrink, Shrinking};
pub use paths::Paths;
pub(crate) use pool::{Pool, look};
pub(crate) use run::Context;
pub(crate) use shown::{Past, Shown};
pub(crate) use tally::Tally;
pub(crate) use walk::{TIME_IS_OVER, Walk};
